import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { startEngine } from '../src/engine/engine.ts';
import { oneHot } from '../src/engine/one-hot.ts';
import { stopGradient } from '../src/engine/stop-gradient.ts';
import {
  bootstrapTarget,
  forcingLoss,
  frameErrors,
  noised,
  type Predict,
  sampleLatent,
  signalLevel,
} from '../src/models/shortcut/forcing.ts';
import {
  absorbNext,
  absorbWindow,
  expectedLatents,
  type ShortcutModel,
} from '../src/models/shortcut/model.ts';
import {
  flatMemory,
  memoryOf,
  memorySize,
  passFrames,
  type ShortcutShape,
  shortcutSpecs,
} from '../src/models/shortcut/networks.ts';
import { drawNoiseLevels, halfSteps, rampWeight, signalAt } from '../src/models/shortcut/noise-levels.ts';
import { ParameterLayout } from '../src/nn/parameters.ts';
import { RandomStream } from '../src/random/stream.ts';
import { processorEngines } from './support/engine-here.ts';
import { flat, type Nested, ofSecond, reference, second, tensor } from './support/reference.ts';
import { assertClose, normals, upload } from './support/tensors.ts';

type Numbers = Record<string, Nested>;

interface ForcingReference extends Numbers {
  params: Numbers & Nested;
  x_prediction: Numbers & Nested;
  v_prediction: Numbers & Nested;
  tau_table: { step_index: number; tau_index: number[] }[] & Nested;
}

interface SamplerReference extends Numbers {
  params: Numbers & Nested;
  runs: Record<string, { path: Nested[]; result: Nested }> & Nested;
}

const K_MAX = 8;
/** The reference's parameters, in the order in which the tests differentiate by them. */
const NAMES = ['A', 'B', 'tau', 'd', 'act'] as const;

/** The reference's indices, int32 and the same for both members. */
const indices = (x: Nested) => {
  const own = tensor(x);
  return tf.cast(tf.stack([own, own]), 'int32');
};

/** f = z A + z_before B + tau[τ] + d[i] + act[a] of frames after `first`, z_before of the first one. */
function network([a, b, tau, d, act]: tf.Tensor[], action: tf.Tensor, first?: tf.Tensor): Predict {
  return (latent, signal, step) => {
    const [members, rows, time, size] = latent.shape as [number, number, number, number];
    const times = (x: tf.Tensor, weight: tf.Tensor) =>
      tf.reshape(tf.matMul(tf.reshape(x, [members, rows * time, -1]), weight), [members, rows, time, size]);
    const start = first ?? tf.zeros([members, rows, 1, size]);
    const earlier = tf.concat([start, tf.slice(latent, [0, 0, 0, 0], [members, rows, time - 1, size])], 2);
    const looked = (index: tf.Tensor, table: tf.Tensor) => times(oneHot(index, table.shape[1]!), table);
    return tf.addN([
      ...[times(latent, a!), times(earlier, b!)],
      ...[looked(signal, tau!), looked(step, d!), looked(action, act!)],
    ]);
  };
}

test('levels are on the grid of their step, and every one of them is drawn', () => {
  const { tau_table_u, tau_table } = reference<ForcingReference>('shortcut-forcing.json', 'dreamer4');
  for (const { step_index, tau_index } of tau_table) {
    assert.deepEqual(
      flat(tau_table_u!).map((u) => signalAt(u, step_index, K_MAX)),
      tau_index,
    );
  }
  const random = RandomStream.named(1, 'levels');
  const draw = { rows: 40, time: 20, levels: 8, bootstrapRows: 20, cleanRows: 5, cleanShare: 0.3 };
  const { signal, step } = drawNoiseLevels(random, draw);
  const of = (from: number, to: number) =>
    Array.from(signal.subarray(from * 20, to * 20), (index, at) => `${index}/${step[from * 20 + at]}`);
  assert.deepEqual(new Set(of(0, 5)), new Set(['8/0']));
  const flow = of(5, 20);
  assert.deepEqual(new Set(flow), new Set([0, 1, 2, 3, 4, 5, 6, 7, 8].map((index) => `${index}/0`)));
  const clean = flow.filter((label) => label === '8/0').length / flow.length;
  assert.ok(Math.abs(clean - 0.3) < 0.08, `${clean} of the frames are context`);
  const larger = ['0/1', '2/1', '4/1', '6/1', '0/2', '4/2', '0/3', '8/0'];
  assert.deepEqual(new Set(of(20, 40)), new Set(larger));
});

const SHAPE: ShortcutShape = {
  ...{ latent: 3, tokens: 3, actions: 2, width: 8, heads: 2, hidden: 12, layers: 'STST' },
  ...{ context: 4, levels: 16, scoreCap: 50, rotaryBase: 100 },
};
const LAYOUT = new ParameterLayout(shortcutSpecs(SHAPE));

/** Two members with weights of their own, and a spread of changes or none. */
function modelOf(change?: tf.Tensor): ShortcutModel {
  const streams = [1, 2].map((seed) => RandomStream.named(seed, 'dynamics'));
  return { parameters: LAYOUT.unpack(LAYOUT.initialise(streams)), shape: SHAPE, change };
}

/** So many frames of 2 members × 2 rows, shown clean. */
function framesOf(time: number) {
  return {
    latent: upload(normals(1, 'latent', [2, 2, time, 3])),
    action: upload(normals(1, 'action', [2, 2, time, 3])),
    signal: tf.fill([2, 2, time], 16, 'int32'),
    step: tf.zeros([2, 2, time], 'int32'),
  };
}

const frameAt = (x: tf.Tensor, t: number, count = 1) =>
  tf.slice(x, [0, 0, t, ...x.shape.slice(3).map(() => 0)], [2, 2, count, ...x.shape.slice(3)]);

for (const engine of processorEngines) {
  describe(`on ${engine}`, () => {
    before(async () => {
      await startEngine(engine);
    });

    for (const kind of ['x_prediction', 'v_prediction'] as const) {
      test(`the loss of shortcut forcing and its gradient are the reference's: ${kind}`, () => {
        const all = reference<ForcingReference>('shortcut-forcing.json', 'dreamer4');
        const wanted = all[kind];
        tf.tidy(() => {
          const levels = { signal: indices(all.tau_index!), step: indices(all.step_index!) };
          const tau = signalLevel(levels.signal, K_MAX);
          const latent = noised(second(all.z1!), second(all.z0!), tau);
          assertClose(ofSecond(latent), flat(wanted.zt!), 1e-5, 'noised');
          const own = halfSteps({
            signal: Int32Array.from(flat(all.tau_index!)),
            step: Int32Array.from(flat(all.step_index!)),
          });
          const both = (x: ArrayLike<number>, dtype: 'int32' | 'float32') => {
            const one = tf.tensor(Array.from(x), [2, 4], dtype);
            return tf.stack([one, one]);
          };
          const half = {
            step: both(own.step, 'int32'),
            signal: both(own.signal, 'int32'),
            moves: both(own.moves, 'float32'),
          };
          const ramps = flat(all.tau_index!).map((index) => rampWeight(index / K_MAX));
          assertClose(ramps, flat(wanted.ramp!), 1e-9, 'ramp');
          const predict = (given: tf.Tensor[]): Predict => {
            const output = network(given, indices(all.a!));
            if (kind === 'x_prediction') return output;
            // What a network that gives velocities expects: z̃ + (1 − τ) v.
            return (z, signal, step) =>
              tf.add(z, tf.mul(tf.sub(1, signalLevel(signal, K_MAX)), output(z, signal, step)));
          };
          const scale = kind === 'v_prediction' ? tf.reciprocal(tf.sub(1, tau)) : undefined;
          const mask = flat(all.mask!);
          const total = mask.reduce((sum, x) => sum + x, 0);
          const weightsOf = (counts: (step: number) => boolean) =>
            mask.map((x, at) => (counts(flat(all.step_index!)[at]!) ? (x * ramps[at]!) / total : 0));
          const parameters = NAMES.map((name) => second(all.params[name]!));
          const lossOf = (counts: (step: number) => boolean) => {
            const weights = both(weightsOf(counts), 'float32');
            return (...given: tf.Tensor[]) => {
              const frames = { latent, clean: second(all.z1!), signal: levels.signal, half };
              const target = stopGradient(() => bootstrapTarget(predict(given), frames, K_MAX));
              const errors = frameErrors(predict(given)(latent, levels.signal, levels.step), target, scale);
              // The other member's loss is not in the reference.
              return tf.sum(tf.slice(forcingLoss(errors, weights), 1, 1)) as tf.Scalar;
            };
          };
          const parts = {
            loss: [() => true, 'grad_loss'],
            flow_part: [(step: number) => step === 0, 'grad_flow'],
            bootstrap_part: [(step: number) => step > 0, 'grad_bootstrap'],
          } as const;
          for (const [part, [counts, gradient]] of Object.entries(parts)) {
            const { value, grads } = tf.valueAndGrads(lossOf(counts))(parameters);
            assertClose(value.dataSync(), [wanted[part] as number], 1e-5, part);
            for (const [i, name] of NAMES.entries()) {
              assertClose(
                ofSecond(grads[i]!),
                flat((wanted[gradient] as Numbers & Nested)[name]!),
                2e-5,
                name,
              );
            }
          }
        });
      });
    }

    test('a frame sampled in 1, 2, 4 or 8 steps is the reference’s', () => {
      const all = reference<SamplerReference>('sampler.json', 'dreamer4');
      tf.tidy(() => {
        const parameters = NAMES.map((name) => second(all.params[name]!));
        const context = second(all.context!);
        const shown = noised(
          context,
          second(all.context_noise!),
          tf.scalar((all.context_tau_index as number) / K_MAX),
        );
        assertClose(ofSecond(shown), flat(all.noised_context!), 1e-5);
        const last = tf.slice(shown, [0, 0, 2, 0], [2, 2, 1, 2]);
        const predict = network(parameters, tf.expandDims(indices(all.action!), 2), last);
        const noise = tf.expandDims(second(all.start_noise!), 2);
        for (const [name, { result }] of Object.entries(all.runs)) {
          const sampled = sampleLatent(predict, noise, Number(name.slice(1)), K_MAX);
          assertClose(ofSecond(sampled), flat(result), 1e-5, name);
        }
      });
    });

    test('frames taken in one by one are known as in one pass, beyond twice the context', () => {
      tf.tidy(() => {
        const time = 11;
        const model = modelOf();
        const frames = framesOf(time);
        const whole = passFrames(model.parameters, SHAPE, frames, true);
        let memory = memoryOf(SHAPE, tf.zeros([2, 2, memorySize(SHAPE)]));
        for (let t = 0; t < time; t++) {
          const { state, agent } = absorbNext(
            model,
            frameAt(frames.latent, t),
            frameAt(frames.action, t),
            memory,
          );
          assertClose(agent.dataSync(), frameAt(whole.agent!, t).dataSync(), 2e-5, `frame ${t}`);
          const row = flatMemory(state.memory);
          assert.deepEqual(row.shape, [2, 2, memorySize(SHAPE)]);
          memory = memoryOf(SHAPE, row);
        }
        // The latents' lane does not see the agent's.
        const without = passFrames(model.parameters, SHAPE, frames, false);
        assertClose(without.output.dataSync(), whole.output.dataSync(), 1e-5);
        // A window begun elsewhere: what stands before an episode's start is not seen.
        const seen = tf.concat([tf.zeros([2, 2, 3]), tf.ones([2, 2, 5])], 2);
        const shifted = absorbWindow(
          model,
          tf.concat([tf.ones([2, 2, 3, 3]), frameAt(frames.latent, 0, 5)], 2),
          tf.concat([tf.ones([2, 2, 3, 3]), frameAt(frames.action, 0, 5)], 2),
          seen,
        );
        assertClose(shifted.agent.dataSync(), frameAt(whole.agent!, 4).dataSync(), 2e-5);
        const next = absorbNext(
          model,
          frameAt(frames.latent, 5),
          frameAt(frames.action, 5),
          shifted.state.memory,
        );
        assertClose(next.agent.dataSync(), frameAt(whole.agent!, 5).dataSync(), 2e-5);
      });
    });
  });
}

describe('gradients', () => {
  before(async () => {
    await startEngine('cpu');
  });

  test('of what is expected are what finite differences give, changes and latents alike', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.boolean(), fc.boolean(), (time, changes, agent) => {
        tf.tidy(() => {
          const change = changes ? tf.add(1, tf.square(upload(normals(3, 'change', [2, 3])))) : undefined;
          const start = LAYOUT.initialise([1, 2].map((seed) => RandomStream.named(seed, 'dynamics')));
          const signal = tf.tensor(
            Int32Array.from({ length: 4 * time }, (_, i) => [16, 3, 16, 9][i % 4]!),
            [2, 2, time],
            'int32',
          );
          const frames = { ...framesOf(time), signal };
          const weights = upload(normals(5, 'weights', [2, 2, time, 3]));
          const loss = (parameters: tf.Tensor) => {
            const model = { parameters: LAYOUT.unpack(parameters as tf.Tensor2D), shape: SHAPE, change };
            const expected = expectedLatents(model, frames, agent);
            const known = expected.agent ? tf.sum(expected.agent) : 0;
            return tf.add(tf.sum(tf.mul(expected.latent, weights)), known) as tf.Scalar;
          };
          const direction = upload(normals(4, 'direction', [2, LAYOUT.size]));
          const at = (step: number) => loss(tf.add(start, tf.mul(direction, step))).dataSync()[0]!;
          const slope = tf.sum(tf.mul(tf.grad(loss)(start), direction)).dataSync()[0]!;
          assertClose([(at(0.001) - at(-0.001)) / 0.002], [slope], 2e-2);
        });
      }),
      { seed: 2, numRuns: 8 },
    );
  });

  test('after a clean frame the change is expected, in its unit; after a noisy one the latent', () => {
    tf.tidy(() => {
      const change = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
      const model = modelOf(change);
      const signal = tf.tensor([16, 5, 16, 16, 0, 16, 2, 7, 16, 16, 16, 16], [2, 2, 3], 'int32');
      const frames = { ...framesOf(3), signal };
      const output = passFrames(model.parameters, SHAPE, frames, false).output.arraySync() as number[][][][];
      const latent = frames.latent.arraySync() as number[][][][];
      const expected = expectedLatents(model, frames, false).latent.arraySync() as number[][][][];
      const labels = signal.arraySync() as number[][][];
      const spread = change.arraySync() as number[][];
      for (const [m, rows] of labels.entries()) {
        for (const [b, row] of rows.entries()) {
          for (const t of row.keys()) {
            const wanted = output[m]![b]![t]!.map((x, i) =>
              t > 0 && row[t - 1] === 16 ? latent[m]![b]![t - 1]![i]! + spread[m]![i]! * x : x,
            );
            assertClose(expected[m]![b]![t]!, wanted, 1e-5);
          }
        }
      }
    });
  });
});

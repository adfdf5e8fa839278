import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../../src/engine/compiled.ts';
import { scope } from '../../src/engine/scope.ts';
import {
  byGroup,
  type Group,
  namedWeights,
  networks,
  type Weights,
} from '../../src/methods/dreamer/networks.ts';
import { dreamerSettings } from '../../src/methods/dreamer/settings.ts';
import { applyGradients, gradients, type MemberScalars } from '../../src/methods/dreamer/update.ts';
import { toStepWindows, uploadSteps } from '../../src/models/rssm/windows.ts';
import { biasCorrection } from '../../src/nn/adam.ts';
import { polynomialDecayRate } from '../../src/nn/moving-average.ts';
import type { ParameterLayout } from '../../src/nn/parameters.ts';
import type { AgentSpaces } from '../../src/training/agent-spaces.ts';
import { warmedUp } from '../../src/training/optimise.ts';

/** Base64 of little-endian float32 or int32. */
interface Packed {
  shape: number[];
  f32?: string;
  i32?: string;
}
type Named = Record<string, Packed>;

/** An update that JAX computed in float64, parameters by our names; bench/dreamer_reference.py. */
interface Case {
  settings: object;
  spaces: AgentSpaces;
  given: Record<'weights' | 'mean' | 'square' | 'slow' | 'windows' | 'noise', Named> & {
    return_range: Packed;
  };
  expected: Record<'gradient' | 'weights' | 'slow' | 'average', Named> & {
    terms: Record<string, number>;
    return_range: Packed;
    memory: Packed;
  };
}
const file = new URL('../fixtures/dreamer-update.json.gz', import.meta.url);
const { update, cases }: { update: number; cases: Record<string, Case> } = JSON.parse(
  gunzipSync(readFileSync(file)).toString(),
);

const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64')).buffer;
const floats = ({ f32 }: Packed) => new Float32Array(bytes(f32!));
const flat = (layout: ParameterLayout, named: Named) =>
  Float32Array.from(layout.specs.flatMap(({ name }) => [...floats(named[name]!)]));

/** LaProp keeps squares in units of 2⁻⁶⁴. */
const SQUARE_UNIT = 2 ** 64;

/** The update, every member given the same: what it made, read back and freed. */
async function compute({ settings: keys, spaces, given }: Case, members: number) {
  const settings = dreamerSettings.parse(keys);
  const networksHere = networks(settings, spaces);
  const { layouts } = networksHere;
  const repeated = (values: Float32Array) =>
    Float32Array.from({ length: members * values.length }, (_, i) => values[i % values.length]!);
  const row = (layout: ParameterLayout, named: Named, factor = 1) => {
    const values = flat(layout, named).map((x) => factor * x);
    return tf.tensor2d(repeated(values), [members, layout.size]);
  };
  const stacked = (packed: Packed) => tf.tensor(repeated(floats(packed)), [members, ...packed.shape]);
  const { windows, noise } = given as Record<string, Named>;
  const [batch, time] = windows!.reward!.shape as [number, number];
  const copies = (name: string) => repeated(floats(windows![name]!));
  const { action } = windows!;
  const squareUnit = settings.optimizer.name === 'laprop' ? SQUARE_UNIT : 1;
  const column = (x: number) => tf.fill([members, 1], x) as tf.Tensor2D;
  const { optimizer, critic, policyAverage } = settings;
  const rates = {
    model: optimizer.learningRate,
    critic: optimizer.criticLearningRate,
    actor: optimizer.actorLearningRate,
  };

  const computed = scope(() => {
    const weights: Weights = {
      learnt: byGroup((group) => ({
        parameters: row(layouts[group], given.weights),
        moments: {
          mean: row(layouts[group], given.mean),
          square: row(layouts[group], given.square, squareUnit),
        },
      })),
      slowCritic: row(layouts.critic, given.slow),
      averages: {
        model: tf.zeros([members, layouts.model.size]),
        actor: tf.zeros([members, layouts.actor.size]),
      },
      returnRange: stacked(given.return_range) as tf.Tensor2D,
    };
    const scalars: MemberScalars = {
      lambda: tf.fill([members], settings.lambda),
      entropy: tf.fill([members], settings.actor.entropy),
      learningRate: byGroup((group) => column(warmedUp(update, optimizer) * rates[group])),
      policyAverage: column(polynomialDecayRate(update, policyAverage)),
      slowCritic: column(update % critic.slowEvery === 0 ? critic.slowRate : 0),
    };
    const inputs = {
      weights,
      batch: uploadSteps(
        {
          ...{ members, batch, time, observation: copies('observation') },
          action: action!.i32
            ? Int32Array.from(repeated(Float32Array.from(new Int32Array(bytes(action!.i32)))))
            : copies('action'),
          ...{ reward: copies('reward'), first: copies('first'), last: copies('last') },
          ...{ terminal: copies('terminal'), before: copies('before'), memory: new Float32Array(0) },
        },
        spaces,
      ),
      noise: {
        posterior: stacked(noise!.posterior!),
        prediction: stacked(noise!.prediction!),
        action: stacked(noise!.action!) as tf.Tensor4D,
        step: stacked(noise!.step!) as tf.Tensor4D,
      },
      scalars,
      correction: biasCorrection(update),
    };
    const compiled = new Compiled(({ weights, batch, noise, scalars, correction }: typeof inputs) => {
      const stepWindows = toStepWindows(batch, spaces, settings.model);
      const gradient = gradients(networksHere, settings, spaces, weights, stepWindows, noise, scalars);
      const after = applyGradients(networksHere, settings, weights, gradient, correction, scalars);
      return {
        terms: after.terms as Record<string, tf.Tensor>,
        gradient: gradient.gradient as Record<Group, tf.Tensor>,
        weights: Object.fromEntries(namedWeights(after.weights)) as Record<string, tf.Tensor>,
        memory: { memory: gradient.memory },
      };
    });
    const groups = compiled.run(inputs);
    for (const group of Object.values(groups)) for (const tensor of Object.values(group)) tf.keep(tensor);
    compiled.dispose();
    return groups;
  });
  const read = async (group: Record<string, tf.Tensor>): Promise<Record<string, Float32Array>> => {
    const names = Object.keys(group);
    const values = await Promise.all(names.map((name) => group[name]!.data<'float32'>()));
    tf.dispose(group);
    return Object.fromEntries(names.map((name, i) => [name, values[i]!]));
  };
  return {
    layouts,
    terms: await read(computed.terms),
    gradient: await read(computed.gradient),
    weights: await read(computed.weights),
    memory: (await read(computed.memory)).memory!,
  };
}

function within(limit: number, what: string, actual: ArrayLike<number>, wanted: ArrayLike<number>): void {
  assert.equal(actual.length, wanted.length, what);
  for (let i = 0; i < wanted.length; i++) {
    const difference = Math.abs(actual[i]! - wanted[i]!);
    // Written so that NaN fails.
    if (!(difference <= limit * Math.max(1, Math.abs(wanted[i]!)))) {
      assert.fail(`${what}[${i}]: expected ${wanted[i]}, got ${actual[i]}`);
    }
  }
}

/** The reference updates' names. */
export const dreamerCases = Object.keys(cases);

/**
 * Computes a reference update on the active engine with `members` copies side by side, and asserts that every member's
 * loss terms, gradients, memory, and weights and averages after it are JAX's to 1e-5.
 */
export async function assertDreamerUpdateEqualsReference(name: string, members: number): Promise<void> {
  const { expected } = cases[name]!;
  const { layouts, terms, gradient, weights, memory } = await compute(cases[name]!, members);
  for (let member = 0; member < members; member++) {
    const own = (values: Float32Array) => {
      const size = values.length / members;
      return values.subarray(member * size, (member + 1) * size);
    };
    for (const [term, wanted] of Object.entries(expected.terms)) {
      within(1e-5, `${name}: ${term}`, own(terms[term]!), [wanted]);
    }
    const compare = (what: string, layout: ParameterLayout, values: Float32Array, wanted: Named) => {
      for (const view of layout.views(own(values)))
        within(1e-5, `${name}: ${what} ${view.name}`, view.values, floats(wanted[view.name]!));
    };
    for (const group of ['model', 'critic', 'actor'] as const) {
      compare('gradient of', layouts[group], gradient[group]!, expected.gradient);
      compare('after the update,', layouts[group], weights[group]!, expected.weights);
    }
    compare('slow', layouts.critic, weights['critic.slow']!, expected.slow);
    for (const group of ['model', 'actor'] as const)
      compare('average', layouts[group], weights[`average.${group}`]!, expected.average);
    within(1e-5, `${name}: return range`, own(weights.return_range!), floats(expected.return_range));
    within(1e-5, `${name}: memory`, own(memory), floats(expected.memory));
  }
}

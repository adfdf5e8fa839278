import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { evalCommand } from '../src/cli/eval.ts';
import { formatExperiment } from '../src/config/format.ts';
import { loadExperiment } from '../src/config/load.ts';
import { startEngine } from '../src/engine/engine.ts';
import { oneHot } from '../src/engine/one-hot.ts';
import { environmentEntry } from '../src/envs/index.ts';
import type { WorkerMessage } from '../src/experiment/messages.ts';
import { dreamer4 } from '../src/methods/dreamer4/agent.ts';
import { latentMoments } from '../src/methods/dreamer4/latent-scale.ts';
import { pmpoLoss } from '../src/methods/dreamer4/pmpo.ts';
import { byRunningRms, rmsCorrection, runningSquares } from '../src/methods/dreamer4/running-rms.ts';
import {
  type Dreamer4Settings,
  dreamer4DataRefusal,
  dreamer4Settings,
  phaseOf,
} from '../src/methods/dreamer4/settings.ts';
import { policyKl, policyLogProbability } from '../src/models/policy-likelihood.ts';
import { gaussianKl, normalLogProbability } from '../src/nn/gaussian.ts';
import { symexp, symlog } from '../src/nn/symlog.ts';
import { evenBins, twoHotBins, twoHotLoss, twoHotMean } from '../src/nn/two-hot.ts';
import { preparePlay } from '../src/play/prepare.ts';
import { readCsv } from '../src/runs/csv.ts';
import { DataSet } from '../src/runs/data-set.ts';
import { RunFolder } from '../src/runs/run-folder.ts';
import { decodeSafetensors } from '../src/runs/safetensors.ts';
import type { Agent } from '../src/training/agent.ts';
import type { RecordedEpisodes } from '../src/training/recorded-episodes.ts';
import { lambdaReturn } from '../src/training/returns.ts';
import { stepSpaces } from './support/agents.ts';
import { agentIn, assertAlone, assertLeavesNothing } from './support/dreamer-runs.ts';
import { collectMix, dreamer4Config, tinyDreamer4 } from './support/dreamer4-runs.ts';
import { processorEngines } from './support/engine-here.ts';
import { recordedEpisodes } from './support/recorded.ts';
import { flat, type Nested, ofSecond, reference, second } from './support/reference.ts';
import { runInfo } from './support/run-folders.ts';
import { result, sitDown } from './support/sitting.ts';
import { temporaryFolder } from './support/temporary-folder.ts';
import { assertClose } from './support/tensors.ts';

type Numbers = Record<string, Nested>;
type Pmpo = Numbers & Record<string, Numbers & Nested>;

/** The reference's case with a gradient, its operand first. */
function assertLoss(
  wanted: Numbers,
  operands: readonly (readonly [name: string, x: tf.Tensor])[],
  loss: (...operands: tf.Tensor[]) => tf.Tensor1D,
  gradients: Numbers,
): void {
  const given = operands.map(([, x]) => x);
  const own = (...xs: tf.Tensor[]) => tf.sum(tf.slice(loss(...xs), 1, 1)) as tf.Scalar;
  const { value, grads } = tf.valueAndGrads(own)(given);
  assertClose(value.dataSync(), [wanted.loss as number], 1e-5, 'loss');
  for (const [i, [name]] of operands.entries())
    assertClose(ofSecond(grads[i]!), flat(gradients[name]!), 1e-5, name);
}

for (const engine of processorEngines) {
  describe(`the reference's values on ${engine}`, () => {
    before(async () => {
      await startEngine(engine);
    });

    test('of PMPO: by signs alone, with empty sets, dead states and the KL of π to the prior', () => {
      const all = reference<Pmpo>('pmpo.json', 'dreamer4');
      const choices = { kind: 'discrete', n: 3 } as const;
      tf.tidy(() => {
        const action = oneHot(tf.cast(second(all.actions!), 'int32'), 3);
        for (const [name, alpha] of [
          ['paper', 0.5],
          ['all_positive', 0.5],
          ['all_negative', 0.5],
          ['alpha_0.8', 0.8],
          // What the other direction would give, KL(prior ‖ π): two numbers that must not be taken for each other.
          ['forward_kl', 0.5],
        ] as const) {
          const wanted = all[name]!;
          assertLoss(
            wanted,
            [['grad', second(all.logits!)]],
            (logits) => {
              const logProbability = policyLogProbability(choices, logits!, action);
              const prior = second(all.prior_logits!);
              const [from, to] = name === 'forward_kl' ? [prior, logits!] : [logits!, prior];
              const kl = policyKl(choices, from, to);
              assertClose(ofSecond(logProbability), flat(wanted.log_prob!), 1e-5);
              assertClose(ofSecond(kl), flat(wanted.kl!), 1e-5);
              const states = {
                logProbability,
                kl,
                advantage: second(wanted.advantages!),
                alive: second(all.alive!),
              };
              return pmpoLoss(states, alpha, all.beta as number).loss;
            },
            wanted,
          );
        }
        const { params, prior, ...wanted } = all.gaussian as unknown as Numbers &
          Record<'params' | 'prior', Numbers>;
        const normal = ({ mean, log_std }: Numbers) => [second(mean!), second(log_std!)] as const;
        const [mean, logStd] = normal(params);
        const [priorMean, priorLogStd] = normal(prior);
        assertLoss(
          wanted,
          [
            ['mean', mean],
            ['log_std', logStd],
          ],
          (mean, logStd) => {
            const logProbability = normalLogProbability(mean!, logStd!, second(wanted.actions!));
            const kl = gaussianKl(
              { mean: mean!, std: tf.exp(logStd!) },
              { mean: priorMean, std: tf.exp(priorLogStd) },
            );
            const advantage = second(wanted.advantages!);
            return pmpoLoss({ logProbability, kl, advantage, alive: tf.onesLike(advantage) }, 0.5, 0.3).loss;
          },
          wanted.grad as unknown as Numbers,
        );
      });
    });

    test('of λ-returns, two-hot numbers and the running RMS', () => {
      const returns = reference<Numbers>('lambda-returns.json', 'dreamer4');
      const codes = reference<Numbers & Record<'raw_space' | 'symlog_space', Numbers>>(
        'twohot.json',
        'dreamer4',
      );
      const rms = reference<{ decay: number; rows: Record<string, number>[] }>(
        'running-rms.json',
        'dreamer4',
      );
      tf.tidy(() => {
        // The reference has time first.
        const rows = (x: Nested) => tf.transpose(second(x), [0, 2, 1]);
        const value = rows(returns.value!);
        const discount = tf.mul(rows(returns.cont!), returns.gamma as number) as tf.Tensor3D;
        const next = tf.slice(value, [0, 0, 1]) as tf.Tensor3D;
        const ours = lambdaReturn(
          rows(returns.reward!) as tf.Tensor3D,
          discount,
          next,
          returns.lam as number,
        );
        assertClose(ofSecond(tf.transpose(ours, [0, 2, 1])), flat(returns.returns!), 1e-5);
        const alive = tf.cumprod(rows(returns.cont!), 2, true);
        assertClose(ofSecond(tf.transpose(alive, [0, 2, 1])), flat(returns.alive!), 1e-6);

        const bins = twoHotBins(41, 8);
        assertClose(bins, flat(codes.bins_raw!), 1e-5, 'bins');
        const logits = second(codes.logits!);
        const even = evenBins(41, 8);
        assertClose(even, flat(codes.bins_symlog!), 1e-6, 'even bins');
        const values = second(codes.values!);
        const logarithms = symlog(values);
        assertClose(ofSecond(logarithms), flat(codes.symlog!), 1e-6, 'symlog');
        // Weights linear between the numbers themselves, as here, or between their logarithms, as TD-MPC2 has it.
        for (const [{ cross_entropy, grad, read }, target, within, mean] of [
          [codes.raw_space, values, bins, twoHotMean(logits, bins)],
          [codes.symlog_space, logarithms, even, symexp(twoHotMean(logits, even))],
        ] as const) {
          const loss = (x: tf.Tensor) => twoHotLoss(x, target, within);
          const rowsOf = ofSecond(loss(logits));
          assertClose(
            [rowsOf.reduce((sum, x) => sum + x, 0) / rowsOf.length],
            [cross_entropy as number],
            1e-5,
          );
          const gradient = tf.grad((x) => tf.mul(tf.sum(loss(x)), 1 / 10))(logits);
          assertClose(ofSecond(gradient), flat(grad!), 1e-5);
          assertClose(ofSecond(mean), flat(read!), 1e-4);
        }

        let squares: tf.Tensor = tf.zeros([1, 1]);
        for (const [i, row] of rms.rows.entries()) {
          const correction = tf.scalar(rmsCorrection(rms.decay, i + 1));
          const loss = tf.tensor2d([[row.loss!]]);
          squares = runningSquares(loss, squares, rms.decay);
          assertClose(squares.dataSync(), [row.mean_square!], 1e-5);
          assertClose(byRunningRms(loss, squares, correction).dataSync(), [row.normalised!], 1e-5);
        }
      });
    });
  });
}

test('latents are standardised over the episodes that are learnt from', () => {
  const data = recordedEpisodes([3, 400, 2]);
  const observed = [0, 2].flatMap((episode) =>
    Array.from({ length: data.lengths[episode]! + 1 }, (_, t) => 100 * episode + t),
  );
  const mean = observed.reduce((sum, x) => sum + x, 0) / observed.length;
  const std = Math.sqrt(observed.reduce((sum, x) => sum + (x - mean) ** 2, 0) / observed.length);
  // Every change is the same: there is no spread to divide by.
  assertClose(latentMoments(data, Int32Array.of(0, 2), stepSpaces(1)), [mean, std, 1], 1e-6);
  const long = Array.from({ length: 401 }, (_, t) => 100 + t);
  assertClose(latentMoments(data, Int32Array.of(1), stepSpaces(1)).slice(0, 1), [long[200]!], 1e-6);
});

test('a spread of changes that is 1 is divided by that of the observations like any other', () => {
  // Steps of 2 and 0 by turns: 0 2 2 4 4 …
  const place = (t: number) => 2 * Math.ceil(t / 2);
  const plain = recordedEpisodes([4]);
  const data: RecordedEpisodes = {
    ...plain,
    read(episode, start, steps, batch, row) {
      plain.read(episode, start, steps, batch, row);
      for (let i = 0; i < steps; i++) {
        batch.observation[row + i] = place(start + i);
        batch.nextObservation[row + i] = place(start + i + 1);
      }
    },
  };
  const std = Math.sqrt((2.4 ** 2 + 2 * 0.4 ** 2 + 2 * 1.6 ** 2) / 5);
  assertClose(latentMoments(data, Int32Array.of(0), stepSpaces(1)), [2.4, std, 1 / std], 1e-6);
});

test('phases follow each other, and what is left of the updates is imagination', () => {
  const of = (tokenizer: number, updates: readonly number[]) =>
    updates.map((update) => {
      const { name, index } = phaseOf({ phases: { tokenizer, dynamics: 2, agent: 3 } }, update);
      return `${name} ${index}`;
    });
  assert.deepEqual(of(0, [1, 2, 3, 5, 6, 9]), [
    ...['dynamics 1', 'dynamics 2', 'agent 1', 'agent 3', 'imagination 1', 'imagination 4'],
  ]);
  assert.deepEqual(of(4, [1, 4, 5, 7, 10]), [
    ...['tokenizer 1', 'tokenizer 4', 'dynamics 1', 'agent 1', 'imagination 1'],
  ]);
});

const tiny = (changes: object = {}): Dreamer4Settings =>
  dreamer4Settings.parse({ ...tinyDreamer4, ...changes });

const root = temporaryFolder('dreamer4');

describe('a run', () => {
  let data: string;
  const load = () => loadExperiment({ file: 'c.yaml', text: dreamer4Config(data, 18, tinyDreamer4) });
  const folder = (name: string) => {
    const dir = path.join(root, name);
    mkdirSync(dir);
    return dir;
  };

  before(async () => {
    data = path.join(root, 'cartpole');
    await collectMix(data, 'CartPole-v1', 600, ['random=0.5', 'controller~0.6=0.5']);
  });

  test('killed or stopped in any phase, it goes on to the bytes of one never stopped', async () => {
    const whole = folder('whole');
    await sitDown(load(), whole);
    const { state, updates } = result(whole, 1);
    assert.deepEqual([state.step, updates], [18, 18]);
    const column = (file: string, name: string) =>
      readCsv(path.join(whole, 'seed-1', file))!.rows.map((row) => row[name]);
    assert.deepEqual(column('metrics.csv', 'phase'), [1, 2, 3]);
    assert.deepEqual(column('metrics.csv', 'imagined_return'), [null, null, null]);
    const has = (name: string) => column('losses.csv', name).map((x) => x !== null);
    assert.deepEqual(
      [has('flow_0'), has('reward'), has('positive_share')],
      [
        [true, true, true],
        [false, true, true],
        [false, false, true],
      ],
    );
    const killed = folder('killed');
    for (let time = 0; time < 2; time++) {
      // Each time at what is written after another evaluation.
      const killAfter = (messages: readonly WorkerMessage[]) => messages.length > 1;
      await assert.rejects(sitDown(load(), killed, { killAfter }), /^Error: killed$/);
    }
    await sitDown(load(), killed);
    const stopped = folder('stopped');
    // In the middle of each phase.
    for (let sitting = 0; sitting < 4; sitting++) await sitDown(load(), stopped, { turn: 5 });
    for (const dir of [killed, stopped]) {
      assert.deepEqual(result(dir, 1), result(whole, 1), dir);
    }
  });

  test('learns alone what it learns beside another with settings of its own, and leaves no tensor behind', async () => {
    const episodes = new DataSet(data);
    const [slow, fast] = [1e-3, 3e-3].map((learningRate) => tiny({ optimizer: { warmUp: 2, learningRate } }));
    const make = (seeds: number[], settings: Dreamer4Settings[] = [slow!]) =>
      agentIn<Dreamer4Settings, Agent>(dreamer4.create, 'CartPole-v1', seeds, settings, episodes);
    await assertAlone(make, [3, 4], [slow!, fast!]);
    await assertLeavesNothing(() => make([1]));
  });

  test('wm eval shows the errors of the most sampling steps that the model can make, and wm play finds its model', async (t) => {
    const text = dreamer4Config(data, 6, { ...tinyDreamer4, shortcut: { levels: 2 } }, 0.3);
    const experiment = loadExperiment({ file: 'c.yaml', text });
    const dir = folder('coarse');
    RunFolder.open(dir, { configText: formatExperiment(experiment), info: runInfo('dreamer4', 'wasm') });
    await sitDown(experiment, dir);
    const written = t.mock.method(process.stdout, 'write', () => true);
    await evalCommand(dir, { episodes: 1, engine: 'wasm', checkpoint: 'last', set: [] });
    written.mock.restore();
    const said = written.mock.calls.map((call) => call.arguments[0]).join('');
    for (const steps of ['1 step', '5 steps', '15 steps'])
      assert.match(said, new RegExp(`^open loop, ${steps}, k 2 +[\\d(]`, 'm'));
    // What `wm play` plays are arrays of its checkpoint.
    const { weights } = preparePlay(dir, { seed: undefined, checkpoint: 'last' });
    assert.deepEqual(Object.keys(decodeSafetensors(weights).arrays).sort(), ['latent', 'policy', 'world']);
  });

  test('is measured on episodes that nothing is learnt from, and acts from a carry that starts at zero', async () => {
    const episodes = new DataSet(data);
    const life = agentIn(dreamer4.create, 'CartPole-v1', [1, 2], [tiny({ heldOut: 0.3 })], episodes);
    await life.live(0, 14);
    const said = (positive_share: number | null) => life.agent.cautionOf!({ positive_share });
    assert.deepEqual([said(null), said(0.9)], [undefined, undefined]);
    assert.match(said(0.934)!, /^93 % of the imagined advantages are positive, .*imagination\.valueWarmUp/);
    const before = tf.memory().numTensors;
    const diagnose = (...steps: number[]) => life.agent.diagnose(undefined as never, [], steps);
    const rows = await diagnose(14, 14);
    assert.equal(tf.memory().numTensors, before);
    for (const row of rows) {
      assert.deepEqual(Object.keys(row), life.agent.diagnostics);
      assert.equal(row.phase, 3);
      assert.ok(Object.values(row).every((x) => Number.isFinite(x)));
    }
    assert.deepEqual(await diagnose(14, 14), rows);
    // Each by its own steps, whatever those of the other are.
    const [behind, ahead] = await diagnose(5, 14);
    assert.deepEqual(ahead, rows[1]);
    assert.deepEqual(behind, { ...rows[0], phase: 1, imagined_return: null });
    const [last, best] = await diagnose(14, 12);
    assert.deepEqual(last, rows[0]);
    assert.deepEqual(best, (await diagnose(12, 12))[1]);
    const observations = new Float32Array(2 * 3 * 4).fill(0.1);
    const carry = new Float32Array(2 * 3 * life.agent.carrySize);
    const first = await life.agent.act(
      { observations, carry, noise: new Float32Array() },
      'average',
      'greedy',
    );
    assert.deepEqual([first.actions.length, first.carry.length], [6, carry.length]);
    // The third environment's episode has just begun, the others' go on.
    const size = life.agent.carrySize;
    const mixed = first.carry.slice();
    for (const row of [2, 5]) mixed.fill(0, row * size, (row + 1) * size);
    const next = await life.agent.act(
      { observations, carry: mixed, noise: new Float32Array() },
      'average',
      'greedy',
    );
    const rowOf = (values: Float32Array, row: number) => values.subarray(row * size, (row + 1) * size);
    assertClose(rowOf(next.carry, 2), rowOf(first.carry, 2), 1e-6);
    assert.notDeepEqual(rowOf(next.carry, 1), rowOf(first.carry, 1));
    await life.agent.drainLosses();
    life.agent.dispose();
  });
});

test('a frame is predicted by the action before it, not by another', async () => {
  await startEngine('wasm');
  const spaces = environmentEntry('CartPole-v1');
  // In this world an observation is the choice that led to it, four times over: nobody else's would foresee it.
  const lengths = Array.from({ length: 20 }, () => 12);
  const chosen = (episode: number, t: number) =>
    Number(Math.sin(7.3 * episode * episode + 2.9 * t * t + 1) > 0);
  const world: RecordedEpisodes = {
    ...recordedEpisodes(lengths),
    read(episode, start, steps, batch, row) {
      for (let i = 0; i < steps; i++) {
        const t = start + i;
        const before = t === 0 ? 0.5 : chosen(episode, t - 1);
        batch.observation.fill(before, 4 * (row + i), 4 * (row + i + 1));
        batch.nextObservation.fill(chosen(episode, t), 4 * (row + i), 4 * (row + i + 1));
        batch.action[row + i] = chosen(episode, t);
        batch.reward[row + i] = 1;
        batch.terminated[row + i] = 0;
      }
    },
  };
  const settings = dreamer4Settings.parse({
    ...{ phases: { dynamics: 120 }, sequence: 4, batch: 16, heldOut: 0 },
    model: { width: 16, heads: 1, hidden: 16, layers: 'ST', context: 2 },
    shortcut: { levels: 4 },
    optimizer: { learningRate: 1e-2, warmUp: 10 },
  });
  const life = agentIn(dreamer4.create, spaces, [1], [settings], world);
  await life.live(0, 120);
  const rows = (await life.agent.drainLosses()).slice(-30).flatMap(([row]) => row!.flow_0 ?? []);
  life.agent.dispose();
  const error = rows.reduce((sum, x) => sum + x, 0) / rows.length;
  // From noise alone half of the changes' square would be left.
  assert.ok(error < 0.15, `from noise ${error}`);
});

test('learns, imagines and acts in a box too, and centred advantages are of both signs', async () => {
  await startEngine('wasm');
  const world: RecordedEpisodes = {
    ...recordedEpisodes([20, 20, 20]),
    read(episode, start, steps, batch, row) {
      for (let i = 0; i < steps; i++) {
        const t = start + i;
        for (let j = 0; j < 3; j++) {
          batch.observation[3 * (row + i) + j] = Math.sin(t + j + episode);
          batch.nextObservation[3 * (row + i) + j] = Math.sin(t + 1 + j + episode);
        }
        batch.action[row + i] = 2 * Math.cos(3 * t + episode);
        batch.reward[row + i] = -1 - Math.cos(t);
        batch.terminated[row + i] = 0;
      }
    },
  };
  const settings = tiny({ heldOut: 0, imagination: { ...tinyDreamer4.imagination, starts: 16 } });
  const life = agentIn(dreamer4.create, 'Pendulum-v1', [1], [settings], world);
  await life.live(0, 18);
  const rows = (await life.agent.drainLosses()).map(([row]) => row!);
  for (const row of rows) assert.ok(Object.values(row).every((x) => x === null || Number.isFinite(x)));
  assert.ok(rows.slice(12).every(({ positive_share: share }) => share! > 0 && share! < 1));
  assert.ok(rows.at(-1)!.kl! > 0);
  const carry = new Float32Array(life.agent.carrySize);
  const situation = { observations: Float32Array.of(1, 0, 0), carry, noise: Float32Array.of(100) };
  const { actions, carry: next } = await life.agent.act(situation, 'average', 'sampled');
  // Far beyond the box, of which the next step is told what was done.
  assert.deepEqual([...actions, ...next.slice(0, 2)], [2, 1, 1]);
  life.agent.dispose();
});

test('episodes that are all shorter than what a token sees are refused by the name of the key', () => {
  const refusal = (context: number) =>
    dreamer4DataRefusal({ ...tiny(), model: { ...tiny().model, context } }, Int32Array.of(3, 7, 5));
  assert.equal(refusal(8), undefined);
  assert.equal(
    refusal(9),
    'its longest episode has 8 frames, and model.context is 9; choose a smaller context, or longer episodes',
  );
});

test('what the keys must hold is one sentence', () => {
  const cases: [string, string][] = [
    [
      'shortcut: { levels: 12 }',
      '3:21: shortcut.levels must be a power of two from 2 on, or steps cannot be halved',
    ],
    [
      'shortcut: { cleanContext: 0 }',
      '3:27: shortcut.cleanContext must be more than 0, or acting and imagination are shown clean frames that nothing was learnt from',
    ],
    [
      'imagination: { samplingSteps: 3 }',
      '3:31: imagination.samplingSteps must divide shortcut.levels, or there is no step of that size',
    ],
    [
      'model: { context: 12 }',
      '3:19: model.context must be less than sequence, or every token that learns sees the start of its window',
    ],
    [
      'model: { heads: 3 }',
      '3:17: model.heads must divide model.width into even numbers, half of which are turned against the other half',
    ],
    ['model: { layers: SXT }', '3:18: model.layers: expected a word of S and T, got "SXT"'],
    ['agent: { bins: 40 }', '3:16: agent.bins must be odd: the middle one is 0'],
    [
      'agent: { distances: 12 }',
      '3:21: agent.distances must be less than sequence, or no window reaches as far',
    ],
    [
      'phases: { dynamics: 750 }',
      '3:21: evaluation.every must divide phases.tokenizer, phases.dynamics and phases.agent, or no evaluation shows what each phase has reached',
    ],
  ];
  for (const [text, message] of cases) {
    const whole = `method: dreamer4\ndata: d\n${text}\nsteps: 4000\nevaluation: { every: 500 }`;
    assert.throws(
      () => loadExperiment({ file: 'c.yaml', text: whole }),
      ({ name, message: said }: Error) => name === 'UserError' && said.startsWith(`c.yaml:${message}`),
      text,
    );
  }
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { loadExperiment } from '../src/config/load.ts';
import { experimentOf } from '../src/config/schema.ts';
import { startEngine } from '../src/engine/engine.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { vaeLstm } from '../src/methods/vae-lstm/agent.ts';
import { gradientNorms, gradNormStep, initialGradNorm } from '../src/methods/vae-lstm/gradnorm.ts';
import { arm, vaeLstmSettings } from '../src/methods/vae-lstm/settings.ts';
import { ParameterLayout } from '../src/nn/parameters.ts';
import { RandomStream } from '../src/random/stream.ts';
import { parseCsv } from '../src/runs/csv.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { emptyBatch } from '../src/training/replay.ts';
import { stepSpaces } from './support/agents.ts';
import { assertBalancedUpdateEqualsReference } from './support/reference-update.ts';
import { sitIn } from './support/sitting.ts';
import { temporaryFolder } from './support/temporary-folder.ts';
import { assertClose } from './support/tensors.ts';
import { tinyDreamCritic } from './support/tiny-run.ts';

before(() => startEngine('wasm'));

/** By JAX: scripts/gradnorm_reference.py. */
const reference = JSON.parse(readFileSync(new URL('fixtures/gradnorm.json', import.meta.url), 'utf8'));

interface Case {
  log_factor: number;
  initial_loss: [number, number];
  losses: [number, number];
  /** Norms of the gradients without weights. */
  slopes: [number, number];
  alpha: number;
  lambda: number;
  learning_rate: number;
  bound: number;
  after: number;
}

/** The step of some members at once, all with the keys of the first: log f of each after it. */
function stepped(cases: readonly Case[]): number[] {
  const row = (of: (one: Case) => number) => tf.tensor1d(cases.map(of));
  const { alpha, learning_rate: learningRate, bound } = cases[0]!;
  const weight = ({ lambda, log_factor }: Case) => lambda * Math.exp(log_factor);
  const { logFactor } = gradNormStep(
    {
      logFactor: tf.tensor2d(cases.map(({ log_factor }) => [log_factor])),
      initialLoss: tf.tensor2d(cases.map(({ initial_loss }) => initial_loss)),
    },
    [row(({ losses }) => losses[0]), row(({ losses }) => losses[1])],
    [row(({ slopes }) => slopes[0]), row((one) => weight(one) * one.slopes[1])],
    { alpha, learningRate, bound },
  );
  return [...logFactor.dataSync<'float32'>()];
}

test("a step is JAX's, up, down and at the bound, alone and beside another", () => {
  const cases: Case[] = reference.made_up;
  for (const one of cases) {
    const other = { ...cases[3]!, alpha: one.alpha };
    assertClose(stepped([one]), [one.after], 1e-5);
    assertClose(stepped([other, one]), [...stepped([other]), one.after], 1e-5);
  }
});

test('where both gradients are above or below their aims, the larger one gives way or gains', () => {
  const given = { log_factor: 0, initial_loss: [1, 1], lambda: 0.5, learning_rate: 0.1, bound: 10 } as const;
  // With Ḡ = 1: G = (0.3, 1.7) below (0.35, 1.84), and (0.6, 1.4) above (0.45, 1.34).
  const below = { ...given, losses: [0.5, 1.5], slopes: [0.3, 3.4], alpha: 1.5, after: 0.14 };
  const above = { ...given, losses: [0.2, 1.8], slopes: [0.6, 2.8], alpha: 0.5, after: -0.08 };
  for (const one of [below, above]) assertClose(stepped([one as unknown as Case]), [one.after], 1e-5);
});

test('the first step remembers the losses, and what has no gradient or loss makes no NaN', () => {
  const keys = { alpha: 1.5, learningRate: 0.025, bound: 10 };
  const of = (...values: number[]) => tf.tensor1d(values);
  let state = initialGradNorm(2);
  state = gradNormStep(state, [of(3, 0), of(0.5, 0)], [of(2, 0), of(1, 0)], keys);
  assertClose(state.initialLoss.dataSync(), [3, 0.5, 0, 0], 1e-7);
  assertClose(state.logFactor.dataSync(), [0.05, 0], 1e-6);
  state = gradNormStep(state, [of(2, 4), of(0.5, 0.25)], [of(2, 1), of(1, 1)], keys);
  assertClose(state.initialLoss.dataSync(), [3, 0.5, 4, 0.25], 1e-7);
});

test('norms are of the parameters that both losses reach, without the weight of either', () => {
  const layout = new ParameterLayout(
    ['encoder.weight', 'reward.weight', 'critic.weight'].map((name) => ({
      name,
      shape: [2],
      initialise: () => {},
    })),
  );
  const flat = tf.tensor2d([
    [1, 2, 3, 4, 5, 6],
    [-1, 0.5, 2, 1, 3, -2],
  ]);
  const [encoder, reward, critic] = layout.split(flat) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const weight = tf.tensor1d([0.5, 20]);
  // Of x in the encoder, y in the reward head and v in the critic.
  const base = (x: tf.Tensor, y: tf.Tensor) => tf.sum(tf.add(tf.mul(tf.square(x), 3), tf.mul(x, y)), 1);
  const valued = (x: tf.Tensor, v: tf.Tensor) => tf.sum(tf.mul(tf.square(x), v), 1);
  const whole = tf.grads((x, y, v) => tf.sum(tf.add(base(x!, y!), tf.mul(weight, valued(x!, v!)))))([
    encoder,
    reward,
    critic,
  ]);
  const [ofBase, ofCritic] = gradientNorms(layout, [encoder, reward, critic], whole, weight, () =>
    tf.sum(valued(encoder, critic)),
  );
  const members = flat.arraySync();
  assertClose(
    ofBase.dataSync(),
    members.map(([x, z, y, u]) => Math.hypot(6 * x! + y!, 6 * z! + u!)),
    1e-5,
  );
  assertClose(
    ofCritic.dataSync(),
    members.map(([x, z, , , v, w]) => Math.hypot(2 * x! * v!, 2 * z! * w!)),
    1e-5,
  );
});

test("an update of the dream critic steps the weight as JAX's, two members side by side", () =>
  assertBalancedUpdateEqualsReference(2, reference.dream_critic));

const tiny = (critic: object, lambda = 0.5) =>
  vaeLstmSettings.parse({
    lambda,
    horizon: 3,
    imaginationStarts: 4,
    model: { latent: 4, hidden: [8], lstm: 8 },
    critic: { hidden: [8], ...critic },
    actor: { hidden: [8] },
    replay: { batch: 3, length: 4 },
  });

/** A batch of so many members, of which each is the same whatever their number. */
function drawn(members: number) {
  const batch = emptyBatch(members, 3, 4, stepSpaces(4));
  for (const values of [batch.observation, batch.nextObservation, batch.reward]) {
    const size = values.length / members;
    for (let member = 0; member < members; member++)
      RandomStream.named(member, `batch of ${size}`).fillNormal(
        values.subarray(member * size, (member + 1) * size) as Float32Array,
      );
  }
  return batch;
}

const spaces = agentSpaces(environmentEntry('CartPole-v1'));

/** What agents have learnt after some updates, of each member. */
async function learnt(members: readonly { seed: number; settings: ReturnType<typeof tiny> }[], updates = 4) {
  const agent = vaeLstm.create(members, spaces);
  const batch = drawn(members.length);
  for (let update = 1; update <= updates; update++) agent.update(batch, 100, update);
  const states = await agent.save();
  const rows = await agent.drainLosses();
  agent.dispose();
  return { states, rows };
}

test('members side by side learn what each learns alone, with a λ of their own', async () => {
  const [one, other] = [tiny({ balance: 'gradnorm' }), tiny({ balance: 'gradnorm' }, 2)];
  const both = await learnt([
    { seed: 0, settings: one },
    { seed: 1, settings: other },
  ]);
  const alone = await learnt([{ seed: 0, settings: one }]);
  for (const [name, { data }] of Object.entries(alone.states[0]!.arrays)) {
    assertClose(both.states[0]!.arrays[name]!.data, data, 1e-4);
  }
  assert.deepEqual([both.rows[0]![0]!.effective_lambda, both.rows[0]![1]!.effective_lambda], [0.5, 2]);
  assert.ok(both.rows[3]![1]!.effective_lambda! > 2);
});

test("the weight begins as λ: the first update is fixed λ's, and no tensor is left behind", async () => {
  // The engine keeps some of its own once it has been used.
  await learnt([{ seed: 0, settings: tiny({ balance: 'gradnorm' }) }], 1);
  const before = tf.memory().numTensors;
  const balanced = await learnt([{ seed: 0, settings: tiny({ balance: 'gradnorm' }) }], 1);
  const longer = await learnt([{ seed: 0, settings: tiny({ balance: 'gradnorm' }) }], 5);
  const fixed = await learnt([{ seed: 0, settings: tiny({}) }], 1);
  assert.equal(tf.memory().numTensors, before);
  const [arrays, others] = [balanced.states[0]!.arrays, fixed.states[0]!.arrays];
  for (const [name, { data }] of Object.entries(others)) assertClose(arrays[name]!.data, data, 1e-5);
  const own = Object.keys(arrays).filter((name) => !(name in others));
  assert.deepEqual(own, ['balance.log_factor', 'balance.initial_loss']);
  assert.deepEqual(
    longer.states[0]!.arrays['balance.initial_loss']!.data,
    arrays['balance.initial_loss']!.data,
  );
});

test('its keys are its own, and it is refused where the critic does not shape the model', () => {
  const read = (text: string) => loadExperiment({ file: 'c.yaml', text });
  const balanced = experimentOf(read('method: dream-critic\ncritic.balance: gradnorm\n'), 'vae-lstm');
  assert.deepEqual(balanced.critic.gradNorm, { alpha: 0.12, learningRate: 0.025, bound: 10_000 });
  assert.equal(arm(balanced), 'dream-critic-gradnorm');
  const given = 'critic: {balance: gradnorm, gradNorm: {alpha: 0}}\n';
  const set = experimentOf(read(`method: shape-only\n${given}`), 'vae-lstm');
  assert.deepEqual(set.critic.gradNorm, { alpha: 0, learningRate: 0.025, bound: 10_000 });
  assert.ok(!('gradNorm' in experimentOf(read('method: dream-critic\n'), 'vae-lstm').critic));
  for (const [text, message] of [
    [
      'method: dream-critic\ncritic:\n  gradNorm: {alpha: 1}\n',
      /^c\.yaml:3:13: critic\.gradNorm is of critic\.balance: gradnorm alone; /,
    ],
    [
      'method: bootstrap-only\ncritic.balance: gradnorm\n',
      /^c\.yaml:2:17: critic\.balance: gradnorm weighs the critic's gradient into the model, and this arm cuts it off; /,
    ],
    ['method: dream-critic\ncritic.balance: gradnorm\nlambda: 0\n', /critic\.balance begins at lambda/],
  ] as const) {
    assert.throws(() => read(text), { message });
  }
});

test('a run learns the weight, tells it, and goes on with it where it was stopped', async () => {
  const root = temporaryFolder('gradnorm');
  const overrides = [
    ...['seeds=[1]', 'steps=70', 'logEvery=1', 'evaluation.episodes=1'],
    ...['critic.balance=gradnorm', 'gradients.every=5'],
  ];
  const sit = (name: string, turn = 70) => sitIn(path.join(root, name), tinyDreamCritic, { overrides, turn });
  await sit('whole');
  await sit('parts', 55);
  await sit('parts');
  const file = (name: string, of: string) => readFileSync(path.join(root, name, 'seed-1', of));
  for (const csv of ['losses.csv', 'gradients.csv'])
    assert.ok(file('parts', csv).equals(file('whole', csv)), csv);
  const told = parseCsv(file('whole', 'losses.csv').toString(), 'losses.csv').rows;
  const weights = told.map((row) => Number(row.effective_lambda));
  assert.equal(weights[0], 0.5);
  assert.ok(weights.length > 2 && weights.every((weight) => weight > 0));
  // No step is longer than twice the step size.
  for (const [i, weight] of weights.slice(1).entries()) {
    assert.ok(Math.abs(Math.log(weight / weights[i]!)) < 0.0501, `${weights[i]} to ${weight}`);
  }
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { loadExperiment } from '../src/config/load.ts';
import { experimentOf } from '../src/config/schema.ts';
import { startEngine } from '../src/engine/engine.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { balancedLoss, balanceSpecs } from '../src/methods/vae-lstm/balance.ts';
import { networks } from '../src/methods/vae-lstm/networks.ts';
import { arm } from '../src/methods/vae-lstm/settings.ts';
import { ParameterLayout, Parameters } from '../src/nn/parameters.ts';
import { RandomStream } from '../src/random/stream.ts';
import { parseCsv } from '../src/runs/csv.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { sitIn } from './support/sitting.ts';
import { temporaryFolder } from './support/temporary-folder.ts';
import { tinyDreamCritic } from './support/tiny-run.ts';

before(() => startEngine('cpu'));

/** Kendall's loss of one member, in plain numbers. */
const plain = ([s, t]: readonly number[], base: number, critic: number, lambda: number) =>
  0.5 * Math.exp(-s!) * base + 0.5 * s! + lambda * 0.5 * Math.exp(-t!) * critic + 0.5 * t!;

test('the balanced loss and its gradients are those of plain numbers, member by member', () => {
  const s = [
    [0.3, -1.2],
    [-0.4, 0.9],
  ];
  const [base, critic, lambda] = [
    [1.7, 0.6],
    [0.02, 3.1],
    [0.5, 2],
  ];
  const f = (flat: tf.Tensor, b: tf.Tensor, c: tf.Tensor) =>
    balancedLoss(
      new Parameters(new Map([['balance.log_variance', flat]])),
      b as tf.Tensor1D,
      c as tf.Tensor1D,
      tf.tensor1d(lambda!),
    );
  const operands = [tf.tensor2d(s), tf.tensor1d(base!), tf.tensor1d(critic!)];
  const { loss, weight } = f(operands[0]!, operands[1]!, operands[2]!);
  const near = (actual: number, expected: number, tolerance = 1e-5) =>
    assert.ok(Math.abs(actual - expected) < tolerance, `expected ${expected}, got ${actual}`);
  const [bySigma, byBase, byCritic] = tf.grads((flat, b, c) => tf.sum(f(flat!, b!, c!).loss))(operands);
  for (const member of [0, 1]) {
    const at = (shift = [0, 0, 0, 0]) =>
      plain(
        [s[member]![0]! + shift[0]!, s[member]![1]! + shift[1]!],
        base![member]! + shift[2]!,
        critic![member]! + shift[3]!,
        lambda![member]!,
      );
    near(loss.arraySync()[member]!, at());
    near(weight.arraySync()[member]!, lambda![member]! * Math.exp(s[member]![0]! - s[member]![1]!));
    const found = [
      ...(bySigma!.arraySync() as number[][])[member]!,
      (byBase!.arraySync() as number[])[member]!,
      (byCritic!.arraySync() as number[])[member]!,
    ];
    for (const [i, gradient] of found.entries()) {
      const shift = (h: number) => [0, 1, 2, 3].map((j) => (i === j ? h : 0));
      near(gradient, (at(shift(1e-4)) - at(shift(-1e-4))) / 2e-4);
    }
  }
});

test('it begins as the fixed weights, and draws no weights of its own', () => {
  const settings = (balance: string) =>
    experimentOf(
      loadExperiment({ file: 'c.yaml', text: `method: dream-critic\ncritic.balance: ${balance}\n` }),
      'vae-lstm',
    );
  const spaces = agentSpaces(environmentEntry('CartPole-v1'));
  const [fixed, learnt] = ['fixed', 'uncertainty'].map(
    (balance) => networks(settings(balance), spaces).model,
  );
  const start = (layout: ParameterLayout) =>
    layout.initialise([RandomStream.named(3, 'model-weights')]).arraySync()[0]!;
  assert.deepEqual(start(learnt!).slice(0, fixed!.size), start(fixed!));
  assert.deepEqual(start(learnt!).slice(fixed!.size), Array(2).fill(Math.fround(-Math.LN2)));
  const layout = new ParameterLayout(balanceSpecs());
  const { loss, weight } = balancedLoss(
    layout.unpack(layout.initialise([RandomStream.named(0, 'x')])),
    tf.tensor1d([2]),
    tf.tensor1d([3]),
    tf.tensor1d([0.25]),
  );
  assert.ok(Math.abs(loss.arraySync()[0]! - (2 + 0.25 * 3 - Math.LN2)) < 1e-6);
  assert.ok(Math.abs(weight.arraySync()[0]! - 0.25) < 1e-7);
  assert.deepEqual(
    ['fixed', 'uncertainty'].map((balance) => arm(settings(balance))),
    ['dream-critic', 'dream-critic-uncertainty'],
  );
});

test('it is refused without a critic, and from a weight of 0', () => {
  const read = (method: string, more = '') =>
    loadExperiment({ file: 'c.yaml', text: `method: ${method}\ncritic.balance: uncertainty\n${more}` });
  assert.throws(() => read('baseline'), {
    message: /^c\.yaml:2:17: critic\.balance weighs the critic, and this arm has none; /,
  });
  assert.throws(
    () => read('dream-critic', 'lambda: 0\n'),
    /critic\.balance begins at lambda, which must be above 0/,
  );
  const literal = experimentOf(read('literal'), 'vae-lstm');
  assert.equal(arm(literal), 'literal-uncertainty');
});

test('a run learns the weight, tells it, and goes on with it where it was stopped', async () => {
  const root = temporaryFolder('balance');
  const sit = (name: string, balance = 'uncertainty', turn = 80) => {
    const overrides = [
      ...['seeds=[1]', 'steps=80', 'logEvery=1', 'evaluation.episodes=1'],
      `critic.balance=${balance}`,
    ];
    return sitIn(path.join(root, name), tinyDreamCritic, { overrides, turn });
  };
  const losses = (name: string) => readFileSync(path.join(root, name, 'seed-1', 'losses.csv'), 'utf8');
  await sit('whole');
  await sit('parts', 'uncertainty', 60);
  await sit('parts');
  assert.equal(losses('parts'), losses('whole'));
  const weights = parseCsv(losses('whole'), 'losses.csv').rows.map((row) => Number(row.effective_lambda));
  assert.ok(weights.length > 2 && weights[0] !== weights.at(-1) && weights.every((weight) => weight > 0));
  await sit('fixed', 'fixed');
  assert.ok(!losses('fixed').includes('effective_lambda'));
});

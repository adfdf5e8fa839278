import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { reprinted } from '../scripts/study-page.ts';
import { figureFiles } from '../src/cli/table-files.ts';
import { effectsOf } from '../src/compare/effect.ts';
import { gradientTables } from '../src/compare/gradients/index.ts';
import { compareRuns } from '../src/compare/index.ts';
import { formatInterval, formatNumber } from '../src/compare/numbers.ts';
import { effectFigure } from '../src/figures/effects.ts';
import { gradientFigures } from '../src/figures/gradients.ts';
import { mean, standardDeviation } from '../src/statistics.ts';
import { publishedAt, publishedRows, rowsOf } from './support/published.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const page = readFileSync(new URL('../docs/study.md', import.meta.url), 'utf8');

test('docs/study.md shows what its commands print', () => {
  let commands = 0;
  const again = reprinted(page, (command) => {
    commands++;
    return execFileSync(process.execPath, command.split(' '), { cwd: root, encoding: 'utf8' });
  });
  assert.equal(again, page);
  assert.ok(commands > 1);
});

test('runs/bench/shaping is what its runs give', async () => {
  const bench = join(root, 'runs', 'bench');
  const sweeps = readdirSync(bench).filter((name) => name.startsWith('shaping-'));
  const key = 'critic.shapesModel';
  const { files, effects } = effectsOf(
    sweeps.map((name) => join(bench, name)),
    key,
  );
  const figures = await figureFiles([effectFigure(key, effects)]);
  for (const [name, content] of Object.entries({ ...files, ...figures })) {
    assert.equal(
      readFileSync(join(bench, 'shaping', name), 'utf8').replaceAll('runs/bench/', `${bench}/`),
      content,
      name,
    );
  }
  // The README's first screen: what is seen, and nothing else is.
  const seen = effects.filter((effect) => effect.seen === 'larger' || effect.seen === 'smaller');
  const tell = (family: string, task: string) => seen.filter(({ label }) => label === `${family}, ${task}`);
  const distractors = 'CartPole-v1 with 8 distractors';
  const without = ['CartPole-v1', 'Pendulum-v1'].map((task) => tell('Dreamer v3', task));
  const acrobot = tell('Dreamer v3', 'Acrobot-v1');
  const [observation, rewards] = tell('Dreamer v3', distractors);
  const [, played] = tell('TD-MPC2', distractors);
  const [latents] = tell('TD-MPC2', 'Pendulum-v1');
  for (const errors of without) {
    assert.deepEqual(
      errors.map(({ measure, seen }) => [measure, seen]),
      ['prediction_mse', 'open_loop_mse_15', 'reward_mse'].map((measure) => [measure, 'larger']),
    );
  }
  assert.deepEqual(
    acrobot.map(({ measure, seen }) => [measure, seen]),
    ['prediction_mse', 'open_loop_mse_15'].map((measure) => [measure, 'larger']),
  );
  assert.deepEqual([observation?.measure, observation?.seen], ['prediction_mse', 'smaller']);
  assert.deepEqual([rewards?.measure, rewards?.seen], ['reward_mse', 'larger']);
  assert.deepEqual([played?.measure, played?.seen], ['reward_mean', 'larger']);
  assert.deepEqual([latents?.measure, latents?.seen], ['consistency_1', 'larger']);
  assert.equal(seen.length, 13);
  const [cartPole, pendulum, ofAcrobot] = [...without, acrobot].map((errors) =>
    [Math.min, Math.max].map((end) => end(...errors.map(({ effect }) => effect)).toFixed(1)).join(' to '),
  );
  const [on, off] = played!.means.map((reward) => reward.toFixed(0));
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  for (const told of [
    `makes the errors ${cartPole} times as large on CartPole-v1 and ${pendulum} times as large on Pendulum-v1`,
    `on Acrobot-v1 those of observations ${ofAcrobot} times as large`,
    `that of rewards is ${rewards!.effect.toFixed(1)} times as large and that of the next observation ${(100 - 100 * observation!.effect).toFixed(0)} % smaller`,
    `brings the reward from ${off} to ${on}`,
    `makes the error of its latents ${latents!.effect.toFixed(1)} times as large`,
  ]) {
    assert.ok(readme.includes(told), told);
  }
});

test('the README tells of the leaderboard what docs/study.md shows', () => {
  const board = page.slice(page.indexOf('$ node bin/wm.js compare --leaderboard '));
  const iqm = (method: string) => new RegExp(`^${method} {2,}(\\S+) `, 'm').exec(board)![1]!;
  const first = ['Dreamer v1', 'Dreamer v3', 'TD-MPC2', 'Dream critic'].map(iqm);
  assert.equal(new Set(first).size, 1);
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const told = `(${first[0]} of the way from random actions), PPO at ${iqm('PPO')} and MuZero at ${iqm('MuZero')};`;
  assert.ok(readme.includes(told), told);
  const tables = [...board.matchAll(/^\S+ {2,}Final reward .* FLOP\n([\s\S]*?)\n\n/gm)];
  assert.equal(tables.length, 2);
  for (const [, table] of tables) {
    const flop = (method: string) => Number(new RegExp(`^${method} .* ([\\d.e]+)$`, 'm').exec(table!)![1]);
    const others = ['Dreamer v1', 'Dreamer v3', 'TD-MPC2'].map(flop);
    assert.ok(others.every((each) => flop('Dream critic') < each));
  }
  const pairs = board.slice(board.indexOf('\nMethod  '));
  const against = [...pairs.matchAll(/^Dreamer v1 +(Dreamer v3|TD-MPC2|Dream critic) .* (\w+)$/gm)];
  assert.deepEqual(
    against.map(([, , seen]) => seen),
    ['none', 'none', 'none'],
  );
});

test('docs/study.md tells what states hold as the runs of runs/bench have it', () => {
  const has = rowsOf('docs/study.md');
  const last = (task: string, cell: string, column: string) =>
    publishedAt(`bench/shaping-${task}/${cell}`, 'env_step', 10000, 20).of(column);
  for (const [family, cell] of Object.entries({
    'Dream critic': 'dream',
    'Dreamer v3': 'dreamer-v3',
    'TD-MPC2': 'tdmpc-v2',
  })) {
    for (const [task, distractors] of Object.entries({ cartpole: '0', distractors: '8' })) {
      const r2 = [true, false].map((on) => {
        const values = last(task, `${cell},critic.shapesModel=${on}`, 'probe_r2');
        return `${mean(values)!.toFixed(3)} ± ${standardDeviation(values)!.toFixed(3)}`;
      });
      has(family, distractors, ...r2);
    }
  }
  const overStandingStill = (task: string, cell: string) =>
    [true, false].map((on) => {
      const [errors, still] = ['consistency_1', 'standstill_1'].map((column) =>
        last(task, `${cell},critic.shapesModel=${on}`, column),
      );
      return mean(errors!.map((error, seed) => error / still![seed]!))!.toPrecision(2);
    });
  const [on, off] = overStandingStill('distractors', 'tdmpc-v2');
  assert.ok(page.includes(`it is ${on} with the gradient and ${off} without`));
  assert.ok(page.includes(`it is ${overStandingStill('pendulum', 'tdmpc-v2-pendulum').join(' against ')}.`));
});

test("docs/study.md tells of the critic's weight what runs/sweeps/balance holds", () => {
  const sweep = join(root, 'runs', 'sweeps', 'balance');
  const runs = ['fixed', 'gradnorm', 'uncertainty'].map((value) => join(sweep, `critic.balance=${value}`));
  const { pairs } = compareRuns(runs, { paper: false });
  const p = (key: string) => pairs.find(({ measure }) => measure === key)!.adjustedP!.toFixed(3);
  const { effects } = effectsOf([sweep], 'critic.balance');
  const ofGradNorm = effects.filter(({ values }) => values.includes('gradnorm'));
  for (const { measure, effect, seen } of ofGradNorm) {
    if (measure === 'reward_mean') assert.equal(seen, 'none');
    else assert.ok(seen === 'smaller' && Math.abs(1 / effect - 55) < 10, `${measure} ${1 / effect}`);
  }
  const reward = ofGradNorm.find(({ measure }) => measure === 'reward_mean')!.adjustedP!.toFixed(3);
  const rewards = publishedAt('sweeps/balance/critic.balance=gradnorm', 'env_step', 10000, 10).of(
    'reward_mean',
  );
  assert.equal(rewards.filter((each) => each < 100).length, 4);
  for (const told of [
    'all three errors are some fifty times as large',
    'Four of ten seeds end below 100',
    `after 15 steps, p = ${p('openLoopMse')}, and not one step ahead, p = ${p('predictionMse')}`,
    `which the three do not bear out (p = ${reward})`,
  ]) {
    assert.ok(page.includes(told), told);
  }
});

test('docs/study.md and the README tell of gradients what runs/sweeps/gradients holds', async () => {
  const dir = join(root, 'runs', 'sweeps', 'gradients');
  const runs = ['dream', 'dreamer-v3', 'tdmpc-v2'].map((cell) => join(dir, cell));
  const { files, runs: measured } = gradientTables(runs);
  const figures = await figureFiles(gradientFigures(measured));
  for (const [name, content] of Object.entries({ ...files, ...figures })) {
    assert.equal(readFileSync(join(dir, name), 'utf8'), content, name);
  }
  const has = rowsOf('docs/study.md');
  const told = publishedRows('sweeps', 'gradients', 'gradient-flow.csv').filter(
    ({ part }) => part === 'whole',
  );
  // Of the whole model, by family.
  const said: string[] = [];
  for (const critic of told.filter(({ term }) => term === 'critic')) {
    const own = told.find(
      ({ term, label, module }) => term === 'model' && label === critic.label && module === critic.module,
    )!;
    const withInterval = (row: typeof own, column: string, unit: 'error' | 'pure') => {
      const [low, high] = [row[`${column}_low`], row[`${column}_high`]].map(Number);
      const value = formatNumber(unit, Number(row[`${column}_mean`]));
      return `${value} ${formatInterval(unit, { low: low!, high: high! })}`;
    };
    has(
      `${critic.label}`,
      `${critic.module}`,
      withInterval(critic, 'share', 'error'),
      withInterval(own, 'cosine', 'pure'),
    );
    const percent = 100 * Number(critic.share_mean);
    if (critic.module === 'all') said.push(`${percent.toPrecision(percent < 1 ? 1 : 2)} %`);
  }
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const [dreamCritic, dreamer, tdmpc] = said;
  assert.match(
    readme,
    new RegExp(
      `VAE \\+ LSTM\\*\\* that gradient is ${dreamCritic} of .*Dreamer v3\\*\\* it is ${dreamer}, .*TD-MPC2\\*\\* it is ${tdmpc}, `,
      's',
    ),
  );
});

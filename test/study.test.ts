import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { reprinted } from '../scripts/study-page.ts';
import { iqmOf } from '../src/aggregate.ts';
import { figureFiles } from '../src/cli/table-files.ts';
import { effectsOf } from '../src/compare/effect.ts';
import { gradientTables } from '../src/compare/gradients/index.ts';
import { compareRuns } from '../src/compare/index.ts';
import { type Leaderboard, leaderboard } from '../src/compare/leaderboard/index.ts';
import { formatInterval, formatNumber } from '../src/compare/numbers.ts';
import { normalisedScore } from '../src/envs/normalisation.ts';
import { effectFigure } from '../src/figures/effects.ts';
import { gradientFigures } from '../src/figures/gradients.ts';
import { leaderboardFigures } from '../src/figures/leaderboard.ts';
import { mean, standardDeviation } from '../src/statistics.ts';
import { grouped } from '../src/words.ts';
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

/** The leaderboard of some sweeps, which a folder of runs/bench has to hold. */
async function board(folder: string, tasks: readonly string[]): Promise<Leaderboard> {
  const bench = join(root, 'runs', 'bench');
  const whole = await leaderboard(tasks.map((task) => join(bench, `leaderboard-${task}`)));
  const figures = await figureFiles(leaderboardFigures(whole.standings, whole.duels));
  for (const [name, content] of Object.entries({ ...whole.files, ...figures })) {
    const published = readFileSync(join(bench, folder, name), 'utf8');
    assert.equal(published.replaceAll('runs/bench/', `${bench}/`), content, name);
  }
  return whole;
}

test('runs/bench/leaderboard-continuous is what its runs give, and the pages tell of it', async () => {
  const { field, standings, duels } = await board('leaderboard-continuous', ['pendulum']);
  const names = standings.map(({ method }) => method);
  const solved = names.filter((_, place) => standings[place]!.iqm.value > 1);
  assert.deepEqual(solved, [
    'MBPO',
    'SAC',
    'TD-MPC2',
    'Dream critic',
    'Dreamer v3',
    'SimPLe',
    'TD-MPC',
    'PETS',
  ]);
  const modelFree = ['SAC', 'PPO'];
  const models = names.filter((name) => !modelFree.includes(name));
  assert.deepEqual([models.length, solved.filter((name) => models.includes(name)).length], [12, 7]);
  const seen = duels.filter(({ seen }) => seen === 'better');
  assert.ok(page.includes(`Seen are ${seen.length} of the ${duels.length} pairs:`));
  const over = (name: string) => seen.filter(({ method }) => method === name).map(({ against }) => against);
  for (const name of names) {
    const than = [
      ...(['MBPO', 'SAC', 'TD-MPC2'].includes(name) ? ['PlaNet'] : []),
      ...([...solved, 'PlaNet', 'Dreamer v2'].includes(name) ? ['Baseline', 'PPO'] : []),
    ];
    assert.deepEqual(over(name), than, name);
  }
  const p = seen.find(({ method, against }) => method === 'Dream critic' && against === 'Baseline')!
    .adjustedP!;
  const [of, without] = ['Dream critic', 'Baseline'].map((name) =>
    standings[names.indexOf(name)]!.iqm.value.toFixed(2),
  );
  assert.ok(page.includes(`ends at ${without} where the dream critic has ${of} (p = ${p.toFixed(3)})`));
  const rows = publishedRows('bench', 'leaderboard-continuous', 'leaderboard-tasks.csv');
  const row = (name: string) => rows.find(({ method }) => method === name)!;
  const soonest = solved
    .map((name) => ({ name, steps: Number(row(name).steps_to_threshold) }))
    .sort((a, b) => a.steps - b.steps)
    .slice(0, 2);
  const after = soonest.map(({ steps }) => grouped(steps));
  assert.deepEqual(
    soonest.map(({ name }) => name),
    ['PETS', 'MBPO'],
  );
  assert.ok(page.includes(`PETS after ${after[0]} steps and MBPO after ${after[1]};`));
  const flop = solved
    .filter((name) => row(name).flop_per_step !== null)
    .sort((a, b) => Number(row(a).flop_per_step) - Number(row(b).flop_per_step));
  assert.deepEqual(flop.slice(0, 2), ['SimPLe', 'Dream critic']);
  const { scores } = field.tasks[0]!.entries.find(({ method }) => method === 'PlaNet')!;
  assert.ok(scores.every((score) => Math.abs(score - 0.95) < 0.06));
});

test('runs/bench/leaderboard-breakout-table is what its runs give, and the pages tell of it', async () => {
  const { field, standings, duels } = await board('leaderboard-breakout-table', ['breakout']);
  const names = standings.map(({ method }) => method);
  const iqm = (name: string) => standings[names.indexOf(name)]!.iqm.value.toFixed(2);
  assert.ok(standings.every(({ iqm }) => iqm.value < 1));
  const seen = duels.filter(({ seen }) => seen === 'better');
  assert.deepEqual(
    seen.map(({ method, against }) => [method, against]),
    ['Dreamer v3', 'DQN', 'Gumbel MuZero', 'PPO'].map((name) => [name, 'Baseline']),
  );
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  assert.equal(iqm('DQN'), iqm('Gumbel MuZero'));
  assert.ok(
    readme.includes(
      `Dreamer v3 comes nearest after 100,000 steps (${iqm('Dreamer v3')}), before DQN and Gumbel MuZero at ${iqm('DQN')}, PPO at ${iqm('PPO')} and the dream critic at ${iqm('Dream critic')};`,
    ),
  );
  const { entries } = field.tasks[0]!;
  const rewards = (name: string, row: number) => {
    const { run } = entries.find(({ method }) => method === name)!;
    return mean(run.seeds.map(({ rows }) => rows.at(row)!.reward_mean!))!.toFixed(1);
  };
  const planned = duels.find(({ method, against }) => method === 'Dream critic' && against === 'Baseline')!;
  const first = (name: string) => rewards(name, 0);
  for (const told of [
    `seen are ${seen.length} of the ${duels.length} pairs`,
    `ends at ${rewards('Dream critic', -1)} points where the baseline has ${rewards('Baseline', -1)}, which five seeds and fifteen pairs do not bear out (p = ${planned.adjustedP!.toFixed(3)})`,
    `Dreamer v3 plays for ${first('Dreamer v3')} points and Gumbel MuZero for ${first('Gumbel MuZero')}, the dream critic for ${first('Dream critic')}, PPO for ${first('PPO')}, DQN for ${first('DQN')} and the baseline for ${first('Baseline')}.`,
  ]) {
    assert.ok(page.includes(told), told);
  }
});

test('runs/bench/leaderboard is what its runs give, and the pages tell of it', async () => {
  const { field, standings, duels } = await board('leaderboard', ['cartpole', 'acrobot', 'mountain-car']);
  const place = (name: string) => standings.findIndex(({ method }) => method === name);
  const iqm = (name: string) => standings[place(name)]!.iqm.value.toFixed(2);
  const first = ['SimPLe', 'Dreamer v3', 'Dreamer v1', 'Dream critic'];
  assert.deepEqual(
    standings.slice(0, 4).map(({ method }) => method),
    first,
  );
  assert.equal(place('MuZero'), standings.length - 1);
  const among = (count: number) => duels.filter(({ against }) => place(against) < count);
  assert.ok(among(8).every(({ seen }) => seen === 'none'));
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const [simple, v3, v1, critic] = first.map(iqm);
  const told = `(${simple}, ${v3}, ${v1} and ${critic} of the way from random actions), before PPO, which has no model, at ${iqm('PPO')} and TD-MPC2 at ${iqm('TD-MPC2')}; MuZero is last at ${iqm('MuZero')}.`;
  assert.ok(readme.includes(told), told);
  const { tasks } = field;
  const entry = (task: number, name: string) => tasks[task]!.entries.find(({ method }) => method === name)!;
  const scores = (task: number, name: string) => entry(task, name).scores;
  const rowsAt = (task: number, name: string, at: number) =>
    entry(task, name).run.seeds.map(({ rows }) => rows.at(at)!);
  // No seed of these stays near random actions: all the way or most of it with each, on every task.
  for (const [name, least] of [
    ['SimPLe', 0.8],
    ['Dreamer v3', 0.6],
  ] as const) {
    assert.ok(
      tasks.every((_, task) => scores(task, name).every((score) => score >= least)),
      name,
    );
  }
  const table = publishedRows('bench', 'leaderboard', 'leaderboard-tasks.csv');
  for (const { name } of tasks) {
    const flop = (method: string) =>
      Number(table.find((row) => row.task === name && row.method === method)!.flop_per_step);
    for (const other of ['Dreamer v1', 'Dreamer v3']) {
      const share = flop('Dream critic') / flop(other);
      assert.ok(share > 0.19 && share < 0.55, `${share}`);
    }
    for (const cheap of ['Dream critic', 'SimPLe']) assert.ok(flop('PPO') / flop(cheap) < 0.011, cheap);
    assert.equal(
      (flop('SimPLe') / flop('Dream critic')).toFixed(1),
      { 'CartPole-v1': '1.2', 'Acrobot-v1': '0.6', 'MountainCar-v0': '0.7' }[name],
    );
  }

  // What is seen, as the page has it.
  const seen = duels.filter(({ seen }) => seen === 'better');
  assert.ok(page.includes(`What is seen, ${seen.length} of the ${duels.length} pairs:`));
  assert.ok(duels.every(({ seen }) => seen === 'better' || seen === 'none'));
  const over = (name: string) =>
    seen
      .filter(({ method }) => method === name)
      .map(({ against }) => against)
      .sort();
  const last = ['Baseline', 'Deep Dyna', 'MuZero', 'PETS', 'PlaNet'];
  for (const name of ['SimPLe', 'Dreamer v3']) {
    assert.deepEqual(over(name), [...last, 'DQN', 'EfficientZero', 'Ha and Schmidhuber'].sort());
  }
  assert.deepEqual(over('Dreamer v1'), last);
  assert.deepEqual(over('Dream critic'), [...last, 'DQN'].sort());
  for (const name of ['PPO', 'TD-MPC2']) {
    assert.deepEqual(over(name), ['Deep Dyna', 'MuZero', 'PlaNet']);
  }
  const planned = seen.find(({ method, against }) => method === 'Dream critic' && against === 'Baseline')!;
  const [ofBaseline, ofDreamCritic] = ['Baseline', 'Dream critic'].map((name) =>
    standings[place(name)]!.mean.value.toFixed(2),
  );
  assert.ok(
    page.includes(
      `(a mean of ${ofBaseline} of the way against ${ofDreamCritic}, p = ${planned.adjustedP!.toFixed(3)})`,
    ),
  );

  // How lucky five seeds were.
  const acrobot = publishedAt('bench/shaping-acrobot/acrobot,critic.shapesModel=true', 'env_step', 20000, 20);
  const rewards = acrobot.of('reward_mean');
  const { bounds } = tasks[1]!;
  const twenty = iqmOf([rewards.map((reward) => normalisedScore(reward, bounds))]);
  const lucky = `${rewards.filter((reward) => reward >= bounds.high).length} of 20 reach ${bounds.high} there, their interquartile mean is ${twenty.toFixed(2)} where the five have ${iqmOf([scores(1, 'Dream critic')]).toFixed(2)}.`;
  assert.ok(page.includes(lucky), lucky);
  const [ofSimple, ofV3, ofV1, ofCritic] = first.map((name) => standings[place(name)]!.mean.value.toFixed(2));
  for (const told of [
    `none that fails (means ${ofSimple} and ${ofV3})`,
    `critic's (${ofCritic}) two`,
    `Dreamer v1 (${ofV1}) fails`,
  ]) {
    assert.ok(page.includes(told), told);
  }
  assert.equal(tasks[2]!.entries.flatMap(({ scores }) => scores).filter((score) => score >= 1).length, 1);
  for (const name of ['TD-MPC2', 'MuZero', 'Ha and Schmidhuber', 'PlaNet', 'Deep Dyna']) {
    assert.ok(scores(2, name).every((score) => score === 0));
    const best = Math.max(
      ...entry(2, name).run.seeds.flatMap(({ rows }) => rows.map((row) => row.reward_max!)),
    );
    assert.equal(best === -200, name !== 'Deep Dyna', name);
  }
  const errors = (name: string) => rowsAt(2, name, -1).flatMap((row) => row.prediction_mse ?? []);
  const others = tasks[2]!.entries.map(({ method }) => method).filter((name) => name !== 'PETS');
  assert.ok(Math.max(...errors('PETS')) < Math.min(...others.flatMap(errors)));
  const rewardsAt = (task: number, name: string, at: number) =>
    rowsAt(task, name, at).map((row) => row.reward_mean!);
  const reward = mean(rewardsAt(2, 'PETS', -1))!;
  assert.ok(page.includes(`another method, and they end at ${reward.toFixed(0)}.`));

  const range = (numbers: readonly number[]) =>
    [Math.min(...numbers), Math.max(...numbers)].map((x) => x.toFixed(0));
  const onCartPole = rewardsAt(0, 'PlaNet', -1);
  const [least, most] = range(onCartPole);
  const [worst, best] = range(rewardsAt(1, 'PlaNet', 0));
  const [, bestAtLast] = range(rewardsAt(1, 'PlaNet', -1));
  const ends = rowsAt(1, 'PlaNet', -1);
  const [leastFall, mostFall] = range(
    rowsAt(1, 'PlaNet', 0).map((row, seed) => row.prediction_mse_own! / ends[seed]!.prediction_mse_own!),
  );
  for (const told of [
    `comes to ${mean(onCartPole)!.toFixed(0)} of 500 on CartPole-v1, every seed between ${least} and ${most},`,
    `between ${best} and ${worst} at its first evaluation and at ${bestAtLast} or below at its last`,
    `falls by a factor of ${leastFall} to ${mostFall}.`,
  ]) {
    assert.ok(page.includes(told), told);
  }
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
  // Fixed against GradNorm, fixed against uncertainty, GradNorm against uncertainty.
  const p = (key: string, pair = 0) =>
    pairs.filter(({ measure }) => measure === key)[pair]!.adjustedP!.toFixed(3);
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
    `larger than with the fixed weight (p = ${p('openLoopMse')}) and than with the one by uncertainty (p = ${p('openLoopMse', 2)}), and nothing is seen one step ahead (p = ${p('predictionMse')}, where`,
    `or of the reward (p = ${p('finalReward')})`,
    `which do not bear out the reward (p = ${reward})`,
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

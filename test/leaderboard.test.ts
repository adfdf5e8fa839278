import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import {
  improvementOf,
  iqmOf,
  meanOf,
  medianOf,
  optimalityGapOf,
  performanceProfile,
  type Scores,
  stratifiedIntervals,
} from '../src/aggregate.ts';
import { compareCommand } from '../src/cli/compare.ts';
import { effectsOf } from '../src/compare/effect.ts';
import { leaderboard } from '../src/compare/leaderboard/index.ts';
import { resamples } from '../src/compare/samples.ts';
import { loadExperiment } from '../src/config/load.ts';
import { experimentOf } from '../src/config/schema.ts';
import { environmentEntry, environmentNames } from '../src/envs/index.ts';
import { scoreBounds } from '../src/envs/normalisation.ts';
import { UserError } from '../src/errors.ts';
import { effectFigure } from '../src/figures/effects.ts';
import { leaderboardFigures } from '../src/figures/leaderboard.ts';
import { renderSvg } from '../src/figures/render.ts';
import { updateFlops } from '../src/methods/sac/flops.ts';
import { RandomStream } from '../src/random/stream.ts';
import { holm } from '../src/statistics.ts';
import { stratifiedWelch, welch } from '../src/student.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { runMaker } from './support/run-folders.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

/** rliable's own numbers (3ccd9f4, 1.2.0), and percentiles of 100,000 resamples by numpy; X and Y are [runs, tasks]. */
const reference = JSON.parse(readFileSync(new URL('fixtures/rliable.json', import.meta.url), 'utf8'));
const tasksOf = (runs: number[][]): Scores => runs[0]!.map((_, task) => runs.map((scores) => scores[task]!));
const [x, y] = [tasksOf(reference.X), tasksOf(reference.Y)];

function close(actual: number, expected: number, tolerance = 1e-12): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `expected ${expected}, got ${actual}`);
}

describe("aggregates are rliable's", () => {
  test('numbers', () => {
    for (const [name, scores] of [
      ['X', x],
      ['Y', y],
    ] as const) {
      close(meanOf(scores), reference[`${name} mean`]);
      close(medianOf(scores), reference[`${name} median`]);
      close(iqmOf(scores), reference[`${name} iqm`]);
      close(optimalityGapOf(scores), reference[`${name} optimality gap`]);
    }
    close(improvementOf(x, y), reference['P(X>Y)']);
    close(improvementOf(y, x), reference['P(Y>X)']);
    for (const [i, share] of performanceProfile(x, reference.taus).entries()) {
      close(share, reference['profile X runs'][i]);
    }
  });

  test('intervals, as far as 10,000 resamples tell', () => {
    const [iqm, mean, median, gap] = stratifiedIntervals(
      [x],
      (of) => [iqmOf(of), meanOf(of), medianOf(of), optimalityGapOf(of)],
      resamples,
    )!;
    const wanted = reference['numpy 100000 X'];
    for (const [found, [low, high]] of [
      [iqm!, wanted.iqm],
      [mean!, wanted.mean],
      [median!, wanted.median],
      [gap!, wanted.gap],
    ] as const) {
      close(found.low, low, 0.012);
      close(found.high, high, 0.012);
    }
    const [improvement] = stratifiedIntervals([x, y], (a, b) => [improvementOf(a, b)], resamples)!;
    close(improvement!.low, reference['numpy 100000 P(X>Y)'][0], 0.012);
    close(improvement!.high, reference['numpy 100000 P(X>Y)'][1], 0.012);
  });

  test('the test over tasks is that of Welch where there is one, and sums variances where there are several', () => {
    const [a, b] = [
      [402.5, 387.25, 420.125, 399],
      [500, 500, 491.5, 482.75, 402.5],
    ];
    assert.deepEqual(stratifiedWelch([a], [b]), welch(a, b));
    // By hand: means are 2 and 5 against 2 and 2, variances 1 and 4, three runs each.
    const found = stratifiedWelch(
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      [
        [0, 2, 4],
        [0, 2, 4],
      ],
    )!;
    close(found.t, 1.5 / Math.sqrt(10 / 12));
    close(found.degreesOfFreedom, (10 / 12) ** 2 / ((2 * ((1 / 12) ** 2 + (4 / 12) ** 2)) / 2));
    assert.equal(stratifiedWelch([[1]], [[2]]), null);
  });
});

test('random actions get what scores are counted from', () => {
  const page = readFileSync('docs/environments.md', 'utf8').split('\n');
  for (const name of environmentNames) {
    const bounds = scoreBounds(name);
    if (bounds === undefined) {
      assert.match(name, /Maze/);
      continue;
    }
    const { make } = environmentEntry(name);
    const environment = make();
    const { actionSpace } = environment;
    const random = RandomStream.named(0, 'random-actions');
    const returns = Array.from({ length: 40 }, () => {
      environment.reset(random);
      for (let sum = 0; ; ) {
        const action =
          actionSpace.kind === 'discrete'
            ? random.integer(actionSpace.n)
            : Float32Array.from(
                actionSpace.low,
                (low, i) => low + (actionSpace.high[i]! - low) * random.uniform(),
              );
        const { reward, terminated, truncated } = environment.step(action);
        sum += reward;
        if (terminated || truncated) return sum;
      }
    });
    const mean = returns.reduce((a, b) => a + b) / returns.length;
    const error = Math.sqrt(returns.reduce((sum, each) => sum + (each - mean) ** 2, 0) / 39 / 40);
    const rounding = 0.5 * 10 ** -(String(bounds.low).split('.')[1]?.length ?? 0);
    // Acrobot reaches its goal in few episodes, if any, so that their spread says little.
    const unseen = name === 'Acrobot-v1' ? 0.01 * (bounds.high - bounds.low) : 0;
    close(mean, bounds.low, 4 * error + rounding + unseen);
    // The page of environments says the same of MinAtar's.
    const row = page.find((line) => line.startsWith(`| ${name} |`));
    if (name.startsWith('MinAtar/')) assert.ok(row!.endsWith(`| ${bounds.low} |`), row);
    assert.ok(bounds.high > bounds.low);
  }
});

describe('a leaderboard', () => {
  const make = runMaker(temporaryFolder('leaderboard'));
  const of = (environment: string, arm: string, curves: number[][], further: string[] = []) =>
    make(`${environment}-${arm}`, { arm, curves, overrides: [`environment=${environment}`, ...further] });
  const last = (values: number[]) => values.map((value) => [value, value]);
  const dirs = [
    of('CartPole-v1', 'dream-critic', last([475, 475, 475, 475, 248.5])),
    of('CartPole-v1', 'baseline', last([22, 248.5, 22, 22, 22])),
    of('Pendulum-v1', 'dream-critic', last([-200, -200, -200, -200, -200])),
    of('Pendulum-v1', 'baseline', last([-1226, -1226, -713, -1226, -1226])),
    of('Pendulum-v1', 'sac', last([-150, -150, -150, -150, -150])),
  ];

  test('ranks by the interquartile mean, and says who lacks a task', async () => {
    const { standings, duels, notes, files } = await leaderboard(dirs);
    assert.deepEqual(
      standings.map(({ method, iqm, mean, optimalityGap }) => [
        method,
        iqm.value,
        mean.value,
        optimalityGap.value,
      ]),
      // Of ten scores two at each end are left out.
      [
        ['Dream critic', 1, 0.95, 0.050000000000000044],
        ['Baseline', 0, 0.1, 0.9],
      ],
    );
    const [duel] = duels;
    assert.deepEqual([duel!.method, duel!.against, duel!.seen], ['Dream critic', 'Baseline', 'better']);
    // Of the 25 pairs of CartPole's one is a tie; one that loses there is none.
    close(duel!.improvement.value, (24.5 / 25 + 1) / 2);
    assert.ok(
      notes.includes('Left out of what is over all tasks: SAC, without a finished run of CartPole-v1.'),
    );
    assert.match(files['leaderboard-tasks.csv']!, /^Pendulum-v1,50000,SAC,/m);
    for (const { spec, description } of leaderboardFigures(standings, duels)) {
      assert.match(`${await renderSvg(spec, description)}`, /^<svg .*<path/s);
    }
  });

  test('tells what training took, from the config and the updates made', async () => {
    const five = last([-200, -200, -200, -200, -200]);
    const { data, notes, text } = await leaderboard([
      of('Pendulum-v1', 'cost', five, ['method=sac', 'randomSteps=1000', 'steps=50000']),
      of('Pendulum-v1', 'uncounted', five, ['method=mbpo', 'steps=50000']),
      of('Pendulum-v1', 'evolved', five, ['method=ha-schmidhuber', 'steps=50000']),
    ]);
    const { tasks } = data as { tasks: Record<string, number | string | null>[] };
    const row = (run: string) => tasks.find((each) => each.run === `Pendulum-v1-${run}`)!;
    const spaces = agentSpaces(environmentEntry('Pendulum-v1'));
    const settings = experimentOf(
      loadExperiment({ file: 'sac.yaml', text: 'method: sac\nenvironment: Pendulum-v1' }),
      'sac',
    );
    const [{ hidden }, { heads }] = [settings.actor, settings.critic];
    // Actor 3 -> hidden -> 2, critics 3 + 1 -> hidden -> 1; each layer has biases, too.
    const numbers = (...widths: number[]) =>
      widths.slice(1).reduce((sum, width, i) => sum + (widths[i]! + 1) * width, 0);
    const [actor, critic] = [numbers(3, ...hidden, 2), numbers(4, ...settings.critic.hidden, 1)];
    assert.equal(row('cost').parameters, actor + heads * critic);
    const biases = [...hidden, 2].reduce((sum, n) => sum + n, 0);
    const { update } = updateFlops(settings, spaces);
    // 12,250 updates and 50,000 steps, of which 1,000 are random.
    close(
      row('cost').flop_per_step as number,
      (12_250 * update + 49_000 * 2 * (actor - biases)) / 50_000,
      1e-6,
    );
    // MBPO's five networks foresee 4 -> 2 × 4 numbers and 3 -> an end, and have bounds of four variances.
    const networks = 5 * (numbers(4, 64, 64, 64, 8) + numbers(3, 64, 64, 64, 1)) + 2 * 4;
    const soft = numbers(3, 256, 256, 2) + 2 * numbers(4, 256, 256, 1);
    assert.deepEqual([row('uncounted').parameters, row('uncounted').flop_per_step], [networks + soft, null]);
    assert.ok(
      notes.some((note) =>
        /^The FLOP of training cannot be told from the config: .*uncounted\.$/i.test(note),
      ),
    );
    assert.equal(row('evolved').flop_per_step, null);
    assert.ok((row('evolved').flop_per_step_at_most as number) > 0);
    assert.match(text, / ≤ \d/);
  });

  test('says in what methods are evaluated otherwise, and tells the intervals that it prints', async () => {
    const { notes, files } = await leaderboard([
      dirs[0]!,
      of('CartPole-v1', 'seldom', last([475, 475, 475, 475, 248.5]), ['evaluation.every=5000']),
    ]);
    const [every] = notes.filter((note) => note.startsWith('Not the same steps between evaluations'));
    assert.match(
      every!,
      /^Not the same steps between evaluations on CartPole-v1: Dream critic 2,000; Seldom 5,000\.$/,
    );
    assert.match(files['leaderboard-tasks.csv']!, /,score_iqm,score_iqm_low,score_iqm_high,score_mean,/);
  });

  test('claims nothing where P(X > Y) and the difference of means part', async () => {
    const from = (first: number) => last([0, 1, 2, 3, 4].map((more) => first + more));
    const { duels } = await leaderboard([
      of('CartPole-v1', 'planet', from(300)),
      of('CartPole-v1', 'simple', from(290)),
      of('Acrobot-v1', 'planet', from(-310)),
      of('Acrobot-v1', 'simple', from(-320)),
      of('Pendulum-v1', 'planet', from(-1226)),
      of('Pendulum-v1', 'simple', from(-200)),
    ]);
    const [{ improvement, difference, adjustedP, seen }] = duels as [(typeof duels)[number]];
    assert.ok((improvement.value - 0.5) * difference < 0 && adjustedP! < 0.05);
    assert.ok(improvement.interval!.low > 0.5 || improvement.interval!.high < 0.5);
    assert.equal(seen, 'none');
  });

  const refused = (given: readonly string[], message: RegExp) =>
    assert.rejects(
      leaderboard(given),
      (error) => error instanceof UserError && message.test(error.message) && !error.message.includes('\n'),
    );

  test('refuses what cannot be averaged', async () => {
    await refused(
      [...dirs, of('DynaMaze', 'baseline', last([1, 1]))],
      /is of DynaMaze, whose returns have no bounds/,
    );
    await refused(
      [dirs[0]!, of('CartPole-v1', 'ppo', last([1, 2, 3]))],
      /has 5 seeds and .*CartPole-v1-ppo has 3; /,
    );
    await refused(
      [dirs[0]!, of('CartPole-v1', 'dqn', last([1, 2, 3, 4, 5]), ['steps=40000'])],
      /has 50,000 environment steps and .*dqn has 40,000; /,
    );
    await refused(
      [dirs[0]!, of('CartPole-v1', 'ppo-until', last([1, 2, 3, 4, 5]), ['stopWhen.reward=475'])],
      /ends early never and .*ppo-until reward 475 in \d+ evaluations? \(stopWhen\), and an end at a good /,
    );
    const impossible = of('CartPole-v1', 'impossible', last([1, 2, 3, 4, 501]));
    await refused(
      [impossible],
      /^the numbers of a seed cannot be right in .*impossible \(seed \d: reward_mean 501 at /,
    );
    assert.ok(
      (await leaderboard([...dirs, impossible])).notes.some((note) =>
        /^Left out, numbers that cannot be right: .*impossible \(seed \d: reward_mean 501 .*\)\.$/.test(note),
      ),
    );
    await refused(['runs/offline/cartpole'], /^runs\/offline\/\S+ is of \S+, which learns from a data set: /);
    const twin = make('twin', { arm: 'baseline', curves: last([1, 2, 3, 4, 5]) });
    await refused([dirs[1]!, twin], /baseline and .*twin are both Baseline on CartPole-v1; /);
    const half = make('half', { arm: 'muzero', curves: last([1]), seeds: [0, 1] });
    await refused([half], /^none of these runs is finished/);
    assert.ok(
      (await leaderboard([...dirs, half])).notes.some((note) =>
        /^Left out, not every seed .*half\.$/.test(note),
      ),
    );
  });

  test('is not printed beside what is of Table 1', async () => {
    await assert.rejects(compareCommand(dirs, { leaderboard: true, paper: true }), {
      message: '--paper and --leaderboard print different tables; give one of them',
    });
  });
});

describe('the effect of a key', () => {
  const make = runMaker(temporaryFolder('effect'));
  const curves = (rewards: number[]) => rewards.map((reward) => [reward]);
  const arm = (name: string, shapes: boolean, errors: number[], rewards: number[], steps = 50_000) =>
    make(name, {
      ...{ curves: curves(rewards), errors, further: { open_loop_mse_15: errors.map((error) => error * 3) } },
      // What changes nothing that is learnt makes no other run.
      overrides: [`critic.shapesModel=${shapes}`, `steps=${steps}`, `film=${shapes}`],
    });
  const rewards = [100, 110, 120, 130, 140];
  const on = arm('on', true, [0.02, 0.03, 0.04, 0.05, 0.06], rewards);
  const off = arm('off', false, [0.002, 0.003, 0.004, 0.005, 0.006], rewards.toReversed());

  test('is a factor of errors and a difference of rewards, over runs that differ in it alone', () => {
    const alone = arm('alone', true, [1, 1, 1, 1, 1], rewards, 40_000);
    const { effects, notes } = effectsOf([off, alone, on], 'critic.shapesModel');
    const [oneStep, openLoop, reward] = effects;
    assert.deepEqual(
      effects.map(({ measure, seen }) => [measure, seen]),
      [
        ['prediction_mse', 'larger'],
        ['open_loop_mse_15', 'larger'],
        ['reward_mean', 'none'],
      ],
    );
    close(oneStep!.effect, 10, 1e-9);
    close(openLoop!.effect, 10, 1e-9);
    close(oneStep!.means[0], 0.04);
    assert.equal(reward!.effect, 0);
    const logarithms = (values: number[]) => values.map(Math.log);
    const test = welch(
      logarithms([0.02, 0.03, 0.04, 0.05, 0.06]),
      logarithms([0.002, 0.003, 0.004, 0.005, 0.006]),
    );
    close(oneStep!.welch!.p, test!.p, 1e-12);
    assert.ok(notes.some((note) => /^Left out, alone with its other settings: .*alone\.$/.test(note)));
  });

  test('counts keys that only one value has as its own', () => {
    const [fixed, learnt] = ['fixed', 'gradnorm'].map((balance) =>
      make(balance, { curves: curves(rewards), overrides: [`critic.balance=${balance}`] }),
    );
    const { effects } = effectsOf([fixed!, learnt!], 'critic.balance');
    assert.deepEqual(
      effects.map(({ measure, values }) => [measure, ...values]),
      [['reward_mean', 'fixed', 'gradnorm']],
    );
  });

  test('is refused where runs differ from a third one in the key alone, and from each other in more', () => {
    const balanced = (name: string, balance: string, alpha?: number) =>
      make(name, {
        curves: curves(rewards),
        overrides: [`critic.balance=${balance}`, ...(alpha ? [`critic.gradNorm.alpha=${alpha}`] : [])],
      });
    const dirs = [balanced('g0', 'fixed'), balanced('g1', 'gradnorm', 1), balanced('g2', 'gradnorm', 2)];
    for (const order of [dirs, dirs.toReversed()]) {
      assert.throws(
        () => effectsOf(order, 'critic.balance'),
        /differ in critic\.gradNorm\.alpha, and each from .*g0 in critic\.balance alone; give them apart$/,
      );
    }
  });

  test('has one order of values in all pairs, and one family of tests for each question', () => {
    const of = (name: string, horizon: number, steps: number, errors: number[], latents = false) =>
      make(name, {
        ...{ arm: `arm-${steps > 30_000}`, curves: curves(errors.map(() => 100)) },
        ...(latents ? { further: { consistency_1: errors } } : { errors }),
        overrides: [`horizon=${horizon}`, `steps=${steps}`],
      });
    const [low, high] = [
      [1, 2, 3, 4, 5],
      [6, 7, 8, 9, 10],
    ];
    const dirs = [of('a5', 5, 50_000, high!), of('a10', 10, 50_000, low!)];
    const latents = [of('b10', 10, 40_000, low!, true), of('b5', 5, 40_000, high!, true)];
    const few = [of('c10', 10, 30_000, [1, 2], true), of('c5', 5, 30_000, [3, 4], true)];
    const { effects, files } = effectsOf([...dirs, ...latents, ...few], 'horizon');
    const errors = effects.filter(({ measure }) => measure !== 'reward_mean');
    assert.deepEqual(
      errors.map(({ measure, values, seen }) => [measure, ...values, seen]),
      [
        ['prediction_mse', '5', '10', 'larger'],
        ['consistency_1', '5', '10', 'larger'],
        ['consistency_1', '5', '10', 'too few'],
      ],
    );
    assert.ok(errors.every(({ effect }) => effect > 1));
    assert.deepEqual(
      errors.map(({ label }) => label),
      // Pairs that would be called alike are told apart by the folder of their first run.
      ['Arm true, CartPole-v1 (a5)', 'Arm true, CartPole-v1 (b5)', 'Arm false, CartPole-v1'],
    );
    const { caption, description } = effectFigure('horizon', effects);
    assert.match(caption, /measured in latents\.$/);
    assert.match(
      description,
      /One step ahead: .* \(a5\) 3\.\d+ \(1\.\d+ to \d\.\d+, seen\); .* false, CartPole-v1 [\d.]+ \([\d.]+ to [\d.]+\)\. Final/,
    );
    const ps = errors.map(({ welch }) => welch!.p);
    assert.deepEqual(
      errors.map(({ adjustedP }) => adjustedP),
      [...holm(ps.slice(0, 2)), null],
    );
    assert.match(files['effects.csv']!, /^measure,pair,value,against_value,/);
    const zeros = [of('e5', 5, 20_000, [0, ...high!.slice(1)]), of('e10', 10, 20_000, low!)];
    assert.ok(
      effectsOf(zeros, 'horizon').notes.some((note) =>
        /^Left out of prediction_mse, not finite, or not above 0 and without a logarithm: 1 of /.test(note),
      ),
    );
    for (const [key, says] of [
      ['Horizon', /did you mean horizon\?$/],
      ['shapesModel', /did you mean critic\.shapesModel\?$/],
      ['critic', /it holds other keys; give one of them, critic\./],
      ['beta.to', /beta is compared as a whole; give --effect beta$/],
      ['nothing', /none of the runs has such a key; those of a run stand in its config\.yaml$/],
    ] as const) {
      assert.throws(() => effectsOf(dirs, key), says);
    }
    assert.throws(
      () => effectsOf([...dirs, latents[0]!, of('d20', 20, 40_000, high!, true)], 'horizon'),
      /have the values 5, 10 of horizon, and .* 10, 20; an effect is of the same values everywhere/,
    );
  });

  test('of a key with several values is that of every two of them, in one family of tests', () => {
    const errors = [1, 2, 3, 4, 5];
    const of = (name: string, horizon: number, factor: number, steps = 50_000) =>
      make(name, {
        ...{ arm: 'several', curves: curves(rewards), errors: errors.map((error) => error * factor) },
        overrides: [`horizon=${horizon}`, `steps=${steps}`],
      });
    const dirs = [of('s5', 5, 1), of('s10', 10, 10), of('s20', 20, 100)];
    const { effects, text, files } = effectsOf(dirs, 'horizon');
    const oneStep = effects.filter(({ measure }) => measure === 'prediction_mse');
    assert.deepEqual(
      oneStep.map(({ short, values, seen }) => [short, ...values, seen]),
      [
        ['5 against 10', '5', '10', 'smaller'],
        ['5 against 20', '5', '20', 'smaller'],
        ['10 against 20', '10', '20', 'smaller'],
      ],
    );
    for (const [i, factor] of [0.1, 0.01, 0.1].entries()) close(oneStep[i]!.effect, factor, 1e-9);
    assert.deepEqual(
      oneStep.map(({ adjustedP }) => adjustedP),
      holm(oneStep.map(({ welch }) => welch!.p)),
    );
    assert.match(text, /^One step ahead +First +Second +Factor /m);
    assert.match(text, /^horizon of Several, CartPole-v1: 5, 10 and 20, each against those after it\. /m);
    assert.match(files['effects.csv']!, /^prediction_mse,"Several, CartPole-v1, 5 against 10",5,10,/m);
    assert.match(effectFigure('horizon', effects).title, /^Effect of horizon$/);
    // On several tasks each row says which.
    const elsewhere = [of('t5', 5, 1, 40_000), of('t10', 10, 10, 40_000), of('t20', 20, 100, 40_000)];
    const labels = effectsOf([...dirs, ...elsewhere], 'horizon').effects.map(({ label }) => label);
    assert.deepEqual(labels.slice(0, 4), [
      'Several, CartPole-v1 (s5), 5 against 10',
      'Several, CartPole-v1 (s5), 5 against 20',
      'Several, CartPole-v1 (s5), 10 against 20',
      'Several, CartPole-v1 (t5), 5 against 10',
    ]);
  });

  test('is refused where no two runs have it', () => {
    assert.throws(() => effectsOf([on, off], 'lambda'), {
      message:
        'no two finished runs differ in lambda alone; give the folders of some that do, such as the cells of a sweep of it',
    });
    const again = arm('again', true, [1, 1, 1, 1, 1], rewards);
    assert.throws(
      () => effectsOf([on, off, again], 'critic.shapesModel'),
      /on and .*again have the value true of critic\.shapesModel and differ in nothing else; give one of them$/,
    );
  });
});

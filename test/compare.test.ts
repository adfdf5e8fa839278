import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { bootstrapInterval } from '../src/bootstrap.ts';
import { compareByEnvironment, compareRuns } from '../src/compare/index.ts';
import { formatInterval, formatMean, wholeNumber } from '../src/compare/numbers.ts';
import { armTitle, resamples } from '../src/compare/samples.ts';
import { UserError } from '../src/errors.ts';
import { parseCsv } from '../src/runs/csv.ts';
import { readRun } from '../src/runs/read.ts';
import { estimate, mean, standardDeviation } from '../src/statistics.ts';
import { grouped } from '../src/words.ts';
import { publishedAt, publishedRows, rowsOf } from './support/published.ts';
import { runMaker } from './support/run-folders.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const runs = temporaryFolder('compare');

const makeRun = runMaker(runs);

const baseline = makeRun('baseline', {
  seeds: [0, 1, 7],
  // Crosses and collapses; stays below.
  curves: [
    [100, 450, 300, 200],
    [100, 200, 399.9, 399.5],
  ],
  errors: [2.5e-4, 1.75e-4],
  wallSeconds: [3600.5, 3700],
});
const dream = makeRun('dream-critic', {
  // The first dips after its crossing; the second stays; the third gets there last.
  curves: [
    [420, 390, 500, 500],
    [410, 400, 400, 500],
    [100, 200, 300, 470],
  ],
  errors: [0.00999, 0.00999, 0.00999],
  wallSeconds: [10, 11, 12],
  workers: [[0, 1, 2]],
  engine: 'tensorflow',
});
/** The same data with 12 significant digits of every number: sums depend on their order in the last ones. */
const rounded = (data: unknown): unknown =>
  JSON.parse(JSON.stringify(data), (_, value) =>
    typeof value === 'number' ? Number(value.toPrecision(12)) : value,
  );

const bothRuns = compareRuns([baseline, dream], { paper: false });

test('a row holds the means over the finished seeds, a collapsed seed has not reached 400', () => {
  const [row, dreamRow] = bothRuns.rows;
  const notMeasured = { mean: null, std: null, interval: null, interquartileMean: null };
  assert.deepEqual(
    rounded(row),
    rounded({
      label: 'Baseline',
      arm: 'baseline',
      run: 'baseline',
      cell: null,
      seeds: 2,
      // Of two seeds a quarter of the resamples is twice the same one: the interval's ends.
      finalReward: {
        mean: 299.75,
        std: 199.5 / Math.SQRT2,
        interval: { low: 200, high: 399.5 },
        interquartileMean: 299.75,
      },
      finalRewardLastThree: {
        mean: 324.9,
        std: standardDeviation([950 / 3, 999.4 / 3]),
        interval: { low: 950 / 3, high: 999.4 / 3 },
        interquartileMean: 324.9,
      },
      predictionMse: {
        mean: 2.125e-4,
        std: standardDeviation([2.5e-4, 1.75e-4]),
        interval: { low: 1.75e-4, high: 2.5e-4 },
        interquartileMean: 2.125e-4,
      },
      predictionMseStandardised: {
        mean: 4.25e-3,
        std: standardDeviation([5e-3, 3.5e-3]),
        interval: { low: 3.5e-3, high: 5e-3 },
        interquartileMean: 4.25e-3,
      },
      rewardMse: notMeasured,
      openLoopMse: notMeasured,
      probeR2: notMeasured,
      effectiveRank: notMeasured,
      stepsTo400: { mean: null, reached: 0 },
      firstCrossing400: { mean: 4000, reached: 1 },
      // CartPole-v1 counts as solved from 475 on.
      stepsToThreshold: { mean: null, reached: 0 },
      firstCrossing: { mean: null, reached: 0 },
      wallSeconds: 3650.25,
      secondsPerSeed: 3650.25,
      seedsPerWorker: [1],
      workers: 2,
      engine: 'wasm',
    }),
  );
  assert.deepEqual(dreamRow?.stepsTo400, { mean: (6000 + 2000 + 8000) / 3, reached: 3 });
  assert.deepEqual(dreamRow?.firstCrossing400, { mean: (2000 + 2000 + 8000) / 3, reached: 3 });
  assert.deepEqual(dreamRow?.stepsToThreshold, { mean: (6000 + 8000) / 2, reached: 2 });
  assert.deepEqual(dreamRow?.firstCrossing, { mean: (6000 + 8000) / 2, reached: 2 });
});

test('text: Table 1 first, aligned, in two parts, notes wrapped; then how sure it is', () => {
  assert.equal(
    bothRuns.text,
    `\
Arm           Seeds   Final reward  Last three  Prediction error    Steps to 400
Baseline          2  299.8 ± 141.1       324.9    (2.1 ± 0.5)e-4           never
Dream critic      3   490.0 ± 17.3       406.7     0.010 ± 0.000  5,333 (3 of 3)

Arm           Standardised error  First crossing  Seconds per seed  Per worker  Engine
Baseline          (4.3 ± 1.1)e-3  4,000 (1 of 2)             3,650           1  wasm
Dream critic         0.20 ± 0.00  4,000 (3 of 3)                 4           3  tensorflow

Mean ± standard deviation (n - 1) over seeds. Prediction error: one step ahead, on the held-out set,
raw units. Steps to 400: environment steps until the reward stays at or above 400; first crossing:
until it first is there; both over the seeds that got there. Seconds per seed: wall time of a worker
process divided by the seeds that it trains side by side (per worker).
Baseline: left out, not finished: seed 7.

Final reward  Seeds           Mean   95 % interval  Interquartile mean
Baseline          2  299.8 ± 141.1  [200.0, 399.5]               299.8
Dream critic      3   490.0 ± 17.3  [470.0, 500.0]               490.0

Final reward  Against       Difference    95 % interval     t      p  P(better)  Seen
Baseline      Dream critic      -190.3  [-300.0, -80.5]  -1.9  0.305       0.00  too few

Last three    Seeds          Mean   95 % interval  Interquartile mean
Baseline          2  324.9 ± 11.6  [316.7, 333.1]               324.9
Dream critic      3  406.7 ± 73.7  [323.3, 463.3]               406.7

Last three  Against       Difference  95 % interval     t      p  P(better)  Seen
Baseline    Dream critic       -81.8  [-138.4, 1.6]  -1.9  0.191       0.17  too few

Prediction error  Seeds            Mean   95 % interval  Interquartile mean
Baseline              2  (2.1 ± 0.5)e-4   [1.8, 2.5]e-4              2.1e-4
Dream critic          3   0.010 ± 0.000  [0.010, 0.010]               0.010

Prediction error  Against       Difference    95 % interval       t      p  P(better)  Seen
Baseline          Dream critic     -9.8e-3  [-9.8, -9.7]e-3  -260.7  0.002       1.00  too few

Standardised error  Seeds            Mean  95 % interval  Interquartile mean
Baseline                2  (4.3 ± 1.1)e-3  [3.5, 5.0]e-3              4.3e-3
Dream critic            3     0.20 ± 0.00   [0.20, 0.20]                0.20

Standardised error  Against       Difference   95 % interval       t      p  P(better)  Seen
Baseline            Dream critic       -0.20  [-0.20, -0.19]  -260.7  0.002       1.00  too few

95 % interval: of the mean, or of the difference of two means, by percentile bootstrap; of few seeds
it is too narrow (of 5 it holds the mean about 84 times in 100, of 10 about 90). Interquartile mean:
without the least and the greatest quarter of the seeds.
t, p: Welch's test, two-sided, – where neither arm varies; p is not adjusted for the number of
comparisons. P(better): how probable it is that a seed is better than one of the other arm, equal
ones counting half. Seen: better or worse only where the interval excludes 0 and p < 0.05; none: no
difference is seen, which is no proof that there is none, the interval says how large it may be; too
few: under 5 seeds nothing is claimed.
`,
  );
});

test('CSV: full precision, never is empty with its count', () => {
  const { columns, rows } = parseCsv(bothRuns.files()['table1.csv']!, 'table1.csv');
  assert.deepEqual(
    rounded(columns.map((column) => [column, ...rows.map((row) => row[column])])),
    rounded([
      ['label', 'Baseline', 'Dream critic'],
      ['arm', 'baseline', 'dream-critic'],
      ['run', 'baseline', 'dream-critic'],
      ['seeds', 2, 3],
      ['final_reward_mean', 299.75, 490],
      ['final_reward_std', 199.5 / Math.SQRT2, Math.sqrt(300)],
      ['final_reward_low', 200, 470],
      ['final_reward_high', 399.5, 500],
      ['final_reward_interquartile_mean', 299.75, 490],
      ['final_reward_last_three', 324.9, 1220 / 3],
      ['final_reward_last_three_std', standardDeviation([950 / 3, 999.4 / 3]), 73.71114795831994],
      ['final_reward_last_three_low', 950 / 3, 970 / 3],
      ['final_reward_last_three_high', 999.4 / 3, 1390 / 3],
      ['final_reward_last_three_interquartile_mean', 324.9, 1220 / 3],
      ['prediction_mse_mean', 2.125e-4, 0.00999],
      ['prediction_mse_std', standardDeviation([2.5e-4, 1.75e-4]), 0],
      ['prediction_mse_low', 1.75e-4, 0.00999],
      ['prediction_mse_high', 2.5e-4, 0.00999],
      ['prediction_mse_interquartile_mean', 2.125e-4, 0.00999],
      ['prediction_mse_standardised_mean', 0.00425, 0.1998],
      ['prediction_mse_standardised_std', standardDeviation([0.005, 0.0035]), 0],
      ['prediction_mse_standardised_low', 0.0035, 0.1998],
      ['prediction_mse_standardised_high', 0.005, 0.1998],
      ['prediction_mse_standardised_interquartile_mean', 0.00425, 0.1998],
      ['steps_to_400', null, 16_000 / 3],
      ['steps_to_400_reached', 0, 3],
      ['first_crossing_400', 4000, 4000],
      ['first_crossing_400_reached', 1, 3],
      ['wall_seconds', 3650.25, 11],
      ['seconds_per_seed', 3650.25, 11 / 3],
      ['seeds_per_worker', 1, 3],
      ['workers', 2, 1],
      ['engine', 'wasm', 'tensorflow'],
    ]),
  );
});

test('Markdown', () => {
  const [main, further, notes, ...statistics] = bothRuns.files()['table1.md']!.split('\n\n');
  assert.equal(
    main,
    '| Arm | Seeds | Final reward | Last three | Prediction error | Steps to 400 |\n' +
      '| --- | ---: | ---: | ---: | ---: | ---: |\n' +
      '| Baseline | 2 | 299.8 ± 141.1 | 324.9 | (2.1 ± 0.5)e-4 | never |\n' +
      '| Dream critic | 3 | 490.0 ± 17.3 | 406.7 | 0.010 ± 0.000 | 5,333 (3 of 3) |',
  );
  assert.match(
    further!,
    /\n\| Baseline \| \(4\.3 ± 1\.1\)e-3 \| 4,000 \(1 of 2\) \| 3,650 \| 1 \| wasm \|\n/,
  );
  assert.equal(notes!.split('\n')[1], '- Baseline: left out, not finished: seed 7.');
  assert.equal(
    statistics[1]!.split('\n')[2],
    '| Baseline | Dream critic | -190.3 | \\[-300.0, -80.5\\] | -1.9 | 0.305 | 0.00 | too few |',
  );
});

test('LaTeX without packages', () => {
  const [first, ...rest] = bothRuns.files()['table1.tex']!.split('\\par');
  assert.equal(
    first,
    String.raw`{\footnotesize\setlength{\tabcolsep}{3pt}%
\noindent\begin{tabular}{lrrrrr}
\hline
Arm & Seeds & Final reward & Last three & Prediction error & Steps to 400 \\
\hline
Baseline & 2 & 299.8 $\pm$ 141.1 & 324.9 & (2.1 $\pm$ 0.5)$\cdot 10^{-4}$ & never \\
Dream critic & 3 & 490.0 $\pm$ 17.3 & 406.7 & 0.010 $\pm$ 0.000 & 5,333 (3 of 3) \\
\hline
\end{tabular}`,
  );
  assert.ok(
    rest.join('').includes('\n\\noindent Baseline: left out, not finished: seed 7.\n'),
    'the note is missing',
  );
  assert.ok(
    rest
      .join('')
      .includes(
        String.raw`Baseline & Dream critic & $-$9.8$\cdot 10^{-3}$ & {[}$-$9.8, $-$9.7]$\cdot 10^{-3}$ & $-$260.7`,
      ),
    'a pair with negative numbers is missing',
  );
});

test("the paper's numbers stand beside its two arms, and what it leaves unsaid under them", () => {
  const again = makeRun('again', { arm: 'baseline', curves: [[500]], overrides: ['steps=50000'] });
  const other = makeRun('shape-only', { curves: [[500]], overrides: ['steps=50000'] });
  const { rows, text, notes, files } = compareRuns([baseline, dream, again, other], { paper: true });
  const [main, further] = text.split('\n\n');
  assert.deepEqual(
    rows.map(({ label }) => label),
    [
      'Baseline (baseline)',
      'Dream critic',
      'Dream critic (paper)',
      'Baseline (again)',
      'Baseline (paper)',
      'Shape only',
    ],
  );
  assert.match(main!, /Baseline \(paper\) +5 +402\.3 ± 15\.2 +– +0\.085 ± 0\.012 +18,500\n/);
  assert.match(main!, /Dream critic \(paper\) +5 +482\.7 ± 8\.4 +– +0\.052 ± 0\.008 +12,200\n/);
  assert.doesNotMatch(further!, /paper/);
  assert.equal(notes.length, 2);
  assert.match(notes[1]!, /^The paper states neither the space/);
  const paper = parseCsv(files()['table1.csv']!, 'table1.csv').rows.find(
    ({ label }) => label === 'Baseline (paper)',
  )!;
  assert.deepEqual(
    [paper.run, paper.prediction_mse_std, paper.steps_to_400, paper.steps_to_400_reached],
    [null, 0.012, 18_500, null],
  );
  assert.deepEqual(compareRuns([other], { paper: true }).notes, []);
});

test('what not every model is measured in is told where a run has it, or where every run has', () => {
  const rewarded = makeRun('rewarded', { curves: [[500], [500]], further: { reward_mse: [0.1, 0.3] } });
  const compared = compareRuns([rewarded, baseline], { paper: false });
  const measures = ({ sections }: typeof compared) => sections.statistics.tables.map(({ head }) => head[0]);
  assert.ok(measures(compared).includes('Reward error'));
  assert.ok(!measures(compared).includes('Open loop, 15 steps'));
  const { files } = compared;
  const [own, other] = parseCsv(files()['table1.csv']!, 'table1.csv').rows;
  assert.deepEqual([own!.reward_mse_mean, other!.reward_mse_mean], [0.2, null]);
  const pairs = parseCsv(files()['table1-pairs.csv']!, 'table1-pairs.csv').rows;
  assert.deepEqual(
    pairs.filter(({ measure }) => measure === 'reward_mse').map(({ seen }) => seen),
    [null],
  );
  assert.ok(!measures(compareRuns([baseline], { paper: false })).includes('Reward error'));

  const seeds = { curves: Array.from({ length: 5 }, () => [500]) };
  const probed = (name: string, probe_r2: number[], further: Record<string, number[]> = {}) =>
    makeRun(name, { ...seeds, further: { probe_r2, ...further } });
  const high = probed('high', [0.9, 0.91, 0.92, 0.93, 0.94], { effective_rank: [3, 3, 3, 3, 3] });
  const low = probed('low', [-0.1, -0.004, 0.1, 0.2, 0.3]);
  const none = makeRun('unfinished', { seeds: [0], curves: [] });
  const both = compareRuns([low, high, none], { paper: false, seedValues: true });
  assert.ok(measures(both).includes('Probe R²'), 'a run without finished seeds hides nothing');
  assert.ok(!measures(both).includes('Effective rank'), 'one of two has it');
  assert.match(both.text, /\nHigh +5 +0\.92 ± 0\.02 +\[0\.91, 0\.93\] +0\.92\n/);
  assert.match(both.text, /\nLow +High +-0\.82 .* worse\n/);
  assert.match(both.files()['table1-seeds.csv']!, /^[^\n]*,probe_r2,steps_to_400,/);
  assert.ok(both.files()['table1.tex']!.includes('\nProbe R$^2$ & Seeds &'));
  assert.ok(measures(compareRuns([high], { paper: false })).includes('Effective rank'));
  assert.ok(!measures(compareRuns([high, baseline], { paper: false })).includes('Probe R²'));
  assert.ok(!measures(compareRuns([none], { paper: false })).includes('Probe R²'));
});

test('different conditions are said, the paper included', () => {
  const short = makeRun('short', {
    arm: 'dream-critic',
    curves: [[500]],
    overrides: ['steps=8000', 'evaluation.episodes=20', 'evaluation.every=1000'],
  });
  const madeBy = (dir: string, changes: Record<string, unknown>) => {
    const file = join(dir, 'run.json');
    const { sittings: _, ...info } = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify({ ...info, ...changes }));
  };
  madeBy(baseline, {});
  const inMaze = (map: string, name: string) =>
    makeRun(name, { curves: [[1]], overrides: ['environment=Maze', `maze=${map}`] });
  const mazes = compareRuns([inMaze('SG', 'one-maze'), inMaze('S.G', 'other-maze')], { paper: false });
  assert.ok(
    mazes.notes.some((note) => /^Not the same environment: .* Maze SG; .* Maze S\.G\.$/.test(note)),
    mazes.notes.join(' '),
  );
  madeBy(short, { wmVersion: '0.2.0', gitCommit: 'f'.repeat(40) });
  const { notes, text } = compareRuns([baseline, short], { paper: false });
  assert.deepEqual(notes.slice(1), [
    'Not the same environment steps: Baseline 50,000; Dream critic 8,000.',
    'Not the same episodes per evaluation: Baseline 100; Dream critic 20.',
    'Not the same steps between evaluations, on which steps to the threshold, first crossing and last three depend: Baseline 2,000; Dream critic 1,000.',
    'Not the same wm: Baseline 0.1.0; Dream critic 0.2.0 (ffffffffffff).',
  ]);
  assert.match(text, /\nBaseline +Dream critic +-200\.3 .* unlike\n/);
  assert.match(text.replaceAll('\n', ' '), /; unlike: nor is it of runs of different length or environment,/);
  assert.equal(
    compareRuns([short], { paper: true }).notes[0],
    'Not the same environment steps: Dream critic 8,000; the paper 50,000.',
  );
});

test('one seed has no deviation; no seed has no numbers', () => {
  const one = makeRun('one', { curves: [[450]], errors: [3e-4] });
  const none = makeRun('none', { seeds: [0, 1], curves: [] });
  const { text, notes, rows } = compareRuns([one, none], { paper: false });
  assert.match(text, /\nOne +1 +450\.0 +450\.0 +3\.0e-4 +2,000 \(1 of 1\)\n/);
  assert.match(text, /\nNone +0 +– +– +– +–\n/);
  assert.deepEqual(rows[1]!.finalReward, {
    mean: null,
    std: null,
    interval: null,
    interquartileMean: null,
  });
  assert.deepEqual(notes, ['None: left out, not finished: seeds 0, 1.']);
  const alone = compareRuns([none], { paper: true, seedValues: true });
  assert.match(alone.files()['table1-seeds.csv']!, /^label,arm,run,seed,final_reward,[^\n]*\n$/);
  assert.match(alone.text, /\nNone +0 +– +– +–\n/);
});

test('a seed that lacks a number, or has one that cannot be, is left out and named', () => {
  const dir = makeRun('faulty', {
    curves: [
      [400, 450],
      [400, 500.5],
      [400, 460],
      [0, 500],
      [400, 470],
      [400, 480],
    ],
    errors: [1e-4, 1e-4, 1e-4, 1e-4, -1e-4],
  });
  const third = join(dir, 'seed-2', 'metrics.csv');
  writeFileSync(third, readFileSync(third, 'utf8').replace('reward_mean', 'reward_median'));
  const copied = makeRun('copied', {
    arm: 'dream-critic',
    curves: [
      [400, 450],
      [400, 460],
    ],
  });
  cpSync(join(copied, 'seed-0'), join(copied, 'seed-1'), { recursive: true });
  assert.deepEqual(compareRuns([copied], { paper: false }).notes, [
    'Dream critic: left out, metrics.csv is of seed 0: seed 1.',
  ]);
  const { rows, notes } = compareRuns([dir], { paper: false });
  assert.deepEqual(notes, [
    'Faulty: left out, reward_mean 500.5 at step 4,000, CartPole-v1 gives 1 to 500: seed 1.',
    'Faulty: left out, no reward_mean at step 2,000: seed 2.',
    'Faulty: left out, reward_mean 0 at step 2,000, CartPole-v1 gives 1 to 500: seed 3.',
    'Faulty: left out, prediction_mse -0.0001 at step 2,000, an error has no sign: seed 4.',
    'Faulty: prediction_mse is of the other seeds, missing: seed 5.',
    'Faulty: prediction_mse_standardised is of the other seeds, missing: seed 5.',
  ]);
  const [row] = rows;
  assert.deepEqual([row!.seeds, row!.finalReward.mean, row!.predictionMse.mean], [2, 465, 1e-4]);
  assert.deepEqual(row!.stepsTo400, { mean: 2000, reached: 2 });
});

test('what shared a worker process is read from done.json and events.jsonl, and unknown where they differ', () => {
  const seconds = (dir: string) => {
    const { rows, notes } = compareRuns([dir], { paper: false });
    return [rows[0]!.secondsPerSeed, rows[0]!.seedsPerWorker, rows[0]!.workers, notes];
  };
  const run = { curves: [[450], [450], [450], [450]], wallSeconds: [90, 90, 90, 20] };
  const dir = makeRun('shared', { ...run, workers: [[0, 1, 2], [3]] });
  const events = join(dir, 'events.jsonl');
  const worker = (seeds: number[]) => `${JSON.stringify({ kind: 'worker', pid: 1, seeds })}\n`;
  assert.deepEqual(seconds(dir), [27.5, [1, 3], 2, []]);
  writeFileSync(events, `{"kind":"start"}\n${worker([0, 1, 2])}${worker([3])}{"ki`);
  assert.deepEqual(seconds(dir), [27.5, [1, 3], 2, []], 'the same, a torn line aside');
  // Runs made before done.json said it.
  for (const seed of [0, 1, 2, 3]) {
    const done = join(dir, `seed-${seed}`, 'done.json');
    const { worker: _, ...rest } = JSON.parse(readFileSync(done, 'utf8'));
    writeFileSync(done, JSON.stringify(rest));
  }
  assert.deepEqual(seconds(dir), [27.5, [1, 3], 2, []]);
  const unknown = (seeds: string) => [
    null,
    [],
    null,
    [`Shared: seconds per seed unknown, what shared a worker is not recorded or changed: ${seeds}.`],
  ];
  writeFileSync(events, worker([0, 1, 2]) + worker([3]) + worker([1, 2]));
  assert.deepEqual(seconds(dir), unknown('seeds 1, 2'));
  writeFileSync(events, worker([0, 1, 2]) + worker([3]));
  const ofShare = join(dir, 'events.seed-1.jsonl');
  writeFileSync(ofShare, worker([1, 2]));
  assert.deepEqual(seconds(dir), unknown('seeds 1, 2'), 'a share of the run tells the rest');
  rmSync(ofShare);
  rmSync(events);
  assert.deepEqual(seconds(dir), unknown('seeds 0, 1, 2, 3'));
});

test("rewards below zero: the threshold is the environment's, and tables name it", () => {
  const acrobot = { overrides: ['environment=Acrobot-v1'] };
  const a = makeRun('costs', {
    ...acrobot,
    curves: [
      [-500, -100, -120, -90],
      [-500, -99, -99.5, -100],
      [-500, -500, -480.25, -100.04],
    ],
  });
  const b = makeRun('costs-too', {
    ...acrobot,
    curves: [
      [-500, -500],
      [-499.98, -499.99],
      [0, -0.04],
    ],
  });
  const { text, rows, files, notes } = compareRuns([a, b], { paper: false, seedValues: true });
  assert.deepEqual(notes, []);
  assert.match(text, /^Arm +Seeds +Final reward +Last three +Prediction error +Steps to -100\n/);
  assert.match(text, /\nCosts +3 +-96\.7 ± 5\.8 +-187\.6 .* 6,000 \(2 of 3\)\n/);
  assert.match(text.replaceAll('\n', ' '), /at or above -100 \(Gymnasium 1\.3\.0's reward_threshold\);/);
  assert.match(text, /\nseed 2 +0\.0 +0\.0 .* 2,000 +60\n/);
  assert.ok(
    files()['table1.tex']!.includes('\nCosts & 3 & $-$96.7 $\\pm$ 5.8 & $-$187.6 & '),
    files()['table1.tex'],
  );
  assert.deepEqual([rows[0]!.stepsTo400.reached, rows[0]!.stepsToThreshold], [0, { mean: 6000, reached: 2 }]);
  const [csvRow] = parseCsv(files()['table1.csv']!, 'table1.csv').rows;
  assert.deepEqual(
    [
      csvRow!.steps_to_threshold,
      csvRow!.steps_to_threshold_reached,
      csvRow!.first_crossing,
      csvRow!.steps_to_400,
    ],
    [6000, 2, 4000, undefined],
  );
  const mixed = [baseline, a];
  assert.throws(() => compareRuns(mixed, { paper: false }), {
    name: 'UserError',
    message: /^the runs are of several environments \(CartPole-v1, Acrobot-v1\), .* --by-environment$/,
  });
  const parts = compareByEnvironment(mixed, { paper: false });
  assert.deepEqual(
    parts.map(({ environment, comparison }) => [environment, comparison.text]),
    [
      ['CartPole-v1', compareRuns([baseline], { paper: false }).text],
      ['Acrobot-v1', compareRuns([a], { paper: false }).text],
    ],
  );
});

test('prediction errors of every size keep two digits of the mean', () => {
  const shown = [9.99e-4, 0.00996, 0.0123, 1.26, 12.6, 9900, 12_600, 0, Infinity].map((error) => {
    const dir = makeRun(`error-${error}`, { curves: [[450]], errors: [error] });
    return / 450\.0 +450\.0 +(\S+)/.exec(compareRuns([dir], { paper: false }).text)?.[1];
  });
  assert.deepEqual(shown, ['1.0e-3', '0.010', '0.012', '1.3', '13', '9900', '1.3e4', '0.0', 'Infinity']);
});

test('runs of one arm are told apart, long names are cut in their middle, the text fits 100 columns', () => {
  const long = ['1', '2'].map((end) =>
    makeRun(`${'sweep-'.repeat(15)}${end}`, { arm: 'dream-critic', curves: [[450]] }),
  );
  const { text, rows } = compareRuns([dream, ...long], { paper: true });
  assert.equal(rows[1]!.label, `Dream critic (${'sweep-'.repeat(15)}1)`);
  const lines = text.split('\n');
  assert.ok(lines.every((line) => [...line].length <= 100));
  const [main] = text.split('\n\n');
  assert.equal(
    main!.split('\n').filter((line) => /^Dream critic \(s\S*…\S*-sweep-[12]\) /.test(line)).length,
    2,
  );
  assert.equal(new Set(rows.map(({ label }) => label)).size, rows.length);
});

test('names of pairs that differ in the middle alone do so in both columns', () => {
  const alike = ['left', 'right'].map((middle) =>
    makeRun(`${'s'.repeat(30)}${middle}${'s'.repeat(30)}`, { arm: 'dream-critic', curves: [[450], [451]] }),
  );
  const { text } = compareRuns(alike, { paper: false });
  const [pair] = /^\S.*\n(?<=Against.*\n)/m.exec(text) ?? [];
  assert.ok(pair);
  const row = text.slice(text.indexOf(pair) + pair.length).split('\n')[0]!;
  // What is left of `left` and `right`.
  assert.match(row, /…ft.* {2}.*…ht/);
});

test('names are not cut so far that two become one', () => {
  const alike = ['left', 'right'].map((middle) =>
    makeRun(`${'s'.repeat(50)}${middle}${'s'.repeat(50)}`, { arm: 'dream-critic', curves: [[450]] }),
  );
  const [main] = compareRuns(alike, { paper: false }).text.split('\n\n');
  const names = main!
    .split('\n')
    .slice(1)
    .map((line) => line.slice(0, line.indexOf('  ')));
  assert.ok(
    names.every((name) => name.includes('…')),
    main,
  );
  assert.equal(new Set(names).size, 2, main);
});

test('text from a run folder is escaped for each format', () => {
  const name = 'a_b|c&d%e#$^~{<*`é"\u001b[31m,\n\\';
  const odd = makeRun(name, { arm: 'baseline', curves: [[450]], engine: 'w_a|s' });
  const { rows, text, files } = compareRuns([baseline, odd], { paper: false, seedValues: true });
  const markdown = files()['table1.md']!;
  const latex = files()['table1.tex']!;
  assert.equal(rows[1]!.run, 'a_b|c&d%e#$^~{<*`é"?[31m,?\\');
  assert.doesNotMatch(text.replaceAll('\n', ''), /\p{C}/u);
  const row = parseCsv(files()['table1.csv']!, 'table1.csv').rows[1]!;
  assert.deepEqual([row.run, row.engine], [rows[1]!.run, 'w_a|s']);
  const markdownRow = markdown.split('\n')[3]!;
  assert.ok(
    markdownRow.startsWith('| Baseline (a\\_b\\|c\\&d%e\\#\\$^\\~{\\<\\*\\`é"?\\[31m,?\\\\) | 1 |'),
    markdownRow,
  );
  assert.ok(markdown.includes('| w\\_a\\|s |\n'), 'the engine is not escaped');
  const latexRow = latex.split('\n').find((line) => line.startsWith('Baseline (a'))!;
  assert.ok(
    latexRow.startsWith(
      String.raw`Baseline (a\_b\textbar{}c\&d\%e\#\$\textasciicircum{}\textasciitilde{}\{\textless{}{*}` +
        '`?"?{[}31m,?\\textbackslash{}) & 1 &',
    ),
    latexRow,
  );
});

test('files that a pattern names beside run folders are passed over', () => {
  const file = join(runs, 'README.md');
  writeFileSync(file, '');
  assert.equal(compareRuns([file, baseline, dream], { paper: false }).text, bothRuns.text);
  assert.throws(() => compareRuns([file], { paper: false }), UserError);
  assert.throws(() => compareRuns([dream, 'a'.repeat(300)], { paper: false }), UserError);
});

test('a folder of runs stands for the runs in it, by name; other folders there are named', () => {
  const folder = join(runs, 'several');
  const make = runMaker(folder);
  make('b', { curves: [[450]] });
  make('a', { curves: [[460]] });
  mkdirSync(join(folder, 'figures'));
  mkdirSync(join(folder, '.git'));
  writeFileSync(join(folder, 'README.md'), '');
  const { rows, notes } = compareRuns([folder], { paper: false });
  assert.deepEqual(
    rows.map(({ run }) => run),
    ['a', 'b'],
  );
  assert.deepEqual(notes, [`Passed over, no run folders: ${join(folder, 'figures')}.`]);
});

test('the same run twice is refused, however it is spelt', () => {
  const link = join(runs, 'link');
  symlinkSync(baseline, link, 'dir');
  for (const [paths, message] of [
    [[baseline, dream, baseline], `${baseline}: the same run folder twice; give it once`],
    [[baseline, join(dream, '..', 'baseline')], `${baseline}: the same run folder twice; give it once`],
    [[baseline, `${baseline}/`], `${baseline} and ${baseline}/: the same run folder twice; give it once`],
    [[link, baseline], `${link} and ${baseline}: the same run folder twice; give it once`],
  ] as const) {
    assert.throws(() => compareRuns(paths, { paper: false }), new UserError(message));
  }
});

test('a path that is no run folder is one sentence that says what it is', () => {
  const place = (name: string) => join(runs, 'paths', name);
  const put = (name: string, file: string, text: string) => {
    mkdirSync(place(name), { recursive: true });
    writeFileSync(join(place(name), file), text);
    return place(name);
  };
  const missing = place('missing');
  const seed = join(dream, 'seed-1');
  const wandb = put('wandb', 'run.json', '{"project": "p", "entity": "e"}');
  const torn = put('torn', 'run.json', '{"schemaVersion": 1,');
  const other = put('other', 'run.json', '{"schemaVersion": 1, "wmVersion": 3}');
  const notes = put('notes', 'notes.txt', '');
  const lost = makeRun('lost', { curves: [[450]] });
  rmSync(join(lost, 'config.yaml'));
  const cases: [string, string][] = [
    [missing, `${missing} does not exist; give a run folder, one that wm train made`],
    [
      join(notes, 'notes.txt'),
      `${join(notes, 'notes.txt')} is a file, no run folder; give the folder that wm train made`,
    ],
    [seed, `${seed} is one seed's folder; give its run folder, ${dream}`],
    [notes, `${notes} is no run folder: it holds no run.json; give a folder that wm train made`],
    [
      wandb,
      `${join(wandb, 'run.json')}: not written by wm (it has no schemaVersion), so ${wandb} is no run folder; give another folder`,
    ],
    [
      torn,
      `${join(torn, 'run.json')}: damaged (not readable as JSON); restore it from a copy, or give another folder`,
    ],
    [
      other,
      `${join(other, 'run.json')}: wmVersion: Invalid input: expected string, received number; restore it from a copy, or give another folder`,
    ],
    [lost, `${join(lost, 'config.yaml')}: missing; restore it from a copy, or give another folder`],
  ];
  for (const [path, message] of cases) {
    assert.throws(() => readRun(path), new UserError(message));
    if (!path.endsWith('.txt'))
      assert.throws(() => compareRuns([dream, path], { paper: false }), new UserError(message));
  }
  const several = join(runs, 'several');
  assert.throws(
    () => readRun(several),
    new UserError(
      `${several} is no run folder, but holds 2 of them; give one, such as ${join(several, 'a')}`,
    ),
  );
});

const root = fileURLToPath(new URL('../', import.meta.url));

interface Published {
  folder: string;
  runs: string[];
  /** Whether the paper's numbers stand beside; they do not unless said. */
  paper?: boolean;
  pages: string[];
  /** Whether the command's files lie in the folder too; they do unless said. */
  filed?: boolean;
}

/** Each published comparison: the runs in the order of its command, and the pages that show its table. */
const published: Published[] = [
  { folder: 'first', runs: ['dream-critic', 'baseline'], paper: true, pages: ['runs/first/README.md'] },
  {
    folder: 'table1',
    runs: ['baseline', 'bootstrap-only', 'dream-critic', 'literal', 'ppo', 'shape-only'],
    paper: true,
    pages: ['README.md', 'docs/results.md'],
  },
  {
    folder: '.',
    runs: ['table1/dream-critic', 'unbounded'],
    pages: ['docs/results.md'],
    filed: false,
  },
  ...['pendulum', 'mountain-car-continuous', 'acrobot', 'mountain-car'].map((folder) => ({
    folder,
    runs: ['baseline', 'bootstrap-only', 'dream-critic', 'ppo', 'shape-only'],
    pages: ['docs/results.md'],
  })),
  ...Object.entries({
    cartpole: ['dreamer-v1', 'dreamer-v2', 'dreamer-v3', 'planet'],
    pendulum: ['dreamer-v1', 'dreamer-v2', 'dreamer-v3', 'planet'],
    acrobot: ['dreamer-v3'],
    'mountain-car-continuous': ['dreamer-v3'],
    'mountain-car': ['dreamer-v3'],
  }).map(([task, runs]) => ({
    folder: `rssm/${task}`,
    runs,
    pages: ['docs/dreamer.md'],
  })),
  {
    folder: 'real-time',
    runs: ['real-time-cartpole', 'real-time-dreamer-v3-cartpole'],
    pages: ['docs/real-time.md'],
  },
  ...['cartpole', 'pendulum'].map((task) => ({
    folder: `self-prediction/${task}`,
    runs: [
      ...['averaged', 'averaged-predictor', 'averaged-predictor-cosine', 'shaped', 'shaped-unstopped'],
      ...['stopped', 'unstopped'],
    ],
    pages: [],
  })),
  ...Object.entries({
    'tdmpc/pendulum': ['tdmpc-v1', 'tdmpc-v2'],
    ...Object.fromEntries(
      ['cartpole', 'mountain-car-continuous', 'acrobot'].map((task) => [`tdmpc/${task}`, ['tdmpc-v2']]),
    ),
    'pets/pendulum': ['pets', 'pets-ts1'],
    'pets/cartpole': ['pets'],
    'muzero/cartpole': [
      ...[
        'efficientzero',
        'gumbel-16',
        'gumbel-16-self',
        'gumbel-32',
        'gumbel-32-20000-steps',
        'gumbel-32-self',
      ],
      ...['gumbel-8', 'gumbel-8-20000-steps', 'gumbel-8-half-updates', 'gumbel-8-min-max', 'gumbel-8-none'],
      ...['gumbel-8-search-values', 'gumbel-8-self', 'muzero'],
    ],
    'muzero/acrobot': ['gumbel-8'],
  }).map(([folder, runs]) => ({ folder, runs, pages: [`docs/${folder.split('/')[0]}.md`] })),
  { folder: 'pixels/cartpole', runs: ['dream-critic', 'dreamer-v3'], pages: ['docs/environments.md'] },
  ...['breakout', 'freeway'].map((game) => ({
    folder: `minatar/${game}`,
    runs: ['dreamer-v3', 'gumbel-muzero', 'ppo'],
    pages: ['docs/muzero.md'],
  })),
  ...['breakout', 'cartpole', 'pendulum'].map((task) => ({
    folder: `offline/${task}`,
    runs: ['behaviour-cloning', 'dreamer4', 'filtered-cloning'],
    pages: [],
  })),
  ...['acrobot', 'cartpole'].map((task) => ({
    folder: `deep-dyna/${task}`,
    runs: ['deep-dyna', 'deep-dyna-1', 'deep-dyna-16', 'dqn', 'dqn-5-updates'],
    pages: ['docs/dyna.md'],
  })),
  {
    folder: 'ha-schmidhuber/cartpole',
    runs: [
      ...['environment-trained', 'environment-untrained', 'ha-schmidhuber'],
      ...['temperature-0.5', 'temperature-1.3', 'z'],
    ],
    pages: [],
  },
  ...['acrobot', 'maze', 'pendulum'].map((task) => ({
    folder: `ha-schmidhuber/${task}`,
    runs: ['ha-schmidhuber'],
    pages: [],
  })),
  ...['acrobot', 'cartpole', 'maze', 'pendulum'].map((task) => ({
    folder: `simple/${task}`,
    runs: task === 'cartpole' ? ['model-only', 'simple'] : ['simple'],
    pages: ['docs/simple.md'],
  })),
  ...Object.entries({
    acrobot: 'dqn',
    cartpole: 'dqn',
    'mountain-car': 'dqn',
    pendulum: 'sac',
    'mountain-car-continuous': 'sac',
  }).map(([task, run]) => ({
    folder: `yardsticks/${task}`,
    runs: [run],
    pages: ['docs/results.md'],
  })),
  ...['balance', 'targets', 'targets-unstopped'].map((name) => ({
    folder: `sweeps/${name}`,
    runs: ['.'],
    pages: [],
  })),
  ...['dreamer-shaping', 'dreamer-shaping-pendulum'].map((name) => ({
    folder: `sweeps/${name}`,
    runs: ['critic.shapesModel=true', 'critic.shapesModel=false'],
    pages: ['docs/dreamer.md'],
  })),
  ...['lambda', 'beta', 'horizon', 'dreamer-observations'].map((name) => ({
    folder: `sweeps/${name}`,
    runs: ['.'],
    pages: [name.startsWith('dreamer') ? 'docs/dreamer.md' : 'docs/sweeps.md'],
  })),
];

for (const { folder, runs, paper = false, pages, filed = true } of published) {
  test(`the tables of runs/${folder} and ${pages.join(' and ')} are what its run folders give`, () => {
    const dir = join(root, 'runs', folder);
    const { text, files } = compareRuns(
      runs.map((run) => join(dir, run)),
      { paper },
    );
    for (const [name, content] of filed ? Object.entries(files()) : []) {
      assert.equal(readFileSync(join(dir, name), 'utf8'), content, name);
    }
    const [mainTable] = text.split('\n\n');
    for (const page of pages) {
      assert.ok(readFileSync(join(root, page), 'utf8').includes(mainTable!), `${page} shows another table`);
    }
  });
}

test('docs/targets.md tells of each set of targets what its runs hold', () => {
  const has = rowsOf('docs/targets.md');
  const sets = {
    observation: 'observation',
    reward: 'reward',
    value: 'value',
    self: 'itself',
    'reward-value-policy': 'reward, value, policy',
    'reward-value-policy-self': 'reward, value, policy, itself',
  };
  const cells = [0, 8, 64].flatMap((distractors) => [
    ...Object.entries(sets).map(([set, words]) => ({
      words,
      distractors,
      folder: `targets/shapesModel=${set},distractors=${distractors}`,
    })),
    { words: 'itself, unstopped', distractors, folder: `targets-unstopped/distractors=${distractors}` },
  ]);
  // With 64 distractors, by set.
  const [rewards, errors] = [new Map<string, string>(), new Map<string, number>()];
  for (const { words, distractors, folder } of cells) {
    const { of } = publishedAt(`sweeps/${folder}`, 'env_step', 16_000, 10);
    const errorOf = (column: string) => formatMean('error', estimate(of(column)));
    const first = [`${distractors}`, words];
    const acting = [
      formatMean('reward', estimate(of('reward_mean'))),
      formatInterval('reward', bootstrapInterval(of('reward_mean'), resamples)),
      formatMean('reward', estimate(of('reward_mean_online'))),
      formatMean('pure', estimate(of('probe_r2'))),
    ];
    const measures = ['reward_mse', 'value_equivalence_5', 'latent_std', 'latent_std_min', 'effective_rank'];
    has(...first, ...acting);
    has(...first, ...[...measures, 'prediction_mse_standardised'].map(errorOf));
    if (folder.startsWith('targets/') && distractors === 64) {
      rewards.set(words, wholeNumber(mean(of('reward_mean'))!));
      errors.set(words, mean(of('prediction_mse'))!);
    }
  }
  const readme = readFileSync(join(root, 'README.md'), 'utf8').replaceAll(/\s+/g, ' ');
  const said = `has the least error in raw units and a reward of ${rewards.get('observation')}, the one that learns to predict nothing but itself one of ${rewards.get('itself')}`;
  assert.ok(readme.includes(said), `README.md lacks: ${said}`);
  assert.equal(Math.min(...errors.values()), errors.get('observation'));
});

test('docs/offline.md tells what its data and runs hold', () => {
  const has = rowsOf('docs/offline.md');
  const phased = {
    cartpole: ['CartPole-v1', 3500, 5000],
    pendulum: ['Pendulum-v1', 3500, 5000],
    breakout: ['MinAtar/Breakout-v0', 7000, 7500],
  } as const;
  const tasks = Object.entries(phased).map(([folder, [task, cloned, imagined]]) => {
    const manifest = join(root, 'runs', 'offline', folder, 'data.json');
    const { actors, returns } = JSON.parse(readFileSync(manifest, 'utf8'));
    const after = (run: string, update: number, column: string) =>
      estimate(publishedAt(`offline/${folder}/${run}`, 'update', update, 5).of(column));
    return { task, cloned, imagined, data: [...actors, { returns }], best: returns.max, after };
  });
  const told = (name: string, of: (task: (typeof tasks)[number]) => string) => has(name, ...tasks.map(of));
  const reward = (value: ReturnType<typeof estimate>) => formatMean('reward', value);
  ['random', 'the worse policy', 'the better policy', 'all episodes'].forEach((who, index) => {
    told(
      `data: ${who}`,
      ({ data }) => `${data[index].returns.mean.toFixed(1)} ± ${data[index].returns.std.toFixed(1)}`,
    );
  });
  told('data: best episode', ({ best }) => `${Number(best.toFixed(1))}`);
  told('behaviour cloning', ({ after }) => reward(after('behaviour-cloning', 5000, 'reward_mean')));
  told('filtered, the best tenth of the steps', ({ after }) =>
    reward(after('filtered-cloning', 5000, 'reward_mean')),
  );
  told('Dreamer 4 after the phase agent, which clones', ({ after, cloned }) =>
    reward(after('dreamer4', cloned, 'reward_mean')),
  );
  told('Dreamer 4 after the phase imagination', ({ after, imagined }) =>
    reward(after('dreamer4', imagined, 'reward_mean')),
  );
  for (const { task, after, imagined } of tasks) {
    const [column, unit] = task.startsWith('MinAtar')
      ? ['open_loop_f1', 'pure' as const]
      : ['open_loop', 'error' as const];
    for (const k of [1, 2, 4]) {
      const ahead = [1, 5, 15].map((n) =>
        formatMean(unit, after('dreamer4', imagined, `${column}_${n}_k${k}`)),
      );
      has(task, `${k}`, ...ahead);
    }
  }
});

test('docs/ha-schmidhuber.md tells what controllers dream and get', () => {
  const has = rowsOf('docs/ha-schmidhuber.md');
  const told = {
    'CartPole-v1': {
      'ha-schmidhuber': [4400, 6600],
      'temperature-0.5': [4400, 6600],
      'temperature-1.3': [4400, 6600],
      z: [4400, 6600],
      'environment-trained': [35_200],
      'environment-untrained': [35_200],
    },
    'Pendulum-v1': { 'ha-schmidhuber': [4000, 10_000] },
    'Acrobot-v1': { 'ha-schmidhuber': [10_000, 16_000] },
    Maze: { 'ha-schmidhuber': [4000, 8000] },
  };
  for (const [task, arms] of Object.entries(told)) {
    for (const [arm, steps] of Object.entries(arms)) {
      const run = `ha-schmidhuber/${task.replace('-v1', '').toLowerCase()}/${arm}`;
      for (const step of steps) {
        const at = publishedAt(run, 'env_step', step, 5);
        const dreamt = [0.5, 1, 1.3].map((temperature) => `dream_return_at_${temperature}`);
        const cells = ['reward_mean', ...dreamt].map((column) =>
          at.has(column) ? formatMean('reward', estimate(at.of(column))) : '–',
        );
        has(task, arm, grouped(step), ...cells);
      }
    }
  }
});

test('docs/planning.md shows what runs/planners holds', () => {
  const page = readFileSync(join(root, 'docs', 'planning.md'), 'utf8');
  const has = rowsOf('docs/planning.md');
  const rows = publishedRows('planners', 'planners.csv');
  const planners = ['none', 'shooting', 'cem', 'icem', 'mppi', 'enumeration'];
  const tasks = { pendulum: 'Pendulum-v1', cartpole: 'CartPole-v1' };
  const models = { 'vae-lstm': 'VAE + LSTM', 'dreamer-v3': 'Dreamer v3', 'tdmpc-v2': 'TD-MPC2' };
  for (const [task, ofTask] of Object.entries(tasks)) {
    for (const [model, ofModel] of Object.entries(models)) {
      const cells = planners.map((planner) => {
        const row = rows.find(
          (each) => `${each.task} ${each.model} ${each.planner}` === `${task} ${model} ${planner}`,
        );
        if (!row) return '–';
        const reward = Number(row.reward_mean).toFixed(1);
        return planner === 'none' ? reward : `${reward} (${Number(row.milliseconds_per_action).toFixed(1)})`;
      });
      has(`${ofTask}, ${ofModel}`, ...cells);
    }
  }
  assert.equal(rows.length, 6 * 5);
  const rewards = publishedRows('planners', 'with-value', 'eval-cem.csv').map((row) =>
    Number(row.reward_mean),
  );
  assert.ok(page.includes(`played at ${estimate(rewards).mean!.toFixed(1)} by \`cem\``));
});

test("docs/results.md shows the models' errors that runs/table1 holds", () => {
  const has = rowsOf('docs/results.md');
  const sets = ['', '_standardised', '_own', '_own_standardised'].map((set) => `prediction_mse${set}`);
  const columns = [...sets, ...[1, 5, 15].map((steps) => `open_loop_mse_${steps}`)];
  for (const arm of ['baseline', 'bootstrap-only', 'dream-critic', 'literal', 'shape-only']) {
    const rows = publishedRows('table1', arm, 'eval.csv');
    assert.equal(rows.length, 10);
    const cells = columns.map((column) =>
      formatMean('error', estimate(rows.map((row) => Number(row[column])))),
    );
    has(armTitle(arm), ...cells);
  }
});

test('docs/results.md says what the bound on the bootstrap changes as its runs do', () => {
  const page = readFileSync(join(root, 'docs', 'results.md'), 'utf8');
  const seeds = Array.from({ length: 10 }, (_, i) => `seed-${1010 + i}`);
  const [bounded, unbounded] = ['table1/dream-critic', 'unbounded'].map((run) => {
    const returns = seeds.flatMap((seed) =>
      publishedRows(run, seed, 'losses.csv').map((row) => Number(row.imagined_return)),
    );
    const late = publishedRows(run, 'metrics.csv').filter((row) => Number(row.env_step) >= 15_000);
    const below = (column: string) => late.filter((row) => Number(row[column]) < 450).length;
    return {
      above: (100 * returns.filter((x) => x > 1).length) / returns.length,
      largest: Math.max(...returns).toFixed(3),
      average: `${below('reward_mean')} of ${late.length}`,
      online: `${below('reward_mean_online')} of ${late.length}`,
    };
  });
  for (const row of [
    `is above 1 | ${bounded!.above} % | ${unbounded!.above.toFixed(1)} % |`,
    `the largest of them | ${bounded!.largest} | ${unbounded!.largest} |`,
    `below 450 | ${bounded!.average} | ${unbounded!.average}, all of one slow seed |`,
    `(\`reward_mean_online\`) | ${bounded!.online} | ${unbounded!.online} |`,
  ]) {
    assert.ok(page.includes(row), `docs/results.md lacks ${row}`);
  }
});

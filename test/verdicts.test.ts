import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pairsCsv } from '../src/compare/csv.ts';
import { compareRuns } from '../src/compare/index.ts';
import { type Contrast, contrasts, pairRows } from '../src/compare/pairs.ts';
import { samplesOf } from '../src/compare/samples.ts';
import { verdicts } from '../src/compare/verdicts.ts';
import { loadExperiment } from '../src/config/load.ts';
import { parseCsv } from '../src/runs/csv.ts';
import type { Run } from '../src/runs/read.ts';
import { type SittingRecord, sittingsOf } from '../src/runs/records.ts';
import { runInfo, runMaker } from './support/run-folders.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const folder = temporaryFolder('verdicts');

interface Made {
  errors?: number[];
  wallSeconds?: number[];
  /** How many seeds, one after the other, each worker process trained. */
  perWorker?: number;
  engine?: string;
  overrides?: string[];
}

/** A run as it is read from its folder; each seed has one evaluation, after 2000 steps. */
function makeRun(arm: string, rewards: readonly number[], made: Made = {}): Run {
  const { errors = [], wallSeconds = [], perWorker = 1, engine = 'wasm', overrides = [] } = made;
  const experiment = loadExperiment({ file: 'test', text: 'method: vae-lstm', overrides });
  return {
    dir: `runs/${arm}`,
    name: arm,
    info: {
      ...runInfo(arm, engine),
      schemaVersion: 1,
      start: '',
      end: null,
      seconds: 0,
      failures: {},
    },
    experiment,
    configText: '',
    cell: null,
    seeds: rewards.map((reward, seed) => ({
      seed,
      rows: [
        {
          seed,
          env_step: 2000,
          reward_mean: reward,
          prediction_mse: errors[seed] ?? null,
          prediction_mse_standardised: errors[seed] === undefined ? null : errors[seed] * 20,
        },
      ],
      done: {
        steps: 50_000,
        updates: 12_250,
        wallSeconds: wallSeconds[seed] ?? 60,
        engine,
        device: 'cpu',
        end: '',
      },
      worker: rewards
        .map((_, i) => i)
        .filter((i) => Math.floor(i / perWorker) === Math.floor(seed / perWorker)),
    })),
    unfinished: [],
    faulty: [],
  };
}

const five = (value: number) => Array<number>(5).fill(value);
const rewards = [402.5, 387.25, 420.125, 399, 250.0625];
const sevenRewards = [500, 500, 491.5, 500, 482.75, 500, 402.5];

/** The verdicts on the runs: by claim, the words and the reason. */
function verdictsOf(...runs: Run[]) {
  return new Map(
    verdicts(runs).map(({ against, claim, verdict, reason }) => [
      `${claim}${against === null ? '' : ' of two'}`,
      { verdict, reason },
    ]),
  );
}

test("a pair of runs has its difference, interval, Welch's test and probability of improvement", () => {
  const runs = [
    makeRun('dream-critic', five(500), { errors: [1e-4, 2e-4, 3e-4, 4e-4, 5e-4] }),
    makeRun('baseline', rewards, { errors: [2e-4, 2e-4, 3e-4, 4e-4, 6e-4] }),
    makeRun('shape-only', sevenRewards),
  ];
  const pairs = pairRows(runs, samplesOf(runs));
  assert.deepEqual(
    pairs.slice(0, 3).map(({ measure, label, against }) => [measure, label, against]),
    [
      ['finalReward', 'Dream critic', 'Baseline'],
      ['finalReward', 'Dream critic', 'Shape only'],
      ['finalReward', 'Baseline', 'Shape only'],
    ],
  );
  // t, p and Mann and Whitney's U: scripts/statistics_reference.py.
  const rows = parseCsv(pairsCsv(pairs), 'table1-pairs.csv').rows;
  const expected = [
    [500 - 371.7875, 4.15142937702346, 4, 0.014243761954212637, 1, 'better'],
    [500 - 3376.75 / 7, 1.299868842599111, 6, 0.24134729956692796, 0.7142857142857143, 'none'],
    [
      371.7875 - 3376.75 / 7,
      -3.279743417168286,
      5.549975951454129,
      0.018847775417454984,
      0.04285714285714286,
      'worse',
    ],
  ];
  for (const [i, [difference, t, degreesOfFreedom, p, improvement, seen]] of expected.entries()) {
    const row = rows[i]!;
    for (const [column, value] of Object.entries({
      difference,
      welch_t: t,
      welch_degrees_of_freedom: degreesOfFreedom,
      welch_p: p,
      probability_of_improvement: improvement,
    })) {
      const error = Math.abs(Number(row[column]) / Number(value) - 1);
      assert.ok(error < 1e-9, `${column} of pair ${i}: expected ${value}, got ${row[column]}`);
    }
    assert.ok(
      Number(row.difference_low) < Number(difference) && Number(row.difference_high) > Number(difference),
      `the interval of pair ${i} does not hold its difference`,
    );
    assert.equal(row.seen, seen);
  }
  // Of the 25 pairs of errors 12 are lower on the left and 4 equal; a lower error is the better one.
  const errors = rows.find(({ measure, against }) => measure === 'prediction_mse' && against === 'Baseline')!;
  assert.equal(errors.probability_of_improvement, 14 / 25);
  // A run without the number has nothing to compare.
  const missing = rows.find(
    ({ measure, against }) => measure === 'prediction_mse' && against === 'Shape only',
  )!;
  assert.deepEqual([missing.difference, missing.welch_p, missing.seen], [null, null, null]);
});

test('a difference is claimed only where interval and test agree, over five seeds at least', () => {
  const cases: [string, readonly number[], readonly number[], 'higher' | 'lower', Contrast['seen']][] = [
    ['all equal: no test, no difference', five(500), five(500), 'higher', 'none'],
    ['no spread, but apart', five(500), five(490), 'higher', 'better'],
    ['lower is better', five(2e-4), five(1e-4), 'lower', 'worse'],
    ['lower is better', five(1e-4), five(2e-4), 'lower', 'better'],
    ['four seeds', five(500).slice(1), five(490), 'higher', 'too few'],
    ['four seeds of the other', five(500), five(490).slice(1), 'higher', 'too few'],
    ['no value', [], five(490), 'higher', null],
    ['a diverged seed', [1, 1, 1, 1, Number.POSITIVE_INFINITY], five(1), 'lower', null],
    // Welch's p is 0.051 (scipy), though the bootstrap interval of so few excludes 0.
    [
      'interval without test',
      [0.00043650815, 0.0002301471, 0.00061002135, 0.00074713875, 0.00041341249],
      [0.00016690424, 0.00015018941, 0.00027078739, 0.00043672437, 0.00018564508],
      'lower',
      'none',
    ],
  ];
  for (const [name, a, b, better, seen] of cases) {
    const [result] = contrasts([{ a, b }], better);
    assert.equal(result!.seen, seen, name);
  }
  assert.equal(contrasts([{ a: five(500), b: five(490) }], 'higher')[0]!.welch, null);
  const interval = contrasts([{ a: cases.at(-1)![1], b: cases.at(-1)![2] }], 'lower')[0]!.interval!;
  assert.ok(interval.low > 0, `the interval from ${interval.low} holds 0`);
});

test('the p-values of several pairs are corrected together, those that claim nothing left out', () => {
  const pairs = [
    { a: five(500), b: rewards },
    { a: five(500), b: sevenRewards },
    { a: rewards, b: sevenRewards },
  ];
  const seen = (more: typeof pairs) =>
    contrasts([...pairs, ...more], 'higher')
      .slice(0, 3)
      .map(({ seen, adjustedP }) => [seen, adjustedP?.toFixed(6)]);
  // scripts/statistics_reference.py
  const three = [
    ['better', '0.042731'],
    ['none', '0.241347'],
    ['worse', '0.042731'],
  ];
  assert.deepEqual(seen([]), three);
  const bars = [
    { a: five(500), b: rewards, unlike: true },
    { a: five(500).slice(1), b: rewards },
    { a: five(500), b: [] },
  ];
  assert.deepEqual(seen(bars), three, 'nothing can be claimed of these pairs');
  assert.deepEqual(
    contrasts(bars, 'higher').map(({ seen }) => seen),
    ['unlike', 'too few', null],
  );
  // One pair more of arms that are all alike: three times 0.0188 and four times 0.0142 are above 0.05.
  assert.deepEqual(seen([{ a: five(500), b: five(500) }]), [
    ['none', '0.056975'],
    ['none', '0.482695'],
    ['none', '0.056975'],
  ]);
  // One that is apart without any spread comes first and costs the others nothing.
  assert.deepEqual(seen([{ a: five(500), b: five(490) }]), three);
});

test('no claim is made of runs of another length, nor of the last three with other evaluation intervals', () => {
  const claims = (...overrides: string[]) => {
    const runs = [makeRun('dream-critic', five(500)), makeRun('baseline', five(100), { overrides })];
    return pairRows(runs, samplesOf(runs))
      .slice(0, 2)
      .map(({ measure, seen }) => [measure, seen]);
  };
  assert.deepEqual(claims(), [
    ['finalReward', 'better'],
    ['finalRewardLastThree', 'better'],
  ]);
  assert.deepEqual(claims('steps=60000'), [
    ['finalReward', 'unlike'],
    ['finalRewardLastThree', 'unlike'],
  ]);
  assert.deepEqual(claims('evaluation.every=1000'), [
    ['finalReward', 'better'],
    ['finalRewardLastThree', 'unlike'],
  ]);
  const steps = verdictsOf(
    makeRun('dream-critic', five(500)),
    makeRun('baseline', five(100), { overrides: ['evaluation.every=1000'] }),
  ).get('fewer steps to 400 of two');
  assert.deepEqual(steps, {
    verdict: 'not comparable',
    reason: 'the two runs were evaluated every 2,000 and 1,000 steps',
  });
});

test("a final reward is judged by its interval against the paper's, [383.427, 421.173] and [472.270, 493.130]", () => {
  const judged = (arm: string, values: readonly number[]) =>
    values.map((value) => verdictsOf(makeRun(arm, five(value))).get('final reward')!.verdict);
  assert.deepEqual(judged('baseline', [383.42, 383.43, 421.17, 421.18]), [
    'not reproduced',
    'reproduced',
    'reproduced',
    'exceeded',
  ]);
  assert.deepEqual(judged('dream-critic', [472.26, 472.28, 493.12, 493.14]), [
    'not reproduced',
    'reproduced',
    'reproduced',
    'exceeded',
  ]);
  const wide = verdictsOf(makeRun('baseline', rewards)).get('final reward');
  assert.equal(wide?.verdict, 'reproduced');
  assert.match(wide!.reason, /^\[30\d\.\d, 4\d\d\.\d\] overlaps the paper's \[383\.4, 421\.2\]$/);
});

test('what the paper leaves unsaid is not comparable; nor are other conditions, or too few seeds', () => {
  const all = verdictsOf(makeRun('dream-critic', five(500)));
  assert.deepEqual([...all.keys()], ['final reward', 'prediction error', 'steps to 400']);
  assert.match(all.get('prediction error')!.reason, /^the paper states neither the space/);
  assert.match(all.get('steps to 400')!.reason, /^the paper does not state its rule/);
  const reasons = [
    makeRun('dream-critic', five(500), { overrides: ['steps=16000', 'lambda=0.25', 'beta=0.01'] }),
    makeRun('dream-critic', five(500).slice(1)),
  ].map((run) => verdictsOf(run).get('final reward'));
  assert.deepEqual(reasons, [
    {
      verdict: 'not comparable',
      reason:
        "other conditions than the paper's: environment steps 16,000, not 50,000; lambda 0.25, not 0.5; " +
        'beta 0.01, not 0.1',
    },
    { verdict: 'not comparable', reason: 'finished seeds: 4, it takes 5 to tell' },
  ]);
  assert.equal(verdictsOf(makeRun('shape-only', five(500))).size, 0);
});

test("the paper's claims about its two arms are judged by the difference that is seen", () => {
  const dream = makeRun('dream-critic', five(500), {
    errors: five(2e-4),
    wallSeconds: [118, 119, 120, 121, 122],
  });
  const baseline = makeRun('baseline', rewards, { errors: five(1e-4), wallSeconds: five(100) });
  const claims = verdictsOf(dream, baseline);
  assert.deepEqual(
    [...claims].filter(([claim]) => claim.endsWith('of two')).map(([claim, { verdict }]) => [claim, verdict]),
    [
      ['higher final reward of two', 'reproduced'],
      ['lower prediction error of two', 'not reproduced'],
      ['lower standardised error of two', 'not reproduced'],
      // Two of the baseline's seeds get to 400 at the first evaluation too: p is 0.07 (scipy).
      ['fewer steps to 400 of two', 'not reproduced'],
      ['about 20 % more time of two', 'reproduced'],
    ],
  );
  assert.match(
    claims.get('lower prediction error of two')!.reason,
    /^the opposite is seen, \[1\.0, 1\.0\]e-4$/,
  );
  assert.match(claims.get('fewer steps to 400 of two')!.reason, /^no difference is seen, /);
  // Seeds that never get there count with the run's 50,000 steps.
  const never = verdictsOf(dream, makeRun('baseline', five(100)));
  assert.equal(never.get('fewer steps to 400 of two')?.verdict, 'reproduced');
  assert.equal(never.get('fewer steps to 400 of two')?.reason, 'the difference is seen, [-48,000, -48,000]');
});

test('the time overhead is judged against 15 to 25 %, on one machine and engine only', () => {
  const baseline = makeRun('baseline', five(100), { wallSeconds: five(100) });
  const overhead = (seconds: number, engine = 'wasm') =>
    verdictsOf(makeRun('dream-critic', five(500), { wallSeconds: five(seconds), engine }), baseline).get(
      'about 20 % more time of two',
    )!;
  assert.deepEqual(
    [114.9, 115.1, 124.9, 125.1].map((seconds) => overhead(seconds).verdict),
    ['exceeded', 'reproduced', 'reproduced', 'not reproduced'],
  );
  assert.equal(overhead(125.1).reason, "[25.1, 25.1] % lies above the paper's [15.0, 25.0] %");
  assert.deepEqual(overhead(120, 'tensorflow'), {
    verdict: 'not comparable',
    reason: 'the two runs were not made by one engine on one machine',
  });
  // Both begun on one machine and resumed on another, for how long nobody knows.
  const moved = (run: Run): Run => {
    const [sitting] = sittingsOf(run.info) as [SittingRecord];
    return { ...run, info: { ...run.info, sittings: [sitting, { ...sitting, host: 'elsewhere' }] } };
  };
  const dream = makeRun('dream-critic', five(500), { wallSeconds: five(120) });
  assert.equal(
    verdictsOf(moved(dream), moved(baseline)).get('about 20 % more time of two')!.verdict,
    'not comparable',
  );
});

test('the seeds of one worker process are one time, and it takes five of them', () => {
  const ten = (values: readonly number[]) => values.flatMap((value) => [value, value]);
  const judged = (arm: string, seconds: readonly number[], perWorker: number) =>
    makeRun(arm, Array<number>(seconds.length).fill(500), {
      wallSeconds: ten(five(0)).map((_, i) => seconds[i]!),
      perWorker,
    });
  const claim = (dream: Run, baseline: Run) =>
    verdicts([dream, baseline]).find(({ claim }) => claim === 'about 20 % more time')!;
  // Two workers of five: ten seeds look like ten times, and are two.
  const fives = (first: number, second: number) => [...five(first), ...five(second)];
  const two = claim(
    judged('dream-critic', fives(444.5, 436.8), 5),
    judged('baseline', fives(400.9, 397.9), 5),
  );
  assert.equal(two.verdict, 'not comparable');
  assert.equal(
    two.reason,
    'worker processes: 2, it takes 5 to tell; seeds that share one are no independent times',
  );
  assert.ok(Math.abs(two.here.value! - (881.3 / 798.8 - 1)) < 1e-12);
  assert.equal(two.here.interval, null);
  // Five workers of two: as wide as the five times are apart, whatever they are divided by.
  const times = [118, 119, 120, 121, 122];
  const pairs = claim(judged('dream-critic', ten(times), 2), judged('baseline', ten(five(100)), 2));
  const alone = claim(
    makeRun('dream-critic', five(500), { wallSeconds: times }),
    makeRun('baseline', five(500), { wallSeconds: five(100) }),
  );
  assert.equal(pairs.verdict, 'reproduced');
  assert.deepEqual(
    [pairs.here.interval!.low, pairs.here.interval!.high].map((end) => end.toFixed(9)),
    [alone.here.interval!.low, alone.here.interval!.high].map((end) => end.toFixed(9)),
  );
  const mixed = claim(judged('dream-critic', ten(times), 2), judged('baseline', ten(five(100)), 1));
  assert.equal(mixed.reason, 'a worker process trained 2 seeds of the one and 1 of the other at once');
  const unknown = judged('baseline', five(100), 1);
  unknown.seeds[3]!.worker = null;
  assert.match(
    claim(judged('dream-critic', times, 1), unknown).reason,
    /^which seeds shared a worker process is not/,
  );
});

test('verdicts stand between Table 1 and the statistics, each reason once', () => {
  const write = runMaker(folder);
  const dream = write('dream-critic', { curves: five(500).map((reward) => [reward]), errors: five(2e-4) });
  const baseline = write('baseline', { curves: rewards.map((reward) => [reward]), errors: five(1e-4) });
  const { text, files } = compareRuns([dream, baseline], { paper: true, seedValues: true });
  const blocks = text.split('\n\n');
  assert.match(
    blocks[3]!,
    /^Arm +Against +Claim +Paper +Here +Verdict\nDream critic +final reward +482\.7 +500\.0 +exceeded \(1\)\n/,
  );
  assert.match(blocks[4]!, /\n\(1\) \[500\.0, 500\.0\] lies above the paper's \[472\.3, 493\.1\]\.\n\(2\) /);
  assert.equal(text.match(/the paper does not state its rule/g)?.length, 1);
  assert.match(blocks.at(-1)!, /\nseed 4 +250\.1 +250\.1 +1\.0e-4 +2\.0e-3 +never +60\n$/);
  assert.ok(
    text.split('\n').every((line) => [...line].length <= 100),
    'a line is longer than 100 columns',
  );
  const rows = parseCsv(files()['table1-paper.csv']!, 'table1-paper.csv').rows;
  assert.deepEqual(
    [rows[0]!.label, rows[0]!.against, rows[0]!.claim, rows[0]!.paper, rows[0]!.here_low, rows[0]!.verdict],
    ['Dream critic', null, 'final reward', 482.7, 500, 'exceeded'],
  );
  assert.equal(parseCsv(files()['table1-seeds.csv']!, 'table1-seeds.csv').rows.length, 10);
});

import { bootstrapComparison } from '../bootstrap.ts';
import type { Run } from '../runs/read.ts';
import { sittingsOf } from '../runs/records.ts';
import type { Interval } from '../statistics.ts';
import { studentInterval } from '../student.ts';
import { FEWEST_SEEDS } from './claims.ts';
import { departures } from './conditions.ts';
import { formatInterval, formatProbability, type Unit, wholeNumber } from './numbers.ts';
import { type Contrast, contrasts } from './pairs.ts';
import { PAPER_SEEDS, paperOverhead, paperResults } from './paper.ts';
import { resamples, type Sample, samplesOf, secondsByWorker, valuesOf } from './samples.ts';
import { type TableRow, tableRows } from './table.ts';

/** A number with what is known of its uncertainty, 95 %. */
interface Quantity {
  value: number | null;
  interval: Interval | null;
}

interface Judgement {
  verdict: 'reproduced' | 'exceeded' | 'not reproduced' | 'not comparable';
  /** The rule as it was applied, or why it cannot be. */
  reason: string;
}

/** What the runs say of one cell of the paper's Table 1, or of one of its claims about the two arms. */
export interface Verdict extends Judgement {
  /** What the run is called. */
  label: string;
  /** What it is compared with; null for a cell. */
  against: string | null;
  claim: string;
  unit: Unit;
  paper: Quantity;
  here: Quantity;
}

/** One run as it is judged. */
interface Member {
  run: Run;
  sample: Sample;
  row: TableRow;
}

/**
 * A verdict on each cell of the paper's Table 1 that a run stands beside, then on what the paper says of its two arms,
 * for every pair of a dream critic and a baseline. docs/metrics.md gives the rules.
 */
export function verdicts(runs: readonly Run[]): Verdict[] {
  const samples = samplesOf(runs);
  const rows = tableRows(runs, false);
  const members = runs.map((run, index) => ({ run, sample: samples[index]!, row: rows[index]! }));
  const ofArm = (arm: string) => members.filter(({ run }) => run.info.arm === arm);
  const pairs = ofArm('dream-critic').flatMap((dream) =>
    ofArm('baseline').map((baseline) => ({ dream, baseline })),
  );
  const claims = orderClaims.map((claim) => claimVerdicts(claim, pairs));
  return [
    ...members.flatMap(cellVerdicts),
    ...pairs.flatMap((pair, index) => [...claims.map((verdicts) => verdicts[index]!), overhead(pair)]),
  ];
}

function cellVerdicts(member: Member): Verdict[] {
  const { finalReward, predictionMse, stepsTo400, label } = member.row;
  const paper = paperResults.get(member.run.info.arm);
  if (paper === undefined) return [];
  const printed = studentInterval(paper.finalReward, PAPER_SEEDS)!;
  const cell = { label, against: null };
  return [
    {
      ...cell,
      claim: 'final reward',
      unit: 'reward',
      paper: { value: paper.finalReward.mean, interval: printed },
      here: { value: finalReward.mean, interval: finalReward.interval },
      ...(obstacle([member]) ?? overlap('reward', finalReward.interval, printed, 'higher')),
    },
    {
      ...cell,
      claim: 'prediction error',
      unit: 'error',
      paper: {
        value: paper.predictionMse.mean,
        interval: studentInterval(paper.predictionMse, PAPER_SEEDS),
      },
      here: { value: predictionMse.mean, interval: predictionMse.interval },
      verdict: 'not comparable',
      reason:
        'the paper states neither the space (raw, scaled or standardised) nor the test data of its prediction error',
    },
    {
      ...cell,
      claim: 'steps to 400',
      unit: 'steps',
      paper: { value: paper.stepsTo400, interval: null },
      here: { value: stepsTo400.mean, interval: null },
      verdict: 'not comparable',
      reason:
        'the paper does not state its rule; here the reward has to stay at or above 400, and seeds that never got there ' +
        'are not in the mean',
    },
  ];
}

/** The two arms of one claim. */
interface Pair {
  dream: Member;
  baseline: Member;
}

/** That the dream critic is better in something. */
interface OrderClaim extends Pick<Verdict, 'claim' | 'unit'> {
  better: 'higher' | 'lower';
  /** The difference that the paper prints; null where it prints none. */
  paper: number | null;
  values: (member: Member) => number[];
  /** Whether the number depends on how far apart the evaluations are. */
  ofEvaluations?: boolean;
}

const stated = paperResults.get('dream-critic')!;
const reference = paperResults.get('baseline')!;

const orderClaims: readonly OrderClaim[] = [
  {
    claim: 'higher final reward',
    unit: 'reward',
    better: 'higher',
    paper: stated.finalReward.mean - reference.finalReward.mean,
    values: ({ sample }) => valuesOf(sample, 'finalReward'),
  },
  {
    claim: 'lower prediction error',
    unit: 'error',
    better: 'lower',
    paper: stated.predictionMse.mean - reference.predictionMse.mean,
    values: ({ sample }) => valuesOf(sample, 'predictionMse'),
  },
  {
    claim: 'lower standardised error',
    unit: 'error',
    better: 'lower',
    paper: null,
    values: ({ sample }) => valuesOf(sample, 'predictionMseStandardised'),
  },
  {
    claim: 'fewer steps to 400',
    unit: 'steps',
    better: 'lower',
    paper: stated.stepsTo400 - reference.stepsTo400,
    values: restrictedSteps,
    ofEvaluations: true,
  },
];

/** The verdicts on one claim about every pair of the two arms, their p-values corrected together. */
function claimVerdicts(
  { claim, unit, better, paper, ...rule }: OrderClaim,
  pairs: readonly Pair[],
): Verdict[] {
  const bars = pairs.map(
    (pair) => obstacle([pair.dream, pair.baseline]) ?? (rule.ofEvaluations ? otherIntervals(pair) : null),
  );
  const compared = contrasts(
    pairs.map(({ dream, baseline }, index) => ({
      a: rule.values(dream),
      b: rule.values(baseline),
      unlike: bars[index] !== null,
    })),
    better,
  );
  return pairs.map((pair, index) => {
    const { difference, interval } = compared[index]!;
    return {
      ...armsOf(pair),
      claim,
      unit,
      paper: { value: paper, interval: null },
      here: { value: difference, interval },
      ...(bars[index] ?? ordered(compared[index]!, formatInterval(unit, interval))),
    };
  });
}

const armsOf = ({ dream, baseline }: Pair) => ({ label: dream.row.label, against: baseline.row.label });

/** Steps to 400 of every seed, one that never got there counted as the run's length: the restricted time to an event. */
function restrictedSteps({ run, sample }: Member): number[] {
  return sample.seeds.map(({ stepsTo400 }) => stepsTo400 ?? run.experiment.steps);
}

function otherIntervals({ dream, baseline }: Pair): Judgement | null {
  const [a, b] = [dream, baseline].map(({ run }) => run.experiment.evaluation.every);
  if (a === b) return null;
  return notComparable(`the two runs were evaluated every ${wholeNumber(a!)} and ${wholeNumber(b!)} steps`);
}

/** How much more time a seed of the dream critic takes, as a share of the baseline's. */
function overhead(pair: Pair): Verdict {
  const { dream, baseline } = pair;
  const [a, b] = [dream, baseline].map(({ run }) => secondsByWorker(run.seeds));
  const share = (x: number, y: number) => x / y - 1;
  const [x, y] = [dream, baseline].map(({ row }) => row.secondsPerSeed);
  const few = a && b && Math.min(a.length, b.length) < FEWEST_SEEDS;
  const interval = a && b && !few ? bootstrapComparison(a, b, share, resamples) : null;
  return {
    ...armsOf(pair),
    claim: 'about 20 % more time',
    unit: 'share',
    paper: { value: 0.2, interval: paperOverhead },
    here: { value: x && y ? share(x, y) : null, interval },
    ...(obstacle([dream, baseline]) ??
      elsewhere(dream, baseline) ??
      (few
        ? notComparable(
            `worker processes: ${Math.min(a.length, b.length)}, it takes ${FEWEST_SEEDS} to tell; seeds that share one are no ` +
              'independent times',
          )
        : overlap('share', interval, paperOverhead, 'lower'))),
  };
}

/** Why two runs' times cannot be compared; null if they can. */
function elsewhere({ run: a, row: rowOfA }: Member, { run: b, row: rowOfB }: Member): Judgement | null {
  const sittings = [a, b].flatMap(({ info }) => sittingsOf(info));
  const machines = sittings.map(({ host, platform, cores, engine }) =>
    [host, platform, cores, engine.name, engine.device].join(' '),
  );
  // Not recorded in old runs.
  const processors = sittings.flatMap(({ processor }) => processor ?? []);
  if (new Set(machines).size > 1 || new Set(processors).size > 1)
    return notComparable('the two runs were not made by one engine on one machine');
  if (rowOfA.workers === null || rowOfB.workers === null) {
    return notComparable('which seeds shared a worker process is not recorded, or changed on the way');
  }
  const [perWorker, other] = [rowOfA, rowOfB].map(({ seedsPerWorker }) => seedsPerWorker.join(' and '));
  if (perWorker === other) return null;
  return notComparable(
    `a worker process trained ${perWorker} seeds of the one and ${other} of the other at once`,
  );
}

const notComparable = (reason: string): Judgement => ({ verdict: 'not comparable', reason });

/** Why runs cannot be set against the paper at all: other conditions than it states, or too few seeds; null if they can. */
function obstacle(members: readonly Member[]): Judgement | null {
  const departed = new Set(members.flatMap(({ run }) => departures(run.experiment)));
  const fewest = Math.min(...members.map(({ row }) => row.seeds));
  const reasons = [
    ...(departed.size > 0 ? [`other conditions than the paper's: ${[...departed].join('; ')}`] : []),
    ...(fewest < FEWEST_SEEDS ? [`finished seeds: ${fewest}, it takes ${FEWEST_SEEDS} to tell`] : []),
  ];
  return reasons.length === 0 ? null : notComparable(reasons.join('; '));
}

/** Reproduced where the two intervals overlap; else by the side of the paper's on which ours lies. */
function overlap(unit: Unit, ours: Interval | null, paper: Interval, better: 'higher' | 'lower'): Judgement {
  if (ours === null) return notComparable('a seed has no finite number');
  const [here, there] = [formatInterval(unit, ours), formatInterval(unit, paper)];
  if (ours.low <= paper.high && ours.high >= paper.low)
    return { verdict: 'reproduced', reason: `${here} overlaps the paper's ${there}` };
  const above = ours.low > paper.high;
  return {
    verdict: above === (better === 'higher') ? 'exceeded' : 'not reproduced',
    reason: `${here} lies ${above ? 'above' : 'below'} the paper's ${there}`,
  };
}

/** Reproduced where the difference is seen, see `Contrast`. */
function ordered({ seen, adjustedP }: Contrast, interval: string): Judgement {
  const shown = adjustedP === null ? interval : `${interval}, p ${formatProbability(adjustedP)}`;
  switch (seen) {
    case 'better':
      return { verdict: 'reproduced', reason: `the difference is seen, ${shown}` };
    case 'worse':
      return { verdict: 'not reproduced', reason: `the opposite is seen, ${shown}` };
    case 'none':
      return { verdict: 'not reproduced', reason: `no difference is seen, ${shown}` };
    default:
      return notComparable('too few seeds have a finite number');
  }
}

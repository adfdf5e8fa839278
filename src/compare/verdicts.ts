import type { Run } from '../runs/read.ts';
import { bootstrapComparison, type Interval, mean } from '../statistics.ts';
import { studentInterval } from '../student.ts';
import { departures } from './conditions.ts';
import { formatInterval, type Unit } from './numbers.ts';
import { type Contrast, contrast, FEWEST_SEEDS } from './pairs.ts';
import { PAPER_SEEDS, paperOverhead, paperResults } from './paper.ts';
import { bootstrapStream, type Sample, samplesOf, valuesOf } from './samples.ts';
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
  return [
    ...members.flatMap(cellVerdicts),
    ...ofArm('dream-critic').flatMap((dream) =>
      ofArm('baseline').flatMap((baseline) => claimVerdicts(dream, baseline)),
    ),
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

function claimVerdicts(dream: Member, baseline: Member): Verdict[] {
  const stated = paperResults.get('dream-critic')!;
  const reference = paperResults.get('baseline')!;
  const arms = { label: dream.row.label, against: baseline.row.label };
  const barred = obstacle([dream, baseline]);
  const order = (
    { claim, unit, better, paper }: OrderClaim,
    values: (member: Member) => number[],
  ): Verdict => {
    const { difference, interval, seen } = contrast(values(dream), values(baseline), better);
    return {
      ...arms,
      claim,
      unit,
      paper: { value: paper, interval: null },
      here: { value: difference, interval },
      ...(barred ?? ordered(seen, formatInterval(unit, interval))),
    };
  };
  return [
    order(
      {
        claim: 'higher final reward',
        unit: 'reward',
        better: 'higher',
        paper: stated.finalReward.mean - reference.finalReward.mean,
      },
      ({ sample }) => valuesOf(sample, 'finalReward'),
    ),
    order(
      {
        claim: 'lower prediction error',
        unit: 'error',
        better: 'lower',
        paper: stated.predictionMse.mean - reference.predictionMse.mean,
      },
      ({ sample }) => valuesOf(sample, 'predictionMse'),
    ),
    order({ claim: 'lower standardised error', unit: 'error', better: 'lower', paper: null }, ({ sample }) =>
      valuesOf(sample, 'predictionMseStandardised'),
    ),
    order(
      {
        claim: 'fewer steps to 400',
        unit: 'steps',
        better: 'lower',
        paper: stated.stepsTo400 - reference.stepsTo400,
      },
      restrictedSteps,
    ),
    {
      ...arms,
      claim: 'about 20 % more time',
      unit: 'share',
      paper: { value: 0.2, interval: paperOverhead },
      ...overhead(dream, baseline, barred),
    },
  ];
}

/** That the dream critic is better in something. */
interface OrderClaim extends Pick<Verdict, 'claim' | 'unit'> {
  better: 'higher' | 'lower';
  /** The difference that the paper prints; null where it prints none. */
  paper: number | null;
}

/** Steps to 400 of every seed, one that never got there counted as the run's length: the restricted time to an event. */
function restrictedSteps({ run, sample }: Member): number[] {
  return sample.seeds.map(({ stepsTo400 }) => stepsTo400 ?? run.experiment.steps);
}

/** How much more time a seed of the dream critic takes, as a share of the baseline's. */
function overhead(dream: Member, baseline: Member, barred: Judgement | null) {
  const a = valuesOf(dream.sample, 'wallSeconds');
  const b = valuesOf(baseline.sample, 'wallSeconds');
  const share = (x: number, y: number) => x / y - 1;
  const interval = bootstrapComparison(a, b, share, bootstrapStream());
  const value = a.length > 0 && b.length > 0 ? share(mean(a)!, mean(b)!) : null;
  return {
    here: { value, interval },
    ...(barred ?? elsewhere(dream.run, baseline.run) ?? overlap('share', interval, paperOverhead, 'lower')),
  };
}

/** Why two runs' times cannot be compared; null if they can. */
function elsewhere({ info: a }: Run, { info: b }: Run): Judgement | null {
  const machine = ({ host, platform, cores, engine }: typeof a) =>
    [host, platform, cores, engine.name, engine.device].join(' ');
  if (machine(a) === machine(b)) return null;
  return { verdict: 'not comparable', reason: 'the two runs were not made by one engine on one machine' };
}

/** Why runs cannot be set against the paper at all: other conditions than it states, or too few seeds; null if they can. */
function obstacle(members: readonly Member[]): Judgement | null {
  const departed = new Set(members.flatMap(({ run }) => departures(run.experiment)));
  const fewest = Math.min(...members.map(({ row }) => row.seeds));
  const reasons = [
    ...(departed.size > 0 ? [`other conditions than the paper's: ${[...departed].join('; ')}`] : []),
    ...(fewest < FEWEST_SEEDS ? [`finished seeds: ${fewest}, it takes ${FEWEST_SEEDS} to tell`] : []),
  ];
  return reasons.length === 0 ? null : { verdict: 'not comparable', reason: reasons.join('; ') };
}

/** Reproduced where the two intervals overlap; else by the side of the paper's on which ours lies. */
function overlap(unit: Unit, ours: Interval | null, paper: Interval, better: 'higher' | 'lower'): Judgement {
  if (ours === null) return { verdict: 'not comparable', reason: 'a seed has no finite number' };
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
function ordered(seen: Contrast['seen'], interval: string): Judgement {
  switch (seen) {
    case 'better':
      return { verdict: 'reproduced', reason: `the difference is seen, ${interval}` };
    case 'worse':
      return { verdict: 'not reproduced', reason: `the opposite is seen, ${interval}` };
    case 'none':
      return { verdict: 'not reproduced', reason: `no difference is seen, ${interval}` };
    default:
      return { verdict: 'not comparable', reason: 'too few seeds have a finite number' };
  }
}

import { paperConditions, paperThresholds } from '../compare/paper.ts';
import { runLabels } from '../compare/samples.ts';
import { shownThreshold } from '../compare/threshold.ts';
import type { FinishedSeed, Run } from '../runs/read.ts';
import { summarise } from '../runs/summary.ts';
import { mean } from '../statistics.ts';
import { grouped } from '../words.ts';
import type { Figure } from './figure.ts';
import { drawableLabels, inALine } from './labels.ts';
import { learningCurves, MOST_PANELS, type Threshold } from './learning-curve.ts';
import { openLoopFigure } from './open-loop.ts';
import { type Arm, meanWords, type Series, series } from './series.ts';
import { sweepFigures } from './sweep.ts';
import { linearAxis, logarithmicAxis, SCHEMA, wholeLogarithmicAxis } from './theme.ts';
import { commonEpisodes, cumulativeReward, episodeLengths } from './training-episodes.ts';
import { wallTimeFigure } from './wall-time.ts';

export { renderSvg } from './render.ts';
export type { Arm } from './series.ts';

const STEPS = 'Environment steps';
const PARTS = 'the mean over seeds, its bootstrap 95 % interval and each seed';
const IN_PANELS = `${PARTS} (faint), the other arms' means in grey`;

/**
 * The figures of some arms. One for which no arm has a number (a method without a world model has no prediction error)
 * is left out; the others keep their names.
 *
 * @param runs in the order of Table 1
 * @param thresholds rewards to mark in figure 1
 */
export function figures(runs: readonly Arm[], thresholds: readonly Threshold[]): Figure[] {
  const labels = drawableLabels(runs.map(({ label }) => label));
  const arms = runs.map((arm, index) => ({ ...arm, label: labels[index]! }));
  const wide = arms.length > 1;
  const cut = arms.length > MOST_PANELS ? ` The first ${MOST_PANELS} of ${arms.length} arms.` : '';
  const marked = thresholds.length > 0 ? `; dotted: ${thresholds.map(({ label }) => label).join(', ')}` : '';
  const candidates = [
    {
      name: 'figure1',
      title: 'Reward against environment steps',
      caption: `Mean reward per greedy evaluation episode, an arm in each panel: ${IN_PANELS}${marked}.${cut}`,
      wide,
      data: series(arms, { logarithmic: false }, column('reward_mean')),
      draw: (data: Series) =>
        learningCurves(labels, data, {
          xTitle: STEPS,
          yTitle: 'Mean reward per episode',
          axis: linearAxis([...data.seeds, ...thresholds].map(({ y }) => y)),
          thresholds,
          note: (label) => arms.find((arm) => arm.label === label)?.note ?? '',
        }),
    },
    {
      name: 'figure2',
      title: 'Prediction error against environment steps',
      caption: `One step ahead, on the held-out set, raw units, an arm in each panel: ${IN_PANELS}.${cut}`,
      wide,
      data: series(arms, { logarithmic: true }, column('prediction_mse')),
      draw: (data: Series) =>
        learningCurves(labels, data, {
          xTitle: STEPS,
          yTitle: 'Prediction error (raw units²)',
          axis: logarithmicAxis,
          thresholds: [],
          note: () => '',
        }),
    },
    {
      name: 'figure3',
      title: 'Open-loop error against horizon',
      caption: `The model fed its own predictions, on the held-out set, raw units, at the last evaluation: ${PARTS} (dots).`,
      data: series(arms, { logarithmic: true }, openLoopErrors),
      draw: (data: Series) => openLoopFigure(labels, data, 'Open-loop error (raw units²)'),
    },
    {
      name: 'figure4',
      title: 'Wall time by arm',
      caption:
        'Wall time of a worker process divided by the seeds that it trained side by side, on whatever engine and machine ' +
        'the run had: the mean over workers, its bootstrap 95 % interval and each worker (rings).',
      data: series(arms.map(workers), { logarithmic: false }, ({ done, worker }) => [
        { x: 0, y: worker && done.wallSeconds / 60 / worker.length },
      ]),
      counted: 'workers',
      draw: (data: Series) => wallTimeFigure(labels, data, 'Wall time per seed (minutes)'),
    },
    {
      name: 'figure-episodes',
      title: 'Steps per episode of training',
      caption: `As acted, exploration included, up to the last episode that every seed has finished, an arm in each panel: ${IN_PANELS}.${cut}`,
      wide,
      data: series(arms, { logarithmic: true }, episodeLengths(commonEpisodes(arms))),
      draw: (data: Series) =>
        learningCurves(labels, data, {
          xTitle: 'Episode',
          yTitle: 'Steps per episode',
          axis: wholeLogarithmicAxis,
          thresholds: [],
          note: () => '',
        }),
    },
    {
      name: 'figure-cumulative',
      title: 'Cumulative reward of training',
      caption: `The returns of the episodes of training that have ended, summed, an arm in each panel: ${IN_PANELS}.${cut}`,
      wide,
      data: series(arms, { logarithmic: false }, cumulativeReward),
      draw: (data: Series) =>
        learningCurves(labels, data, {
          xTitle: STEPS,
          yTitle: 'Cumulative reward',
          axis: linearAxis(data.seeds.map(({ y }) => y)),
          thresholds: [],
          note: () => '',
        }),
    },
  ];
  return candidates
    .filter(({ data }) => data.arms.length > 0)
    .map(({ name, title, caption, wide = false, data, draw, counted = 'seeds' }) => {
      const description = `${title}. ${data.arms.map((arm) => lastMean(data, arm, counted)).join('; ')}.`;
      return {
        name,
        title,
        caption,
        description,
        wide,
        spec: { $schema: SCHEMA, description, ...draw(data) },
      };
    });
}

/**
 * The figures of some runs, in the order of Table 1, then those of sweeps. Where all are of one environment its threshold
 * is marked: on the paper's, the two that the paper's curves are read against.
 */
export function figuresOf(runs: readonly Run[]): Figure[] {
  const labels = runLabels(runs);
  const [environment, ...others] = new Set(runs.map(({ experiment }) => experiment.environment));
  const one = others.length > 0 ? undefined : environment;
  const arms = runs.map(({ seeds }, index) => ({
    label: labels[index]!,
    seeds,
    note: one === undefined ? '' : crossingWords(seeds, one),
  }));
  return [...figures(arms, one === undefined ? [] : marks(one)), ...sweepFigures(runs)];
}

/** What is marked in the learning curves of an environment. */
function marks(environment: string): Threshold[] {
  if (environment === paperConditions.environment) {
    return paperThresholds.map((y) => ({ y, label: `${y}, the paper's threshold` }));
  }
  const { reward } = shownThreshold(environment);
  return [{ y: reward, label: `${reward} counts as solved` }];
}

/** `400 from step 4,400 (10 of 10)`: mean over the seeds that stay at or above it, and how many do. */
function crossingWords(seeds: Run['seeds'], environment: string): string {
  const { reward, columns } = shownThreshold(environment);
  const steps = seeds.flatMap(({ rows }) => summarise(rows, environment)[columns.steps] ?? []);
  const from = steps.length > 0 ? `from step ${grouped(Math.round(mean(steps)!))} ` : '';
  return seeds.length === 0 ? '' : `${reward} ${from}(${steps.length} of ${seeds.length})`;
}

/** `Dream critic ends at 500 (interval 500 to 500, seeds: 5)` */
function lastMean({ means }: Series, arm: string, counted: string): string {
  return `${inALine(arm)} ends at ${meanWords(means.findLast((point) => point.arm === arm)!, counted)}`;
}

/** An arm with one seed of each worker process in place of all: the seeds of one end together, and are one time. */
function workers({ label, seeds }: Arm): Arm {
  const first = (seed: FinishedSeed) => seeds.find(({ worker }) => `${worker}` === `${seed.worker}`);
  return { label, seeds: seeds.filter((seed) => first(seed) === seed) };
}

/** A column of metrics.csv by environment step. */
function column(name: string) {
  return ({ rows }: FinishedSeed) => rows.map((row) => ({ x: row.env_step!, y: row[name] }));
}

/** The last evaluation's error by horizon: the columns open_loop_mse_1, _5, … */
function openLoopErrors({ rows }: FinishedSeed) {
  return Object.entries(rows.at(-1) ?? {}).flatMap(([name, y]) => {
    const horizon = /^open_loop_mse_(\d+)$/.exec(name)?.[1];
    return horizon === undefined ? [] : [{ x: Number(horizon), y }];
  });
}

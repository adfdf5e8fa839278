import type { TopLevelSpec } from 'vega-lite';
import type { LayerSpec } from 'vega-lite/types_unstable/spec/layer.js';
import { grouped } from '../words.ts';
import { linesOf } from './labels.ts';
import type { Series } from './series.ts';
import {
  armChannels,
  type linearAxis,
  type logarithmicAxis,
  page,
  stepAxis,
  type wholeLogarithmicAxis,
} from './theme.ts';

/** A rule across a learning curve. */
export interface Threshold {
  y: number;
  label: string;
}

/** How learning curves are drawn. */
interface Look {
  xTitle: string;
  yTitle: string;
  axis: ReturnType<typeof linearAxis> | typeof logarithmicAxis | typeof wholeLogarithmicAxis;
  thresholds: readonly Threshold[];
  /** A line under an arm's name; empty: none. */
  note: (arm: string) => string;
}

type Panels = Extract<TopLevelSpec, { concat: unknown }>;

/** Arms that get a panel: a page has room for no more. */
export const MOST_PANELS = 24;
/** Arms up to which each panel shows the other arms too: beyond, they would be a cloud again. */
const MOST_CONTEXT = 12;
/** Height in CSS pixels of a line of an arm's name and of those under it. */
const NOTE = 12;
/** Width and height in CSS pixels of what a panel's axes enclose, by the number of columns. */
const PLOTS = [
  { width: 276, height: 170 },
  { width: 290, height: 150 },
  { width: 190, height: 136 },
] as const;

/**
 * A quantity against environment steps, or against episodes, a panel per arm, all with the same axes: the mean over seeds as a line, its
 * bootstrap 95 % interval as a band, each seed as a faint line, and the other arms' means in grey. The axis ends where
 * `commonEnd` says; what lies beyond is told in words.
 *
 * @param arms all compared arms; `series` may lack some
 */
export function learningCurves(arms: readonly string[], series: Series, look: Look): Panels {
  const shown = series.arms.slice(0, MOST_PANELS);
  const columns = shown.length === 4 ? 2 : Math.min(shown.length, PLOTS.length);
  const end = commonEnd(series);
  const { config } = page(0);
  const notes = shown.map((arm) =>
    [look.note(arm), beyond(series, arm, end)].filter((words) => words !== ''),
  );
  const mostLines = Math.max(...shown.map((arm, index) => linesOf(arm).length + notes[index]!.length));
  return {
    config,
    columns,
    // Plots stand in line whatever their headings need, so the spacing has room for those.
    bounds: 'flush',
    spacing: { row: 20 + NOTE * mostLines, column: 12 },
    datasets: {
      seeds: series.seeds,
      means: series.means,
      thresholds: look.thresholds.map((rule) => ({ ...rule })),
    },
    resolve: { scale: { x: 'shared', y: 'shared' } },
    concat: shown.map((arm, index) => {
      const left = index % columns === 0;
      const lowest = index + columns >= shown.length;
      return {
        ...PLOTS[columns - 1]!,
        layer: [
          ...panel(arm, arms, series, end, look, { left, lowest, labelled: index === 0 }),
          ...heading(arm, notes[index]!),
        ],
      };
    }),
  };
}

/** What of the axes a panel shows: it shares them with its neighbours. */
interface Place {
  /** Whether nothing stands to its left, and nothing below. */
  left: boolean;
  lowest: boolean;
  /** Whether it says what the thresholds are. */
  labelled: boolean;
}

function panel(
  arm: string,
  arms: readonly string[],
  series: Series,
  end: number,
  { xTitle, yTitle, axis: { scale, axis }, thresholds }: Look,
  { left, lowest, labelled }: Place,
): LayerSpec<string>['layer'] {
  const { colour } = armChannels(arms, series.arms);
  const color = { ...colour, legend: null };
  const x = {
    field: 'x',
    type: 'quantitative',
    title: lowest ? xTitle : null,
    axis: { ...stepAxis, tickCount: 5, labels: lowest },
    scale: { domainMin: 0, domainMax: end, nice: false },
  } as const;
  const y = {
    type: 'quantitative',
    title: left ? yTitle : null,
    scale,
    axis: { ...axis, labels: left },
  } as const;
  const within = { field: 'x', lte: end };
  const own = { transform: [{ filter: { and: [{ field: 'arm', equal: arm }, within] } }] };
  const others = { transform: [{ filter: { and: [{ not: { field: 'arm', equal: arm } }, within] } }] };
  const context = series.arms.length > 1 && series.arms.length <= MOST_CONTEXT;
  return [
    ...(context
      ? [
          {
            data: { name: 'means' },
            ...others,
            mark: { type: 'line', strokeWidth: 0.8, color: '#c4c4c4' },
            encoding: { x, y: { field: 'mean', ...y }, detail: { field: 'arm' } },
          } as const,
        ]
      : []),
    {
      data: { name: 'means' },
      ...own,
      mark: { type: 'area', opacity: 0.2 },
      encoding: { x, y: { field: 'low', ...y }, y2: { field: 'high' }, color },
    },
    {
      data: { name: 'seeds' },
      ...own,
      mark: { type: 'line', strokeWidth: 0.5, opacity: 0.4 },
      encoding: { x, y: { field: 'y', ...y }, detail: { field: 'seed' }, color },
    },
    ...(thresholds.length > 0 ? thresholdLayers(y, labelled) : []),
    {
      data: { name: 'means' },
      ...own,
      mark: { type: 'line', strokeWidth: 1.8 },
      encoding: { x, y: { field: 'mean', ...y }, color },
    },
  ];
}

/** An arm's name and the lines under it, above its plot. (Where Vega puts a title depends on what the axes need.) */
function heading(arm: string, notes: readonly string[]): LayerSpec<string>['layer'] {
  const data = { values: [{}] };
  const lines = [
    ...linesOf(arm).map((text) => ({ text, fontSize: 10, fontWeight: 'bold' }) as const),
    ...notes.map((text) => ({ text, fontSize: 9, color: '#444' })),
  ];
  return lines.map(({ text, ...look }, i) => {
    const y = -4 - NOTE * (lines.length - 1 - i);
    const mark = { type: 'text', text, align: 'left', baseline: 'bottom', x: 0, y, ...look } as const;
    return { data, mark, encoding: {} };
  });
}

/** Rules, with their labels, which stand on a white shadow since curves may pass behind them. */
function thresholdLayers(axis: object, labelled: boolean): LayerSpec<string>['layer'] {
  const data = { name: 'thresholds' };
  const y = { ...axis, field: 'y', type: 'quantitative' } as const;
  const text = { type: 'text', align: 'right', baseline: 'top', dy: 2, fontSize: 8 } as const;
  const encoding = { x: { value: 'width' }, y, text: { field: 'label' } } as const;
  return [
    { data, mark: { type: 'rule', color: '#444', strokeWidth: 0.7, strokeDash: [2, 2] }, encoding: { y } },
    ...(labelled
      ? [
          { data, mark: { ...text, stroke: 'white', strokeWidth: 3, strokeOpacity: 0.8 }, encoding },
          { data, mark: { ...text, color: '#222' }, encoding },
        ]
      : []),
  ];
}

/** The last x of an arm's curve. */
function endOf({ means }: Series, arm: string): number {
  return means.findLast((point) => point.arm === arm)!.x;
}

/**
 * The furthest x that at least half of the arms reach: one arm that was trained for longer does not
 * squeeze the others into a corner.
 */
function commonEnd(series: Series): number {
  const ends = series.arms.map((arm) => endOf(series, arm)).sort((a, b) => b - a);
  return ends[Math.ceil(ends.length / 2) - 1]!;
}

/** What an arm comes to beyond the axis' end: `on to 100,000: 500`. Empty where it has nothing there. */
function beyond(series: Series, arm: string, end: number): string {
  const last = series.means.findLast((point) => point.arm === arm)!;
  if (last.x <= end) return '';
  return `on to ${grouped(last.x)}: ${Number(last.mean.toPrecision(3))}`;
}

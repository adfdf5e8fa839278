import type { TopLevelSpec } from 'vega-lite';
import type { LayerSpec } from 'vega-lite/types_unstable/spec/layer.js';
import { type Bounded, type Duel, type Standing, THRESHOLDS } from '../compare/leaderboard/standings.ts';
import type { Figure } from './figure.ts';
import { intervalRows } from './interval-rows.ts';
import { BLUE, page, SCHEMA } from './theme.ts';

/** Height in CSS pixels of a method's row. */
const ROW = 22;

/** Panels of performance profiles beside each other, and what the axes of each enclose in CSS pixels. */
const COLUMNS = 4;
const PROFILE = { width: 140, height: 90 } as const;

/** The figures of a leaderboard: interquartile means, performance profiles, and how the first does against the others. */
export function leaderboardFigures(standings: readonly Standing[], duels: readonly Duel[]): Figure[] {
  if (standings.length === 0) return [];
  const first = standings[0]!.method;
  const against = duels.filter(({ method }) => method === first);
  return [
    rowsFigure(
      {
        name: 'leaderboard-iqm',
        title: 'Interquartile mean of normalised scores',
        caption:
          'Points with 95 % stratified bootstrap intervals; 0 is random actions and 1 (the line) what counts as solved.',
      },
      standings.map(({ method, iqm }) => ({ arm: method, of: iqm })),
      1,
    ),
    profiles(standings),
    ...(against.length > 0
      ? [
          rowsFigure(
            {
              name: 'leaderboard-improvement',
              title: `Probability that ${first} is better`,
              caption:
                'Averaged over tasks, with 95 % stratified bootstrap intervals; 0.5 (the line) is as good as; filled where a difference is seen.',
            },
            against.map(({ against, improvement, seen }) => ({
              ...{ arm: against, of: improvement },
              seen: seen === 'better' || seen === 'worse',
            })),
            0.5,
          ),
        ]
      : []),
  ];
}

/** A method's point with its interval, and, where methods are compared, whether a difference is seen. */
interface MethodRow {
  arm: string;
  of: Bounded;
  seen?: boolean;
}

/** A row for each method, and a line to hold them against. */
function rowsFigure(
  about: Pick<Figure, 'name' | 'title' | 'caption'>,
  rows: readonly MethodRow[],
  mark: number,
): Figure {
  const { title } = about;
  const words = rows.map(({ arm, of, seen }) => `${arm} ${of.value.toFixed(2)}${seen ? ' (seen)' : ''}`);
  const arms = rows.map(({ arm }) => arm);
  const y = { field: 'arm', type: 'nominal', title: null, sort: arms, axis: { labelLimit: 170 } } as const;
  const x = {
    type: 'quantitative',
    title,
    axis: { tickCount: 6 },
    scale: { zero: false, nice: true },
  } as const;
  const values = rows.map(({ arm, of: { value, interval }, seen }) => ({
    ...{ arm, value, low: interval?.low ?? value, high: interval?.high ?? value, seen },
  }));
  const compared = rows.some(({ seen }) => seen !== undefined);
  return {
    ...{ ...about, wide: false, description: `${title}: ${words.join(', ')}.` },
    spec: {
      $schema: SCHEMA,
      ...page(44 + ROW * rows.length),
      data: { values },
      layer: intervalRows(mark, { x, y }, compared ? 'by effect' : 'same'),
    } satisfies TopLevelSpec,
  };
}

/** The share of runs above each score, a panel for each method, with its interval as a band and the others in grey. */
function profiles(standings: readonly Standing[]): Figure {
  const title = 'Share of runs above the score';
  const values = standings.flatMap(({ method, profile }) =>
    profile.map(({ value, interval }, index) => ({
      ...{ arm: method, score: THRESHOLDS[index]!, value },
      ...{ low: interval?.low ?? value, high: interval?.high ?? value },
    })),
  );
  const x = {
    field: 'score',
    type: 'quantitative',
    title: 'Normalised score',
    axis: { grid: false, tickCount: 3 },
  } as const;
  const y = {
    type: 'quantitative',
    title: 'Share of runs',
    scale: { domainMin: 0, domainMax: 1 },
    axis: { tickCount: 3 },
  } as const;
  const step = 'step-after';
  const layer: LayerSpec<string>['layer'] = [
    {
      // Named anew, it is in every panel whole.
      data: { name: 'profiles' },
      mark: { type: 'line', strokeWidth: 0.8, color: '#c4c4c4', interpolate: step },
      encoding: { x, y: { field: 'value', ...y }, detail: { field: 'arm' } },
    },
    {
      mark: { type: 'area', opacity: 0.2, color: BLUE, interpolate: step },
      encoding: { x, y: { field: 'low', ...y }, y2: { field: 'high' } },
    },
    {
      mark: { type: 'line', strokeWidth: 1.8, color: BLUE, interpolate: step },
      encoding: { x, y: { field: 'value', ...y } },
    },
  ];
  const header = { labelFontSize: 10, labelFontWeight: 'bold', labelAnchor: 'start' } as const;
  const solved = THRESHOLDS.indexOf(1);
  const last = standings.map(({ method, profile }) => `${method} ${profile[solved]!.value.toFixed(2)}`);
  return {
    ...{ name: 'leaderboard-profiles', title, wide: true },
    caption:
      'Performance profiles with 95 % stratified bootstrap bands, the other methods in grey: the share of runs, of all tasks together, above each score.',
    description: `${title} 1: ${last.join(', ')}.`,
    spec: {
      $schema: SCHEMA,
      config: page(0).config,
      datasets: { profiles: values },
      data: { name: 'profiles' },
      facet: {
        field: 'arm',
        type: 'nominal',
        title: null,
        sort: standings.map(({ method }) => method),
        header,
      },
      columns: COLUMNS,
      spec: { ...PROFILE, layer },
    } satisfies TopLevelSpec,
  };
}

import type { TopLevelSpec } from 'vega-lite';
import type { LayerSpec } from 'vega-lite/types_unstable/spec/layer.js';
import { type Effect, MEASURES } from '../compare/effect.ts';
import type { Figure } from './figure.ts';
import { intervalRows } from './interval-rows.ts';
import { page, SCHEMA } from './theme.ts';

/** Height in CSS pixels of a line of a pair's name, and width of what the axes of a panel enclose. */
const [LINE, WIDTH] = [13, 116];

/** A question with its effects. */
interface Panel {
  title: string;
  factor: boolean;
  rows: { pair: string; value: number; low: number; high: number; seen: boolean }[];
}

/**
 * The figure of what a key does: a row per pair of runs, and for each question a panel with the effects and their intervals.
 *
 * @param key dotted, e.g. `critic.shapesModel`
 * @param effects of the key, at least one
 */
export function effectFigure(key: string, effects: readonly Effect[]): Figure {
  const pairs = [...new Set(effects.map(({ short }) => short))];
  const panels = [...new Set(MEASURES.map(({ question }) => question))]
    .map((question) => panelOf(question, effects))
    .filter(({ rows }) => rows.length > 0);
  const switches = [...new Set(effects.map(({ values }) => values.join(' against ')))];
  // Of several, each row names its own.
  const title = `Effect of ${key}${switches.length > 1 ? '' : `, ${switches[0]}`}`;
  const inLatents = effects.some(({ measure }) => measure.startsWith('consistency'));
  return {
    ...{ name: 'effects', title, wide: true },
    caption:
      'The factor by which errors are larger, or the difference of mean rewards, with its bootstrap 95 % interval; ' +
      `filled where an effect is seen.${inLatents ? ' A model that decodes nothing is measured in latents.' : ''}`,
    description: `${title}. ${panels.map(panelWords).join('. ')}.`,
    spec: {
      $schema: SCHEMA,
      config: page(0).config,
      spacing: 14,
      hconcat: panels.map((panel, index) => panelSpec(panel, pairs, index === 0)),
    } satisfies TopLevelSpec,
  };
}

function panelOf(question: string, effects: readonly Effect[]): Panel {
  const measures = MEASURES.filter((measure) => measure.question === question);
  const { name: title, factor } = measures[0]!;
  const rows = effects
    .filter(({ measure }) => measures.some(({ column }) => column === measure))
    .map(({ short, effect, interval, seen }) => ({
      ...{ pair: short, value: effect, low: interval?.low ?? effect, high: interval?.high ?? effect },
      seen: seen === 'larger' || seen === 'smaller',
    }));
  return { title, factor, rows };
}

/** `Final reward: TD-MPC2, CartPole-v1 105 (22 to 184, seen)` */
const panelWords = ({ title, rows }: Panel) =>
  `${title}: ${rows
    .map(({ pair, value, low, high, seen }) => {
      const [at, from, to] = [value, low, high].map((number) => Number(number.toPrecision(3)));
      return `${pair} ${at} (${from} to ${to}${seen ? ', seen' : ''})`;
    })
    .join('; ')}`;

function panelSpec({ title, factor, rows }: Panel, pairs: string[], named: boolean): LayerSpec<string> {
  const bounds = rows.flatMap(({ low, high }) => [low, high]);
  // Half and twice as large are in view whatever is seen.
  const factors = [Math.min(0.5, ...bounds), Math.max(2, ...bounds)];
  const look = factor
    ? ({
        axis: { tickCount: 4, format: '~g' },
        scale: { type: 'log', base: 2, domain: factors, padding: 4 },
      } as const)
    : ({ axis: { tickCount: 2 }, scale: { nice: true } } as const);
  const x = {
    type: 'quantitative',
    title: factor ? 'Factor' : 'Difference',
    ...look,
  } as const;
  const y = {
    field: 'pair',
    type: 'nominal',
    title: null,
    sort: pairs,
    scale: { domain: pairs },
    axis: named
      ? { labelExpr: "split(datum.label, ', ')", labelLimit: 220, labelOffset: -5, grid: true, ticks: false }
      : { labels: false, ticks: false, grid: true },
  } as const;
  return {
    title: { text: title, fontSize: 10, anchor: 'start', frame: 'group' },
    width: WIDTH,
    height: LINE * Math.max(...pairs.map((pair) => pair.split(', ').length)) * pairs.length,
    data: { values: rows },
    layer: intervalRows(factor ? 1 : 0, { x, y }, 'by effect'),
  };
}

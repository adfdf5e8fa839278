import type { Config, TopLevelSpec } from 'vega-lite';
import type { LayerSpec } from 'vega-lite/types_unstable/spec/layer.js';
import { inLines, linesOf, longestLine } from './labels.ts';

/** The version of Vega-Lite that specifications are written in: an editor reads it. */
export const SCHEMA = 'https://vega.github.io/schema/vega-lite/v6.json';

/**
 * A vertical axis from zero, or, where no value is positive or near it, of the values alone: costs of −200 to −110 would
 * lie in the lower half of an axis that goes up to zero.
 */
export function linearAxis(values: readonly number[]) {
  const least = values.reduce((a, b) => Math.min(a, b), 0);
  const greatest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const zero = greatest >= 0 || -greatest < 0.25 * (greatest - least);
  return { scale: { zero, nice: true }, axis: { tickCount: 6 } } as const;
}

/** Environment steps: `10k`. The label of zero would be `0k`. */
export const stepAxis = {
  format: '~s',
  labelExpr: "datum.value === 0 ? '0' : datum.label",
  tickCount: 6,
  grid: false,
} as const;

/** A vertical axis of positive numbers: `1e-4`. */
export const logarithmicAxis = {
  scale: { type: 'log', nice: false, padding: 6 },
  axis: { format: '.0e', tickCount: 5 },
} as const;

/** The same of counts: `100`. */
export const wholeLogarithmicAxis = {
  scale: logarithmicAxis.scale,
  axis: { format: '~s', tickCount: 5 },
} as const;

/**
 * How figures look: text of 7 to 8 points at their printed size, in a typeface that every system has or replaces by
 * one like it, and no mark that needs colour to be told apart.
 */
const theme: Config = {
  background: 'white',
  font: 'Helvetica, Arial, sans-serif',
  // A label may stand half above its axis.
  padding: { left: 4, right: 4, top: 8, bottom: 4 },
  // Figures carry one description as a whole; a label on each of a thousand points helps nobody.
  aria: false,
  view: { stroke: null },
  axis: {
    labelFontSize: 9,
    titleFontSize: 10,
    titleFontWeight: 'normal',
    labelColor: '#222',
    titleColor: '#222',
    domainColor: '#888',
    tickColor: '#888',
    tickSize: 4,
    gridColor: '#e8e8e8',
    gridWidth: 0.5,
  },
  legend: {
    orient: 'bottom',
    direction: 'horizontal',
    title: null,
    labelFontSize: 9,
    labelColor: '#222',
    labelLimit: 170,
    symbolStrokeWidth: 1.8,
    symbolOpacity: 1,
    offset: 8,
  },
};

/** Okabe and Ito (2008), for every kind of colour vision; yellow last, it is faint on white. */
export const [BLUE, VERMILION] = ['#0072B2', '#D55E00'];
const COLOURS = [BLUE, VERMILION, '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000', '#F0E442'];

const SHAPES = ['circle', 'square', 'triangle-up', 'diamond', 'cross', 'triangle-down', 'triangle-right'];

/** Height in CSS pixels of a row of a legend, and of each further line of a label there or beside an axis. */
const LEGEND_ROW = 17;
export const LABEL_LINE = 11;
/** Width in CSS pixels of a label that has a legend's row for itself, and how many characters that is. */
const WIDE_LABEL = 260;
export const WIDE_LABEL_LETTERS = 48;

/** A scale that gives each arm its own value of a channel, in the order of the arms. */
function armScale<T>(all: readonly string[], shown: readonly string[], values: readonly T[]) {
  return { domain: [...shown], range: shown.map((arm) => values[all.indexOf(arm) % values.length]!) };
}

/**
 * What tells arms apart, for print in black and white as for colour-blind readers: colour and shape.
 *
 * @param all labels of all compared arms, so that an arm looks the same in each figure
 * @param shown labels of those that this figure has
 */
export function armChannels(all: readonly string[], shown: readonly string[]) {
  // As many columns as the width under the axis holds of the longest label.
  const longest = longestLine(shown);
  const columns = longest <= 11 ? 3 : longest <= 20 ? 2 : 1;
  const rows = Array.from({ length: Math.ceil(shown.length / columns) }, (_, row) =>
    shown.slice(row * columns, (row + 1) * columns),
  );
  const arm = { field: 'arm', type: 'nominal' } as const;
  return {
    colour: { ...arm, scale: armScale(all, shown, COLOURS) },
    shape: { ...arm, scale: armScale(all, shown, SHAPES) },
    // Labels that the theme's limit would cut may take the whole width.
    legend: { columns, ...(longest > 31 ? { labelLimit: WIDE_LABEL } : {}), ...inLines(shown) },
    legendHeight: rows
      .map(
        (labels) => LEGEND_ROW + LABEL_LINE * (Math.max(...labels.map((label) => linesOf(label).length)) - 1),
      )
      .reduce((a, b) => a + b, 0),
  };
}

/** A layered specification, all but its version and description. */
export type Drawing = TopLevelSpec & LayerSpec<string>;

/**
 * The size and look that figures share: 336 CSS pixels (1/96 inch) wide, 3.5 inches, one column of a two-column page.
 *
 * @param height in CSS pixels, all included
 */
export function page(height: number) {
  return { width: 336, height, autosize: { type: 'fit', contains: 'padding' }, config: theme } as const;
}

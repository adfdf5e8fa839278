import type { LayerSpec } from 'vega-lite/types_unstable/spec/layer.js';
import { settingsTitle } from '../compare/samples.ts';
import { shown } from '../config/problems.ts';
import { keysOfCells } from '../config/sweep.ts';
import type { Run } from '../runs/read.ts';
import { summarise } from '../runs/summary.ts';
import type { Figure } from './figure.ts';
import { drawableLabels, inALine, inLines, longestLine } from './labels.ts';
import { meanWords, series } from './series.ts';
import { sideBySide } from './side-by-side.ts';
import { armChannels, linearAxis, logarithmicAxis, page, SCHEMA, WIDE_LABEL_LETTERS } from './theme.ts';

/** What a sweep asks after, at the end of training. */
const PANELS = [
  { title: 'Final reward', column: 'final_reward', logarithmic: false },
  {
    title: 'Prediction error (raw units²)',
    column: 'prediction_mse',
    logarithmic: true,
  },
] as const;

/** Size in CSS pixels of what the axes of a panel enclose: with their labels, one column of a two-column page. */
const PLOT = { width: 276, height: 132 };

/** Width in CSS pixels of a letter of a label, and of what stands between two. */
const [LETTER, SPACE] = [5.4, 4];

/** A cell on paper: its value of the key along the axis, and what sets it apart from others of that value. */
interface Place {
  seeds: Run['seeds'];
  environment: string;
  value: string;
  arm: string;
}

/** The figure of every sweep among some runs; of one without a finished seed there is none. */
export function sweepFigures(runs: readonly Run[]): Figure[] {
  const sweeps = new Map<string, Run[]>();
  for (const run of runs) {
    if (run.cell) sweeps.set(run.cell.sweep, [...(sweeps.get(run.cell.sweep) ?? []), run]);
  }
  return [...sweeps.values()]
    .flatMap((cells) => sweepFigure(cells) ?? [])
    .map((figure, index) => (index === 0 ? figure : { ...figure, name: `${figure.name}-${index + 1}` }));
}

/**
 * Final reward and, for methods that have one, prediction error against the swept value: of each cell the mean over
 * seeds as a mark, its bootstrap 95 % interval as a bar and the seeds as faint dots. The last swept key that all cells
 * have runs along the axis, its values equally spaced; cells that differ in the others stand side by side. Where they have
 * none in common it is the last of all, with a dash for those that lack it.
 */
function sweepFigure(cells: readonly Run[]): Figure | null {
  const settings = cells.map(({ cell }) => cell!.settings);
  const keys = keysOfCells(settings);
  const key = keys.findLast((each) => settings.every((cell) => cell[each] !== undefined)) ?? keys.at(-1)!;
  const values = settings.map((cell) => cell[key]);
  if (values.every((value) => typeof value === 'number')) values.sort((a, b) => a - b);
  const places = cells.map(({ seeds, experiment }, index): Place => {
    const { [key]: value, ...others } = settings[index]!;
    return {
      seeds,
      environment: experiment.environment,
      value: valueWords(value),
      arm: settingsTitle(others),
    };
  });
  if (places.some(({ arm }) => arm !== '')) for (const place of places) place.arm ||= NONE;
  const drawnArm = drawn(
    places.map(({ arm }) => arm),
    WIDE_LABEL_LETTERS,
  );
  const drawnValue = drawn(values.map(valueWords));
  for (const place of places) {
    place.arm = drawnArm(place.arm);
    place.value = drawnValue(place.value);
  }
  const panels = PANELS.map((panel) => ({ ...panel, ...points(places, panel) })).filter(
    ({ means }) => means.length > 0,
  );
  if (panels.length === 0) return null;

  const title = `Sweep of ${keys.join(' and ')}`;
  const description = `${title}. ${panels
    .map(({ title, means }) => `${title}: ${means.map(pointWords).join('; ')}`)
    .join('. ')}.`;
  const arms = [...new Set(places.map(({ arm }) => arm))];
  const domain = [...new Set(values.map((value) => drawnValue(valueWords(value))))];
  return {
    name: 'figure-sweep',
    title,
    caption:
      `Final reward and prediction error (one step ahead, on the held-out set) against ${key}: ` +
      'the mean over seeds, its bootstrap 95 % interval and each seed (dots).',
    description,
    wide: false,
    spec: {
      $schema: SCHEMA,
      description,
      config: page(0).config,
      spacing: 4,
      vconcat: panels.map((panel) => panelLayers(panel, key, domain, arms)),
    },
  };
}

/** Labels, each in the words that a figure has room for. */
function drawn(labels: readonly string[], longest?: number): (label: string) => string {
  const all = [...new Set(labels)];
  const short = drawableLabels(all, longest);
  return (label) => short[all.indexOf(label)]!;
}

/** What a cell has of a key that it lacks. */
const NONE = '–';

const valueWords = (value: unknown): string => (value === undefined ? NONE : shown(value));

type Points = ReturnType<typeof points>;

function points(places: readonly Place[], { column, logarithmic }: (typeof PANELS)[number]) {
  const parts = places.map(({ seeds, environment, value, arm }) => {
    const read = ({ rows }: Run['seeds'][number]) => [{ x: 0, y: summarise(rows, environment)[column] }];
    const data = series([{ label: arm, seeds }], { logarithmic }, read);
    return {
      seeds: data.seeds.map(({ arm, seed, y }) => ({ arm, value, seed, y })),
      means: data.means.map(({ arm, mean, low, high, seeds }) => ({ arm, value, mean, low, high, seeds })),
    };
  });
  return { seeds: parts.flatMap(({ seeds }) => seeds), means: parts.flatMap(({ means }) => means) };
}

/** `lambda = 0, 5 gives 500 (interval 500 to 500, seeds: 5)` */
function pointWords({ arm, value, ...point }: Points['means'][number]): string {
  return `${inALine(arm === '' ? value : `${arm}, ${value}`)} gives ${meanWords(point)}`;
}

function panelLayers(
  { title, logarithmic, seeds, means }: (typeof PANELS)[number] & Points,
  key: string,
  domain: string[],
  arms: string[],
): LayerSpec<string> {
  const x = {
    field: 'value',
    type: 'ordinal',
    scale: { domain },
    title: key,
    axis: { ...valueLabels(domain), grid: false },
  } as const;
  const axis = logarithmic ? logarithmicAxis : linearAxis(seeds.map(({ y }) => y));
  const y = { type: 'quantitative', title, ...axis } as const;
  const data = { seeds: { values: seeds }, means: { values: means } };
  const channels = armChannels(arms, arms);
  return { ...PLOT, layer: sideBySide({ arms, ...data, x, y, channels, legend: arms.length > 1 }) };
}

/** Values flat where neighbours have room, else upright, and every so many-th of them where they are too many. */
function valueLabels(values: readonly string[]) {
  const room = PLOT.width / values.length;
  const widths = values.map((value) => LETTER * longestLine([value]));
  const isFlat = widths.every((width, i) => i === 0 || (widths[i - 1]! + width) / 2 + SPACE <= room);
  const angle = isFlat ? { labelAngle: 0 } : ({ labelAngle: -90, labelOverlap: 'parity' } as const);
  return { ...angle, ...inLines(values) };
}

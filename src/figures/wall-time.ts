import { inLines, linesOf } from './labels.ts';
import type { Series } from './series.ts';
import { armChannels, type Drawing, LABEL_LINE, page } from './theme.ts';

/** Height in CSS pixels of an arm's row, and of what stands between two labels of several lines. */
const [ROW, SPACE] = [26, 4];

/**
 * Wall time by arm: the mean over worker processes as a bar from zero, its bootstrap 95 % interval as a line, and each
 * worker as a ring.
 *
 * @param arms all compared arms; `series`, whose y is the time, may lack some
 */
export function wallTimeFigure(arms: readonly string[], series: Series, title: string): Drawing {
  const { colour } = armChannels(arms, series.arms);
  const color = { ...colour, legend: null };
  const lines = Math.max(...series.arms.map((arm) => linesOf(arm).length));
  const y = {
    field: 'arm',
    type: 'nominal',
    title: null,
    sort: series.arms,
    axis: { labelLimit: 170, ...inLines(series.arms), ...centredLines(lines) },
  } as const;
  const x = {
    type: 'quantitative',
    title,
    axis: { tickCount: 6 },
    scale: { zero: true, nice: true },
  } as const;
  const means = { name: 'means' };
  return {
    ...page(44 + Math.max(ROW, LABEL_LINE * lines + SPACE) * series.arms.length),
    datasets: { seeds: series.seeds, means: series.means },
    layer: [
      {
        data: means,
        mark: { type: 'bar', opacity: 0.35, height: { band: 0.7 } },
        encoding: { y, x: { field: 'mean', ...x }, color },
      },
      {
        data: means,
        mark: { type: 'rule', strokeWidth: 1.8 },
        encoding: { y, x: { field: 'low', ...x }, x2: { field: 'high' }, color },
      },
      {
        data: { name: 'seeds' },
        mark: { type: 'point', shape: 'circle', size: 14, strokeWidth: 0.7, color: '#222' },
        encoding: { y, x: { field: 'y', ...x } },
      },
    ],
  };
}

/** Vega begins a label of several lines where one of one line would stand. */
function centredLines(most: number) {
  if (most === 1) return {};
  const condition = Array.from({ length: most - 1 }, (_, i) => ({
    test: `length(split(datum.label, '\\n')) === ${i + 2}`,
    value: (-LABEL_LINE / 2) * (i + 1),
  }));
  return { labelOffset: { condition, value: 0 } };
}

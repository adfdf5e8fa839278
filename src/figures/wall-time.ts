import type { Series } from './series.ts';
import { armChannels, type Drawing, page } from './theme.ts';

/** Height in CSS pixels of an arm's row. */
const ROW = 26;

/**
 * Wall time by arm: the mean over worker processes as a bar from zero, its bootstrap 95 % interval as a line, and each
 * worker as a ring.
 *
 * @param arms all compared arms; `series`, whose y is the time, may lack some
 */
export function wallTimeFigure(arms: readonly string[], series: Series, title: string): Drawing {
  const { colour } = armChannels(arms, series.arms);
  const color = { ...colour, legend: null };
  const y = {
    field: 'arm',
    type: 'nominal',
    title: null,
    sort: series.arms,
    axis: { labelLimit: 170 },
  } as const;
  const x = {
    type: 'quantitative',
    title,
    axis: { tickCount: 6 },
    scale: { zero: true, nice: true },
  } as const;
  const means = { name: 'means' };
  return {
    ...page(44 + ROW * series.arms.length),
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

import type { Series } from './series.ts';
import { sideBySide } from './side-by-side.ts';
import { armChannels, type Drawing, logarithmicAxis, page } from './theme.ts';

/**
 * Open-loop error against horizon: per arm the mean over seeds as a mark, its bootstrap 95 % interval as a bar, and the
 * seeds as faint dots; the arms side by side at each horizon.
 *
 * @param arms all compared arms; `series`, whose x is the horizon, may lack some
 */
export function openLoopFigure(arms: readonly string[], series: Series, yTitle: string): Drawing {
  const channels = armChannels(arms, series.arms);
  const x = {
    field: 'x',
    type: 'ordinal',
    title: 'Horizon (steps)',
    axis: { labelAngle: 0, grid: false },
  } as const;
  const y = { type: 'quantitative', title: yTitle, ...logarithmicAxis } as const;
  const data = { seeds: { name: 'seeds' }, means: { name: 'means' } };
  return {
    ...page(192 + channels.legendHeight),
    datasets: { seeds: series.seeds, means: series.means },
    layer: sideBySide({ arms: series.arms, ...data, x, y, channels, legend: true }),
  };
}

import type { Series } from './series.ts';
import { armChannels, type Drawing, logarithmicAxis, page } from './theme.ts';

/**
 * Open-loop error against horizon: per arm the mean over seeds as a mark, its bootstrap 95 % interval as a bar, and the
 * seeds as faint dots; the arms side by side at each horizon.
 *
 * @param arms all compared arms; `series`, whose x is the horizon, may lack some
 */
export function openLoopFigure(arms: readonly string[], series: Series, yTitle: string): Drawing {
  const { colour, shape, legend: grid, legendHeight } = armChannels(arms, series.arms);
  const legend = { ...grid, symbolSize: 45 } as const;
  const x = {
    field: 'x',
    type: 'ordinal',
    title: 'Horizon (steps)',
    axis: { labelAngle: 0, grid: false },
  } as const;
  const xOffset = { field: 'arm', type: 'nominal', scale: { domain: series.arms } } as const;
  const y = { type: 'quantitative', title: yTitle, ...logarithmicAxis } as const;
  const means = { name: 'means' };
  return {
    ...page(198 + legendHeight),
    datasets: { seeds: series.seeds, means: series.means },
    layer: [
      {
        data: { name: 'seeds' },
        mark: { type: 'circle', size: 8, opacity: 0.35 },
        encoding: { x, xOffset, y: { field: 'y', ...y }, color: { ...colour, legend } },
      },
      {
        data: means,
        mark: { type: 'rule', strokeWidth: 1.2 },
        encoding: {
          x,
          xOffset,
          y: { field: 'low', ...y },
          y2: { field: 'high' },
          color: { ...colour, legend },
        },
      },
      {
        data: means,
        mark: { type: 'point', filled: true, size: 45, opacity: 1 },
        encoding: {
          x,
          xOffset,
          y: { field: 'mean', ...y },
          color: { ...colour, legend },
          shape: { ...shape, legend },
        },
      },
    ],
  };
}

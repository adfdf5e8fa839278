import type { LayerSpec } from 'vega-lite/types_unstable/spec/layer.js';
import type { armChannels } from './theme.ts';

/** What stands along and beside the axes of `sideBySide`. */
interface Marks {
  /** Labels of the arms that are drawn, in their order at each x. */
  arms: string[];
  /** Where the points of seeds, with `y`, and of means, with `low`, `mean` and `high`, are. */
  seeds: LayerData;
  means: LayerData;
  x: { field: string; type: 'ordinal'; title: string };
  y: { type: 'quantitative'; title: string };
  channels: ReturnType<typeof armChannels>;
  /** Whether a legend says which arm is which. */
  legend: boolean;
}

type LayerData = { name: string } | { values: Record<string, string | number>[] };

/** Per arm the mean over seeds as a mark, its bootstrap 95 % interval as a bar, and the seeds as faint dots, at each x. */
export function sideBySide({ arms, seeds, means, x, y, channels, legend: shown }: Marks) {
  const legend = shown ? ({ ...channels.legend, symbolSize: 45 } as const) : null;
  const color = { ...channels.colour, legend };
  const shape = { ...channels.shape, legend };
  const xOffset = { field: 'arm', type: 'nominal', scale: { domain: arms } } as const;
  return [
    {
      data: seeds,
      mark: { type: 'circle', size: 8, opacity: 0.35 },
      encoding: { x, xOffset, y: { field: 'y', ...y }, color },
    },
    {
      data: means,
      mark: { type: 'rule', strokeWidth: 1.2 },
      encoding: { x, xOffset, y: { field: 'low', ...y }, y2: { field: 'high' }, color },
    },
    {
      data: means,
      mark: { type: 'point', filled: true, size: 45, opacity: 1 },
      encoding: { x, xOffset, y: { field: 'mean', ...y }, color, shape },
    },
  ] satisfies LayerSpec<string>['layer'];
}

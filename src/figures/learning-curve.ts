import type { LayerSpec } from 'vega-lite/types_unstable/spec/layer.js';
import type { Series } from './series.ts';
import { armChannels, type Drawing, type linearAxis, type logarithmicAxis, page, stepAxis } from './theme.ts';

/** A rule across a learning curve. */
export interface Threshold {
  y: number;
  label: string;
}

/**
 * A quantity against environment steps: per arm the mean over seeds as a line, its bootstrap 95 % interval as a band,
 * and each seed as a faint line.
 *
 * @param arms all compared arms; `series` may lack some
 */
export function learningCurve(
  arms: readonly string[],
  series: Series,
  {
    yTitle,
    axis,
    thresholds,
  }: {
    yTitle: string;
    axis: typeof linearAxis | typeof logarithmicAxis;
    thresholds: readonly Threshold[];
  },
): Drawing {
  const { colour, dash, legend: grid, legendHeight } = armChannels(arms, series.arms);
  const legend = { ...grid, symbolType: 'stroke', symbolSize: 500, rowPadding: -10, offset: 2 } as const;
  const x = {
    field: 'x',
    type: 'quantitative',
    title: 'Environment steps',
    axis: stepAxis,
    scale: { zero: true, nice: true },
  } as const;
  const y = { type: 'quantitative', title: yTitle, ...axis } as const;
  return {
    ...page(218 + legendHeight),
    datasets: {
      seeds: series.seeds,
      means: series.means,
      thresholds: thresholds.map((rule) => ({ ...rule })),
    },
    layer: [
      {
        data: { name: 'means' },
        mark: { type: 'area', opacity: 0.15 },
        encoding: {
          x,
          y: { field: 'low', ...y },
          y2: { field: 'high' },
          color: { ...colour, legend },
        },
      },
      {
        data: { name: 'seeds' },
        mark: { type: 'line', strokeWidth: 0.5, opacity: 0.3 },
        encoding: { x, y: { field: 'y', ...y }, detail: { field: 'seed' }, color: { ...colour, legend } },
      },
      ...(thresholds.length > 0 ? thresholdLayers(yTitle) : []),
      {
        data: { name: 'means' },
        mark: { type: 'line', strokeWidth: 1.8 },
        encoding: {
          x,
          y: { field: 'mean', ...y },
          color: { ...colour, legend },
          strokeDash: { ...dash, legend },
        },
      },
    ],
  };
}

/** Rules with their labels, which stand on a white shadow since curves may pass behind them. */
function thresholdLayers(title: string): LayerSpec<string>['layer'] {
  const data = { name: 'thresholds' };
  const y = { field: 'y', type: 'quantitative', title } as const;
  const text = { type: 'text', align: 'right', baseline: 'top', dy: 2, fontSize: 8 } as const;
  const encoding = { x: { value: 'width' }, y, text: { field: 'label' } } as const;
  return [
    { data, mark: { type: 'rule', color: '#444', strokeWidth: 0.7, strokeDash: [2, 2] }, encoding: { y } },
    { data, mark: { ...text, stroke: 'white', strokeWidth: 3, strokeOpacity: 0.8 }, encoding },
    { data, mark: { ...text, color: '#222' }, encoding },
  ];
}

import type { LayerSpec } from 'vega-lite/types_unstable/spec/layer.js';

type Channels = Record<string, unknown>;

/**
 * The layers of rows that each have a point, `value`, and an interval, `low` to `high`, and of a dashed line to hold them
 * against.
 *
 * @param mark where the line stands
 * @param channels what all share of the horizontal one and the vertical one
 * @param colours channels of the interval and of the point
 * @param point what its mark has besides
 */
export function intervalRows(
  mark: number,
  channels: { x: Channels; y: Channels },
  colours: { interval: Channels; point: Channels },
  point: { filled?: boolean; strokeWidth?: number },
): LayerSpec<string>['layer'] {
  const { x, y } = channels;
  return [
    {
      data: { values: [{ mark }] },
      mark: { type: 'rule', color: '#888', strokeDash: [3, 3] },
      encoding: { x: { field: 'mark', ...x } },
    },
    {
      mark: { type: 'rule', strokeWidth: 1.8 },
      encoding: { y, x: { field: 'low', ...x }, x2: { field: 'high' }, ...colours.interval },
    },
    {
      mark: { type: 'point', ...point, size: 34, opacity: 1 },
      encoding: { y, x: { field: 'value', ...x }, ...colours.point },
    },
  ];
}

import type { LayerSpec } from 'vega-lite/types_unstable/spec/layer.js';
import { BLUE, VERMILION } from './theme.ts';

type Channels = Record<string, unknown>;

/** What is seen is filled besides, so that it needs no colour to be told apart. */
const seenOr = (unseen: string) => ({ condition: { test: 'datum.seen', value: VERMILION }, value: unseen });

/** Colours of the interval and the point: by whether an effect is `seen`, or the same for all. */
const COLOURS = {
  'by effect': {
    interval: { color: seenOr('#555') },
    point: { stroke: seenOr('#555'), fill: seenOr('white') },
  },
  same: {
    interval: { color: { value: BLUE } },
    point: { stroke: { value: BLUE }, fill: { value: BLUE } },
  },
} as const;

/**
 * The layers of rows that each have a point, `value`, and an interval, `low` to `high`, and of a dashed line to hold them
 * against.
 *
 * @param mark where the line stands
 * @param channels what all share of the horizontal one and the vertical one
 */
export function intervalRows(
  mark: number,
  channels: { x: Channels; y: Channels },
  colours: keyof typeof COLOURS,
): LayerSpec<string>['layer'] {
  const { x, y } = channels;
  const { interval, point } = COLOURS[colours];
  return [
    {
      data: { values: [{ mark }] },
      mark: { type: 'rule', color: '#888', strokeDash: [3, 3] },
      encoding: { x: { field: 'mark', ...x } },
    },
    {
      mark: { type: 'rule', strokeWidth: 1.8 },
      encoding: { y, x: { field: 'low', ...x }, x2: { field: 'high' }, ...interval },
    },
    {
      mark: { type: 'point', strokeWidth: 1.4, size: 34, opacity: 1 },
      encoding: { y, x: { field: 'value', ...x }, ...point },
    },
  ];
}

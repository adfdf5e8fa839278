import type { Drawing, Ink } from '../drawing.ts';
import { litCells, SIDE } from './board.ts';

/** MinAtar's games have no pace of their own; at this one they can be followed and played. */
const STEPS_PER_SECOND = 10;

/**
 * A game's board: the lit cells of its channels.
 *
 * @param channels of an observation
 * @param layers channels and what each is drawn with, the hindmost first; what another one shows too is left out
 */
export const boardDrawing = (
  channels: number,
  layers: readonly (readonly [channel: number, ink: Ink])[],
): Drawing => ({
  view: { left: 0, bottom: 0, width: SIDE, height: SIDE },
  stepsPerSecond: STEPS_PER_SECOND,
  draw: (observation) =>
    layers.map(([channel, ink]) => ({
      form: {
        kind: 'cells',
        cells: litCells(observation, channel, channels).map(({ x, y }) => [x, SIDE - 1 - y]),
      },
      ink,
    })),
});

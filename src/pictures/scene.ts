import type { Shape, View } from '../envs/drawing.ts';
import type { Clock } from './animation.ts';
import type { Place, TextStyle } from './layout.ts';

/** A film or a strip as what stands where, in pixels, x to the right and y down: for any renderer, markup or pixels. */
export interface Scene {
  readonly width: number;
  readonly height: number;
  /** For who cannot see it. */
  readonly description: string;
  /** One frame: a still picture. */
  readonly clock: Clock;
  /** Of every panel. */
  readonly view: View;
  /** The hindmost first. */
  readonly items: readonly Item[];
}

/** What a scene consists of; what changes has a value for each of the clock's frames. */
export type Item =
  /** A line of text whose upper edge is at `y`. */
  | {
      readonly kind: 'text';
      readonly text: string;
      readonly x: number;
      readonly y: number;
      readonly style: TextStyle;
    }
  /** A number that changes, right-aligned in the width of its longest text, from a left and an upper edge on. */
  | { readonly kind: 'counter'; readonly texts: readonly string[]; readonly x: number; readonly y: number }
  | PanelItem
  /** What is seen in some frames only. */
  | { readonly kind: 'appearing'; readonly seen: readonly boolean[]; readonly item: Item };

/** A part of the world in a frame, in its middle. */
export interface PanelItem {
  readonly kind: 'panel';
  readonly ground: Ground;
  readonly place: Place;
  /** The hindmost first. */
  readonly layers: readonly Layer[];
}

/** What a panel shows: reality, or a dream, which has another ground so that nobody takes it for reality. */
export type Ground = 'reality' | 'dream';

export interface Layer {
  /** An environment's shapes in every frame, their places finite. */
  readonly frames: readonly (readonly Shape[])[];
  /** Seen faintly as a whole. */
  readonly faint: boolean;
  /** What markup calls it. A faint layer with the name of one before is that one again, and need not be written twice. */
  readonly name?: string;
}

export const textItem = (text: string, x: number, y: number, style: TextStyle = {}): Item => ({
  ...{ kind: 'text', text, x, y, style },
});

/** Out of sight of every view. */
const NOWHERE = [9999, 0] as const;

/**
 * Shapes over time, each with a finite place: where its own is not finite it stays where it was, and out of sight before
 * it has been anywhere.
 *
 * @param frames the same shapes in the same order in every frame
 */
export function settled(frames: readonly (readonly Shape[])[]): Shape[][] {
  const last: Pick<Shape, 'at' | 'angle'>[] = frames[0]!.map(() => ({ at: NOWHERE, angle: 0 }));
  return frames.map((shapes) =>
    shapes.map(({ form, ink, at = [0, 0], angle = 0 }, i) => {
      if ([...at, angle].every(Number.isFinite)) last[i] = { at, angle };
      return { form, ink, ...last[i] };
    }),
  );
}

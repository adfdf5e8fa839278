import type { View } from '../envs/drawing.ts';
import type { Clip } from '../envs/raster.ts';
import { shapeRegion } from '../envs/shape-region.ts';
import {
  DASHES,
  EDGE_COLOURS,
  FAINT_TEXT,
  GHOST,
  GROUND_COLOURS,
  inkColour,
  PAPER,
  TEXT,
} from './colours.ts';
import { counterWidth } from './counter.ts';
import { centred, type Place, type TextStyle } from './layout.ts';
import { type Colour, colourOf, fillRectangle, fillRegion, mixed, type Pixels, paper } from './pixels.ts';
import type { Item, Layer, PanelItem, Scene } from './scene.ts';
import { ASCENT, typeset } from './typeface.ts';

/** Pixels of the scene from a line's upper edge to its text's baseline. */
const BASELINE = 11;

/**
 * One frame of a scene as pixels, the same that its markup shows.
 *
 * @param scale whole pixels that one of the scene's becomes
 */
export function scenePixels(scene: Scene, frame: number, scale: number): Pixels {
  const pixels = paper(scale * scene.width, scale * scene.height, colourOf(PAPER));
  for (const item of scene.items) paintItem(pixels, item, scene.view, frame, scale);
  return pixels;
}

function paintItem(pixels: Pixels, item: Item, view: View, frame: number, scale: number): void {
  switch (item.kind) {
    case 'text':
      paintText(pixels, item.text, item, scale, item.style);
      break;
    case 'counter':
      // Digits of this typeface are equally wide, so that they do not dance.
      paintText(pixels, item.texts[frame]!, { ...item, x: item.x + counterWidth(item.texts) }, scale, {
        anchor: 'end',
      });
      break;
    case 'panel':
      paintPanel(pixels, item, view, frame, scale);
      break;
    case 'appearing':
      if (item.seen[frame]) paintItem(pixels, item.item, view, frame, scale);
  }
}

function paintText(
  pixels: Pixels,
  text: string,
  { x, y }: { x: number; y: number },
  scale: number,
  { bold = false, faint = false, anchor = 'start' }: TextStyle = {},
): void {
  const { width, dots } = typeset(text, bold);
  const before = { start: 0, middle: width / 2, end: width }[anchor];
  const left = Math.round(x - before);
  const top = Math.round(y) + BASELINE - ASCENT;
  const colour = colourOf(faint ? FAINT_TEXT : TEXT);
  for (const [dotX, dotY] of dots) {
    fillRectangle(pixels, scale * (left + dotX), scale * (top + dotY), scale, scale, colour);
  }
}

function paintPanel(
  pixels: Pixels,
  { ground, place, layers }: PanelItem,
  view: View,
  frame: number,
  scale: number,
): void {
  const [x, y, width, height] = [place.x, place.y, place.width, place.height].map(
    (value) => scale * Math.round(value),
  ) as [number, number, number, number];
  const box: Place = { x, y, width, height };
  fillRectangle(pixels, x, y, width, height, colourOf(GROUND_COLOURS[ground]));
  for (const layer of layers) paintLayer(pixels, layer, view, box, frame);
  paintEdge(pixels, box, scale, colourOf(EDGE_COLOURS[ground]), ground === 'dream');
}

/** A faint layer is painted as a whole and then taken back for the most part, so that what overlaps does not show. */
function paintLayer(pixels: Pixels, { frames, faint }: Layer, view: View, box: Place, frame: number): void {
  const world = centred(view, box);
  const left = world.left + world.scale * view.left;
  const bottom = world.top - world.scale * view.bottom;
  const clip: Clip = {
    ...{ left: Math.max(left, box.x), right: Math.min(left + world.scale * view.width, box.x + box.width) },
    ...{
      top: Math.max(bottom - world.scale * view.height, box.y),
      bottom: Math.min(bottom, box.y + box.height),
    },
  };
  const rows = [4 * pixels.width * box.y, 4 * pixels.width * (box.y + box.height)] as const;
  const before = faint ? pixels.data.slice(...rows) : null;
  for (const shape of frames[frame]!) {
    fillRegion(pixels, shapeRegion(shape, world), clip, colourOf(inkColour(shape.ink)));
  }
  if (!before) return;
  const painted = pixels.data.subarray(...rows);
  for (let i = 0; i < before.length; i++) {
    if (painted[i] !== before[i]) painted[i] = mixed(before[i]!, painted[i]!, GHOST);
  }
}

/** A line around a box, inside of it, from its left upper corner clockwise. */
function paintEdge(
  pixels: Pixels,
  { x, y, width, height }: Place,
  scale: number,
  colour: Colour,
  dashed: boolean,
): void {
  const [right, bottom] = [width / scale - 1, height / scale - 1];
  const around = [
    ...Array.from({ length: right }, (_, i) => [i, 0]),
    ...Array.from({ length: bottom }, (_, i) => [right, i]),
    ...Array.from({ length: right }, (_, i) => [right - i, bottom]),
    ...Array.from({ length: bottom }, (_, i) => [0, bottom - i]),
  ] as [number, number][];
  const [dash, gap] = DASHES;
  for (const [i, [column, row]] of around.entries()) {
    if (dashed && i % (dash + gap) >= dash) continue;
    fillRectangle(pixels, x + scale * column, y + scale * row, scale, scale, colour);
  }
}

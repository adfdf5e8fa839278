import { type Clip, cover, type Region } from '../envs/raster.ts';

/** A picture of pixels, in rows from the top. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue and opacity of each, which is always 255: [height, width, 4] */
  readonly data: Uint8Array;
}

/** Red, green and blue, 0 to 255. */
export type Colour = readonly [red: number, green: number, blue: number];

/** The colour of `#rrggbb` or `#rgb`. */
export function colourOf(hex: string): Colour {
  const digits = hex.length === 4 ? hex.replace(/\w/g, '$&$&') : hex;
  const part = (i: number) => Number.parseInt(digits.slice(1 + 2 * i, 3 + 2 * i), 16);
  return [part(0), part(1), part(2)];
}

/** A picture of one colour. */
export function paper(width: number, height: number, colour: Colour): Pixels {
  const pixels = { width, height, data: new Uint8Array(4 * width * height) };
  pixels.data.fill(255);
  fillRectangle(pixels, 0, 0, width, height, colour);
  return pixels;
}

/** Fills whole pixels; what lies outside the picture is left out. */
export function fillRectangle(
  { width, height, data }: Pixels,
  left: number,
  top: number,
  columns: number,
  rows: number,
  colour: Colour,
): void {
  const [from, to] = [Math.max(left, 0), Math.min(left + columns, width)];
  const bottom = Math.min(top + rows, height);
  const [red, green, blue] = colour;
  for (let row = Math.max(top, 0); row < bottom; row++) {
    for (let at = 4 * (row * width + from); at < 4 * (row * width + to); at += 4) {
      data[at] = red;
      data[at + 1] = green;
      data[at + 2] = blue;
    }
  }
}

/** Lays a colour over a region, as much of it on each pixel as the region covers. */
export function fillRegion({ width, data }: Pixels, region: Region, clip: Clip, colour: Colour): void {
  cover(region, clip, (column, row, share) => {
    const at = 4 * (row * width + column);
    for (let i = 0; i < 3; i++) data[at + i] = mixed(data[at + i]!, colour[i]!, share);
  });
}

/** Goes a share of the way from one brightness to another. */
export const mixed = (from: number, to: number, share: number): number =>
  Math.floor(from + (to - from) * share + 0.5);

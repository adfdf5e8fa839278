import type { Position } from './drawing.ts';

/**
 * Which share of each pixel a region covers: exactly along x, by some lines in each row of pixels along y. Nothing but
 * + - * / and square roots, so that it gives the same bytes everywhere. Pixel (0, 0) covers [0, 1) × [0, 1); y points down.
 */

/** A region of the plane. */
export interface Region {
  /** It reaches from here to there. */
  readonly top: number;
  readonly bottom: number;
  /** Calls `add` with the stretches of x, in any order, that lie within the region at some y; they may overlap. */
  spans(y: number, add: (from: number, to: number) => void): void;
}

/** Edges of a part of the picture, not only whole pixels. */
export interface Clip {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Lines on which a row of pixels is looked at. */
const LINES = 8;

export function discRegion([x, y]: Position, radius: number): Region {
  return {
    top: y - radius,
    bottom: y + radius,
    spans(at, add) {
      const half = Math.sqrt(radius * radius - (at - y) * (at - y));
      if (half > 0) add(x - half, x + half);
    },
  };
}

/** What an outline goes around, whichever way, the last point joined to the first: SVG's `nonzero`. */
export function polygonRegion(points: readonly Position[]): Region {
  const ys = points.map(([, y]) => y);
  /** Where a line crosses the outline, ordered, and which way that goes there; the last line's beyond the present one's. */
  const crossings: number[] = [];
  const turns: number[] = [];
  return {
    top: Math.min(...ys),
    bottom: Math.max(...ys),
    spans(at, add) {
      let count = 0;
      for (let i = 0; i < points.length; i++) {
        const [x1, y1] = points[i]!;
        const [x0, y0] = points[i > 0 ? i - 1 : points.length - 1]!;
        // Half-open, so that a corner counts once.
        if (y0 <= at === y1 <= at) continue;
        const x = x0 + ((at - y0) / (y1 - y0)) * (x1 - x0);
        let place = count++;
        for (; place > 0 && crossings[place - 1]! > x; place--) {
          crossings[place] = crossings[place - 1]!;
          turns[place] = turns[place - 1]!;
        }
        crossings[place] = x;
        turns[place] = y1 > y0 ? 1 : -1;
      }
      let winding = 0;
      for (let i = 0; i < count; i++) {
        if (winding !== 0) add(crossings[i - 1]!, crossings[i]!);
        winding += turns[i]!;
      }
    },
  };
}

/** What lies within half a width of the line through the points: round ends and joins. */
export function lineRegion(points: readonly Position[], width: number): Region {
  const parts = points.map((point) => discRegion(point, width / 2));
  for (const [i, [x1, y1]] of points.entries()) {
    if (i === 0) continue;
    const [x0, y0] = points[i - 1]!;
    const length = Math.sqrt((x1 - x0) * (x1 - x0) + (y1 - y0) * (y1 - y0));
    if (length === 0) continue;
    const [across, along] = [((y1 - y0) / length) * (width / 2), ((x1 - x0) / length) * (width / 2)];
    parts.push(
      polygonRegion([
        [x0 - across, y0 + along],
        [x1 - across, y1 + along],
        [x1 + across, y1 - along],
        [x0 + across, y0 - along],
      ]),
    );
  }
  return unionRegion(parts);
}

/** What lies in any of the parts; nothing where there is none. */
export function unionRegion(parts: readonly Region[]): Region {
  return {
    top: Math.min(...parts.map(({ top }) => top)),
    bottom: Math.max(...parts.map(({ bottom }) => bottom)),
    spans(at, add) {
      for (const part of parts) if (part.top <= at && at <= part.bottom) part.spans(at, add);
    },
  };
}

/** A region with x and y multiplied, each by a number above 0. */
export const stretched = ({ top, bottom, spans }: Region, across: number, down: number): Region => ({
  top: down * top,
  bottom: down * bottom,
  spans: (y, add) => spans(y / down, (from, to) => add(across * from, across * to)),
});

/**
 * Calls `paint` for each pixel of which the region covers something within the clip.
 *
 * @param clip within a picture: no pixel outside of it is painted
 * @param paint with the pixel's column and row and the share of it that is covered, in (0, 1]
 */
export function cover(
  region: Region,
  clip: Clip,
  paint: (column: number, row: number, share: number) => void,
): void {
  const firstColumn = Math.floor(clip.left);
  const shares = new Float64Array(Math.ceil(clip.right) - firstColumn);
  const end = Math.min(Math.ceil(clip.bottom), Math.ceil(region.bottom));
  const stretches = new Stretches();
  const add = (from: number, to: number) => {
    const [left, right] = [Math.max(from, clip.left), Math.min(to, clip.right)];
    if (left < right) stretches.add(left, right);
  };
  for (let row = Math.max(Math.floor(clip.top), Math.floor(region.top)); row < end; row++) {
    let isCovered = false;
    for (let line = 0; line < LINES; line++) {
      const y = row + (line + 0.5) / LINES;
      if (y < clip.top || y >= clip.bottom) continue;
      stretches.clear();
      region.spans(y, add);
      for (let i = 0; i < stretches.to.length; i++) {
        addStretch(shares, stretches.from[i]! - firstColumn, stretches.to[i]! - firstColumn);
        isCovered = true;
      }
    }
    if (!isCovered) continue;
    for (let i = 0; i < shares.length; i++) {
      if (shares[i]! > 0) paint(firstColumn + i, row, Math.min(shares[i]!, 1));
    }
    shares.fill(0);
  }
}

/** Stretches of a line that do not touch each other, from the left: those that do are made one as they come. */
class Stretches {
  readonly from: number[] = [];
  readonly to: number[] = [];

  clear(): void {
    this.from.length = 0;
    this.to.length = 0;
  }

  add(from: number, to: number): void {
    let first = this.to.length;
    while (first > 0 && this.to[first - 1]! >= from) first--;
    if (first === this.to.length) {
      this.from.push(from);
      this.to.push(to);
      return;
    }
    let last = first;
    let [left, right] = [from, to];
    for (; last < this.to.length && this.from[last]! <= to; last++) {
      left = Math.min(left, this.from[last]!);
      right = Math.max(right, this.to[last]!);
    }
    this.from.splice(first, last - first, left);
    this.to.splice(first, last - first, right);
  }
}

/** Adds one line's part of each pixel that it goes through. */
function addStretch(shares: Float64Array, from: number, to: number): void {
  const last = Math.min(Math.floor(to), shares.length - 1);
  for (let pixel = Math.floor(from); pixel <= last; pixel++) {
    shares[pixel]! += (Math.min(to, pixel + 1) - Math.max(from, pixel)) / LINES;
  }
}

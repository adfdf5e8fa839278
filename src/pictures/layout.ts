import type { View } from '../envs/drawing.ts';
import type { WorldPlace } from '../envs/shape-region.ts';

/** Pixels between what belongs to different things. */
export const GAP = 12;
/** Pixels that a line of text takes. */
export const LINE = 14;

/** Pixels that a character takes at most on average, of text of 10 pixels: that of the widest typeface that may stand in. */
const CHARACTER = 5.4;

/** A picture's width and height in pixels: the view in its true proportions, as large as fits. */
export function fitted({ width, height }: View, widest: number, highest: number) {
  const scale = Math.min(widest / width, highest / height);
  return { width: Math.round(scale * width), height: Math.round(scale * height) };
}

/** Where a panel stands, in pixels. */
export interface Place {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** A view in its true proportions in the middle of a place, as large as fits. */
export function centred(view: View, { x, y, width, height }: Place): WorldPlace {
  const scale = Math.min(width / view.width, height / view.height);
  return {
    scale,
    left: x + (width - scale * view.width) / 2 - scale * view.left,
    top: y + (height - scale * view.height) / 2 + scale * (view.bottom + view.height),
  };
}

/** Words in as few lines as fit. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && line.length * CHARACTER <= width) lines[lines.length - 1] = line;
    else lines.push(word);
  }
  return lines;
}

/** Pixels of a text, at most. */
export const textWidth = (text: string): number => Math.ceil(text.length * CHARACTER);

export interface TextStyle {
  bold?: boolean;
  faint?: boolean;
  anchor?: 'start' | 'middle' | 'end';
}

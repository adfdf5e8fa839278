import type { View } from '../envs/drawing.ts';
import { html, type Markup } from '../markup.ts';

/** Pixels between what belongs to different things. */
export const GAP = 12;
/** Pixels that a line of text takes. */
export const LINE = 14;

const INK = '#24292f';
const FAINT = '#59636e';
/** Pixels that a character takes at most on average, of text of 10 pixels: that of the widest typeface that may stand in. */
const CHARACTER = 5.4;

/** A picture's width and height in pixels: the view in its true proportions, as large as fits. */
export function fitted({ width, height }: View, widest: number, highest: number) {
  const scale = Math.min(widest / width, highest / height);
  return { width: Math.round(scale * width), height: Math.round(scale * height) };
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

/** A line of text whose upper edge is at `y`. */
export function textLine(text: string, x: number, y: number, style: TextStyle = {}): Markup {
  const { bold = false, faint = false, anchor = 'start' } = style;
  return html`<text x="${x}" y="${y + 11}"${anchor === 'start' ? null : html` text-anchor="${anchor}"`}${
    bold ? html` font-weight="bold"` : null
  }${faint ? html` fill="${FAINT}"` : null}>${text}</text>`;
}

/**
 * A whole picture.
 *
 * @param description for who cannot see it
 */
export function page(
  size: { width: number; height: number },
  description: string,
  definitions: Markup,
  content: Markup,
): string {
  const { width, height } = size;
  return `${html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${description}" font-family="Helvetica, Arial, sans-serif" font-size="10" fill="${INK}"><rect width="${width}" height="${height}" fill="#fff"/><defs>${definitions}</defs>${content}</svg>`}\n`;
}

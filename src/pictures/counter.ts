import { html, type Markup } from '../markup.ts';
import { type Clock, isStill, valuesOverTime } from './animation.ts';
import { short } from './numbers.ts';

/** Width of a counter's digit and height of its line, in pixels. */
const CELL = 5.6;
const LINE = 14;
/** Where a line's text stands in it. */
const BASELINE = 11;

/** What a counter can show, one below the other on its wheel. */
const SYMBOLS = '0123456789.-–e+';
const WHEEL = 'wheel';
const WINDOW = 'window';

/** The wheel that every digit of a counter shows a part of, and the window on it: once in a picture, among its definitions. */
export const wheel: Markup = html`<clipPath id="${WINDOW}"><rect width="${CELL}" height="${LINE}"/></clipPath><g id="${WHEEL}" text-anchor="middle">${[
  ...SYMBOLS,
].map((symbol, i) => html`<text x="${CELL / 2}" y="${BASELINE + i * LINE}">${symbol}</text>`)}</g>`;

/** Pixels that a counter takes. */
export const counterWidth = (texts: readonly string[]): number =>
  CELL * Math.max(...texts.map((text) => text.length));

/**
 * A number that changes over time, right-aligned. SMIL changes no text, and a text for every frame that is hidden in all
 * others would take ten times as much: each digit is a window on a wheel that turns.
 *
 * @param texts one of every frame, made of `SYMBOLS`; spaces are blank
 * @param x of its left edge
 * @param y of the line's upper edge
 */
export function counter(texts: readonly string[], x: number, y: number, clock: Clock): Markup {
  const cells = Math.max(...texts.map((text) => text.length));
  const padded = texts.map((text) => text.padStart(cells));
  return html`${Array.from({ length: cells }, (_, cell) => {
    const turns = padded.map((text) => String(-LINE * symbolAt(text[cell]!)));
    const use = isStill(turns)
      ? html`<use href="#${WHEEL}" y="${turns[0]!}"/>`
      : html`<use href="#${WHEEL}"><animate attributeName="y" ${valuesOverTime(turns, clock)}/></use>`;
    return html`<g transform="translate(${short(x + cell * CELL, 1)} ${y})" clip-path="url(#${WINDOW})">${use}</g>`;
  })}`;
}

/** Where a symbol stands on the wheel; a space below the last. */
function symbolAt(symbol: string): number {
  if (symbol === ' ') return SYMBOLS.length;
  const index = SYMBOLS.indexOf(symbol);
  if (index < 0) throw new RangeError(`a counter shows ${SYMBOLS} and spaces, got "${symbol}"`);
  return index;
}

import type { View } from '../envs/drawing.ts';
import { html, type Markup } from '../markup.ts';
import { type Clock, isStill, valuesOverTime } from './animation.ts';
import { DASHES, EDGE_COLOURS, FAINT_TEXT, GHOST, GROUND_COLOURS, PAPER, TEXT } from './colours.ts';
import { counter, wheel } from './counter.ts';
import { centred } from './layout.ts';
import { short } from './numbers.ts';
import type { Item, Layer, PanelItem, Scene } from './scene.ts';
import { shapesMarkup } from './shapes.ts';

const VIEW = 'view';

/**
 * A scene as SVG, animated by SMIL alone where it has more frames than one: no script, so that it plays in an `<img>`, on
 * a page that forbids scripts and in a README.
 */
export function sceneSvg({ width, height, description, clock, view, items }: Scene): string {
  const definitions = html`${items.some(({ kind }) => kind === 'counter') ? wheel : null}${viewWindow(view)}`;
  const content = items.map((item) => itemMarkup(item, view, clock));
  return `${html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${description}" font-family="Helvetica, Arial, sans-serif" font-size="10" fill="${TEXT}"><rect width="${width}" height="${height}" fill="${PAPER}"/><defs>${definitions}</defs>${content}</svg>`}\n`;
}

function itemMarkup(item: Item, view: View, clock: Clock): Markup | null {
  switch (item.kind) {
    case 'text':
      return textLine(item);
    case 'counter':
      return counter(item.texts, item.x, item.y, clock);
    case 'panel':
      return panel(item, view, clock);
    case 'appearing':
      return appearing(item.seen, itemMarkup(item.item, view, clock), clock);
  }
}

function textLine({ text, x, y, style }: Extract<Item, { kind: 'text' }>): Markup {
  const { bold = false, faint = false, anchor = 'start' } = style;
  return html`<text x="${x}" y="${y + 11}"${anchor === 'start' ? null : html` text-anchor="${anchor}"`}${
    bold ? html` font-weight="bold"` : null
  }${faint ? html` fill="${FAINT_TEXT}"` : null}>${text}</text>`;
}

/** What lies outside the view is not seen: once in a picture, among its definitions. */
function viewWindow({ left, bottom, width, height }: View): Markup {
  const top = -bottom - height;
  return html`<clipPath id="${VIEW}"><rect x="${left}" y="${short(top, 3)}" width="${width}" height="${height}"/></clipPath>`;
}

/**
 * A panel. (A nested `svg` would do the same, but has a clock of its own, so that the film could not be stopped or set to
 * a step as one.)
 */
function panel({ ground, place, layers }: PanelItem, view: View, clock: Clock): Markup {
  const { left, top, scale } = centred(view, place);
  const world = [left, top, scale].map((value) => short(value, 4));
  const box = html`x="${place.x}" y="${place.y}" width="${place.width}" height="${place.height}"`;
  const dashes = ground === 'dream' ? html` stroke-dasharray="${DASHES.join(' ')}"` : null;
  return html`<rect ${box} fill="${GROUND_COLOURS[ground]}"/><g transform="translate(${world[0]!} ${world[1]!}) scale(${world[2]!})" clip-path="url(#${VIEW})">${layers.map(
    (layer) => layerMarkup(layer, clock),
  )}</g><rect ${box} fill="none" stroke="${EDGE_COLOURS[ground]}"${dashes}/>`;
}

function layerMarkup({ frames, faint, name }: Layer, clock: Clock): Markup {
  if (faint && name !== undefined) return html`<use href="#${name}" opacity="${GHOST}"/>`;
  const shapes = shapesMarkup(frames, clock);
  if (faint) return html`<g opacity="${GHOST}">${shapes}</g>`;
  return name === undefined ? shapes : html`<g id="${name}">${shapes}</g>`;
}

function appearing(seen: readonly boolean[], content: Markup | null, clock: Clock): Markup | null {
  if (!seen.includes(true)) return null;
  if (isStill(seen)) return content;
  const values = seen.map((each) => (each ? 'visible' : 'hidden'));
  return html`<g visibility="hidden"><animate attributeName="visibility" ${valuesOverTime(values, clock)}/>${content}</g>`;
}

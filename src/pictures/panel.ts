import type { View } from '../envs/drawing.ts';
import { html, type Markup } from '../markup.ts';
import { short } from './numbers.ts';

/** What a panel shows: reality, or a dream, which has another ground so that nobody takes it for reality. */
export type PanelKind = 'reality' | 'dream';

const GROUND: Record<PanelKind, string> = { reality: '#f6f8fa', dream: '#f3effb' };
const EDGE: Record<PanelKind, string> = { reality: '#d0d7de', dream: '#a991d4' };

/** Where a panel stands, in pixels. */
export interface Place {
  x: number;
  y: number;
  width: number;
  height: number;
}

const VIEW = 'view';

/** What lies outside the view is not seen: once in a picture, among its definitions. */
export function viewWindow({ left, bottom, width, height }: View): Markup {
  const top = -bottom - height;
  return html`<clipPath id="${VIEW}"><rect x="${left}" y="${short(top, 3)}" width="${width}" height="${height}"/></clipPath>`;
}

/**
 * A part of the world in a frame, in its middle. (A nested `svg` would do the same, but has a clock of its own, so that the
 * film could not be stopped or set to a step as one.)
 */
export function panel(kind: PanelKind, view: View, { x, y, width, height }: Place, content: Markup): Markup {
  const scale = Math.min(width / view.width, height / view.height);
  const left = x + (width - scale * view.width) / 2 - scale * view.left;
  const top = y + (height - scale * view.height) / 2 + scale * (view.bottom + view.height);
  const world = [left, top, scale].map((value) => short(value, 4));
  const box = html`x="${x}" y="${y}" width="${width}" height="${height}"`;
  const dashes = kind === 'dream' ? html` stroke-dasharray="4 2"` : null;
  return html`<rect ${box} fill="${GROUND[kind]}"/><g transform="translate(${world[0]!} ${world[1]!}) scale(${world[2]!})" clip-path="url(#${VIEW})">${content}</g><rect ${box} fill="none" stroke="${EDGE[kind]}"${dashes}/>`;
}

/** How faint reality is seen behind a dream. */
export const GHOST = 0.22;

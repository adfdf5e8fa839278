import type { Grey, Ink } from '../envs/drawing.ts';
import type { Ground } from './scene.ts';

/** Colours that are told apart by every kind of colour vision and in grey. */
export const INK_COLOURS: Record<Ink, string> = {
  ground: '#8c959f',
  body: '#24405c',
  limb: '#d08b45',
  joint: '#5c4a8a',
  danger: '#b3344d',
  goal: '#1a9169',
};

/** Of what a shape is drawn with, as #rrggbb. */
export const inkColour = (ink: Ink | Grey): string =>
  typeof ink === 'number' ? `#${ink.toString(16).padStart(2, '0').repeat(3)}` : INK_COLOURS[ink];

/** Of a picture's paper and of its text. */
export const PAPER = '#fff';
export const TEXT = '#24292f';
export const FAINT_TEXT = '#59636e';

/** Of panels: what is seen behind the shapes, and the line around. */
export const GROUND_COLOURS: Record<Ground, string> = { reality: '#f6f8fa', dream: '#f3effb' };
export const EDGE_COLOURS: Record<Ground, string> = { reality: '#d0d7de', dream: '#a991d4' };

/** How faint reality is seen behind a dream. */
export const GHOST = 0.22;
/** The dashes of a dream's edge, and the gaps between them, in pixels. */
export const DASHES = [4, 2] as const;

import type { Ink } from '../envs/drawing.ts';

/** Colours that are told apart by every kind of colour vision and in grey. */
export const INK_COLOURS: Record<Ink, string> = {
  ground: '#8c959f',
  body: '#24405c',
  limb: '#d08b45',
  joint: '#5c4a8a',
  goal: '#1a9169',
};

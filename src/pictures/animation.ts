import { html, type Markup } from '../markup.ts';
import { short } from './numbers.ts';

/** The time of an animated picture: every frame is shown equally long, and after the last comes the first. */
export interface Clock {
  frames: number;
  /** Of all frames. */
  seconds: number;
}

/** Whether a value is the same in every frame. */
export const isStill = (values: readonly unknown[]): boolean => values.every((value) => value === values[0]);

/**
 * The attributes of a SMIL element by which it takes one value after the other, one each frame. Where values last, saying
 * when they change takes less than repeating them.
 */
export function valuesOverTime(values: readonly string[], { frames, seconds }: Clock): Markup {
  const changes = values.flatMap((value, i) => (i === 0 || value !== values[i - 1] ? [i] : []));
  const all = values.join(';');
  const some = changes.map((i) => values[i]).join(';');
  const times = changes.map((i) => short(i / frames, 5)).join(';');
  const duration = `${short(seconds, 3)}s`;
  const rest = html`dur="${duration}" repeatCount="indefinite" calcMode="discrete"`;
  return some.length + times.length + 'keyTimes=""'.length < all.length
    ? html`${rest} keyTimes="${times}" values="${some}"`
    : html`${rest} values="${all}"`;
}

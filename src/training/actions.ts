import type { Action } from '../envs/environment.ts';
import { actionSize, type Space } from '../envs/spaces.ts';
import type { Column } from './ring.ts';

/** Actions of a row of environments or steps: an index each where they are choices (int32), else numbers in a box. */
export type Actions = Int32Array | Float32Array;

/** Room for the actions of so many steps. */
export function emptyActions(space: Space, steps: number): Actions {
  const length = steps * actionSize(space);
  return space.kind === 'discrete' ? new Int32Array(length) : new Float32Array(length);
}

/** The column of a ring that holds actions. */
export const actionColumn = (space: Space): Column => ({
  width: actionSize(space),
  hasAxis: space.kind === 'box',
  make: (rows) => emptyActions(space, rows),
});

/** Writes the action of one environment or step, an index into `actions`. */
export function setAction(actions: Actions, index: number, action: Action): void {
  if (typeof action === 'number') actions[index] = action;
  else actions.set(action, index * action.length);
}

/** Throws a RangeError unless stored actions can be of the space: choices that there are, or finite numbers. */
export function requireActions(space: Space, actions: ArrayLike<number>): void {
  const valid = (x: number) =>
    space.kind === 'discrete' ? Number.isInteger(x) && x >= 0 && x < space.n : Number.isFinite(x);
  const unknown = Array.from(actions).find((x) => !valid(x));
  if (unknown !== undefined) throw new RangeError(`there is no action ${unknown}`);
}

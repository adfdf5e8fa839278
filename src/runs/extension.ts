import { differingKeys } from '../config/format.ts';
import type { Experiment } from '../config/schema.ts';
import { UserError } from '../errors.ts';

/** How a run becomes a longer one, or one with more seeds. */
export interface Extension {
  /** Environment steps per seed; equal where only seeds are added. */
  steps: { from: number; to: number };
  /** The seeds that are added. */
  seeds: number[];
}

/**
 * How a config extends the one that a folder was made with; null where they are the same run. Two things make no
 * difference: another engine may go on where one has stopped, and a folder may have been renamed or copied.
 *
 * @param kind what the folder is of, in words
 * @throws UserError when it is another run, naming the keys in which the two differ.
 */
export function extensionOf(
  dir: string,
  kind: string,
  stored: Experiment,
  given: Experiment,
): Extension | null {
  const keys = differingKeys(stored, given).filter((key) => key !== 'engine' && key !== 'name');
  const refuse = (why: string): never => {
    throw new UserError(`${dir} holds a ${kind} ${why}; choose another --name or --runs`);
  };
  if (keys.some((key) => key !== 'steps' && key !== 'seeds')) {
    refuse(`of another config (${keys.join(', ')} ${keys.length === 1 ? 'differs' : 'differ'})`);
  }
  const lost = stored.seeds.find((seed) => !given.seeds.includes(seed));
  if (lost !== undefined) refuse(`with the seed ${lost}: seeds can be added to it, not taken out`);
  const steps = { from: stored.steps, to: given.steps };
  if (steps.to < steps.from) refuse(`of ${steps.from} steps: it can be made longer, not shorter`);
  const seeds = given.seeds.filter((seed) => !stored.seeds.includes(seed));
  if (steps.to === steps.from && seeds.length === 0) return null;
  return { steps, seeds };
}

/** `goes on from 200 to 400 steps, with the seeds 3, 4 added` */
export function extensionWords({ steps, seeds }: Extension): string {
  const added = `the seed${seeds.length === 1 ? '' : 's'} ${seeds.join(', ')} added`;
  if (steps.from === steps.to) return `goes on with ${added}`;
  return `goes on from ${steps.from} to ${steps.to} steps${seeds.length > 0 ? `, with ${added}` : ''}`;
}

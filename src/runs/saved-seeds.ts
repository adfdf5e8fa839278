import path from 'node:path';
import { UserError } from '../errors.ts';
import type { MemberState } from '../training/state.ts';
import type { Run } from './read.ts';
import { SeedFolder } from './seed-folder.ts';

/** Which of a seed's checkpoints: its last one, or that of the best evaluation so far. */
export type CheckpointChoice = 'last' | 'best';

/** Which seeds: every one that has a checkpoint, the first of these, or one by its number. */
export type SeedChoice = 'all' | 'first' | number;

/** A seed's checkpoint as it lies on the disk. */
export interface SavedSeed {
  seed: number;
  state: MemberState;
  /** Why it is not the newest checkpoint, in one sentence; null where it is. */
  fallback: string | null;
}

/**
 * The checkpoints of a run, one of each seed, one at least. Writes nothing.
 *
 * @throws UserError where there is none, no such seed, or a damaged one.
 */
export function readSavedSeeds(run: Run, choice: CheckpointChoice, which: SeedChoice): SavedSeed[] {
  const { dir, experiment } = run;
  if (typeof which === 'number' && !experiment.seeds.includes(which)) {
    throw new UserError(`${dir} has no seed ${which}; choose one of ${experiment.seeds.join(', ')}`);
  }
  const asked = typeof which === 'number' ? [which] : experiment.seeds;
  const saved: SavedSeed[] = [];
  for (const seed of asked) {
    const checkpoint = readSaved(new SeedFolder(dir, seed), choice);
    if (checkpoint) saved.push({ seed, state: checkpoint.state, fallback: checkpoint.fallback });
    if (which === 'first' && checkpoint) break;
  }
  if (saved.length === 0) throw new UserError(whyNoCheckpoint(run, choice, which, asked));
  return saved;
}

function readSaved(folder: SeedFolder, choice: CheckpointChoice): Omit<SavedSeed, 'seed'> | undefined {
  if (choice === 'last') return folder.readCheckpoint();
  const best = folder.readBest();
  return best && { state: best.state, fallback: null };
}

/** What to do about a run, or one seed of it, that holds no checkpoint, in one sentence. */
function whyNoCheckpoint(
  { dir, info, unfinished }: Run,
  choice: CheckpointChoice,
  which: SeedChoice,
  asked: readonly number[],
): string {
  const whose = typeof which === 'number' ? `seed ${which} of ${dir}` : dir;
  if (choice === 'best' && asked.some((seed) => new SeedFolder(dir, seed).hasCheckpoint())) {
    return `${whose} holds no checkpoint of a best evaluation (its best came before wm kept them, or there was none yet); play the last one, --checkpoint last`;
  }
  const failures = asked.flatMap((seed) => (info.failures[seed] === undefined ? [] : [info.failures[seed]]));
  if (failures.length === asked.length) {
    return `${whose} holds no checkpoint: ${failures.length === 1 ? 'it' : 'every seed'} failed (${failures[0]}); mend the config and train it under another --name`;
  }
  if (asked.every((seed) => unfinished.includes(seed)))
    return `${whose} holds no checkpoint yet; the wm train command that made it goes on`;
  const config = path.join(dir, 'config.yaml');
  return `${whose} holds no checkpoint (published runs come without); wm train --config ${config} --runs DIR trains it in another folder`;
}

import { UserError } from '../errors.ts';
import { methods } from '../methods/index.ts';
import type { Checkpoint, StoredCheckpoint } from '../runs/checkpoint.ts';
import { type Run, readRun } from '../runs/read.ts';
import { encodeSafetensors } from '../runs/safetensors.ts';
import { SeedFolder } from '../runs/seed-folder.ts';
import { requireFitting } from '../training/saved-state.ts';
import type { MemberState } from '../training/state.ts';
import { METADATA_KEY, PLAY_VERSION, type PlayedRun, spacesOf, withPlayed } from './played-run.ts';

/** Which checkpoint of a run is played. */
export interface PlayOptions {
  /** Undefined: the first seed that has one. */
  seed: number | undefined;
  checkpoint: 'last' | 'best';
}

/** What a page plays. */
export interface Prepared {
  run: PlayedRun;
  /** The file of that: weights alone, nothing of the replay. */
  weights: Uint8Array;
  /** Why it is not the newest checkpoint, in one sentence; null where it is. */
  fallback: string | null;
}

/**
 * What a page needs to play one of a run's checkpoints. Starts no engine and writes nothing.
 *
 * @throws UserError when `dir` is no run folder, its method learns no world model, or there is no such checkpoint or a
 *   damaged one.
 */
export function preparePlay(dir: string, options: PlayOptions): Prepared {
  const run = readRun(dir);
  const { experiment } = run;
  const spaces = spacesOf(experiment);
  const sizes = withPlayed(experiment, spaces, (played) => played.sizes);
  if (!sizes) {
    throw new UserError(
      `${dir} was trained by ${experiment.method}, which learns no world model and so has no dream to play; choose a run of another method`,
    );
  }
  const { seed, state, fallback } = savedSeed(run, options);
  const expected = Object.entries(sizes).map(([name, size]) => [
    name,
    { shape: [size], data: new Float32Array() },
  ]);
  requireFitting(seed, state, { arrays: Object.fromEntries(expected), streams: {} });
  const arrays = Object.keys(sizes).map((name) => [name, state.arrays[name]!]);
  const played: PlayedRun = {
    playVersion: PLAY_VERSION,
    name: run.name,
    arm: methods[experiment.method].arm(experiment),
    seed,
    step: state.step,
    experiment,
  };
  const metadata = { [METADATA_KEY]: JSON.stringify(played) };
  return { run: played, weights: encodeSafetensors(Object.fromEntries(arrays), metadata), fallback };
}

/** A seed's checkpoint as it lies on the disk. */
interface SavedSeed {
  seed: number;
  state: MemberState;
  fallback: string | null;
}

/** The checkpoint asked for. @throws UserError where there is none, or it is damaged. */
function savedSeed({ dir, experiment }: Run, { seed: asked, checkpoint }: PlayOptions): SavedSeed {
  const { seeds } = experiment;
  if (asked !== undefined && !seeds.includes(asked)) {
    throw new UserError(`${dir} has no seed ${asked}; choose one of ${seeds.join(', ')}`);
  }
  for (const seed of asked === undefined ? seeds : [asked]) {
    const folder = new SeedFolder(dir, seed);
    const found = checkpoint === 'last' ? folder.readCheckpoint() : withoutFallback(folder.readBest());
    if (found) return { seed, state: found.state, fallback: found.fallback };
  }
  const whose = asked === undefined ? dir : `seed ${asked} of ${dir}`;
  throw new UserError(
    checkpoint === 'best'
      ? `${whose} holds no checkpoint of a best evaluation; play the last one, --checkpoint last`
      : `${whose} holds no checkpoint (published runs come without); train it with wm train, into another folder by --runs DIR`,
  );
}

const withoutFallback = (found: Checkpoint | undefined): StoredCheckpoint | undefined =>
  found && { ...found, fallback: null };

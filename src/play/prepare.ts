import { UserError } from '../errors.ts';
import { methods } from '../methods/index.ts';
import { readRun } from '../runs/read.ts';
import { encodeSafetensors } from '../runs/safetensors.ts';
import { type CheckpointChoice, readSavedSeeds } from '../runs/saved-seeds.ts';
import { requireFitting } from '../training/saved-state.ts';
import { METADATA_KEY, PLAY_VERSION, type PlayedRun, spacesOf, withPlayed } from './played-run.ts';

/** Which checkpoint of a run is played. */
export interface PlayOptions {
  /** Undefined: the first seed that has one. */
  seed: number | undefined;
  checkpoint: CheckpointChoice;
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
 * @throws UserError when `dir` is no run folder, its method learns no model whose dreams can be seen, or there is no such checkpoint or a
 *   damaged one.
 */
export function preparePlay(dir: string, options: PlayOptions): Prepared {
  const run = readRun(dir);
  const { experiment } = run;
  const spaces = spacesOf(experiment);
  const sizes = withPlayed(experiment, spaces, (played) => played.sizes);
  if (!sizes) {
    throw new UserError(
      `${dir} was trained by ${experiment.method}, which wm play has no dream of: it learns no world model, one that decodes no observation, or one that wm play does not know yet; choose a run of another method`,
    );
  }
  const [saved] = readSavedSeeds(run, options.checkpoint, options.seed ?? 'first');
  const { seed, state, fallback } = saved!;
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

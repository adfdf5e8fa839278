import type { Experiment } from '../config/schema.ts';
import { type EnvironmentEntry, environmentEntry } from '../envs/index.ts';
import { UserError } from '../errors.ts';
import { playedDreamer } from '../methods/dreamer/played.ts';
import { playedDreamer4 } from '../methods/dreamer4/played.ts';
import { playedHaSchmidhuber } from '../methods/ha-schmidhuber/played.ts';
import { playedMbpo } from '../methods/mbpo/played.ts';
import { playedPets } from '../methods/pets/played.ts';
import { playedPlanet } from '../methods/planet/played.ts';
import type { Played } from '../methods/played.ts';
import { playedSimple } from '../methods/simple/played.ts';
import { playedVaeLstm } from '../methods/vae-lstm/played.ts';
import type { States } from '../models/world-model.ts';
import { readSafetensors, type Safetensors, SafetensorsError } from '../runs/safetensors-format.ts';
import { type AgentSpaces, agentSpaces } from '../training/agent-spaces.ts';
import { Game } from './game.ts';
import { LiveModel, type SteppedModel } from './live-model.ts';

/** The file that a page plays: one seed's weights as safetensors, this in its metadata. */
export interface PlayedRun {
  /** Of this file's layout. */
  playVersion: typeof PLAY_VERSION;
  /** The run folder's name. */
  name: string;
  /** What tables call the run. */
  arm: string;
  seed: number;
  /** Environment steps behind the weights. */
  step: number;
  /** Every key of its config. */
  experiment: Experiment;
}

export const PLAY_VERSION = 1;
export const WEIGHTS_FILE = 'model.safetensors';
/** Under which the whole of `PlayedRun` stands in the metadata, as JSON. */
export const METADATA_KEY = 'run';

/**
 * Hands what can be played of a run to `use`, whatever family its model is of, and gives what that gives; undefined for a
 * method without `played.ts`, such as one that learns no world model, or one that decodes nothing.
 */
export function withPlayed<T>(
  experiment: Experiment,
  spaces: AgentSpaces,
  use: <State extends States>(played: Played<State>) => T,
): T | undefined {
  switch (experiment.method) {
    case 'vae-lstm':
      return use(playedVaeLstm(experiment, spaces));
    case 'dreamer':
      return use(playedDreamer(experiment, spaces));
    case 'dreamer4':
      return use(playedDreamer4(experiment, spaces));
    case 'planet':
      return use(playedPlanet(experiment, spaces));
    case 'ha-schmidhuber':
      return use(playedHaSchmidhuber(experiment, spaces));
    case 'pets':
      return use(playedPets(experiment, spaces));
    case 'simple':
      return use(playedSimple(experiment, spaces));
    case 'mbpo':
      return use(playedMbpo(experiment, spaces));
    default:
      return undefined;
  }
}

/** The spaces of a run's environment, distractors included. */
export const spacesOf = (experiment: Experiment): AgentSpaces =>
  agentSpaces(environmentEntry(experiment.environment, experiment));

/**
 * A game of what such a file holds, on the engine that has been started.
 *
 * @param bytes as `wm play` wrote them
 * @param hash see `readSafetensors`
 * @throws UserError where the file is damaged, or another wm wrote it.
 */
export function openGame(
  bytes: Uint8Array,
  hash: (header: string, data: Uint8Array) => string,
): { run: PlayedRun; entry: EnvironmentEntry; game: Game } {
  const { arrays, metadata } = readWhole(bytes, hash);
  const run: PlayedRun = JSON.parse(metadata[METADATA_KEY] ?? '{}');
  if (run.playVersion !== PLAY_VERSION) {
    throw new UserError(`${WEIGHTS_FILE} is of another wm than this page; ${AGAIN}`);
  }
  const { experiment } = run;
  const spaces = spacesOf(experiment);
  const weights = Object.fromEntries(
    Object.entries(arrays).map(([name, { data }]) => [name, data as Float32Array]),
  );
  const model = withPlayed<SteppedModel>(
    experiment,
    spaces,
    (played) => new LiveModel(played, spaces, weights),
  );
  const entry = environmentEntry(experiment.environment, experiment);
  return { run, entry, game: new Game(model!, entry, run.seed) };
}

const AGAIN = 'load the page again, or have wm play write it again';

function readWhole(...given: Parameters<typeof readSafetensors>): Safetensors {
  try {
    return readSafetensors(...given);
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error;
    throw new UserError(`${WEIGHTS_FILE} is ${error.message}; ${AGAIN}`);
  }
}

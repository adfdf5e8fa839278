import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type EnvironmentEntry, environmentEntry } from '../envs/index.ts';
import { actionSize } from '../envs/spaces.ts';
import { UserError } from '../errors.ts';
import { emptyActions, requireActions } from '../training/actions.ts';
import { type AgentSpaces, agentSpaces } from '../training/agent-spaces.ts';
import { emptyObservations } from '../training/observations.ts';
import type { RecordedEpisodes } from '../training/recorded-episodes.ts';
import type { Batch } from '../training/replay.ts';
import type { NamedArray } from '../training/state.ts';
import { enumeration } from '../words.ts';
import { readBytes, readParts } from './atomic.ts';
import {
  type DataSetEnvironment,
  LARGEST_SHARD,
  MANIFEST,
  type Manifest,
  readManifest,
} from './data-set-manifest.ts';
import { decodeSafetensors } from './safetensors.ts';
import { arrayOf, SafetensorsError, type TensorPlace, tensorPlaces } from './safetensors-format.ts';

/** Bytes of shards that are kept in memory; what is beyond is read from the disk step by step. */
const HELD_BYTES = 2 ** 28;
const REMEDY = 'restore the data set from a copy or collect anew';

/** The arrays of a shard of which a step has a row. */
type Rows = 'observations' | 'actions' | 'rewards';
type Values = NamedArray['data'];

/** A file of whole episodes. */
interface Shard {
  file: string;
  /** Undefined: read from the disk, at these places. */
  held: Record<Rows, Values> | undefined;
  places: Record<string, TensorPlace>;
  lengths: Int32Array;
  actors: Int32Array;
  terminated: Uint8Array;
  returns: Float64Array;
}

/** Where an episode stands. */
interface Place {
  shard: Shard;
  /** Its index in the shard. */
  index: number;
  /** The shard's steps before it. */
  step: number;
}

/**
 * A data set on the disk, checked from end to end. No more than 500 MB of it is ever in memory, however large it is.
 */
export class DataSet implements RecordedEpisodes {
  readonly dir: string;
  readonly manifest: Manifest;
  readonly fingerprint: Uint8Array;
  readonly lengths: Int32Array;
  readonly returns: Float64Array;
  /** Who acted, an index into the manifest's actors: [episodes] */
  readonly actors: Int32Array;
  readonly #places: readonly Place[];
  readonly #size: number;
  readonly #width: number;

  /**
   * Opens a data set and checks all of it.
   *
   * @param heldBytes of shards that are kept in memory
   * @throws UserError where there is none, or it is empty, damaged, of another version or not what its manifest says.
   */
  constructor(dir: string, heldBytes = HELD_BYTES) {
    this.dir = dir;
    this.manifest = readManifest(dir);
    const { shards: records, actors, episodes, steps } = this.manifest;
    const spaces = agentSpaces(environmentOf(this.manifest));
    this.#size = spaces.observation;
    this.#width = actionSize(spaces.actionSpace);
    const places: Place[] = [];
    let bytes = 0;
    for (const record of records) {
      bytes += record.bytes;
      const shard = readShard(join(dir, record.file), record, spaces, actors.length, bytes <= heldBytes);
      let step = 0;
      for (const [index, length] of shard.lengths.entries()) {
        places.push({ shard, index, step });
        step += length;
      }
    }
    this.#places = places;
    const each = (of: (place: Place) => number) => places.map(of);
    this.lengths = Int32Array.from(each(({ shard, index }) => shard.lengths[index]!));
    this.returns = Float64Array.from(each(({ shard, index }) => shard.returns[index]!));
    this.actors = Int32Array.from(each(({ shard, index }) => shard.actors[index]!));
    const found = this.lengths.reduce((sum, length) => sum + length, 0);
    if (places.length !== episodes || found !== steps) {
      throw new UserError(
        `${join(dir, MANIFEST)}: says ${episodes} episodes of ${steps} steps, and its shards hold ${places.length} of ${found}; ${REMEDY}`,
      );
    }
    const checksums = records.map(({ sha256 }) => sha256).join();
    this.fingerprint = new Uint8Array(createHash('sha256').update(checksums).digest());
  }

  read(episode: number, start: number, steps: number, batch: Batch, at: number): void {
    const { shard, index, step } = this.#places[episode]!;
    const [size, width] = [this.#size, this.#width];
    const length = this.lengths[episode]!;
    if (start + steps > length) throw new RangeError(`episode ${episode} has ${length} steps`);
    const row = step + start;
    // Each episode before it has one observation more than steps.
    const rows = this.#rows(shard, [
      ['observations', (row + index) * size, (steps + 1) * size],
      ['actions', row * width, steps * width],
      ['rewards', row, steps],
    ]);
    batch.observation.set(rows[0]!.subarray(0, steps * size), at * size);
    batch.nextObservation.set(rows[0]!.subarray(size), at * size);
    batch.action.set(rows[1]!, at * width);
    batch.reward.set(rows[2]!, at);
    batch.terminated.fill(0, at, at + steps);
    batch.first.fill(0, at, at + steps);
    if (start + steps === length) batch.terminated[at + steps - 1] = shard.terminated[index]!;
    if (start === 0) batch.first[at] = 1;
  }

  /** Some numbers of some arrays of a shard: name, first and count each. */
  #rows(
    { file, held, places }: Shard,
    wanted: readonly (readonly [name: Rows, first: number, count: number])[],
  ): Values[] {
    if (held) return wanted.map(([name, first, count]) => held[name].subarray(first, first + count));
    const arrays = wanted.map(([name, , count]) => arrayOf(places[name]!.dtype, count));
    readParts(
      file,
      arrays.map((array, i) => {
        const [name, first] = wanted[i]!;
        const start = places[name]!.start + first * array.BYTES_PER_ELEMENT;
        return { start, into: new Uint8Array(array.buffer) };
      }),
    );
    return arrays;
  }

  /** @throws UserError unless the episodes are of that environment. */
  requireEnvironment(wanted: DataSetEnvironment): void {
    const { environment, maze, distractors, pixels } = this.manifest;
    const own = { environment, maze, distractors, pixels };
    if (isDeepStrictEqual(own, wanted)) return;
    throw new UserError(
      `${join(this.dir, MANIFEST)}: the episodes are of ${environmentWords(own)}, and the config's environment is ${environmentWords(wanted)}; choose a data set of that environment, or the environment of this one`,
    );
  }
}

/** The environment that some episodes are of. @throws UserError where it is none. */
export const environmentOf = ({
  environment,
  maze,
  distractors,
  pixels,
}: DataSetEnvironment): EnvironmentEntry =>
  environmentEntry(environment, { maze: maze ?? undefined, distractors, pixels: pixels ?? undefined });

/** `CartPole-v1 with 3 distractors` */
export function environmentWords({ environment, maze, distractors, pixels }: DataSetEnvironment): string {
  const settings = [
    maze !== null && 'a maze of its own',
    distractors > 0 && `${distractors} distractors`,
    pixels && `${pixels.frames} pictures of ${pixels.size} × ${pixels.size} pixels`,
  ].filter(Boolean);
  return settings.length > 0 ? `${environment} with ${enumeration(settings)}` : environment;
}

/** @throws UserError naming the file, where it is not what the manifest says. */
function readShard(
  file: string,
  record: Manifest['shards'][number],
  spaces: AgentSpaces,
  actors: number,
  hold: boolean,
): Shard {
  const refuse = (why: string): never => {
    throw new UserError(`${file}: ${why}; ${REMEDY}`);
  };
  const bytes = readBytes(file, LARGEST_SHARD) ?? refuse('missing');
  if (createHash('sha256').update(bytes).digest('hex') !== record.sha256) {
    refuse(`its checksum is not the one in ${MANIFEST}`);
  }
  const arrays = arraysOf(bytes, refuse);
  const { episodes } = record;
  const expected: Record<string, NamedArray> = {
    lengths: { shape: [episodes], data: new Int32Array() },
    actors: { shape: [episodes], data: new Int32Array() },
    terminated: { shape: [episodes], data: new Uint8Array() },
    truncated: { shape: [episodes], data: new Uint8Array() },
    observations: {
      shape: [record.steps + episodes, spaces.observation],
      data: emptyObservations(spaces, 0),
    },
    actions: {
      shape: [record.steps, actionSize(spaces.actionSpace)],
      data: emptyActions(spaces.actionSpace, 0),
    },
    rewards: { shape: [record.steps], data: new Float32Array() },
  };
  for (const [name, { shape, data }] of Object.entries(expected)) {
    const found = Object.hasOwn(arrays, name) ? arrays[name] : undefined;
    if (found?.data.constructor !== data.constructor || found.shape.join() !== shape.join()) {
      refuse(`its array ${name} is not of shape [${shape.join(', ')}], or of another kind`);
    }
  }
  const array = <Kind extends Values>(name: string) => arrays[name]!.data as Kind;
  const lengths = array<Int32Array>('lengths');
  const none = lengths.findIndex((length) => length < 1);
  if (none >= 0) refuse(`its episode ${none} has no step`);
  if (lengths.reduce((sum, length) => sum + length, 0) !== record.steps) {
    refuse(`the lengths of its episodes do not add up to ${record.steps} steps`);
  }
  if (array('actors').some((actor) => actor < 0 || actor >= actors)) {
    refuse(`an episode is of an actor that ${MANIFEST} does not name`);
  }
  const rewards = array<Float32Array>('rewards');
  if (![array('observations'), rewards].every(isFiniteThroughout)) {
    refuse('an observation or a reward is not finite');
  }
  try {
    requireActions(spaces.actionSpace, array('actions'));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    refuse(error.message);
  }
  const held = { observations: array('observations'), actions: array('actions'), rewards };
  return {
    ...{ file, lengths, places: tensorPlaces(bytes), held: hold ? held : undefined },
    actors: array<Int32Array>('actors'),
    terminated: array<Uint8Array>('terminated'),
    returns: returnsOf(rewards, lengths),
  };
}

function arraysOf(bytes: Uint8Array, refuse: (why: string) => never): Record<string, NamedArray> {
  try {
    return decodeSafetensors(bytes).arrays;
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error;
    return refuse(error.message);
  }
}

/** Whether no value is infinite or NaN; bytes cannot be. */
const isFiniteThroughout = (values: Values) => values instanceof Uint8Array || values.every(Number.isFinite);

/** Σ r over each episode, in float64 and in the order of the steps. */
function returnsOf(rewards: Float32Array, lengths: Int32Array): Float64Array {
  let at = 0;
  return Float64Array.from(lengths, (length) => {
    let sum = 0;
    for (const end = at + length; at < end; at++) sum += rewards[at]!;
    return sum;
  });
}

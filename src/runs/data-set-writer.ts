import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { actionSize } from '../envs/spaces.ts';
import { UserError } from '../errors.ts';
import { emptyActions } from '../training/actions.ts';
import { emptyObservations } from '../training/observations.ts';
import type { WholeEpisode } from '../training/recorded-episodes.ts';
import type { StepSpaces } from '../training/replay.ts';
import type { NamedArray } from '../training/state.ts';
import { grouped } from '../words.ts';
import { removeFile, replaceFile } from './atomic.ts';
import {
  DATA_SET_VERSION,
  formatManifest,
  LARGEST_SHARD,
  MANIFEST,
  type Manifest,
} from './data-set-manifest.ts';
import { openEmptyFolder } from './output-folder.ts';
import { encodeSafetensors } from './safetensors.ts';

/** Bytes of a shard's arrays from which on the next episode begins another one. */
const SHARD_BYTES = 2 ** 25;
/** Bytes of an episode's arrays at most: the rest of a shard is what they are called and who acted. */
const LARGEST_EPISODE = LARGEST_SHARD - 2 ** 16;

/** Writes a data set, shard by shard; the manifest comes last, so that what was not finished is none. */
export class DataSetWriter {
  readonly #dir: string;
  readonly #spaces: StepSpaces;
  readonly #shardBytes: number;
  readonly #shards: Manifest['shards'] = [];
  /** Of the shard that is being filled, with the index of who acted. */
  #episodes: { episode: WholeEpisode; actor: number }[] = [];
  #bytes = 0;

  /**
   * @param dir made where it is missing
   * @throws UserError where it holds something already, or cannot be made.
   */
  constructor(dir: string, spaces: StepSpaces, shardBytes = SHARD_BYTES) {
    this.#dir = dir;
    this.#spaces = spaces;
    this.#shardBytes = shardBytes;
    openEmptyFolder(dir, '--out');
  }

  /**
   * @param actor index of who acted
   * @throws UserError for an episode that no file of a data set holds: none is cut.
   */
  add(episode: WholeEpisode, actor: number): void {
    const { observations, actions, rewards } = episode;
    const bytes = observations.byteLength + actions.byteLength + rewards.byteLength;
    if (bytes > LARGEST_EPISODE) {
      throw new UserError(
        `an episode of ${grouped(rewards.length)} steps takes ${grouped(Math.ceil(bytes / 2 ** 20))} MB, and a file of a data set holds ${LARGEST_SHARD / 2 ** 20} at most; collect where episodes are shorter or observations smaller (pixels.size, pixels.frames)`,
        1,
      );
    }
    if (this.#bytes + bytes > LARGEST_EPISODE) this.#writeShard();
    this.#episodes.push({ episode, actor });
    this.#bytes += bytes;
    if (this.#bytes >= this.#shardBytes) this.#writeShard();
  }

  /** Writes what is left, and the manifest. */
  finish(about: Omit<Manifest, 'dataSetVersion' | 'shards'>): Manifest {
    if (this.#episodes.length > 0) this.#writeShard();
    const manifest = { dataSetVersion: DATA_SET_VERSION, ...about, shards: this.#shards } as const;
    replaceFile(join(this.#dir, MANIFEST), formatManifest(manifest));
    return manifest;
  }

  /** Takes away what has been written. */
  abandon(): void {
    for (const { file } of this.#shards) removeFile(join(this.#dir, file));
  }

  #writeShard(): void {
    const file = `shard-${String(this.#shards.length).padStart(5, '0')}.safetensors`;
    const { steps, arrays } = shardArrays(this.#episodes, this.#spaces);
    const bytes = encodeSafetensors(arrays, {});
    replaceFile(join(this.#dir, file), bytes);
    this.#shards.push({
      ...{ file, episodes: this.#episodes.length, steps, bytes: bytes.length },
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
    this.#episodes = [];
    this.#bytes = 0;
  }
}

/** The arrays of some episodes, which `readShard` reads. */
function shardArrays(
  episodes: readonly { episode: WholeEpisode; actor: number }[],
  spaces: StepSpaces,
): { steps: number; arrays: Record<string, NamedArray> } {
  const lengths = Int32Array.from(episodes, ({ episode }) => episode.rewards.length);
  const steps = lengths.reduce((sum, length) => sum + length, 0);
  const [size, width] = [spaces.observation, actionSize(spaces.actionSpace)];
  const observations = emptyObservations(spaces, steps + episodes.length);
  const actions = emptyActions(spaces.actionSpace, steps);
  const rewards = new Float32Array(steps);
  let at = 0;
  for (const [i, { episode }] of episodes.entries()) {
    observations.set(episode.observations, (at + i) * size);
    actions.set(episode.actions, at * width);
    rewards.set(episode.rewards, at);
    at += episode.rewards.length;
  }
  const each = (of: (entry: (typeof episodes)[number]) => number, data: Int32Array | Uint8Array) => {
    for (const [i, entry] of episodes.entries()) data[i] = of(entry);
    return { shape: [episodes.length], data };
  };
  return {
    steps,
    arrays: {
      observations: { shape: [steps + episodes.length, size], data: observations },
      actions: { shape: [steps, width], data: actions },
      rewards: { shape: [steps], data: rewards },
      lengths: { shape: [episodes.length], data: lengths },
      actors: each(({ actor }) => actor, new Int32Array(episodes.length)),
      terminated: each(({ episode }) => Number(episode.terminated), new Uint8Array(episodes.length)),
      truncated: each(({ episode }) => Number(episode.truncated), new Uint8Array(episodes.length)),
    },
  };
}

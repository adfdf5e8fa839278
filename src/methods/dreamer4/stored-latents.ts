import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../../engine/compiled.ts';
import { scope } from '../../engine/scope.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { everyFrame, type Frames, frameIndices } from '../../training/frames.ts';
import type { RecordedEpisodes } from '../../training/recorded-episodes.ts';
import { latentMoments } from './latent-scale.ts';
import { imagesAtOnce, tokenized } from './latents.ts';
import type { Networks } from './networks.ts';

/** Images that are encoded at once, at most. */
const MOST_AT_ONCE = 256;

/** What is encoded. */
interface Encoding {
  networks: Networks;
  data: RecordedEpisodes;
  episodes: Int32Array;
  spaces: AgentSpaces;
}

/**
 * The latents of every frame of some episodes, not standardised: a tokenizer that has learnt stands still, so that each is
 * encoded once and all later updates read from here.
 */
export class StoredLatents {
  readonly #encoding: Encoding;
  /** Of each of the data's frames which row is its own; −1 in episodes that were left out. */
  readonly #rows: Int32Array;
  /** Of each member: [frames that were encoded, latent] */
  readonly #values: readonly Float32Array[];
  readonly #size: number;

  private constructor(encoding: Encoding, rows: Int32Array, values: readonly Float32Array[]) {
    this.#encoding = encoding;
    this.#rows = rows;
    this.#values = values;
    this.#size = encoding.networks.shape.latent;
  }

  /** @param weights the tokenizer's parameters, which no longer learn: [members, size] */
  static async encode(encoding: Encoding, weights: tf.Tensor2D): Promise<StoredLatents> {
    const { networks, data, episodes, spaces } = encoding;
    const members = weights.shape[0];
    const { latent: size } = networks.shape;
    const rows = new Int32Array(frameIndices(data.lengths).count).fill(-1);
    const encoded = episodes.reduce((sum, episode) => sum + data.lengths[episode]! + 1, 0);
    const values = Array.from({ length: members }, () => new Float32Array(encoded * size));
    const atOnce = Math.min(MOST_AT_ONCE, imagesAtOnce(networks.tokenizer!.shape));
    const encoder = new Compiled(({ weights, images }: { weights: tf.Tensor2D; images: tf.Tensor }) => ({
      latents: tokenized(networks, { tokenizer: weights }, images),
    }));
    let done = 0;
    try {
      for (const { frames, count } of everyFrame(data, episodes, atOnce, spaces)) {
        const latents = scope(() => {
          const images = tf.tensor(frames.observation, [1, atOnce, spaces.observation]);
          const inputs = { weights, images: tf.tile(images, [members, 1, 1]) };
          return tf.keep(encoder.run(inputs).latents);
        });
        const read = await latents.data<'float32'>();
        latents.dispose();
        for (let i = 0; i < count; i++) rows[frames.index[i]!] = done + i;
        for (const [member, own] of values.entries()) {
          const from = member * atOnce * size;
          own.set(read.subarray(from, from + count * size), done * size);
        }
        done += count;
      }
    } finally {
      encoder.dispose();
    }
    return new StoredLatents(encoding, rows, values);
  }

  /**
   * Those of frames, 0 where there is none: [members, batch, time, latent].
   *
   * @throws RangeError where a frame is of an episode that was left out
   */
  of({ members, index }: Pick<Frames, 'members' | 'index'>): Float32Array {
    const size = this.#size;
    const each = index.length / members;
    const latents = new Float32Array(index.length * size);
    for (const [at, frame] of index.entries()) {
      if (frame < 0) continue;
      const row = this.#rows[frame]!;
      if (row < 0) throw new RangeError(`frame ${frame} was not encoded`);
      const own = this.#values[Math.floor(at / each)]!;
      latents.set(own.subarray(row * size, (row + 1) * size), at * size);
    }
    return latents;
  }

  /** `latentMoments` of every member's over the episodes that were encoded: [members, 3 · latent]. */
  moments(): tf.Tensor2D {
    const size = this.#size;
    const { data, episodes, spaces } = this.#encoding;
    const { starts } = frameIndices(data.lengths);
    const rows = this.#values.map((values) => {
      const rowsOf = (episode: number, from: number, count: number) => {
        const at = this.#rows[starts[episode]! + from]! * size;
        return values.subarray(at, at + count * size);
      };
      const latents: Pick<RecordedEpisodes, 'lengths' | 'read'> = {
        lengths: data.lengths,
        read: (episode, start, steps, batch, row) => {
          batch.observation.set(rowsOf(episode, start, steps), row * size);
          batch.nextObservation.set(rowsOf(episode, start + 1, steps), row * size);
        },
      };
      return latentMoments(latents, episodes, { actionSpace: spaces.actionSpace, observation: size });
    });
    return tf.tensor2d(
      rows.flatMap((row) => [...row]),
      [rows.length, 3 * size],
    );
  }
}

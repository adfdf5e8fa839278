import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../../engine/compiled.ts';
import { scope } from '../../engine/scope.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { type Frames, FrameWindows, frameIndices } from '../../training/frames.ts';
import type { RecordedEpisodes } from '../../training/recorded-episodes.ts';
import { latentMoments } from './latent-scale.ts';
import { tokenized } from './latents.ts';
import type { Networks } from './networks.ts';

/** Images that are encoded at once. */
const ENCODED_AT_ONCE = 256;

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
  /** Of each member: [frames of all episodes, latent], 0 in episodes that were left out */
  readonly #values: readonly Float32Array[];
  readonly #size: number;

  private constructor(encoding: Encoding, values: readonly Float32Array[]) {
    this.#encoding = encoding;
    this.#values = values;
    this.#size = encoding.networks.shape.latent;
  }

  /** @param weights the tokenizer's parameters, which no longer learn: [members, size] */
  static async encode(encoding: Encoding, weights: tf.Tensor2D): Promise<StoredLatents> {
    const { networks, data, episodes, spaces } = encoding;
    const members = weights.shape[0];
    const { latent: size } = networks.shape;
    const { count } = frameIndices(data.lengths);
    const values = Array.from({ length: members }, () => new Float32Array(count * size));
    const windows = new FrameWindows(data, 1, ENCODED_AT_ONCE, 1, spaces);
    const encoder = new Compiled(({ weights, images }: { weights: tf.Tensor2D; images: tf.Tensor }) => ({
      latents: tokenized(networks, { tokenizer: weights }, images),
    }));
    let filled = 0;
    const flush = async () => {
      const latents = scope(() => {
        const images = tf.tensor(windows.frames.observation, [1, ENCODED_AT_ONCE, spaces.observation]);
        const inputs = { weights, images: tf.tile(images, [members, 1, 1]) };
        return tf.keep(encoder.run(inputs).latents);
      });
      const encoded = await latents.data<'float32'>();
      latents.dispose();
      for (const [member, own] of values.entries()) {
        for (let i = 0; i < filled; i++) {
          const at = (member * ENCODED_AT_ONCE + i) * size;
          own.set(encoded.subarray(at, at + size), windows.frames.index[i]! * size);
        }
      }
      filled = 0;
    };
    try {
      for (const episode of episodes) {
        for (let t = 0; t <= data.lengths[episode]!; t++) {
          windows.read(filled++, { episode, from: t, to: t + 1, at: 0 });
          if (filled === ENCODED_AT_ONCE) await flush();
        }
      }
      if (filled > 0) await flush();
    } finally {
      encoder.dispose();
    }
    return new StoredLatents(encoding, values);
  }

  /** Those of frames, 0 where there is none: [members, batch, time, latent]. */
  of({ members, index }: Pick<Frames, 'members' | 'index'>): Float32Array {
    const size = this.#size;
    const each = index.length / members;
    const latents = new Float32Array(index.length * size);
    for (const [at, frame] of index.entries()) {
      if (frame < 0) continue;
      const own = this.#values[Math.floor(at / each)]!;
      latents.set(own.subarray(frame * size, (frame + 1) * size), at * size);
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
        const at = (starts[episode]! + from) * size;
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

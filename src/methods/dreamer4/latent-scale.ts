import * as tf from '@tensorflow/tfjs-core';
import { standardFrom } from '../../models/moments.ts';
import type { RecordedEpisodes } from '../../training/recorded-episodes.ts';
import { emptyBatch, type StepSpaces } from '../../training/replay.ts';

/** Steps of an episode that are read at once. */
const READ_AT_ONCE = 256;

/**
 * What latents are standardised by, over the episodes that are learnt from: z = (x − mean) / std, x being what the tokenizer
 * makes of an observation, of vectors the observation itself. [members, latent] each.
 */
export interface LatentScale {
  mean: tf.Tensor;
  std: tf.Tensor;
  /** σ of z_{t+1} − z_t. */
  change: tf.Tensor;
}

/** Mean, std and change of every number of an observation over some episodes, read one by one: [3 · observation]. */
export function latentMoments(
  data: Pick<RecordedEpisodes, 'lengths' | 'read'>,
  episodes: Int32Array,
  spaces: StepSpaces,
): Float32Array {
  const size = spaces.observation;
  const batch = emptyBatch(1, 1, READ_AT_ONCE, spaces);
  const sums = { observed: new Sums(size), changes: new Sums(size) };
  for (const episode of episodes) {
    const length = data.lengths[episode]!;
    for (let start = 0; start < length; start += READ_AT_ONCE) {
      const steps = Math.min(READ_AT_ONCE, length - start);
      data.read(episode, start, steps, batch, 0);
      const { observation, nextObservation } = batch;
      if (start === 0) sums.observed.add((i) => observation[i]!);
      for (let row = 0; row < steps; row++) {
        const at = (i: number) => row * size + i;
        sums.observed.add((i) => nextObservation[at(i)]!);
        sums.changes.add((i) => nextObservation[at(i)]! - observation[at(i)]!);
      }
    }
  }
  const [observed, changes] = [sums.observed.moments(), sums.changes.moments()];
  return Float32Array.from([
    ...observed.map(({ mean }) => mean),
    ...observed.map(({ std }) => std),
    // Of one that never changes 1, as standardFrom has it.
    ...changes.map(({ std, isConstant }, i) => (isConstant ? 1 : std / observed[i]!.std)),
  ]);
}

/** Sums over rows, in float64 and about the first row, so that no digits are lost. */
class Sums {
  #count = 0;
  readonly #first: Float64Array;
  readonly #sum: Float64Array;
  readonly #squares: Float64Array;

  constructor(size: number) {
    [this.#first, this.#sum, this.#squares] = [0, 1, 2].map(() => new Float64Array(size)) as [
      Float64Array,
      Float64Array,
      Float64Array,
    ];
  }

  add(of: (i: number) => number): void {
    for (let i = 0; i < this.#sum.length; i++) {
      if (this.#count === 0) this.#first[i] = of(i);
      const x = of(i) - this.#first[i]!;
      this.#sum[i]! += x;
      this.#squares[i]! += x * x;
    }
    this.#count++;
  }

  moments(): { mean: number; std: number; isConstant: boolean }[] {
    return Array.from(this.#sum, (sum, i) => {
      const mean = sum / this.#count;
      const variance = Math.max(0, this.#squares[i]! / this.#count - mean * mean);
      const spread = Math.sqrt(variance);
      const std = standardFrom(spread);
      return { mean: this.#first[i]! + mean, std, isConstant: std !== spread };
    });
  }
}

/** The moments of all members as the update takes them: [members, 3 · latent] -> [members, latent] each. */
export function latentScale(moments: tf.Tensor2D): LatentScale {
  const [mean, std, change] = tf.split(moments, 3, 1);
  return { mean: mean!, std: std!, change: change! };
}

/** z of what the tokenizer makes: [members, …, latent], shaped as it came. */
export const standardised = ({ mean, std }: LatentScale, x: tf.Tensor): tf.Tensor =>
  tf.div(tf.sub(x, along(mean, x)), along(std, x));

/** The inverse of `standardised`. */
export const unstandardised = ({ mean, std }: LatentScale, z: tf.Tensor): tf.Tensor =>
  tf.add(tf.mul(z, along(std, z)), along(mean, z));

/** [members, latent] -> [members, 1, …, latent], of x's rank. */
const along = (scale: tf.Tensor, x: tf.Tensor): tf.Tensor =>
  tf.reshape(scale, [scale.shape[0]!, ...Array(x.rank - 2).fill(1), scale.shape[1]!]);

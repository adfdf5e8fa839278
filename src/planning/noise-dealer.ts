import type * as tf from '@tensorflow/tfjs-core';

/** Deals out noises in the order in which they were asked for. */
export class NoiseDealer {
  readonly #noise: readonly tf.Tensor3D[];
  #at = 0;

  constructor(noise: readonly tf.Tensor3D[]) {
    this.#noise = noise;
  }

  /** The next noise. */
  one(): tf.Tensor3D {
    return this.many(1)[0]!;
  }

  /** The next noises. */
  many(count: number): readonly tf.Tensor3D[] {
    const dealt = this.#noise.slice(this.#at, this.#at + count);
    if (dealt.length < count) throw new Error('a planner takes more noise than it asks for');
    this.#at += count;
    return dealt;
  }

  /** Whether all has been dealt out. */
  get isEmpty(): boolean {
    return this.#at === this.#noise.length;
  }
}

import type { RandomStream } from '../random/stream.ts';

/** A step of an episode. */
export interface EpisodeStep {
  episode: number;
  step: number;
}

/** The steps of some episodes, each equally likely to be drawn. */
export class StepSampler {
  readonly #episodes: Int32Array;
  /** Steps of the episodes up to each, itself included. */
  readonly #ends: Float64Array;

  /** @param episodes indices into `lengths`, one at least */
  constructor(lengths: Int32Array, episodes: Int32Array) {
    this.#episodes = episodes;
    let end = 0;
    this.#ends = Float64Array.from(episodes, (episode) => (end += lengths[episode]!));
  }

  draw(random: RandomStream): EpisodeStep {
    const at = random.integer(this.#ends.at(-1)!);
    let [low, high] = [0, this.#ends.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#ends[middle]! > at) high = middle;
      else low = middle + 1;
    }
    return { episode: this.#episodes[low]!, step: at - (this.#ends[low - 1] ?? 0) };
  }
}

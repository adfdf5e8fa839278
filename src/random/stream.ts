import { sha256 } from '@noble/hashes/sha2.js';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { type xoroshiro128plus, xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import { type NoiseDistribution, presentFiller } from './noise-filler.ts';

/** Numbers that an engine leaves undrawn at most before it may be sure again; too few to call it for. */
const BLOCK = 64;

/**
 * A named stream of random numbers: xoroshiro128+ (Blackman and Vigna, 2018), its start drawn from a hash of a seed
 * and a name, so that each use of randomness has a sequence of its own and adding one use shifts no other.
 * `state()` is everything: no draw keeps half of a pair for the next call.
 */
export class RandomStream {
  #generator: ReturnType<typeof xoroshiro128plus>;

  private constructor(state: readonly number[]) {
    this.#generator = xoroshiro128plusFromState(state);
  }

  /** The stream `name` of `seed`, at its start: the first 16 bytes of SHA-256(`seed/name`) as four int32. */
  static named(seed: number, name: string): RandomStream {
    return RandomStream.#hashed(`${seed}/${name}`);
  }

  static #hashed(text: string): RandomStream {
    const { buffer, byteOffset } = sha256(text);
    const digest = new DataView(buffer, byteOffset);
    return RandomStream.fromState([0, 4, 8, 12].map((offset) => digest.getInt32(offset, true)));
  }

  /**
   * The stream that goes on where `state()` was taken: four int32, not all zero (the generator's fixed point).
   * Throws a RangeError for anything else.
   */
  static fromState(state: readonly number[]): RandomStream {
    const valid =
      state.length === 4 && state.every((word) => word === (word | 0)) && state.some((word) => word !== 0);
    if (!valid)
      throw new RangeError(`a random stream's state is four int32, not all zero, got [${state.join(', ')}]`);
    return new RandomStream(state);
  }

  /** The position in the stream, as four int32. */
  state(): number[] {
    return [...this.#generator.getState()];
  }

  /** Another stream, drawn from a hash of `name` and of where this one stands, which does not move. */
  fork(name: string): RandomStream {
    return RandomStream.#hashed(`${this.state().join(',')}/${name}`);
  }

  /** Uniform in [0, 1): a multiple of 2^-53. */
  uniform(): number {
    return uniformFloat64(this.#generator);
  }

  /** A uniform integer in [0, bound), without modulo bias. Throws a RangeError unless `bound` is in [1, 2^32]. */
  integer(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 32) {
      throw new RangeError(`expected an integer bound in [1, 2^32], got ${bound}`);
    }
    return uniformInt(this.#generator, 0, bound - 1);
  }

  /** The integers 0 … size − 1 in a random order, all orders equally likely (Fisher and Yates). */
  permutation(size: number): Int32Array {
    const order = Int32Array.from({ length: size }, (_, i) => i);
    for (let last = size - 1; last > 0; last--) {
      const other = this.integer(last + 1);
      [order[last], order[other]] = [order[other]!, order[last]!];
    }
    return order;
  }

  /** A standard normal, N(0, 1). */
  normal(): number {
    return this.#radius() * Math.cos(2 * Math.PI * this.uniform());
  }

  /** A standard normal given that |x| <= 2, by rejection (about one draw in 22 is rejected). */
  truncatedNormal(): number {
    for (;;) {
      const x = this.normal();
      if (Math.abs(x) <= 2) return x;
    }
  }

  /** Fills `out` with standard normals, two from each pair of uniforms; an odd last one discards its twin. */
  fillNormal(out: Float32Array): Float32Array {
    return this.#fill('normal', out, 2, (i) => {
      const radius = this.#radius();
      const angle = 2 * Math.PI * this.uniform();
      out[i] = radius * Math.cos(angle);
      // Past the end of an odd array this store does nothing.
      out[i + 1] = radius * Math.sin(angle);
    });
  }

  /** Fills `out` with standard normals given that |x| <= 2, one by one. */
  fillTruncatedNormal(out: Float32Array): Float32Array {
    for (let i = 0; i < out.length; i++) out[i] = this.truncatedNormal();
    return out;
  }

  /** Fills `out` with uniforms in [low, high), both taken as float32. */
  fillUniform(out: Float32Array, low = 0, high = 1): Float32Array {
    const from = Math.fround(low);
    const to = Math.fround(high);
    return this.#fill(from === 0 && to === 1 ? 'uniform' : null, out, 1, (i) => {
      const x = Math.fround(from + (to - from) * this.uniform());
      // Rounding to float32 can reach `high`, which is excluded.
      out[i] = x < to ? x : from;
    });
  }

  /** Fills `out` with standard Gumbel noise, -log(-log u) with u in (0, 1): finite, in [-3.7, 36.8]. */
  fillGumbel(out: Float32Array): Float32Array {
    return this.#fill('gumbel', out, 1, (i) => {
      out[i] = -Math.log(-Math.log(this.#openUniform()));
    });
  }

  /**
   * Fills `out` with log x of gamma variates x of a shape and scale 1, by rejection (Marsaglia and Tsang, 2000). The
   * softmax of so many is a Dirichlet vector, and no shape, however small, makes it underflow: x of the shape α is x of
   * α + 1 times u^(1 / α).
   *
   * @param shape α, above 0
   */
  fillLogGamma(out: Float32Array, shape: number): Float32Array {
    const d = shape + 1 - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (let i = 0; i < out.length; i++) {
      for (;;) {
        const x = this.normal();
        const v = (1 + c * x) ** 3;
        if (v <= 0 || Math.log(this.#openUniform()) >= x * x * 0.5 + d * (1 - v + Math.log(v))) continue;
        out[i] = Math.log(d * v) + Math.log(this.#openUniform()) / shape;
        break;
      }
    }
    return out;
  }

  /**
   * Fills `out`, by the engine as far as that offers it, else by `draw`.
   *
   * @param distribution null where no engine has it
   * @param draw draws `together` numbers, from an index on
   */
  #fill(
    distribution: NoiseDistribution | null,
    out: Float32Array,
    together: number,
    draw: (index: number) => void,
  ): Float32Array {
    for (let at = 0; at < out.length; ) {
      if (distribution) at += this.#fillByEngine(distribution, out.subarray(at));
      for (const end = Math.min(at + BLOCK, out.length); at < end; at += together) draw(at);
    }
    return out;
  }

  /** @returns how many numbers the engine drew, from the first on */
  #fillByEngine(distribution: NoiseDistribution, out: Float32Array): number {
    const fill = presentFiller();
    if (!fill || out.length < BLOCK) return 0;
    const state = Int32Array.from(this.state());
    const drawn = fill(distribution, state, out);
    this.#generator = xoroshiro128plusFromState([...state]);
    return drawn;
  }

  /** Box and Muller's radius, sqrt(-2 log u) with u in (0, 1): in (0, 8.6]. */
  #radius(): number {
    return Math.sqrt(-2 * Math.log(this.#openUniform()));
  }

  /** Uniform in (0, 1): the middle of one of 2^52 cells, so that neither end is reached. */
  #openUniform(): number {
    return (Math.floor(this.uniform() * 2 ** 52) + 0.5) * 2 ** -52;
  }
}

import { memberPart } from '../../training/member-part.ts';
import type { Observations } from '../../training/observations.ts';
import type { Batch } from '../../training/replay.ts';
import type { NamedArray } from '../../training/state.ts';

/** Added to a variance before its root. */
const EPSILON = 1e-8;
/** The largest normalised observation or reward. */
const LARGEST = 10;

/** Mean and variance (over n) of all vectors ever seen, element by element; mean 0 and variance 1 before any. */
class RunningMoments {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  #count = 0;

  constructor(size: number) {
    this.mean = new Float64Array(size);
    this.variance = new Float64Array(size).fill(1);
  }

  /**
   * Takes in vectors, [count, size], by the update of Chan, Golub & LeVeque (1979): with δ the difference of the two means
   *
   *   n = n_a + n_b      mean = mean_a + δ n_b / n      n var = n_a var_a + n_b var_b + δ² n_a n_b / n
   */
  add(vectors: ArrayLike<number>): void {
    const size = this.mean.length;
    const added = vectors.length / size;
    const total = this.#count + added;
    for (let k = 0; k < size; k++) {
      let mean = 0;
      for (let i = 0; i < added; i++) mean += vectors[i * size + k]! / added;
      let squares = 0;
      for (let i = 0; i < added; i++) squares += (vectors[i * size + k]! - mean) ** 2;
      const shift = mean - this.mean[k]!;
      const before = this.#count * this.variance[k]!;
      this.variance[k] = (before + squares + (shift ** 2 * this.#count * added) / total) / total;
      this.mean[k]! += (shift * added) / total;
    }
    this.#count = total;
  }

  /** Count, means, variances. */
  save(): NamedArray {
    const data = Float64Array.of(this.#count, ...this.mean, ...this.variance);
    return { shape: [data.length], data };
  }

  /** Takes over what `save` gave. Throws a RangeError where that is no count, mean or variance. */
  load(saved: ArrayLike<number>): void {
    const [count, ...moments] = Array.from(saved);
    const [mean, variance] = [moments.slice(0, this.mean.length), moments.slice(this.mean.length)];
    if (!(count! >= 0) || !moments.every(Number.isFinite) || variance.some((x) => x < 0)) {
      throw new RangeError('its running moments are no count, means and variances');
    }
    this.#count = count!;
    this.mean.set(mean);
    this.variance.set(variance);
  }
}

/** One member's. */
interface MemberMoments {
  observation: RunningMoments;
  discountedReturn: RunningMoments;
  /** G of every environment after the last step. */
  running: Float64Array;
}

/**
 * Observations and rewards by running statistics of each member (the VecNormalize of stable-baselines3), clipped to ±10:
 *
 *   õ = (o − mean o) / √(var o + 1e-8)      r̃ = r / √(var G + 1e-8)      G_t = r_t + γ G_{t−1}, 0 before an episode
 *
 * The statistics of observations change between roll-outs alone, once the updates are made: what is learnt from is what
 * was acted on. Those of G take a roll-out in before its rewards are divided.
 */
export class Normalisation {
  readonly #gamma: number;
  readonly #size: number;
  readonly #members: MemberMoments[];

  /**
   * @param environments of each member
   * @param observation elements of an observation
   */
  constructor(members: number, environments: number, observation: number, gamma: number) {
    this.#gamma = gamma;
    this.#size = observation;
    this.#members = Array.from({ length: members }, () => ({
      observation: new RunningMoments(observation),
      discountedReturn: new RunningMoments(1),
      running: new Float64Array(environments),
    }));
  }

  /** õ of raw observations, [members, …, observation]. */
  observations(raw: Observations): Float32Array {
    const normalised = new Float32Array(raw.length);
    for (const [member, { observation }] of this.#members.entries()) {
      const [from, to] = [raw, normalised].map((all) => memberPart(all, this.#members.length, member));
      const scale = observation.variance.map((variance) => Math.sqrt(variance + EPSILON));
      for (let i = 0; i < from!.length; i++) {
        const k = i % this.#size;
        to![i] = clip((from![i]! - observation.mean[k]!) / scale[k]!);
      }
    }
    return normalised;
  }

  /** The roll-out with õ and r̃; the statistics of G take it in, those of observations stay. */
  rollout(raw: Batch<Observations>): Batch {
    const reward = new Float32Array(raw.reward.length);
    for (const [member, moments] of this.#members.entries()) {
      const own = (all: Float32Array) => memberPart(all, raw.members, member);
      moments.discountedReturn.add(
        discountedReturns(own(raw.reward), own(raw.first), moments.running, this.#gamma),
      );
      const scale = Math.sqrt(moments.discountedReturn.variance[0]! + EPSILON);
      own(reward).set(own(raw.reward).map((r) => clip(r / scale)));
    }
    return {
      ...raw,
      observation: this.observations(raw.observation),
      nextObservation: this.observations(raw.nextObservation),
      reward,
    };
  }

  /** Takes the roll-out's observations in. */
  observe(raw: Batch<Observations>): void {
    for (const [member, { observation }] of this.#members.entries()) {
      observation.add(memberPart(raw.observation, raw.members, member));
    }
  }

  /** One member's statistics. */
  save(member: number): Record<string, NamedArray> {
    const { observation, discountedReturn, running } = this.#members[member]!;
    return {
      'normalisation.observation': observation.save(),
      'normalisation.return': discountedReturn.save(),
      'normalisation.running_return': { shape: [running.length], data: running.slice() },
    };
  }

  /** Takes over what `save` gave. Throws a RangeError where a value is out of its range. */
  load(member: number, arrays: Record<string, NamedArray>): void {
    const { observation, discountedReturn, running } = this.#members[member]!;
    observation.load(arrays['normalisation.observation']!.data);
    discountedReturn.load(arrays['normalisation.return']!.data);
    running.set(arrays['normalisation.running_return']!.data);
  }
}

const clip = (x: number) => Math.max(-LARGEST, Math.min(LARGEST, x));

/**
 * G at every step of a roll-out.
 *
 * @param reward [environments, time], as `first`, 1 where a step starts an episode
 * @param running G before the roll-out, [environments]: left as it is after it
 */
function discountedReturns(
  reward: Float32Array,
  first: Float32Array,
  running: Float64Array,
  gamma: number,
): Float64Array {
  const time = reward.length / running.length;
  return Float64Array.from(reward, (r, i) => {
    const environment = Math.floor(i / time);
    running[environment] = r + gamma * (1 - first[i]!) * running[environment]!;
    return running[environment]!;
  });
}

import type { RandomStream } from '../random/stream.ts';
import type { Actions } from './actions.ts';
import { memberPart } from './member-part.ts';

/**
 * Which policy acts: the weights being trained, or what evaluation plays, their slow moving average. A method that searches
 * when it plays (TD-MPC, MuZero) plays `online` greedily without its search.
 */
export type PolicyName = 'online' | 'average';

/** How actions are chosen: by sampling, as experience is collected, or the best, as an evaluation plays. */
export type ActingMode = 'sampled' | 'greedy';

/**
 * Independent numbers of one distribution, so many for each environment: standard Gumbel, N(0, 1), the same within ±2,
 * uniform in [0, 1), or logarithms of gamma variates.
 */
export interface Noise {
  distribution: 'gumbel' | 'normal' | 'truncated-normal' | 'uniform' | 'log-gamma';
  size: number;
  /** α of the gamma variates; default: 1. */
  shape?: number;
}

/** What an agent acts on. */
export interface Situation {
  /** Raw units: [members, environments, observation] */
  observations: Float32Array;
  /** What the agent gave at the step before, zero where an episode starts: [members, environments, carry] */
  carry: Float32Array;
  /** What the agent asks for in this mode, one noise after the other: [members, environments, sum of sizes] */
  noise: Float32Array;
}

/** What an agent does. The arrays are the caller's. */
export interface Decision {
  /** [members, environments, actionSize] */
  actions: Actions;
  /** [members, environments, carry] */
  carry: Float32Array;
}

/** How an agent acts, for all members side by side: a function of what it is given and of its weights. */
export interface Actor {
  /** Numbers that the agent carries from step to step in each environment (recurrent state, a plan); 0 without memory. */
  readonly carrySize: number;
  /** The noise that each mode needs. */
  readonly noise: Readonly<Record<ActingMode, readonly Noise[]>>;
  /** Trajectories that a decision in one environment imagines without noise; absent: none. */
  readonly trajectories?: number;
  act(situation: Situation, policy: PolicyName, mode: ActingMode): Promise<Decision>;
}

/** Fills `out` with a noise's numbers. */
export function fillNoise(
  random: RandomStream,
  { distribution, shape = 1 }: Noise,
  out: Float32Array,
): Float32Array {
  if (distribution === 'gumbel') return random.fillGumbel(out);
  if (distribution === 'log-gamma') return random.fillLogGamma(out, shape);
  if (distribution === 'truncated-normal') return random.fillTruncatedNormal(out);
  return distribution === 'normal' ? random.fillNormal(out) : random.fillUniform(out);
}

/** Fills `out` with some noises one after the other, over and over. */
export function fillNoises(random: RandomStream, noises: readonly Noise[], out: Float32Array): void {
  for (let at = 0; at < out.length; ) {
    for (const noise of noises) {
      fillNoise(random, noise, out.subarray(at, at + noise.size));
      at += noise.size;
    }
  }
}

/** Numbers of some noises together. */
export const noiseSize = (noises: readonly Noise[]): number =>
  noises.reduce((sum, { size }) => sum + size, 0);

/**
 * Acts in a row of environments step after step: draws the noise, and keeps what the agent carries.
 *
 * Each member's noise comes from its own stream, environment by environment, however many members there are.
 */
export class ActingLoop {
  /** [members, environments, carry] */
  readonly carry: Float32Array;
  readonly carrySize: number;
  readonly #actor: Actor;
  readonly #mode: ActingMode;
  readonly #policy: PolicyName;
  readonly #members: number;
  /** Environments of all members. */
  readonly #count: number;
  readonly #noise: Float32Array;
  /** The environments that are decided for, indices into members × environments; undefined: all. */
  #kept: readonly number[] | undefined;

  /** @param environments of each member */
  constructor(actor: Actor, policy: PolicyName, mode: ActingMode, members: number, environments: number) {
    this.#actor = actor;
    this.#mode = mode;
    this.#policy = policy;
    this.#members = members;
    this.#count = members * environments;
    this.carrySize = actor.carrySize;
    this.carry = new Float32Array(this.#count * this.carrySize);
    this.#noise = new Float32Array(this.#count * noiseSize(actor.noise[mode]));
  }

  /**
   * The actions of the next step; 0 where it is not decided for an environment.
   *
   * @param observations [members, environments, observation]
   * @param streams each member's, for noise
   */
  async act(observations: Float32Array, streams: readonly RandomStream[]): Promise<Actions> {
    for (const [member, random] of streams.entries()) this.#draw(random, member);
    const kept = this.#kept;
    const given = (all: Float32Array) => (kept ? takeRows(all, this.#count, kept) : all);
    const situation = {
      observations: given(observations),
      carry: given(this.carry),
      noise: given(this.#noise),
    };
    const { actions, carry } = await this.#actor.act(situation, this.#policy, this.#mode);
    if (!kept) {
      this.carry.set(carry);
      return actions;
    }
    putRows(carry, kept, this.carry);
    const width = actions.length / kept.length;
    const all =
      actions instanceof Int32Array ? new Int32Array(this.#count) : new Float32Array(this.#count * width);
    putRows(actions, kept, all);
    return all;
  }

  /**
   * Decides for some environments alone from now on, which saves the work for the others; every environment's noise stays
   * what it would have been.
   *
   * @param kept indices into members × environments, in that order, of each member equally many
   */
  keep(kept: readonly number[]): void {
    this.#kept = kept;
  }

  /** Forgets what is carried in one environment, an index into members × environments: its next step starts an episode. */
  forget(index: number): void {
    this.carry.fill(0, index * this.carrySize, (index + 1) * this.carrySize);
  }

  #draw(random: RandomStream, member: number): void {
    fillNoises(random, this.#actor.noise[this.#mode], memberPart(this.#noise, this.#members, member));
  }
}

/** Some rows of so many in an array, one after the other. */
function takeRows(all: Float32Array, count: number, rows: readonly number[]): Float32Array {
  const width = all.length / count;
  const taken = new Float32Array(rows.length * width);
  for (const [i, row] of rows.entries()) taken.set(all.subarray(row * width, (row + 1) * width), i * width);
  return taken;
}

/** Writes rows that lie one after the other where they belong in an array. */
function putRows(taken: Actions, rows: readonly number[], all: Actions): void {
  const width = taken.length / rows.length;
  for (const [i, row] of rows.entries()) all.set(taken.subarray(i * width, (i + 1) * width), row * width);
}

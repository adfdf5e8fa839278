import { actionSize, type Space } from '../envs/spaces.ts';
import type { RandomStream } from '../random/stream.ts';
import { type Actions, emptyActions } from './actions.ts';
import type { NamedArray } from './state.ts';

/** What fixes the arrays of a step. */
export interface StepSpaces {
  /** Elements of an observation. */
  observation: number;
  actionSpace: Space;
}

/** Windows of experience of all members, raw units, row-major. */
export interface Batch {
  members: number;
  /** Windows per member. */
  batch: number;
  /** Steps per window. */
  time: number;
  /** o: [members, batch, time, observation] */
  observation: Float32Array;
  /** o′: [members, batch, time, observation] */
  nextObservation: Float32Array;
  /** [members, batch, time, actionSize]: indices of choices, or numbers in a box */
  action: Actions;
  /** [members, batch, time] each */
  reward: Float32Array;
  /** 1 where o′ is terminal; a truncation is not a termination. */
  terminated: Float32Array;
  /** 1 where o starts an episode. */
  first: Float32Array;
}

/** Whole trajectories: a batch with a mask. Those of one member, and the held-out set, have a members axis of length 1. */
export interface Sequences extends Batch {
  /** 1 where a step was really taken: [members, batch, time] */
  mask: Float32Array;
}

/** The arrays of a batch, in the order in which a checkpoint has those of a roll-out. */
export const BATCH_FIELDS = [
  'observation',
  'nextObservation',
  'action',
  'reward',
  'terminated',
  'first',
] as const satisfies readonly (keyof Batch)[];

/** A batch of these extents, all zero. */
export function emptyBatch(members: number, batch: number, time: number, spaces: StepSpaces): Batch {
  const steps = members * batch * time;
  return {
    members,
    batch,
    time,
    observation: new Float32Array(steps * spaces.observation),
    nextObservation: new Float32Array(steps * spaces.observation),
    action: emptyActions(spaces.actionSpace, steps),
    reward: new Float32Array(steps),
    terminated: new Float32Array(steps),
    first: new Float32Array(steps),
  };
}

/**
 * Puts the sequences of several members side by side, all padded at their ends to the longest, with mask 0 there.
 *
 * @param each sequences of one member each, as many of every member
 */
export function stackSequences(each: readonly Sequences[], spaces: StepSpaces): Sequences {
  const { batch } = each[0]!;
  const time = Math.max(...each.map((sequences) => sequences.time));
  const steps = each.length * batch * time;
  const stacked = { ...emptyBatch(each.length, batch, time, spaces), mask: new Float32Array(steps) };
  for (const [member, sequences] of each.entries()) {
    for (let b = 0; b < batch; b++) {
      const from = b * sequences.time;
      const to = (member * batch + b) * time;
      for (const field of [...BATCH_FIELDS, 'mask'] as const) {
        const width = stacked[field].length / steps;
        const own = sequences[field].subarray(from * width, (from + sequences.time) * width);
        stacked[field].set(own, to * width);
      }
    }
  }
  return stacked;
}

/** One transition of one member. */
export interface Transition {
  observation: ArrayLike<number>;
  /** [actionSize] */
  action: ArrayLike<number>;
  reward: number;
  nextObservation: ArrayLike<number>;
  terminated: boolean;
  first: boolean;
}

/**
 * The experience of one member: a flat stream of transitions in the order they happened, the oldest overwritten once
 * `capacity` is reached. Windows may cross episodes; `first` says where.
 */
export class Replay {
  readonly capacity: number;
  readonly observationSize: number;
  readonly actionSize: number;
  /** Transitions ever added; the newest stands at (added − 1) mod capacity. */
  #added = 0;
  readonly #observation: Float32Array;
  readonly #nextObservation: Float32Array;
  readonly #action: Actions;
  readonly #reward: Float32Array;
  readonly #terminated: Uint8Array;
  readonly #first: Uint8Array;

  constructor(capacity: number, { observation, actionSpace }: StepSpaces) {
    this.capacity = capacity;
    this.observationSize = observation;
    this.actionSize = actionSize(actionSpace);
    this.#observation = new Float32Array(capacity * observation);
    this.#nextObservation = new Float32Array(capacity * observation);
    this.#action = emptyActions(actionSpace, capacity);
    this.#reward = new Float32Array(capacity);
    this.#terminated = new Uint8Array(capacity);
    this.#first = new Uint8Array(capacity);
  }

  /** Transitions held, 0 to capacity. */
  get size(): number {
    return Math.min(this.#added, this.capacity);
  }

  add(transition: Transition): void {
    const at = this.#added % this.capacity;
    this.#observation.set(transition.observation, at * this.observationSize);
    this.#nextObservation.set(transition.nextObservation, at * this.observationSize);
    this.#action.set(transition.action, at * this.actionSize);
    this.#reward[at] = transition.reward;
    this.#terminated[at] = Number(transition.terminated);
    this.#first[at] = Number(transition.first);
    this.#added++;
  }

  /**
   * Writes `batch.batch` windows of `batch.time` consecutive steps into one member's part of the batch, their starts
   * uniform over all windows held. Throws a RangeError if fewer steps than one window are held.
   */
  sample(random: RandomStream, batch: Batch, member: number): void {
    const windows = this.size - batch.time + 1;
    if (windows < 1)
      throw new RangeError(`replay holds ${this.size} steps, fewer than a window of ${batch.time}`);
    const oldest = this.#added - this.size;
    let row = member * batch.batch * batch.time;
    for (let window = 0; window < batch.batch; window++) {
      const start = oldest + random.integer(windows);
      for (let t = 0; t < batch.time; t++) this.#copy((start + t) % this.capacity, batch, row++);
    }
  }

  #copy(at: number, batch: Batch, row: number): void {
    const n = this.observationSize;
    for (let i = 0; i < n; i++) {
      batch.observation[row * n + i] = this.#observation[at * n + i]!;
      batch.nextObservation[row * n + i] = this.#nextObservation[at * n + i]!;
    }
    const a = this.actionSize;
    for (let i = 0; i < a; i++) batch.action[row * a + i] = this.#action[at * a + i]!;
    batch.reward[row] = this.#reward[at]!;
    batch.terminated[row] = this.#terminated[at]!;
    batch.first[row] = this.#first[at]!;
  }

  /** The part in use, for a checkpoint. The arrays are views: write them before the replay changes. */
  save(): Record<string, NamedArray> {
    const rows = this.size;
    const observations = [rows, this.observationSize];
    const end = rows * this.observationSize;
    return {
      'replay.added': { shape: [1], data: Float64Array.of(this.#added) },
      'replay.observation': { shape: observations, data: this.#observation.subarray(0, end) },
      'replay.next_observation': { shape: observations, data: this.#nextObservation.subarray(0, end) },
      'replay.action': {
        shape: this.#action instanceof Int32Array ? [rows] : [rows, this.actionSize],
        data: this.#action.subarray(0, rows * this.actionSize),
      },
      'replay.reward': { shape: [rows], data: this.#reward.subarray(0, rows) },
      'replay.terminated': { shape: [rows], data: this.#terminated.subarray(0, rows) },
      'replay.first': { shape: [rows], data: this.#first.subarray(0, rows) },
    };
  }

  /** Takes over what `save` gave. Throws a RangeError where its values contradict each other. */
  load(arrays: Record<string, NamedArray>): void {
    const added = arrays['replay.added']!.data[0]!;
    const rows = Math.min(added, this.capacity);
    for (const name of ['observation', 'next_observation', 'action', 'reward', 'terminated', 'first']) {
      const found = arrays[`replay.${name}`]!.shape[0];
      if (!Number.isSafeInteger(added) || found !== rows) {
        throw new RangeError(`replay.${name} has ${found} rows of ${added} transitions added`);
      }
    }
    this.#added = added;
    this.#observation.set(arrays['replay.observation']!.data);
    this.#nextObservation.set(arrays['replay.next_observation']!.data);
    this.#action.set(arrays['replay.action']!.data);
    this.#reward.set(arrays['replay.reward']!.data);
    this.#terminated.set(arrays['replay.terminated']!.data);
    this.#first.set(arrays['replay.first']!.data);
  }
}

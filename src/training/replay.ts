import { actionSize, type Space } from '../envs/spaces.ts';
import type { RandomStream } from '../random/stream.ts';
import { type Actions, actionColumn, emptyActions } from './actions.ts';
import {
  emptyObservations,
  type ObservationForm,
  type Observations,
  observationColumn,
} from './observations.ts';
import { flags, numbers, Ring } from './ring.ts';
import type { NamedArray } from './state.ts';
import { Successors } from './successors.ts';

/** What fixes the arrays of a step. */
export interface StepSpaces extends ObservationForm {
  actionSpace: Space;
}

/** Windows of experience of all members, raw units, row-major. */
export interface Batch<Kept extends Observations = Float32Array> {
  members: number;
  /** Windows per member. */
  batch: number;
  /** Steps per window. */
  time: number;
  /** o: [members, batch, time, observation] */
  observation: Kept;
  /** o′: [members, batch, time, observation] */
  nextObservation: Kept;
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
export interface Sequences extends Batch<Observations> {
  /** 1 where a step was really taken: [members, batch, time] */
  mask: Float32Array;
}

/** The first observation of each of one member's trajectories, one after the other: [batch × observation]. */
export const firstObservations = ({ observation, batch, time }: Sequences, size: number): number[] =>
  Array.from({ length: batch }, (_, i) => [
    ...observation.subarray(i * time * size, i * time * size + size),
  ]).flat();

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
export const emptyBatch = (members: number, batch: number, time: number, spaces: StepSpaces): Batch =>
  zeros(members, batch, time, spaces, (steps) => new Float32Array(steps * spaces.observation));

/** The same of what is kept for long: observations that are bytes as such. */
export const compactBatch = (
  members: number,
  batch: number,
  time: number,
  spaces: StepSpaces,
): Batch<Observations> => zeros(members, batch, time, spaces, (steps) => emptyObservations(spaces, steps));

function zeros<Kept extends Observations>(
  members: number,
  batch: number,
  time: number,
  spaces: StepSpaces,
  observations: (steps: number) => Kept,
): Batch<Kept> {
  const steps = members * batch * time;
  return {
    members,
    batch,
    time,
    observation: observations(steps),
    nextObservation: observations(steps),
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
  const stacked = { ...compactBatch(each.length, batch, time, spaces), mask: new Float32Array(steps) };
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

/** The first sequences, and of these the first steps. */
export function firstOf(sequences: Sequences, batch: number, steps: number, spaces: StepSpaces): Sequences {
  const [rows, time] = [Math.min(batch, sequences.batch), Math.min(steps, sequences.time)];
  const cut = { ...compactBatch(1, rows, time, spaces), mask: new Float32Array(rows * time) };
  for (let b = 0; b < rows; b++) {
    for (const field of [...BATCH_FIELDS, 'mask'] as const) {
      const width = cut[field].length / (rows * time);
      const from = b * sequences.time * width;
      cut[field].set(sequences[field].subarray(from, from + time * width), b * time * width);
    }
  }
  return cut;
}

/** Some of one member's sequences: those from one on, the last excluded. Views, no copies. */
export function rowsOf(sequences: Sequences, from: number, to: number): Sequences {
  const { batch } = sequences;
  const cut = <Kept extends Observations | Actions>(values: Kept): Kept => {
    const width = values.length / batch;
    return values.subarray(from * width, to * width) as Kept;
  };
  return {
    members: 1,
    batch: to - from,
    time: sequences.time,
    observation: cut(sequences.observation),
    nextObservation: cut(sequences.nextObservation),
    action: cut(sequences.action),
    reward: cut(sequences.reward),
    terminated: cut(sequences.terminated),
    first: cut(sequences.first),
    mask: cut(sequences.mask),
  };
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

/** The columns of a replay, by their names in a checkpoint; of a batch, the arrays that they fill. */
const COLUMNS = {
  observation: 'observation',
  next_observation: 'nextObservation',
  action: 'action',
  reward: 'reward',
  terminated: 'terminated',
  first: 'first',
} as const satisfies Record<string, (typeof BATCH_FIELDS)[number]>;
type ColumnName = keyof typeof COLUMNS;

/**
 * The experience of one member: a flat stream of transitions in the order they happened, the oldest overwritten once
 * `capacity` is reached. Windows may cross episodes; `first` says where. Images are kept once each (see `Successors`).
 */
export class Replay {
  readonly observationSize: number;
  readonly actionSize: number;
  readonly #ring: Ring<ColumnName>;
  /** Where observations are bytes, in place of the column of the next ones. */
  readonly #successors: Successors | undefined;

  constructor(capacity: number, spaces: StepSpaces) {
    const { observation, actionSpace, bytes } = spaces;
    this.observationSize = observation;
    this.actionSize = actionSize(actionSpace);
    this.#successors = bytes ? new Successors(observation) : undefined;
    this.#ring = new Ring<ColumnName>(capacity, {
      observation: observationColumn(spaces),
      ...(!bytes && { next_observation: observationColumn(spaces) }),
      action: actionColumn(actionSpace),
      reward: numbers,
      terminated: flags,
      first: flags,
    });
  }

  /** Transitions held, 0 to capacity. */
  get size(): number {
    return this.#ring.size;
  }

  add(transition: Transition): void {
    const { observation, nextObservation } = transition;
    this.#ring.add({
      observation,
      next_observation: transition.nextObservation,
      action: transition.action,
      reward: transition.reward,
      terminated: Number(transition.terminated),
      first: Number(transition.first),
    });
    this.#successors?.add(this.#ring.newest, this.#ring.oldest, observation, nextObservation);
  }

  /**
   * Writes `batch.batch` windows of `batch.time` consecutive steps into one member's part of the batch, their starts
   * uniform over all windows held. Throws a RangeError if fewer steps than one window are held.
   */
  sample(random: RandomStream, batch: Batch, member: number): void {
    const { batch: windows, time } = batch;
    for (let window = member * windows; window < (member + 1) * windows; window++) {
      this.read(this.#ring.windowStart(random, time), batch, window);
    }
  }

  /** Number of the oldest transition held, counted from the first one ever added. */
  get oldest(): number {
    return this.#ring.oldest;
  }

  /** Writes the consecutive steps from one on, by its number, into a window of the batch: an index into members × windows. */
  read(start: number, batch: Batch, window: number): void {
    const { time } = batch;
    for (const [column, field] of FILLED) {
      if (field === 'nextObservation' && this.#successors) {
        this.#readNext(this.#successors, start, batch, window * time);
      } else this.#ring.read(column, start, time, batch[field], window * time);
    }
  }

  /** Writes the observations after so many consecutive steps into the batch's rows from one on. */
  #readNext(successors: Successors, start: number, { time, nextObservation }: Batch, to: number): void {
    for (let t = 0; t < time; t++) {
      const kept = successors.of(start + t);
      if (kept) nextObservation.set(kept, (to + t) * this.observationSize);
      else this.#ring.read('observation', start + t + 1, 1, nextObservation, to + t);
    }
  }

  /** One field of all transitions held, raw units, in no particular order: a view of [size, numbers]. Next images have none. */
  values(field: (typeof BATCH_FIELDS)[number]): ArrayLike<number> {
    return this.#ring.values(COLUMN_OF[field]);
  }

  /** The part in use, for a checkpoint. The arrays are views: write them before the replay changes. */
  save(): Record<string, NamedArray> {
    return { ...this.#ring.save(), ...this.#successors?.save() };
  }

  /** Takes over what `save` gave. Throws a RangeError where its values contradict each other. */
  load(arrays: Record<string, NamedArray>): void {
    this.#ring.load(arrays);
    this.#successors?.load(arrays, this.#ring.oldest, this.#ring.newest);
  }
}

const FILLED = Object.entries(COLUMNS) as [ColumnName, (typeof BATCH_FIELDS)[number]][];
const COLUMN_OF = Object.fromEntries(FILLED.map(([column, field]) => [field, column])) as Record<
  (typeof BATCH_FIELDS)[number],
  ColumnName
>;

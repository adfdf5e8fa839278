import type { RandomStream } from '../../random/stream.ts';
import { type Actions, actionColumn, emptyActions, requireActions } from '../../training/actions.ts';
import type { AgentState } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Step } from '../../training/environment-steps.ts';
import { observationColumn } from '../../training/observations.ts';
import { importanceWeights, Priorities } from '../../training/priorities.ts';
import type { Experience } from '../../training/replay-learner.ts';
import { flags, numbers, Ring, vectors } from '../../training/ring.ts';
import { type Schedule, scheduleAt } from '../../training/schedule.ts';
import { windowLength } from './settings.ts';
import { shrunkReturnSteps, windowTargets } from './targets.ts';

/** What is learnt from a window of experience; the config keys of the same names describe them. */
export interface UnrollSettings {
  gamma: number;
  unroll: number;
  returns: { steps: number; bootstrap: 'average' | 'search'; shrinkEvery: number };
  replay: {
    capacity: number;
    batch: number;
    prioritised: boolean;
    alpha: number;
    beta: Schedule;
  };
}

/**
 * Windows of K + 1 states of all members with what each is trained towards, row-major: observations in raw units, rewards and
 * values in units of `AgentSpaces.rewardScale`.
 */
export interface UnrolledBatch {
  members: number;
  /** Windows per member. */
  batch: number;
  /** K + 1 */
  states: number;
  /** o of each state, 0 where none was observed: [members, batch, states, observation] */
  observation: Float32Array;
  /** Of the state whose value follows each: [members, batch, states, observation] */
  bootstrap: Float32Array;
  /** γ^m, 0 where no value follows: [members, batch, states] */
  discount: Float32Array;
  /** What was received before that, with a value that the search had found: [members, batch, states] */
  received: Float32Array;
  valueKnown: Float32Array;
  /** What the search found: [members, batch, states, choices] */
  policy: Float32Array;
  /** 1 where a state was acted in: [members, batch, states] */
  acted: Float32Array;
  /** Of the step into a state, unknown of the first: [members, batch, states] each */
  reward: Float32Array;
  rewardKnown: Float32Array;
  /** 0 from a termination on, else 1: [members, batch, states] */
  goesOn: Float32Array;
  /** 1 where a state was observed: [members, batch, states] */
  observed: Float32Array;
  /** From each state to the next, any past an end: [members, batch, states − 1] */
  action: Actions;
  /** Importance of each window: [members, batch] */
  weight: Float32Array;
  /** v − z of the first states, written by an update: [members, batch] */
  error: Float32Array;
  /** How many of each member's first windows have a policy that an update has searched for anew. */
  searched: number;
}

const COLUMNS = ['observation', 'next_observation', 'action', 'reward', 'terminated', 'first'] as const;
/** The targets that a batch has as they are. */
const COPIED = ['acted', 'observed', 'valueKnown', 'reward', 'rewardKnown', 'goesOn', 'received'] as const;
type ColumnName = (typeof COLUMNS)[number] | 'policy' | 'root_value';

/**
 * Experience as steps with what the search found there: a policy over the choices and the root's value, which the agent
 * carries on from the step. Where it acted at random the policy is uniform, and the value 0.
 */
export class SearchedSteps implements Experience<UnrolledBatch> {
  readonly #spaces: AgentSpaces;
  readonly #settings: UnrollSettings;
  /** Steps of a window: its states, and those that returns look ahead. */
  readonly #length: number;
  readonly #rings: readonly Ring<ColumnName>[];
  /** Of each member, where replay is prioritised. */
  readonly #priorities: readonly Priorities[];
  readonly #batch: UnrolledBatch;
  /** Number of the step at which each window of the batch starts: [members, batch] */
  readonly #starts: Float64Array;
  readonly #window: Record<'reward' | 'terminated' | 'first', Float32Array>;
  readonly #rootValue = new Float32Array(1);

  constructor(members: number, settings: UnrollSettings, spaces: AgentSpaces) {
    const { unroll, replay } = settings;
    this.#spaces = spaces;
    this.#settings = settings;
    this.#length = windowLength(settings);
    this.#rings = Array.from(
      { length: members },
      () =>
        new Ring(replay.capacity, {
          observation: observationColumn(spaces),
          next_observation: observationColumn(spaces),
          action: actionColumn(spaces.actionSpace),
          reward: numbers,
          terminated: flags,
          first: flags,
          policy: vectors(spaces.actions),
          root_value: numbers,
        }),
    );
    this.#priorities = replay.prioritised
      ? this.#rings.map(() => new Priorities(replay.capacity, replay))
      : [];
    this.#batch = emptyBatch(members, replay.batch, unroll + 1, spaces);
    this.#starts = new Float64Array(members * replay.batch);
    const numbersOfWindow = () => new Float32Array(this.#length);
    this.#window = { reward: numbersOfWindow(), terminated: numbersOfWindow(), first: numbersOfWindow() };
  }

  remember({ observation, nextObservation, action, reward, terminated, first, carry }: Step): void {
    const { observation: size } = this.#spaces;
    const carried = this.#spaces.actions + 1;
    for (const [member, ring] of this.#rings.entries()) {
      const found = carry.subarray(member * carried, (member + 1) * carried);
      const policy = found.subarray(0, this.#spaces.actions);
      const isSearched = policy.some((p) => p > 0);
      ring.add({
        observation: observation.subarray(member * size, (member + 1) * size),
        next_observation: nextObservation.subarray(member * size, (member + 1) * size),
        action: action.subarray(member, member + 1),
        reward: reward[member]!,
        terminated: terminated[member]!,
        first: first[member]!,
        policy: isSearched ? policy : new Float32Array(this.#spaces.actions).fill(1 / this.#spaces.actions),
        root_value: isSearched ? found[this.#spaces.actions]! : 0,
      });
      this.#prioritise(member);
    }
  }

  /** Makes the newest window one that may be drawn, and what the newest step has overwritten none. */
  #prioritise(member: number): void {
    const ring = this.#rings[member]!;
    const priorities = this.#priorities[member];
    const added = ring.oldest + ring.size;
    priorities?.remove((added - 1) % ring.capacity);
    if (ring.size >= this.#length) priorities?.add((added - this.#length) % ring.capacity);
  }

  sample(randoms: readonly RandomStream[]): UnrolledBatch {
    const { batch } = this.#batch;
    for (const member of this.#rings.keys()) {
      const random = randoms[member]!;
      const starts = this.#starts.subarray(member * batch, (member + 1) * batch);
      this.#draw(member, random, starts);
      for (const [i, start] of starts.entries()) this.#read(member, member * batch + i, start, random);
    }
    return this.#batch;
  }

  /** Draws where windows start, and what each weighs. */
  #draw(member: number, random: RandomStream, starts: Float64Array): void {
    const ring = this.#rings[member]!;
    const priorities = this.#priorities[member];
    const weight = this.#batch.weight.subarray(member * starts.length, (member + 1) * starts.length);
    if (!priorities) {
      for (const i of starts.keys()) starts[i] = ring.windowStart(random, this.#length);
      weight.fill(1);
      return;
    }
    const windows = ring.size - this.#length + 1;
    if (windows < 1) throw new RangeError(`replay holds fewer steps than a window of ${this.#length}`);
    const slots = Array.from(starts, () => priorities.find(random.uniform()));
    const from = ring.oldest % ring.capacity;
    for (const [i, slot] of slots.entries()) {
      starts[i] = ring.oldest + ((slot - from + ring.capacity) % ring.capacity);
    }
    const probabilities = slots.map((slot) => priorities.probability(slot));
    const beta = scheduleAt(this.#settings.replay.beta, ring.oldest + ring.size);
    weight.set(importanceWeights(probabilities, windows, beta));
  }

  #read(member: number, window: number, start: number, random: RandomStream): void {
    const { gamma, unroll, returns } = this.#settings;
    const ring = this.#rings[member]!;
    const batch = this.#batch;
    for (const name of ['reward', 'terminated', 'first'] as const) {
      ring.read(name, start, this.#length, this.#window[name], 0);
    }
    for (const i of this.#window.reward.keys()) this.#window.reward[i]! /= this.#spaces.rewardScale;
    const age = ring.oldest + ring.size - start;
    const steps = shrunkReturnSteps(returns.steps, age, returns.shrinkEvery);
    const isAverage = returns.bootstrap === 'average';
    const targets = windowTargets(this.#window, unroll, steps, gamma, isAverage);
    const states = unroll + 1;
    const from = window * states;
    for (const name of COPIED) batch[name].set(targets[name], from);
    batch.discount.set(targets.discount, from);
    for (let k = 0; k < states; k++) {
      const at = from + k;
      this.#observe(ring, start, k, targets.end, batch.observation, at);
      if (targets.acted[k]) ring.read('policy', start + k, 1, batch.policy, at);
      else batch.policy.fill(0, at * this.#spaces.actions, (at + 1) * this.#spaces.actions);
      const value = targets.bootstrap[k]!;
      if (isAverage) {
        this.#observe(
          ring,
          start,
          value < 0 ? Number.POSITIVE_INFINITY : value,
          targets.end,
          batch.bootstrap,
          at,
        );
      } else if (value >= 0) {
        ring.read('root_value', start + value, 1, this.#rootValue, 0);
        batch.received[at]! += targets.discount[k]! * this.#rootValue[0]!;
        batch.discount[at] = 0;
      }
    }
    for (let k = 0; k < unroll; k++) {
      const at = window * unroll + k;
      if (targets.acted[k]) ring.read('action', start + k, 1, batch.action, at);
      else batch.action[at] = random.integer(this.#spaces.actions);
    }
  }

  /** Copies what was observed k steps after the start of a window, 0 past the end of its episode. */
  #observe(
    ring: Ring<ColumnName>,
    start: number,
    k: number,
    end: number,
    out: Float32Array,
    to: number,
  ): void {
    const { observation: size } = this.#spaces;
    if (k < end) ring.read('observation', start + k, 1, out, to);
    else if (k === end) ring.read('next_observation', start + end - 1, 1, out, to);
    else out.fill(0, to * size, (to + 1) * size);
  }

  /** Takes over the priorities of windows, and policies that were searched for anew. */
  revise(batch: UnrolledBatch): void {
    for (const [window, start] of this.#starts.entries()) {
      const member = Math.floor(window / batch.batch);
      const ring = this.#rings[member]!;
      this.#priorities[member]?.set(start % ring.capacity, batch.error[window]!);
      if (window % batch.batch >= batch.searched) continue;
      for (let k = 0; k < batch.states; k++) {
        const at = window * batch.states + k;
        if (batch.acted[at]) ring.write('policy', start + k, 1, batch.policy, at);
      }
    }
  }

  save(member: number): AgentState['arrays'] {
    const ring = this.#rings[member]!;
    const priorities = this.#priorities[member];
    return {
      ...ring.save(),
      ...(priorities && {
        'replay.priority': { shape: [ring.size], data: priorities.values.slice(0, ring.size) },
        'replay.largest_priority': { shape: [1], data: Float64Array.of(priorities.largest) },
      }),
    };
  }

  load(member: number, arrays: AgentState['arrays']): void {
    requireActions(this.#spaces.actionSpace, arrays['replay.action']!.data);
    this.#rings[member]!.load(arrays);
    const largest = arrays['replay.largest_priority']?.data[0];
    if (largest !== undefined) {
      this.#priorities[member]!.load(arrays['replay.priority']!.data, largest);
    }
  }
}

function emptyBatch(
  members: number,
  batch: number,
  states: number,
  { observation, actionSpace, actions }: AgentSpaces,
): UnrolledBatch {
  const count = members * batch * states;
  const ofStates = () => new Float32Array(count);
  const observations = () => new Float32Array(count * observation);
  return {
    ...{ members, batch, states },
    observation: observations(),
    bootstrap: observations(),
    discount: ofStates(),
    received: ofStates(),
    valueKnown: ofStates(),
    policy: new Float32Array(count * actions),
    acted: ofStates(),
    reward: ofStates(),
    rewardKnown: ofStates(),
    goesOn: ofStates(),
    observed: ofStates(),
    action: emptyActions(actionSpace, members * batch * (states - 1)),
    weight: new Float32Array(members * batch),
    error: new Float32Array(members * batch),
    searched: 0,
  };
}

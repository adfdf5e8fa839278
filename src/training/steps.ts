import * as tf from '@tensorflow/tfjs-core';
import type { EnvironmentEntry } from '../envs/index.ts';
import type { RandomStream } from '../random/stream.ts';
import { type Actions, actionColumn, emptyActions, requireActions } from './actions.ts';
import type { AgentState } from './agent.ts';
import { agentSpaces } from './agent-spaces.ts';
import type { Step } from './environment-steps.ts';
import { observationColumn } from './observations.ts';
import type { StackedTerms } from './pending-terms.ts';
import type { StepSpaces } from './replay.ts';
import { type Experience, type LearningActor, ReplayLearner, type ReplaySettings } from './replay-learner.ts';
import { flags, numbers, Ring, vectors } from './ring.ts';
import type { TrainingState } from './training-state.ts';

/**
 * Windows of steps of all members, raw units, row-major. A step is an observation with what led to it: an episode of n
 * actions has n + 1 of them.
 */
export interface StepBatch {
  members: number;
  /** Windows per member. */
  batch: number;
  /** Steps per window. */
  time: number;
  /** [members, batch, time, observation] */
  observation: Float32Array;
  /** a_{t−1}, of no meaning where an episode starts: [members, batch, time, actionSize] */
  action: Actions;
  /** Received on arriving; 0 where an episode starts: [members, batch, time] */
  reward: Float32Array;
  /** 1 where the step starts an episode: [members, batch, time] */
  first: Float32Array;
  /** 1 where it ends one, either way. */
  last: Float32Array;
  /** 1 where it ends one by termination. */
  terminal: Float32Array;
  /** What the agent remembered of the step before the window: [members, batch, memory] */
  before: Float32Array;
  /** What it is to remember of each step from now on, written by an update: [members, batch, time, memory] */
  memory: Float32Array;
}

/** So many numbers of an agent's carry in an environment. */
export interface CarryPart {
  from: number;
  size: number;
}

/** Fields that are copied from a ring as they are. */
const COPIED = ['observation', 'reward', 'first', 'last', 'terminal'] as const;
type ColumnName = (typeof COPIED)[number] | 'action' | 'memory';

/**
 * Experience as steps, each with the agent's memory at it: what a window starts from (DreamerV3's stored latents). Acting
 * writes it, zero for random actions, and every update that passes over a step writes it anew.
 *
 * The action that led to a step stands with the step before, so a window takes one step more than it has.
 */
export class Steps implements Experience<StepBatch> {
  readonly #spaces: StepSpaces;
  readonly #memory: CarryPart;
  readonly #rings: readonly Ring<ColumnName>[];
  /** Per member: the reward of arriving at the step to come. */
  readonly #arriving: Float32Array;
  readonly #batch: StepBatch;
  /** The row before each window of the batch: [members, batch] */
  readonly #contexts: Float64Array;

  /** @param memory what of the agent's carry a step is remembered by */
  constructor(
    members: number,
    { capacity, batch, length = 1 }: ReplaySettings['replay'],
    spaces: StepSpaces,
    memory: CarryPart,
  ) {
    const { actionSpace } = spaces;
    this.#spaces = spaces;
    this.#memory = memory;
    this.#arriving = new Float32Array(members);
    this.#contexts = new Float64Array(members * batch);
    this.#rings = Array.from(
      { length: members },
      () =>
        new Ring(capacity, {
          observation: observationColumn(spaces),
          action: actionColumn(actionSpace),
          reward: numbers,
          first: flags,
          last: flags,
          terminal: flags,
          memory: vectors(memory.size),
        }),
    );
    this.#batch = emptyStepBatch(members, batch, length, spaces, memory.size);
  }

  remember(step: Step): void {
    const { observation, nextObservation, action, reward, terminated, first, ended, carry } = step;
    const { from, size: remembered } = this.#memory;
    const nothing = new Float32Array(remembered);
    for (const [i, ring] of this.#rings.entries()) {
      const [size, width, carried] = [observation, action, carry].map(
        (x) => x.length / this.#rings.length,
      ) as [number, number, number];
      const own = { action: action.subarray(i * width, (i + 1) * width) };
      ring.add({
        ...own,
        observation: observation.subarray(i * size, (i + 1) * size),
        reward: first[i] ? 0 : this.#arriving[i]!,
        first: first[i]!,
        last: 0,
        terminal: 0,
        memory: carry.subarray(i * carried + from, i * carried + from + remembered),
      });
      this.#arriving[i] = reward[i]!;
      if (!ended[i]) continue;
      // Nobody acts here, and no window that starts after it looks back.
      ring.add({
        ...own,
        observation: nextObservation.subarray(i * size, (i + 1) * size),
        reward: reward[i]!,
        first: 0,
        last: 1,
        terminal: terminated[i]!,
        memory: nothing,
      });
    }
  }

  sample(randoms: readonly RandomStream[]): StepBatch {
    const { batch, time } = this.#batch;
    for (const [member, ring] of this.#rings.entries()) {
      for (let window = member * batch; window < (member + 1) * batch; window++) {
        const context = ring.windowStart(randoms[member]!, time + 1);
        this.#contexts[window] = context;
        const row = window * time;
        ring.read('memory', context, 1, this.#batch.before, window);
        ring.read('action', context, time, this.#batch.action, row);
        for (const name of COPIED) ring.read(name, context + 1, time, this.#batch[name], row);
      }
    }
    return this.#batch;
  }

  revise({ memory, time }: StepBatch): void {
    const windows = this.#contexts.length / this.#rings.length;
    for (const [window, context] of this.#contexts.entries()) {
      const ring = this.#rings[Math.floor(window / windows)]!;
      ring.write('memory', context + 1, time, memory, window * time);
    }
  }

  save(member: number): AgentState['arrays'] {
    return {
      ...this.#rings[member]!.save(),
      'replay.arriving_reward': { shape: [1], data: this.#arriving.slice(member, member + 1) },
    };
  }

  load(member: number, arrays: AgentState['arrays']): void {
    requireActions(this.#spaces.actionSpace, arrays['replay.action']!.data);
    this.#rings[member]!.load(arrays);
    this.#arriving[member] = arrays['replay.arriving_reward']!.data[0]!;
  }
}

function emptyStepBatch(
  members: number,
  batch: number,
  time: number,
  { observation, actionSpace }: StepSpaces,
  memory: number,
): StepBatch {
  const steps = members * batch * time;
  return {
    members,
    batch,
    time,
    observation: new Float32Array(steps * observation),
    action: emptyActions(actionSpace, steps),
    reward: new Float32Array(steps),
    first: new Float32Array(steps),
    last: new Float32Array(steps),
    terminal: new Float32Array(steps),
    before: new Float32Array(members * batch * memory),
    memory: new Float32Array(steps * memory),
  };
}

/**
 * Learning from replayed windows of steps.
 *
 * @param memory what of the agent's carry a step is remembered by
 */
export function learnFromSteps(
  agent: LearningActor<StepBatch>,
  environment: EnvironmentEntry,
  seeds: readonly number[],
  settings: ReplaySettings,
  memory: CarryPart,
): ReplayLearner<StepBatch> {
  const steps = new Steps(seeds.length, settings.replay, agentSpaces(environment), memory);
  return new ReplayLearner(agent, environment, seeds, settings, steps);
}

/**
 * One update of an agent that remembers its states: what its steps are remembered by from now on goes into the batch.
 *
 * @param compute also gives that: [members, batch, time, memory]
 */
export async function updateRemembering<Weights, Stream extends string, Term extends string>(
  state: TrainingState<Weights, Stream, Term>,
  batch: StepBatch,
  compute: (weights: Weights) => {
    weights: Weights;
    terms: StackedTerms<Term>;
    memory: tf.Tensor;
  },
): Promise<void> {
  let memory: tf.Tensor | undefined;
  state.update((weights) => {
    const next = compute(weights);
    memory = tf.keep(next.memory);
    return next;
  });
  batch.memory.set(await memory!.data());
  memory!.dispose();
}

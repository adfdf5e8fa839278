import type { AgentState, Learner, Phases } from '../agent.ts';
import type { Row } from '../events.ts';
import { ReplayLearner, type ReplaySettings } from '../replay-learner.ts';
import type { ActedSteps } from './acted-step.ts';
import { RealTimeTally } from './tally.ts';

/** After how many steps each update was made: what makes learning from recorded steps repeat. */
export interface UpdateRecord {
  /** Steps that an update, counted from 1, was made after; undefined where it is not recorded. */
  stepsBefore(update: number): number | undefined;
  /** Records the next update; called before it is made. */
  add(steps: number): void;
}

/** What a learner needs of the process that acts. */
export interface Experience {
  steps: ActedSteps;
  updates: UpdateRecord;
  /** Steps per second of the environment's clock; undefined: it waits for every action. */
  rate: number | undefined;
  /** Environment steps in all. */
  total: number;
  /** Updates per step at most, as a multiple of what the method makes where the environment waits; undefined: no bound. */
  updateLimit: number | undefined;
  /** Updates from one handing over of weights to the next. */
  publishEvery: number;
  publish(update: number, step: number): Promise<void>;
  /** Waits a moment for steps. */
  wait(): Promise<void>;
}

/** Looks for the next step before the training loop is let on without. */
const LOOKS = 50;

/**
 * Learns from what another process plays, which does not wait: takes in what has come, one step a round, and makes updates
 * while nothing has. Each update is recorded with the steps behind it before it is made; where a record stands already,
 * of a process that was killed or of a whole run, it is followed. So what is learnt is a function of the recorded steps
 * and updates, to the byte.
 */
export class RealTimeLearner<B> implements Learner {
  readonly environments = 1;
  readonly phases: Phases;
  readonly #replay: ReplayLearner<B>;
  readonly #experience: Experience;
  readonly #tally: RealTimeTally;
  /** Whether another update is made before the next step is taken in. Decided once, so that an evaluation can wait for it. */
  #isOpen = false;

  /** @param replay of one member */
  constructor(replay: ReplayLearner<B>, experience: Experience) {
    this.#replay = replay;
    this.#experience = experience;
    this.#tally = new RealTimeTally(experience.rate);
    this.phases = {
      isDue: () => this.#isOpen,
      learn: (step, update) => this.#learn(step, update),
    };
  }

  /** Waits for a step, for a moment. */
  async hasStep(step: number): Promise<boolean> {
    const { steps, wait } = this.#experience;
    for (let looks = 0; steps.length < step; looks++) {
      if (looks === LOOKS) return false;
      await wait();
    }
    return true;
  }

  async round(step: number, update: number): Promise<number> {
    const acted = this.#experience.steps.at(step - 1);
    this.#replay.remember(acted);
    this.#tally.add(acted, step - 1);
    this.#decide(step, update);
    return 0;
  }

  #decide(step: number, update: number): void {
    const { steps, updates, total } = this.#experience;
    const recorded = updates.stepsBefore(update + 1);
    const isFree = () => steps.length <= step && step < total && update < this.#most(step);
    this.#isOpen = recorded === undefined ? isFree() : recorded === step;
  }

  /** Updates after so many steps at most. */
  #most(step: number): number {
    const { randomSteps, updateEvery, updates = 1, pretraining = 0 }: ReplaySettings = this.#replay.settings;
    const { updateLimit } = this.#experience;
    const trained = step - randomSteps;
    if (trained < 0) return 0;
    if (updateLimit === undefined && trained > 0) return Number.POSITIVE_INFINITY;
    return pretraining + Math.floor(((updateLimit ?? 0) * updates * trained) / updateEvery);
  }

  async #learn(step: number, update: number): Promise<void> {
    const { updates, publishEvery, publish } = this.#experience;
    const next = update + 1;
    if (updates.stepsBefore(next) === undefined) updates.add(step);
    await this.#replay.learn(step, next);
    this.#tally.countUpdate();
    if (next % publishEvery === 0) await publish(next, step);
    this.#decide(step, next);
  }

  drainMeasures(): Row {
    return this.#tally.drain();
  }

  save(member: number): AgentState {
    const { arrays, streams } = this.#replay.saveExperience(member);
    return {
      arrays: {
        ...arrays,
        'real_time.tally': this.#tally.save(),
        'real_time.open': { shape: [1], data: Uint8Array.of(Number(this.#isOpen)) },
      },
      streams,
    };
  }

  load(member: number, state: AgentState): void {
    this.#replay.loadExperience(member, state);
    this.#tally.load(state.arrays['real_time.tally']!);
    this.#isOpen = state.arrays['real_time.open']!.data[0] === 1;
  }
}

/** Learning in real time by a method's learner, which learns from replay. */
export function realTimeLearner(learner: Learner, experience: Experience): Learner {
  if (learner instanceof ReplayLearner) return new RealTimeLearner(learner, experience);
  throw new Error('a method that does not learn from replay cannot learn in real time');
}

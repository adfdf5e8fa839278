import type { EnvironmentEntry } from '../envs/index.ts';
import { RandomStream } from '../random/stream.ts';
import type { Actor } from './acting.ts';
import type { Agent, AgentState, Learner } from './agent.ts';
import { Collector } from './collector.ts';
import type { Step } from './environment-steps.ts';
import type { Batch } from './replay.ts';
import type { TimedParts } from './update-parts.ts';

/** When to update, and on what; the method's config keys of the same names describe them. */
export interface ReplaySettings {
  randomSteps: number;
  randomHold: number;
  updateEvery: number;
  /** Default: 1. */
  updates?: number;
  /** Default: 0. */
  pretraining?: number;
  /** `length`: default 1. */
  replay: { capacity: number; batch: number; length?: number };
}

/** An agent that learns from replayed windows of experience. */
export interface ReplayAgent<B = Batch> extends Agent {
  /** Begins to learn in an environment, from replay. */
  learner(environment: EnvironmentEntry): ReplayLearner<B>;

  /**
   * One gradient update of every member.
   *
   * @param step environment steps each member has taken
   * @param update number of this update, from 1
   */
  update(batch: B, step: number, update: number): void | Promise<void>;

  /** The parts of an update on such a batch, for `wm bench`. Absent in a method that is timed as a whole. */
  timedParts?(batch: B): TimedParts;
}

/** What of such an agent a learner needs. */
export type LearningActor<B = Batch> = Actor & Pick<ReplayAgent<B>, 'update' | 'aboutToCollect'>;

/** What a learner remembers of the steps of all members. */
export interface Experience<B> {
  remember(step: Step): void;
  /**
   * Windows of every member's own steps; the next call overwrites them.
   *
   * @param randoms each member's
   */
  sample(randoms: readonly RandomStream[]): B;
  /** Takes over what an update wrote into its batch, the one sampled last. */
  revise?(batch: B): void;
  save(member: number): AgentState['arrays'];
  /** Takes over what `save` gave. Throws a RangeError where its values contradict each other. */
  load(member: number, arrays: AgentState['arrays']): void;
}

/**
 * Learning from replay: one environment per member, random actions first, then the policy's, and an update, or
 * several in a row, on windows of all experience every few steps.
 */
export class ReplayLearner<B = Batch> implements Learner {
  readonly environments = 1;
  readonly settings: ReplaySettings;
  readonly #agent: LearningActor<B>;
  readonly #collector: Collector;
  readonly #experience: Experience<B>;
  /** Per member: which windows are drawn. */
  readonly #samplers: RandomStream[];

  constructor(
    agent: LearningActor<B>,
    environment: EnvironmentEntry,
    seeds: readonly number[],
    settings: ReplaySettings,
    experience: Experience<B>,
  ) {
    this.#agent = agent;
    this.settings = settings;
    this.#collector = new Collector(agent, environment, seeds, this.environments, settings.randomHold);
    this.#experience = experience;
    this.#samplers = seeds.map((seed) => RandomStream.named(seed, 'replay'));
  }

  async round(step: number, update: number): Promise<number> {
    const { randomSteps } = this.settings;
    if (step <= randomSteps) this.collectRandomly();
    else {
      this.#agent.aboutToCollect?.(step - 1);
      await this.collect();
    }
    const due = this.#updatesAfter(step - randomSteps);
    for (let made = 1; made <= due; made++) await this.learn(step, update + made);
    return due;
  }

  /** Updates that are due after so many steps of the policy; 0 of them: once the random ones are over. */
  #updatesAfter(trained: number): number {
    const { updateEvery, updates = 1, pretraining = 0 } = this.settings;
    if (trained === 0) return pretraining;
    return trained > 0 && trained % updateEvery === 0 ? updates : 0;
  }

  /** One update on windows drawn anew, whatever step it is; see `ReplayAgent.update`. */
  async learn(step: number, update: number): Promise<void> {
    const batch = this.sample();
    await this.#agent.update(batch, step, update);
    this.#experience.revise?.(batch);
  }

  /** One step of every member with a uniformly random action, into its replay. */
  collectRandomly(): void {
    this.#experience.remember(this.#collector.stepRandomly());
  }

  /** One step of every member with an action sampled from its online policy, into its replay. */
  async collect(): Promise<void> {
    this.#experience.remember(await this.#collector.step());
  }

  /** Takes a step of every member into its replay that was taken elsewhere. */
  remember(step: Step): void {
    this.#experience.remember(step);
  }

  /** Windows drawn from every member's replay; the next call overwrites them. */
  sample(): B {
    return this.#experience.sample(this.#samplers);
  }

  save(member: number): AgentState {
    const collected = this.#collector.save(member);
    const learnt = this.saveExperience(member);
    return {
      arrays: { ...learnt.arrays, ...collected.arrays },
      streams: { ...collected.streams, ...learnt.streams },
    };
  }

  load(member: number, state: AgentState): void {
    this.loadExperience(member, state);
    this.#collector.load(member, state);
  }

  /** What `save` gives, without the environments. */
  saveExperience(member: number): AgentState {
    return {
      arrays: this.#experience.save(member),
      streams: { replay: this.#samplers[member]!.state() },
    };
  }

  /** Takes over what `saveExperience` gave. */
  loadExperience(member: number, state: AgentState): void {
    this.#experience.load(member, state.arrays);
    this.#samplers[member] = RandomStream.fromState(state.streams.replay!);
  }
}

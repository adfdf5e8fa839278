import type { EnvironmentEntry } from '../../envs/index.ts';
import type { Batch } from '../../training/replay.ts';
import { type LearningActor, ReplayLearner } from '../../training/replay-learner.ts';
import type { MixedExperience } from './experience.ts';
import type { MbpoSettings } from './settings.ts';

/** An agent that imagines experience. */
export interface ImaginingActor extends LearningActor<Batch> {
  /** Fits the model to what was really experienced, and adds what it imagines; `step` environment steps were taken. */
  imagine(experience: MixedExperience, step: number): Promise<void>;
}

/**
 * Learns from replay, real and imagined: once the random steps are over, and every `fit.every` steps from then on, the
 * model is fitted and imagines before the next step is taken.
 */
export class MbpoLearner extends ReplayLearner<Batch> {
  readonly #actor: ImaginingActor;
  readonly #when: MbpoSettings;
  readonly #mixed: MixedExperience;

  constructor(
    agent: ImaginingActor,
    environment: EnvironmentEntry,
    seeds: readonly number[],
    settings: MbpoSettings,
    experience: MixedExperience,
  ) {
    super(agent, environment, seeds, settings, experience);
    this.#actor = agent;
    this.#when = settings;
    this.#mixed = experience;
  }

  override async round(step: number, update: number): Promise<number> {
    const { randomSteps, fit } = this.#when;
    const trained = step - 1 - randomSteps;
    if (trained >= 0 && trained % fit.every === 0) await this.#actor.imagine(this.#mixed, step - 1);
    return super.round(step, update);
  }
}

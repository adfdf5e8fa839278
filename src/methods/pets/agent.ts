import type { EnvironmentEntry } from '../../envs/index.ts';
import { DIAGNOSTICS, type MeasuredModel } from '../../models/diagnostics.ts';
import { type DreamedStep, type DreamPlan, dream, type MayDream } from '../../models/dreams.ts';
import { Bootstrap, type EnsembleBatch } from '../../models/ensemble/bootstrap.ts';
import { ENSEMBLE_TERMS, type EnsembleTerm } from '../../models/ensemble/fit.ts';
import { EnsembleLearner, type EnsembleWeights } from '../../models/ensemble/learner.ts';
import type { EnsembleState } from '../../models/ensemble/model.ts';
import { exploration } from '../../models/exploration.ts';
import type { FittedWeights } from '../../models/fitted-weights.ts';
import { ModelAgent } from '../../models/model-agent.ts';
import {
  type DisposableActor,
  type MayPlan,
  PlanningActor,
  type PlansIn,
} from '../../planning/planning-actor.ts';
import type { PlannerSettings } from '../../planning/settings.ts';
import type { ActingMode, Decision, PolicyName, Situation } from '../../training/acting.ts';
import type { Member } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Sequences } from '../../training/replay.ts';
import { type ReplayAgent, ReplayLearner } from '../../training/replay-learner.ts';
import type { TrainingState } from '../../training/training-state.ts';
import { trainingCost } from './flops.ts';
import type { PetsSettings } from './settings.ts';

/** PETS: the registry's entry. */
export const pets = {
  create: (members: readonly Member<PetsSettings>[], spaces: AgentSpaces): PetsAgent =>
    new PetsAgent(members, spaces),
  trainingCost,
};

/** Learns an ensemble of probabilistic networks and nothing else, and acts by planning in it. Both policies are one. */
class PetsAgent
  extends ModelAgent<PetsSettings, FittedWeights, never, EnsembleTerm, EnsembleState>
  implements ReplayAgent<EnsembleBatch>, MayPlan, MayDream
{
  readonly lossTerms = ENSEMBLE_TERMS;
  readonly diagnostics = DIAGNOSTICS;
  readonly hasOnePolicy = true;
  readonly carrySize;
  readonly noise;

  readonly #ensemble: EnsembleLearner;
  protected readonly state: TrainingState<FittedWeights, never, EnsembleTerm>;
  readonly #actor: PlanningActor<EnsembleWeights, EnsembleState>;

  constructor(members: readonly Member<PetsSettings>[], spaces: AgentSpaces) {
    super(members, spaces);
    this.#ensemble = new EnsembleLearner(members, spaces);
    this.state = this.#ensemble.state;
    const { planner, exploration: amount } = this.settings;
    const explored = amount > 0 ? exploration(spaces.actionSpace, amount) : undefined;
    this.#actor = new PlanningActor(this.#within(), planner, explored);
    this.carrySize = this.#actor.carrySize;
    this.noise = this.#actor.noise;
  }

  act(situation: Situation, policy: PolicyName, _mode: ActingMode): Promise<Decision> {
    return this.#actor.act(situation, policy);
  }

  planningActor(settings: PlannerSettings): DisposableActor {
    return new PlanningActor(this.#within(), settings);
  }

  learner(environment: EnvironmentEntry): ReplayLearner<EnsembleBatch> {
    const { model } = this.settings;
    const experience = new Bootstrap(this.seeds.length, model.networks, this.settings, this.spaces);
    return new ReplayLearner(this, environment, this.seeds, this.settings, experience);
  }

  update(batch: EnsembleBatch, _step: number, update: number): void {
    this.#ensemble.learn(batch, update);
  }

  dream(member: number, episodes: Sequences, plan: DreamPlan): Promise<DreamedStep[][]> {
    return dream(() => this.#ensemble.trained(member, 1), this.spaces, episodes, plan);
  }

  protected measured(from: number, members: number): MeasuredModel<EnsembleState> {
    // Nothing is discounted: there is no value.
    return { model: this.#ensemble.trained(from, members), gamma: 1 };
  }

  override dispose(): void {
    this.#actor.dispose();
    this.#ensemble.dispose();
    super.dispose();
  }

  #within(): PlansIn<EnsembleWeights, EnsembleState> {
    const { particles, propagation } = this.settings;
    return {
      members: this.members.length,
      spaces: this.spaces,
      weights: () => this.#ensemble.weights(),
      model: (weights) => this.#ensemble.model(weights, { particles, propagation }),
    };
  }
}

import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../../engine/compiled.ts';
import type { EnvironmentEntry } from '../../envs/index.ts';
import { DIAGNOSTICS, type MeasuredModel } from '../../models/diagnostics.ts';
import { type DreamedStep, type DreamPlan, dream, type MayDream } from '../../models/dreams.ts';
import { Bootstrap, type EnsembleBatch } from '../../models/ensemble/bootstrap.ts';
import { type Ensemble, type EnsembleState, ensembleModel } from '../../models/ensemble/model.ts';
import { ensembleModelSpecs } from '../../models/ensemble/network.ts';
import type { TrajectorySampling } from '../../models/ensemble/settings.ts';
import { noStandardisation } from '../../models/ensemble/standardisation.ts';
import { exploration } from '../../models/exploration.ts';
import {
  type FittedWeights,
  fittedNames,
  initialFitted,
  type LearntModel,
} from '../../models/fitted-weights.ts';
import { ModelAgent } from '../../models/model-agent.ts';
import { type BatchTensors, toWindows, uploadBatch } from '../../models/windows.ts';
import { type BiasCorrection, biasCorrection } from '../../nn/adam.ts';
import { ParameterLayout } from '../../nn/parameters.ts';
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
import { memberScalars } from '../../training/member-scalars.ts';
import type { Sequences } from '../../training/replay.ts';
import { type ReplayAgent, ReplayLearner } from '../../training/replay-learner.ts';
import { TrainingState } from '../../training/training-state.ts';
import { membersOf } from '../../training/weights.ts';
import type { PetsSettings } from './settings.ts';
import { LOSS_TERMS, type LossTerm, learn, type MemberScalars } from './update.ts';

/** PETS: the registry's entry. */
export const pets = {
  create: (members: readonly Member<PetsSettings>[], spaces: AgentSpaces): PetsAgent =>
    new PetsAgent(members, spaces),
};

/** What an ensemble is made of. */
type ModelWeights = Pick<FittedWeights, 'model' | 'standardisation'>;

/** Everything that an update is computed from. */
interface UpdateInputs {
  weights: LearntModel;
  batch: BatchTensors;
  standardisation: tf.Tensor2D;
  scalars: MemberScalars;
  correction: BiasCorrection;
}

/** Learns an ensemble of probabilistic networks and nothing else, and acts by planning in it. Both policies are one. */
class PetsAgent
  extends ModelAgent<PetsSettings, FittedWeights, never, LossTerm, EnsembleState>
  implements ReplayAgent<EnsembleBatch>, MayPlan, MayDream
{
  readonly lossTerms = LOSS_TERMS;
  readonly diagnostics = DIAGNOSTICS;
  readonly hasOnePolicy = true;
  readonly carrySize;
  readonly noise;

  readonly #layout: ParameterLayout;
  protected readonly state: TrainingState<FittedWeights, never, LossTerm>;
  readonly #actor: PlanningActor<ModelWeights, EnsembleState>;

  constructor(members: readonly Member<PetsSettings>[], spaces: AgentSpaces) {
    super(members, spaces);
    this.#layout = new ParameterLayout(ensembleModelSpecs(this.settings.model, spaces));
    this.state = new TrainingState({
      seeds: this.seeds,
      names: fittedNames,
      initial: (streams) =>
        initialFitted(this.#layout, streams('model-weights'), noStandardisation(members.length, spaces)),
      streams: [],
      lossTerms: LOSS_TERMS,
    });
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
    this.state.update(({ model, moments }) => {
      const shape: [number, number] = [batch.members, batch.standardisation.length / batch.members];
      const standardisation = tf.tensor2d(batch.standardisation, shape);
      const { weights, terms } = this.#update.run({
        weights: { model, moments },
        batch: uploadBatch(batch, this.spaces),
        standardisation,
        scalars: this.#scalars(),
        correction: biasCorrection(update),
      });
      return { weights: { ...weights, standardisation }, terms };
    });
  }

  readonly #update = new Compiled(({ weights, batch, standardisation, scalars, correction }: UpdateInputs) =>
    learn(
      this.#layout,
      this.settings,
      this.spaces,
      weights,
      toWindows(batch, this.spaces),
      standardisation,
      correction,
      scalars,
    ),
  );

  dream(member: number, episodes: Sequences, plan: DreamPlan): Promise<DreamedStep[][]> {
    return dream(() => this.#trained(member, 1), this.spaces, episodes, plan);
  }

  protected measured(from: number, members: number): MeasuredModel<EnsembleState> {
    // Nothing is discounted: there is no value.
    return { model: this.#trained(from, members), gamma: 1 };
  }

  override dispose(): void {
    this.#actor.dispose();
    this.#update.dispose();
    super.dispose();
  }

  #within(): PlansIn<ModelWeights, EnsembleState> {
    const { particles, propagation } = this.settings;
    return {
      members: this.members.length,
      spaces: this.spaces,
      weights: () => {
        const { model, standardisation } = this.state.weights;
        return { model, standardisation };
      },
      model: (weights) => this.#model(weights, { particles, propagation }),
    };
  }

  /** The models of some members. */
  #trained(from: number, members: number): Ensemble {
    const { model, standardisation } = this.state.weights;
    return this.#model({
      model: membersOf(model, from, members),
      standardisation: membersOf(standardisation, from, members),
    });
  }

  #model({ model, standardisation }: ModelWeights, sampling?: TrajectorySampling): Ensemble {
    const parameters = this.#layout.unpack(model);
    return ensembleModel(parameters, standardisation, this.settings.model, this.spaces, sampling);
  }

  #scalars(): MemberScalars {
    const { column } = memberScalars(this.members);
    return {
      learningRate: column(({ learningRate }) => learningRate),
      weightDecay: column(({ weightDecay }) => weightDecay),
    };
  }
}

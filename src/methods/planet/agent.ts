import type * as tf from '@tensorflow/tfjs-core';
import type { EnvironmentEntry } from '../../envs/index.ts';
import { diagnosticColumns, type MeasuredModel } from '../../models/diagnostics.ts';
import { type DreamedStep, type DreamPlan, dream, type MayDream } from '../../models/dreams.ts';
import { exploration } from '../../models/exploration.ts';
import { carriedState } from '../../models/following.ts';
import { ModelAgent } from '../../models/model-agent.ts';
import { drawNoise } from '../../models/noise.ts';
import type { RssmState } from '../../models/rssm/dynamics.ts';
import { scalarCode } from '../../models/rssm/heads.ts';
import { latentFamily } from '../../models/rssm/latent.ts';
import { type Rssm, rssmModel, rssmSpecs, stateSizes } from '../../models/rssm/model.ts';
import { type StepTensors, toStepWindows, uploadSteps } from '../../models/rssm/windows.ts';
import type { ScalarCode } from '../../models/scalar-code.ts';
import { type BiasCorrection, biasCorrection } from '../../nn/adam.ts';
import { polynomialDecayRate } from '../../nn/moving-average.ts';
import { ParameterLayout } from '../../nn/parameters.ts';
import { type DisposableActor, type MayPlan, PlanningActor } from '../../planning/planning-actor.ts';
import type { PlannerSettings } from '../../planning/settings.ts';
import type { ActingMode, Decision, PolicyName, Situation } from '../../training/acting.ts';
import type { Member } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { memberScalars } from '../../training/member-scalars.ts';
import { warmedUp } from '../../training/optimise.ts';
import { compiledUpdate } from '../../training/pending-terms.ts';
import type { Sequences } from '../../training/replay.ts';
import type { ReplayAgent, ReplayLearner } from '../../training/replay-learner.ts';
import { learnFromSteps, type StepBatch, updateRemembering } from '../../training/steps.ts';
import { TrainingState } from '../../training/training-state.ts';
import { membersOf } from '../../training/weights.ts';
import { trainingCost, updateFlops } from './flops.ts';
import type { PlanetSettings } from './settings.ts';
import {
  initialWeights,
  LOSS_TERMS,
  type LossTerm,
  learn,
  type MemberScalars,
  namedWeights,
  type Weights,
  weightsFrom,
} from './update.ts';

/** PlaNet: the registry's entry. */
export const planet = {
  create: (members: readonly Member<PlanetSettings>[], spaces: AgentSpaces): PlanetAgent =>
    new PlanetAgent(members, spaces),
  updateFlops,
  trainingCost,
};

const STREAMS = ['posterior'] as const;
type StreamName = (typeof STREAMS)[number];

/** Everything that an update is computed from. */
interface UpdateInputs {
  weights: Weights;
  batch: StepTensors;
  noise: tf.Tensor;
  scalars: MemberScalars;
  correction: BiasCorrection;
}

/** Learns a world model and nothing else, and acts by planning in it. */
class PlanetAgent
  extends ModelAgent<PlanetSettings, Weights, StreamName, LossTerm, RssmState>
  implements ReplayAgent<StepBatch>, MayPlan, MayDream
{
  readonly lossTerms = LOSS_TERMS;
  readonly diagnostics;
  readonly carrySize;
  readonly noise;

  readonly #layout: ParameterLayout;
  readonly #reward: ScalarCode;
  protected readonly state: TrainingState<Weights, StreamName, LossTerm>;
  readonly #actor: PlanningActor<{ model: tf.Tensor2D }, RssmState>;

  constructor(members: readonly Member<PlanetSettings>[], spaces: AgentSpaces) {
    super(members, spaces);
    this.diagnostics = diagnosticColumns(spaces, { decodes: true, isProbed: true });
    this.#reward = scalarCode(this.settings.model.rewardHead, this.settings.twoHot);
    this.#layout = new ParameterLayout(rssmSpecs(this.settings.model, spaces, this.#reward));
    this.state = new TrainingState({
      seeds: this.seeds,
      names: { named: namedWeights, from: weightsFrom },
      initial: (streams) => initialWeights(this.#layout, streams('model-weights')),
      streams: STREAMS,
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

  learner(environment: EnvironmentEntry): ReplayLearner<StepBatch> {
    const memory = carriedState(stateSizes(this.settings.model));
    return learnFromSteps(this, environment, this.seeds, this.settings, memory);
  }

  update(batch: StepBatch, _step: number, update: number): Promise<void> {
    return updateRemembering(this.state, batch, (weights) =>
      this.#update.run({
        weights,
        batch: uploadSteps(batch, this.spaces),
        noise: this.#noise(batch),
        scalars: this.#scalars(update),
        correction: biasCorrection(update),
      }),
    );
  }

  readonly #update = compiledUpdate(({ weights, batch, noise, scalars, correction }: UpdateInputs) =>
    learn(
      this.#layout,
      this.#reward,
      this.settings,
      this.spaces,
      weights,
      toStepWindows(batch, this.spaces, this.settings.model),
      noise,
      correction,
      scalars,
    ),
  );

  dream(member: number, episodes: Sequences, plan: DreamPlan): Promise<DreamedStep[][]> {
    return dream(() => this.#trained(member, 1), this.spaces, episodes, plan);
  }

  protected measured(from: number, members: number): MeasuredModel<RssmState> {
    // Nothing is discounted: there is no value.
    return { model: this.#trained(from, members), gamma: 1, isProbed: true };
  }

  override dispose(): void {
    this.#actor.dispose();
    this.#update.dispose();
    super.dispose();
  }

  #within() {
    return {
      members: this.members.length,
      spaces: this.spaces,
      weights: (policy: PolicyName) => {
        const { model, average } = this.state.weights;
        return { model: policy === 'online' ? model.parameters : average };
      },
      model: ({ model }: { model: tf.Tensor2D }) => this.#model(model),
    };
  }

  /** The models of some members, as they are trained. */
  #trained(from: number, members: number): Rssm {
    return this.#model(membersOf(this.state.weights.model.parameters, from, members));
  }

  #model(flat: tf.Tensor2D): Rssm {
    return rssmModel(this.#layout.unpack(flat), this.settings.model, this.spaces, this.#reward);
  }

  #scalars(update: number): MemberScalars {
    const { column } = memberScalars(this.members);
    return {
      learningRate: column(({ optimizer }) => warmedUp(update, optimizer) * optimizer.learningRate),
      average: column(({ policyAverage }) => polynomialDecayRate(update, policyAverage)),
    };
  }

  #noise({ batch, time }: StepBatch): tf.Tensor {
    const { noise } = latentFamily(this.settings.model);
    return drawNoise(noise, [batch, time], this.state.eachStream('posterior'));
  }
}

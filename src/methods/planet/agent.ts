import type * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../../engine/compiled.ts';
import type { EnvironmentEntry } from '../../envs/index.ts';
import { DIAGNOSTICS, diagnoseAfter, type MeasuredModel } from '../../models/diagnostics.ts';
import { type DreamedStep, type DreamPlan, dream, type MayDream } from '../../models/dreams.ts';
import { exploration } from '../../models/exploration.ts';
import { carriedState } from '../../models/following.ts';
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
import type { AgentState, Member } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Row } from '../../training/events.ts';
import { memberScalars } from '../../training/member-scalars.ts';
import { warmedUp } from '../../training/optimise.ts';
import type { Sequences } from '../../training/replay.ts';
import type { ReplayAgent, ReplayLearner } from '../../training/replay-learner.ts';
import { learnFromSteps, type StepBatch, updateRemembering } from '../../training/steps.ts';
import { TrainingState } from '../../training/training-state.ts';
import { membersOf } from '../../training/weights.ts';
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
class PlanetAgent implements ReplayAgent<StepBatch>, MayPlan, MayDream {
  readonly lossTerms = LOSS_TERMS;
  readonly diagnostics = DIAGNOSTICS;
  readonly carrySize;
  readonly noise;

  readonly #members: readonly Member<PlanetSettings>[];
  /** The first member's: all agree in what fixes a shape. */
  readonly #settings: PlanetSettings;
  readonly #spaces: AgentSpaces;
  readonly #layout: ParameterLayout;
  readonly #reward: ScalarCode;
  readonly #state: TrainingState<Weights, StreamName, LossTerm>;
  readonly #actor: PlanningActor<{ model: tf.Tensor2D }, RssmState>;

  constructor(members: readonly Member<PlanetSettings>[], spaces: AgentSpaces) {
    this.#members = members;
    this.#settings = members[0]!.settings;
    this.#spaces = spaces;
    this.#reward = scalarCode(this.#settings.model.rewardHead, this.#settings.twoHot);
    this.#layout = new ParameterLayout(rssmSpecs(this.#settings.model, spaces, this.#reward));
    this.#state = new TrainingState({
      seeds: members.map(({ seed }) => seed),
      names: { named: namedWeights, from: weightsFrom },
      initial: (streams) => initialWeights(this.#layout, streams('model-weights')),
      streams: STREAMS,
      lossTerms: LOSS_TERMS,
    });
    const { planner, exploration: amount } = this.#settings;
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
    const seeds = this.#members.map(({ seed }) => seed);
    const memory = carriedState(stateSizes(this.#settings.model));
    return learnFromSteps(this, environment, seeds, this.#settings, memory);
  }

  update(batch: StepBatch, _step: number, update: number): Promise<void> {
    return updateRemembering(this.#state, batch, (weights) =>
      this.#update.run({
        weights,
        batch: uploadSteps(batch, this.#spaces),
        noise: this.#noise(batch),
        scalars: this.#scalars(update),
        correction: biasCorrection(update),
      }),
    );
  }

  readonly #update = new Compiled(({ weights, batch, noise, scalars, correction }: UpdateInputs) =>
    learn(
      this.#layout,
      this.#reward,
      this.#settings,
      this.#spaces,
      weights,
      toStepWindows(batch, this.#spaces, this.#settings.model),
      noise,
      correction,
      scalars,
    ),
  );

  drainLosses(): Promise<Row[][]> {
    return this.#state.drainLosses();
  }

  dream(member: number, episodes: Sequences, plan: DreamPlan): Promise<DreamedStep[][]> {
    return dream(() => this.#trained(member, 1), this.#spaces, episodes, plan);
  }

  diagnose(heldOut: Sequences, own: readonly Sequences[], step: number): Promise<Row[]> {
    const seeds = this.#members.map(({ seed }) => seed);
    // Nothing is discounted: there is no value.
    const measured = (from: number, members: number): MeasuredModel<RssmState> => ({
      model: this.#trained(from, members),
      gamma: 1,
    });
    return diagnoseAfter(step, seeds, measured, this.#spaces, heldOut, own);
  }

  save(): Promise<AgentState[]> {
    return this.#state.save();
  }

  load(states: readonly AgentState[]): void {
    this.#state.load(states);
  }

  dispose(): void {
    this.#actor.dispose();
    this.#update.dispose();
    this.#state.dispose();
  }

  #within() {
    return {
      members: this.#members.length,
      spaces: this.#spaces,
      weights: (policy: PolicyName) => {
        const { model, average } = this.#state.weights;
        return { model: policy === 'online' ? model : average };
      },
      model: ({ model }: { model: tf.Tensor2D }) => this.#model(model),
    };
  }

  /** The models of some members, as they are trained. */
  #trained(from: number, members: number): Rssm {
    return this.#model(membersOf(this.#state.weights.model, from, members));
  }

  #model(flat: tf.Tensor2D): Rssm {
    return rssmModel(this.#layout.unpack(flat), this.#settings.model, this.#spaces, this.#reward);
  }

  #scalars(update: number): MemberScalars {
    const { column } = memberScalars(this.#members);
    return {
      learningRate: column(({ optimizer }) => warmedUp(update, optimizer) * optimizer.learningRate),
      average: column(({ policyAverage }) => polynomialDecayRate(update, policyAverage)),
    };
  }

  #noise({ batch, time }: StepBatch): tf.Tensor {
    const { noise } = latentFamily(this.#settings.model);
    return drawNoise(noise, [batch, time], this.#state.eachStream('posterior'));
  }
}

import * as tf from '@tensorflow/tfjs-core';
import type { EnvironmentEntry } from '../../envs/index.ts';
import { Acting, type DecisionInputs, type DecisionTensors } from '../../models/acting.ts';
import { encodeActions } from '../../models/action-encoding.ts';
import { diagnosticColumns, type MeasuredModel } from '../../models/diagnostics.ts';
import { type DreamedStep, type DreamPlan, dream, type MayDream } from '../../models/dreams.ts';
import { type Exploration, exploration } from '../../models/exploration.ts';
import { carriedState, carryStep, followedSize, followStep } from '../../models/following.ts';
import { ModelAgent } from '../../models/model-agent.ts';
import { drawNoise } from '../../models/noise.ts';
import type { RssmState } from '../../models/rssm/dynamics.ts';
import { type LatentFamily, latentFamily } from '../../models/rssm/latent.ts';
import { type Rssm, stateSizes } from '../../models/rssm/model.ts';
import { type StepTensors, toStepWindows, uploadSteps } from '../../models/rssm/windows.ts';
import { type BiasCorrection, biasCorrection } from '../../nn/adam.ts';
import { polynomialDecayRate } from '../../nn/moving-average.ts';
import { type DisposableActor, type MayPlan, PlanningActor } from '../../planning/planning-actor.ts';
import type { PlannerSettings } from '../../planning/settings.ts';
import {
  type ActingMode,
  type Decision,
  type Noise,
  noiseSize,
  type PolicyName,
  type Situation,
} from '../../training/acting.ts';
import type { Member } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { GradientFlow } from '../../training/gradient-flow.ts';
import { memberScalars } from '../../training/member-scalars.ts';
import { warmedUp } from '../../training/optimise.ts';
import { compiledUpdate } from '../../training/pending-terms.ts';
import type { Sequences } from '../../training/replay.ts';
import type { ReplayAgent, ReplayLearner } from '../../training/replay-learner.ts';
import { learnFromSteps, type StepBatch, updateRemembering } from '../../training/steps.ts';
import { TrainingState } from '../../training/training-state.ts';
import type { TimedParts } from '../../training/update-parts.ts';
import { membersOf } from '../../training/weights.ts';
import { trainingCost, updateFlops } from './flops.ts';
import { modelFlow } from './flow.ts';
import { dreamReturns, foresee, ownDiscount, withStates } from './imagination.ts';
import {
  type ByGroup,
  byGroup,
  initialWeights,
  type Networks,
  namedWeights,
  networks,
  trainedOf,
  type Weights,
  weightsFrom,
  worldModel,
} from './networks.ts';
import type { DreamerSettings } from './settings.ts';
import { timedParts } from './timed-parts.ts';
import {
  applyGradients,
  gradients,
  LOSS_TERMS,
  type LossTerm,
  type MemberScalars,
  type UpdateNoise,
} from './update.ts';

/** Dreamer: the registry's entry. */
export const dreamer = {
  create: (members: readonly Member<DreamerSettings>[], spaces: AgentSpaces): DreamerAgent =>
    new DreamerAgent(members, spaces),
  updateFlops,
  trainingCost,
};

/** Noise of the posterior and of predictions, and of the imagination. */
const STREAMS = ['posterior', 'imagination'] as const;
type StreamName = (typeof STREAMS)[number];

/** Everything that an update is computed from. */
interface UpdateInputs {
  weights: Weights;
  batch: StepTensors;
  noise: UpdateNoise;
  scalars: MemberScalars;
  correction: BiasCorrection;
}

/** The weights that act. */
type PolicyWeights = Record<'model' | 'actor', tf.Tensor2D>;

class DreamerAgent
  extends ModelAgent<DreamerSettings, Weights, StreamName, LossTerm, RssmState>
  implements ReplayAgent<StepBatch>, MayPlan, MayDream
{
  readonly lossTerms = LOSS_TERMS;
  readonly carrySize;
  readonly noise: Readonly<Record<ActingMode, readonly Noise[]>>;
  readonly diagnostics;

  readonly #networks: Networks;
  readonly #latent: LatentFamily;
  readonly #exploration: Exploration | undefined;
  protected readonly state: TrainingState<Weights, StreamName, LossTerm>;
  readonly #acting: Acting<PolicyWeights>;
  readonly gradientFlow: GradientFlow<UpdateInputs>;

  constructor(members: readonly Member<DreamerSettings>[], spaces: AgentSpaces) {
    super(members, spaces);
    this.diagnostics = diagnosticColumns(spaces, { decodes: true, isProbed: true });
    this.#networks = networks(this.settings, spaces);
    this.#latent = latentFamily(this.settings.model);
    const { head } = this.#networks;
    this.carrySize = followedSize({ stateSizes: stateSizes(this.settings.model) }, spaces.actions);
    const { exploration: amount } = this.settings.actor;
    this.#exploration = amount > 0 ? exploration(spaces.actionSpace, amount) : undefined;
    const ofActions = [head.noise, ...(this.#exploration?.noise ?? [])];
    this.noise = { sampled: [this.#latent.noise, ...ofActions], greedy: [this.#latent.noise] };
    this.#acting = new Acting(members.length, spaces.observation, (inputs) => this.#decide(inputs));
    this.gradientFlow = new GradientFlow(members.length, ({ weights, batch, noise, scalars }) => {
      const windows = toStepWindows(batch, spaces, this.settings.model);
      return modelFlow(this.#networks, this.settings, spaces, weights, windows, noise, scalars);
    });
    this.state = new TrainingState({
      seeds: this.seeds,
      names: { named: namedWeights, from: weightsFrom },
      initial: (streams) => initialWeights(this.#networks, streams),
      streams: STREAMS,
      lossTerms: LOSS_TERMS,
    });
  }

  act(situation: Situation, policy: PolicyName): Promise<Decision> {
    return this.#acting.decide(this.#policy(policy), situation);
  }

  planningActor(settings: PlannerSettings): DisposableActor {
    const within = {
      members: this.members.length,
      spaces: this.spaces,
      // The critic has no average.
      weights: (policy: PolicyName) => ({
        ...this.#policy(policy),
        critic: this.state.weights.learnt.critic.parameters,
      }),
      model: (weights: ByGroup<tf.Tensor2D>) => {
        const { layouts } = this.#networks;
        const parameters = byGroup((group) => layouts[group].unpack(weights[group]));
        return worldModel(this.#networks, this.settings, this.spaces, parameters);
      },
      head: this.#networks.head,
      gamma: ownDiscount(this.settings),
      learntGamma: this.settings.gamma / ownDiscount(this.settings),
    };
    return new PlanningActor(within, settings);
  }

  #policy(policy: PolicyName): PolicyWeights {
    const { weights } = this.state;
    const { model, actor } = policy === 'online' ? trainedOf(weights) : weights.averages;
    return { model, actor };
  }

  /** The model with its policy, without a value. */
  #actingModel(weights: PolicyWeights): Rssm {
    const { layouts } = this.#networks;
    return worldModel(this.#networks, this.settings, this.spaces, {
      model: layouts.model.unpack(weights.model),
      critic: layouts.critic.named([]),
      actor: layouts.actor.unpack(weights.actor),
    });
  }

  /** One step of memory and the action: h = f(h, z, a) of what was carried, z ~ q(z | h, o), a ~ π(a | h, z). */
  #decide({ weights, observations, carry, noise }: DecisionInputs<PolicyWeights>): DecisionTensors {
    const model = this.#actingModel(weights);
    const { actionSpace, observationScale } = this.spaces;
    // Noise of the action and of exploration is there while experience is collected.
    const isSampled = noise!.shape[2] > noiseSize(this.noise.greedy);
    const asked = this.noise[isSampled ? 'sampled' : 'greedy'].map(({ size }) => size);
    const [ofState, ofAction, ofExploration] = tf.split(noise!, asked, -1) as (tf.Tensor3D | undefined)[];
    const scaled = tf.div<tf.Tensor3D>(observations, [...observationScale]);
    const { state } = followStep(model, carry!, scaled, ofState);
    const decided = this.#networks.head.decide(model.policy!(model.features(state)), ofAction);
    const actions = ofExploration ? this.#exploration!.explore(decided, ofExploration) : decided;
    const action = encodeActions(actionSpace, actions) as tf.Tensor3D;
    return { actions, carry: carryStep(model, state, action) };
  }

  learner(environment: EnvironmentEntry): ReplayLearner<StepBatch> {
    const memory = carriedState(stateSizes(this.settings.model));
    return learnFromSteps(this, environment, this.seeds, this.settings, memory);
  }

  update(batch: StepBatch, _step: number, update: number): Promise<void> {
    return updateRemembering(this.state, batch, (weights) => {
      const inputs = {
        weights,
        batch: uploadSteps(batch, this.spaces),
        noise: this.#noise(batch),
        scalars: this.#scalars(update),
        correction: biasCorrection(update),
      };
      this.gradientFlow.measure(update, inputs);
      return this.#update.run(inputs);
    });
  }

  readonly #update = compiledUpdate(({ weights, batch, noise, scalars, correction }: UpdateInputs) => {
    const settings = this.settings;
    const windows = toStepWindows(batch, this.spaces, settings.model);
    const gradient = gradients(this.#networks, settings, this.spaces, weights, windows, noise, scalars);
    const next = applyGradients(this.#networks, settings, weights, gradient, correction, scalars);
    return { ...next, memory: gradient.memory };
  });

  dream(member: number, episodes: Sequences, plan: DreamPlan): Promise<DreamedStep[][]> {
    return dream(() => this.#trained(member, 1), this.spaces, episodes, plan);
  }

  timedParts(batch: StepBatch): TimedParts {
    return timedParts(this.settings, this.spaces, batch);
  }

  override dispose(): void {
    this.gradientFlow.dispose();
    this.#acting.dispose();
    this.#update.dispose();
    super.dispose();
  }

  /** The models of some members, as they are trained, by default with the critic that is. */
  #trained(from: number, members: number, critic?: tf.Tensor2D): Rssm {
    const trained = trainedOf(this.state.weights);
    const weights = { ...trained, critic: critic ?? trained.critic };
    const { layouts } = this.#networks;
    const parameters = byGroup((group) => layouts[group].unpack(membersOf(weights[group], from, members)));
    return worldModel(this.#networks, this.settings, this.spaces, parameters);
  }

  /** The same, to be measured. */
  protected measured(from: number, members: number): MeasuredModel<RssmState> {
    const settings = this.settings;
    const model = this.#trained(from, members);
    const { head } = this.#networks;
    const judge = settings.critic.slowTarget
      ? this.#trained(from, members, this.state.weights.slowCritic)
      : model;
    return {
      model,
      gamma: settings.gamma,
      isProbed: true,
      imagined: {
        horizon: settings.horizon,
        head,
        returns: (imagination) => {
          const imagined = withStates(imagination);
          const foreseen = foresee(model, imagined, settings);
          const value = judge.value!(imagined.states) as tf.Tensor3D;
          return dreamReturns(foreseen, value, settings).returns;
        },
      },
    };
  }

  #scalars(update: number): MemberScalars {
    const { vector, column } = memberScalars(this.members);
    const rates: ByGroup<(settings: DreamerSettings) => number> = {
      model: ({ optimizer }) => optimizer.learningRate,
      critic: ({ optimizer }) => optimizer.criticLearningRate,
      actor: ({ optimizer }) => optimizer.actorLearningRate,
    };
    return {
      lambda: vector(({ lambda }) => lambda),
      entropy: vector(({ actor }) => actor.entropy),
      learningRate: byGroup((group) =>
        column((settings) => warmedUp(update, settings.optimizer) * rates[group](settings)),
      ),
      policyAverage: column(({ policyAverage }) => polynomialDecayRate(update, policyAverage)),
      slowCritic: column(({ critic }) => (update % critic.slowEvery === 0 ? critic.slowRate : 0)),
    };
  }

  #noise({ batch, time }: StepBatch): UpdateNoise {
    const { horizon, startsPerWindow, critic } = this.settings;
    const ofLatent = this.#latent.noise;
    const ofWindows = this.state.eachStream('posterior');
    const imagination = this.state.eachStream('imagination');
    const imagined = [batch * startsPerWindow, horizon];
    return {
      posterior: drawNoise(ofLatent, [batch, time], ofWindows),
      prediction: critic.onPrediction
        ? drawNoise(ofLatent, [batch, time], ofWindows)
        : tf.zeros([this.members.length, 1]),
      action: drawNoise(this.#networks.head.noise, imagined, imagination) as tf.Tensor4D,
      step: drawNoise(ofLatent, imagined, imagination) as tf.Tensor4D,
    };
  }
}

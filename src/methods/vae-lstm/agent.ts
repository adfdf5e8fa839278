import * as tf from '@tensorflow/tfjs-core';
import type { EnvironmentEntry } from '../../envs/index.ts';
import { Acting } from '../../models/acting.ts';
import { diagnosticColumns, type MeasuredModel } from '../../models/diagnostics.ts';
import { type DreamedStep, type DreamPlan, dream, type MayDream } from '../../models/dreams.ts';
import type { RememberedState } from '../../models/lstm-memory.ts';
import { ModelAgent } from '../../models/model-agent.ts';
import { drawNoise } from '../../models/noise.ts';
import type { VaeLstm } from '../../models/vae-lstm/model.ts';
import { type BatchTensors, toWindows, uploadBatch } from '../../models/windows.ts';
import { type BiasCorrection, biasCorrection } from '../../nn/adam.ts';
import { polynomialDecayRate } from '../../nn/moving-average.ts';
import type { ParameterLayout } from '../../nn/parameters.ts';
import { type DisposableActor, type MayPlan, PlanningActor } from '../../planning/planning-actor.ts';
import type { PlannerSettings } from '../../planning/settings.ts';
import type { Decision, Noise, PolicyName, Situation } from '../../training/acting.ts';
import type { InspectedUpdate, Member } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Row } from '../../training/events.ts';
import { GradientFlow } from '../../training/gradient-flow.ts';
import { memberScalars } from '../../training/member-scalars.ts';
import { compiledUpdate } from '../../training/pending-terms.ts';
import type { Batch, Sequences } from '../../training/replay.ts';
import type { ReplayAgent, ReplayLearner } from '../../training/replay-learner.ts';
import { scheduleAt } from '../../training/schedule.ts';
import { TrainingState } from '../../training/training-state.ts';
import { learnFromTransitions } from '../../training/transitions.ts';
import type { TimedParts } from '../../training/update-parts.ts';
import { membersOf } from '../../training/weights.ts';
import { trainingCost, updateFlops } from './flops.ts';
import { modelFlow } from './flow.ts';
import { imaginedReturns } from './imagination.ts';
import { inspectFirst } from './inspection.ts';
import { LATENT_TERMS, latentTerms } from './latents.ts';
import {
  hasCritic,
  initialWeights,
  type Networks,
  namedWeights,
  networks,
  targetCritic,
  type Weights,
  weightsFrom,
  worldModel,
} from './networks.ts';
import type { VaeLstmSettings } from './settings.ts';
import { timedParts } from './timed-parts.ts';
import {
  applyGradients,
  gradients,
  type LossTerm,
  lossTerms,
  type MemberScalars,
  type UpdateNoise,
} from './update.ts';

/** The VAE + LSTM world model with its actor: the registry's entry. */
export const vaeLstm = {
  create: (
    members: readonly Member<VaeLstmSettings>[],
    spaces: AgentSpaces,
  ): ReplayAgent & MayPlan & MayDream => new VaeLstmAgent(members, spaces),
  updateFlops,
  trainingCost,
};

/** Posterior noise, and the imagination's start states and actions. */
const STREAMS = ['posterior', 'imagination'] as const;
type StreamName = (typeof STREAMS)[number];

/** Everything that an update is computed from. */
interface UpdateInputs {
  weights: Weights;
  batch: BatchTensors;
  noise: NoiseTensors;
  scalars: MemberScalars;
  correction: BiasCorrection;
}

interface NoiseTensors extends Pick<UpdateNoise, 'posterior' | 'starts'> {
  /** Of the imagined actions: [members, starts, horizon, numbers of the head's `noise`] */
  action: tf.Tensor4D;
}

/** The weights that act: the encoder is a part of the model that is trained, and an average of its own. */
type PolicyWeights = { actor: tf.Tensor2D } & ({ model: tf.Tensor2D } | { encoder: tf.Tensor2D });

/** The weights that the verbs need. */
type ModelWeights = Record<'model' | 'actor', tf.Tensor2D>;

class VaeLstmAgent
  extends ModelAgent<VaeLstmSettings, Weights, StreamName, LossTerm, RememberedState>
  implements ReplayAgent, MayPlan, MayDream
{
  readonly lossTerms: readonly LossTerm[];
  readonly latentTerms = LATENT_TERMS;
  readonly carrySize = 0;
  readonly noise;
  readonly diagnostics;

  readonly #networks: Networks;
  readonly #encoderLayout: ParameterLayout;
  protected readonly state: TrainingState<Weights, StreamName, LossTerm>;
  /** What the last update learnt from. */
  #lastBatch: Batch | undefined;
  #inspector: ((inspected: Promise<InspectedUpdate>) => void) | undefined;
  readonly #acting: Acting<PolicyWeights>;
  readonly gradientFlow: GradientFlow<UpdateInputs>;

  constructor(members: readonly Member<VaeLstmSettings>[], spaces: AgentSpaces) {
    super(members, spaces);
    this.diagnostics = diagnosticColumns(spaces, { decodes: true, isProbed: true });
    this.lossTerms = lossTerms(this.settings);
    this.#networks = networks(this.settings, spaces);
    this.#encoderLayout = this.#networks.model.only('encoder');
    const { head } = this.#networks;
    this.noise = { sampled: [head.noise], greedy: [] };
    this.#acting = new Acting(members.length, spaces.observation, ({ weights, observations, noise }) => ({
      actions: head.decide(this.#output(weights, observations), noise),
    }));
    this.gradientFlow = new GradientFlow(members.length, ({ weights, batch, noise, scalars }) =>
      modelFlow(this.#networks, weights, toWindows(batch, spaces), noise.posterior, scalars, this.settings),
    );
    this.state = new TrainingState({
      seeds: this.seeds,
      names: { named: namedWeights, from: weightsFrom },
      initial: (streams) =>
        initialWeights(
          this.#networks,
          streams('model-weights'),
          streams('actor-weights'),
          hasCritic(this.settings),
          this.settings.critic.balance === 'gradnorm',
        ),
      streams: STREAMS,
      lossTerms: this.lossTerms,
    });
  }

  act(situation: Situation, policyName: PolicyName): Promise<Decision> {
    const { averageEncoder, averageActor } = this.state.weights;
    const weights = policyName === 'online' ? this.#online : { encoder: averageEncoder, actor: averageActor };
    return this.#acting.decide(weights, situation);
  }

  planningActor(settings: PlannerSettings): DisposableActor {
    const within = {
      members: this.members.length,
      spaces: this.spaces,
      weights: () => this.#online,
      model: (weights: ModelWeights) => this.#model(weights),
      head: this.#networks.head,
      gamma: this.settings.gamma,
    };
    return new PlanningActor(within, settings);
  }

  learner(environment: EnvironmentEntry): ReplayLearner {
    return learnFromTransitions(this, environment, this.seeds, this.settings);
  }

  update(batch: Batch, step: number, update: number): void {
    this.#lastBatch = batch;
    this.state.update((weights) => {
      const inputs = {
        weights,
        batch: uploadBatch(batch, this.spaces),
        noise: this.#noise(batch),
        scalars: this.#scalars(step, update),
        correction: biasCorrection(update),
      };
      this.gradientFlow.measure(update, inputs);
      const next = this.#update.run(inputs);
      this.#inspector?.(inspectFirst(this.#networks, batch, weights, next.gradient, next.terms));
      this.#inspector = undefined;
      return next;
    });
  }

  readonly #update = compiledUpdate(({ weights, batch, noise, scalars, correction }: UpdateInputs) => {
    const settings = this.settings;
    const { posterior, starts, action } = noise;
    const gradient = gradients(
      this.#networks,
      weights,
      toWindows(batch, this.spaces),
      { posterior, starts, behaviour: { head: this.#networks.head, noise: action } },
      scalars,
      settings,
    );
    const next = applyGradients(this.#networks, weights, gradient, correction, scalars, settings);
    return { ...next, gradient: { model: gradient.model, actor: gradient.actor } };
  });

  async describeLatents(): Promise<Row[]> {
    const { members, batch, time, observation } = this.#lastBatch!;
    const { observation: size, observationScale } = this.spaces;
    const stacked = tf.tidy(() => {
      const observations = tf.tensor4d(observation, [members, batch, time, size]);
      const encoder = this.#encoderLayout.unpack(
        this.#networks.model.slice(this.state.weights.model.parameters, 'encoder'),
      );
      return latentTerms(encoder, this.#networks.vae, tf.div(observations, [...observationScale]));
    });
    const values = await stacked.data();
    stacked.dispose();
    return this.members.map((_, member) =>
      Object.fromEntries(LATENT_TERMS.map((term, i) => [term, values[i * members + member]!])),
    );
  }

  inspectUpdate(): Promise<InspectedUpdate> {
    return new Promise((resolve) => {
      this.#inspector = resolve;
    });
  }

  dream(member: number, episodes: Sequences, plan: DreamPlan): Promise<DreamedStep[][]> {
    return dream(() => this.#trained(member, 1), this.spaces, episodes, plan);
  }

  timedParts(batch: Batch): TimedParts {
    return timedParts(this.settings, this.spaces, batch);
  }

  override dispose(): void {
    this.gradientFlow.dispose();
    this.#acting.dispose();
    this.#update.dispose();
    super.dispose();
  }

  /** The actor's outputs: [members, environments, observation], raw units -> [members, environments, outputs]. */
  #output(weights: PolicyWeights, observations: tf.Tensor3D): tf.Tensor {
    const encoder =
      'model' in weights ? this.#networks.model.slice(weights.model, 'encoder') : weights.encoder;
    const model = worldModel(
      this.#networks,
      this.settings,
      this.#encoderLayout.unpack(encoder),
      this.#networks.actor.unpack(weights.actor),
    );
    const scaled = tf.div(observations, [...this.spaces.observationScale]) as tf.Tensor3D;
    return model.policy(model.features(model.start(scaled)));
  }

  /** The weights that are being trained. */
  get #online(): ModelWeights {
    const { model, actor } = this.state.weights;
    return { model: model.parameters, actor: actor.parameters };
  }

  #model({ model, actor }: ModelWeights): VaeLstm {
    return worldModel(
      this.#networks,
      this.settings,
      this.#networks.model.unpack(model),
      this.#networks.actor.unpack(actor),
    );
  }

  /** The models of some members, as they are trained. */
  #trained(from: number, members: number): VaeLstm {
    const { model, actor } = this.#online;
    return this.#model({ model: membersOf(model, from, members), actor: membersOf(actor, from, members) });
  }

  /** The same, to be measured. */
  protected measured(from: number, members: number): MeasuredModel<RememberedState> {
    const { gamma, horizon } = this.settings;
    const { target: flat } = this.state.weights;
    const model = this.#trained(from, members);
    const target = flat && targetCritic(this.#networks, membersOf(flat, from, members), this.settings);
    return {
      model,
      gamma,
      isProbed: true,
      imagined: {
        horizon,
        head: this.#networks.head,
        returns: (imagination) => imaginedReturns(model, target, imagination, this.settings).returns,
      },
    };
  }

  #scalars(step: number, update: number): MemberScalars {
    const { vector, column } = memberScalars(this.members);
    return {
      beta: vector(({ beta }) => scheduleAt(beta, step)),
      lambda: vector(({ lambda }) => lambda),
      entropy: vector(({ actor }) => actor.entropy),
      learningRate: column(({ learningRate }) => learningRate),
      actorLearningRate: column(({ actor }) => actor.learningRate),
      policyAverage: column(({ policyAverage }) => polynomialDecayRate(update, policyAverage)),
    };
  }

  #noise({ batch, time }: Batch): NoiseTensors {
    const { model, horizon, imaginationStarts } = this.settings;
    const rows = batch * time;
    const imagination = this.state.eachStream('imagination');
    const ofPosterior: Noise = { distribution: 'normal', size: model.latent };
    const starts = imagination.flatMap((random, member) =>
      Array.from({ length: imaginationStarts }, () => member * rows + random.integer(rows)),
    );
    return {
      posterior: drawNoise(ofPosterior, [batch, 2 * time], this.state.eachStream('posterior')),
      starts: tf.tensor2d(starts, [imagination.length, imaginationStarts], 'int32'),
      action: drawNoise(this.#networks.head.noise, [imaginationStarts, horizon], imagination) as tf.Tensor4D,
    };
  }
}

import * as tf from '@tensorflow/tfjs-core';
import type { EnvironmentEntry } from '../../envs/index.ts';
import { Acting, type DecisionInputs, type DecisionTensors } from '../../models/acting.ts';
import { toBox } from '../../models/action-encoding.ts';
import { diagnosticColumns, type MeasuredModel } from '../../models/diagnostics.ts';
import { exploration } from '../../models/exploration.ts';
import { PAIR_NOISE } from '../../models/latent/critic.ts';
import { type LatentModel, type LatentState, latentModel } from '../../models/latent/model.ts';
import { type LatentNetworks, latentNetworks } from '../../models/latent/networks.ts';
import { choiceValues } from '../../models/latent/value.ts';
import { ModelAgent } from '../../models/model-agent.ts';
import { drawNoise } from '../../models/noise.ts';
import { type BatchTensors, toWindows, uploadBatch, type Windows } from '../../models/windows.ts';
import { type BiasCorrection, biasCorrection } from '../../nn/adam.ts';
import { polynomialDecayRate } from '../../nn/moving-average.ts';
import { type DisposableActor, type MayPlan, PlanningActor } from '../../planning/planning-actor.ts';
import type { PlannerSettings } from '../../planning/settings.ts';
import type { ActingMode, Decision, PolicyName, Situation } from '../../training/acting.ts';
import type { Member } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { GradientFlow } from '../../training/gradient-flow.ts';
import { memberScalars } from '../../training/member-scalars.ts';
import { compiledUpdate } from '../../training/pending-terms.ts';
import type { Batch } from '../../training/replay.ts';
import type { ReplayAgent, ReplayLearner } from '../../training/replay-learner.ts';
import { TrainingState } from '../../training/training-state.ts';
import { learnFromTransitions } from '../../training/transitions.ts';
import { membersOf } from '../../training/weights.ts';
import { trainingCost, updateFlops } from './flops.ts';
import { modelFlow } from './flow.ts';
import type { TdmpcSettings } from './settings.ts';
import { LOSS_TERMS, type LossTerm, learn, type MemberScalars, type UpdateNoise } from './update.ts';
import {
  type ActingWeights,
  actingOf,
  byGroup,
  initialWeights,
  layoutOf,
  mapActing,
  namedWeights,
  type Weights,
  weightsFrom,
} from './weights.ts';

/** TD-MPC: the registry's entry. */
export const tdmpc = {
  create: (members: readonly Member<TdmpcSettings>[], spaces: AgentSpaces): TdmpcAgent =>
    new TdmpcAgent(members, spaces),
  updateFlops,
  trainingCost,
};

/** Heads and actions of the targets, and of the actor's loss. */
const STREAMS = ['targets', 'actor'] as const;
type StreamName = (typeof STREAMS)[number];

/** Everything that an update is computed from. */
interface UpdateInputs {
  weights: Weights;
  batch: BatchTensors;
  noise: UpdateNoise;
  scalars: MemberScalars;
  correction: BiasCorrection;
}

/**
 * Learns a latent model with values, and acts by planning in it, in evaluations too. Played as the `online` policy it
 * takes what its actor, or the largest value, says, without a plan.
 */
class TdmpcAgent
  extends ModelAgent<TdmpcSettings, Weights, StreamName, LossTerm, LatentState>
  implements ReplayAgent, MayPlan
{
  readonly lossTerms = LOSS_TERMS;
  readonly diagnostics;
  readonly carrySize;
  readonly noise;

  readonly #networks: LatentNetworks;
  protected readonly state: TrainingState<Weights, StreamName, LossTerm>;
  readonly #planning: PlanningActor<ActingWeights, LatentState>;
  readonly #unplanned: Acting<ActingWeights>;
  readonly gradientFlow: GradientFlow<UpdateInputs>;

  constructor(members: readonly Member<TdmpcSettings>[], spaces: AgentSpaces) {
    super(members, spaces);
    this.diagnostics = diagnosticColumns(spaces, { decodes: false, isProbed: true });
    const { model, critic, actor, twoHot, planner, exploration: amount } = this.settings;
    this.#networks = latentNetworks(model, critic, actor, twoHot, spaces);
    this.state = new TrainingState({
      seeds: this.seeds,
      names: { named: namedWeights, from: weightsFrom },
      initial: (streams) => initialWeights(this.#networks, this.settings, streams),
      streams: STREAMS,
      lossTerms: LOSS_TERMS,
    });
    this.gradientFlow = new GradientFlow(members.length, ({ weights, batch, noise }) =>
      modelFlow(this.#context, weights, this.#windows(batch), noise),
    );
    const explored = amount > 0 ? exploration(spaces.actionSpace, amount) : undefined;
    this.#planning = new PlanningActor(this.#within(), this.#inLearntUnits(planner), explored);
    this.carrySize = this.#planning.carrySize;
    this.noise = this.#planning.noise;
    this.#unplanned = new Acting(members.length, spaces.observation, (inputs) => this.#decide(inputs));
  }

  act(situation: Situation, policy: PolicyName, mode: ActingMode): Promise<Decision> {
    return policy === 'online' && mode === 'greedy'
      ? this.#unplanned.decide(this.#acting('online'), situation)
      : this.#planning.act(situation, policy);
  }

  /** The likeliest action, or the choice of the largest value, without a plan; what is carried stays as it is. */
  #decide({ weights, observations, carry }: DecisionInputs<ActingWeights>): DecisionTensors {
    const { actionSpace, observationScale, actions } = this.spaces;
    const model = this.#model(weights);
    const latent = model.encode(tf.div(observations, [...observationScale]));
    const carried = { carry: tf.clone(carry!) };
    const policy = this.#networks.actor?.policy;
    if (!policy) {
      const critic = this.#networks.criticLayout.unpack(weights.critic);
      const values = tf.mean(choiceValues(this.#networks, critic, latent, actions), 1);
      return { actions: tf.argMax(values, 2), ...carried };
    }
    const action = policy.likeliest(model.policy!(latent));
    return {
      actions: actionSpace.kind === 'discrete' ? tf.argMax(action, 2) : toBox(actionSpace, action),
      ...carried,
    };
  }

  planningActor(settings: PlannerSettings): DisposableActor {
    return new PlanningActor(this.#within(), this.#inLearntUnits(settings));
  }

  learner(environment: EnvironmentEntry): ReplayLearner {
    return learnFromTransitions(this, environment, this.seeds, this.settings);
  }

  update(batch: Batch, _step: number, update: number): void {
    this.state.update((weights) => {
      const inputs = {
        weights,
        batch: uploadBatch(batch, this.spaces),
        noise: this.#noise(batch),
        scalars: this.#scalars(update),
        correction: biasCorrection(update),
      };
      this.gradientFlow.measure(update, inputs);
      return this.#update.run(inputs);
    });
  }

  readonly #update = compiledUpdate(({ weights, batch, noise, scalars, correction }: UpdateInputs) =>
    learn(this.#context, weights, this.#windows(batch), noise, correction, scalars),
  );

  get #context() {
    return { networks: this.#networks, settings: this.settings, spaces: this.spaces };
  }

  /** With rewards in the units that are learnt. */
  #windows(batch: BatchTensors): Windows {
    const scaled = toWindows(batch, this.spaces);
    return this.settings.model.scaledRewards ? scaled : { ...scaled, reward: batch.reward };
  }

  protected measured(from: number, members: number): MeasuredModel<LatentState> {
    const part = mapActing(this.#acting('online'), (weights) => membersOf(weights, from, members));
    return {
      model: this.#model(part),
      gamma: this.settings.gamma,
      isProbed: true,
    };
  }

  override dispose(): void {
    this.gradientFlow.dispose();
    this.#planning.dispose();
    this.#unplanned.dispose();
    this.#update.dispose();
    super.dispose();
  }

  /** What is planned with: a temperature is in units of the rewards that are learnt, the verbs' rewards in `rewardScale`. */
  #inLearntUnits(planner: PlannerSettings): PlannerSettings {
    if (planner.name !== 'mppi' || this.settings.model.scaledRewards) return planner;
    return { ...planner, temperature: planner.temperature * this.spaces.rewardScale };
  }

  #within() {
    const head = this.#networks.actor?.policy;
    return {
      members: this.members.length,
      spaces: this.spaces,
      weights: (policy: PolicyName) => this.#acting(policy),
      model: (weights: ActingWeights) => this.#model(weights),
      ...(head && { head }),
      gamma: this.settings.gamma,
    };
  }

  #acting(policy: PolicyName): ActingWeights {
    const { average, ...trained } = this.state.weights;
    return policy === 'average' && average ? average : actingOf(trained);
  }

  #model({ actor, ...weights }: ActingWeights): LatentModel {
    const layouts = layoutOf(this.#networks);
    const parameters = byGroup((group) => layouts[group].unpack(weights[group]));
    const ofActor = actor && { actor: this.#networks.actor!.layout.unpack(actor) };
    return latentModel(this.#networks, { ...parameters, ...ofActor }, this.spaces);
  }

  #scalars(update: number): MemberScalars {
    const { column } = memberScalars(this.members);
    return {
      learningRate: column(({ optimizer }) => optimizer.learningRate),
      encoderLearningRate: column(({ optimizer }) => optimizer.encoderScale * optimizer.learningRate),
      target: column(({ critic }) => (update % critic.targetEvery === 0 ? critic.targetRate : 0)),
      average: column(({ policyAverage }) => polynomialDecayRate(update, policyAverage)),
    };
  }

  #noise({ batch, time }: Batch): UpdateNoise {
    const policy = this.#networks.actor?.policy;
    const ofTargets = this.state.eachStream('targets');
    const ofActor = this.state.eachStream('actor');
    const isBox = policy?.space.kind === 'box';
    return {
      targetPair: drawNoise(PAIR_NOISE, [1], ofTargets),
      actorPair: drawNoise(PAIR_NOISE, [1], ofActor),
      ...(isBox && {
        targetAction: drawNoise(policy.noise, [batch * time], ofTargets),
        actorAction: drawNoise(policy.noise, [batch * (time + 1)], ofActor),
      }),
    };
  }
}

import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../../engine/compiled.ts';
import type { EnvironmentEntry } from '../../envs/index.ts';
import { DIAGNOSTICS, type MeasuredModel } from '../../models/diagnostics.ts';
import type { EnsembleTerm } from '../../models/ensemble/fit.ts';
import { EnsembleLearner, type EnsembleWeights } from '../../models/ensemble/learner.ts';
import { type EnsembleState, ensembleStepNoise } from '../../models/ensemble/model.ts';
import type { FittedWeights } from '../../models/fitted-weights.ts';
import { ModelAgent } from '../../models/model-agent.ts';
import { drawNoise } from '../../models/noise.ts';
import type { SimulationNoise } from '../../models/simulation.ts';
import { uploadTransitions } from '../../models/transitions.ts';
import { RandomStream } from '../../random/stream.ts';
import type { ActingMode, Decision, Noise, PolicyName, Situation } from '../../training/acting.ts';
import type { AgentState, Member, Method } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Row } from '../../training/events.ts';
import type { Sequences } from '../../training/replay.ts';
import { type ReplayAgent, ReplayLearner } from '../../training/replay-learner.ts';
import type { TrainingState } from '../../training/training-state.ts';
import { membersOf } from '../../training/weights.ts';
import { EPSILON_GREEDY_NOISE } from '../dqn/epsilon-greedy.ts';
import { ValueLearner } from '../dqn/value-learner.ts';
import { type DynaBatch, DynaExperience } from './experience.ts';
import { trainingCost } from './flops.ts';
import { imaginedTransitions } from './planning.ts';
import type { DeepDynaSettings } from './settings.ts';
import { joinRows, LOSS_TERMS } from './terms.ts';

/** Deep Dyna: the registry's entry. */
export const deepDyna: Method<DeepDynaSettings> = {
  create: (members, spaces) => new DeepDynaAgent(members, spaces),
  trainingCost,
};

/** What the transitions of one planning update are made of. */
interface PlanningInputs {
  weights: EnsembleWeights & { critic: tf.Tensor2D };
  starts: tf.Tensor4D;
  noise: SimulationNoise;
}

/**
 * Dyna (Sutton 1991) with networks: DQN, whose every update on real transitions is followed by one of an ensemble as the
 * model and by some of DQN's on transitions that the model makes. Without these nothing but DQN is left.
 */
class DeepDynaAgent
  extends ModelAgent<DeepDynaSettings, FittedWeights, never, EnsembleTerm, EnsembleState>
  implements ReplayAgent<DynaBatch>
{
  readonly lossTerms = LOSS_TERMS;
  readonly diagnostics;
  readonly hasOnePolicy = true;
  readonly carrySize = 0;
  readonly noise;

  readonly #values: ValueLearner;
  readonly #ensemble: EnsembleLearner;
  protected readonly state: TrainingState<FittedWeights, never, EnsembleTerm>;
  /** What the model's transitions are drawn with, one per member: apart from what acting and replay draw. */
  #planning: RandomStream[];

  constructor(members: readonly Member<DeepDynaSettings>[], spaces: AgentSpaces) {
    super(members, spaces);
    this.#values = new ValueLearner(members, spaces);
    const fitting = members.map(({ seed, settings: { model, modelLearningRate, weightDecay } }) => ({
      seed,
      settings: { model, learningRate: modelLearningRate, weightDecay },
    }));
    this.#ensemble = new EnsembleLearner(fitting, spaces);
    this.state = this.#ensemble.state;
    this.#planning = this.seeds.map((seed) => RandomStream.named(seed, 'planning'));
    this.noise = this.#values.noise;
    this.diagnostics = this.#isPlanning ? DIAGNOSTICS : [];
  }

  get #isPlanning(): boolean {
    return this.settings.planningUpdates > 0;
  }

  aboutToCollect(step: number): void {
    this.#values.aboutToCollect(step);
  }

  act(situation: Situation, _policy: PolicyName, mode: ActingMode): Promise<Decision> {
    return this.#values.act(situation, mode);
  }

  learner(environment: EnvironmentEntry): ReplayLearner<DynaBatch> {
    const experience = new DynaExperience(this.seeds.length, this.settings, this.spaces);
    return new ReplayLearner(this, environment, this.seeds, this.settings, experience);
  }

  update({ real, model, starts }: DynaBatch, _step: number, update: number): void {
    let made = (update - 1) * (1 + starts.length);
    this.#values.learn(() => uploadTransitions(real, this.spaces), ++made);
    if (model) this.#ensemble.learn(model, update);
    for (const some of starts) {
      this.#values.learn(() => this.#imagine.run(this.#planningInputs(some)), ++made);
    }
  }

  readonly #imagine = new Compiled(({ weights, starts, noise }: PlanningInputs) =>
    imaginedTransitions(
      this.#ensemble.model(weights),
      (observation) => this.#values.values.of(weights.critic, observation),
      this.spaces,
      starts,
      noise,
      this.settings.planning.randomActions,
    ),
  );

  #planningInputs(starts: Float32Array): PlanningInputs {
    const { replay, planning } = this.settings;
    const extents: [number, number] = [replay.batch, planning.horizon];
    const draw = (noise: Noise) => drawNoise(noise, extents, this.#planning);
    const critic = this.#values.state.weights.critic.parameters;
    const steps = ensembleStepNoise(this.spaces).map(draw);
    return {
      weights: { ...this.#ensemble.weights(), critic },
      starts: tf.tensor4d(starts, [this.members.length, ...extents, this.spaces.observation]),
      noise: { action: draw(EPSILON_GREEDY_NOISE) as tf.Tensor4D, step: tf.concat(steps, 3) as tf.Tensor4D },
    };
  }

  protected measured(from: number, members: number): MeasuredModel<EnsembleState> {
    const model = this.#ensemble.trained(from, members);
    const critic = membersOf(this.#values.state.weights.critic.parameters, from, members);
    const { observationScale, rewardScale } = this.spaces;
    return {
      model: {
        ...model,
        // Q is of rewards as they are.
        valueScale: rewardScale,
        value: (features) => {
          const observation = tf.mul(model.decode(features), tf.tensor1d([...observationScale]));
          return tf.max(this.#values.values.of(critic, observation), -1);
        },
      },
      gamma: this.settings.gamma,
    };
  }

  override async diagnose(
    heldOut: () => Sequences,
    own: readonly Sequences[],
    steps: readonly number[],
  ): Promise<Row[]> {
    return this.#isPlanning ? super.diagnose(heldOut, own, steps) : own.map(() => ({}));
  }

  override async drainLosses(): Promise<Row[][]> {
    const values = await this.#values.state.drainLosses();
    return joinRows(values, await super.drainLosses(), this.settings.planningUpdates);
  }

  override async save(): Promise<AgentState[]> {
    const values = await this.#values.state.save();
    return (await super.save()).map(({ arrays }, member) => ({
      arrays: { ...arrays, ...values[member]!.arrays },
      streams: { planning: this.#planning[member]!.state() },
    }));
  }

  override load(states: readonly AgentState[]): void {
    super.load(states);
    this.#values.state.load(states);
    this.#planning = states.map(({ streams }) => RandomStream.fromState(streams.planning!));
  }

  override dispose(): void {
    this.#values.dispose();
    this.#values.state.dispose();
    this.#imagine.dispose();
    this.#ensemble.dispose();
    super.dispose();
  }
}

import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../../engine/compiled.ts';
import type { EnvironmentEntry } from '../../envs/index.ts';
import { Acting } from '../../models/acting.ts';
import { DIAGNOSTICS, type MeasuredModel, openLoopColumns } from '../../models/diagnostics.ts';
import { trainingNoise } from '../../models/discrete-latent/losses.ts';
import { discreteLatentSpecs } from '../../models/discrete-latent/network.ts';
import { noStandardisation } from '../../models/discrete-latent/standardisation.ts';
import { type DreamedStep, type DreamPlan, dream, type MayDream } from '../../models/dreams.ts';
import { type FittedWeights, fittedNames, initialFitted } from '../../models/fitted-weights.ts';
import { ModelAgent } from '../../models/model-agent.ts';
import { drawNoise } from '../../models/noise.ts';
import type { OneStepState } from '../../models/one-step-model.ts';
import { simulatedReturn } from '../../models/simulated-return.ts';
import type { SimulationNoise } from '../../models/simulation.ts';
import { type BatchTensors, toWindows, uploadBatch } from '../../models/windows.ts';
import { biasCorrection } from '../../nn/adam.ts';
import { ParameterLayout } from '../../nn/parameters.ts';
import { type DisposableActor, type MayPlan, PlanningActor } from '../../planning/planning-actor.ts';
import type { PlannerSettings } from '../../planning/settings.ts';
import { RandomStream } from '../../random/stream.ts';
import type { Decision, Noise, Situation } from '../../training/acting.ts';
import type { AgentState, Member } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Row } from '../../training/events.ts';
import { memberScalars } from '../../training/member-scalars.ts';
import { compiledUpdate } from '../../training/pending-terms.ts';
import type { Batch, Sequences } from '../../training/replay.ts';
import { lambdaReturn } from '../../training/returns.ts';
import { TrainingState } from '../../training/training-state.ts';
import { membersOf } from '../../training/weights.ts';
import { Improvement } from '../ppo/improvement.ts';
import { networks } from '../ppo/networks.ts';
import { trainingCost } from './flops.ts';
import { SimpleLearner, type SimulatingAgent } from './learner.ts';
import type { SimpleSettings } from './settings.ts';
import { type FitInputs, fit, LOSS_TERMS, MODEL_TERMS, type ModelTerm } from './update.ts';
import { type InhabitedModel, samplerOf, simulatedRollout, worldModel } from './world-model.ts';

/** SimPLe (Kaiser et al. 2020): the registry's entry. */
export const simple = {
  create: (members: readonly Member<SimpleSettings>[], spaces: AgentSpaces): SimpleAgent =>
    new SimpleAgent(members, spaces),
  trainingCost,
};

/** What the model, and the policy in it, are made of. */
type ModelWeights = Record<'model' | 'standardisation' | 'policy', tf.Tensor2D>;

/** Steps after which the open-loop error is measured besides. */
const OPEN_LOOP_STEPS = [10, 25];

/** Learns to predict the next observation, and a policy by PPO in nothing but those predictions. */
class SimpleAgent
  extends ModelAgent<SimpleSettings, FittedWeights, 'model-noise' | 'simulation', ModelTerm, OneStepState>
  implements SimulatingAgent, MayPlan, MayDream
{
  readonly lossTerms = LOSS_TERMS;
  readonly diagnostics = [...DIAGNOSTICS, ...openLoopColumns(OPEN_LOOP_STEPS), 'simulated_return'];
  readonly logsEpisodes = true;
  readonly hasOnePolicy = true;
  readonly carrySize = 0;
  readonly noise;

  readonly #layout: ParameterLayout;
  protected readonly state: TrainingState<FittedWeights, 'model-noise' | 'simulation', ModelTerm>;
  readonly #improvement: Improvement;
  readonly #acting: Acting<{ parameters: tf.Tensor2D }>;

  constructor(members: readonly Member<SimpleSettings>[], spaces: AgentSpaces) {
    super(members, spaces);
    this.#layout = new ParameterLayout(discreteLatentSpecs(this.settings.model, spaces));
    this.state = new TrainingState({
      seeds: this.seeds,
      names: fittedNames,
      initial: (streams) =>
        initialFitted(this.#layout, streams('model-weights'), noStandardisation(members.length, spaces)),
      streams: ['model-noise', 'simulation'],
      lossTerms: MODEL_TERMS,
    });
    const learners = members.map(({ seed, settings }) => ({ seed, settings: settings.ppo }));
    this.#improvement = new Improvement(learners, networks(this.settings.ppo, spaces));
    const { layout, policy, policyAt } = this.#improvement.networks;
    this.noise = { sampled: [policy.noise], greedy: [] };
    this.#acting = new Acting(members.length, spaces.observation, ({ weights, observations, noise }) => {
      const seen = tf.div(observations, tf.tensor1d([...spaces.observationScale]));
      return { actions: policyAt(layout.unpack(weights.parameters), seen).choose(noise) };
    });
  }

  act(situation: Situation): Promise<Decision> {
    const { parameters } = this.#improvement.state.weights;
    return this.#acting.decide({ parameters }, situation);
  }

  planningActor(settings: PlannerSettings): DisposableActor {
    const { networks } = this.#improvement;
    const isChoice = this.spaces.actionSpace.kind === 'discrete';
    return new PlanningActor(
      {
        members: this.members.length,
        spaces: this.spaces,
        weights: () => this.#weights(),
        model: (weights) => this.#model(weights),
        // Choices are sampled from what the network says alone; σ of numbers in a box is a weight, and changes.
        ...(isChoice && { head: samplerOf(networks, networks.layout.named([]), this.spaces) }),
        gamma: this.settings.ppo.gamma,
      },
      settings,
    );
  }

  learner(environment: EnvironmentEntry): SimpleLearner {
    return new SimpleLearner(this, environment, this.seeds, this.settings);
  }

  fit(batch: Batch, standardisation: Float32Array, update: number): void {
    const { members, batch: windows, time } = batch;
    const { warmUp } = this.settings.model;
    this.state.update(({ model: before }) => {
      const by = tf.tensor2d(standardisation, [members, standardisation.length / members]);
      const { column } = memberScalars(this.members);
      const streams = this.state.eachStream('model-noise');
      const { learnt: model, terms } = this.#fit.run({
        before,
        batch: uploadBatch(batch, this.spaces),
        standardisation: by,
        noise: drawNoise(trainingNoise(this.settings.model), [windows, time], streams),
        warmth: tf.scalar(warmUp === 0 ? 1 : Math.min(1, update / warmUp)),
        correction: biasCorrection(update),
        learningRate: column(({ learningRate }) => learningRate),
      });
      return { weights: { model, standardisation: by }, terms };
    });
  }

  readonly #fit = compiledUpdate(
    ({ batch, ...inputs }: Omit<FitInputs, 'windows'> & { batch: BatchTensors }) =>
      fit(this.#layout, this.settings, this.spaces, { ...inputs, windows: toWindows(batch, this.spaces) }),
  );

  improve(starts: Float32Array, step: number, update: number): number {
    const { environments, steps } = this.settings.simulation;
    const shape: [number, number, number, number] = [
      this.members.length,
      environments,
      steps,
      this.spaces.observation,
    ];
    const streams = this.state.eachStream('simulation');
    const draw = (noise: Noise) => drawNoise(noise, [environments, steps], streams) as tf.Tensor4D;
    const { bits } = this.settings.model;
    return this.#improvement.improve(
      () =>
        this.#simulate.run({
          weights: this.#weights(),
          starts: tf.tensor4d(starts, shape),
          noise: {
            action: draw(this.noise.sampled[0]!),
            step: bits > 0 ? draw({ distribution: 'uniform', size: bits }) : undefined,
          },
        }),
      step,
      update,
    );
  }

  readonly #simulate = new Compiled(
    ({ weights, starts, noise }: { weights: ModelWeights; starts: tf.Tensor4D; noise: SimulationNoise }) => {
      const scaled = tf.div(starts, tf.tensor1d([...this.spaces.observationScale])) as tf.Tensor4D;
      return simulatedRollout(this.#model(weights), this.#sampler(weights), this.spaces, scaled, noise);
    },
  );

  dream(member: number, episodes: Sequences, plan: DreamPlan): Promise<DreamedStep[][]> {
    return dream(() => this.#model(this.#weights(member, 1)), this.spaces, episodes, plan);
  }

  protected measured(from: number, members: number): MeasuredModel<OneStepState> {
    const { ppo, simulation } = this.settings;
    const weights = this.#weights(from, members);
    const model = this.#model(weights);
    return {
      model,
      gamma: ppo.gamma,
      openLoopSteps: OPEN_LOOP_STEPS,
      imagined: {
        horizon: simulation.steps,
        head: this.#sampler(weights),
        returns: (imagination) => {
          const goesOn = model.continues
            ? tf.cast(tf.greaterEqual(model.continues(imagination.nextFeatures), 0), 'float32')
            : tf.onesLike(model.reward(imagination));
          return lambdaReturn(
            tf.mul(model.reward(imagination), model.valueScale) as tf.Tensor3D,
            tf.mul(goesOn, ppo.gamma) as tf.Tensor3D,
            model.value(imagination.nextFeatures) as tf.Tensor3D,
            ppo.gaeLambda,
          );
        },
      },
    };
  }

  protected override async measuredBeside(
    own: readonly Sequences[],
    steps: readonly number[],
  ): Promise<Row[]> {
    const { timeLimit } = this.spaces;
    if (timeLimit === undefined) return [];
    const returns = tf.tidy(() => {
      const weights = this.#weights();
      const streams = this.seeds.map((seed, member) =>
        RandomStream.named(seed, `simulated-return/${steps[member]}`),
      );
      return simulatedReturn(
        this.#model(weights),
        this.#sampler(weights),
        this.spaces,
        own,
        streams,
        timeLimit,
      );
    });
    const values = await returns.data<'float32'>();
    returns.dispose();
    return Array.from(values, (value) => ({ simulated_return: value }));
  }

  override async drainLosses(): Promise<Row[][]> {
    const model = await super.drainLosses();
    return [...model, ...(await this.#improvement.state.drainLosses())];
  }

  override async save(): Promise<AgentState[]> {
    const policies = await this.#improvement.state.save();
    return (await super.save()).map(({ arrays, streams }, member) => ({
      arrays: { ...arrays, ...policies[member]!.arrays },
      streams: { ...streams, ...policies[member]!.streams },
    }));
  }

  override load(states: readonly AgentState[]): void {
    super.load(states);
    this.#improvement.state.load(states);
  }

  override dispose(): void {
    this.#acting.dispose();
    this.#fit.dispose();
    this.#simulate.dispose();
    this.#improvement.dispose();
    this.#improvement.state.dispose();
    super.dispose();
  }

  /** The weights of some members, as they are trained; of all by default. */
  #weights(from = 0, members = this.members.length): ModelWeights {
    const { model, standardisation } = this.state.weights;
    const policy = this.#improvement.state.weights.parameters;
    const all = { model: model.parameters, standardisation, policy };
    if (members === this.members.length) return all;
    return {
      model: membersOf(model.parameters, from, members),
      standardisation: membersOf(standardisation, from, members),
      policy: membersOf(policy, from, members),
    };
  }

  #model({ model, standardisation, policy }: ModelWeights): InhabitedModel {
    const { networks } = this.#improvement;
    return worldModel(networks, this.settings, this.spaces, {
      model: this.#layout.unpack(model),
      standardisation,
      policy: networks.layout.unpack(policy),
    });
  }

  #sampler({ policy }: ModelWeights) {
    const { networks } = this.#improvement;
    return samplerOf(networks, networks.layout.unpack(policy), this.spaces);
  }
}

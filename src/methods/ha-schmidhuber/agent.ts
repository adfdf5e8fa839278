import * as tf from '@tensorflow/tfjs-core';
import type { EnvironmentEntry } from '../../envs/index.ts';
import { Acting, type DecisionInputs, type DecisionTensors } from '../../models/acting.ts';
import { encodeActions } from '../../models/action-encoding.ts';
import { diagnosticColumns, type MeasuredModel } from '../../models/diagnostics.ts';
import { type DreamedStep, type DreamPlan, dream, type MayDream } from '../../models/dreams.ts';
import { type Exploration, exploration } from '../../models/exploration.ts';
import { carryStep, followedSize, followStep } from '../../models/following.ts';
import type { RememberedState } from '../../models/lstm-memory.ts';
import { type MdnRnn, mdnRnnModel } from '../../models/mdn-rnn/model.ts';
import { latentSize, stateSizes, stepNoise } from '../../models/mdn-rnn/networks.ts';
import type { MdnRnnSettings } from '../../models/mdn-rnn/settings.ts';
import { ModelAgent } from '../../models/model-agent.ts';
import { drawNoise } from '../../models/noise.ts';
import { type DisposableActor, type MayPlan, PlanningActor } from '../../planning/planning-actor.ts';
import type { PlannerSettings } from '../../planning/settings.ts';
import { RandomStream } from '../../random/stream.ts';
import { mean } from '../../statistics.ts';
import type { ActingMode, Decision, Noise, PolicyName, Situation } from '../../training/acting.ts';
import type { AgentState, Member } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Row } from '../../training/events.ts';
import { memberPart } from '../../training/member-part.ts';
import { freshOptimised } from '../../training/optimise.ts';
import { type StackedTerms, stackTerms } from '../../training/pending-terms.ts';
import { type Batch, firstObservations, type Sequences } from '../../training/replay.ts';
import { TrainingState } from '../../training/training-state.ts';
import { membersOf } from '../../training/weights.ts';
import { controllerOutput } from './controller.ts';
import { Dreams, type Trial } from './dreams.ts';
import { Evolution } from './evolution.ts';
import { Fitting } from './fitting.ts';
import { trainingCost } from './flops.ts';
import { HaSchmidhuberLearner } from './learner.ts';
import { modelSettings, type Networks, networks, seenBy } from './networks.ts';
import type { HaSchmidhuberSettings } from './settings.ts';
import { cloned, LOSS_TERMS, type LossTerm, namedWeights, type Weights, weightsFrom } from './update.ts';

/** World Models of Ha and Schmidhuber: the registry's entry. */
export const haSchmidhuber = {
  create: (members: readonly Member<HaSchmidhuberSettings>[], spaces: AgentSpaces): HaSchmidhuberAgent =>
    new HaSchmidhuberAgent(members, spaces),
  trainingCost,
};

/** What z of observations is drawn with. */
const STREAMS = ['posterior'] as const;
type StreamName = (typeof STREAMS)[number];

/** V and M, and with them what acts. */
interface ModelWeights {
  vae: tf.Tensor2D | undefined;
  rnn: tf.Tensor2D;
}
/** One controller of each member, [members, numbers], or several, [members, controllers, numbers]. */
type PolicyWeights = ModelWeights & { controller: tf.Tensor2D | tf.Tensor3D };

/** V and M, which are learnt, and C, a linear controller, which is evolved. Both policies are one. */
export class HaSchmidhuberAgent
  extends ModelAgent<HaSchmidhuberSettings, Weights, StreamName, LossTerm, RememberedState>
  implements MayPlan, MayDream
{
  readonly lossTerms = LOSS_TERMS;
  readonly diagnostics: readonly string[];
  readonly hasOnePolicy = true;
  readonly carrySize: number;
  readonly noise: Readonly<Record<ActingMode, readonly Noise[]>>;

  readonly #modelSettings: MdnRnnSettings;
  readonly #networks: Networks;
  protected readonly state: TrainingState<Weights, StreamName, LossTerm>;
  readonly #evolutions: readonly Evolution[];
  readonly #exploration: Exploration | undefined;
  readonly #acting: Acting<PolicyWeights>;
  readonly #fitting: Fitting;
  readonly #dreams: Dreams<ModelWeights>;
  /** At which dreams are measured: an untrained M dreams of nothing. */
  readonly #temperatures: readonly number[];

  constructor(members: readonly Member<HaSchmidhuberSettings>[], spaces: AgentSpaces) {
    super(members, spaces);
    const { settings } = this;
    this.#modelSettings = modelSettings(settings);
    this.#networks = networks(settings, spaces);
    const { vae, rnn, head, controllerSize } = this.#networks;
    this.state = new TrainingState({
      seeds: this.seeds,
      names: { named: namedWeights, from: weightsFrom },
      initial: (streams) => ({
        vae: vae && freshOptimised(vae.initialise(streams('vae-weights'))),
        rnn: freshOptimised(rnn.initialise(streams('rnn-weights'))),
        controller: tf.zeros([members.length, controllerSize]),
      }),
      streams: STREAMS,
      lossTerms: LOSS_TERMS,
    });
    this.#evolutions = members.map(
      ({ seed, settings: { controller } }) => new Evolution(seed, controllerSize, controller),
    );
    const { exploration: amount, temperatures, model } = settings;
    this.#temperatures = model.rnn === 'untrained' ? [] : temperatures;
    this.#exploration = amount > 0 ? exploration(spaces.actionSpace, amount) : undefined;
    this.carrySize = followedSize({ stateSizes: stateSizes(this.#modelSettings, spaces) }, spaces.actions);
    this.noise = { sampled: this.#exploration?.noise ?? [], greedy: [] };
    this.diagnostics = [
      ...diagnosticColumns(spaces, { decodes: true, isProbed: true }),
      ...['generations', 'step_size', ...this.#temperatures.map(dreamColumn)],
    ];
    this.#acting = new Acting(members.length, spaces.observation, (inputs) => this.#decide(inputs));
    this.#fitting = new Fitting(members, this.#networks, spaces);
    this.#dreams = new Dreams<ModelWeights>({
      spaces,
      head,
      stepNoise: stepNoise(this.#modelSettings, spaces),
      model: (weights, temperature) => this.#model(weights, temperature),
      seen: (features) => seenBy(features, settings, spaces),
    });
  }

  act(situation: Situation, _policy: PolicyName, _mode: ActingMode): Promise<Decision> {
    const { controller } = this.state.weights;
    return this.#acting.decide({ ...this.#modelWeights, controller }, situation);
  }

  /** Acts greedily, each environment by a controller of its own: [members × environments × numbers]. */
  actBy(numbers: Float32Array, situation: Situation): Promise<Decision> {
    const size = this.#networks.controllerSize;
    const members = this.members.length;
    const controller = tf.tensor3d(numbers, [members, numbers.length / (members * size), size]);
    const deciding = this.#acting.decide({ ...this.#modelWeights, controller }, situation);
    return deciding.finally(() => controller.dispose());
  }

  planningActor(settings: PlannerSettings): DisposableActor {
    const { temperature } = this.settings;
    return new PlanningActor(
      {
        members: this.members.length,
        spaces: this.spaces,
        weights: () => this.#modelWeights,
        model: (weights: ModelWeights) => this.#model(weights, temperature),
      },
      settings,
    );
  }

  learner(environment: EnvironmentEntry): HaSchmidhuberLearner {
    return new HaSchmidhuberLearner(this, environment, this.seeds, this.settings);
  }

  /**
   * One update of V.
   *
   * @param batch single observations: windows of one step
   * @param update number of this update of V, from 1
   */
  fitVae(batch: Batch, update: number): void {
    this.state.update((weights) => {
      const noise = this.#posteriorNoise([batch.batch]);
      const { learnt, terms } = this.#fitting.vae(weights.vae!, batch, noise, update);
      return { weights: { ...cloned(weights), vae: learnt }, terms };
    });
  }

  /** One update of M. @param update number of this update of M, from 1 */
  fitRnn(batch: Batch, update: number): void {
    this.state.update((weights) => {
      const noise = weights.vae && this.#posteriorNoise([batch.batch, 2 * batch.time]);
      const { learnt, terms } = this.#fitting.rnn(weights, batch, noise, update);
      return { weights: { ...cloned(weights), rnn: learnt }, terms };
    });
  }

  /**
   * One generation of every member's controllers in dreams.
   *
   * @param starts first observations of its dreams, of each member: [members × episodes × observation]
   */
  async evolve(starts: Float32Array): Promise<void> {
    if (!this.#evolutions.every(({ isOver }) => isOver)) await this.#nextGeneration(starts);
    const reports = this.#evolutions.map(({ report }) => report!);
    this.#adoptMeans(() =>
      stackTerms({
        population_return: tf.tensor1d(reports.map(({ population }) => population)),
        best_return: tf.tensor1d(reports.map(({ best }) => best)),
      }),
    );
  }

  async #nextGeneration(starts: Float32Array): Promise<void> {
    const { episodes, dreamSteps, population } = this.settings.controller;
    const { controllerSize } = this.#networks;
    const generations = this.#evolutions.map((evolution) => evolution.ask());
    const numbers = generations.flatMap(({ candidates }) => candidates.flatMap((numbers) => [...numbers]));
    const shape: [number, number] = [this.members.length, population];
    const returns = await this.#dream({
      controllers: tf.tensor3d(numbers, [...shape, controllerSize]),
      starts: tf.tensor3d(starts, [this.members.length, episodes, this.spaces.observation]),
      temperature: this.settings.temperature,
      steps: dreamSteps,
      streams: this.#evolutions.map((evolution) => evolution.stream('dreams')),
    });
    for (const [member, evolution] of this.#evolutions.entries()) {
      const own = memberPart(returns, this.members.length, member);
      const means = generations[member]!.candidates.map(
        (_, k) => mean([...own.subarray(k * episodes, (k + 1) * episodes)])!,
      );
      if (!evolution.isOver) evolution.tell(generations[member]!, means, true);
    }
  }

  /** The evolution of each member's controller. Who tells one of them of a generation calls `adopt`. */
  get evolutions(): readonly Evolution[] {
    return this.#evolutions;
  }

  /** Acts by the means of the controllers' distributions as they stand. */
  adopt(): void {
    this.#adoptMeans(() => undefined);
  }

  /** @param terms what an update of it reports; undefined: it is none */
  #adoptMeans(terms: () => StackedTerms<LossTerm> | undefined): void {
    const means = this.#evolutions.flatMap((evolution) => [...evolution.mean]);
    this.state.update((weights) => ({
      weights: { ...cloned(weights), controller: tf.tensor2d(means, weights.controller.shape) },
      terms: terms(),
    }));
  }

  /** Returns of dreams, [members, controllers, episodes]; frees the tensors that it is given. */
  async #dream(trial: Omit<Trial<ModelWeights>, 'weights'>): Promise<Float32Array> {
    try {
      return await this.#dreams.returns({ ...trial, weights: this.#modelWeights });
    } finally {
      tf.dispose([trial.controllers, trial.starts]);
    }
  }

  /** What dreams promise the controller at each temperature, from where its own episodes began. */
  protected override async measuredBeside(
    own: readonly Sequences[],
    steps: readonly number[],
  ): Promise<Row[]> {
    const rows = this.#evolutions.map(({ generations, sigma }): Row => ({ generations, step_size: sigma }));
    const starts = own.flatMap((episodes) => firstObservations(episodes, this.spaces.observation));
    const { controller } = this.state.weights;
    for (const temperature of this.#temperatures) {
      const returns = await this.#dream({
        controllers: tf.tidy(() => tf.expandDims(controller, 1)) as tf.Tensor3D,
        starts: tf.tensor3d(starts, [own.length, own[0]!.batch, this.spaces.observation]),
        temperature,
        steps: this.settings.controller.dreamSteps,
        streams: this.seeds.map((seed, i) => RandomStream.named(seed, `diagnosis/${steps[i]}/dreams`)),
      });
      for (const [member, row] of rows.entries()) {
        row[dreamColumn(temperature)] = mean([...memberPart(returns, own.length, member)]);
      }
    }
    return rows;
  }

  dream(member: number, episodes: Sequences, plan: DreamPlan): Promise<DreamedStep[][]> {
    return dream(() => this.#trained(member, 1), this.spaces, episodes, plan);
  }

  protected measured(from: number, members: number): MeasuredModel<RememberedState> {
    // Nothing is discounted: there is no value.
    return { model: this.#trained(from, members), gamma: 1, isProbed: true };
  }

  override async save(): Promise<AgentState[]> {
    const states = await super.save();
    return states.map(({ arrays, streams }, member) => ({
      arrays: { ...arrays, ...this.#evolutions[member]!.save() },
      streams,
    }));
  }

  override load(states: readonly AgentState[]): void {
    super.load(states);
    for (const [member, { arrays }] of states.entries()) this.#evolutions[member]!.load(arrays);
  }

  override dispose(): void {
    this.#acting.dispose();
    this.#dreams.dispose();
    this.#fitting.dispose();
    super.dispose();
  }

  #decide({ weights, observations, carry, noise }: DecisionInputs<PolicyWeights>): DecisionTensors {
    const { actionSpace, observationScale } = this.spaces;
    const { controller } = weights;
    const controllers = controller.rank === 2 ? tf.expandDims(controller, 1) : controller;
    const scaled = tf.div<tf.Tensor3D>(observations, [...observationScale]);
    const model = this.#model(weights, 1);
    const { state } = followStep(model, carry!, scaled, undefined);
    const seen = seenBy(model.features(state), this.settings, this.spaces);
    const best = this.#networks.head.decide(controllerOutput(controllers, seen));
    const taken = noise ? this.#exploration!.explore(best, noise) : best;
    return {
      actions: taken,
      carry: carryStep(model, state, encodeActions(actionSpace, taken) as tf.Tensor3D),
    };
  }

  get #modelWeights(): ModelWeights {
    const { vae, rnn } = this.state.weights;
    return { vae: vae?.parameters, rnn: rnn.parameters };
  }

  /** The models of some members. */
  #trained(from: number, members: number): MdnRnn {
    const { vae, rnn } = this.#modelWeights;
    const own = { vae: vae && membersOf(vae, from, members), rnn: membersOf(rnn, from, members) };
    return this.#model(own, this.settings.temperature);
  }

  #model({ vae, rnn }: ModelWeights, temperature: tf.Scalar | number): MdnRnn {
    const parameters = {
      vae: vae && this.#networks.vae!.unpack(vae),
      rnn: this.#networks.rnn.unpack(rnn),
    };
    return mdnRnnModel(parameters, this.#modelSettings, this.spaces, temperature);
  }

  /** ε of z: [members, …shape, latent] */
  #posteriorNoise(shape: readonly number[]): tf.Tensor {
    const noise: Noise = { distribution: 'normal', size: latentSize(this.#modelSettings, this.spaces) };
    return drawNoise(noise, shape, this.state.eachStream('posterior'));
  }
}

/** The column of metrics.csv for dreams at a temperature. */
const dreamColumn = (temperature: number): string => `dream_return_at_${temperature}`;

import * as tf from '@tensorflow/tfjs-core';
import type { EnvironmentEntry } from '../../envs/index.ts';
import { Acting } from '../../models/acting.ts';
import { encodeActions } from '../../models/action-encoding.ts';
import { drawNoise } from '../../models/noise.ts';
import { absorbNext } from '../../models/shortcut/model.ts';
import { flatMemory, memoryOf, memorySize } from '../../models/shortcut/networks.ts';
import { biasCorrection, zeroMoments } from '../../nn/adam.ts';
import type { Decision, Situation } from '../../training/acting.ts';
import type { Member, Method } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Row } from '../../training/events.ts';
import { drawnContexts, drawnWindows, type Frames } from '../../training/frames.ts';
import { memberScalars } from '../../training/member-scalars.ts';
import { type OfflineAgent, OfflineLearner } from '../../training/offline-learner.ts';
import { compiledUpdate } from '../../training/pending-terms.ts';
import { heldOutEpisodes, type RecordedEpisodes } from '../../training/recorded-episodes.ts';
import type { Sequences } from '../../training/replay.ts';
import { StatefulAgent } from '../../training/stateful-agent.ts';
import { TrainingState } from '../../training/training-state.ts';
import { Diagnosis, diagnosisColumns } from './diagnosis.ts';
import { Imagining, type ImaginingWeights, modelOf } from './imagination.ts';
import { latentMoments, latentScale, toLatent } from './latent-scale.ts';
import {
  initialWeights,
  type Learnt,
  type Networks,
  namedWeights,
  nearest,
  networksOf,
  type Weights,
  weightsFrom,
} from './networks.ts';
import { rmsCorrection } from './running-rms.ts';
import { cosineFactor } from './schedule.ts';
import { type Dreamer4Settings, PHASES, phaseOf } from './settings.ts';
import {
  type AgentInputs,
  type DynamicsInputs,
  type ImaginationInputs,
  LOSS_TERMS,
  type LossTerm,
  learnAgent,
  learnDynamics,
  learnImagined,
} from './update.ts';
import { type Drawn, drawForcing, uploadFrameActions, uploadHeadTargets } from './windows.ts';

/** Dreamer 4 (Hafner et al. 2025) from recorded episodes: the registry's entry. */
export const dreamer4: Method<Dreamer4Settings> = {
  create: (members, spaces) => new Dreamer4Agent(members, spaces),
};

/** Above it the value is said to lag behind. */
const LARGEST_POSITIVE_SHARE = 0.9;

/** The streams that updates draw from: noise levels and noise, imagined frames, imagined actions. */
type Stream = 'forcing' | 'sampler' | 'policy';

class Dreamer4Agent
  extends StatefulAgent<Dreamer4Settings, Weights, Stream, LossTerm>
  implements OfflineAgent<Frames>
{
  readonly lossTerms = LOSS_TERMS;
  readonly diagnostics: readonly string[];
  readonly hasOnePolicy = true;
  readonly carrySize: number;
  readonly noise;

  readonly #networks: Networks;
  readonly #acting: Acting<ImaginingWeights>;
  readonly #imagining: Imagining;
  readonly #diagnosis: Diagnosis;
  protected readonly state: TrainingState<Weights, Stream, LossTerm>;

  constructor(members: readonly Member<Dreamer4Settings>[], spaces: AgentSpaces) {
    super(members, spaces);
    const networks = networksOf(this.settings, spaces);
    this.#networks = networks;
    const { head } = networks;
    this.noise = { sampled: [head.noise], greedy: [] };
    // Whether an episode is going on, the action before, and the memory.
    this.carrySize = 1 + spaces.actions + memorySize(networks.shape);
    this.#acting = new Acting(members.length, spaces.observation, ({ weights, observations, carry, noise }) =>
      this.#decide(weights, observations, carry!, noise),
    );
    const { samplingSteps } = this.settings.imagination;
    this.#imagining = new Imagining(networks, samplingSteps);
    this.#diagnosis = new Diagnosis(networks, this.#imagining, this.settings, spaces);
    this.diagnostics = diagnosisColumns(this.settings);
    this.state = new TrainingState({
      seeds: this.seeds,
      names: { named: namedWeights, from: weightsFrom },
      initial: (streams) => initialWeights(networks, streams),
      streams: ['forcing', 'sampler', 'policy'],
      lossTerms: LOSS_TERMS,
    });
  }

  /** The weights that act and imagine. */
  get #imaginingWeights(): ImaginingWeights {
    const { world, policy, latent } = this.state.weights;
    return { world: world.parameters, policy: policy.parameters, latent };
  }

  /** With hardly an action that came out badly there is nothing to tell the good ones by. */
  cautionOf({ positive_share: share }: Row): string | undefined {
    if (share === null || share === undefined || share <= LARGEST_POSITIVE_SHARE) return undefined;
    return `${Math.round(100 * share)} % of the imagined advantages are positive, so that whatever is sampled becomes likelier: its value lags behind; raise imagination.valueWarmUp or imagination.valueLearningRate`;
  }

  act(situation: Situation): Promise<Decision> {
    return this.#acting.decide(this.#imaginingWeights, situation);
  }

  #decide(
    weights: ImaginingWeights,
    observations: tf.Tensor3D,
    carry: tf.Tensor3D,
    noise: tf.Tensor | undefined,
  ): { actions: tf.Tensor; carry: tf.Tensor } {
    const networks = this.#networks;
    const { actions: count, actionSpace } = this.spaces;
    const [isGoing, before, remembered] = tf.split(carry, [1, count, memorySize(networks.shape)], 2);
    const action = tf.expandDims(tf.concat([before!, tf.sub(1, isGoing!)], 2), 2);
    const latent = toLatent(latentScale(weights.latent), tf.expandDims(observations, 2));
    const model = modelOf(networks, weights);
    const { state, agent } = absorbNext(model, latent, action, memoryOf(networks.shape, remembered!));
    const output = nearest(networks, networks.policy.unpack(weights.policy), 'policy', agent);
    const actions = networks.head.decide(output, noise);
    const taken = encodeActions(actionSpace, actions);
    return {
      actions,
      carry: tf.concat([tf.onesLike(isGoing!), taken, flatMemory(state.memory)], 2),
    };
  }

  learner(_environment: EnvironmentEntry, data?: RecordedEpisodes): OfflineLearner<Frames> {
    if (!data) throw new Error('Dreamer 4 learns from recorded episodes');
    const { heldOut, sequence, batch, imagination } = this.settings;
    const { training, heldOut: unseen } = heldOutEpisodes(data, heldOut);
    this.#diagnosis.measureOn(data, unseen);
    const moments = latentMoments(data, training, this.spaces);
    this.state.update((weights) => {
      const latent = tf.tile(tf.tensor2d(moments, [1, moments.length]), [this.seeds.length, 1]);
      return { weights: { ...weights, latent: latent as tf.Tensor2D }, terms: undefined };
    });
    const episodes = this.seeds.map(() => training);
    const windows = drawnWindows(data, { episodes, count: batch, time: sequence }, this.spaces);
    const contexts = drawnContexts(
      data,
      { episodes, count: imagination.starts, time: sequence },
      this.spaces,
    );
    return new OfflineLearner(this, data, this.seeds, (update) =>
      phaseOf(this.settings, update).name === 'imagination' ? contexts : windows,
    );
  }

  update(frames: Frames, update: number): void {
    const { name, index } = phaseOf(this.settings, update);
    if (name === 'imagination') this.#imagine(frames, index);
    else if (name === 'agent') this.#learnAgent(frames, index);
    else this.#learnDynamics(frames, index);
  }

  /** What dynamics and heads learn from, of frames, and how far they step in a phase of so many updates. */
  #worldInputs(
    { world, latent }: Weights,
    frames: Frames,
    index: number,
    updates: number,
    cleanShare: number,
  ): { inputs: DynamicsInputs; drawn: Drawn } {
    const { column } = memberScalars(this.members);
    const drawn = drawForcing(this.settings, frames, this.state.eachStream('forcing'), cleanShare);
    const observation = tf.tensor(frames.observation, drawn.noise.shape);
    const { warmUp } = this.settings.optimizer;
    const factor = cosineFactor(index, updates, warmUp);
    return {
      drawn,
      inputs: {
        world: this.#fresh(world, index),
        latent,
        forcing: {
          ...drawn.inputs,
          clean: toLatent(latentScale(latent), observation),
          noise: drawn.noise,
          action: uploadFrameActions(frames, this.spaces),
        },
        correction: biasCorrection(index),
        learningRate: column(({ optimizer }) => factor * optimizer.learningRate),
      },
    };
  }

  /** Parameters with moments that begin anew with a phase. */
  #fresh({ parameters, moments }: Learnt, index: number): Learnt {
    return {
      parameters,
      moments: index === 1 ? zeroMoments(this.seeds.length, parameters.shape[1]) : moments,
    };
  }

  #learnDynamics(frames: Frames, index: number): void {
    const { dynamics } = this.settings.phases;
    this.state.update((weights) => {
      const { inputs } = this.#worldInputs(weights, frames, index, dynamics, 0);
      const { world, terms } = this.#dynamicsUpdate.run(inputs);
      return { weights: { ...weights, world }, terms };
    });
  }

  readonly #dynamicsUpdate = compiledUpdate((inputs: DynamicsInputs) =>
    learnDynamics(this.#networks, this.settings, inputs),
  );

  #learnAgent(frames: Frames, index: number): void {
    const { phases, agent, optimizer } = this.settings;
    this.state.update((weights) => {
      const { inputs, drawn } = this.#worldInputs(weights, frames, index, phases.agent, agent.cleanWindows);
      const { world, policy, lossSquares, terms } = this.#agentUpdate.run({
        ...inputs,
        heads: uploadHeadTargets(frames, drawn.clean, agent.distances, this.spaces),
        lossSquares: weights.lossSquares,
        rmsCorrection: tf.scalar(rmsCorrection(optimizer.rmsDecay, index)),
      });
      const own = { parameters: policy, moments: weights.policy.moments };
      return { weights: { ...weights, world, policy: own, lossSquares }, terms };
    });
  }

  readonly #agentUpdate = compiledUpdate((inputs: AgentInputs) =>
    learnAgent(this.#networks, this.settings, inputs),
  );

  #imagine(frames: Frames, index: number): void {
    const { horizon, valueWarmUp } = this.settings.imagination;
    const { members, batch, time } = frames;
    const { column, vector } = memberScalars(this.members);
    this.state.update((weights) => {
      const imagining = this.#imaginingWeights;
      const rows: [number, number, number] = [members, batch, time];
      let { state, agent } = this.#imagining.start.run({
        weights: { world: imagining.world, latent: imagining.latent },
        observation: tf.tensor(frames.observation, [...rows, this.spaces.observation]),
        action: uploadFrameActions(frames, this.spaces),
        seen: tf.tensor3d(frames.mask, rows),
      });
      const known = [agent];
      const steps: Record<'taken' | 'reward' | 'goesOn', tf.Tensor[]> = { taken: [], reward: [], goesOn: [] };
      const latentNoise = { distribution: 'normal', size: this.spaces.observation } as const;
      for (let t = 0; t < horizon; t++) {
        const step = this.#imagining.step.run({
          ...{ weights: imagining, state, agent },
          actionNoise: drawNoise(this.#networks.head.noise, [batch], this.state.eachStream('policy')),
          latentNoise: drawNoise(latentNoise, [batch, 1], this.state.eachStream('sampler')),
        });
        ({ state, agent } = step);
        known.push(agent);
        for (const name of ['taken', 'reward', 'goesOn'] as const) steps[name].push(step[name]);
      }
      const { policy, value, terms } = this.#imaginationUpdate.run({
        policy: this.#fresh(weights.policy, index),
        value: this.#fresh(weights.value, index),
        prior: this.#networks.world.slice(weights.world.parameters, 'policy'),
        agent: tf.stack(known, 2),
        taken: tf.stack(steps.taken, 2),
        reward: tf.stack(steps.reward, 2) as tf.Tensor3D,
        goesOn: tf.stack(steps.goesOn, 2) as tf.Tensor3D,
        correction: biasCorrection(index),
        learningRates: {
          policy: column(({ imagination }) => (index > valueWarmUp ? imagination.policyLearningRate : 0)),
          value: column(({ imagination }) => imagination.valueLearningRate),
        },
        gamma: tf.reshape(
          vector(({ imagination }) => imagination.gamma),
          [members, 1, 1],
        ),
        alpha: vector(({ imagination }) => imagination.alpha),
        beta: vector(({ imagination }) => imagination.beta),
      });
      return { weights: { ...weights, policy, value }, terms };
    });
  }

  readonly #imaginationUpdate = compiledUpdate((inputs: ImaginationInputs) =>
    learnImagined(this.#networks, this.settings, inputs),
  );

  async diagnose(_heldOut: Sequences, _own: readonly Sequences[], step: number): Promise<Row[]> {
    const measured = await this.#diagnosis.measure(this.#imaginingWeights, this.seeds, step);
    return measured.map((row) => ({ phase: PHASES[phaseOf(this.settings, step).name], ...row }));
  }

  override dispose(): void {
    this.#acting.dispose();
    this.#imagining.dispose();
    this.#diagnosis.dispose();
    this.#dynamicsUpdate.dispose();
    this.#agentUpdate.dispose();
    this.#imaginationUpdate.dispose();
    super.dispose();
  }
}

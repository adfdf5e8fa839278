import * as tf from '@tensorflow/tfjs-core';
import type { EnvironmentEntry } from '../../envs/index.ts';
import { Acting } from '../../models/acting.ts';
import { type DreamedStep, type DreamPlan, dreamAlong, type MayDream } from '../../models/dreams.ts';
import { drawNoise } from '../../models/noise.ts';
import { biasCorrection } from '../../nn/adam.ts';
import { RandomStream } from '../../random/stream.ts';
import type { Decision, Situation } from '../../training/acting.ts';
import type { AgentState, Member, Method } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Row } from '../../training/events.ts';
import type { Frames } from '../../training/frames.ts';
import { memberScalars } from '../../training/member-scalars.ts';
import { type OfflineAgent, OfflineLearner } from '../../training/offline-learner.ts';
import { freshOptimised, type Optimised } from '../../training/optimise.ts';
import { compiledUpdate } from '../../training/pending-terms.ts';
import { heldOutEpisodes, type RecordedEpisodes } from '../../training/recorded-episodes.ts';
import type { Sequences } from '../../training/replay.ts';
import { StatefulAgent } from '../../training/stateful-agent.ts';
import { TrainingState } from '../../training/training-state.ts';
import { carrySize, decide } from './decide.ts';
import { Diagnosis, diagnosisColumns } from './diagnosis.ts';
import { dreamFrom } from './dreaming.ts';
import { Imagining, type ImaginingWeights } from './imagination.ts';
import { latentMoments, latentScale, standardised } from './latent-scale.ts';
import { Lessons } from './lessons.ts';
import { uploadMasked } from './masked-autoencoding.ts';
import {
  initialWeights,
  type Networks,
  namedWeights,
  networksOf,
  type Weights,
  weightsFrom,
} from './networks.ts';
import { laggingValue } from './reports.ts';
import { rmsCorrection } from './running-rms.ts';
import { cosineFactor } from './schedule.ts';
import { type Dreamer4Settings, phaseOf } from './settings.ts';
import {
  type AgentInputs,
  type DynamicsInputs,
  type ImaginationInputs,
  type LossTerm,
  learnAgent,
  learnDynamics,
  learnImagined,
  learnTokenizer,
  lossTermsOf,
  type TokenizerInputs,
} from './update.ts';
import { type Drawn, drawForcing, uploadFrameActions, uploadHeadTargets } from './windows.ts';

/** Dreamer 4 (Hafner et al. 2025) from recorded episodes: the registry's entry. */
export const dreamer4: Method<Dreamer4Settings> = {
  create: (members, spaces) => new Dreamer4Agent(members, spaces),
};

/** The streams that updates draw from: masks, noise levels and noise, imagined frames, imagined actions. */
type Stream = 'masks' | 'forcing' | 'sampler' | 'policy';

class Dreamer4Agent
  extends StatefulAgent<Dreamer4Settings, Weights, Stream, LossTerm>
  implements OfflineAgent<Frames>, MayDream
{
  readonly lossTerms: readonly LossTerm[];
  readonly diagnostics: readonly string[];
  readonly hasOnePolicy = true;
  readonly carrySize: number;
  readonly noise;

  readonly #networks: Networks;
  readonly #acting: Acting<ImaginingWeights>;
  readonly #imagining: Imagining;
  readonly #diagnosis: Diagnosis;
  /** Undefined before it learns. */
  #lessons: Lessons | undefined;
  protected readonly state: TrainingState<Weights, Stream, LossTerm>;

  constructor(members: readonly Member<Dreamer4Settings>[], spaces: AgentSpaces) {
    super(members, spaces);
    const networks = networksOf(this.settings, spaces);
    this.#networks = networks;
    this.lossTerms = lossTermsOf(networks);
    const { head } = networks;
    this.noise = { sampled: [head.noise], greedy: [] };
    this.carrySize = carrySize(networks, spaces);
    this.#acting = new Acting(members.length, spaces.observation, (inputs) =>
      decide(networks, spaces, inputs),
    );
    const { samplingSteps } = this.settings.imagination;
    this.#imagining = new Imagining(networks, samplingSteps);
    this.#diagnosis = new Diagnosis(networks, this.#imagining, this.settings, spaces);
    this.diagnostics = diagnosisColumns(this.settings, spaces.image !== undefined);
    this.state = new TrainingState({
      seeds: this.seeds,
      names: { named: namedWeights, from: weightsFrom },
      initial: (streams) => initialWeights(networks, streams),
      streams: [...(networks.tokenizer ? (['masks'] as const) : []), 'forcing', 'sampler', 'policy'],
      lossTerms: this.lossTerms,
    });
  }

  /** The weights that act and imagine. */
  get #imaginingWeights(): ImaginingWeights {
    const { tokenizer, world, policy, latent } = this.state.weights;
    return {
      ...(tokenizer && { tokenizer: tokenizer.parameters }),
      ...{ world: world.parameters, policy: policy.parameters, latent },
    };
  }

  cautionOf(losses: Row): string | undefined {
    return laggingValue(losses);
  }

  act(situation: Situation): Promise<Decision> {
    return this.#acting.decide(this.#imaginingWeights, situation);
  }

  learner(_environment: EnvironmentEntry, data?: RecordedEpisodes): OfflineLearner<Frames> {
    if (!data) throw new Error('Dreamer 4 learns from recorded episodes');
    this.measureOn(data);
    const { training } = heldOutEpisodes(data, this.settings.heldOut);
    const lessons = new Lessons({
      ...{ data, episodes: training, members: this.seeds.length },
      ...{ settings: this.settings, spaces: this.spaces, networks: this.#networks },
    });
    this.#lessons = lessons;
    if (!this.#networks.tokenizer) {
      const moments = latentMoments(data, training, this.spaces);
      this.state.update((weights) => {
        const latent = tf.tile(tf.tensor2d(moments, [1, moments.length]), [this.seeds.length, 1]);
        return { weights: { ...weights, latent: latent as tf.Tensor2D }, terms: undefined };
      });
    }
    return new OfflineLearner(this, data, this.seeds, (update) => lessons.drawFor(update));
  }

  /** Takes what the model is measured on: those of the episodes that nothing is learnt from. */
  measureOn(data: RecordedEpisodes): void {
    this.#diagnosis.measureOn(data, heldOutEpisodes(data, this.settings.heldOut).heldOut);
  }

  override load(states: readonly AgentState[]): void {
    super.load(states);
    this.#lessons?.forget();
  }

  async update(frames: Frames, update: number): Promise<void> {
    const { name, index } = phaseOf(this.settings, update);
    if (name === 'tokenizer') {
      this.#learnTokenizer(frames, index);
      return;
    }
    const latents = await this.#rawLatents(frames, name === 'dynamics' && index === 1);
    if (name === 'imagination') this.#imagine(frames, latents, index);
    else if (name === 'agent') this.#learnAgent(frames, latents, index);
    else this.#learnDynamics(frames, latents, index);
  }

  #learnTokenizer(frames: Frames, index: number): void {
    const { phases, optimizer, tokenizer } = this.settings;
    const { shape, brightest } = this.#networks.tokenizer!;
    const { column } = memberScalars(this.members);
    const litWeight = this.#lessons!.litWeights();
    const factor = cosineFactor(index, phases.tokenizer, optimizer.warmUp);
    this.state.update((weights) => {
      const images = tf.tensor(frames.observation, [frames.members, frames.batch, this.spaces.observation]);
      const masks = this.state.eachStream('masks');
      const learnt = this.#tokenizerUpdate.run({
        tokenizer: this.#fresh(weights.tokenizer!, index),
        images: {
          images: tf.div(images, brightest),
          masked: uploadMasked(shape, frames.batch, tokenizer.masked, masks),
          litWeight: litWeight && tf.tensor1d(litWeight),
        },
        correction: biasCorrection(index),
        learningRate: column(({ tokenizer }) => factor * tokenizer.learningRate),
      });
      return { weights: { ...weights, tokenizer: learnt.tokenizer }, terms: learnt.terms };
    });
  }

  readonly #tokenizerUpdate = compiledUpdate((inputs: TokenizerInputs) =>
    learnTokenizer(this.#networks, this.settings, inputs),
  );

  /**
   * What the tokenizer makes of frames, not standardised: [members, batch, time, latent]. The first time after the tokenizer
   * has learnt, latents take the scale of those that it makes.
   */
  async #rawLatents(frames: Frames, isFirst: boolean): Promise<Float32Array> {
    const { tokenizer } = this.state.weights;
    if (!tokenizer) return frames.observation;
    const stored = await this.#lessons!.stored(tokenizer.parameters);
    if (isFirst) {
      const scaled = (weights: Weights) => ({ ...weights, latent: stored.moments() });
      this.state.update((weights) => ({ weights: scaled(weights), terms: undefined }));
    }
    return stored.of(frames);
  }

  /** z of frames. */
  #latents({ latent }: Weights, { members, batch, time }: Frames, raw: Float32Array): tf.Tensor {
    const own = tf.tensor(raw, [members, batch, time, this.#networks.shape.latent]);
    return standardised(latentScale(latent), own);
  }

  /** What dynamics and heads learn from, of frames, and how far they step in a phase of so many updates. */
  #worldInputs(
    weights: Weights,
    frames: Frames,
    latents: Float32Array,
    index: number,
    updates: number,
    cleanShare: number,
  ): { inputs: DynamicsInputs; drawn: Drawn } {
    const { world, latent } = weights;
    const { column } = memberScalars(this.members);
    const size = this.#networks.shape.latent;
    const drawn = drawForcing(this.settings, frames, size, this.state.eachStream('forcing'), cleanShare);
    const { warmUp } = this.settings.optimizer;
    const factor = cosineFactor(index, updates, warmUp);
    return {
      drawn,
      inputs: {
        world: this.#fresh(world, index),
        latent,
        forcing: {
          ...drawn.inputs,
          clean: this.#latents(weights, frames, latents),
          noise: drawn.noise,
          action: uploadFrameActions(frames, this.spaces),
        },
        correction: biasCorrection(index),
        learningRate: column(({ optimizer }) => factor * optimizer.learningRate),
      },
    };
  }

  /** Parameters with moments that begin anew with a phase. */
  #fresh(learnt: Optimised, index: number): Optimised {
    return index === 1 ? freshOptimised(learnt.parameters) : learnt;
  }

  #learnDynamics(frames: Frames, latents: Float32Array, index: number): void {
    const { dynamics } = this.settings.phases;
    this.state.update((weights) => {
      const { inputs } = this.#worldInputs(weights, frames, latents, index, dynamics, 0);
      const { world, terms } = this.#dynamicsUpdate.run(inputs);
      return { weights: { ...weights, world }, terms };
    });
  }

  readonly #dynamicsUpdate = compiledUpdate((inputs: DynamicsInputs) =>
    learnDynamics(this.#networks, this.settings, inputs),
  );

  #learnAgent(frames: Frames, latents: Float32Array, index: number): void {
    const { phases, agent, optimizer } = this.settings;
    this.state.update((weights) => {
      const clean = agent.cleanWindows;
      const { inputs, drawn } = this.#worldInputs(weights, frames, latents, index, phases.agent, clean);
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

  #imagine(frames: Frames, latents: Float32Array, index: number): void {
    const { horizon, valueWarmUp } = this.settings.imagination;
    const { members, batch, time } = frames;
    const { column, vector } = memberScalars(this.members);
    this.state.update((weights) => {
      const rows: [number, number, number] = [members, batch, time];
      const context = {
        latent: this.#latents(weights, frames, latents),
        action: uploadFrameActions(frames, this.spaces),
        seen: tf.tensor3d(frames.mask, rows),
      };
      const latentNoise = { distribution: 'normal', size: this.#networks.shape.latent } as const;
      const imagined = this.#imagining.episode(this.#imaginingWeights, context, horizon, () => ({
        actionNoise: drawNoise(this.#networks.head.noise, [batch], this.state.eachStream('policy')),
        latentNoise: drawNoise(latentNoise, [batch, 1], this.state.eachStream('sampler')),
      }));
      const { policy, value, terms } = this.#imaginationUpdate.run({
        policy: this.#fresh(weights.policy, index),
        value: this.#fresh(weights.value, index),
        prior: this.#networks.world.slice(weights.world.parameters, 'policy'),
        ...imagined,
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

  diagnose(_heldOut: () => Sequences, _own: readonly Sequences[], steps: readonly number[]): Promise<Row[]> {
    return this.#diagnosis.measure(this.#imaginingWeights, this.seeds, steps);
  }

  dream(member: number, episodes: Sequences, plan: DreamPlan): Promise<DreamedStep[][]> {
    const { samplingSteps } = this.settings.imagination;
    const random = RandomStream.named(this.seeds[member]!, 'dream');
    const [networks, spaces, weights] = [this.#networks, this.spaces, this.#imaginingWeights];
    return dreamAlong(spaces, episodes, plan, (starts, horizon) =>
      dreamFrom({ networks, spaces, weights, member, samplingSteps, random }, episodes, starts, horizon),
    );
  }

  override dispose(): void {
    this.#acting.dispose();
    this.#tokenizerUpdate.dispose();
    this.#imagining.dispose();
    this.#diagnosis.dispose();
    this.#dynamicsUpdate.dispose();
    this.#agentUpdate.dispose();
    this.#imaginationUpdate.dispose();
    super.dispose();
  }
}

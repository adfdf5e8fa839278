import type * as tf from '@tensorflow/tfjs-core';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { drawnContexts, drawnFrames, drawnWindows, everyFrame, type Frames } from '../../training/frames.ts';
import type { ExampleDraw } from '../../training/offline-learner.ts';
import type { RecordedEpisodes } from '../../training/recorded-episodes.ts';
import { litWeights } from './masked-autoencoding.ts';
import type { Networks } from './networks.ts';
import { type Dreamer4Settings, type PhaseName, phaseOf } from './settings.ts';
import { StoredLatents } from './stored-latents.ts';

/** Who learns, and from what. */
interface LessonSource {
  data: RecordedEpisodes;
  /** Those that are learnt from. */
  episodes: Int32Array;
  members: number;
  settings: Dreamer4Settings;
  spaces: AgentSpaces;
  networks: Networks;
}

/** What is learnt from in each phase: frames, windows of them, contexts; and their latents, of images encoded once. */
export class Lessons {
  readonly #source: LessonSource;
  readonly #draws: Record<PhaseName, ExampleDraw<Frames>>;
  #litWeights: Float32Array | undefined;
  #stored: StoredLatents | undefined;

  constructor(source: LessonSource) {
    this.#source = source;
    const { data, episodes, members, settings, spaces } = source;
    const { sequence, batch, imagination, tokenizer } = settings;
    const each = Array.from({ length: members }, () => episodes);
    const windows = drawnWindows(data, { episodes: each, count: batch, time: sequence }, spaces);
    const contexts = { episodes: each, count: imagination.starts, time: sequence };
    this.#draws = {
      tokenizer: drawnFrames(data, { episodes: each, count: tokenizer.batch }, spaces),
      ...{ dynamics: windows, agent: windows },
      imagination: drawnContexts(data, contexts, spaces),
    };
  }

  /** What an update learns from, by its number from 1. */
  drawFor(update: number): ExampleDraw<Frames> {
    return this.#draws[phaseOf(this.#source.settings, update).name];
  }

  /** How much lit cells count, of images of bits: [channels]; undefined of others. */
  litWeights(): Float32Array | undefined {
    const { tokenizer } = this.#source.networks;
    if (!tokenizer?.ofBits) return undefined;
    this.#litWeights ??= litWeights(this.#images(), tokenizer.shape.image[2]);
    return this.#litWeights;
  }

  /** Every image that is learnt from, overwritten by the next. */
  *#images(): Iterable<Float32Array> {
    const { data, episodes, spaces } = this.#source;
    for (const { frames } of everyFrame(data, episodes, 1, spaces)) yield frames.observation;
  }

  /** Latents of all images by a tokenizer that has learnt, made at the first call. */
  async stored(weights: tf.Tensor2D): Promise<StoredLatents> {
    this.#stored ??= await StoredLatents.encode(this.#source, weights);
    return this.#stored;
  }

  /** Forgets those latents: the tokenizer has become another. */
  forget(): void {
    this.#stored = undefined;
  }
}

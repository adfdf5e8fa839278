import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../../engine/compiled.ts';
import { scope } from '../../engine/scope.ts';
import { bestNetworks } from '../../models/ensemble/elites.ts';
import { fitEnsemble } from '../../models/ensemble/fit.ts';
import { squaredErrors } from '../../models/ensemble/losses.ts';
import { fillStandardisation, standardisationSize } from '../../models/ensemble/standardisation.ts';
import { type BatchTensors, toWindows, uploadBatch } from '../../models/windows.ts';
import { type BiasCorrection, biasCorrection } from '../../nn/adam.ts';
import type { ParameterLayout } from '../../nn/parameters.ts';
import type { RandomStream } from '../../random/stream.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { freeOptimised, mapOptimised, type Optimised } from '../../training/optimise.ts';
import { emptyBatch, type Replay } from '../../training/replay.ts';
import { EarlyStopping } from './early-stopping.ts';
import { heldOutOf, type MbpoSettings } from './settings.ts';

/** What a fit made of one member's model. The tensors are the caller's, [1, …] each. */
export interface Fitted {
  learnt: Optimised;
  standardisation: tf.Tensor2D;
  /** Numbers of the networks that are to imagine, the best first. */
  elites: number[];
  /** Updates that it took, and passes over the data. */
  updates: number;
  passes: number;
  /** Mean over the elites of the squared error on what was held out. */
  heldOutError: number;
}

interface UpdateInputs {
  learnt: Optimised;
  batch: BatchTensors;
  standardisation: tf.Tensor2D;
  scalars: { learningRate: tf.Tensor2D; weightDecay: tf.Tensor2D };
  correction: BiasCorrection;
}

interface ErrorInputs {
  model: tf.Tensor2D;
  batch: BatchTensors;
  standardisation: tf.Tensor2D;
  weight: tf.Tensor2D;
}

/**
 * Fits an ensemble to all of a member's experience but a share that is held out at random, anew in every fit. Each network
 * learns from a bootstrap sample of its own, as many transitions drawn with replacement, pass after pass, until for some
 * passes in a row no network's held-out error has fallen by a share worth counting. The weights of the last pass that
 * counted are kept; Adam's averages are those of the last update, and go on in the next fit.
 *
 * Members are fitted one after another: when a fit ends is a matter of the member's own data.
 */
export class EnsembleFit {
  readonly #layout: ParameterLayout;
  readonly #spaces: AgentSpaces;
  readonly #update: Compiled<UpdateInputs, ReturnType<typeof fitEnsemble>>;
  readonly #errors: Compiled<ErrorInputs, { errors: tf.Tensor2D }>;

  constructor(layout: ParameterLayout, { model }: MbpoSettings, spaces: AgentSpaces) {
    this.#layout = layout;
    this.#spaces = spaces;
    this.#update = new Compiled(({ learnt, batch, standardisation, scalars, correction }: UpdateInputs) => {
      const windows = toWindows(batch, spaces);
      return fitEnsemble(layout, model, spaces, learnt, windows, standardisation, correction, scalars);
    });
    this.#errors = new Compiled(({ model: flat, batch, standardisation, weight }: ErrorInputs) => ({
      errors: squaredErrors(
        this.#layout.unpack(flat),
        model,
        spaces,
        toWindows(batch, spaces),
        standardisation,
        weight,
      ),
    }));
  }

  /**
   * @param before of one member; stays the caller's
   * @param updates made in the fits before
   * @param replay the member's experience
   * @param random the member's stream
   */
  async run(
    before: Optimised,
    updates: number,
    replay: Replay,
    random: RandomStream,
    settings: MbpoSettings,
  ): Promise<Fitted> {
    const { fit, model } = settings;
    const rows = random.permutation(replay.size);
    const held = rows.subarray(0, heldOutOf(replay.size, fit.holdOut));
    const kept = rows.subarray(held.length);
    const samples = Array.from({ length: model.networks }, () =>
      Int32Array.from(kept, () => kept[random.integer(kept.length)]!),
    );
    const size = standardisationSize(this.#spaces);
    const seen = new Float32Array(size);
    fillStandardisation(replay, this.#spaces, seen);
    const standardisation = tf.tensor2d(seen, [1, size]);
    let learnt = keepAll(before);
    let best: { parameters: tf.Tensor2D; errors: Float32Array } | undefined;
    const stopping = new EarlyStopping(fit);
    let [passes, made] = [0, updates];
    while (passes < fit.passes && !stopping.isOver) {
      const eachPass = Math.ceil(kept.length / fit.batch);
      for (let i = 0; i < eachPass; i++) {
        made++;
        const next = this.#step(learnt, standardisation, replay, samples, random, made, settings);
        freeOptimised(learnt);
        learnt = next;
      }
      passes++;
      const errors = await this.#heldOutErrors(learnt.parameters, standardisation, replay, held, settings);
      if (stopping.counts(errors)) {
        best?.parameters.dispose();
        best = { parameters: tf.keep(tf.clone(learnt.parameters)), errors };
      }
    }
    learnt.parameters.dispose();
    const { parameters, errors } = best!;
    const elites = bestNetworks(errors, model.elites);
    const heldOutError = elites.reduce((sum, network) => sum + errors[network]!, 0) / elites.length;
    return {
      learnt: { ...learnt, parameters },
      standardisation,
      elites,
      updates: made - updates,
      passes,
      heldOutError,
    };
  }

  /** One update on a batch of each network's own sample. */
  #step(
    learnt: Optimised,
    standardisation: tf.Tensor2D,
    replay: Replay,
    samples: readonly Int32Array[],
    random: RandomStream,
    update: number,
    { fit, model }: MbpoSettings,
  ): Optimised {
    const batch = emptyBatch(1, samples.length * fit.batch, 1, this.#spaces);
    for (let window = 0; window < batch.batch; window++) {
      const own = samples[Math.floor(window / fit.batch)]!;
      replay.read(replay.oldest + own[random.integer(own.length)]!, batch, window);
    }
    return scope(() => {
      const next = this.#update.run({
        learnt,
        batch: uploadBatch(batch, this.#spaces),
        standardisation,
        scalars: {
          learningRate: tf.tensor2d([[model.learningRate]]),
          weightDecay: tf.tensor2d([[model.weightDecay]]),
        },
        correction: biasCorrection(update),
      });
      // Kept beyond the scope of their gradient.
      tf.dispose(Object.values(next.terms));
      return keepAll(next.learnt);
    });
  }

  /** The mean squared error of each network on the rows held out, a batch of them at a time: [networks]. */
  async #heldOutErrors(
    model: tf.Tensor2D,
    standardisation: tf.Tensor2D,
    replay: Replay,
    held: Int32Array,
    { fit }: MbpoSettings,
  ): Promise<Float32Array> {
    const parts: tf.Tensor2D[] = [];
    for (let from = 0; from < held.length; from += fit.batch) {
      const batch = emptyBatch(1, fit.batch, 1, this.#spaces);
      const count = Math.min(fit.batch, held.length - from);
      for (let row = 0; row < count; row++) replay.read(replay.oldest + held[from + row]!, batch, row);
      // Batches of one size: what is beyond the last row counts nothing.
      const weight = new Float32Array(fit.batch).fill(1 / held.length, 0, count);
      parts.push(
        scope(() => {
          const inputs = { model, batch: uploadBatch(batch, this.#spaces), standardisation };
          return tf.keep(this.#errors.run({ ...inputs, weight: tf.tensor2d(weight, [1, fit.batch]) }).errors);
        }),
      );
    }
    const sum = scope(() => tf.keep(tf.addN(parts)));
    const errors = await sum.data<'float32'>();
    tf.dispose([sum, ...parts]);
    return errors.slice();
  }

  /** Frees what the engine keeps of it. */
  dispose(): void {
    this.#update.dispose();
    this.#errors.dispose();
  }
}

/** Handles of their own, which outlive the scope. */
const keepAll = (learnt: Optimised): Optimised => mapOptimised(learnt, (x) => tf.keep(tf.clone(x)));

import * as tf from '@tensorflow/tfjs-core';
import type { Compiled } from '../../engine/compiled.ts';
import { type BatchTensors, toWindows, uploadBatch } from '../../models/windows.ts';
import { type BiasCorrection, biasCorrection } from '../../nn/adam.ts';
import type { Member } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { memberScalars } from '../../training/member-scalars.ts';
import type { Optimised } from '../../training/optimise.ts';
import { compiledUpdate, type Stacked } from '../../training/pending-terms.ts';
import type { Batch } from '../../training/replay.ts';
import type { Networks } from './networks.ts';
import type { HaSchmidhuberSettings } from './settings.ts';
import { learnRnn, learnVae, type Updated, type Weights } from './update.ts';

/** Everything that an update is computed from, V or M being what learns. */
interface Inputs {
  learnt: Optimised;
  /** V, where M learns. */
  vae: tf.Tensor2D | undefined;
  batch: BatchTensors;
  noise: tf.Tensor | undefined;
  correction: BiasCorrection;
  learningRate: tf.Tensor2D;
}

/** The updates of V and of M on replayed batches, compiled where the engine compiles. */
export class Fitting {
  readonly #members: readonly Member<HaSchmidhuberSettings>[];
  readonly #spaces: AgentSpaces;
  readonly #vae: Compiled<Inputs, Stacked<Updated>>;
  readonly #rnn: Compiled<Inputs, Stacked<Updated>>;

  constructor(
    members: readonly Member<HaSchmidhuberSettings>[],
    { vae, rnn }: Networks,
    spaces: AgentSpaces,
  ) {
    const { settings } = members[0]!;
    this.#members = members;
    this.#spaces = spaces;
    this.#vae = compiledUpdate(({ learnt, batch, noise, correction, learningRate }) => {
      const { observation } = toWindows(batch, spaces);
      const [members, rows] = observation.shape;
      const single = tf.reshape(observation, [members, rows, -1]);
      return learnVae(vae!, settings, spaces, learnt, single, noise!, correction, learningRate);
    });
    this.#rnn = compiledUpdate(({ learnt, vae: fixed, batch, noise, correction, learningRate }) =>
      learnRnn(
        rnn,
        settings,
        spaces,
        learnt,
        fixed && vae!.unpack(fixed),
        toWindows(batch, spaces),
        noise,
        correction,
        learningRate,
      ),
    );
  }

  /**
   * @param batch windows of one step
   * @param noise of z: [members, batch, latent]
   * @param update number of this update of V, from 1
   */
  vae(learnt: Optimised, batch: Batch, noise: tf.Tensor, update: number): Stacked<Updated> {
    return this.#vae.run({
      ...this.#common(batch, update),
      learnt,
      vae: undefined,
      noise,
      learningRate: memberScalars(this.#members).column(({ vae }) => vae.learningRate),
    });
  }

  /**
   * @param noise of z, then of z′: [members, batch, 2 · time, latent]; undefined without V
   * @param update number of this update of M, from 1
   */
  rnn({ vae, rnn }: Weights, batch: Batch, noise: tf.Tensor | undefined, update: number): Stacked<Updated> {
    return this.#rnn.run({
      ...this.#common(batch, update),
      learnt: rnn,
      vae: vae?.parameters,
      noise,
      learningRate: memberScalars(this.#members).column(({ rnn }) => rnn.learningRate),
    });
  }

  /** Frees what the engine keeps of it. */
  dispose(): void {
    this.#vae.dispose();
    this.#rnn.dispose();
  }

  #common(batch: Batch, update: number): Pick<Inputs, 'batch' | 'correction'> {
    return { batch: uploadBatch(batch, this.#spaces), correction: biasCorrection(update) };
  }
}

import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../../engine/compiled.ts';
import { scope } from '../../engine/scope.ts';
import { encodeActions } from '../../models/action-encoding.ts';
import type { Ensemble } from '../../models/ensemble/model.ts';
import { drawNoise } from '../../models/noise.ts';
import { actionNoise } from '../../models/policy-head.ts';
import type { RandomStream } from '../../random/stream.ts';
import type { Noise } from '../../training/acting.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Replay } from '../../training/replay.ts';
import { drawObservations } from '../../training/transitions.ts';

/** What branches are imagined with, over weights `[members, …]`. */
export interface Imagines<Weights extends object> {
  /** The model whose sampled steps they are made of. */
  model(weights: Weights): Ensemble;
  /** Sampled actions, numbers in the box, at observations in raw units: [members, rows, …]. */
  actions(weights: Weights, observations: tf.Tensor, noise: tf.Tensor): tf.Tensor;
}

interface StepInputs<Weights> {
  weights: Weights;
  /** o, raw units: [members, rows, observation] */
  observations: tf.Tensor3D;
  actionNoise: tf.Tensor;
  /** One after the other: [members, rows, numbers of the model's `stepNoise`] */
  stepNoise: tf.Tensor;
}

/** One imagined step of every row, raw units. */
type StepTensors = Record<'action' | 'reward' | 'next', tf.Tensor> & {
  /** Logit of ĉ; absent where no end is foreseen: [members, rows] */
  continues?: tf.Tensor;
};

/**
 * Roll-outs that branch off from real states (Janner et al. 2019), by the policy's sampled actions and the model's sampled
 * steps: for so many steps, or up to where the model foresees the end, ĉ ≤ ½. The step that ends is kept, as a termination,
 * and none after it. A roll-out that is as long as it may be has no end: its last step goes on.
 */
export class Branches<Weights extends object> {
  readonly #spaces: AgentSpaces;
  readonly #noises: readonly Noise[];
  readonly #step: Compiled<StepInputs<Weights>, StepTensors>;

  /** @param noises what the model samples its steps with */
  constructor({ model, actions }: Imagines<Weights>, noises: readonly Noise[], spaces: AgentSpaces) {
    const { actionSpace, observationScale, rewardScale } = spaces;
    this.#spaces = spaces;
    this.#noises = noises;
    this.#step = new Compiled(({ weights, observations, actionNoise, stepNoise }: StepInputs<Weights>) => {
      const scale = tf.tensor1d([...observationScale]);
      const ensemble = model(weights);
      const action = actions(weights, observations, actionNoise);
      const state = ensemble.start(tf.div(observations, scale));
      const { features } = ensemble.stepper()(state, encodeActions(actionSpace, action), stepNoise);
      return {
        action,
        reward: tf.mul(ensemble.reward({ nextFeatures: features }), rewardScale),
        next: tf.mul(ensemble.decode(features), scale),
        ...(ensemble.continues && { continues: ensemble.continues(features) }),
      };
    });
  }

  /**
   * Adds to each member's imagined experience what comes of its real states.
   *
   * @param starts of each member, at random among its real states
   * @param length steps
   * @param streams each member's
   */
  async extend(
    weights: Weights,
    real: readonly Replay[],
    imagined: readonly Replay[],
    starts: number,
    length: number,
    streams: readonly RandomStream[],
  ): Promise<void> {
    const { observation: size } = this.#spaces;
    const members = real.length;
    let observations: Float32Array = new Float32Array(members * starts * size);
    drawObservations(real, streams, observations);
    const goesOn = new Uint8Array(members * starts).fill(1);
    for (let t = 0; t < length && goesOn.includes(1); t++) {
      const { action, reward, next, continues } = await this.#imagine(weights, observations, starts, streams);
      const width = action.length / goesOn.length;
      for (let row = 0; row < goesOn.length; row++) {
        if (!goesOn[row]) continue;
        const ends = continues !== undefined && continues[row]! <= 0;
        imagined[Math.floor(row / starts)]!.add({
          observation: observations.subarray(row * size, (row + 1) * size),
          action: action.subarray(row * width, (row + 1) * width),
          reward: reward[row]!,
          nextObservation: next.subarray(row * size, (row + 1) * size),
          terminated: ends,
          first: t === 0,
        });
        if (ends) goesOn[row] = 0;
      }
      observations = next;
    }
  }

  async #imagine(
    weights: Weights,
    observations: Float32Array,
    starts: number,
    streams: readonly RandomStream[],
  ): Promise<
    Partial<Record<keyof StepTensors, Float32Array>> & Record<'action' | 'reward' | 'next', Float32Array>
  > {
    const { actionSpace, observation } = this.#spaces;
    const draw = (noise: Noise) => drawNoise(noise, [starts], streams);
    const step = scope(() => {
      const tensors = this.#step.run({
        weights,
        observations: tf.tensor3d(observations, [streams.length, starts, observation]),
        actionNoise: draw(actionNoise(actionSpace)),
        stepNoise: tf.concat(this.#noises.map(draw), 2),
      });
      for (const tensor of Object.values(tensors)) tf.keep(tensor);
      return tensors;
    });
    const read = async (tensor: tf.Tensor) => (await tensor.data<'float32'>()).slice();
    const [action, reward, next, continues] = await Promise.all([
      read(step.action),
      read(step.reward),
      read(step.next),
      step.continues && read(step.continues),
    ]);
    tf.dispose(Object.values(step));
    return { action, reward, next, ...(continues && { continues }) };
  }

  /** Frees what the engine keeps of it. */
  dispose(): void {
    this.#step.dispose();
  }
}

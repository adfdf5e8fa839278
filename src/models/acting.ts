import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../engine/compiled.ts';
import type { Decision, Situation } from '../training/acting.ts';

/** What a decision is computed from. */
export interface DecisionInputs<Weights> {
  weights: Weights;
  /** [members, environments, observation] */
  observations: tf.Tensor3D;
  /** [members, environments, carry]; undefined for an agent without memory */
  carry: tf.Tensor3D | undefined;
  /** [members, environments, numbers]; undefined where none is asked for */
  noise: tf.Tensor3D | undefined;
}

/** A decision on the engine. */
export interface DecisionTensors {
  /** Indices, int32 [members, environments], or numbers in a box, [members, environments, actionSize] */
  actions: tf.Tensor;
  /** What is carried on, shaped as it came; absent for an agent without memory */
  carry?: tf.Tensor;
}

/** Decides for an agent by a pure function of tensors, compiled where the engine compiles. */
export class Acting<Weights extends object> {
  readonly #members: number;
  readonly #observation: number;
  readonly #decide: Compiled<DecisionInputs<Weights>, DecisionTensors>;

  /**
   * @param observation elements of an observation
   * @param decide told apart by its noise alone: one that has noise of equal size in both modes needs two of these
   */
  constructor(
    members: number,
    observation: number,
    decide: (inputs: DecisionInputs<Weights>) => DecisionTensors,
  ) {
    this.#members = members;
    this.#observation = observation;
    this.#decide = new Compiled(decide);
  }

  async decide(weights: Weights, situation: Situation): Promise<Decision> {
    const { observations, carry, noise } = situation;
    const rows = observations.length / this.#observation;
    const upload = (values: Float32Array) =>
      tf.tensor3d(values, [this.#members, rows / this.#members, values.length / rows]);
    const uploadSome = (values: Float32Array) => (values.length > 0 ? upload(values) : undefined);
    const decided: DecisionTensors[] = [];
    tf.tidy(() => {
      const next = this.#decide.run({
        weights,
        observations: upload(observations),
        carry: uploadSome(carry),
        noise: uploadSome(noise),
      });
      for (const tensor of Object.values(next)) tf.keep(tensor);
      decided.push(next);
    });
    const { actions, carry: carried } = decided[0]!;
    const [chosen, kept] = await Promise.all([
      actions.data<'int32' | 'float32'>(),
      carried?.data<'float32'>() ?? carry,
    ]);
    tf.dispose([actions, carried ?? []]);
    return { actions: chosen as Decision['actions'], carry: kept };
  }

  /** Frees what the engine keeps of it. */
  dispose(): void {
    this.#decide.dispose();
  }
}

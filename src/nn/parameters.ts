import * as tf from '@tensorflow/tfjs-core';
import type { RandomStream } from '../random/stream.ts';
import type { Initialiser } from './initialisers.ts';

export interface ParameterSpec {
  /** Dotted: model, layer, then `weight` or `bias`. */
  name: string;
  /** Without the member axis. */
  shape: number[];
  initialise: Initialiser;
  /** How often it is used of one row of inputs: by every cell of a convolution. Default: once. */
  uses?: number;
}

/** Parameters by name, each [members, …]. `get` throws on an unknown name, which is a bug. */
export class Parameters {
  readonly #tensors: Map<string, tf.Tensor>;

  constructor(tensors: Map<string, tf.Tensor>) {
    this.#tensors = tensors;
  }

  get(name: string): tf.Tensor {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw new Error(`no parameter is called ${name}`);
    return tensor;
  }
}

/**
 * Where each parameter stands in one flat vector per member. Optimizer, clipping and moving averages work on the
 * flat `[members, size]` tensor, so each costs the same few operations however many layers there are.
 */
export class ParameterLayout {
  readonly specs: readonly ParameterSpec[];
  readonly size: number;
  /** Of each parameter, in the order of the specs. */
  readonly sizes: readonly number[];

  constructor(specs: readonly ParameterSpec[]) {
    this.specs = specs;
    this.sizes = specs.map((spec) => spec.shape.reduce((product, n) => product * n, 1));
    this.size = this.sizes.reduce((sum, n) => sum + n, 0);
  }

  /** One member's flat values, [size], as a view for each parameter. */
  views(values: Float32Array): { name: string; values: Float32Array }[] {
    let offset = 0;
    return this.specs.map(({ name }, i) => {
      const begin = offset;
      offset += this.sizes[i]!;
      return { name, values: values.subarray(begin, offset) };
    });
  }

  /** Freshly initialised values, [members, size]: one stream per member, parameters in the order of the specs. */
  initialise(streams: readonly RandomStream[]): tf.Tensor2D {
    const values = new Float32Array(streams.length * this.size);
    let offset = 0;
    for (const random of streams) {
      this.specs.forEach((spec, i) => {
        spec.initialise(random, values.subarray(offset, offset + this.sizes[i]!));
        offset += this.sizes[i]!;
      });
    }
    return tf.tensor2d(values, [streams.length, this.size]);
  }

  /** Views the flat tensor [members, size] as named parameters; differentiable. */
  unpack(flat: tf.Tensor2D): Parameters {
    return this.named(this.split(flat));
  }

  /** The flat tensor [members, size] cut into [members, size of the parameter] for each, in the order of the specs; differentiable. */
  pieces(flat: tf.Tensor2D): tf.Tensor2D[] {
    return tf.split(flat, [...this.sizes], 1);
  }

  /** The parameters in the flat tensor [members, size], in the order of the specs; differentiable. */
  split(flat: tf.Tensor2D): tf.Tensor[] {
    const pieces = this.pieces(flat);
    // A vector has its shape already.
    return this.specs.map(({ shape }, i) =>
      shape.length === 1 ? pieces[i]! : tf.reshape(pieces[i]!, [flat.shape[0], ...shape]),
    );
  }

  /** The inverse of `split`. */
  join(parameters: readonly tf.Tensor[]): tf.Tensor2D {
    const rows = parameters.map((x) => (x.rank === 2 ? x : tf.reshape(x, [x.shape[0]!, -1])));
    return tf.concat(rows, 1) as tf.Tensor2D;
  }

  /** Names to parameters that stand in the order of the specs. */
  named(parameters: readonly tf.Tensor[]): Parameters {
    return new Parameters(new Map(this.specs.map(({ name }, i) => [name, parameters[i]!])));
  }

  /** The layout of one model's parameters alone: those whose name starts with `${model}.`. */
  only(model: string): ParameterLayout {
    return new ParameterLayout(this.specs.filter((spec) => spec.name.startsWith(`${model}.`)));
  }

  /** The layout of all parameters but those of some models. */
  without(models: readonly string[]): ParameterLayout {
    return new ParameterLayout(
      this.specs.filter(({ name }) => !models.some((model) => name.startsWith(`${model}.`))),
    );
  }

  /** One model's slice [members, size of that model] of the flat tensor; its parameters stand side by side. */
  slice(flat: tf.Tensor2D, model: string): tf.Tensor2D {
    const start = this.specs.findIndex((spec) => spec.name.startsWith(`${model}.`));
    if (start < 0) throw new Error(`no model is called ${model}`);
    const offset = this.sizes.slice(0, start).reduce((sum, n) => sum + n, 0);
    return tf.slice(flat, [0, offset], [flat.shape[0], this.only(model).size]);
  }
}

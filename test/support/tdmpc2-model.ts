import * as tf from '@tensorflow/tfjs-core';
import type { PolicyHead } from '../../src/models/policy-head.ts';
import type { PlannableModel } from '../../src/planning/planner.ts';
import { type Nested, tensor } from './reference.ts';

/** A layer of a reference: with a gain and a shift it is Mish(LayerNorm(x W + b)). */
interface Layer {
  w: Nested;
  b: Nested;
  g?: Nested;
  s?: Nested;
}

/** The parameters of a small TD-MPC2 in float64, and what they do not say. */
export interface Tdmpc2Reference {
  model: Record<'encoder' | 'dynamics' | 'reward' | 'q0' | 'q1' | 'q2' | 'q3' | 'q4', Layer[]>;
  policy: Layer[];
  sizes: Record<'groupSize' | 'bins' | 'low' | 'high' | 'logStdLow' | 'logStdHigh', number>;
}

export type Latent = Record<'latent', tf.Tensor>;

const HEADS = ['q0', 'q1', 'q2', 'q3', 'q4'] as const;

/**
 * TD-MPC2's model as plainly as it is written down: z = simnorm(encoder(o)), z′ = simnorm(d(z, a)), r̂ and Q decoded from
 * two-hot logits, a ~ tanh(N(μ, σ)). A value is sampled with an action's noise, and as shared noise which two of five heads
 * judge, 1 for those.
 */
export function tdmpc2Model({ model, policy, sizes }: Tdmpc2Reference): {
  model: PlannableModel<Latent>;
  head: PolicyHead;
} {
  const { groupSize, bins, low, high, logStdLow, logStdHigh } = sizes;
  const times = (x: tf.Tensor, w: tf.Tensor) =>
    tf.reshape(tf.matMul(tf.reshape(x, [-1, w.shape[0]!]), w as tf.Tensor2D), [
      ...x.shape.slice(0, -1),
      w.shape[1]!,
    ]);
  const norm = (x: tf.Tensor, { g, s }: Layer) => {
    const { mean, variance } = tf.moments(x, -1, true);
    const whitened = tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, 1e-5)));
    return tf.add(tf.mul(whitened, tensor(g!)), tensor(s!));
  };
  const mish = (x: tf.Tensor) => tf.mul(x, tf.tanh(tf.softplus(x)));
  const mlp = (layers: readonly Layer[], x: tf.Tensor) =>
    layers.reduce((y, layer, i) => {
      const sum = tf.add(times(y, tensor(layer.w)), tensor(layer.b));
      if (!layer.g) return sum;
      return i < layers.length - 1 ? mish(norm(sum, layer)) : simnorm(norm(sum, layer));
    }, x);
  const simnorm = (x: tf.Tensor) =>
    tf.reshape(tf.softmax(tf.reshape(x, [...x.shape.slice(0, -1), -1, groupSize])), x.shape);
  const decode = (logits: tf.Tensor) => {
    const symlog = tf.sum(tf.mul(tf.softmax(logits), tf.tensor1d(centres)), -1);
    return tf.mul(tf.sign(symlog), tf.expm1(tf.abs(symlog)));
  };
  const centres = Array.from({ length: bins }, (_, i) => low + ((high - low) * i) / (bins - 1));
  const both = (z: tf.Tensor, a: tf.Tensor) => tf.concat([z, a], -1);
  const sample = (output: tf.Tensor, noise: tf.Tensor) => {
    const [mean, raw] = tf.split(output, 2, -1) as [tf.Tensor, tf.Tensor];
    const range = (logStdHigh - logStdLow) / 2;
    const logStd = tf.add(tf.mul(tf.add(tf.tanh(raw), 1), range), logStdLow);
    return tf.tanh(tf.add(mean, tf.mul(tf.exp(logStd), noise)));
  };
  const actions = (policy.at(-1)!.b as number[]).length / 2;
  const nothing = () => assertUnused();
  return {
    model: {
      observe: nothing,
      start: (observation) => ({ latent: mlp(model.encoder, observation) }),
      follow: (_before, _action, observation) => ({ latent: mlp(model.encoder, observation) }),
      stateSizes: { latent: (model.encoder.at(-1)!.b as number[]).length },
      features: ({ latent }) => latent,
      stepper: () => (state, action) => ({ latent: mlp(model.dynamics, both(state.latent, action)) }),
      reward: ({ features, action }) => decode(mlp(model.reward, both(features, action))),
      value: (features, noise) => {
        const [epsilon, heads] = tf.split(noise!, [actions, HEADS.length], -1) as [tf.Tensor, tf.Tensor];
        const action = sample(mlp(policy, features), epsilon);
        const values = HEADS.map((head) => decode(mlp(model[head], both(features, action))));
        return tf.div(tf.sum(tf.mul(tf.stack(values, -1), heads), -1), 2);
      },
      valueNoise: [
        { distribution: 'normal', size: actions },
        { distribution: 'uniform', size: HEADS.length, shared: true },
      ],
      valueScale: 1,
      policy: (features) => mlp(policy, features),
    },
    head: {
      space: { kind: 'box', shape: [actions], low: Array(actions).fill(-1), high: Array(actions).fill(1) },
      outputs: 2 * actions,
      noise: { distribution: 'normal', size: actions },
      sample,
      decide: nothing,
      loss: nothing,
    },
  };
}

function assertUnused(): never {
  throw new Error('nobody asks for this');
}

import * as tf from '@tensorflow/tfjs-core';
import { fanIn, openForgetGate } from '../../nn/initialisers.ts';
import { affine, linear, linearSpecs } from '../../nn/linear.ts';
import { type LstmState, lstmSequence, lstmStep } from '../../nn/lstm.ts';
import { mlp, mlpSpecs } from '../../nn/mlp.ts';
import type { ParameterSpec, Parameters } from '../../nn/parameters.ts';
import { signBits } from './bits.ts';
import type { DiscreteLatentSettings } from './settings.ts';

/** The last layer starts near zero: every bit is as likely as not at first. */
const LAST_SCALE = 0.1;

/** What the model expects of its bits before it sees what they tell: p(b | y). */
export interface BitPrior {
  specs: readonly ParameterSpec[];
  /**
   * Logits of p(b_i = 1 | y, b_1 … b_{i − 1}).
   *
   * @param y [members, rows, units]
   * @param bits a constant: [members, rows, bits], as what is returned
   */
  logits(parameters: Parameters, y: tf.Tensor, bits: tf.Tensor): tf.Tensor;
  /**
   * Bits of it, forward only.
   *
   * @param noise uniform in [0, 1), [members, rows, bits]; undefined: each the likeliest, given those before it
   */
  sample(parameters: Parameters, y: tf.Tensor, noise: tf.Tensor | undefined): tf.Tensor;
}

export const bitPrior = (settings: DiscreteLatentSettings): BitPrior =>
  settings.prior === 'lstm' ? recurrent(settings) : factorised(settings);

/** A bit is 1 where the noise is below its probability. */
const drawn = (logits: tf.Tensor, noise: tf.Tensor | undefined): tf.Tensor =>
  signBits(noise ? tf.sub(tf.sigmoid(logits), noise) : logits);

/** Bits that know nothing of each other, given y. */
function factorised({ units, bits, priorUnits }: DiscreteLatentSettings): BitPrior {
  const logits = (parameters: Parameters, y: tf.Tensor) => mlp(parameters, 'prior', 1, y);
  return {
    specs: mlpSpecs('prior', units, [priorUnits], bits, LAST_SCALE),
    logits,
    sample: (parameters, y, noise) => drawn(logits(parameters, y), noise),
  };
}

/** An LSTM over the bits, one after the other: it sees y and the bit before. */
function recurrent({ units, bits, priorUnits }: DiscreteLatentSettings): BitPrior {
  const gates = 4 * priorUnits;
  const weights = (parameters: Parameters) => ({
    input: parameters.get('prior.input.weight'),
    recurrent: parameters.get('prior.recurrent.weight'),
    bias: parameters.get('prior.input.bias'),
  });
  const output = (parameters: Parameters, hidden: tf.Tensor) =>
    tf.squeeze(linear(parameters, 'prior.output', hidden), [-1]);
  return {
    specs: [
      ...linearSpecs('prior.input', units + 1, gates, 1, fanIn, () => openForgetGate),
      { name: 'prior.recurrent.weight', shape: [priorUnits, gates], initialise: fanIn(priorUnits) },
      ...linearSpecs('prior.output', priorUnits, 1, LAST_SCALE),
    ],
    logits: (parameters, y, given) => {
      const { input, recurrent, bias } = weights(parameters);
      const [members, rows] = given.shape as [number, number];
      const shifted = tf.concat([tf.zeros([members, rows, 1]), given], 2);
      const before = tf.slice(shifted, [0, 0, 0], [members, rows, bits]);
      const repeated = tf.tile(tf.expandDims(y, 2), [1, 1, bits, 1]);
      const x = tf.concat([repeated, tf.expandDims(before, 3)], 3);
      const inputs = affine(x, input, bias) as tf.Tensor4D;
      const keep = tf.ones([members, rows, bits]) as tf.Tensor3D;
      return output(parameters, lstmSequence(inputs, recurrent as tf.Tensor3D, keep).hidden);
    },
    sample: (parameters, y, noise) => {
      const { input, recurrent, bias } = weights(parameters);
      const step = lstmStep(input, recurrent, bias);
      const [members, rows] = y.shape as [number, number];
      const noises = noise && tf.unstack(noise, 2);
      const zeros: tf.Tensor3D = tf.zeros([members, rows, priorUnits]);
      let state: LstmState = { hidden: zeros, cell: zeros };
      let before: tf.Tensor = tf.zeros([members, rows]);
      const taken: tf.Tensor[] = [];
      for (let i = 0; i < bits; i++) {
        state = step(tf.concat([y, tf.expandDims(before, 2)], 2), state);
        before = drawn(output(parameters, state.hidden), noises?.[i]);
        taken.push(before);
      }
      return tf.stack(taken, 2);
    },
  };
}

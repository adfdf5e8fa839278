import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../engine/custom-gradient.ts';
import { ownKernel } from '../engine/own-kernel.ts';
import { affine } from './linear.ts';

/** Hidden and cell state, each [members, batch, units]. */
export interface LstmState {
  hidden: tf.Tensor3D;
  cell: tf.Tensor3D;
}

interface CellActivations extends LstmState {
  input: tf.Tensor3D;
  forget: tf.Tensor3D;
  candidate: tf.Tensor3D;
  output: tf.Tensor3D;
  cellTanh: tf.Tensor3D;
}

/**
 * One LSTM step from the gates' pre-activations (Hochreiter & Schmidhuber 1997, with a forget gate):
 *
 *   i, f, o = σ(·), g = tanh(·)      c' = f ⊙ c + i ⊙ g      h' = o ⊙ tanh(c')
 *
 * @param gates [members, batch, 4 · units], gate order input, forget, candidate, output
 * @param cell c, [members, batch, units]
 */
export function lstmCell(gates: tf.Tensor3D, cell: tf.Tensor3D): CellActivations {
  const [i, f, g, o] = tf.split(gates, 4, 2) as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D, tf.Tensor3D];
  const input = tf.sigmoid(i);
  const forget = tf.sigmoid(f);
  const candidate = tf.tanh(g);
  const output = tf.sigmoid(o);
  const nextCell: tf.Tensor3D = tf.add(tf.mul(forget, cell), tf.mul(input, candidate));
  const cellTanh = tf.tanh(nextCell);
  return { input, forget, candidate, output, cellTanh, cell: nextCell, hidden: tf.mul(output, cellTanh) };
}

/**
 * One step of an LSTM from its input, forward only: gates = x W + h U + b, then the cell.
 *
 * @param inputWeight W: [members, inputs, 4 · units]
 * @param recurrentWeight U: [members, units, 4 · units]
 * @param bias b: [members, 4 · units]
 * @returns the step of x, [members, batch, inputs], and the state before
 */
export function lstmStep(
  inputWeight: tf.Tensor,
  recurrentWeight: tf.Tensor,
  bias: tf.Tensor,
): (x: tf.Tensor, state: LstmState) => LstmState {
  const weight = tf.concat([inputWeight, recurrentWeight], 1);
  return (x, state) => {
    const gates = affine(tf.concat([x, state.hidden], 2), weight, bias) as tf.Tensor3D;
    const { hidden, cell } = lstmCell(gates, state.cell);
    return { hidden, cell };
  };
}

/**
 * An LSTM over a teacher-forced sequence that starts from zero state, with resets by mask:
 *
 *   gates_t = inputs_t + (k_t h_{t-1}) W      (h_t, c_t) = cell(gates_t, k_t c_{t-1})
 *
 * Its own gradient defers the recurrent weight's to one product over all steps.
 *
 * @param inputs the gates' pre-activations from the inputs, bias included: [members, batch, time, 4 · units]
 * @param weight recurrent weight W: [members, units, 4 · units]
 * @param keep k: 0 where the state is reset before the step, else 1: [members, batch, time]
 * @returns hidden and cell state after every step, each [members, batch, time, units]; both differentiable
 */
export function lstmSequence(
  inputs: tf.Tensor4D,
  weight: tf.Tensor3D,
  keep: tf.Tensor3D,
): { hidden: tf.Tensor4D; cell: tf.Tensor4D } {
  const states = ownSequence(inputs, weight, keep) ?? portableSequence(inputs, weight, keep);
  const [hidden, cell] = tf.split(states, 2, 3) as [tf.Tensor4D, tf.Tensor4D];
  return { hidden, cell };
}

/** The states [hidden, cell] side by side, [members, batch, time, 2 · units], in one call; undefined where no engine's kernel does it. */
function ownSequence(inputs: tf.Tensor4D, weight: tf.Tensor3D, keep: tf.Tensor3D): tf.Tensor | undefined {
  const forward = ownKernel('LstmSequence');
  const backward = ownKernel('LstmSequenceGradient');
  if (!forward || !backward) return undefined;
  return withGradient([inputs, weight], () => {
    const [value, gates, hiddenBefore] = forward({ inputs, weight, keep }) as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    return {
      value,
      keep: [weight, keep, value, gates, hiddenBefore],
      gradient: (dStates, [weight, keep, states, gates, hiddenBefore]) =>
        backward({ dStates, weight, keep, states, gates, hiddenBefore }),
    };
  });
}

/** The same in tfjs's operations. */
function portableSequence(inputs: tf.Tensor4D, weight: tf.Tensor3D, keep: tf.Tensor3D): tf.Tensor {
  const [members, batch, steps, width] = inputs.shape;
  const units = width / 4;
  const zeros: tf.Tensor3D = tf.zeros([members, batch, units]);
  return withGradient([inputs, weight], () => {
    const inputAt = tf.unstack(inputs, 2) as tf.Tensor3D[];
    const keepAt = tf.unstack(tf.expandDims(keep, 3), 2) as tf.Tensor3D[];
    let state: LstmState = { hidden: zeros, cell: zeros };
    const states: tf.Tensor[] = [];
    /** Of each step: what the gradient needs, in the order in which it takes it apart. */
    const record: tf.Tensor[] = [];
    for (let t = 0; t < steps; t++) {
      const hiddenBefore: tf.Tensor3D = tf.mul(state.hidden, keepAt[t]!);
      const cellBefore: tf.Tensor3D = tf.mul(state.cell, keepAt[t]!);
      const step = lstmCell(tf.add(inputAt[t]!, tf.matMul(hiddenBefore, weight)), cellBefore);
      state = step;
      states.push(tf.concat([step.hidden, step.cell], 2));
      const { input, forget, candidate, output, cellTanh } = step;
      record.push(hiddenBefore, cellBefore, input, forget, candidate, output, cellTanh);
    }
    return {
      value: tf.stack(states, 2),
      keep: [weight, ...keepAt, ...record],
      gradient: (dStates, [weight, ...rest]) => {
        const keepAt = rest.splice(0, steps);
        const dStateAt = tf.unstack(dStates, 2);
        let dHiddenNext: tf.Tensor = tf.zeros([members, batch, units]);
        let dCellNext = dHiddenNext;
        const dGates: tf.Tensor[] = [];
        const hiddensBefore: tf.Tensor[] = [];
        for (let t = steps - 1; t >= 0; t--) {
          const [hiddenBefore, cellBefore, input, forget, candidate, output, cellTanh] = rest.splice(-7) as [
            tf.Tensor,
            tf.Tensor,
            tf.Tensor,
            tf.Tensor,
            tf.Tensor,
            tf.Tensor,
            tf.Tensor,
          ];
          const [dHiddenOut, dCellOut] = tf.split(dStateAt[t]!, 2, 2) as [tf.Tensor, tf.Tensor];
          const dHidden = tf.add(dHiddenOut, dHiddenNext);
          // d tanh(x) = 1 - tanh²(x), d σ(x) = σ(x) (1 - σ(x))
          const dCellTanh = tf.mul(tf.mul(dHidden, output), complementOfSquare(cellTanh));
          const dCell = tf.add(tf.add(dCellOut, dCellNext), dCellTanh);
          const dGate = tf.concat(
            [
              tf.mul(tf.mul(dCell, candidate), sigmoidSlope(input)),
              tf.mul(tf.mul(dCell, cellBefore), sigmoidSlope(forget)),
              tf.mul(tf.mul(dCell, input), complementOfSquare(candidate)),
              tf.mul(tf.mul(dHidden, cellTanh), sigmoidSlope(output)),
            ],
            2,
          );
          dHiddenNext = tf.mul(tf.matMul(dGate, weight, false, true), keepAt[t]!);
          dCellNext = tf.mul(tf.mul(dCell, forget), keepAt[t]!);
          dGates.unshift(dGate);
          hiddensBefore.unshift(hiddenBefore);
        }
        const rows = batch * steps;
        const dInputs = tf.stack(dGates, 2);
        const allHidden = tf.reshape(tf.stack(hiddensBefore, 2), [members, rows, units]);
        const dWeight = tf.matMul(allHidden, tf.reshape(dInputs, [members, rows, width]), true);
        return [dInputs, dWeight];
      },
    };
  });
}

const sigmoidSlope = (sigmoid: tf.Tensor) => tf.sub(sigmoid, tf.square(sigmoid));
const complementOfSquare = (x: tf.Tensor) => tf.sub(1, tf.square(x));

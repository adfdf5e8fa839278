import type { Kernel } from './kernel.ts';
import { multiply, rowMajor, transposed, withPacked } from './matrix.ts';

/**
 * An LSTM over a sequence from zero state, with resets by mask.
 *
 *   inputs   inputs [members, batch, steps, 4 units], weight [members, units, 4 units], keep [members, batch, steps]
 *   outputs  states: hidden and cell after every step, [members, batch, steps, 2 units]; and for the gradient the
 *            gates' activations, [members, batch, steps, 4 units], and k_t h_{t-1}, [members, batch, steps, units]
 */
export const lstmSequence: Kernel = {
  name: 'LstmSequence',
  run(heap, { inputs, weight, keep }) {
    const [members, batch, steps, width] = inputs!.shape as [number, number, number, number];
    const units = width / 4;
    const states = heap.output([members, batch, steps, 2 * units]);
    const gates = heap.output(inputs!.shape);
    const hiddenBefore = heap.output([members, batch, steps, units]);
    for (let m = 0; m < members; m++) {
      withPacked(heap, { depth: units, columns: width }, rowMajor(heap.at(weight!, m), width), (packed) =>
        heap.functions.lstmForward(
          batch,
          steps,
          units,
          heap.at(inputs!, m),
          packed,
          heap.at(keep!, m),
          heap.at(states, m),
          heap.at(gates, m),
          heap.at(hiddenBefore, m),
          heap.workspace,
        ),
      );
    }
    return [states, gates, hiddenBefore];
  },
};

/**
 *   inputs   dStates and what the forward kernel was given and gave
 *   outputs  dInputs, dWeight
 */
export const lstmSequenceGradient: Kernel = {
  name: 'LstmSequenceGradient',
  run(heap, { dStates, weight, keep, states, gates, hiddenBefore }) {
    const [members, batch, steps, width] = gates!.shape as [number, number, number, number];
    const units = width / 4;
    const dInputs = heap.output(gates!.shape);
    const dWeight = heap.output(weight!.shape);
    for (let m = 0; m < members; m++) {
      const weightTransposed = transposed(rowMajor(heap.at(weight!, m), width));
      withPacked(heap, { depth: width, columns: units }, weightTransposed, (packed) =>
        heap.borrow(2 * 4 * batch * units, (carry) =>
          heap.functions.lstmBackward(
            batch,
            steps,
            units,
            heap.at(dStates!, m),
            packed,
            heap.at(keep!, m),
            heap.at(states!, m),
            heap.at(gates!, m),
            heap.at(dInputs, m),
            carry,
            heap.workspace,
          ),
        ),
      );
      multiply(
        heap,
        {
          rows: units,
          columns: width,
          depth: batch * steps,
          a: transposed(rowMajor(heap.at(hiddenBefore!, m), units)),
          c: rowMajor(heap.at(dWeight, m), width),
        },
        rowMajor(heap.at(dInputs, m), width),
      );
    }
    return [dInputs, dWeight];
  },
};

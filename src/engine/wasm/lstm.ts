import type { Kernel } from './kernel.ts';
import { everyRow, multiply, multiplyPacked, rowMajor, transposed, withPacked } from './matrix.ts';

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

/**
 * The weights of an LSTM as `LstmStep` takes them, packed for its two products: a roll-out packs them once.
 *
 *   inputs   inputWeight [members, inputs, 4 units], recurrentWeight [members, units, 4 units]
 *   outputs  one tensor [members, …]
 */
export const lstmStepWeights: Kernel = {
  name: 'LstmStepWeights',
  run(heap, { inputWeight, recurrentWeight }) {
    const [members, inputs, width] = inputWeight!.shape as [number, number, number];
    const units = recurrentWeight!.shape[1]!;
    const { pack, packedBytes } = heap.functions;
    const inputBytes = packedBytes(inputs, width);
    const packed = heap.output([members, (inputBytes + packedBytes(units, width)) / 4]);
    for (let m = 0; m < members; m++) {
      const at = heap.at(packed, m);
      pack(inputs, width, heap.at(inputWeight!, m), 4 * width, 4, at);
      pack(units, width, heap.at(recurrentWeight!, m), 4 * width, 4, at + inputBytes);
    }
    return [packed];
  },
};

/**
 * One step of an LSTM, forward only.
 *
 *   inputs   x [members, batch, inputs], hidden, cell [members, batch, units], weights from `LstmStepWeights`,
 *            bias [members, 4 units]
 *   outputs  hidden, cell
 */
export const lstmStep: Kernel = {
  name: 'LstmStep',
  run(heap, { x, hidden, cell, weights, bias }) {
    const [members, batch, units] = hidden!.shape as [number, number, number];
    const inputs = x!.shape[2]!;
    const columns = 4 * units;
    const inputBytes = heap.functions.packedBytes(inputs, columns);
    const nextHidden = heap.output(hidden!.shape);
    const nextCell = heap.output(hidden!.shape);
    heap.borrow(4 * batch * columns, (space) => {
      const gates = rowMajor(space, columns);
      const row = 4 * units;
      for (let m = 0; m < members; m++) {
        const packed = heap.at(weights!, m);
        const fromBias = { a: rowMajor(heap.at(x!, m), inputs), start: everyRow(heap.at(bias!, m)) };
        multiplyPacked(heap, { rows: batch, columns, depth: inputs, c: gates, ...fromBias }, packed);
        const fromGates = { a: rowMajor(heap.at(hidden!, m), units), start: gates };
        const product = { rows: batch, columns, depth: units, c: gates, ...fromGates };
        multiplyPacked(heap, product, packed + inputBytes);
        heap.functions.lstmCell(
          batch,
          units,
          space,
          gates.row,
          0,
          0,
          heap.at(cell!, m),
          row,
          heap.at(nextCell, m),
          row,
          heap.at(nextHidden, m),
          row,
        );
      }
    });
    return [nextHidden, nextCell];
  },
};

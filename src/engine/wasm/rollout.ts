import type * as tf from '@tensorflow/tfjs-core';
import { numberedInputs } from '../kernel-inputs.ts';
import type { Heap } from './heap.ts';
import type { Kernel } from './kernel.ts';
import { everyRow, type Matrix, multiplyPacked, rowMajor } from './matrix.ts';

/** A layer's weights packed for `multiplyPacked`: x W + b. */
interface PackedLayer {
  depth: number;
  columns: number;
  packed: number;
  bias: Matrix;
}

/**
 * The roll-out of an LSTM model, forward only, all steps in one call. With s = [z, onehot(a), h, 1] for each start:
 *
 *   a by the actor from z and Gumbel noise, or as given      (h', c') = cell(s [W; U; b], c)      z' = z + [h', 1] [V; d]
 *
 *   inputs   latent z, hidden h, cell c [members, starts, …]; inputWeight W, recurrentWeight U, gateBias b;
 *            latentWeight V, latentBias d; and either actions, or gumbel with the actor's weight0, bias0, weight1, …;
 *            both of them [members, starts, horizon, actions]
 *   outputs  latent z_t, action onehot(a_t), next latent z_{t+1}: [members, starts, horizon, …]
 */
export const rollOut: Kernel = {
  name: 'RollOut',
  run(heap, inputs) {
    const { latent, hidden, cell, gumbel, actions } = inputs;
    const [members, starts, latents] = latent!.shape as [number, number, number];
    const [, , horizon, choices] = (actions ?? gumbel)!.shape as [number, number, number, number];
    const units = hidden!.shape[2]!;
    const width = latents + choices + units + 1;
    const path = [members, starts, horizon];
    const latentPath = heap.output([...path, latents]);
    const nextLatentPath = heap.output([...path, latents]);
    const chosen = actions ? heap.share(actions, actions.shape) : heap.output([...path, choices]);
    const actor = numberedInputs(inputs, 'weight');

    for (let m = 0; m < members; m++) {
      withSpaces(heap, (space) => {
        const floats = (count: number) => space(4 * count);
        const stack = (depth: number, columns: number, parts: [tf.TensorInfo, number][]) => {
          const stacked = floats(depth * columns);
          let at = stacked;
          for (const [part, rows] of parts) {
            heap.functions.copyRows(1, 4 * rows * columns, heap.at(part, m), 0, at, 0);
            at += 4 * rows * columns;
          }
          return packed(heap, space, depth, columns, stacked);
        };
        const gateWeights = stack(width, 4 * units, [
          [inputs.inputWeight!, latents + choices],
          [inputs.recurrentWeight!, units],
          [inputs.gateBias!, 1],
        ]);
        const latentWeights = stack(units + 1, latents, [
          [inputs.latentWeight!, units],
          [inputs.latentBias!, 1],
        ]);
        const layers: PackedLayer[] = actor.map((weight, i) => {
          const [, depth, columns] = weight.shape as [number, number, number];
          const bias = everyRow(heap.at(inputs[`bias${i}`]!, m));
          return { depth, columns, packed: packed(heap, space, depth, columns, heap.at(weight, m)), bias };
        });
        const activations = layers.map(({ columns }) => floats(starts * columns));

        const state = rowMajor(floats(starts * width), width);
        const gates = rowMajor(floats(starts * 4 * units), 4 * units);
        const cells = rowMajor(floats(starts * units), units);
        const [actionPart, hiddenPart] = [state.at + 4 * latents, state.at + 4 * (latents + choices)];
        const copy = (columns: number, from: Matrix, to: Matrix) =>
          heap.functions.copyRows(starts, 4 * columns, from.at, from.row, to.at, to.row);
        copy(latents, rowMajor(heap.at(latent!, m), latents), state);
        copy(units, rowMajor(heap.at(hidden!, m), units), { ...state, at: hiddenPart });
        copy(units, rowMajor(heap.at(cell!, m), units), cells);
        heap.fill(1, starts, hiddenPart + 4 * units, state.row);

        for (let t = 0; t < horizon; t++) {
          /** Step t of a path [starts, horizon, columns]. */
          const step = (x: tf.TensorInfo, columns: number): Matrix => ({
            at: heap.at(x, m) + 4 * t * columns,
            row: 4 * horizon * columns,
            column: 4,
          });
          const action = step(chosen, choices);
          copy(latents, state, step(latentPath, latents));
          if (gumbel) {
            const logits = evaluate(heap, starts, state, layers, activations);
            const noise = step(gumbel, choices);
            heap.functions.oneHotArgMax(starts, choices, logits, noise.at, noise.row, action.at, action.row);
          }
          copy(choices, action, { ...state, at: actionPart });
          const toGates = { rows: starts, depth: width, columns: 4 * units, a: state, c: gates };
          multiplyPacked(heap, toGates, gateWeights);
          heap.functions.lstmCell(
            starts,
            units,
            gates.at,
            gates.row,
            0,
            0,
            cells.at,
            cells.row,
            cells.at,
            cells.row,
            hiddenPart,
            state.row,
          );
          const hiddenAndOne = { ...state, at: hiddenPart };
          const toLatent = { rows: starts, depth: units + 1, columns: latents, a: hiddenAndOne, c: state };
          multiplyPacked(heap, { ...toLatent, start: state }, latentWeights);
          copy(latents, state, step(nextLatentPath, latents));
        }
      });
    }
    return [latentPath, chosen, nextLatentPath];
  },
};

/** Runs `f` with an allocator whose memory lasts until `f` returns. */
function withSpaces(heap: Heap, f: (space: (bytes: number) => number) => void): void {
  const spaces: number[] = [];
  try {
    f((bytes) => {
      const at = heap.allocate(bytes);
      spaces.push(at);
      return at;
    });
  } finally {
    for (const at of spaces) heap.free(at);
  }
}

/** A row-major matrix [depth, columns] packed for `multiplyPacked`. */
function packed(
  heap: Heap,
  space: (bytes: number) => number,
  depth: number,
  columns: number,
  matrix: number,
): number {
  const at = space(heap.functions.packedBytes(depth, columns));
  heap.functions.pack(depth, columns, matrix, 4 * columns, 4, at);
  return at;
}

/** The layers on `rows` rows of x, hidden ones with ReLU, each into its own space; where the output stands. */
function evaluate(
  heap: Heap,
  rows: number,
  x: Matrix,
  layers: readonly PackedLayer[],
  activations: readonly number[],
): number {
  let a = x;
  for (const [i, { depth, columns, packed, bias }] of layers.entries()) {
    const c = rowMajor(activations[i]!, columns);
    const relu = i < layers.length - 1;
    multiplyPacked(heap, { rows, columns, depth, a, c, start: bias, relu }, packed);
    a = c;
  }
  return a.at;
}

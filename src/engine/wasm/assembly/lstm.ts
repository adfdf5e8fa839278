import { sigmoid, tanh } from './activations';
import { loadLanes, storeLanes } from './lanes';
import { multiply } from './matmul';
import { multiplyAdd } from './multiply-add';

/*
 * An LSTM (Hochreiter & Schmidhuber 1997, with a forget gate), gates in the order input, forget, candidate, output:
 *
 *   i, f, o = σ(·), g = tanh(·)      c' = f c + i g      h' = o tanh(c')
 *
 * Rows are samples; pointers and row strides are in bytes.
 */

/**
 * One step: the gates' pre-activations become their activations, in place.
 *
 * @param keep one float per row that multiplies `cellBefore`
 * @param cellBefore 0: zeros
 */
export function lstmCell(
  rows: i32, units: i32, gates: usize, gatesRow: usize, keep: usize, keepRow: usize, cellBefore: usize,
  cellBeforeRow: usize, cell: usize, cellRow: usize, hidden: usize, hiddenRow: usize,
): void {
  const gate = <usize>units << 2;
  for (let row = 0; row < rows; row++) {
    const k = keep ? v128.load32_splat(keep) : f32x4.splat(1);
    for (let unit = 0; unit < units; unit += 4) {
      const left = units - unit;
      const at = <usize>unit << 2;
      const input = sigmoid(loadLanes(gates + at, left));
      const candidate = tanh(loadLanes(gates + 2 * gate + at, left));
      const output = sigmoid(loadLanes(gates + 3 * gate + at, left));
      let next = f32x4.mul(input, candidate);
      const forget = sigmoid(loadLanes(gates + gate + at, left));
      if (cellBefore) next = multiplyAdd(forget, f32x4.mul(k, loadLanes(cellBefore + at, left)), next);
      storeLanes(gates + at, input, left);
      storeLanes(gates + gate + at, forget, left);
      storeLanes(gates + 2 * gate + at, candidate, left);
      storeLanes(gates + 3 * gate + at, output, left);
      storeLanes(cell + at, next, left);
      storeLanes(hidden + at, f32x4.mul(output, tanh(next)), left);
    }
    gates += gatesRow;
    if (keep) keep += keepRow;
    if (cellBefore) cellBefore += cellBeforeRow;
    cell += cellRow;
    hidden += hiddenRow;
  }
}

/**
 * A whole sequence from zero state: gates_t = inputs_t + (k_t h_{t-1}) W, the cell with k_t c_{t-1}.
 *
 * @param inputs [batch, steps, 4 units]
 * @param packed W [units, 4 units] as `pack` leaves it
 * @param keep k [batch, steps]
 * @param states h and c after each step: [batch, steps, 2 units]
 * @param gates the gates' activations: [batch, steps, 4 units]
 * @param hiddenBefore k_t h_{t-1}: [batch, steps, units]
 */
export function lstmForward(
  batch: i32, steps: i32, units: i32, inputs: usize, packed: usize, keep: usize, states: usize, gates: usize,
  hiddenBefore: usize, workspace: usize,
): void {
  const unitBytes = <usize>units << 2;
  const sampleKeep = <usize>steps << 2;
  const sampleUnits = <usize>steps * unitBytes;
  for (let t: i32 = 0; t < steps; t++) {
    const at = <usize>t * unitBytes;
    const before = t > 0 ? states + 2 * (at - unitBytes) : 0;
    scaleRows(batch, units, keep + (<usize>t << 2), sampleKeep, before, 2 * sampleUnits, hiddenBefore + at, sampleUnits);
    // The first state is zero: nothing to multiply.
    multiply(
      batch, 4 * units, t > 0 ? units : 0, hiddenBefore + at, sampleUnits, 4, packed, inputs + 4 * at, 4 * sampleUnits,
      gates + 4 * at, 4 * sampleUnits, -Infinity, workspace,
    );
    lstmCell(
      batch, units, gates + 4 * at, 4 * sampleUnits, keep + (<usize>t << 2), sampleKeep,
      before ? before + unitBytes : 0, 2 * sampleUnits, states + 2 * at + unitBytes, 2 * sampleUnits,
      states + 2 * at, 2 * sampleUnits,
    );
  }
}

/** y = k x for each row, with its own k; x = 0: zeros. */
function scaleRows(
  rows: i32, columns: i32, keep: usize, keepRow: usize, x: usize, xRow: usize, y: usize, yRow: usize,
): void {
  for (let row = 0; row < rows; row++) {
    const k = v128.load32_splat(keep);
    for (let column = 0; column < columns; column += 4) {
      const left = columns - column;
      const at = <usize>column << 2;
      storeLanes(y + at, x ? f32x4.mul(k, loadLanes(x + at, left)) : f32x4.splat(0), left);
    }
    keep += keepRow;
    if (x) x += xRow;
    y += yRow;
  }
}

/**
 * The gradient of `lstmForward` by its inputs: [batch, steps, 4 units]. W's follows as hiddenBeforeᵀ dInputs, one
 * product for the whole sequence.
 *
 * @param dStates [batch, steps, 2 units]
 * @param packedTransposed Wᵀ [4 units, units] as `pack` leaves it
 * @param carry space for the gradients that flow to the step before: [2, batch, units]
 */
export function lstmBackward(
  batch: i32, steps: i32, units: i32, dStates: usize, packedTransposed: usize, keep: usize, states: usize,
  gates: usize, dInputs: usize, carry: usize, workspace: usize,
): void {
  const unitBytes = <usize>units << 2;
  const carryCell = carry + <usize>batch * unitBytes;
  memory.fill(carry, 0, 2 * <usize>batch * unitBytes);
  for (let t = steps - 1; t >= 0; t--) {
    for (let row = 0; row < batch; row++) {
      const sample = <usize>row * <usize>steps + <usize>t;
      const k = load<f32>(keep + (sample << 2));
      const cell = states + (2 * sample + 1) * unitBytes;
      cellGradient(
        units, gates + 4 * sample * unitBytes, cell, t > 0 ? cell - 2 * unitBytes : 0, k,
        dStates + 2 * sample * unitBytes, carry + <usize>row * unitBytes, carryCell + <usize>row * unitBytes,
        t + 1 < steps ? load<f32>(keep + (sample << 2) + 4) : 0, dInputs + 4 * sample * unitBytes,
      );
    }
    if (t == 0) break;
    const at = dInputs + 4 * <usize>t * unitBytes;
    multiply(
      batch, units, 4 * units, at, 4 * <usize>steps * unitBytes, 4, packedTransposed, 0, 0, carry, unitBytes,
      -Infinity, workspace,
    );
  }
}

/**
 * One row of the cell's gradient. With d tanh(x) = 1 - tanh²(x) and d σ(x) = σ(x) (1 - σ(x)).
 *
 * @param carryHidden gradient by k_{t+1} h_t, from the step after
 * @param carryCell gradient by k_{t+1} c_t from the step after; becomes that by k_t c_{t-1}
 */
function cellGradient(
  units: i32, gates: usize, cell: usize, cellBefore: usize, keep: f32, dStates: usize, carryHidden: usize,
  carryCell: usize, keepAfter: f32, dGates: usize,
): void {
  const gate = <usize>units << 2;
  const one = f32x4.splat(1);
  const k = f32x4.splat(keep), after = f32x4.splat(keepAfter);
  for (let unit = 0; unit < units; unit += 4) {
    const left = units - unit;
    const at = <usize>unit << 2;
    const input = loadLanes(gates + at, left), forget = loadLanes(gates + gate + at, left);
    const candidate = loadLanes(gates + 2 * gate + at, left), output = loadLanes(gates + 3 * gate + at, left);
    const squashed = tanh(loadLanes(cell + at, left));
    const dHidden = multiplyAdd(after, loadLanes(carryHidden + at, left), loadLanes(dStates + at, left));
    const dSquashed = f32x4.mul(f32x4.mul(dHidden, output), f32x4.sub(one, f32x4.mul(squashed, squashed)));
    const dLater = multiplyAdd(after, loadLanes(carryCell + at, left), loadLanes(dStates + gate + at, left));
    const dCell = f32x4.add(dLater, dSquashed);
    let dForget = f32x4.splat(0);
    if (cellBefore) {
      const before = f32x4.mul(k, loadLanes(cellBefore + at, left));
      dForget = f32x4.mul(f32x4.mul(dCell, before), f32x4.mul(forget, f32x4.sub(one, forget)));
    }
    storeLanes(dGates + at, f32x4.mul(f32x4.mul(dCell, candidate), f32x4.mul(input, f32x4.sub(one, input))), left);
    storeLanes(dGates + gate + at, dForget, left);
    storeLanes(dGates + 2 * gate + at, f32x4.mul(f32x4.mul(dCell, input), f32x4.sub(one, f32x4.mul(candidate, candidate))), left);
    storeLanes(dGates + 3 * gate + at, f32x4.mul(f32x4.mul(dHidden, squashed), f32x4.mul(output, f32x4.sub(one, output))), left);
    storeLanes(carryCell + at, f32x4.mul(dCell, forget), left);
  }
}

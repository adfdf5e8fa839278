#pragma once

#include "functions.h"
#include "product.h"

namespace wm::WM_SET {

/*
 * An LSTM (Hochreiter & Schmidhuber 1997, with a forget gate), gates in the order input, forget, candidate, output:
 *
 *   i, f, o = σ(·), g = tanh(·)      c' = f c + i g      h' = o tanh(c')
 */

/**
 * Floats from row to row of the gates of a step, which stand together while they are computed: so many that the rows do
 * not all want the same places in the cache.
 */
WM_INLINE int64_t gateRow(int64_t units) { return 4 * units + 16; }

/** One row of a step from the gates' pre-activations. `cellBefore` nullptr: zeros. */
inline void lstmCell(int64_t units, const float* gates, float keep, const float* cellBefore, float* cell,
                     float* hidden) {
  for (int64_t unit = 0; unit < units; unit += LANES) {
    const int64_t left = units - unit;
    const float* gate = gates + unit;
    Floats next = gateSigmoid(load(gate, left)) * tanh(load(gate + 2 * units, left));
    if (cellBefore) next += gateSigmoid(load(gate + units, left)) * (keep * load(cellBefore + unit, left));
    store(cell + unit, next, left);
    store(hidden + unit, gateSigmoid(load(gate + 3 * units, left)) * tanh(next), left);
  }
}

/** The same from their sum with what the inputs give, keeping their activations for the gradient. */
inline void lstmCell(int64_t units, const float* gates, const float* inputs, float keep, const float* cellBefore,
                     float* activations, float* cell, float* hidden) {
  for (int64_t unit = 0; unit < units; unit += LANES) {
    const int64_t left = units - unit;
    const auto sum = [&](int64_t gate) {
      const int64_t at = gate * units + unit;
      return load(gates + at, left) + load(inputs + at, left);
    };
    const Floats input = gateSigmoid(sum(0)), forget = gateSigmoid(sum(1));
    const Floats candidate = tanh(sum(2)), output = gateSigmoid(sum(3));
    Floats next = input * candidate;
    if (cellBefore) next += forget * (keep * load(cellBefore + unit, left));
    float* to = activations + unit;
    store(to, input, left);
    store(to + units, forget, left);
    store(to + 2 * units, candidate, left);
    store(to + 3 * units, output, left);
    store(cell + unit, next, left);
    store(hidden + unit, output * tanh(next), left);
  }
}

/**
 * A whole sequence from zero state: gates_t = inputs_t + (k_t h_{t-1}) W, the cell with k_t c_{t-1}.
 *
 *   operands     inputs [members, batch, steps, 4 units], W [members, units, 4 units], k [members, batch, steps]; then
 *                h and c after each step [members, batch, steps, 2 units], the gates' activations, and k_t h_{t-1}
 *   parameters   members, batch, steps, units
 */
inline void lstmSequence(const Call& call) {
  Parameters p(call);
  const int64_t members = p.integer(), batch = p.integer(), steps = p.integer(), units = p.integer();
  const int64_t samples = batch * steps;
  float* packed = call.scratch->floats(packedFloats(units, 4 * units));
  float* sums = call.scratch->floats(batch * gateRow(units));
  for (int64_t m = 0; m < members; m++) {
    const float* inputs = call.operand(0) + m * samples * 4 * units;
    const float* weight = call.operand(1) + m * 4 * units * units;
    const float* keep = call.operand(2) + m * samples;
    float* states = call.operand(3) + m * samples * 2 * units;
    float* gates = call.operand(4) + m * samples * 4 * units;
    float* hiddenBefore = call.operand(5) + m * samples * units;
    pack(units, 4 * units, rowMajor(weight, 4 * units), packed);
    for (int64_t t = 0; t < steps; t++) {
      for (int64_t row = 0; row < batch; row++) {
        const int64_t sample = row * steps + t;
        float* to = hiddenBefore + sample * units;
        const float* from = t > 0 ? states + (sample - 1) * 2 * units : nullptr;
        for (int64_t unit = 0; unit < units; unit += LANES)
          store(to + unit, from ? keep[sample] * load(from + unit, units - unit) : Floats{}, units - unit);
      }
      // The first state is zero: nothing to multiply.
      const Matrix before{hiddenBefore + t * units, steps * units, 1};
      multiplyPacked({batch, 4 * units, t > 0 ? units : 0, before, sums, gateRow(units)}, packed);
      for (int64_t row = 0; row < batch; row++) {
        const int64_t sample = row * steps + t;
        float* state = states + sample * 2 * units;
        lstmCell(units, sums + row * gateRow(units), inputs + sample * 4 * units, keep[sample],
                 t > 0 ? state - units : nullptr, gates + sample * 4 * units, state + units, state);
      }
    }
  }
}

/** Has memory that is needed soon come nearer. */
WM_INLINE void prefetch(int64_t floats, const float* at) {
  for (int64_t i = 0; i < floats; i += 16) __builtin_prefetch(at + i);
}

/**
 * One row of the cell's gradient. With d tanh(x) = 1 - tanh²(x) and d σ(x) = σ(x) (1 - σ(x)).
 *
 * carryHidden, carryCell: the gradients by k_{t+1} h_t and k_{t+1} c_t from the step after; the latter becomes that by
 * k_t c_{t-1}.
 */
inline void lstmCellGradient(int64_t units, const float* gates, const float* cell, const float* cellBefore, float keep,
                             const float* dState, const float* carryHidden, float* carryCell, float keepAfter,
                             float* dGates) {
  for (int64_t unit = 0; unit < units; unit += LANES) {
    const int64_t left = units - unit;
    const float* gate = gates + unit;
    const Floats input = load(gate, left), forget = load(gate + units, left);
    const Floats candidate = load(gate + 2 * units, left), output = load(gate + 3 * units, left);
    const Floats squashed = tanh(load(cell + unit, left));
    const Floats dHidden = keepAfter * load(carryHidden + unit, left) + load(dState + unit, left);
    const Floats dLater = keepAfter * load(carryCell + unit, left) + load(dState + units + unit, left);
    const Floats dCell = dLater + dHidden * output * (1.0f - squashed * squashed);
    Floats dForget{};
    if (cellBefore) dForget = dCell * (keep * load(cellBefore + unit, left)) * (forget * (1.0f - forget));
    float* dGate = dGates + unit;
    store(dGate, dCell * candidate * (input * (1.0f - input)), left);
    store(dGate + units, dForget, left);
    store(dGate + 2 * units, dCell * input * (1.0f - candidate * candidate), left);
    store(dGate + 3 * units, dHidden * squashed * (output * (1.0f - output)), left);
    store(carryCell + unit, dCell * forget, left);
  }
}

/**
 *   operands     dStates, W, k, and what the forward kernel gave: states, gates, k_t h_{t-1}; then dInputs, dW
 *   parameters   members, batch, steps, units
 */
inline void lstmSequenceGradient(const Call& call) {
  Parameters p(call);
  const int64_t members = p.integer(), batch = p.integer(), steps = p.integer(), units = p.integer();
  const int64_t samples = batch * steps;
  float* packed = call.scratch->floats(packedFloats(4 * units, units));
  float* carryHidden = call.scratch->floats(batch * units);
  float* carryCell = call.scratch->floats(batch * units);
  for (int64_t m = 0; m < members; m++) {
    const float* dStates = call.operand(0) + m * samples * 2 * units;
    const float* weight = call.operand(1) + m * 4 * units * units;
    const float* keep = call.operand(2) + m * samples;
    const float* states = call.operand(3) + m * samples * 2 * units;
    const float* gates = call.operand(4) + m * samples * 4 * units;
    const float* hiddenBefore = call.operand(5) + m * samples * units;
    float* dInputs = call.operand(6) + m * samples * 4 * units;
    float* dWeight = call.operand(7) + m * 4 * units * units;
    pack(4 * units, units, transposed(rowMajor(weight, 4 * units)), packed);
    for (int64_t i = 0; i < batch * units; i++) carryHidden[i] = carryCell[i] = 0;
    for (int64_t t = steps - 1; t >= 0; t--) {
      for (int64_t row = 0; row < batch; row++) {
        const int64_t sample = row * steps + t;
        const float* cell = states + (2 * sample + 1) * units;
        if (row + 1 < batch) {
          const int64_t next = sample + steps;
          prefetch(4 * units, gates + next * 4 * units);
          prefetch(2 * units, dStates + next * 2 * units);
          prefetch(units, states + (2 * next + 1) * units);
        }
        lstmCellGradient(units, gates + sample * 4 * units, cell, t > 0 ? cell - 2 * units : nullptr, keep[sample],
                         dStates + sample * 2 * units, carryHidden + row * units, carryCell + row * units,
                         t + 1 < steps ? keep[sample + 1] : 0.0f, dInputs + sample * 4 * units);
      }
      if (t == 0) break;
      const Matrix dGates{dInputs + t * 4 * units, steps * 4 * units, 1};
      multiplyPacked({batch, units, 4 * units, dGates, carryHidden, units}, packed);
    }
    const Product toWeight{units, 4 * units, samples, transposed(rowMajor(hiddenBefore, units)), dWeight, 4 * units};
    multiply(toWeight, rowMajor(dInputs, 4 * units), call.scratch);
  }
}

}  // namespace wm::WM_SET

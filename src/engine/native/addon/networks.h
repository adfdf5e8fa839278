#pragma once

#include "functions.h"
#include "product.h"

/** Multi-layer perceptrons, LSTMs and roll-outs: the fat operations of src/nn and src/models, forward and backward. */

namespace wm::WM_SET {

enum class Activation { none, relu, tanh };

inline void tanhInPlace(int64_t count, float* x) {
  for (int64_t i = 0; i < count; i += LANES) store(x + i, tanh(load(x + i, count - i)), count - i);
}

/** The gradient of an activation from its value y, in place of that by y. */
template <Activation ACTIVATION>
inline void activationGradient(int64_t count, const float* y, float* dy) {
  for (int64_t i = 0; i < count; i += LANES) {
    const Floats value = load(y + i, count - i), d = load(dy + i, count - i);
    const Floats dx = ACTIVATION == Activation::relu ? select(value > 0.0f, d, 0.0f) : (1.0f - value * value) * d;
    store(dy + i, dx, count - i);
  }
}

/** Adds the sums over rows: [rows, columns] -> [columns]. */
inline void addRows(int64_t rows, int64_t columns, const float* x, float* sums) {
  int64_t column = 0;
  for (; column + 4 * LANES <= columns; column += 4 * LANES) {
    float* to = sums + column;
    Floats a = load(to), b = load(to + LANES), c = load(to + 2 * LANES), d = load(to + 3 * LANES);
    for (int64_t row = 0; row < rows; row++) {
      const float* from = x + row * columns + column;
      a += load(from);
      b += load(from + LANES);
      c += load(from + 2 * LANES);
      d += load(from + 3 * LANES);
    }
    store(to, a);
    store(to + LANES, b);
    store(to + 2 * LANES, c);
    store(to + 3 * LANES, d);
  }
  for (; column < columns; column += LANES) {
    Floats a = load(sums + column, columns - column);
    for (int64_t row = 0; row < rows; row++) a += load(x + row * columns + column, columns - column);
    store(sums + column, a, columns - column);
  }
}

/**
 * The layers of one member, and how many rows go through all of them at once: so few that what one layer gives is still
 * in the nearest cache when the next one takes it, but more where weights are so large that theirs would be lost.
 */
struct Layers {
  int64_t count;
  /** Extents of what goes into each, and of what comes out of the last one. */
  const double* widths;

  int64_t depth(int64_t i) const { return widths[i]; }
  int64_t columns(int64_t i) const { return widths[i + 1]; }
  int64_t weights(int64_t i) const { return depth(i) * columns(i); }

  int64_t rowsAtOnce(int64_t rows) const {
    constexpr int64_t FEW = 96, MANY = 384, LARGE = 1 << 15;
    if (count == 1) return rows;
    int64_t largest = 0;
    for (int64_t i = 0; i < count; i++) largest = weights(i) > largest ? weights(i) : largest;
    return largest > LARGE ? MANY : FEW;
  }
};

constexpr int64_t MOST_LAYERS = 64;

/** @throws KernelError for more layers than there is room for */
WM_INLINE void checkLayers(int64_t layers) {
  if (layers > MOST_LAYERS) throw KernelError{"an MLP has at most 64 layers, not %lld", layers};
}

/**
 * Layers one after the other, hidden ones with the activation: x <- act(x W + b).
 *
 *   operands     x [members, rows, depth]; weight, bias of each layer; then the value of the last layer and those of the
 *                hidden ones, the first first
 *   parameters   members, rows, layers, their depths, the last one's columns
 */
template <Activation ACTIVATION>
inline void mlp(const Call& call) {
  Parameters p(call);
  const int64_t members = p.integer(), rows = p.integer(), count = p.integer();
  const Layers layers{count, p.several(count + 1)};
  checkLayers(count);
  const int64_t output = 2 * count + 1, rowsAtOnce = layers.rowsAtOnce(rows);
  float* packed[MOST_LAYERS];
  for (int64_t i = 0; i < count; i++)
    packed[i] = call.scratch->floats(packedFloats(layers.depth(i), layers.columns(i)));
  for (int64_t m = 0; m < members; m++) {
    for (int64_t i = 0; i < count; i++) {
      const float* weight = call.operand(1 + 2 * i) + m * layers.weights(i);
      pack(layers.depth(i), layers.columns(i), rowMajor(weight, layers.columns(i)), packed[i]);
    }
    for (int64_t row = 0; row < rows; row += rowsAtOnce) {
      const int64_t height = smaller(rowsAtOnce, rows - row);
      for (int64_t i = 0; i < count; i++) {
        const int64_t depth = layers.depth(i), columns = layers.columns(i);
        const bool isHidden = i + 1 < count;
        const float* x = call.operand(i == 0 ? 0 : output + i) + (m * rows + row) * depth;
        float* y = call.operand(isHidden ? output + 1 + i : output) + (m * rows + row) * columns;
        Product product{height, columns, depth, rowMajor(x, depth), y, columns};
        product.start = call.operand(2 + 2 * i) + m * columns;
        product.relu = isHidden && ACTIVATION == Activation::relu;
        multiplyPacked(product, packed[i]);
        if (isHidden && ACTIVATION == Activation::tanh) tanhInPlace(height * columns, y);
      }
    }
  }
}

/**
 * Its gradient.
 *
 *   operands     dy, x, the weights, the hidden layers' values; then dx if asked for, dweight and dbias of each layer
 *   parameters   members, rows, layers, their depths, the last one's columns, whether dx is asked for
 */
template <Activation ACTIVATION>
inline void mlpGradient(const Call& call) {
  Parameters p(call);
  const int64_t members = p.integer(), rows = p.integer(), count = p.integer();
  const Layers layers{count, p.several(count + 1)};
  const bool inputGradient = p.integer();
  checkLayers(count);
  const int64_t output = 1 + 2 * count, rowsAtOnce = smaller(rows, layers.rowsAtOnce(rows));
  /** The first layer whose input's gradient is wanted. */
  const int64_t lowest = inputGradient ? 0 : 1;
  float* packed[MOST_LAYERS];
  int64_t widest = 0;
  for (int64_t i = 0; i < count; i++) {
    if (i >= lowest) packed[i] = call.scratch->floats(packedFloats(layers.columns(i), layers.depth(i)));
    widest = layers.depth(i) > widest ? layers.depth(i) : widest;
  }
  float* spaces[2] = {call.scratch->floats(rowsAtOnce * widest), call.scratch->floats(rowsAtOnce * widest)};
  for (int64_t m = 0; m < members; m++) {
    for (int64_t i = 0; i < count; i++) {
      const int64_t depth = layers.depth(i), columns = layers.columns(i);
      const float* weight = call.operand(2 + i) + m * depth * columns;
      if (i >= lowest) pack(columns, depth, transposed(rowMajor(weight, columns)), packed[i]);
      float* dBias = call.operand(output + inputGradient + 2 * i + 1) + m * columns;
      for (int64_t j = 0; j < columns; j++) dBias[j] = 0;
    }
    // Also without rows the weights have a gradient: zeros.
    for (int64_t row = 0; row < rows || row == 0; row += rowsAtOnce > 0 ? rowsAtOnce : 1) {
      const int64_t height = smaller(rowsAtOnce, rows - row);
      const float* dOut = call.operand(0) + (m * rows + row) * layers.columns(count - 1);
      for (int64_t i = count - 1; i >= 0; i--) {
        const int64_t depth = layers.depth(i), columns = layers.columns(i);
        const float* input = call.operand(i == 0 ? 1 : 1 + count + i) + (m * rows + row) * depth;
        float* dWeight = call.operand(output + inputGradient + 2 * i) + m * depth * columns;
        float* dBias = call.operand(output + inputGradient + 2 * i + 1) + m * columns;
        Product toWeight{depth, columns, height, transposed(rowMajor(input, depth)), dWeight, columns};
        if (row > 0) toWeight.start = dWeight, toWeight.startRow = columns;
        multiply(toWeight, rowMajor(dOut, columns), call.scratch);
        addRows(height, columns, dOut, dBias);
        if (i < lowest) continue;

        float* dIn = i == 0 ? call.operand(output) + (m * rows + row) * depth : spaces[i % 2];
        multiplyPacked({height, depth, columns, rowMajor(dOut, columns), dIn, depth}, packed[i]);
        if (i > 0) activationGradient<ACTIVATION>(height * depth, input, dIn);
        dOut = dIn;
      }
    }
  }
}

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

/** Copies rows of so many floats between two strides. */
inline void copyRows(int64_t rows, int64_t columns, const float* from, int64_t fromRow, float* to, int64_t toRow) {
  for (int64_t row = 0; row < rows; row++)
    __builtin_memcpy(to + row * toRow, from + row * fromRow, sizeof(float) * columns);
}

/** onehot(argmax(logits + noise)) of each row; the first of equals. */
inline void oneHotArgMax(int64_t rows, int64_t columns, const float* logits, const float* noise, int64_t noiseRow,
                         float* out, int64_t outRow) {
  for (int64_t row = 0; row < rows; row++) {
    const float *score = logits + row * columns, *extra = noise + row * noiseRow;
    float* to = out + row * outRow;
    int64_t best = 0;
    for (int64_t i = 0; i < columns; i++) {
      if (score[i] + extra[i] > score[best] + extra[best]) best = i;
      to[i] = 0;
    }
    to[best] = 1;
  }
}

/**
 * The roll-out of an LSTM model, forward only. With s = [z, onehot(a), h, 1] for each start:
 *
 *   a by the actor from z and Gumbel noise, or as given      (h', c') = cell(s [W; U; b], c)      z' = z + [h', 1] [V; d]
 *
 *   operands     z, h, c [members, starts, …]; W, U, b; V, d; the path [members, starts, horizon, choices] of noise or of
 *                actions; weight, bias of each of the actor's layers; then z_t, onehot(a_t), z_{t+1}
 *   parameters   members, starts, latents, choices, units, horizon; the actor's layers, 0 for given actions, and their
 *                depths and the last one's columns
 */
inline void rollOut(const Call& call) {
  Parameters p(call);
  const int64_t members = p.integer(), starts = p.integer(), latents = p.integer(), choices = p.integer();
  const int64_t units = p.integer(), horizon = p.integer(), layers = p.integer();
  const double* widths = layers > 0 ? p.several(layers + 1) : nullptr;
  const int64_t width = latents + choices + units + 1, gateWidth = 4 * units;
  const int64_t firstOutput = 9 + 2 * layers;
  Scratch* scratch = call.scratch;

  float* stacked = scratch->floats(width * gateWidth);
  float* gateWeights = scratch->floats(packedFloats(width, gateWidth));
  float* latentWeights = scratch->floats(packedFloats(units + 1, latents));
  float* state = scratch->floats(starts * width);
  float* gates = scratch->floats(starts * gateRow(units));
  float* cells = scratch->floats(starts * units);
  checkLayers(layers);
  float* actorWeights[MOST_LAYERS];
  float* activations[MOST_LAYERS];
  for (int64_t i = 0; i < layers; i++) {
    actorWeights[i] = scratch->floats(packedFloats(widths[i], widths[i + 1]));
    activations[i] = scratch->floats(starts * static_cast<int64_t>(widths[i + 1]));
  }
  float* const actionPart = state + latents;
  float* const hiddenPart = actionPart + choices;

  for (int64_t m = 0; m < members; m++) {
    const auto part = [&](int64_t operand, int64_t size) { return call.operand(operand) + m * size; };
    const int64_t inputRows = latents + choices;
    copyRows(1, inputRows * gateWidth, part(3, inputRows * gateWidth), 0, stacked, 0);
    copyRows(1, units * gateWidth, part(4, units * gateWidth), 0, stacked + inputRows * gateWidth, 0);
    copyRows(1, gateWidth, part(5, gateWidth), 0, stacked + (inputRows + units) * gateWidth, 0);
    pack(width, gateWidth, rowMajor(stacked, gateWidth), gateWeights);
    copyRows(1, units * latents, part(6, units * latents), 0, stacked, 0);
    copyRows(1, latents, part(7, latents), 0, stacked + units * latents, 0);
    pack(units + 1, latents, rowMajor(stacked, latents), latentWeights);
    for (int64_t i = 0; i < layers; i++) {
      const int64_t depth = widths[i], columns = widths[i + 1];
      pack(depth, columns, rowMajor(part(9 + 2 * i, depth * columns), columns), actorWeights[i]);
    }

    copyRows(starts, latents, part(0, starts * latents), latents, state, width);
    copyRows(starts, units, part(1, starts * units), units, hiddenPart, width);
    copyRows(starts, units, part(2, starts * units), units, cells, units);
    for (int64_t row = 0; row < starts; row++) hiddenPart[row * width + units] = 1;

    const float* path = part(8, starts * horizon * choices);
    float* latentPath = part(firstOutput, starts * horizon * latents);
    float* chosen = part(firstOutput + 1, starts * horizon * choices);
    float* nextLatentPath = part(firstOutput + 2, starts * horizon * latents);
    if (layers == 0) copyRows(1, starts * horizon * choices, path, 0, chosen, 0);
    for (int64_t t = 0; t < horizon; t++) {
      copyRows(starts, latents, state, width, latentPath + t * latents, horizon * latents);
      float* action = chosen + t * choices;
      if (layers > 0) {
        Matrix x{state, width, 1};
        for (int64_t i = 0; i < layers; i++) {
          const int64_t depth = widths[i], columns = widths[i + 1];
          Product layer{starts, columns, depth, x, activations[i], columns};
          layer.start = part(10 + 2 * i, columns);
          layer.relu = i + 1 < layers;
          multiplyPacked(layer, actorWeights[i]);
          x = rowMajor(activations[i], columns);
        }
        oneHotArgMax(starts, choices, x.at, path + t * choices, horizon * choices, action, horizon * choices);
      }
      copyRows(starts, choices, action, horizon * choices, actionPart, width);
      multiplyPacked({starts, gateWidth, width, {state, width, 1}, gates, gateRow(units)}, gateWeights);
      for (int64_t row = 0; row < starts; row++) {
        float* cell = cells + row * units;
        lstmCell(units, gates + row * gateRow(units), 1.0f, cell, cell, hiddenPart + row * width);
      }
      Product toLatent{starts, latents, units + 1, {hiddenPart, width, 1}, state, width};
      toLatent.start = state;
      toLatent.startRow = width;
      multiplyPacked(toLatent, latentWeights);
      copyRows(starts, latents, state, width, nextLatentPath + t * latents, horizon * latents);
    }
  }
}

}  // namespace wm::WM_SET

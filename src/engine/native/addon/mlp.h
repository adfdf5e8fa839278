#pragma once

#include "functions.h"
#include "product.h"

/** Multi-layer perceptrons, forward and backward. */

namespace wm::WM_SET {

enum class Activation { relu, tanh };

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
 *   operands     dy, x, the weights, the hidden layers' values; then dx if asked for; dweight and dbias of each layer if
 *                the weights' gradients are asked for
 *   parameters   members, rows, layers, their depths, the last one's columns, whether dx and whether those are asked for
 */
template <Activation ACTIVATION>
inline void mlpGradient(const Call& call) {
  Parameters p(call);
  const int64_t members = p.integer(), rows = p.integer(), count = p.integer();
  const Layers layers{count, p.several(count + 1)};
  const bool inputGradient = p.integer(), weightGradient = p.integer();
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
      if (!weightGradient) continue;
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
        if (weightGradient) {
          float* dWeight = call.operand(output + inputGradient + 2 * i) + m * depth * columns;
          float* dBias = call.operand(output + inputGradient + 2 * i + 1) + m * columns;
          Product toWeight{depth, columns, height, transposed(rowMajor(input, depth)), dWeight, columns};
          if (row > 0) toWeight.start = dWeight, toWeight.startRow = columns;
          multiply(toWeight, rowMajor(dOut, columns), call.scratch);
          addRows(height, columns, dOut, dBias);
        }
        if (i < lowest) continue;

        float* dIn = i == 0 ? call.operand(output) + (m * rows + row) * depth : spaces[i % 2];
        multiplyPacked({height, depth, columns, rowMajor(dOut, columns), dIn, depth}, packed[i]);
        if (i > 0) activationGradient<ACTIVATION>(height * depth, input, dIn);
        dOut = dIn;
      }
    }
  }
}

}  // namespace wm::WM_SET

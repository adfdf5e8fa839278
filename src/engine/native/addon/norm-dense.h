#pragma once

#include "elementwise.h"
#include "mlp.h"
#include "product.h"
#include "reduction.h"

/** Layers that are normalised by the root of their mean square, or not, with dense or block-diagonal weights. */

namespace wm::WM_SET {

/** What may follow a layer, by the number that JavaScript knows it by: its value, and its slope from what goes in. */
struct NoActivation {
  static WM_INLINE Floats value(Floats x) { return x; }
  static WM_INLINE Floats slope(Floats) { return splat(1.0f); }
};
struct Silu {
  static WM_INLINE Floats value(Floats x) { return x / (1.0f + exp(-x)); }
  /** d x σ(x) = σ(x) (1 + x (1 - σ(x))) */
  static WM_INLINE Floats slope(Floats x) {
    const Floats s = sigmoid(x);
    return s * (x * (1.0f - s) + 1.0f);
  }
};
struct Elu {
  static WM_INLINE Floats value(Floats x) { return elu(x); }
  static WM_INLINE Floats slope(Floats x) { return exp(atMost(x, 0.0f)); }
};

/** One layer of every member. */
struct NormLayer {
  int64_t members, rows, blocks;
  /** Of one block: what goes in and what comes out. */
  int64_t depth, columns;
  /** Which activation, and whether outputs are normalised. */
  int64_t activation;
  bool isNormalised;

  explicit NormLayer(Parameters& p)
      : members(p.integer()), rows(p.integer()), blocks(p.integer()), depth(p.integer()), columns(p.integer()),
        activation(p.integer()), isNormalised(p.integer()) {}

  int64_t inputs() const { return blocks * depth; }
  int64_t outputs() const { return blocks * columns; }
  int64_t weights() const { return blocks * depth * columns; }
  /** Whether the sums are kept beside what the activation makes of them. */
  bool keepsSums() const { return activation != 0 || isNormalised; }
};

/** So few rows at once that what the product gives is still near when the activation takes it. */
constexpr int64_t NORM_ROWS = 128;
/** What is added to the mean square before its root. */
constexpr float RMS_EPSILON = 1e-4f;

/** Σ x y of rows. */
WM_INLINE float dot(int64_t count, const float* x, const float* y) {
  Floats a{}, b{};
  int64_t i = 0;
  for (; i + 2 * LANES <= count; i += 2 * LANES) {
    a += load(x + i) * load(y + i);
    b += load(x + i + LANES) * load(y + i + LANES);
  }
  for (; i < count; i += LANES) a += load(x + i, count - i) * load(y + i, count - i);
  return acrossLanes<Sum>(a + b);
}

/**
 * So many rows pass one step before they pass the next: each waits for its own sums across lanes, but not for those of
 * others.
 */
constexpr int64_t NORM_STEP = 16;

/** Rows: y = act(sum), or act(sum factor ⊙ scale) with factors = 1 / √(mean(sum²) + ε), which are kept. */
template <class Activation>
inline void activateRows(int64_t rows, int64_t count, const float* sums, const float* scale, float* factors, float* y) {
  if (!scale) {
    const int64_t all = rows * count;
    for (int64_t i = 0; i < all; i += LANES) store(y + i, Activation::value(load(sums + i, all - i)), all - i);
    return;
  }
  for (int64_t first = 0; first < rows; first += NORM_STEP) {
    const int64_t end = smaller(first + NORM_STEP, rows);
    for (int64_t row = first; row < end; row++)
      factors[row] = dot(count, sums + row * count, sums + row * count) / count + RMS_EPSILON;
    for (int64_t row = first; row < end; row += LANES)
      store(factors + row, 1.0f / squareRoot(load(factors + row, end - row)), end - row);
    for (int64_t row = first; row < end; row++)
      for (int64_t i = 0; i < count; i += LANES) {
        const int64_t at = row * count + i, left = count - i;
        store(y + at, Activation::value(load(sums + at, left) * factors[row] * load(scale + i, left)), left);
      }
  }
}

/**
 * The gradient of rows by their sums from that by y, dSums. Of normalised ones dScale is added to, and with
 * n = sum factor, dn = dy act'(n ⊙ scale) ⊙ scale:
 *
 *   dSum = (dn - n mean(dn n)) factor
 *
 * since what changes nothing but a row's length is taken out by the normalisation.
 */
template <class Activation>
inline void sumGradients(int64_t rows, int64_t count, const float* dy, const float* sums, const float* scale,
                         const float* factors, float* dScale, float* dSums) {
  if (!scale) {
    const int64_t all = rows * count;
    for (int64_t i = 0; i < all; i += LANES)
      store(dSums + i, load(dy + i, all - i) * Activation::slope(load(sums + i, all - i)), all - i);
    return;
  }
  float along[NORM_STEP];
  for (int64_t first = 0; first < rows; first += NORM_STEP) {
    const int64_t end = smaller(first + NORM_STEP, rows);
    for (int64_t row = first; row < end; row++) {
      Floats products{};
      for (int64_t i = 0; i < count; i += LANES) {
        const int64_t at = row * count + i, left = count - i;
        const Floats normalised = load(sums + at, left) * factors[row], gain = load(scale + i, left);
        const Floats dScaled = load(dy + at, left) * Activation::slope(normalised * gain);
        const Floats dNormalised = dScaled * gain;
        products += dNormalised * normalised;
        store(dScale + i, load(dScale + i, left) + dScaled * normalised, left);
        store(dSums + at, dNormalised, left);
      }
      along[row - first] = factors[row] * (acrossLanes<Sum>(products) / count);
    }
    for (int64_t row = first; row < end; row++)
      for (int64_t i = 0; i < count; i += LANES) {
        const int64_t at = row * count + i, left = count - i;
        store(dSums + at, (load(dSums + at, left) - load(sums + at, left) * along[row - first]) * factors[row], left);
      }
  }
}

using ActivateRows = decltype(&activateRows<Silu>);
using SumGradients = decltype(&sumGradients<Silu>);

/**
 * act(rms(x W + b) ⊙ scale), or without scale act(x W + b).
 *
 *   operands     x [members, rows, blocks depth]; W [members, blocks, depth, columns]; b [members, blocks columns];
 *                scale if there is one, likewise; then y [members, rows, blocks columns]; unless y is that itself,
 *                x W + b; of a normalised layer 1 / the root of each row [members, rows]
 *   parameters   those of NormLayer
 */
inline void normDense(const Call& call) {
  Parameters p(call);
  const NormLayer layer(p);
  constexpr ActivateRows activations[] = {activateRows<NoActivation>, activateRows<Silu>, activateRows<Elu>};
  const ActivateRows activate = activations[layer.activation];
  const int64_t inputs = layer.inputs(), outputs = layer.outputs();
  const int64_t output = 3 + layer.isNormalised;
  const int64_t packedBlock = packedFloats(layer.depth, layer.columns);
  float* packed = call.scratch->floats(layer.blocks * packedBlock);
  for (int64_t m = 0; m < layer.members; m++) {
    const float* weight = call.operand(1) + m * layer.weights();
    const float* bias = call.operand(2) + m * outputs;
    const float* scale = layer.isNormalised ? call.operand(3) + m * outputs : nullptr;
    for (int64_t block = 0; block < layer.blocks; block++) {
      const float* own = weight + block * layer.depth * layer.columns;
      pack(layer.depth, layer.columns, rowMajor(own, layer.columns), packed + block * packedBlock);
    }
    for (int64_t row = 0; row < layer.rows; row += NORM_ROWS) {
      const int64_t height = smaller(NORM_ROWS, layer.rows - row), first = m * layer.rows + row;
      const float* x = call.operand(0) + first * inputs;
      float* sum = call.operand(output + layer.keepsSums()) + first * outputs;
      for (int64_t block = 0; block < layer.blocks; block++) {
        const int64_t column = block * layer.columns;
        Product product{height, layer.columns, layer.depth, {x + block * layer.depth, inputs, 1},
                        sum + column, outputs};
        product.start = bias + column;
        multiplyPacked(product, packed + block * packedBlock);
      }
      if (!layer.keepsSums()) continue;
      activate(height, outputs, sum, scale, scale ? call.operand(output + 2) + first : nullptr,
               call.operand(output) + first * outputs);
    }
  }
}

/**
 * Its gradient.
 *
 *   operands     dy, x, W; x W + b unless that is y; of a normalised layer scale and 1 / the root of each row; then dx if
 *                asked for; if the weights' are asked for, dW, db, and dscale if there is a scale
 *   parameters   those of NormLayer, whether dx and whether the weights' gradients are asked for
 */
inline void normDenseGradient(const Call& call) {
  Parameters p(call);
  const NormLayer layer(p);
  const bool inputGradient = p.integer(), weightGradient = p.integer();
  constexpr SumGradients gradients[] = {sumGradients<NoActivation>, sumGradients<Silu>, sumGradients<Elu>};
  const SumGradients gradient = gradients[layer.activation];
  const int64_t inputs = layer.inputs(), outputs = layer.outputs();
  const int64_t output = 3 + layer.keepsSums() + 2 * layer.isNormalised;
  const int64_t packedBlock = packedFloats(layer.columns, layer.depth);
  float* packed = inputGradient ? call.scratch->floats(layer.blocks * packedBlock) : nullptr;
  float* dSums = call.scratch->floats(smaller(NORM_ROWS, layer.rows) * outputs);
  float* unusedScale = layer.isNormalised && !weightGradient ? call.scratch->floats(outputs) : nullptr;
  for (int64_t m = 0; m < layer.members; m++) {
    const float* weight = call.operand(2) + m * layer.weights();
    const float* scale = layer.isNormalised ? call.operand(4) + m * outputs : nullptr;
    float* dWeight = weightGradient ? call.operand(output + inputGradient) + m * layer.weights() : nullptr;
    float* dBias = weightGradient ? call.operand(output + inputGradient + 1) + m * outputs : nullptr;
    float* dScale = scale && weightGradient ? call.operand(output + inputGradient + 2) + m * outputs : unusedScale;
    for (int64_t i = 0; dBias && i < outputs; i++) dBias[i] = 0;
    for (int64_t i = 0; scale && i < outputs; i++) dScale[i] = 0;
    for (int64_t block = 0; inputGradient && block < layer.blocks; block++) {
      const float* own = weight + block * layer.depth * layer.columns;
      pack(layer.columns, layer.depth, transposed(rowMajor(own, layer.columns)), packed + block * packedBlock);
    }
    // Also without rows the weights have a gradient: zeros.
    for (int64_t row = 0; row < layer.rows || row == 0; row += NORM_ROWS) {
      const int64_t height = smaller(NORM_ROWS, layer.rows - row), first = m * layer.rows + row;
      const float* x = call.operand(1) + first * inputs;
      const float* dSum = call.operand(0) + first * outputs;
      if (layer.keepsSums()) {
        gradient(height, outputs, dSum, call.operand(3) + first * outputs, scale,
                 scale ? call.operand(5) + first : nullptr, dScale, dSums);
        dSum = dSums;
      }
      if (dBias) addRows(height, outputs, dSum, dBias);
      for (int64_t block = 0; block < layer.blocks; block++) {
        const float* dOut = dSum + block * layer.columns;
        if (weightGradient) {
          float* dOwn = dWeight + block * layer.depth * layer.columns;
          const Matrix input{x + block * layer.depth, inputs, 1};
          Product toWeight{layer.depth, layer.columns, height, transposed(input), dOwn, layer.columns};
          if (row > 0) toWeight.start = dOwn, toWeight.startRow = layer.columns;
          multiply(toWeight, {dOut, outputs, 1}, call.scratch);
        }
        if (!inputGradient) continue;
        float* dIn = call.operand(output) + first * inputs + block * layer.depth;
        multiplyPacked({height, layer.depth, layer.columns, {dOut, outputs, 1}, dIn, inputs},
                       packed + block * packedBlock);
      }
    }
  }
}

}  // namespace wm::WM_SET

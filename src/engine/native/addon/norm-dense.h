#pragma once

#include "elementwise.h"
#include "mlp.h"
#include "product.h"
#include "reduction.h"

/**
 * Layers that are normalised by the root of their mean square, by mean and variance, or not, with dense or block-diagonal
 * weights.
 */

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
struct Tanh {
  static WM_INLINE Floats value(Floats x) { return tanh(x); }
  static WM_INLINE Floats slope(Floats x) {
    const Floats t = tanh(x);
    return 1.0f - t * t;
  }
};
struct Mish {
  /** tanh(softplus(x)) = w / (w + 2) with w = e^x (e^x + 2); where w would overflow it has long been 1. */
  static WM_INLINE Floats tanhSoftplus(Floats x) {
    const Floats power = exp(atMost(x, 20.0f));
    const Floats w = power * (power + 2.0f);
    return w / (w + 2.0f);
  }
  static WM_INLINE Floats value(Floats x) { return x * tanhSoftplus(x); }
  /** t + x (1 - t²) σ(x) */
  static WM_INLINE Floats slope(Floats x) {
    const Floats t = tanhSoftplus(x);
    return t + x * (1.0f - t * t) * sigmoid(x);
  }
};

/** One layer of every member. */
struct NormLayer {
  int64_t members, rows, blocks;
  /** Of one block: what goes in and what comes out. */
  int64_t depth, columns;
  int64_t activation;
  /** Vectors that outputs are normalised with: none, a scale (by the mean square), or a shift too (by mean and variance). */
  int64_t normalisers;

  explicit NormLayer(Parameters& p)
      : members(p.integer()), rows(p.integer()), blocks(p.integer()), depth(p.integer()), columns(p.integer()),
        activation(p.integer()), normalisers(p.integer()) {}

  int64_t inputs() const { return blocks * depth; }
  int64_t outputs() const { return blocks * columns; }
  int64_t weights() const { return blocks * depth * columns; }
  /** Whether the sums are kept beside what the activation makes of them. */
  bool keepsSums() const { return activation != 0 || normalisers > 0; }
};

/** So few rows at once that what the product gives is still near when the activation takes it. */
constexpr int64_t NORM_ROWS = 128;
/** What is added to the mean square, or to the variance, before its root. */
constexpr float RMS_EPSILON = 1e-4f, VARIANCE_EPSILON = 1e-5f;

/** Σ x of a row. */
WM_INLINE float total(int64_t count, const float* x) {
  Floats a{}, b{};
  int64_t i = 0;
  for (; i + 2 * LANES <= count; i += 2 * LANES) {
    a += load(x + i);
    b += load(x + i + LANES);
  }
  for (; i < count; i += LANES) a += load(x + i, count - i);
  return acrossLanes<Sum>(a + b);
}

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

/**
 * Rows: y = act(sum), or act(sum factor ⊙ scale) with factors = 1 / √(mean(sum²) + ε), which are kept. With a shift the
 * sums first lose their mean, in place, and y = act(sum factor ⊙ scale + shift).
 */
template <class Activation>
inline void activateRows(int64_t rows, int64_t count, float* sums, const float* scale, const float* shift,
                         float* factors, float* y) {
  if (!scale) {
    const int64_t all = rows * count;
    for (int64_t i = 0; i < all; i += LANES) store(y + i, Activation::value(load(sums + i, all - i)), all - i);
    return;
  }
  for (int64_t first = 0; first < rows; first += NORM_STEP) {
    const int64_t end = smaller(first + NORM_STEP, rows);
    for (int64_t row = first; shift && row < end; row++) {
      const float mean = total(count, sums + row * count) / count;
      for (int64_t i = 0; i < count; i += LANES) {
        const int64_t at = row * count + i, left = count - i;
        store(sums + at, load(sums + at, left) - mean, left);
      }
    }
    const float epsilon = shift ? VARIANCE_EPSILON : RMS_EPSILON;
    for (int64_t row = first; row < end; row++)
      factors[row] = dot(count, sums + row * count, sums + row * count) / count + epsilon;
    for (int64_t row = first; row < end; row += LANES)
      store(factors + row, 1.0f / squareRoot(load(factors + row, end - row)), end - row);
    for (int64_t row = first; row < end; row++)
      for (int64_t i = 0; i < count; i += LANES) {
        const int64_t at = row * count + i, left = count - i;
        Floats scaled = load(sums + at, left) * factors[row] * load(scale + i, left);
        if (shift) scaled += load(shift + i, left);
        store(y + at, Activation::value(scaled), left);
      }
  }
}

/**
 * The gradient of rows by their sums from that by y, dSums. Of normalised ones dScale is added to, and with
 * n = sum factor, dn = dy act'(n ⊙ scale) ⊙ scale:
 *
 *   dSum = (dn - n mean(dn n)) factor
 *
 * since what changes nothing but a row's length is taken out by the normalisation; so, with a shift, is dn's mean. dShift
 * is then added to as well.
 */
template <class Activation>
inline void sumGradients(int64_t rows, int64_t count, const float* dy, const float* sums, const float* scale,
                         const float* shift, const float* factors, float* dScale, float* dShift, float* dSums) {
  if (!scale) {
    const int64_t all = rows * count;
    for (int64_t i = 0; i < all; i += LANES)
      store(dSums + i, load(dy + i, all - i) * Activation::slope(load(sums + i, all - i)), all - i);
    return;
  }
  float along[NORM_STEP], mean[NORM_STEP];
  for (int64_t first = 0; first < rows; first += NORM_STEP) {
    const int64_t end = smaller(first + NORM_STEP, rows);
    for (int64_t row = first; row < end; row++) {
      Floats products{}, means{};
      for (int64_t i = 0; i < count; i += LANES) {
        const int64_t at = row * count + i, left = count - i;
        const Floats normalised = load(sums + at, left) * factors[row], gain = load(scale + i, left);
        Floats scaled = normalised * gain;
        if (shift) scaled += load(shift + i, left);
        const Floats dScaled = load(dy + at, left) * Activation::slope(scaled);
        const Floats dNormalised = dScaled * gain;
        if (shift) {
          means += dNormalised;
          store(dShift + i, load(dShift + i, left) + dScaled, left);
        }
        products += dNormalised * normalised;
        store(dScale + i, load(dScale + i, left) + dScaled * normalised, left);
        store(dSums + at, dNormalised, left);
      }
      along[row - first] = factors[row] * (acrossLanes<Sum>(products) / count);
      mean[row - first] = acrossLanes<Sum>(means) / count;
    }
    for (int64_t row = first; row < end; row++)
      for (int64_t i = 0; i < count; i += LANES) {
        const int64_t at = row * count + i, left = count - i;
        Floats across = load(dSums + at, left) - load(sums + at, left) * along[row - first];
        if (shift) across -= mean[row - first];
        store(dSums + at, across * factors[row], left);
      }
  }
}

using ActivateRows = decltype(&activateRows<Silu>);
using SumGradients = decltype(&sumGradients<Silu>);

/**
 * act(rms(x W + b) ⊙ scale), with a shift act(norm(x W + b) ⊙ scale + shift), or without scale act(x W + b).
 *
 *   operands     x [members, rows, blocks depth]; W [members, blocks, depth, columns]; b [members, blocks columns];
 *                scale and shift if there are, likewise; then y [members, rows, blocks columns]; unless y is that
 *                itself, x W + b, with a shift less each row's mean; of a normalised layer 1 / the root of each row
 *                [members, rows]
 *   parameters   those of NormLayer
 */
inline void normDense(const Call& call) {
  Parameters p(call);
  const NormLayer layer(p);
  constexpr ActivateRows activations[] = {activateRows<NoActivation>, activateRows<Silu>, activateRows<Elu>,
                                          activateRows<Tanh>, activateRows<Mish>};
  const ActivateRows activate = activations[layer.activation];
  const int64_t inputs = layer.inputs(), outputs = layer.outputs();
  const int64_t output = 3 + layer.normalisers;
  const int64_t packedBlock = packedFloats(layer.depth, layer.columns);
  float* packed = call.scratch->floats(layer.blocks * packedBlock);
  for (int64_t m = 0; m < layer.members; m++) {
    const float* weight = call.operand(1) + m * layer.weights();
    const float* bias = call.operand(2) + m * outputs;
    const float* scale = layer.normalisers > 0 ? call.operand(3) + m * outputs : nullptr;
    const float* shift = layer.normalisers > 1 ? call.operand(4) + m * outputs : nullptr;
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
      activate(height, outputs, sum, scale, shift, scale ? call.operand(output + 2) + first : nullptr,
               call.operand(output) + first * outputs);
    }
  }
}

/**
 * Its gradient.
 *
 *   operands     dy, x, W; x W + b unless that is y; of a normalised layer scale, 1 / the root of each row, and shift if
 *                there is one; then dx if asked for; if the weights' are asked for, dW, db, and dscale and dshift if
 *                there are scale and shift
 *   parameters   those of NormLayer, whether dx and whether the weights' gradients are asked for
 */
inline void normDenseGradient(const Call& call) {
  Parameters p(call);
  const NormLayer layer(p);
  const bool inputGradient = p.integer(), weightGradient = p.integer();
  constexpr SumGradients gradients[] = {sumGradients<NoActivation>, sumGradients<Silu>, sumGradients<Elu>,
                                        sumGradients<Tanh>, sumGradients<Mish>};
  const SumGradients gradient = gradients[layer.activation];
  const int64_t inputs = layer.inputs(), outputs = layer.outputs();
  const int64_t output = 3 + layer.keepsSums() + (layer.normalisers > 0) + layer.normalisers;
  const int64_t packedBlock = packedFloats(layer.columns, layer.depth);
  float* packed = inputGradient ? call.scratch->floats(layer.blocks * packedBlock) : nullptr;
  float* dSums = call.scratch->floats(smaller(NORM_ROWS, layer.rows) * outputs);
  float* unused = layer.normalisers > 0 && !weightGradient ? call.scratch->floats(outputs) : nullptr;
  for (int64_t m = 0; m < layer.members; m++) {
    const float* weight = call.operand(2) + m * layer.weights();
    const float* scale = layer.normalisers > 0 ? call.operand(4) + m * outputs : nullptr;
    const float* shift = layer.normalisers > 1 ? call.operand(6) + m * outputs : nullptr;
    float* dWeight = weightGradient ? call.operand(output + inputGradient) + m * layer.weights() : nullptr;
    float* dBias = weightGradient ? call.operand(output + inputGradient + 1) + m * outputs : nullptr;
    float* dScale = scale && weightGradient ? call.operand(output + inputGradient + 2) + m * outputs : unused;
    float* dShift = shift && weightGradient ? call.operand(output + inputGradient + 3) + m * outputs : unused;
    for (int64_t i = 0; dBias && i < outputs; i++) dBias[i] = 0;
    for (int64_t i = 0; scale && i < outputs; i++) dScale[i] = 0;
    for (int64_t i = 0; shift && i < outputs; i++) dShift[i] = 0;
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
        gradient(height, outputs, dSum, call.operand(3) + first * outputs, scale, shift,
                 scale ? call.operand(5) + first : nullptr, dScale, dShift, dSums);
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

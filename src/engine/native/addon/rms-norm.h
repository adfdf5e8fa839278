#pragma once

#include "norm-dense.h"

/** Normalisation by the root of the mean square with nothing before and after it: y = x̂ ⊙ g, x̂ = x / √(mean(x²) + ε). */

namespace wm::WM_SET {

/** What is added to the mean square before its root. */
constexpr float TRANSFORMER_EPSILON = 1e-6f;

/** 1 / √(mean(x²) + ε) of rows. */
inline void rmsFactors(int64_t rows, int64_t count, const float* x, float* factors) {
  for (int64_t row = 0; row < rows; row++)
    factors[row] = dot(count, x + row * count, x + row * count) / count + TRANSFORMER_EPSILON;
  for (int64_t row = 0; row < rows; row += LANES)
    store(factors + row, 1.0f / squareRoot(load(factors + row, rows - row)), rows - row);
}

/**
 * The gradient of rows from that by y: with d = dy ⊙ gain
 *
 *   dx = (d - x̂ mean(d x̂)) factor
 *
 * and dGain is added to.
 */
inline void rmsGradientRows(int64_t rows, int64_t count, const float* dy, const float* x, const float* factors,
                            const float* gain, float* dGain, float* dx) {
  float along[NORM_STEP];
  for (int64_t first = 0; first < rows; first += NORM_STEP) {
    const int64_t end = smaller(first + NORM_STEP, rows);
    for (int64_t row = first; row < end; row++) {
      Floats products{};
      for (int64_t i = 0; i < count; i += LANES) {
        const int64_t at = row * count + i, left = count - i;
        const Floats weighted = load(dy + at, left) * (load(x + at, left) * factors[row]);
        products += weighted * load(gain + i, left);
        store(dGain + i, load(dGain + i, left) + weighted, left);
      }
      along[row - first] = factors[row] * (acrossLanes<Sum>(products) / count);
    }
    for (int64_t row = first; row < end; row++)
      for (int64_t i = 0; i < count; i += LANES) {
        const int64_t at = row * count + i, left = count - i;
        const Floats d = load(dy + at, left) * load(gain + i, left);
        store(dx + at, (d - load(x + at, left) * along[row - first]) * factors[row], left);
      }
  }
}

/** Operands x [members, rows, n], g [members, n], y; members, rows, n. */
inline void rmsNorm(const Call& call) {
  Parameters p(call);
  const int64_t members = p.integer(), rows = p.integer(), count = p.integer();
  float factors[NORM_ROWS];
  for (int64_t m = 0; m < members; m++)
    for (int64_t row = 0; row < rows; row += NORM_ROWS) {
      const int64_t height = smaller(NORM_ROWS, rows - row), at = (m * rows + row) * count;
      const float* x = call.operand(0) + at;
      const float* gain = call.operand(1) + m * count;
      float* y = call.operand(2) + at;
      rmsFactors(height, count, x, factors);
      for (int64_t i = 0; i < height; i++)
        for (int64_t j = 0; j < count; j += LANES) {
          const int64_t left = count - j;
          store(y + i * count + j, load(x + i * count + j, left) * factors[i] * load(gain + j, left), left);
        }
    }
}

/** Its gradient: operands dy, x, g; then dx, dg; the same parameters. */
inline void rmsNormGradient(const Call& call) {
  Parameters p(call);
  const int64_t members = p.integer(), rows = p.integer(), count = p.integer();
  float factors[NORM_ROWS];
  for (int64_t m = 0; m < members; m++) {
    const float* gain = call.operand(2) + m * count;
    float* dGain = call.operand(4) + m * count;
    for (int64_t i = 0; i < count; i++) dGain[i] = 0;
    for (int64_t row = 0; row < rows; row += NORM_ROWS) {
      const int64_t height = smaller(NORM_ROWS, rows - row), at = (m * rows + row) * count;
      const float* x = call.operand(1) + at;
      rmsFactors(height, count, x, factors);
      rmsGradientRows(height, count, call.operand(0) + at, x, factors, gain, dGain, call.operand(3) + at);
    }
  }
}

}  // namespace wm::WM_SET

#pragma once

#include "call.h"
#include "functions.h"
#include "reduction.h"

/** Losses, returns and the optimizer. */

namespace wm::WM_SET {

/**
 * The mean of w (x - y)² of each member.
 *
 *   operands     x, y [members, count], perhaps w; then the means [members], and w (x - y) for the gradient
 *   parameters   members, count, whether there is a w, a factor for w
 */
inline void meanSquaredError(const Call& call) {
  Parameters p(call);
  const int64_t members = p.integer(), count = p.integer();
  const bool isWeighted = p.integer();
  const float factor = p.number();
  for (int64_t m = 0; m < members; m++) {
    const float *x = call.operand(0) + m * count, *y = call.operand(1) + m * count;
    const float* weight = isWeighted ? call.operand(2) + m * count : nullptr;
    float* weighted = call.operand(3 + isWeighted) + m * count;
    Floats total{};
    for (int64_t i = 0; i < count; i += LANES) {
      const Floats error = load(x + i, count - i) - load(y + i, count - i);
      Floats scaled = factor * error;
      if (weight) scaled *= load(weight + i, count - i);
      total += scaled * error;
      store(weighted + i, scaled, count - i);
    }
    call.operand(2 + isWeighted)[m] = acrossLanes<Sum>(total) / count;
  }
}

/** Its gradient by x, 2 w (x - y) dy / count: operands dy [members], w (x - y), dx; parameters members, count. */
inline void meanSquaredErrorGradient(const Call& call) {
  Parameters p(call);
  const int64_t members = p.integer(), count = p.integer();
  for (int64_t m = 0; m < members; m++) {
    const float factor = 2 * call.operand(0)[m] / count;
    for (int64_t i = 0; i < count; i += LANES) {
      const int64_t at = m * count + i, left = count - i;
      store(call.operand(2) + at, factor * load(call.operand(1) + at, left), left);
    }
  }
}

/**
 * R_t = r_t + d_t ((1 - λ) v_{t+1} + λ R_{t+1}) backwards from R_H = v_H.
 *
 *   operands     r, d, v_{t+1}, R: [rows, horizon]
 *   parameters   rows, horizon, λ
 */
inline void lambdaReturn(const Call& call) {
  Parameters p(call);
  const int64_t rows = p.integer(), horizon = p.integer();
  const float lambda = p.number();
  for (int64_t row = 0; row < rows; row++) {
    const int64_t first = row * horizon;
    const float* value = call.operand(2) + first;
    float next = horizon > 0 ? value[horizon - 1] : 0;
    for (int64_t t = horizon - 1; t >= 0; t--) {
      const float mixed = (1 - lambda) * value[t] + lambda * next;
      next = call.operand(0)[first + t] + call.operand(1)[first + t] * mixed;
      call.operand(3)[first + t] = next;
    }
  }
}

/** Σx² of numbers side by side. */
WM_INLINE float squares(int64_t count, const float* x) {
  Floats a{}, b{};
  for (int64_t i = 0; i < count; i += 2 * LANES) {
    const Floats first = load(x + i, count - i);
    const Floats second = count - i > LANES ? load(x + i + LANES, count - i - LANES) : Floats{};
    a += first * first;
    b += second * second;
  }
  return acrossLanes<Sum>(a + b);
}

/** √Σx² of each member: operands x [members, count], norms; parameters members, count. */
inline void globalNorm(const Call& call) {
  Parameters p(call);
  const int64_t members = p.integer(), count = p.integer();
  for (int64_t m = 0; m < members; m++)
    call.operand(1)[m] = __builtin_sqrtf(squares(count, call.operand(0) + m * count));
}

/**
 * One step of Adam (Kingma & Ba 2015) with clipping, each member by its own norm and learning rate:
 *
 *   g <- g min(1, clip / |g|)     m' = β₁ m + (1 - β₁) g     v' = β₂ v + (1 - β₂) g²
 *   θ' = θ - α m' / (1 - β₁ᵗ) / (√(v' / (1 - β₂ᵗ)) + ε)
 *
 *   operands     θ, g, m, v [members, count]; |g|, α [members]; 1 / (1 - β₁ᵗ), 1 / (1 - β₂ᵗ); then θ', m', v'
 *   parameters   members, count, clip, β₁, β₂, ε
 */
inline void adam(const Call& call) {
  Parameters p(call);
  const int64_t members = p.integer(), count = p.integer();
  const float clip = p.number();
  const double beta1 = p.precise(), beta2 = p.precise();
  const float epsilon = p.number();
  const float keepMean = beta1, addMean = 1 - beta1, keepSquare = beta2, addSquare = 1 - beta2;
  const float meanCorrection = *call.operand(6), squareCorrection = *call.operand(7);
  for (int64_t m = 0; m < members; m++) {
    const float share = clip / (call.operand(4)[m] + 1e-9f);
    const float scale = share > 1 ? 1 : share;
    const float rate = call.operand(5)[m] * meanCorrection;
    for (int64_t i = 0; i < count; i += LANES) {
      const int64_t at = m * count + i, left = count - i;
      const Floats g = scale * load(call.operand(1) + at, left);
      const Floats mean = keepMean * load(call.operand(2) + at, left) + addMean * g;
      const Floats square = keepSquare * load(call.operand(3) + at, left) + addSquare * (g * g);
      const Floats step = rate * mean / (squareRoot(square * squareCorrection) + epsilon);
      store(call.operand(8) + at, load(call.operand(0) + at, left) - step, left);
      store(call.operand(9) + at, mean, left);
      store(call.operand(10) + at, square, left);
    }
  }
}

/**
 * Adaptive clipping (Brock et al. 2021), each piece of a member's gradient by the norm of its own parameters:
 *
 *   g <- g / max(1, |g| / (clip max(10⁻³, |θ|)))
 *
 *   operands     θ, g [members, count]; then the clipped g
 *   parameters   members, count, clip, the least norm, how many pieces, their sizes
 */
inline void adaptiveClip(const Call& call) {
  Parameters p(call);
  const int64_t members = p.integer(), count = p.integer();
  const float clip = p.number(), leastNorm = p.number();
  const int64_t pieces = p.integer();
  const double* sizes = p.several(pieces);
  for (int64_t m = 0; m < members; m++) {
    int64_t at = m * count;
    for (int64_t piece = 0; piece < pieces; piece++) {
      const int64_t size = sizes[piece];
      const float *gradient = call.operand(1) + at;
      float* clipped = call.operand(2) + at;
      const float norm = __builtin_sqrtf(squares(size, call.operand(0) + at));
      const float excess = __builtin_sqrtf(squares(size, gradient)) / ((norm < leastNorm ? leastNorm : norm) * clip);
      // NaN stays.
      const float divisor = excess < 1 ? 1 : excess;
      for (int64_t i = 0; i < size; i += LANES) store(clipped + i, load(gradient + i, size - i) / divisor, size - i);
      at += size;
    }
  }
}

/**
 * One step of LaProp (Ziyin et al. 2020), each member by its own learning rate; with g' = unit g
 *
 *   v' = β₂ v + (1 - β₂) g'²     m' = β₁ m + (1 - β₁) g' / (√(v' / (1 - β₂ᵗ)) + ε)     θ' = θ - α m' / (1 - β₁ᵗ)
 *
 *   operands     θ, g, m, v [members, count]; α [members]; 1 / (1 - β₁ᵗ), 1 / (1 - β₂ᵗ); then θ', m', v'
 *   parameters   members, count, β₁, β₂, unit, ε, in that unit
 */
inline void laprop(const Call& call) {
  Parameters p(call);
  const int64_t members = p.integer(), count = p.integer();
  const double beta1 = p.precise(), beta2 = p.precise();
  const float unit = p.number(), epsilon = p.number();
  const float keepMean = beta1, addMean = 1 - beta1, keepSquare = beta2, addSquare = 1 - beta2;
  const float meanCorrection = *call.operand(5), squareCorrection = *call.operand(6);
  for (int64_t m = 0; m < members; m++) {
    const float rate = call.operand(4)[m] * meanCorrection;
    for (int64_t i = 0; i < count; i += LANES) {
      const int64_t at = m * count + i, left = count - i;
      const Floats g = load(call.operand(1) + at, left) * unit;
      const Floats square = keepSquare * load(call.operand(3) + at, left) + addSquare * (g * g);
      const Floats normalised = g / (squareRoot(square * squareCorrection) + epsilon);
      const Floats mean = keepMean * load(call.operand(2) + at, left) + addMean * normalised;
      store(call.operand(7) + at, load(call.operand(0) + at, left) - rate * mean, left);
      store(call.operand(8) + at, mean, left);
      store(call.operand(9) + at, square, left);
    }
  }
}

}  // namespace wm::WM_SET

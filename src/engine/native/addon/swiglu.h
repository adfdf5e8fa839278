#pragma once

#include "functions.h"

/** The gated unit SwiGLU (Shazeer 2020), silu(a) b with silu(a) = a σ(a). */

namespace wm::WM_SET {

/** Operands a, b, y; elements. */
inline void swiGlu(const Call& call) {
  const int64_t count = Parameters(call).integer();
  const float *gate = call.operand(0), *up = call.operand(1);
  float* y = call.operand(2);
  for (int64_t i = 0; i < count; i += LANES) {
    const Floats a = load(gate + i, count - i);
    store(y + i, a * sigmoid(a) * load(up + i, count - i), count - i);
  }
}

/** Its gradient, with d silu(a) = σ + a σ (1 - σ): operands dy, a, b; then da, db; elements. */
inline void swiGluGradient(const Call& call) {
  const int64_t count = Parameters(call).integer();
  const float *dy = call.operand(0), *gate = call.operand(1), *up = call.operand(2);
  float *dGate = call.operand(3), *dUp = call.operand(4);
  for (int64_t i = 0; i < count; i += LANES) {
    const int64_t left = count - i;
    const Floats d = load(dy + i, left), a = load(gate + i, left), b = load(up + i, left);
    const Floats s = sigmoid(a), silu = a * s;
    store(dGate + i, d * b * (s + silu * (1.0f - s)), left);
    store(dUp + i, d * silu, left);
  }
}

}  // namespace wm::WM_SET

#pragma once

#include "functions.h"

namespace wm::WM_SET {

/*
 * The gated recurrent unit (Cho et al. 2014) whose reset gate acts on the candidate, gates in the order reset, candidate,
 * update:
 *
 *   h' = h + u (tanh(σ(r) c) - h),   u = σ(update - 1)
 */

struct GruCell {
  Floats reset, candidate, squashed, update;
  WM_INLINE GruCell(int64_t units, const float* gates, int64_t left)
      : reset(gateSigmoid(load(gates, left))), candidate(load(gates + units, left)),
        squashed(tanh(reset * candidate)), update(gateSigmoid(load(gates + 2 * units, left) - 1.0f)) {}
};

/**
 *   operands     gates [rows, 3 units], h [rows, units], h'
 *   parameters   rows, units
 */
inline void gruStep(const Call& call) {
  Parameters p(call);
  const int64_t rows = p.integer(), units = p.integer();
  for (int64_t row = 0; row < rows; row++)
    for (int64_t unit = 0; unit < units; unit += LANES) {
      const int64_t at = row * units + unit, left = units - unit;
      const GruCell cell(units, call.operand(0) + row * 3 * units + unit, left);
      const Floats hidden = load(call.operand(1) + at, left);
      store(call.operand(2) + at, hidden + cell.update * (cell.squashed - hidden), left);
    }
}

/**
 * Its gradient, the gates' activations computed anew. With d tanh(x) = 1 - tanh²(x) and d σ(x) = σ(x) (1 - σ(x)).
 *
 *   operands     dh', gates, h; then dGates, dh
 *   parameters   rows, units
 */
inline void gruStepGradient(const Call& call) {
  Parameters p(call);
  const int64_t rows = p.integer(), units = p.integer();
  for (int64_t row = 0; row < rows; row++)
    for (int64_t unit = 0; unit < units; unit += LANES) {
      const int64_t at = row * units + unit, left = units - unit;
      const GruCell cell(units, call.operand(1) + row * 3 * units + unit, left);
      const Floats d = load(call.operand(0) + at, left), hidden = load(call.operand(2) + at, left);
      const Floats dProduct = d * cell.update * (1.0f - cell.squashed * cell.squashed);
      float* dGates = call.operand(3) + row * 3 * units + unit;
      store(dGates, dProduct * cell.candidate * (cell.reset * (1.0f - cell.reset)), left);
      store(dGates + units, dProduct * cell.reset, left);
      store(dGates + 2 * units, d * (cell.squashed - hidden) * (cell.update * (1.0f - cell.update)), left);
      store(call.operand(4) + at, d * (1.0f - cell.update), left);
    }
}

}  // namespace wm::WM_SET

#pragma once

#include "lstm.h"
#include "mlp.h"

namespace wm::WM_SET {

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

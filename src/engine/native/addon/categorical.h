#pragma once

#include "functions.h"
#include "reduction.h"

/** Categorical distributions over rows of classes, and two-hot encoded numbers. */

namespace wm::WM_SET {

/** As `load`, but what is beyond the end is the last argument. */
WM_INLINE Floats loadOr(const float* at, int64_t left, float beyond) {
  return left >= LANES ? load(at) : select(lanesBefore(left), loadFew(at, left), beyond);
}

/** The largest logit of a row, NaN if one is. */
WM_INLINE float largestOf(int64_t classes, const float* logits) {
  const float none = -__builtin_inff();
  Floats most = splat(none);
  for (int64_t i = 0; i < classes; i += LANES) most = Largest::join(most, loadOr(logits + i, classes - i, none));
  return acrossLanes<Largest>(most);
}

/** Stores e^(x - largest) of a row. @returns their sum */
WM_INLINE float powersOf(int64_t classes, const float* logits, float largest, float* powers) {
  Floats total{};
  for (int64_t i = 0; i < classes; i += LANES) {
    // Beyond the end it is e^-infinity, 0.
    const Floats power = exp(loadOr(logits + i, classes - i, -__builtin_inff()) - largest);
    store(powers + i, power, classes - i);
    total += power;
  }
  return acrossLanes<Sum>(total);
}

/**
 * log q, q = (1 - mix) softmax(logits) + mix / classes.
 *
 *   operands     logits [rows, classes]; then log q, softmax(logits)
 *   parameters   rows, classes, mix
 */
inline void mixedLogProbabilities(const Call& call) {
  Parameters p(call);
  const int64_t rows = p.integer(), classes = p.integer();
  const double mix = p.precise();
  const float kept = 1 - mix, added = mix / classes;
  // So many rows pass one step before they pass the next, so that none waits for another's sum across lanes.
  constexpr int64_t STEP = 16;
  float largest[STEP], sums[STEP];
  for (int64_t first = 0; first < rows; first += STEP) {
    const int64_t height = rows - first < STEP ? rows - first : STEP;
    const float* logits = call.operand(0) + first * classes;
    float *logs = call.operand(1) + first * classes, *probabilities = call.operand(2) + first * classes;
    for (int64_t i = 0; i < height; i++) largest[i] = largestOf(classes, logits + i * classes);
    for (int64_t i = 0; i < height; i++)
      sums[i] = powersOf(classes, logits + i * classes, largest[i], probabilities + i * classes);
    for (int64_t i = 0; i < height; i++) {
      const float share = 1 / sums[i];
      // The plain logarithm keeps its digits where a probability is too small for float32.
      const float whole = mix == 0 ? largest[i] + log(splat(sums[i]))[0] : 0;
      for (int64_t j = 0; j < classes; j += LANES) {
        const int64_t at = i * classes + j, left = classes - j;
        const Floats probability = load(probabilities + at, left) * share;
        store(probabilities + at, probability, left);
        store(logs + at, mix == 0 ? load(logits + at, left) - whole : log(probability * kept + added), left);
      }
    }
  }
}

/**
 * Its gradient: with w = dy (1 - mix) p / q, which is dy where mix is 0, w - p Σ w.
 *
 *   operands     dy, softmax(logits), dlogits: [rows, classes]
 *   parameters   rows, classes, mix
 */
inline void mixedLogProbabilitiesGradient(const Call& call) {
  Parameters p(call);
  const int64_t rows = p.integer(), classes = p.integer();
  const double mix = p.precise();
  const float kept = 1 - mix, added = mix / classes;
  for (int64_t row = 0; row < rows; row++) {
    const float *dy = call.operand(0) + row * classes, *probabilities = call.operand(1) + row * classes;
    float* dLogits = call.operand(2) + row * classes;
    Floats total{};
    for (int64_t i = 0; i < classes; i += LANES) {
      const int64_t left = classes - i;
      Floats weighted = load(dy + i, left);
      if (mix != 0) {
        const Floats probability = load(probabilities + i, left);
        // No lane beyond the end divides by zero.
        weighted *= kept * probability / (probability * kept + added);
      }
      total += weighted;
      store(dLogits + i, weighted, left);
    }
    const float sum = acrossLanes<Sum>(total);
    for (int64_t i = 0; i < classes; i += LANES) {
      const int64_t left = classes - i;
      store(dLogits + i, load(dLogits + i, left) - load(probabilities + i, left) * sum, left);
    }
  }
}

/**
 * One-hot choices: the first class whose cumulated probability exceeds u, or without u the first of the likeliest.
 *
 *   operands     log p [rows, classes], perhaps u [rows]; then the choices
 *   parameters   rows, classes, whether there is a u
 */
inline void sampleCategorical(const Call& call) {
  Parameters p(call);
  const int64_t rows = p.integer(), classes = p.integer();
  const bool isSampled = p.integer();
  for (int64_t row = 0; row < rows; row++) {
    const float* logs = call.operand(0) + row * classes;
    float* choice = call.operand(1 + isSampled) + row * classes;
    int64_t chosen = 0;
    if (isSampled) {
      // How many cumulated probabilities u has passed, of all but the last.
      const float u = call.operand(1)[row];
      float before = 0;
      Floats passed{};
      for (int64_t i = 0; i < classes; i += LANES) {
        const Floats upTo = before + cumulated(exp(loadOr(logs + i, classes - i, -__builtin_inff())));
        passed += select(upTo <= u, 1.0f, Floats{});
        before = upTo[LANES - 1];
      }
      chosen = static_cast<int64_t>(acrossLanes<Sum>(passed));
      if (chosen >= classes) chosen = classes - 1;
    } else {
      for (int64_t i = 1; i < classes; i++)
        if (logs[i] > logs[chosen]) chosen = i;
    }
    for (int64_t i = 0; i < classes; i += LANES)
      store(choice + i, select(lanesBefore(chosen + 1 - i) & ~lanesBefore(chosen - i), 1.0f, Floats{}), classes - i);
  }
}

/**
 * KL(p ‖ q) = Σ p (log p - log q) of each row.
 *
 *   operands     log p, log q [rows, count]; then the sums [rows]
 *   parameters   rows, count
 */
inline void categoricalKl(const Call& call) {
  Parameters p(call);
  const int64_t rows = p.integer(), count = p.integer();
  for (int64_t row = 0; row < rows; row++) {
    const float *logP = call.operand(0) + row * count, *logQ = call.operand(1) + row * count;
    Floats total{};
    for (int64_t i = 0; i < count; i += LANES) {
      const Floats x = load(logP + i, count - i);
      total += exp(x) * (x - load(logQ + i, count - i));
    }
    call.operand(2)[row] = acrossLanes<Sum>(total);
  }
}

/** Its gradients, dy p (log p - log q + 1) and -dy p: operands dy [rows], log p, log q; then both; rows, count. */
inline void categoricalKlGradient(const Call& call) {
  Parameters p(call);
  const int64_t rows = p.integer(), count = p.integer();
  for (int64_t row = 0; row < rows; row++) {
    const float dy = call.operand(0)[row];
    for (int64_t i = 0; i < count; i += LANES) {
      const int64_t at = row * count + i, left = count - i;
      const Floats x = load(call.operand(1) + at, left), weighted = dy * exp(x);
      store(call.operand(3) + at, weighted * (x - load(call.operand(2) + at, left) + 1.0f), left);
      store(call.operand(4) + at, -weighted, left);
    }
  }
}

/**
 * The cross entropy -Σ e log softmax(logits) with the two-hot encoding e of numbers, whose two neighbouring bins share
 * the weight 1; what is beyond the ends counts as the end.
 *
 *   operands     logits [rows, bins], numbers [rows], bins, ascending; then losses [rows], softmax(logits) - e
 *   parameters   rows, bins
 */
inline void twoHotLoss(const Call& call) {
  Parameters p(call);
  const int64_t rows = p.integer(), count = p.integer();
  const float* bins = call.operand(2);
  for (int64_t row = 0; row < rows; row++) {
    const float* logits = call.operand(0) + row * count;
    float* deviation = call.operand(4) + row * count;
    const float largest = largestOf(count, logits), sum = powersOf(count, logits, largest, deviation);
    const float whole = largest + log(splat(sum))[0], share = 1 / sum;
    for (int64_t i = 0; i < count; i += LANES) store(deviation + i, load(deviation + i, count - i) * share, count - i);
    float x = call.operand(1)[row];
    if (x < bins[0]) x = bins[0];
    if (x > bins[count - 1]) x = bins[count - 1];
    // The bin below, by halves; that of NaN is the first, and its weights are NaN.
    int64_t low = 0, high = count - 1;
    while (high - low > 1) {
      const int64_t middle = (low + high) / 2;
      (x >= bins[middle] ? low : high) = middle;
    }
    const float gap = bins[high] - bins[low];
    const float below = (bins[high] - x) / gap, above = (x - bins[low]) / gap;
    call.operand(3)[row] = -(below * (logits[low] - whole) + above * (logits[high] - whole));
    deviation[low] -= below;
    deviation[high] -= above;
  }
}

/**
 * The mean Σ p b, p = softmax(logits), of bins that are each other's mirror image around the middle one, 0: paired, so
 * that it is 0 where probabilities are.
 *
 *   operands     logits [rows, bins], bins; then means [rows], p
 *   parameters   rows, bins, an odd number
 */
inline void twoHotMean(const Call& call) {
  Parameters p(call);
  const int64_t rows = p.integer(), count = p.integer(), middle = count / 2;
  const float* bins = call.operand(1) + middle + 1;
  for (int64_t row = 0; row < rows; row++) {
    const float* logits = call.operand(0) + row * count;
    float* probabilities = call.operand(3) + row * count;
    const float share = 1 / powersOf(count, logits, largestOf(count, logits), probabilities);
    for (int64_t i = 0; i < count; i += LANES)
      store(probabilities + i, load(probabilities + i, count - i) * share, count - i);
    const float *positive = probabilities + middle + 1, *negative = probabilities + middle;
    Floats sums{};
    int64_t i = 0;
    for (; i + LANES <= middle; i += LANES)
      sums += (load(positive + i) - reversed(load(negative - i - LANES))) * load(bins + i);
    float mean = acrossLanes<Sum>(sums);
    for (; i < middle; i++) mean += (positive[i] - negative[-1 - i]) * bins[i];
    call.operand(2)[row] = mean;
  }
}

}  // namespace wm::WM_SET

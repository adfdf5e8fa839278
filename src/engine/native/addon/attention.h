#pragma once

#include "functions.h"
#include "rms-norm.h"

/**
 * Attention of several heads, whose queries and keys are normalised and turned to their positions, and which may share
 * keys and values:
 *
 *   q, k = rms(queries), rms(keys), turned      w = softmax(cap tanh(q kᵀ / (√n cap)))      y = w v
 *
 * Heads are small and tokens few, rows of the batch many: so a vector holds the same number of LANES rows, and no number
 * waits for those beside it.
 */

namespace wm::WM_SET {

/** How heads attend. Head h of the queries looks at head h / group of keys and values. */
struct Heads {
  /** `size`: numbers of a head, n. Keys of a memory stand before those of the tokens: `past`. */
  int64_t members, batch, tokens, heads, kvHeads, size, past;
  bool isTurned, isSeenInPart;
  /** 0: none. */
  float cap;

  explicit Heads(Parameters& p)
      : members(p.integer()), batch(p.integer()), tokens(p.integer()), heads(p.integer()), kvHeads(p.integer()),
        size(p.integer()), past(p.integer()), isTurned(p.integer()), isSeenInPart(p.integer()), cap(p.number()) {}

  int64_t keys() const { return past + tokens; }
  int64_t group() const { return heads / kvHeads; }
};

/** Where the operands stand that forward and backward have in common. */
struct HeadOperands {
  const float *queries, *keys, *values, *queryGain, *keyGain, *allowed;
  const float *cosines = nullptr, *sines = nullptr, *pastKeys = nullptr, *pastValues = nullptr, *seen = nullptr;
  /** The one behind them. */
  int64_t end;

  HeadOperands(const Heads& h, const Call& call, int64_t first) : end(first) {
    const auto next = [&] { return call.operand(end++); };
    queries = next(), keys = next(), values = next(), queryGain = next(), keyGain = next(), allowed = next();
    if (h.isTurned) cosines = next(), sines = next();
    if (h.past > 0) pastKeys = next(), pastValues = next();
    if (h.isSeenInPart) seen = next();
  }
};

/** Lane r of y[i] is number i of row r, which stands r step behind the first; 0 where there is no row. */
inline void toLanes(int64_t rows, int64_t count, const float* x, int64_t step, Floats* y) {
  for (int64_t i = 0; i < count; i += LANES) {
    Floats square[LANES];
    for (int row = 0; row < LANES; row++) square[row] = row < rows ? load(x + row * step + i, count - i) : Floats{};
    transpose(square);
    for (int64_t j = 0; j < LANES && i + j < count; j++) y[i + j] = square[j];
  }
}

/** The inverse: rows that are not there are left out. */
inline void fromLanes(int64_t rows, int64_t count, const Floats* x, float* y, int64_t step) {
  for (int64_t i = 0; i < count; i += LANES) {
    Floats square[LANES];
    for (int64_t j = 0; j < LANES; j++) square[j] = i + j < count ? x[i + j] : Floats{};
    transpose(square);
    for (int64_t row = 0; row < LANES && row < rows; row++) store(y + row * step + i, square[row], count - i);
  }
}

WM_INLINE void clear(int64_t count, Floats* x) {
  for (int64_t i = 0; i < count; i++) x[i] = Floats{};
}

WM_INLINE Floats dot(int64_t count, const Floats* x, const Floats* y) {
  Floats sum{};
  for (int64_t i = 0; i < count; i++) sum += x[i] * y[i];
  return sum;
}

/** y += weight x */
WM_INLINE void addTimes(int64_t count, Floats weight, const Floats* x, Floats* y) {
  for (int64_t i = 0; i < count; i++) y[i] += weight * x[i];
}

/** Turns the halves of a head against each other by the angles of a position (Su et al. 2021), by -1 back. */
WM_INLINE void turn(int64_t size, const float* cosines, const float* sines, float direction, Floats* x) {
  const int64_t half = size / 2;
  for (int64_t i = 0; i < half; i++) {
    const Floats a = x[i], b = x[half + i];
    const float sine = direction * sines[i];
    x[i] = a * cosines[i] - b * sine;
    x[half + i] = b * cosines[i] + a * sine;
  }
}

/** One head of keys and values of LANES rows of the batch, and the queries that share it. */
class SharedHead {
 public:
  /** As they attend: [group, tokens, n] and [keys, n] twice. */
  Floats *queries, *keys, *values;
  /** Of one query: w and d cap tanh(s / (√n cap)) / ds, [keys]; 0 of keys that it may not look at. */
  Floats *weights, *slopes;

  SharedHead(const Heads& h, const HeadOperands& in, Scratch* scratch) : h_(h), in_(in), scratch_(scratch) {
    const int64_t ofQueries = h.group() * h.tokens;
    queries = vectors(ofQueries * h.size), keys = vectors(h.keys() * h.size), values = vectors(h.keys() * h.size);
    weights = vectors(h.keys()), slopes = vectors(h.keys()), unseen_ = vectors(h.keys());
    normalQueries_ = vectors(ofQueries * h.size), normalKeys_ = vectors(h.tokens * h.size);
    queryFactors_ = vectors(ofQueries), keyFactors_ = vectors(h.tokens);
    clear(h.keys(), unseen_);
  }

  Floats* vectors(int64_t count) const { return reinterpret_cast<Floats*>(scratch_->floats(count * LANES)); }

  /** How many rows there are, LANES at most. */
  int64_t rows() const { return rows_; }

  /** Where the first row's query g of a token stands among the operands, and its key; from row to row. */
  int64_t queryAt(int64_t g, int64_t token) const {
    return ((row_ * h_.tokens + token) * h_.heads + kv_ * h_.group() + g) * h_.size;
  }
  int64_t keyAt(int64_t token) const { return ((row_ * h_.tokens + token) * h_.kvHeads + kv_) * h_.size; }
  int64_t queryStep() const { return h_.tokens * h_.heads * h_.size; }
  int64_t keyStep() const { return h_.tokens * h_.kvHeads * h_.size; }

  /** The head `kv` of the rows of member `m` from `first` on. */
  void take(int64_t m, int64_t first, int64_t kv) {
    member_ = m, row_ = m * h_.batch + first, kv_ = kv;
    rows_ = smaller(LANES, h_.batch - first);
    for (int64_t g = 0; g < h_.group(); g++)
      for (int64_t token = 0; token < h_.tokens; token++) {
        const int64_t i = g * h_.tokens + token;
        Floats* normal = normalQueries_ + i * h_.size;
        toLanes(rows_, h_.size, in_.queries + queryAt(g, token), queryStep(), normal);
        place(h_.past + token, in_.queryGain, normal, queryFactors_[i], queries + i * h_.size);
      }
    for (int64_t token = 0; token < h_.tokens; token++) {
      const int64_t key = h_.past + token;
      Floats* normal = normalKeys_ + token * h_.size;
      toLanes(rows_, h_.size, in_.keys + keyAt(token), keyStep(), normal);
      place(key, in_.keyGain, normal, keyFactors_[token], keys + key * h_.size);
      toLanes(rows_, h_.size, in_.values + keyAt(token), keyStep(), values + key * h_.size);
    }
    const int64_t step = h_.kvHeads * h_.past * h_.size;
    for (int64_t key = 0; key < h_.past; key++) {
      const int64_t at = row_ * step + (kv * h_.past + key) * h_.size;
      toLanes(rows_, h_.size, in_.pastKeys + at, step, keys + key * h_.size);
      turnAt(key, 1, keys + key * h_.size);
      toLanes(rows_, h_.size, in_.pastValues + at, step, values + key * h_.size);
    }
    if (!h_.isSeenInPart) return;
    toLanes(rows_, h_.keys(), in_.seen + row_ * h_.keys(), h_.keys(), unseen_);
    for (int64_t key = 0; key < h_.keys(); key++) unseen_[key] = (1.0f - unseen_[key]) * -1e9f;
  }

  /** The weights of a token's query, and the slopes of its scores. */
  void weigh(const Floats* query, int64_t token) {
    const float* allowed = in_.allowed + token * h_.keys();
    const float scale = 1 / __builtin_sqrtf(h_.size), bend = h_.cap > 0 ? scale / h_.cap : 0;
    Floats most = splat(-__builtin_inff());
    for (int64_t key = 0; key < h_.keys(); key++) {
      if (!allowed[key]) continue;
      const Floats product = dot(h_.size, query, keys + key * h_.size);
      Floats score = product * scale, slope = splat(scale);
      if (h_.cap > 0) {
        const Floats bent = tanh(product * bend);
        score = bent * h_.cap;
        slope *= 1.0f - bent * bent;
      }
      weights[key] = score + unseen_[key];
      slopes[key] = slope;
      most = Largest::join(most, weights[key]);
    }
    Floats sum{};
    for (int64_t key = 0; key < h_.keys(); key++) {
      weights[key] = allowed[key] ? exp(weights[key] - most) : Floats{};
      if (!allowed[key]) slopes[key] = Floats{};
      sum += weights[key];
    }
    const Floats share = 1.0f / sum;
    for (int64_t key = 0; key < h_.keys(); key++) weights[key] *= share;
  }

  /** Writes the gradients of a query, and of a token's key, from those by what attends; dGain [n] is added to. */
  void queryGradient(int64_t g, int64_t token, Floats* d, Floats* dGain, float* to) const {
    const int64_t i = g * h_.tokens + token;
    gradient(h_.past + token, in_.queryGain, normalQueries_ + i * h_.size, queryFactors_[i], d, dGain);
    fromLanes(rows_, h_.size, d, to + queryAt(g, token), queryStep());
  }
  void keyGradient(int64_t token, Floats* d, Floats* dGain, float* to) const {
    gradient(h_.past + token, in_.keyGain, normalKeys_ + token * h_.size, keyFactors_[token], d, dGain);
    fromLanes(rows_, h_.size, d, to + keyAt(token), keyStep());
  }

 private:
  const Heads& h_;
  const HeadOperands& in_;
  Scratch* scratch_;
  /** x̂ of queries and keys, and 1 / the root of each. */
  Floats *normalQueries_, *normalKeys_, *queryFactors_, *keyFactors_;
  /** What is added to the scores of keys that are not there: [keys] */
  Floats* unseen_;
  int64_t member_ = 0, row_ = 0, kv_ = 0, rows_ = 0;

  void turnAt(int64_t position, float direction, Floats* x) const {
    const int64_t at = position * (h_.size / 2);
    if (h_.isTurned) turn(h_.size, in_.cosines + at, in_.sines + at, direction, x);
  }

  /** Makes x̂ of x in place, and y = x̂ ⊙ gain, turned to its position. */
  WM_INLINE void place(int64_t position, const float* gains, Floats* x, Floats& factor, Floats* y) const {
    const float* gain = gains + member_ * h_.size;
    factor = 1.0f / squareRoot(dot(h_.size, x, x) / static_cast<float>(h_.size) + TRANSFORMER_EPSILON);
    for (int64_t i = 0; i < h_.size; i++) {
      x[i] *= factor;
      y[i] = x[i] * gain[i];
    }
    turnAt(position, 1, y);
  }

  /** The way back, d in place: dx = (d ⊙ gain - x̂ mean(d ⊙ gain x̂)) factor, dGain += d x̂. */
  WM_INLINE void gradient(int64_t position, const float* gains, const Floats* normal, Floats factor, Floats* d,
                          Floats* dGain) const {
    const float* gain = gains + member_ * h_.size;
    turnAt(position, -1, d);
    Floats along{};
    for (int64_t i = 0; i < h_.size; i++) {
      dGain[i] += d[i] * normal[i];
      d[i] *= gain[i];
      along += d[i] * normal[i];
    }
    along /= static_cast<float>(h_.size);
    for (int64_t i = 0; i < h_.size; i++) d[i] = (d[i] - normal[i] * along) * factor;
  }
};

/**
 *   operands     queries [members, batch, tokens, heads n]; keys and values [members, batch, tokens, kvHeads n]; gains of
 *                queries and of keys [members, n]; which keys a query may look at, 1 or 0 [tokens, keys]; perhaps cosines
 *                and sines of the keys' angles [keys, n / 2]; where there is a memory its keys, normalised, and values
 *                [members, batch, kvHeads, past, n]; perhaps which keys there are, 1 or 0 [members, batch, keys]; then y,
 *                shaped as queries
 *   parameters   those of Heads
 */
inline void multiHeadAttention(const Call& call) {
  Parameters p(call);
  const Heads h(p);
  const HeadOperands in(h, call, 0);
  SharedHead head(h, in, call.scratch);
  Floats* y = head.vectors(h.size);
  for (int64_t m = 0; m < h.members; m++)
    for (int64_t row = 0; row < h.batch; row += LANES)
      for (int64_t kv = 0; kv < h.kvHeads; kv++) {
        head.take(m, row, kv);
        for (int64_t g = 0; g < h.group(); g++)
          for (int64_t token = 0; token < h.tokens; token++) {
            head.weigh(head.queries + (g * h.tokens + token) * h.size, token);
            clear(h.size, y);
            for (int64_t key = 0; key < h.keys(); key++)
              addTimes(h.size, head.weights[key], head.values + key * h.size, y);
            fromLanes(head.rows(), h.size, y, call.operand(in.end) + head.queryAt(g, token), head.queryStep());
          }
      }
}

/**
 * Its gradient, the weights computed anew: with dw = dy vᵀ
 *
 *   ds = w (dw - Σ w dw) slope      dq = ds k      dk = dsᵀ q      dv = wᵀ dy
 *
 * and from dq and dk back through the turns and the norms.
 *
 *   operands     dy; those of the forward kernel but y; then the gradients of queries, keys, values and both gains
 *   parameters   those of Heads
 */
inline void multiHeadAttentionGradient(const Call& call) {
  Parameters p(call);
  const Heads h(p);
  const HeadOperands in(h, call, 1);
  SharedHead head(h, in, call.scratch);
  Floats *dy = head.vectors(h.size), *dQuery = head.vectors(h.size), *dScores = head.vectors(h.keys());
  Floats *dKeys = head.vectors(h.keys() * h.size), *dValues = head.vectors(h.keys() * h.size);
  Floats *dQueryGain = head.vectors(h.size), *dKeyGain = head.vectors(h.size);
  for (int64_t m = 0; m < h.members; m++) {
    clear(h.size, dQueryGain);
    clear(h.size, dKeyGain);
    for (int64_t row = 0; row < h.batch; row += LANES)
      for (int64_t kv = 0; kv < h.kvHeads; kv++) {
        head.take(m, row, kv);
        clear(h.keys() * h.size, dKeys);
        clear(h.keys() * h.size, dValues);
        for (int64_t g = 0; g < h.group(); g++)
          for (int64_t token = 0; token < h.tokens; token++) {
            const Floats* query = head.queries + (g * h.tokens + token) * h.size;
            toLanes(head.rows(), h.size, call.operand(0) + head.queryAt(g, token), head.queryStep(), dy);
            head.weigh(query, token);
            Floats along{};
            for (int64_t key = 0; key < h.keys(); key++) {
              dScores[key] = dot(h.size, dy, head.values + key * h.size);
              along += head.weights[key] * dScores[key];
            }
            clear(h.size, dQuery);
            for (int64_t key = 0; key < h.keys(); key++) {
              const int64_t at = key * h.size;
              const Floats dScore = head.weights[key] * (dScores[key] - along) * head.slopes[key];
              addTimes(h.size, dScore, head.keys + at, dQuery);
              addTimes(h.size, dScore, query, dKeys + at);
              addTimes(h.size, head.weights[key], dy, dValues + at);
            }
            head.queryGradient(g, token, dQuery, dQueryGain, call.operand(in.end));
          }
        for (int64_t token = 0; token < h.tokens; token++) {
          const int64_t at = (h.past + token) * h.size;
          head.keyGradient(token, dKeys + at, dKeyGain, call.operand(in.end + 1));
          fromLanes(head.rows(), h.size, dValues + at, call.operand(in.end + 2) + head.keyAt(token), head.keyStep());
        }
      }
    for (int64_t i = 0; i < h.size; i++) {
      call.operand(in.end + 3)[m * h.size + i] = acrossLanes<Sum>(dQueryGain[i]);
      call.operand(in.end + 4)[m * h.size + i] = acrossLanes<Sum>(dKeyGain[i]);
    }
  }
}

}  // namespace wm::WM_SET

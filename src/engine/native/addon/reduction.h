#pragma once

#include "elementwise.h"

/** Sums, extremes and the like over any axes. */

namespace wm::WM_SET {

/** How numbers become one: where it begins, the next one, and for vectors the same. */
struct Sum {
  static constexpr float first = 0;
  template <class T>
  static WM_INLINE T join(T x, T y) {
    return SumOf{}(x, y);
  }
  static WM_INLINE Floats join(Floats x, Floats y) { return x + y; }
};
struct Times {
  static constexpr float first = 1;
  template <class T>
  static WM_INLINE T join(T x, T y) {
    return ProductOf{}(x, y);
  }
  static WM_INLINE Floats join(Floats x, Floats y) { return x * y; }
};
/** NaN if one is. */
struct Largest {
  static constexpr float first = -__builtin_inff();
  template <class T>
  static WM_INLINE T join(T x, T y) {
    return Larger{}(y, x);
  }
  static WM_INLINE Floats join(Floats x, Floats y) { return select((y > x) | (y != y), y, x); }
};
struct Smallest {
  static constexpr float first = __builtin_inff();
  template <class T>
  static WM_INLINE T join(T x, T y) {
    return Lesser{}(y, x);
  }
  static WM_INLINE Floats join(Floats x, Floats y) { return select((y < x) | (y != y), y, x); }
};

/** `count` floats side by side, in four vectors of partial results. */
template <class Join>
WM_INLINE float reduceRow(int64_t count, const float* x) {
  if (count < 4 * LANES) {
    float all = Join::first;
    for (int64_t i = 0; i < count; i++) all = Join::join(all, x[i]);
    return all;
  }
  Floats a = load(x), b = load(x + LANES), c = load(x + 2 * LANES), d = load(x + 3 * LANES);
  int64_t i = 4 * LANES;
  for (; i + 4 * LANES <= count; i += 4 * LANES) {
    a = Join::join(a, load(x + i));
    b = Join::join(b, load(x + i + LANES));
    c = Join::join(c, load(x + i + 2 * LANES));
    d = Join::join(d, load(x + i + 3 * LANES));
  }
  float all = acrossLanes<Join>(Join::join(Join::join(a, b), Join::join(c, d)));
  for (; i < count; i++) all = Join::join(all, x[i]);
  return all;
}

/** Some axes of a tensor. */
struct Axes {
  int64_t count;
  const double* extents;
  const double* strides;
  explicit Axes(Parameters& p) : count(p.integer()), extents(p.several(count)), strides(p.several(count)) {}
};

/**
 * y over the axes that are reduced of x.
 *
 *   operands     x, y
 *   parameters   kept axes, their extents, their strides in x; reduced axes, their extents, their strides in x, each at
 *                least one axis; a factor for the result
 */
template <class Join>
inline void reduce(const Call& call) {
  Parameters p(call);
  const Axes kept(p), reduced(p);
  const float factor = p.number();
  const float* x = call.operand(0);
  float* y = call.operand(1);
  if (isEmpty(kept.count, kept.extents)) return;
  const bool isOfNothing = isEmpty(reduced.count, reduced.extents);
  Offset base{kept.strides};
  const int64_t columns = kept.extents[kept.count - 1], columnStride = kept.strides[kept.count - 1];
  const int64_t count = reduced.extents[reduced.count - 1], stride = reduced.strides[reduced.count - 1];
  Odometer odometer;
  do {
    if (columnStride == 1 && columns >= LANES && !isOfNothing) {
      // Side by side stand results: so many at once.
      for (int64_t column = 0; column < columns; column += LANES) {
        const int64_t left = columns - column;
        Floats all = splat(Join::first);
        Offset offset{reduced.strides};
        Odometer inner;
        do {
          const float* from = x + base.at + column + offset.at;
          for (int64_t i = 0; i < count; i++) all = Join::join(all, load(from + i * stride, left));
        } while (inner.next(reduced.count - 1, reduced.extents, offset));
        store(y + column, all * factor, left);
      }
    } else {
      for (int64_t column = 0; column < columns; column++) {
        float all = Join::first;
        if (!isOfNothing) {
          Offset offset{reduced.strides};
          Odometer inner;
          do {
            const float* from = x + base.at + column * columnStride + offset.at;
            if (stride == 1) {
              all = Join::join(all, reduceRow<Join>(count, from));
            } else {
              for (int64_t i = 0; i < count; i++) all = Join::join(all, from[i * stride]);
            }
          } while (inner.next(reduced.count - 1, reduced.extents, offset));
        }
        y[column] = all * factor;
      }
    }
    y += columns;
  } while (odometer.next(kept.count - 1, kept.extents, base));
}

/** The same of other numbers than float32, one by one and without a factor. */
template <class Function, class T, int64_t FIRST>
inline void reduceNumbers(const Call& call) {
  Parameters p(call);
  const Axes kept(p), reduced(p);
  T* y = call.operand<T>(1);
  if (isEmpty(kept.count, kept.extents)) return;
  const bool isOfNothing = isEmpty(reduced.count, reduced.extents);
  constexpr Function function{};
  Offset base{kept.strides};
  Odometer odometer;
  do {
    T all = static_cast<T>(FIRST);
    if (!isOfNothing) {
      Offset offset{reduced.strides};
      Odometer inner;
      do all = function(all, call.operand<T>(0)[base.at + offset.at]);
      while (inner.next(reduced.count, reduced.extents, offset));
    }
    *y++ = all;
  } while (odometer.next(kept.count, kept.extents, base));
}

/** The index of the first of the largest (or smallest): [outer, extent, inner] -> [outer, inner] of int32. */
template <bool LARGEST, class T>
inline void argExtreme(const Call& call) {
  Parameters p(call);
  const int64_t outer = p.integer(), extent = p.integer(), inner = p.integer();
  int32_t* y = call.operand<int32_t>(1);
  for (int64_t i = 0; i < outer; i++)
    for (int64_t j = 0; j < inner; j++) {
      const T* x = call.operand<T>(0) + i * extent * inner + j;
      int64_t best = 0;
      for (int64_t k = 1; k < extent; k++)
        if (LARGEST ? x[k * inner] > x[best * inner] : x[k * inner] < x[best * inner]) best = k;
      *y++ = static_cast<int32_t>(best);
    }
}

/** Sums or products so far along the middle axis: outer, extent, inner, whether without the own number, backwards. */
template <class Join, class T>
inline void accumulate(const Call& call) {
  Parameters p(call);
  const int64_t outer = p.integer(), extent = p.integer(), inner = p.integer();
  const bool exclusive = p.integer(), reverse = p.integer();
  for (int64_t i = 0; i < outer; i++)
    for (int64_t j = 0; j < inner; j++) {
      T all = static_cast<T>(Join::first);
      for (int64_t k = 0; k < extent; k++) {
        const int64_t at = (i * extent + (reverse ? extent - 1 - k : k)) * inner + j;
        const T next = Join::join(all, call.operand<T>(0)[at]);
        call.operand<T>(1)[at] = exclusive ? all : next;
        all = next;
      }
    }
}

/** e^x / Σ e^x of each row: rows, columns. */
inline void softmax(const Call& call) {
  Parameters p(call);
  const int64_t rows = p.integer(), columns = p.integer();
  for (int64_t row = 0; row < rows; row++) {
    const float* x = call.operand(0) + row * columns;
    float* y = call.operand(1) + row * columns;
    const float most = reduceRow<Largest>(columns, x);
    for (int64_t i = 0; i < columns; i += LANES) store(y + i, exp(load(x + i, columns - i) - most), columns - i);
    const float whole = reduceRow<Sum>(columns, y);
    for (int64_t i = 0; i < columns; i += LANES) store(y + i, load(y + i, columns - i) / whole, columns - i);
  }
}

}  // namespace wm::WM_SET

#pragma once

#include "call.h"
#include "functions.h"

/** tfjs's elementwise operations: a template for functions of vectors, one for functions of numbers, one for pairs. */

namespace wm::WM_SET {

/**
 * y = f(x), by vectors.
 *
 *   operands     x, y
 *   parameters   elements, then those of the function
 */
template <class Function>
inline void mapVectors(const Call& call) {
  Parameters p(call);
  const int64_t count = p.integer();
  const Function f(p);
  const float* x = call.operand(0);
  float* y = call.operand(1);
  for (int64_t i = 0; i < count; i += LANES) store(y + i, f(load(x + i, count - i)), count - i);
}

/** A function of vectors without parameters. */
template <Floats (*FUNCTION)(Floats)>
struct Of {
  explicit Of(Parameters&) {}
  WM_INLINE Floats operator()(Floats x) const { return FUNCTION(x); }
};

WM_INLINE Floats negate(Floats x) { return -x; }
WM_INLINE Floats square(Floats x) { return x * x; }
WM_INLINE Floats reciprocal(Floats x) { return 1.0f / x; }
WM_INLINE Floats reciprocalRoot(Floats x) { return 1.0f / squareRoot(x); }
WM_INLINE Floats relu(Floats x) { return atLeast(x, 0.0f); }
WM_INLINE Floats elu(Floats x) { return select(x >= 0.0f, x, select(x < 0.0f, expm1(x), x)); }
WM_INLINE Floats sign(Floats x) { return select(x > 0.0f, 1.0f, select(x < 0.0f, -1.0f, Floats{})); }

/** x within [low, high]. */
struct Clip {
  float low, high;
  explicit Clip(Parameters& p) : low(p.number()), high(p.number()) {}
  WM_INLINE Floats operator()(Floats x) const { return atMost(atLeast(x, low), high); }
};

/** 1 where x is positive, elsewhere `below`. */
struct Step {
  float below;
  explicit Step(Parameters& p) : below(p.number()) {}
  WM_INLINE Floats operator()(Floats x) const {
    return select(x > 0.0f, 1.0f, select(x <= 0.0f, below, x));
  }
};

struct LeakyRelu {
  float slope;
  explicit LeakyRelu(Parameters& p) : slope(p.number()) {}
  WM_INLINE Floats operator()(Floats x) const { return select(x < 0.0f, slope * x, x); }
};

/** y = f(x), number by number: elements. */
template <class Function, class X, class Y>
inline void map(const Call& call) {
  const int64_t count = Parameters(call).integer();
  constexpr Function function{};
  const X* x = call.operand<X>(0);
  Y* y = call.operand<Y>(1);
  WM_INDEPENDENT
  for (int64_t i = 0; i < count; i++) y[i] = function(x[i]);
}

/** As JavaScript makes an int32 of a number: towards zero, modulo 2^32, 0 of what is not finite. */
template <class Number>
WM_INLINE int32_t toInteger(Number x) {
  if (x > Number{-2147483648.0} && x < Number{2147483648.0}) return static_cast<int32_t>(x);
  if (!__builtin_isfinite(x)) return 0;
  const double rest = __builtin_fmod(__builtin_trunc(x), 4294967296.0);
  return static_cast<int32_t>(static_cast<uint32_t>(static_cast<int64_t>(rest)));
}

/** A parameter as a number of a tensor. */
template <class T>
WM_INLINE T numberAs(double x) {
  if constexpr (static_cast<T>(0.5) != 0) return static_cast<T>(x);
  else return static_cast<T>(toInteger(x));
}

struct Identity {
  template <class T>
  WM_INLINE auto operator()(T x) const { return static_cast<float>(x); }
};
struct IntegerOf {
  template <class T>
  WM_INLINE auto operator()(T x) const { return static_cast<int32_t>(x); }
};
struct IntegerOfFloat {
  WM_INLINE auto operator()(float x) const { return toInteger(x); }
};
struct Truth {
  template <class T>
  WM_INLINE auto operator()(T x) const { return static_cast<uint8_t>(x != 0); }
};
struct NotTrue {
  WM_INLINE auto operator()(uint8_t x) const { return static_cast<uint8_t>(!x); }
};
struct IsNan {
  WM_INLINE auto operator()(float x) const { return static_cast<uint8_t>(x != x); }
};
struct IsInfinite {
  WM_INLINE auto operator()(float x) const { return static_cast<uint8_t>(__builtin_isinf(x) != 0); }
};
struct IsFinite {
  WM_INLINE auto operator()(float x) const { return static_cast<uint8_t>(__builtin_isfinite(x) != 0); }
};
struct Lower {
  WM_INLINE auto operator()(float x) const { return __builtin_floorf(x); }
};
struct Upper {
  WM_INLINE auto operator()(float x) const { return __builtin_ceilf(x); }
};
struct Nearest {
  WM_INLINE auto operator()(float x) const { return __builtin_rintf(x); }
};
struct Sine {
  WM_INLINE auto operator()(float x) const { return __builtin_sinf(x); }
};
struct Cosine {
  WM_INLINE auto operator()(float x) const { return __builtin_cosf(x); }
};
struct Negative {
  WM_INLINE auto operator()(int32_t x) const { return static_cast<int32_t>(0u - static_cast<uint32_t>(x)); }
};
struct Magnitude {
  WM_INLINE auto operator()(int32_t x) const { return x < 0 ? Negative{}(x) : x; }
};

/** What follows wraps around where int32 ends, as in JavaScript. */
template <class T>
struct Wrapping {
  using Type = T;
};
template <>
struct Wrapping<int32_t> {
  using Type = uint32_t;
};
template <class T>
WM_INLINE typename Wrapping<T>::Type wrapping(T x) {
  return static_cast<typename Wrapping<T>::Type>(x);
}

struct SumOf {
  template <class T>
  WM_INLINE auto operator()(T x, T y) const { return static_cast<T>(wrapping(x) + wrapping(y)); }
};
struct Difference {
  template <class T>
  WM_INLINE auto operator()(T x, T y) const { return static_cast<T>(wrapping(x) - wrapping(y)); }
};
struct ProductOf {
  template <class T>
  WM_INLINE auto operator()(T x, T y) const { return static_cast<T>(wrapping(x) * wrapping(y)); }
};
struct Quotient {
  WM_INLINE auto operator()(float x, float y) const { return x / y; }
};
struct SquaredDifference {
  template <class T>
  WM_INLINE auto operator()(T x, T y) const {
    const auto d = wrapping(x) - wrapping(y);
    return static_cast<T>(d * d);
  }
};
/** NaN if one of them is. */
struct Larger {
  template <class T>
  WM_INLINE auto operator()(T x, T y) const { return x > y || x != x ? x : y; }
};
struct Lesser {
  template <class T>
  WM_INLINE auto operator()(T x, T y) const { return x < y || x != x ? x : y; }
};
struct Power {
  WM_INLINE auto operator()(float x, float y) const { return __builtin_powf(x, y); }
};
struct Angle {
  WM_INLINE auto operator()(float y, float x) const { return __builtin_atan2f(y, x); }
};
struct FloorQuotient {
  WM_INLINE auto operator()(float x, float y) const { return __builtin_floorf(x / y); }
};
struct FloorQuotientOfIntegers {
  WM_INLINE auto operator()(int32_t x, int32_t y) const {
    if (y == 0) return 0;
    // Of 64 bits: the least int32 by -1 is beyond it, and wraps around.
    const int64_t quotient = static_cast<int64_t>(x) / y;
    const bool isAbove = quotient * y != x && (x < 0) != (y < 0);
    return static_cast<int32_t>(quotient - isAbove);
  }
};
/** The rest with the divisor's sign. */
struct Rest {
  WM_INLINE auto operator()(float x, float y) const {
    const float r = __builtin_fmodf(x, y);
    return (x < 0) == (y < 0) ? r : __builtin_fmodf(r + y, y);
  }
};
struct IsEqual {
  template <class T>
  WM_INLINE auto operator()(T x, T y) const { return static_cast<uint8_t>(x == y); }
};
struct IsUnequal {
  template <class T>
  WM_INLINE auto operator()(T x, T y) const { return static_cast<uint8_t>(x != y); }
};
struct IsLess {
  template <class T>
  WM_INLINE auto operator()(T x, T y) const { return static_cast<uint8_t>(x < y); }
};
struct IsAtMost {
  template <class T>
  WM_INLINE auto operator()(T x, T y) const { return static_cast<uint8_t>(x <= y); }
};
struct IsGreater {
  template <class T>
  WM_INLINE auto operator()(T x, T y) const { return static_cast<uint8_t>(x > y); }
};
struct IsAtLeast {
  template <class T>
  WM_INLINE auto operator()(T x, T y) const { return static_cast<uint8_t>(x >= y); }
};
struct Both {
  WM_INLINE auto operator()(uint8_t x, uint8_t y) const { return static_cast<uint8_t>(x && y); }
};
struct Either {
  WM_INLINE auto operator()(uint8_t x, uint8_t y) const { return static_cast<uint8_t>(x || y); }
};

/** Whether there is no element along some axes. */
WM_INLINE bool isEmpty(int64_t axes, const double* extents) {
  for (int64_t axis = 0; axis < axes; axis++)
    if (extents[axis] == 0) return true;
  return false;
}

/** Where a box of strides stands, axis by axis, all but the last. */
struct Odometer {
  int64_t index[MAX_RANK] = {};

  /** Moves on by one and adds to each offset what that takes; false at the end. */
  template <class... Offsets>
  WM_INLINE bool next(int64_t axes, const double* extents, Offsets&... offsets) {
    for (int64_t axis = axes - 1; axis >= 0; axis--) {
      (offsets.add(axis, 1), ...);
      if (++index[axis] < static_cast<int64_t>(extents[axis])) return true;
      (offsets.add(axis, -index[axis]), ...);
      index[axis] = 0;
    }
    return false;
  }
};

/** An offset that an odometer moves. */
struct Offset {
  const double* strides;
  int64_t at = 0;
  WM_INLINE void add(int64_t axis, int64_t steps) { at += steps * static_cast<int64_t>(strides[axis]); }
};

/**
 * z = f(x, y), where x and y are broadcast.
 *
 *   operands     x, y, z
 *   parameters   axes (at least one), extents of z, strides of x, strides of y; 0 where an operand is repeated
 */
template <class Function, class T, class Z>
inline void zip(const Call& call) {
  Parameters p(call);
  const int64_t axes = p.integer();
  const double* extents = p.several(axes);
  Offset x{p.several(axes)}, y{p.several(axes)};
  const int64_t count = extents[axes - 1];
  const int64_t xStride = x.strides[axes - 1], yStride = y.strides[axes - 1];
  if (isEmpty(axes, extents)) return;
  Z* to = call.operand<Z>(2);
  constexpr Function function{};
  Odometer odometer;
  do {
    const T* a = call.operand<T>(0) + x.at;
    const T* b = call.operand<T>(1) + y.at;
    if (xStride == 1 && yStride == 1) {
      WM_INDEPENDENT
      for (int64_t i = 0; i < count; i++) to[i] = function(a[i], b[i]);
    } else if (xStride == 0 && yStride == 1) {
      const T fixed = *a;
      WM_INDEPENDENT
      for (int64_t i = 0; i < count; i++) to[i] = function(fixed, b[i]);
    } else if (xStride == 1 && yStride == 0) {
      const T fixed = *b;
      WM_INDEPENDENT
      for (int64_t i = 0; i < count; i++) to[i] = function(a[i], fixed);
    } else {
      for (int64_t i = 0; i < count; i++) to[i] = function(a[i * xStride], b[i * yStride]);
    }
    to += count;
  } while (odometer.next(axes - 1, extents, x, y));
}

/** Σ of several tensors: operands x0, x1, …, sum; parameters how many, elements. */
inline void addN(const Call& call) {
  Parameters p(call);
  const int64_t terms = p.integer(), count = p.integer();
  float* y = call.operand(terms);
  for (int64_t i = 0; i < count; i += LANES) {
    Floats total = load(call.operand(0) + i, count - i);
    for (int64_t term = 1; term < terms; term++) total += load(call.operand(term) + i, count - i);
    store(y + i, total, count - i);
  }
}

/** x where the condition holds, else y: elements. */
template <class T>
inline void choose(const Call& call) {
  const int64_t count = Parameters(call).integer();
  const uint8_t* condition = call.operand<uint8_t>(0);
  const T *x = call.operand<T>(1), *y = call.operand<T>(2);
  T* z = call.operand<T>(3);
  WM_INDEPENDENT
  for (int64_t i = 0; i < count; i++) z[i] = condition[i] ? x[i] : y[i];
}

}  // namespace wm::WM_SET

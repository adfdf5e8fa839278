#pragma once

#include "call.h"

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

/**
 * Vectors as wide as those of the instruction set that this file is compiled for. What includes it is compiled once
 * for each set, in a namespace of its own, and must not use the standard library's templates: the linker would merge
 * those of all sets into one.
 */

/** Before a loop: an operand and a result are the same memory or have none in common. */
#if defined(__clang__)
#define WM_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define WM_INDEPENDENT _Pragma("GCC ivdep")
#endif

namespace wm::WM_SET {

/** LANES: floats in a vector. TILE_ROWS: rows of the sums that a product keeps in registers, two vectors wide. */
#if defined(WM_LANES)
// A test's: the shapes of a set that the machine lacks, in instructions that it has.
constexpr int LANES = WM_LANES, TILE_ROWS = WM_TILE_ROWS;
#elif defined(__AVX512F__)
constexpr int LANES = 16, TILE_ROWS = 12;
#elif defined(__AVX2__)
constexpr int LANES = 8, TILE_ROWS = 6;
#elif defined(__ARM_NEON)
constexpr int LANES = 4, TILE_ROWS = 12;
#else
constexpr int LANES = 4, TILE_ROWS = 4;
#endif

typedef float Floats __attribute__((vector_size(4 * LANES)));
typedef int32_t Ints __attribute__((vector_size(4 * LANES)));
typedef uint32_t Bits __attribute__((vector_size(4 * LANES)));
typedef float FloatsAnywhere __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

WM_INLINE Floats splat(float x) { return x - Floats{}; }

WM_INLINE Floats load(const float* at) { return *reinterpret_cast<const FloatsAnywhere*>(at); }

WM_INLINE void store(float* at, Floats x) { *reinterpret_cast<FloatsAnywhere*>(at) = x; }

/** The numbers of the lanes, for what takes a vector's apart by constants. */
template <int... I>
struct LaneNumbers {};
template <int N, int... I>
struct CountedLanes : CountedLanes<N - 1, N - 1, I...> {};
template <int... I>
struct CountedLanes<0, I...> {
  using Numbers = LaneNumbers<I...>;
};
using AllLanes = CountedLanes<LANES>::Numbers;

template <int... I>
WM_INLINE Ints lanesBefore(int64_t count, LaneNumbers<I...>) {
  return Ints{I...} < static_cast<int32_t>(count);
}
/** The first `count` lanes, of which there are perhaps not so many. */
WM_INLINE Ints lanesBefore(int64_t count) { return lanesBefore(count, AllLanes{}); }

/*
 * Numbers at the end of a row, fewer than a vector has. By instructions that leave the rest alone where there are such:
 * a loop in the middle of others costs them their registers. A sanitizer sees what loops do.
 */
#if defined(WM_LANES) || defined(__SANITIZE_ADDRESS__) || !(defined(__AVX512F__) || defined(__AVX2__))
WM_INLINE Floats loadFew(const float* at, int64_t count) {
  Floats x{};
  for (int64_t i = 0; i < count; i++) x[i] = at[i];
  return x;
}
WM_INLINE void storeFew(float* at, Floats x, int64_t count) {
  for (int64_t i = 0; i < count; i++) at[i] = x[i];
}
#elif defined(__AVX512F__)
WM_INLINE Floats loadFew(const float* at, int64_t count) { return _mm512_maskz_loadu_ps((1u << count) - 1, at); }
WM_INLINE void storeFew(float* at, Floats x, int64_t count) { _mm512_mask_storeu_ps(at, (1u << count) - 1, x); }
#else
WM_INLINE Floats loadFew(const float* at, int64_t count) { return _mm256_maskload_ps(at, (__m256i)lanesBefore(count)); }
WM_INLINE void storeFew(float* at, Floats x, int64_t count) {
  _mm256_maskstore_ps(at, (__m256i)lanesBefore(count), x);
}
#endif

/** As many floats as are left, at most LANES and at least one; zeros for the rest. */
WM_INLINE Floats load(const float* at, int64_t left) { return left >= LANES ? load(at) : loadFew(at, left); }

/** Stores as many floats as are left, at most LANES. */
WM_INLINE void store(float* at, Floats x, int64_t left) {
  if (left >= LANES) return store(at, x);
  storeFew(at, x, left);
}

WM_INLINE Ints bitsOf(Floats x) { return reinterpret_cast<Ints>(x); }
WM_INLINE Floats fromBits(Bits x) { return reinterpret_cast<Floats>(x); }
WM_INLINE Floats fromBits(Ints x) { return reinterpret_cast<Floats>(x); }

/** Where the mask is set `x`, else `y`. */
WM_INLINE Floats select(Ints mask, Floats x, Floats y) { return mask ? x : y; }
WM_INLINE Floats select(Ints mask, float x, Floats y) { return select(mask, splat(x), y); }
WM_INLINE Floats select(Ints mask, Floats x, float y) { return select(mask, x, splat(y)); }

/** x but not less than `bound`; NaN stays. */
WM_INLINE Floats atLeast(Floats x, float bound) { return select(x < bound, bound, x); }
WM_INLINE Floats atMost(Floats x, float bound) { return select(x > bound, bound, x); }

WM_INLINE Floats absolute(Floats x) { return fromBits(bitsOf(x) & 0x7fffffff); }

WM_INLINE Floats squareRoot(Floats x) {
#if defined(WM_LANES)
  for (int i = 0; i < LANES; i++) x[i] = __builtin_sqrtf(x[i]);
  return x;
#elif defined(__AVX512F__)
  return _mm512_sqrt_ps(x);
#elif defined(__AVX2__)
  return _mm256_sqrt_ps(x);
#elif defined(__SSE2__)
  return _mm_sqrt_ps(x);
#elif defined(__ARM_NEON)
  return (Floats)vsqrtq_f32((float32x4_t)x);
#else
  for (int i = 0; i < LANES; i++) x[i] = __builtin_sqrtf(x[i]);
  return x;
#endif
}

/**
 * x y + z, rounded once where the set has that (FUSES). Compilers mostly do so by themselves; where the result depends on
 * it, it is said.
 */
#if !defined(WM_LANES) && defined(__AVX512F__)
constexpr bool FUSES = true;
WM_INLINE Floats multiplyAdd(Floats x, Floats y, Floats z) { return _mm512_fmadd_ps(x, y, z); }
#elif !defined(WM_LANES) && defined(__AVX2__) && defined(__FMA__)
constexpr bool FUSES = true;
WM_INLINE Floats multiplyAdd(Floats x, Floats y, Floats z) { return _mm256_fmadd_ps(x, y, z); }
#elif defined(__ARM_NEON) && defined(__ARM_FEATURE_FMA)
constexpr bool FUSES = true;
WM_INLINE Floats multiplyAdd(Floats x, Floats y, Floats z) {
  return (Floats)vfmaq_f32((float32x4_t)z, (float32x4_t)x, (float32x4_t)y);
}
#else
constexpr bool FUSES = false;
WM_INLINE Floats multiplyAdd(Floats x, Floats y, Floats z) { return x * y + z; }
#endif
WM_INLINE Floats multiplyAdd(Floats x, Floats y, float z) { return multiplyAdd(x, y, splat(z)); }

/** Lane i is lane FROM of x, or beyond LANES of y. */
#if defined(__clang__)
#define WM_SHUFFLE(x, y, FROM) __builtin_shufflevector(x, y, (FROM)...)
#else
#define WM_SHUFFLE(x, y, FROM) __builtin_shuffle(x, y, Ints{(FROM)...})
#endif

/** Lane i is lane i + DISTANCE, counted around. */
template <int DISTANCE, int... I>
WM_INLINE Floats turned(Floats x, LaneNumbers<I...>) {
  return WM_SHUFFLE(x, x, (I + DISTANCE) % LANES);
}

template <int... I>
WM_INLINE Floats reversed(Floats x, LaneNumbers<I...>) {
  return WM_SHUFFLE(x, x, LANES - 1 - I);
}
WM_INLINE Floats reversed(Floats x) { return reversed(x, AllLanes{}); }

/** Each lane added to all that follow it. */
template <int DISTANCE, int... I>
WM_INLINE Floats delayed(Floats x, LaneNumbers<I...>) {
  return WM_SHUFFLE(x, Floats{}, I < DISTANCE ? LANES : I - DISTANCE);
}
template <int DISTANCE = 1>
WM_INLINE Floats cumulated(Floats x) {
  if constexpr (DISTANCE >= LANES) return x;
  else return cumulated<2 * DISTANCE>(x + delayed<DISTANCE>(x, AllLanes{}));
}

/** The lanes joined to one number, by halves. */
template <class Join, int WIDTH = LANES / 2>
WM_INLINE float acrossLanes(Floats x) {
  if constexpr (WIDTH == 0) return x[0];
  else return acrossLanes<Join, WIDTH / 2>(Join::join(x, turned<WIDTH>(x, AllLanes{})));
}

/** Swaps what stands at bit WIDTH of row and lane, of two rows that far apart. */
template <int WIDTH, int... I>
WM_INLINE void swapBlocks(Floats& upper, Floats& lower, LaneNumbers<I...>) {
  const Floats x = upper, y = lower;
  upper = WM_SHUFFLE(x, y, I & WIDTH ? LANES + I - WIDTH : I);
  lower = WM_SHUFFLE(x, y, I & WIDTH ? LANES + I : I + WIDTH);
}

/** Transposes LANES vectors of LANES. */
template <int WIDTH = LANES / 2>
WM_INLINE void transpose(Floats (&rows)[LANES]) {
  if constexpr (WIDTH > 0) {
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++)
      if (!(i & WIDTH)) swapBlocks<WIDTH>(rows[i], rows[i + WIDTH], AllLanes{});
    transpose<WIDTH / 2>(rows);
  }
}

}  // namespace wm::WM_SET

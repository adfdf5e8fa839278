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

/** As many floats as are left, at most LANES; zeros for the rest. */
WM_INLINE Floats load(const float* at, int64_t left) {
  if (left >= LANES) return load(at);
  Floats x{};
  for (int64_t i = 0; i < left; i++) x[i] = at[i];
  return x;
}

/** Stores as many floats as are left, at most LANES. */
WM_INLINE void store(float* at, Floats x, int64_t left) {
  if (left >= LANES) return store(at, x);
  for (int64_t i = 0; i < left; i++) at[i] = x[i];
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

/** The lanes joined to one number, by halves. */
template <class Join>
WM_INLINE float acrossLanes(Floats x) {
  float parts[LANES];
  store(parts, x);
  for (int width = LANES / 2; width > 0; width /= 2)
    for (int i = 0; i < width; i++) parts[i] = Join::join(parts[i], parts[i + width]);
  return parts[0];
}

}  // namespace wm::WM_SET

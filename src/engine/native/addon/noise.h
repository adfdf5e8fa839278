#pragma once

#include "simd.h"

/**
 * Noise as src/random/stream.ts draws it, to the bit of its float32: the same generator, then double precision some
 * units in the last place from JavaScript's. What lies too near to the middle between two floats to be sure of is left
 * to JavaScript.
 */

namespace wm::WM_SET {

/** Doubles in a vector. */
constexpr int DOUBLES = LANES / 2;

typedef double Doubles __attribute__((vector_size(8 * DOUBLES)));
typedef uint64_t LongBits __attribute__((vector_size(8 * DOUBLES)));
typedef double DoublesAnywhere __attribute__((vector_size(8 * DOUBLES), aligned(8), may_alias));

WM_INLINE Doubles load(const double* at) { return *reinterpret_cast<const DoublesAnywhere*>(at); }
WM_INLINE void store(double* at, Doubles x) { *reinterpret_cast<DoublesAnywhere*>(at) = x; }

WM_INLINE LongBits bitsOf(Doubles x) { return reinterpret_cast<LongBits>(x); }
WM_INLINE Doubles fromBits(LongBits x) { return reinterpret_cast<Doubles>(x); }

/**
 * The natural logarithm of positive numbers: x = 2^n m with m in [√0.5, √2), and log m = 2 artanh s, s = (m - 1) / (m + 1),
 * by its series up to s^19.
 */
WM_INLINE Doubles log(Doubles x) {
  constexpr uint64_t ONE = 0x3ff0000000000000, ROOT = 0x3fe6a09e667f3bcd, FRACTION = 0x000fffffffffffff;
  const LongBits shifted = bitsOf(x) + (ONE - ROOT);
  // An integer under the exponent of 2^52 is that integer more than 2^52.
  const Doubles n = fromBits((shifted >> 52) | 0x4330000000000000) - (4503599627370496.0 + 1023.0);
  const Doubles m = fromBits((shifted & FRACTION) + ROOT);
  const Doubles s = (m - 1.0) / (m + 1.0), z = s * s;
  Doubles p = z * (2.0 / 19) + 2.0 / 17;
  p = p * z + 2.0 / 15;
  p = p * z + 2.0 / 13;
  p = p * z + 2.0 / 11;
  p = p * z + 2.0 / 9;
  p = p * z + 2.0 / 7;
  p = p * z + 2.0 / 5;
  p = p * z + 2.0 / 3;
  // ln 2 in two parts, the first with few digits, so that n ln 2 is exact.
  return n * 6.93147180369123816490e-01 + (s * (p * z) + (2.0 * s + n * 1.90821492927058770002e-10));
}

/** Cosine and sine of angles in [0, 2π]: of the rest of a quarter turn, by fdlibm's minimax coefficients. */
WM_INLINE void cosineAndSine(Doubles angle, Doubles& cosine, Doubles& sine) {
  // Adding 1.5 * 2^52 leaves no bits for a fraction: the quarter's number stands in the lowest.
  const Doubles rounded = angle * 0.63661977236758134308 + 6755399441055744.0;
  const Doubles n = rounded - 6755399441055744.0;
  const LongBits quarter = bitsOf(rounded);
  // π / 2 in two parts, as ln 2 above.
  const Doubles r = (angle - n * 1.57079632673412561417e+00) - n * 6.07710050650619224932e-11;
  const Doubles z = r * r;
  Doubles s = z * 1.58969099521155010221e-10 + -2.50507602534068634195e-08;
  s = s * z + 2.75573137070700676789e-06;
  s = s * z + -1.98412698298579493134e-04;
  s = s * z + 8.33333333332248946124e-03;
  s = s * z + -1.66666666666666324348e-01;
  s = r + r * z * s;
  Doubles c = z * -1.13596475577881948265e-11 + 2.08757232129817482790e-09;
  c = c * z + -2.75573143513906633035e-07;
  c = c * z + 2.48015872894767294178e-05;
  c = c * z + -1.38888888888741095749e-03;
  c = c * z + 4.16666666666666019037e-02;
  c = 1.0 - z * 0.5 + z * z * c;
  const auto isOdd = (quarter & 1) != 0;
  cosine = fromBits(bitsOf(isOdd ? s : c) ^ (((quarter + 1) & 2) << 62));
  sine = fromBits(bitsOf(isOdd ? c : s) ^ ((quarter & 2) << 62));
}

/** xoroshiro128+ with the constants 24, 16, 37, of whose sums the lower 32 bits are taken. */
struct Generator {
  uint64_t a, b;

  /** @param words the higher and the lower half of a, then of b */
  WM_INLINE explicit Generator(const int32_t* words) : a(join(words)), b(join(words + 2)) {}

  WM_INLINE void save(int32_t* words) const {
    split(a, words);
    split(b, words + 2);
  }

  /** A uniform number in [0, 1), as a multiple of 2^-53. */
  WM_INLINE uint64_t bits53() {
    const uint64_t high = next() & 0x3ffffff, low = next() & 0x7ffffff;
    return high << 27 | low;
  }
  WM_INLINE double uniform() { return static_cast<double>(static_cast<int64_t>(bits53())) * 0x1p-53; }
  /** In (0, 1): the middle of one of 2^52 cells. */
  WM_INLINE double openUniform() {
    return (static_cast<double>(static_cast<int64_t>(bits53() >> 1)) + 0.5) * 0x1p-52;
  }

 private:
  static WM_INLINE uint64_t join(const int32_t* words) {
    return static_cast<uint64_t>(static_cast<uint32_t>(words[0])) << 32 | static_cast<uint32_t>(words[1]);
  }
  static WM_INLINE void split(uint64_t x, int32_t* words) {
    words[0] = static_cast<int32_t>(x >> 32);
    words[1] = static_cast<int32_t>(x);
  }
  static WM_INLINE uint64_t turned(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }
  WM_INLINE uint32_t next() {
    const uint32_t sum = static_cast<uint32_t>(a + b);
    const uint64_t both = a ^ b;
    a = turned(a, 24) ^ both ^ both << 16;
    b = turned(both, 37);
    return sum;
  }
};

/** Numbers that are drawn, or left to JavaScript, together. */
constexpr int NOISE_BLOCK = 64;

/**
 * Rounds a block to float32. Each number may be off by 2^-46 of one more than its size, a hundred times what it is.
 *
 * @returns whether that makes no difference
 */
WM_INLINE bool roundSurely(const double* precise, float* numbers) {
  int32_t differing = 0;
  for (int i = 0; i < NOISE_BLOCK; i++) {
    const double doubt = (__builtin_fabs(precise[i]) + 1.0) * 0x1p-46;
    const float least = static_cast<float>(precise[i] - doubt), most = static_cast<float>(precise[i] + doubt);
    differing |= least != most;
    numbers[i] = least;
  }
  return !differing;
}

/** Two standard normals of each pair of uniforms: √(-2 log u) cos 2πv, √(-2 log u) sin 2πv. */
WM_INLINE bool normals(Generator& generator, float* numbers) {
  constexpr int PAIRS = NOISE_BLOCK / 2;
  double radii[PAIRS], angles[PAIRS], cosines[PAIRS], sines[PAIRS], precise[NOISE_BLOCK];
  for (int i = 0; i < PAIRS; i++) {
    radii[i] = generator.openUniform();
    angles[i] = 6.283185307179586 * generator.uniform();
  }
  for (int i = 0; i < PAIRS; i += DOUBLES) {
    Doubles cosine, sine;
    cosineAndSine(load(angles + i), cosine, sine);
    store(cosines + i, cosine);
    store(sines + i, sine);
    store(radii + i, -2.0 * log(load(radii + i)));
  }
  for (int i = 0; i < PAIRS; i++) radii[i] = __builtin_sqrt(radii[i]);
  for (int i = 0; i < PAIRS; i++) {
    precise[2 * i] = radii[i] * cosines[i];
    precise[2 * i + 1] = radii[i] * sines[i];
  }
  return roundSurely(precise, numbers);
}

/** Standard Gumbel noise: -log(-log u). */
WM_INLINE bool gumbels(Generator& generator, float* numbers) {
  double precise[NOISE_BLOCK];
  for (int i = 0; i < NOISE_BLOCK; i++) precise[i] = generator.openUniform();
  for (int i = 0; i < NOISE_BLOCK; i += DOUBLES) store(precise + i, -log(-log(load(precise + i))));
  return roundSurely(precise, numbers);
}

/** Uniform in [0, 1): what rounds up to 1 is 0. */
WM_INLINE bool uniforms(Generator& generator, float* numbers) {
  for (int i = 0; i < NOISE_BLOCK; i++) {
    const float x = static_cast<float>(generator.uniform());
    numbers[i] = x < 1.0f ? x : 0.0f;
  }
  return true;
}

/**
 * Draws numbers block by block, as far as it is sure of them and there are whole blocks.
 *
 *   operands     the stream's state, four int32, which moves on; an int32 for how many were drawn; the numbers
 *   parameters   how many numbers there is room for
 */
template <bool (*draw)(Generator&, float*)>
inline void noise(const Call& call) {
  const int64_t room = Parameters(call).integer();
  int32_t* state = call.operand<int32_t>(0);
  float* numbers = call.operand(2);
  Generator generator(state);
  int64_t drawn = 0;
  for (; room - drawn >= NOISE_BLOCK; drawn += NOISE_BLOCK) {
    Generator next = generator;
    if (!draw(next, numbers + drawn)) break;
    generator = next;
  }
  generator.save(state);
  *call.operand<int32_t>(1) = static_cast<int32_t>(drawn);
}

}  // namespace wm::WM_SET

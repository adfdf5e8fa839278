#pragma once

#include "simd.h"

/** Elementary functions of vectors. NaN stays NaN. */

namespace wm::WM_SET {

/** Where the quotient below comes to 1 in float32, which rounding once or twice decides (Eigen's `ptanh`). */
constexpr float TANH_BOUND = FUSES ? 7.99881172180175781f : 7.90531110763549805f;

/**
 * tanh: an odd rational function of degree 13 over 6 up to TANH_BOUND, beyond which tanh is 1 in float32 (the minimax
 * coefficients of Eigen's `ptanh`). Within 5e-7 of tanh everywhere, within 3e-7 where products are fused.
 */
WM_INLINE Floats tanh(Floats input) {
  const Floats x = atLeast(atMost(input, TANH_BOUND), -TANH_BOUND);
  const Floats square = x * x;
  Floats p = multiplyAdd(square, splat(-2.76076847742355e-16f), 2.00018790482477e-13f);
  p = multiplyAdd(square, p, -8.60467152213735e-11f);
  p = multiplyAdd(square, p, 5.12229709037114e-8f);
  p = multiplyAdd(square, p, 1.48572235717979e-5f);
  p = multiplyAdd(square, p, 6.37261928875436e-4f);
  p = multiplyAdd(square, p, 4.89352455891786e-3f);
  Floats q = multiplyAdd(square, splat(1.19825839466702e-6f), 1.18534705686654e-4f);
  q = multiplyAdd(square, q, 2.26843463243900e-3f);
  q = multiplyAdd(square, q, 4.89352518554385e-3f);
  return x * p / q;
}

/** e^x in two parts: 2^n with n the integer nearest to x / ln 2, and e^r - 1 with |r| <= ln 2 / 2 what is left of x. */
struct ExpParts {
  Floats power;
  /** A polynomial (the minimax coefficients of Cephes' `expf`). */
  Floats fraction;

  /** 2^n is 0 of what is below -87.7, infinity of what is above 88.3. */
  WM_INLINE explicit ExpParts(Floats input) {
    const Floats x = atLeast(atMost(input, 89.0f), -88.0f);
    // Adding 1.5 * 2^23 leaves no bits for a fraction.
    const Floats n = (x * 1.44269504088896341f + 12582912.0f) - 12582912.0f;
    // ln 2 in two parts, the first with few digits, so that n ln 2 is exact.
    const Floats r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    Floats p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    fraction = p * (r * r) + r;
    // By its exponent bits: 0 for n = -127, infinity for n = 128.
    power = fromBits((reinterpret_cast<Bits>(__builtin_convertvector(n, Ints)) + 127u) << 23);
  }
};

/** e^x within 1e-7 of its size. */
WM_INLINE Floats exp(Floats x) {
  const ExpParts parts(x);
  return (parts.fraction + 1.0f) * parts.power;
}

/** The natural logarithm: -infinity of 0, NaN of what is below (the minimax coefficients of Cephes' `logf`). */
WM_INLINE Floats log(Floats input) {
  const Ints isTiny = input < 1.17549435e-38f;
  const Floats x = select(isTiny, input * 8388608.0f, input);
  const Ints bits = bitsOf(x);
  Floats exponent = __builtin_convertvector((bits >> 23) - 126, Floats) - select(isTiny, 23.0f, Floats{});
  // The fraction in [0.5, 1), then, with the exponent, in [√0.5, √2), less 1.
  Floats m = fromBits((bits & 0x007fffff) | 0x3f000000);
  const Ints isLow = m < 0.707106781186547524f;
  exponent -= select(isLow, 1.0f, Floats{});
  m = m + select(isLow, m, Floats{}) - 1.0f;
  const Floats square = m * m;
  Floats p = m * 7.0376836292e-2f + -1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m + -1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m + -1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m + -2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  p = p * m * square + exponent * -2.12194440e-4f - square * 0.5f;
  const Floats result = m + p + exponent * 0.693359375f;
  const float infinity = __builtin_inff();
  const Floats special = select(input == 0.0f, -infinity, select(input < 0.0f, __builtin_nanf(""), input));
  return select((input > 0.0f) & (input < infinity), result, special);
}

/** log(1 + x), exact near 0 (Kahan's correction of the rounded sum). */
WM_INLINE Floats log1p(Floats x) {
  const Floats sum = x + 1.0f;
  const Floats whole = log(sum);
  const Ints isSmall = (sum == 1.0f) | (sum == __builtin_inff());
  return select(isSmall, select(sum == 1.0f, x, whole), whole * (x / (sum - 1.0f)));
}

/** e^x - 1, within 2e-7 of its size, also near 0, where it is e^r - 1 itself. */
WM_INLINE Floats expm1(Floats x) {
  const ExpParts parts(x);
  const Floats less = parts.fraction * parts.power + (parts.power - 1.0f);
  return select(parts.power == __builtin_inff(), parts.power, less);
}

WM_INLINE Floats sigmoid(Floats x) { return 1.0f / (1.0f + exp(-x)); }

/** σ(x) = 1/2 + tanh(x / 2) / 2: faster, within 2e-7, but 0 where σ is tinier than that. */
WM_INLINE Floats gateSigmoid(Floats x) { return 0.5f * tanh(0.5f * x) + 0.5f; }

/** log(1 + e^x). */
WM_INLINE Floats softplus(Floats x) { return select(x > 0.0f, x, 0.0f) + log1p(exp(-absolute(x))); }

}  // namespace wm::WM_SET

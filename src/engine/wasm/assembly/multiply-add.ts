/**
 * x y + z in four lanes. Built with relaxed SIMD it is one instruction with one rounding where the processor has it;
 * otherwise it is a product and a sum. Which build runs is fixed at start, so a machine always rounds the same way.
 */
@inline
export function multiplyAdd(x: v128, y: v128, z: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(x, y, z);
  return f32x4.add(f32x4.mul(x, y), z);
}

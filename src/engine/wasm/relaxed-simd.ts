import v8 from 'node:v8';

/** A module of one function, (x, y, z) -> f32x4.relaxed_madd(x, y, z) on vectors of four floats. */
// biome-ignore format: one line per section
const probe = Uint8Array.of(
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00,
  0x01, 0x08, 0x01, 0x60, 0x03, 0x7b, 0x7b, 0x7b, 0x01, 0x7b,
  0x03, 0x02, 0x01, 0x00,
  0x0a, 0x0d, 0x01, 0x0b, 0x00, 0x20, 0x00, 0x20, 0x01, 0x20, 0x02, 0xfd, 0x85, 0x02, 0x0b,
);

/**
 * Whether this Node compiles relaxed SIMD, with its fused multiply-add. Node 20 has it behind a flag, which is set
 * here; Node 22 has it on. The answer is the same in every process of one Node on one machine.
 */
export function hasRelaxedSimd(): boolean {
  if (WebAssembly.validate(probe)) return true;
  v8.setFlagsFromString('--experimental-wasm-relaxed-simd');
  return WebAssembly.validate(probe);
}

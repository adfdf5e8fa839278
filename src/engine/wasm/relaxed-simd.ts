import v8 from 'node:v8';

/** A module of one function, f(x, y, z) = lane 0 of f32x4.relaxed_madd of vectors of x, of y and of z. */
// biome-ignore format: one line per section
const probe = Uint8Array.of(
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00,
  0x01, 0x08, 0x01, 0x60, 0x03, 0x7d, 0x7d, 0x7d, 0x01, 0x7d,
  0x03, 0x02, 0x01, 0x00,
  0x07, 0x05, 0x01, 0x01, 0x66, 0x00, 0x00,
  0x0a, 0x16, 0x01, 0x14, 0x00, 0x20, 0x00, 0xfd, 0x13, 0x20, 0x01, 0xfd, 0x13, 0x20, 0x02, 0xfd, 0x13,
  0xfd, 0x85, 0x02, 0xfd, 0x1f, 0x00, 0x0b,
);

/** Whether this Node compiles relaxed SIMD. Node 20 has it behind a flag, which is set here; Node 22 has it on. */
function hasRelaxedSimd(): boolean {
  if (WebAssembly.validate(probe)) return true;
  v8.setFlagsFromString('--experimental-wasm-relaxed-simd');
  return WebAssembly.validate(probe);
}

/**
 * Whether relaxed SIMD's multiply-add rounds once here. Where the processor cannot, Node makes a product and a sum of it,
 * and says nothing. The answer is the same in every process of one Node on one machine.
 */
export function fusesMultiplyAdd(): boolean {
  if (!hasRelaxedSimd()) return false;
  const { f } = new WebAssembly.Instance<{ f(x: number, y: number, z: number): number }>(
    new WebAssembly.Module(probe),
  ).exports;
  // x² = 1 + 2^-11 + 2^-24, whose last part a float32 has no room for.
  const x = 1 + 2 ** -12;
  return f(x, x, -(1 + 2 ** -11)) !== 0;
}

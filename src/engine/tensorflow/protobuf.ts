/** Writers of protocol buffers' wire format (protobuf.dev/programming-guides/encoding): each gives one field's bytes. */

/** A whole number, a boolean as 0 or 1, an enumeration's number. Negative ones take ten bytes, as int64 does. */
export function integer(field: number, value: number): Uint8Array {
  return Uint8Array.from([...varint((field << 3) | 0), ...varint(value)]);
}

/** A 32-bit float. */
export function float(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return concat([Uint8Array.from(varint((field << 3) | 5)), bytes]);
}

/** A string, raw bytes, or a message made of its fields. */
export function message(field: number, ...content: (string | Uint8Array)[]): Uint8Array {
  const bytes = concat(content.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
  return concat([Uint8Array.from([...varint((field << 3) | 2), ...varint(bytes.length)]), bytes]);
}

/** Fields one after the other. */
export const concat = (parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts);

/** Seven bits a byte, the lowest first; all but the last have the highest bit set. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}

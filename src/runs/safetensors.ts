import { createHash } from 'node:crypto';
import type { NamedArray } from '../training/state.ts';
import { inPieces } from './atomic.ts';
import {
  type Dtype,
  hashField,
  NO_HASH,
  readSafetensors,
  type Safetensors,
  sizeOf,
  type TensorEntry,
} from './safetensors-format.ts';

/** Named arrays and string metadata as one safetensors file. The name `__metadata__` is the format's own. */
export function encodeSafetensors(
  arrays: Record<string, NamedArray>,
  metadata: Record<string, string>,
): Uint8Array {
  const pieces = safetensorsPieces(arrays, metadata);
  const bytes = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  return bytes;
}

/** The same file in pieces, one after the other: what leads, and each array as it stands in memory, a view. */
export function safetensorsPieces(
  arrays: Record<string, NamedArray>,
  metadata: Record<string, string>,
): Uint8Array[] {
  // Wide types first, so that every array lies at a multiple of its item size.
  const ordered = Object.entries(arrays).sort(
    ([, a], [, b]) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT,
  );
  let end = 0;
  const entries = ordered.map(([name, { shape, data }]): [string, TensorEntry] => {
    if (name === '__metadata__') throw new Error('an array cannot be named __metadata__');
    if (sizeOf(shape) !== data.length) throw new Error(`${name}: ${data.length} values for [${shape}]`);
    const begin = end;
    end += data.byteLength;
    return [name, { dtype: dtypeOf(data), shape, data_offsets: [begin, end] }];
  });
  const json = JSON.stringify({
    __metadata__: { ...metadata, sha256: NO_HASH },
    ...Object.fromEntries(entries),
  });
  const padding = ' '.repeat(-Buffer.byteLength(json) & 7);
  const data = ordered.map(([, { data }]) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  const hash = hashOf(json + padding, data);
  const header = Buffer.from(json.replace(hashField(NO_HASH), hashField(hash)) + padding);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.byteLength));
  return [length, header, ...data];
}

/**
 * The inverse of `encodeSafetensors`.
 *
 * @throws SafetensorsError when the bytes are cut short or damaged in any other way.
 */
export const decodeSafetensors = (bytes: Uint8Array): Safetensors =>
  readSafetensors(bytes, (header, data) => hashOf(header, [data]));

function dtypeOf(data: NamedArray['data']): Dtype {
  if (data instanceof Float64Array) return 'F64';
  if (data instanceof Float32Array) return 'F32';
  return data instanceof Int32Array ? 'I32' : 'U8';
}

function hashOf(header: string, data: readonly Uint8Array[]): string {
  const hash = createHash('sha256').update(header);
  for (const piece of data) for (const part of inPieces(piece)) hash.update(part);
  return hash.digest('hex');
}

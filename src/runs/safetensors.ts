import { createHash } from 'node:crypto';
import type { NamedArray } from '../training/state.ts';
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
  const length = Buffer.byteLength(json);
  const header = json + ' '.repeat(-length & 7);
  const start = 8 + length + (-length & 7);

  const bytes = new Uint8Array(start + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(start - 8), true);
  let at = start;
  for (const [, { data }] of ordered) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  const hash = hashOf(header, bytes.subarray(start));
  bytes.set(Buffer.from(header.replace(hashField(NO_HASH), hashField(hash))), 8);
  return bytes;
}

/**
 * The inverse of `encodeSafetensors`.
 *
 * @throws SafetensorsError when the bytes are cut short or damaged in any other way.
 */
export const decodeSafetensors = (bytes: Uint8Array): Safetensors => readSafetensors(bytes, hashOf);

function dtypeOf(data: NamedArray['data']): Dtype {
  if (data instanceof Float64Array) return 'F64';
  if (data instanceof Float32Array) return 'F32';
  return data instanceof Int32Array ? 'I32' : 'U8';
}

function hashOf(header: string, data: Uint8Array): string {
  return createHash('sha256').update(header).update(data).digest('hex');
}

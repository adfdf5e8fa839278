import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { NamedArray } from '../training/state.ts';

/**
 * The safetensors format (https://huggingface.co/docs/safetensors), readable from Python and elsewhere:
 *
 *   8 bytes    n, the header's length in bytes, unsigned little-endian
 *   n bytes    JSON: { "__metadata__": { key: string }, name: { dtype, shape, data_offsets: [begin, end] } },
 *              padded with spaces so that the data starts at a multiple of 8
 *   the rest   the arrays, row-major and little-endian, without gaps
 *
 * Our own addition is `sha256` in the metadata: the hash of header and data, computed with 64 zeros in its
 * own place, so that any damage is noticed.
 */

type Data = NamedArray['data'];
type Dtype = 'F64' | 'F32' | 'I32' | 'U8';

const DTYPES: Record<Dtype, { bytes: number; view: (buffer: ArrayBuffer) => Data }> = {
  F64: { bytes: 8, view: (buffer) => new Float64Array(buffer) },
  F32: { bytes: 4, view: (buffer) => new Float32Array(buffer) },
  I32: { bytes: 4, view: (buffer) => new Int32Array(buffer) },
  U8: { bytes: 1, view: (buffer) => new Uint8Array(buffer) },
};

const offset = z.int().min(0);
const tensorEntry = z.strictObject({
  dtype: z.enum(['F64', 'F32', 'I32', 'U8']),
  shape: z.array(offset),
  data_offsets: z.tuple([offset, offset]),
});
type TensorEntry = z.infer<typeof tensorEntry>;

/** Bytes: some ten thousand arrays. A longer header is damage, and JSON takes many times its length of memory. */
const LONGEST_HEADER = 2n ** 22n;
const NO_HASH = '0'.repeat(64);

/** What is wrong with the bytes, as a phrase: "cut short (1234 of 5678 bytes)". */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError';
}

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
 * The inverse of `encodeSafetensors`. Everything is checked before any array is made.
 *
 * @throws SafetensorsError when the bytes are cut short or damaged in any other way.
 */
export function decodeSafetensors(bytes: Uint8Array): {
  arrays: Record<string, NamedArray>;
  metadata: Record<string, string>;
} {
  if (bytes.length < 8) throw new SafetensorsError(`cut short (${bytes.length} of at least 8 bytes)`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > LONGEST_HEADER) throw new SafetensorsError('damaged (its header has no sensible length)');
  const start = 8 + Number(length);
  if (bytes.length < start) {
    throw new SafetensorsError(`cut short (${bytes.length} of at least ${start} bytes)`);
  }
  const header = parseHeader(bytes.subarray(8, start));
  const total = start + checkedLength(header.entries);
  if (bytes.length < total) throw new SafetensorsError(`cut short (${bytes.length} of ${total} bytes)`);
  if (bytes.length > total) throw new SafetensorsError(`damaged (${bytes.length - total} bytes too many)`);

  const { sha256 = '', ...metadata } = header.metadata;
  const blank = header.text.replace(hashField(sha256), hashField(NO_HASH));
  if (hashOf(blank, bytes.subarray(start)) !== sha256) {
    throw new SafetensorsError('damaged (its checksum does not match)');
  }
  const arrays = header.entries.map(([name, { dtype, shape, data_offsets }]): [string, NamedArray] => {
    const copy = new Uint8Array(bytes.subarray(start + data_offsets[0], start + data_offsets[1]));
    return [name, { shape, data: DTYPES[dtype].view(copy.buffer) }];
  });
  return { arrays: Object.fromEntries(arrays), metadata };
}

interface Header {
  text: string;
  /** In the order of their data. */
  entries: [string, TensorEntry][];
  metadata: Record<string, string>;
}

function parseHeader(bytes: Uint8Array): Header {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const { __metadata__, ...tensors }: Record<string, unknown> = JSON.parse(text);
    const metadata = Object.entries(Object(__metadata__)).map(([key, value]) => [
      key,
      z.string().parse(value),
    ]);
    const entries = Object.entries(tensors)
      .map(([name, value]): [string, TensorEntry] => [name, tensorEntry.parse(value)])
      .sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1]);
    return { text, entries, metadata: Object.fromEntries(metadata) };
  } catch {
    throw new SafetensorsError('damaged (its header is not readable)');
  }
}

/** The data's length in bytes, once the arrays are known to lie one after the other and to fit their shapes. */
function checkedLength(entries: [string, TensorEntry][]): number {
  let end = 0;
  for (const [name, { dtype, shape, data_offsets }] of entries) {
    if (data_offsets[0] !== end || data_offsets[1] - end !== sizeOf(shape) * DTYPES[dtype].bytes) {
      throw new SafetensorsError(`damaged (the place of ${name} does not fit its shape)`);
    }
    end = data_offsets[1];
  }
  return end;
}

function sizeOf(shape: number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function dtypeOf(data: Data): Dtype {
  if (data instanceof Float64Array) return 'F64';
  if (data instanceof Float32Array) return 'F32';
  return data instanceof Int32Array ? 'I32' : 'U8';
}

/** The only place in the header where this text can stand: inside a JSON string its quotes would be escaped. */
function hashField(hash: string): string {
  return `"sha256":"${hash}"`;
}

function hashOf(header: string, data: Uint8Array): string {
  return createHash('sha256').update(header).update(data).digest('hex');
}

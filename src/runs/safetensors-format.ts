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
 *
 * This half reads it, in Node and in a page alike; safetensors.ts writes it.
 */

type Data = NamedArray['data'];
export type Dtype = 'F64' | 'F32' | 'I32' | 'U8';

const DTYPES: Record<Dtype, { bytes: number; view: (buffer: ArrayBuffer) => Data }> = {
  F64: { bytes: 8, view: (buffer) => new Float64Array(buffer) },
  F32: { bytes: 4, view: (buffer) => new Float32Array(buffer) },
  I32: { bytes: 4, view: (buffer) => new Int32Array(buffer) },
  U8: { bytes: 1, view: (buffer) => new Uint8Array(buffer) },
};

/** What the header says of an array. */
export interface TensorEntry {
  dtype: Dtype;
  shape: number[];
  data_offsets: [begin: number, end: number];
}

/** Bytes: some ten thousand arrays. A longer header is damage, and JSON takes many times its length of memory. */
const LONGEST_HEADER = 2n ** 22n;
export const NO_HASH = '0'.repeat(64);

/** What is wrong with the bytes, as a phrase: "cut short (1234 of 5678 bytes)". */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError';
}

/** Named arrays and string metadata. */
export interface Safetensors {
  arrays: Record<string, NamedArray>;
  metadata: Record<string, string>;
}

/**
 * Reads a safetensors file's bytes. Everything is checked before any array is made.
 *
 * @param hash SHA-256 of a header followed by data, in hexadecimal digits: Node's own is many times as fast as one that a
 *   page can have
 * @throws SafetensorsError when the bytes are cut short or damaged in any other way.
 */
export function readSafetensors(
  bytes: Uint8Array,
  hash: (header: string, data: Uint8Array) => string,
): Safetensors {
  const { start, header } = checkedHeader(bytes);
  const { sha256 = '', ...metadata } = header.metadata;
  const blank = header.text.replace(hashField(sha256), hashField(NO_HASH));
  if (hash(blank, bytes.subarray(start)) !== sha256) {
    throw new SafetensorsError('damaged (its checksum does not match)');
  }
  const arrays = header.entries.map(([name, { dtype, shape, data_offsets }]): [string, NamedArray] => {
    const copy = new Uint8Array(bytes.subarray(start + data_offsets[0], start + data_offsets[1]));
    return [name, { shape, data: DTYPES[dtype].view(copy.buffer) }];
  });
  return { arrays: Object.fromEntries(arrays), metadata };
}

/** Where an array's data stands in a file: the first byte, and what its numbers are. */
export interface TensorPlace {
  start: number;
  dtype: Dtype;
}

/** The place of each array of a safetensors file, by name. @throws SafetensorsError as `readSafetensors` does, but that no checksum is tried. */
export function tensorPlaces(bytes: Uint8Array): Record<string, TensorPlace> {
  const { start, header } = checkedHeader(bytes);
  return Object.fromEntries(
    header.entries.map(([name, { dtype, data_offsets }]) => [
      name,
      { start: start + data_offsets[0], dtype },
    ]),
  );
}

/** An array of `count` numbers as they stand in a file. */
export const arrayOf = (dtype: Dtype, count: number): Data =>
  DTYPES[dtype].view(new ArrayBuffer(count * DTYPES[dtype].bytes));

/** The header, and where the data start. @throws SafetensorsError where the bytes are not as long as it says. */
function checkedHeader(bytes: Uint8Array): { start: number; header: Header } {
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
  return { start, header };
}

interface Header {
  text: string;
  /** In the order of their data. */
  entries: [string, TensorEntry][];
  metadata: Record<string, string>;
}

function parseHeader(bytes: Uint8Array): Header {
  const damaged = new SafetensorsError('damaged (its header is not readable)');
  const header = parseJson(bytes);
  if (header === undefined || !isObject(header.value)) throw damaged;
  const { __metadata__ = {}, ...tensors } = header.value;
  const entries = Object.entries(tensors);
  if (!isObject(__metadata__) || !hasStrings(__metadata__) || !entries.every(isEntry)) throw damaged;
  entries.sort(
    ([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1],
  );
  return { text: header.text, entries, metadata: __metadata__ };
}

function parseJson(bytes: Uint8Array): { text: string; value: unknown } | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return { text, value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

// Checked by hand: a page has no room for a library of schemas.

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const hasStrings = (value: Record<string, unknown>): value is Record<string, string> =>
  Object.values(value).every((each) => typeof each === 'string');

const areCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((x) => Number.isSafeInteger(x) && x >= 0);

function isEntry(named: [string, unknown]): named is [string, TensorEntry] {
  const [, value] = named;
  if (!isObject(value)) return false;
  const { dtype, shape, data_offsets, ...others } = value;
  return (
    typeof dtype === 'string' &&
    Object.hasOwn(DTYPES, dtype) &&
    areCounts(shape) &&
    areCounts(data_offsets) &&
    data_offsets.length === 2 &&
    Object.keys(others).length === 0
  );
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

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** The only place in the header where this text can stand: inside a JSON string its quotes would be escaped. */
export function hashField(hash: string): string {
  return `"sha256":"${hash}"`;
}

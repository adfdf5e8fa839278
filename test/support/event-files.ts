import assert from 'node:assert/strict';

/** What an event file says, read by the formats' own definitions and by none of our code that writes them. */
export interface ReadEvent {
  wallTime: number;
  step: number;
  fileVersion?: string;
  scalars: Record<string, number>;
  images: Record<string, { width: number; height: number; channels: number; encoded: Buffer }>;
}

/** CRC-32C bit by bit, as RFC 3720 defines it. */
export function crc32cOf(bytes: Uint8Array): number {
  let crc = 0xffffffffn;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0x82f63b78n : crc >> 1n;
  }
  return Number(crc ^ 0xffffffffn);
}

/** TFRecord's mask: ((crc >> 15) | (crc << 17)) + 0xa282ead8 in 32 bits. */
function masked(bytes: Uint8Array): number {
  const crc = BigInt(crc32cOf(bytes));
  return Number((((crc >> 15n) | (crc << 17n)) + 0xa282ead8n) % 2n ** 32n);
}

/** The records of a TFRecord file, every CRC checked. */
function records(file: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    assert.equal(file.readUInt32LE(at + 8), masked(file.subarray(at, at + 8)), 'CRC of a length');
    const data = file.subarray(at + 12, at + 12 + length);
    assert.equal(data.length, length, 'a record is whole');
    assert.equal(file.readUInt32LE(at + 12 + length), masked(data), 'CRC of the data');
    found.push(data);
    at += 16 + length;
  }
  return found;
}

type Field = bigint | Buffer;

/** A protobuf message: the values of each field by its number. */
function message(data: Buffer): Map<number, Field[]> {
  const fields = new Map<number, Field[]>();
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = data.readUInt8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number) => {
    const part = data.subarray(at, at + length);
    assert.equal(part.length, length);
    at += length;
    return part;
  };
  while (at < data.length) {
    const key = Number(varint());
    const kind = key & 7;
    assert.ok([0, 1, 2, 5].includes(kind), `wire type ${kind}`);
    const value =
      kind === 0 ? varint() : kind === 1 ? take(8) : kind === 5 ? take(4) : take(Number(varint()));
    fields.set(key >> 3, [...(fields.get(key >> 3) ?? []), value]);
  }
  return fields;
}

/** The events of a file, by the field numbers of event.proto and summary.proto. */
export function readEventFile(file: Buffer): ReadEvent[] {
  return records(file).map((record) => {
    const event = message(record);
    const version = event.get(3)?.[0] as Buffer | undefined;
    const found: ReadEvent = {
      wallTime: (event.get(1)![0] as Buffer).readDoubleLE(),
      step: Number(event.get(2)?.[0] ?? 0n),
      ...(version && { fileVersion: version.toString() }),
      scalars: {},
      images: {},
    };
    const summary = event.get(5)?.[0] as Buffer | undefined;
    for (const bytes of summary ? (message(summary).get(1) ?? []) : []) {
      const value = message(bytes as Buffer);
      const tag = String(value.get(1)![0]);
      const scalar = value.get(2)?.[0] as Buffer | undefined;
      if (scalar) found.scalars[tag] = scalar.readFloatLE();
      const image = value.get(4)?.[0] as Buffer | undefined;
      if (!image) continue;
      const [height, width, channels] = [1, 2, 3].map((field) => Number(message(image).get(field)![0]));
      const encoded = message(image).get(4)![0] as Buffer;
      found.images[tag] = { width: width!, height: height!, channels: channels!, encoded };
    }
    return found;
  });
}

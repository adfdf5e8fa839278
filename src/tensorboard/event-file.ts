import { maskedCrc32c } from './crc32c.ts';
import type { Picture } from './picture.ts';

/** What TensorBoard shows of one step. */
export interface StepEvent {
  /** Seconds since 1970. */
  wallTime: number;
  step: number;
  /** By tag. */
  scalars: ReadonlyMap<string, number>;
  pictures: ReadonlyMap<string, Picture>;
}

/**
 * A TensorBoard event file: TFRecord frames, each one message `Event` of tensorflow/core/util/event.proto, the first of
 * which says the version of the format.
 *
 * @param began seconds since 1970
 * @param events in the order of their steps
 */
export function eventFile(began: number, events: readonly StepEvent[]): Buffer {
  return Buffer.concat([
    frame(Buffer.concat([double(1, began), text(3, 'brain.Event:2')])),
    ...events.map(({ wallTime, step, scalars, pictures }) => {
      const summary = [
        ...[...scalars].map(([tag, value]) => bytes(1, text(1, tag), float(2, value))),
        ...[...pictures].map(([tag, picture]) => bytes(1, text(1, tag), image(picture))),
      ];
      return frame(Buffer.concat([double(1, wallTime), integer(2, step), bytes(5, ...summary)]));
    }),
  ]);
}

/** TFRecord: the length (uint64) and its CRC, the data and theirs, all little-endian. */
function frame(data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeBigUInt64LE(BigInt(data.length));
  head.writeUInt32LE(maskedCrc32c(head.subarray(0, 8)), 8);
  const end = Buffer.alloc(4);
  end.writeUInt32LE(maskedCrc32c(data));
  return Buffer.concat([head, data, end]);
}

function image({ width, height, channels, encoded }: Picture): Buffer {
  return bytes(4, integer(1, height), integer(2, width), integer(3, channels), bytes(4, encoded));
}

/** A field of a protobuf message is its number and wire type, then its value: 0 a varint, 1 and 5 eight and four bytes, 2 a length and so many bytes. */
const key = (field: number, wireType: 0 | 1 | 2 | 5) => varint(field * 8 + wireType);

/** Seven bits a byte, the lowest first, each but the last with the eighth bit set. */
function varint(value: number): Buffer {
  const parts: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) parts.push((rest % 128) + 128);
  return Buffer.from([...parts, rest]);
}

const integer = (field: number, value: number) => Buffer.concat([key(field, 0), varint(value)]);

function double(field: number, value: number): Buffer {
  const data = Buffer.alloc(8);
  data.writeDoubleLE(value);
  return Buffer.concat([key(field, 1), data]);
}

function float(field: number, value: number): Buffer {
  const data = Buffer.alloc(4);
  data.writeFloatLE(value);
  return Buffer.concat([key(field, 5), data]);
}

/** Bytes, a text, or a message of fields. */
function bytes(field: number, ...parts: Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([key(field, 2), varint(length), ...parts]);
}

const text = (field: number, value: string) => bytes(field, Buffer.from(value));

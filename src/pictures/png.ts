import { deflateSync } from 'node:zlib';
import type { Pixels } from './pixels.ts';

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** Eight bits each of red, green and blue, without a palette; deflate, adaptive filters, no interlacing. */
const FORMAT = [8, 2, 0, 0, 0];
/** A row's filter: each byte less the one above, which is most often 0 in a drawing. */
const UP = 2;
const INCHES_PER_METRE = 1 / 0.0254;

/** CRC-32 of a byte (ISO 3309, reflected), for each of them. */
const CRCS = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
});

/**
 * A picture as PNG.
 *
 * @param dotsPerInch as large as it is meant to be printed
 */
export function pngOf({ width, height, data }: Pixels, dotsPerInch: number): Uint8Array {
  const row = 1 + 3 * width;
  const filtered = new Uint8Array(row * height);
  for (let y = 0; y < height; y++) {
    filtered[y * row] = UP;
    for (let x = 0; x < width; x++) {
      const at = 4 * (y * width + x);
      for (let i = 0; i < 3; i++) {
        const above = y === 0 ? 0 : data[at - 4 * width + i]!;
        filtered[y * row + 1 + 3 * x + i] = data[at + i]! - above;
      }
    }
  }
  const perMetre = Math.round(dotsPerInch * INCHES_PER_METRE);
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', [...bigEndian(width), ...bigEndian(height), ...FORMAT]),
    chunk('pHYs', [...bigEndian(perMetre), ...bigEndian(perMetre), 1]),
    chunk('IDAT', deflateSync(filtered, { level: 9 })),
    chunk('IEND', []),
  ]);
}

function chunk(type: string, content: ArrayLike<number>): Uint8Array {
  const checked = Uint8Array.of(...Buffer.from(type, 'latin1'));
  const body = new Uint8Array(checked.length + content.length);
  body.set(checked);
  body.set(content, checked.length);
  return Buffer.concat([bigEndian(content.length), body, bigEndian(crc32(body))]);
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRCS[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

const bigEndian = (value: number): Uint8Array =>
  Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);

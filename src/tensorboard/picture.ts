/** A picture as TensorBoard takes it. */
export interface Picture {
  width: number;
  height: number;
  /** Of each pixel: 1 grey, 2 grey and alpha, 3 colours, 4 colours and alpha. */
  channels: number;
  /** The file as it is. */
  encoded: Buffer;
}

const PNG = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
/** By PNG's colour type. */
const CHANNELS: Partial<Record<number, number>> = { 0: 1, 2: 3, 3: 3, 4: 2, 6: 4 };

/** A PNG or GIF by its header; undefined where the bytes are neither. */
export function readPicture(encoded: Buffer): Picture | undefined {
  if (encoded.length >= 26 && encoded.subarray(0, 8).equals(PNG)) {
    const channels = CHANNELS[encoded[25]!];
    if (channels === undefined) return undefined;
    return { width: encoded.readUInt32BE(16), height: encoded.readUInt32BE(20), channels, encoded };
  }
  if (encoded.length >= 10 && /^GIF8[79]a$/.test(encoded.toString('latin1', 0, 6))) {
    return { width: encoded.readUInt16LE(6), height: encoded.readUInt16LE(8), channels: 3, encoded };
  }
  return undefined;
}

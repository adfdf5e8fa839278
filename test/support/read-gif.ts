/** What a GIF shows. */
export interface ReadGif {
  width: number;
  height: number;
  /** 0: for ever; undefined: it is not said. */
  repeats: number | undefined;
  frames: {
    /** Hundredths of a second. */
    delay: number;
    /** All that is seen while it stands, what earlier frames left included: [height, width, 3] */
    rgb: Uint8Array;
  }[];
}

/** Reads a GIF whose frames are as large as it is, use its own palette and lie over each other. */
export function readGif(bytes: Uint8Array): ReadGif {
  const file = Buffer.from(bytes);
  if (file.toString('latin1', 0, 6) !== 'GIF89a') throw new Error('no GIF');
  const [width, height] = [file.readUInt16LE(6), file.readUInt16LE(8)];
  const colours = 2 << (file[10]! & 7);
  const palette = file.subarray(13, 13 + 3 * colours);
  const gif: ReadGif = { width, height, repeats: undefined, frames: [] };
  const seen = new Uint8Array(3 * width * height);
  let control = { delay: 0, transparent: -1 };
  let at = 13 + palette.length;
  const subBlocks = () => {
    const blocks: Buffer[] = [];
    for (; file[at] !== 0; at += 1 + file[at]!) blocks.push(file.subarray(at + 1, at + 1 + file[at]!));
    at++;
    return blocks;
  };
  while (file[at] !== 0x3b) {
    if (file[at] === 0x21) {
      const label = file[at + 1];
      at += 2;
      const blocks = subBlocks();
      if (label === 0xff) gif.repeats = blocks[1]!.readUInt16LE(1);
      if (label === 0xf9) {
        const [flags, transparent] = [blocks[0]![0]!, blocks[0]![3]!];
        control = { delay: blocks[0]!.readUInt16LE(1), transparent: flags & 1 ? transparent : -1 };
      }
    } else if (file[at] === 0x2c) {
      const place = [1, 3, 5, 7].map((offset) => file.readUInt16LE(at + offset));
      if (String(place) !== String([0, 0, width, height]) || file[at + 9] !== 0) throw new Error(`${place}`);
      const bits = file[at + 10]!;
      at += 11;
      const indices = decompressed(Buffer.concat(subBlocks()), bits);
      if (indices.length !== width * height) throw new Error(`${indices.length} pixels`);
      for (const [i, index] of indices.entries()) {
        if (index !== control.transparent) seen.set(palette.subarray(3 * index, 3 * index + 3), 3 * i);
      }
      gif.frames.push({ delay: control.delay, rgb: seen.slice() });
    } else throw new Error(`a block of kind ${file[at]} at ${at}`);
  }
  return gif;
}

/** GIF's LZW. @param bits of a colour's index */
function decompressed(codes: Uint8Array, bits: number): number[] {
  const [clear, end] = [1 << bits, (1 << bits) + 1];
  const found: number[] = [];
  let table: number[][] = [];
  let last: number[] | undefined;
  let size = bits + 1;
  for (let bit = 0; bit + size <= 8 * codes.length; ) {
    let code = 0;
    for (let i = 0; i < size; i++, bit++) code |= ((codes[bit >> 3]! >> (bit & 7)) & 1) << i;
    if (code === end) break;
    if (code === clear) {
      table = [...Array.from({ length: clear }, (_, index) => [index]), [], []];
      size = bits + 1;
      last = undefined;
      continue;
    }
    const word: number[] = table[code] ?? [...last!, last![0]!];
    for (const index of word) found.push(index);
    if (last && table.length < 4096) table.push([...last, word[0]!]);
    if (table.length === 1 << size && size < 12) size++;
    last = word;
  }
  return found;
}

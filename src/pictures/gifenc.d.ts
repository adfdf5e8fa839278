/** What is used of gifenc, which comes without types. It is a CommonJS module whose names Node does not see. */
declare module 'gifenc' {
  type Palette = [red: number, green: number, blue: number][];
  interface Encoder {
    /** The first frame's palette is every frame's; delays are in milliseconds and written in hundredths of a second. */
    writeFrame(
      index: Uint8Array,
      width: number,
      height: number,
      options: {
        palette?: Palette;
        delay: number;
        transparent: boolean;
        transparentIndex: number;
        /** 1: the next frame lies over this one. */
        dispose: number;
      },
    ): void;
    finish(): void;
    bytes(): Uint8Array;
  }
  const gifenc: {
    GIFEncoder(): Encoder;
    /** Colours that stand for those of RGBA pixels. */
    quantize(rgba: Uint8Array, maxColors: number): Palette;
    /** The nearest colour's index of each of RGBA pixels. */
    applyPalette(rgba: Uint8Array, palette: Palette): Uint8Array;
  };
  export default gifenc;
}

import gifenc from 'gifenc';
import type { Clock } from './animation.ts';
import { EDGE_COLOURS, FAINT_TEXT, GROUND_COLOURS, INK_COLOURS, PAPER, TEXT } from './colours.ts';
import { type Colour, colourOf, type Pixels } from './pixels.ts';

/** Colours of a GIF, one of which stands for what has not changed. */
const COLOURS = 256;
/** Frames from which the palette is chosen. */
const SAMPLED = 6;
/** Colours of which whole areas are, exactly. */
const AREAS: readonly Colour[] = [
  ...[PAPER, TEXT, FAINT_TEXT],
  ...[GROUND_COLOURS, EDGE_COLOURS, INK_COLOURS].flatMap((colours) => Object.values(colours)),
].map(colourOf);

/**
 * A film as a GIF that begins anew for ever. All frames share one palette, without which areas would flicker; of each only
 * what has changed is written, and nothing of one that changes nothing.
 *
 * @param frameAt the frames, all of one size; called more than once for some
 */
export function gifOf(frameAt: (frame: number) => Pixels, { frames, seconds }: Clock): Uint8Array {
  const { width, height } = frameAt(0);
  const areas = AREAS.map(([...parts]) => parts as [number, number, number]);
  const palette = [...areas, ...gifenc.quantize(sample(frameAt, frames), COLOURS - 1 - areas.length)];
  const unchanged = palette.length;
  palette.push([0, 0, 0]);
  const encoder = gifenc.GIFEncoder();
  let before: Uint8Array | undefined;
  for (const { index, from, to } of distinct(frameAt, frames, palette.slice(0, -1))) {
    const changes = before ? index.map((colour, i) => (colour === before![i] ? unchanged : colour)) : index;
    // Rounded where frames begin and end, so that roundings do not add up.
    const centiseconds = at(to, frames, seconds) - at(from, frames, seconds);
    encoder.writeFrame(changes, width, height, {
      ...(before === undefined && { palette }),
      ...{ delay: 10 * centiseconds, dispose: 1 },
      ...{ transparent: before !== undefined, transparentIndex: unchanged },
    });
    before = index;
  }
  encoder.finish();
  return encoder.bytes();
}

/** Hundredths of a second after which a frame begins. */
const at = (frame: number, frames: number, seconds: number) => Math.round((100 * seconds * frame) / frames);

/** Frames that differ from the one before, each as long as it stands. */
function* distinct(
  frameAt: (frame: number) => Pixels,
  frames: number,
  palette: [number, number, number][],
): Generator<{ index: Uint8Array; from: number; to: number }> {
  let standing = { index: gifenc.applyPalette(frameAt(0).data, palette), from: 0 };
  for (let frame = 1; frame < frames; frame++) {
    const index = gifenc.applyPalette(frameAt(frame).data, palette);
    if (Buffer.compare(index, standing.index) === 0) continue;
    yield { ...standing, to: frame };
    standing = { index, from: frame };
  }
  yield { ...standing, to: frames };
}

/** The pixels of some frames. */
function sample(frameAt: (frame: number) => Pixels, frames: number): Uint8Array {
  const count = Math.min(SAMPLED, frames);
  const each = Array.from({ length: count }, (_, i) => frameAt(Math.floor((i * frames) / count)).data);
  const pixels = new Uint8Array(each.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const data of each) {
    pixels.set(data, offset);
    offset += data.length;
  }
  return pixels;
}

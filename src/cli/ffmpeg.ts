import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { UserError } from '../errors.ts';
import type { Clock } from '../pictures/animation.ts';
import type { Pixels } from '../pictures/pixels.ts';
import { readBytes } from '../runs/atomic.ts';
import { isSystemError } from '../runs/on-disk.ts';
import { withPassingFolder } from './passing-folder.ts';
import { runProgram } from './run-program.ts';

const PROGRAM = 'ffmpeg';

/** @throws UserError where there is no ffmpeg to start. */
export async function requireFfmpeg(): Promise<void> {
  const { status } = await runProgram(PROGRAM, ['-version']);
  if (status === 0) return;
  throw new UserError(
    'an MP4 is made by ffmpeg, which cannot be started here; install it, or name a file that ends in .gif or .svg',
  );
}

/**
 * A film as MP4, by the ffmpeg on PATH. It writes to a temporary folder: an MP4 that plays before all of it is there has its
 * table of contents in front, which is known last.
 *
 * @param frameAt the frames, all of one size, even numbers: two pixels each way share their colour
 * @throws UserError where ffmpeg refuses or is stopped.
 */
export async function mp4Of(
  frameAt: (frame: number) => Pixels,
  { frames, seconds }: Clock,
): Promise<Uint8Array> {
  const { width, height } = frameAt(0);
  const folder = mkdtempSync(path.join(tmpdir(), 'wm-film-'));
  return withPassingFolder(folder, async () => {
    const file = path.join(folder, 'film.mp4');
    const raw = [
      '-f',
      'rawvideo',
      '-pix_fmt',
      'rgba',
      '-s',
      `${width}x${height}`,
      '-r',
      `${frames / seconds}`,
    ];
    const made = ['-pix_fmt', 'yuv420p', '-movflags', '+faststart', file];
    const args = ['-hide_banner', '-loglevel', 'error', ...raw, '-i', 'pipe:0', ...made];
    const { status, stderr, error } = await runProgram(PROGRAM, args, { input: rawFrames(frameAt, frames) });
    const bytes = status === 0 ? readBytes(file) : undefined;
    if (bytes) return bytes;
    if (error && !isSystemError(error)) throw error;
    const why = stderr.trim().split('\n').at(-1) || error?.message || `it ended with ${status}`;
    throw new UserError(`ffmpeg made no MP4 (${why}); name a file that ends in .gif or .svg instead`, 1);
  });
}

function* rawFrames(frameAt: (frame: number) => Pixels, frames: number): Generator<Uint8Array> {
  for (let frame = 0; frame < frames; frame++) yield frameAt(frame).data;
}

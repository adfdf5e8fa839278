import { z } from 'zod';
import { UserError } from '../errors.ts';
import type { MemberState } from '../training/state.ts';
import { readBytes, replaceFile } from './atomic.ts';
import { decodeSafetensors, encodeSafetensors, SafetensorsError } from './safetensors.ts';

/** What a seed needs to go on, and the time it has taken so far. */
export interface Checkpoint {
  state: MemberState;
  /** Seconds of training behind this state, summed over all sittings. */
  wallSeconds: number;
}

const CHECKPOINT_VERSION = 1;
const REMEDY = "delete this seed's folder to train it from the start";

/** Everything but the arrays: one JSON string each in the file's metadata. */
const counters = z.strictObject({
  checkpointVersion: z.literal(CHECKPOINT_VERSION),
  step: z.int().min(0),
  update: z.int().min(0),
  wallSeconds: z.number().min(0),
  streams: z.record(z.string(), z.array(z.number())),
});

/**
 * Writes a checkpoint in one step: after a kill the file holds the former checkpoint or this one.
 *
 * @throws UserError when the operating system refuses (disk full, …); the former one is then still there.
 */
export function writeCheckpoint(file: string, { state, wallSeconds }: Checkpoint): void {
  const { arrays, step, update, streams } = state;
  const values = counters.parse({
    checkpointVersion: CHECKPOINT_VERSION,
    step,
    update,
    wallSeconds,
    streams,
  });
  const metadata = Object.entries(values).map(([key, value]) => [key, JSON.stringify(value)]);
  replaceFile(file, encodeSafetensors(arrays, Object.fromEntries(metadata)));
}

/**
 * Reads a checkpoint, or undefined where there is none.
 *
 * @throws UserError when the file is cut short, damaged, or made by another version of wm.
 */
export function readCheckpoint(file: string): Checkpoint | undefined {
  const bytes = readBytes(file);
  if (bytes === undefined) return undefined;
  try {
    const { arrays, metadata } = decodeSafetensors(bytes);
    const { step, update, wallSeconds, streams } = parseCounters(metadata);
    return { state: { step, update, arrays, streams }, wallSeconds };
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error;
    throw new UserError(`${file}: ${error.message}; ${REMEDY}`);
  }
}

function parseCounters(metadata: Record<string, string>): z.infer<typeof counters> {
  try {
    const values = Object.entries(metadata).map(([key, json]) => [key, JSON.parse(json)]);
    return counters.parse(Object.fromEntries(values));
  } catch {
    const version = metadata.checkpointVersion ?? 'unknown';
    throw new SafetensorsError(
      `not a checkpoint of this wm (version ${version}, this one knows ${CHECKPOINT_VERSION})`,
    );
  }
}

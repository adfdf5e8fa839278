import { z } from 'zod';
import { UserError } from '../errors.ts';
import type { MemberState } from '../training/state.ts';
import { moveFile, readBytes, replaceFile } from './atomic.ts';
import { decodeSafetensors, safetensorsPieces } from './safetensors.ts';
import { SafetensorsError } from './safetensors-format.ts';

/** What a seed needs to go on, and the time it has taken so far. */
export interface Checkpoint {
  state: MemberState;
  /** Seconds of training behind this state, summed over all sittings. */
  wallSeconds: number;
}

/** A checkpoint as it was found on the disk. */
export interface StoredCheckpoint extends Checkpoint {
  /** Where it is the one before the newest: one sentence that says what is wrong with the newest. Else null. */
  fallback: string | null;
}

/** The two files that hold a seed's last two checkpoints. */
export interface CheckpointFiles {
  newest: string;
  previous: string;
}

const CHECKPOINT_VERSION = 1;
const REMEDY = "move this seed's folder away to train it from the start";

/** What a state says beside its arrays. */
export const stateCounters = {
  step: z.int().min(0),
  update: z.int().min(0),
  evaluationDue: z.boolean().default(false),
  streams: z.record(z.string(), z.array(z.number())),
};

/** Everything but the arrays: one JSON string each in the file's metadata. */
const counters = z.strictObject({
  checkpointVersion: z.literal(CHECKPOINT_VERSION),
  wallSeconds: z.number().min(0),
  ...stateCounters,
});

/** A checkpoint as the pieces of a safetensors file, checksum included: a replay of images is not to be copied for it. */
function encodeCheckpoint({ state, wallSeconds }: Checkpoint): Uint8Array[] {
  const { arrays, ...rest } = state;
  const values = { checkpointVersion: CHECKPOINT_VERSION, wallSeconds, ...rest };
  return safetensorsPieces(arrays, formatMetadata(counters.parse(values)));
}

/** Values as a safetensors file's metadata: one JSON string each. */
export function formatMetadata(values: object): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, JSON.stringify(value)]));
}

/** The inverse of `formatMetadata`, or undefined where the values are not of this schema. */
export function parseMetadata<T>(metadata: Record<string, string>, schema: z.ZodType<T>): T | undefined {
  try {
    const values = Object.entries(metadata).map(([key, json]) => [key, JSON.parse(json)]);
    return schema.parse(Object.fromEntries(values));
  } catch {
    return undefined;
  }
}

/**
 * Writes a checkpoint; what was the newest becomes the previous one. A kill at any instant leaves at least one of the
 * two whole: the file is complete on the disk before the older ones move.
 *
 * @param permit called when only the renames are left; throws where this process may no longer write
 * @throws UserError when the operating system refuses (disk full, …); what was the newest is then still there.
 */
export function writeCheckpoint(files: CheckpointFiles, checkpoint: Checkpoint, permit: () => void): void {
  replaceFile(files.newest, encodeCheckpoint(checkpoint), () => {
    permit();
    moveFile(files.newest, files.previous);
  });
}

/** Replaces a checkpoint that is kept for itself. @throws UserError when the operating system refuses. */
export function writeSingleCheckpoint(file: string, checkpoint: Checkpoint, permit: () => void): void {
  replaceFile(file, encodeCheckpoint(checkpoint), permit);
}

/** Reads a checkpoint that is kept for itself; undefined where there is none. @throws UserError when it is damaged. */
export function readSingleCheckpoint(file: string): Checkpoint | undefined {
  const found = tryToRead(file);
  if (typeof found === 'string') throw new UserError(`${found}; play another checkpoint`);
  return found;
}

/**
 * Reads the newest checkpoint or, where that is damaged or missing, the one before; undefined where there is neither.
 * Nothing is written: who goes on from a fallback calls `dropDamaged` first.
 *
 * @throws UserError when none of those that are there is readable, or one was made by another version of wm.
 */
export function readCheckpoint(files: CheckpointFiles): StoredCheckpoint | undefined {
  const newest = tryToRead(files.newest);
  if (typeof newest === 'object') return { ...newest, fallback: null };
  const previous = tryToRead(files.previous);
  if (typeof previous === 'object') {
    const fallback = `${newest ?? `${files.newest}: missing`}; going on from the checkpoint before it, at step ${previous.state.step}`;
    return { ...previous, fallback };
  }
  const damage = [newest, previous].filter((found) => found !== undefined);
  if (damage.length === 0) return undefined;
  throw new UserError(`${damage.join(', and ')}; ${REMEDY}`);
}

/**
 * To be called after a fallback, before anything is written: makes the previous checkpoint the newest one, or the next
 * to be written would push it out and leave the damaged one in its place.
 */
export function dropDamaged(files: CheckpointFiles): void {
  moveFile(files.previous, files.newest);
}

/** The checkpoint in a file, a phrase that says where and how it is damaged, or undefined where there is no file. */
function tryToRead(file: string): Checkpoint | string | undefined {
  const bytes = readBytes(file);
  if (bytes === undefined) return undefined;
  try {
    const { arrays, metadata } = decodeSafetensors(bytes);
    const { checkpointVersion: _, wallSeconds, ...rest } = parseCounters(metadata, file);
    return { state: { ...rest, arrays }, wallSeconds };
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error;
    return `${file}: ${error.message}`;
  }
}

/** @throws UserError for a file that is whole but not of this version: to fall back would throw it away. */
function parseCounters(metadata: Record<string, string>, file: string): z.infer<typeof counters> {
  const found = parseMetadata(metadata, counters);
  if (found) return found;
  const version = metadata.checkpointVersion ?? 'unknown';
  throw new UserError(
    `${file}: not a checkpoint of this wm (version ${version}, this one knows ${CHECKPOINT_VERSION}); use the wm that made it, or ${REMEDY}`,
  );
}

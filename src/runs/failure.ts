import { z } from 'zod';
import { UserError } from '../errors.ts';
import type { MemberState, NamedArray } from '../training/state.ts';
import { readBytes, replaceFile } from './atomic.ts';
import { formatMetadata, parseMetadata, stateCounters } from './checkpoint.ts';
import { decodeSafetensors, encodeSafetensors } from './safetensors.ts';
import { SafetensorsError } from './safetensors-format.ts';

/** An update after which something was not finite: what it takes to make it again. */
export interface FailedUpdate {
  /** The number of the update, from 1. */
  update: number;
  /** The first term that was not finite. */
  reason: string;
  /** The last state before it; undefined where that is the start. */
  before: MemberState | undefined;
  /** What it learnt from, for readers in other languages; empty where the method does not show it. */
  batch: Record<string, NamedArray>;
}

const BATCH = 'batch.';
const counters = z.object({ ...stateCounters, failedUpdate: z.int().min(1), reason: z.string() }).partial({
  step: true,
  update: true,
  streams: true,
});

/** Writes a failed update as one safetensors file: the state's arrays, and the batch's as `batch.*`. */
export function writeFailure(file: string, { update, reason, before, batch }: FailedUpdate): void {
  const { arrays = {}, ...place } = before ?? {};
  const named = Object.entries(batch).map(([name, array]) => [`${BATCH}${name}`, array]);
  replaceFile(
    file,
    encodeSafetensors(
      { ...arrays, ...Object.fromEntries(named) },
      formatMetadata({ ...place, failedUpdate: update, reason }),
    ),
  );
}

/** Reads what `writeFailure` wrote, or undefined where there is no file. @throws UserError when it is damaged. */
export function readFailure(file: string): FailedUpdate | undefined {
  const bytes = readBytes(file);
  if (bytes === undefined) return undefined;
  try {
    const { arrays, metadata } = decodeSafetensors(bytes);
    const values = parseMetadata(metadata, counters);
    if (values === undefined) throw new SafetensorsError('not the failed update of a seed');
    const isBatch = ([name]: [string, NamedArray]) => name.startsWith(BATCH);
    const all = Object.entries(arrays);
    const batch = all.filter(isBatch).map(([name, array]) => [name.slice(BATCH.length), array]);
    const state = Object.fromEntries(all.filter((entry) => !isBatch(entry)));
    const { step, update, evaluationDue, streams, failedUpdate, reason } = values;
    const started = step !== undefined && update !== undefined && streams !== undefined;
    return {
      update: failedUpdate,
      reason,
      before: started ? { step, update, evaluationDue, streams, arrays: state } : undefined,
      batch: Object.fromEntries(batch),
    };
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error;
    throw new UserError(`${file}: ${error.message}; train the seed again to find its failure again`);
  }
}

import { join } from 'node:path';
import { z } from 'zod';
import { readText } from './atomic.ts';
import { wholeLines } from './csv.ts';
import type { RunInfo } from './records.ts';

/** The events of a run's events.jsonl of some kinds, each as `schema` has it; null where they cannot be read. */
export function readEvents<T>(runDir: string, kinds: readonly string[], schema: z.ZodType<T>): T[] | null {
  const text = readText(join(runDir, 'events.jsonl'));
  if (text === undefined) return null;
  try {
    return wholeLines(text)
      .split('\n')
      .slice(0, -1)
      .map((line) => ofKind.parse(JSON.parse(line)))
      .filter(({ kind }) => kinds.includes(kind))
      .map((event) => schema.parse(event));
  } catch {
    return null;
  }
}

const ofKind = z.looseObject({ kind: z.string() });

const start = z.object({ time: z.iso.datetime(), seeds: z.record(z.string(), z.int().min(0)) });

/** When the sittings of a run began, in seconds since 1970, and from which environment step each seed went on. */
export function readStarts(runDir: string, info: RunInfo): { time: number; stepOf(seed: number): number }[] {
  const starts = readEvents(runDir, ['start', 'resume'], start) ?? [];
  // Of a run that tells nothing of them it is known that there was one.
  if (starts.length === 0) return [{ time: secondsOf(info.start), stepOf: () => 0 }];
  return starts.map(({ time, seeds }) => ({ time: secondsOf(time), stepOf: (seed) => seeds[seed] ?? 0 }));
}

const secondsOf = (time: string) => Date.parse(time) / 1000;

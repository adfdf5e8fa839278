import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readText } from './atomic.ts';
import { wholeLines } from './csv.ts';
import { onDisk } from './on-disk.ts';
import type { RunInfo } from './records.ts';

/** `events.jsonl`, and what shares of a run write in its place, each into that of its first seed. */
const EVENTS = /^events(\.seed-\d+)?\.jsonl$/;

/**
 * The events of a run of some kinds, each as `schema` has it, of all its shares by time; null where there are none or one
 * cannot be read.
 */
export function readEvents<T>(runDir: string, kinds: readonly string[], schema: z.ZodType<T>): T[] | null {
  const names = onDisk(runDir, () => readdirSync(runDir)).filter((name) => EVENTS.test(name));
  if (names.length === 0) return null;
  try {
    const events = names.flatMap((name) =>
      wholeLines(readText(join(runDir, name)) ?? '')
        .split('\n')
        .slice(0, -1)
        .map((line) => anEvent.parse(JSON.parse(line))),
    );
    // Of one file as they stand: a clock may have been set back.
    if (names.length > 1) events.sort((a, b) => Date.parse(a.time ?? '') - Date.parse(b.time ?? ''));
    return events.filter(({ kind }) => kinds.includes(kind)).map((event) => schema.parse(event));
  } catch {
    return null;
  }
}

const anEvent = z.looseObject({ kind: z.string(), time: z.string().optional() });

const start = z.object({ time: z.iso.datetime(), seeds: z.record(z.string(), z.int().min(0)) });

/**
 * When the sittings of a run's seeds began, in seconds since 1970, and from which environment step each went on.
 *
 * @returns by seed
 */
export function readStarts(
  runDir: string,
  info: RunInfo,
): (seed: number) => { time: number; step: number }[] {
  const starts = readEvents(runDir, ['start', 'resume'], start) ?? [];
  return (seed) => {
    const own = starts.flatMap(({ time, seeds: { [seed]: step } }) =>
      step === undefined ? [] : [{ time: secondsOf(time), step }],
    );
    // Of a seed that they tell nothing of it is known that the run had a first one.
    return own.length > 0 ? own : [{ time: secondsOf(info.start), step: 0 }];
  };
}

const secondsOf = (time: string) => Date.parse(time) / 1000;

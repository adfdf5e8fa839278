import { z } from 'zod';
import { readEvents } from './events.ts';
import type { DoneInfo } from './records.ts';

const workerEvent = z.object({ seeds: z.array(z.int()) });

/** The seeds of every worker process that a run has had, as its events tell; null where they cannot be read. */
export function readWorkers(runDir: string): number[][] | null {
  return readEvents(runDir, ['worker'], workerEvent)?.map(({ seeds }) => seeds) ?? null;
}

/**
 * The seeds that a seed shared its worker process with in every sitting, itself among them; null where that changed on
 * the way or is not recorded.
 *
 * @param workers as `readWorkers` gives them
 */
export function companions(
  seed: number,
  { worker }: Pick<DoneInfo, 'worker'>,
  workers: readonly number[][] | null,
): number[] | null {
  const groups = [...(workers ?? []), ...(worker ? [worker.seeds] : [])]
    .filter((seeds) => seeds.includes(seed))
    .map((seeds) => [...seeds].sort((a, b) => a - b));
  const [first] = groups;
  if (first === undefined) return null;
  return groups.every((group) => `${group}` === `${first}`) ? first : null;
}

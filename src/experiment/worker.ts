import { setTimeout } from 'node:timers/promises';
import { UserError } from '../errors.ts';
import { checkLockOf } from '../runs/lock.ts';
import { isEnd, type ParentMessage, type WorkerMessage } from './messages.ts';
import { GROUP_SIGNALS } from './signals.ts';
import type { Surroundings } from './train-seeds.ts';

/** The entry of a worker process: takes one job from its parent, trains it, ends. */

for (const signal of GROUP_SIGNALS) process.on(signal, () => {});

let stop = false;
let finished = false;
const parent = process.ppid;

process.on('message', (message: ParentMessage) => {
  if (message.kind === 'stop') stop = true;
  else void work(message);
});

// Without its parent a worker ends, whatever it computes: `trainSeeds` lets this event in.
process.on('disconnect', () => process.exit(finished ? 0 : 1));
if (!process.connected) process.exit(1);

/**
 * Without its parent a worker must not write: another run may have taken the folder over. The process id of the parent
 * changes at once when it dies, also while the `disconnect` event waits to be let in.
 */
function requireParent(): void {
  if (process.ppid !== parent) process.exit(1);
}

function emit(message: WorkerMessage): void {
  process.send?.(message);
}

/** What JavaScript and WebAssembly say when memory does not suffice. */
const OUT_OF_MEMORY =
  /out of memory|allocation failed|invalid (typed array|array buffer) length|memory\.grow/i;

/** Why a seed failed; with a stack where it is a bug. */
function describe(error: Error): { reason: string; stack?: string } {
  const { message, stack } = error;
  if (error instanceof UserError || stack === undefined) return { reason: message };
  if (!(error instanceof RangeError && OUT_OF_MEMORY.test(message))) return { reason: message, stack };
  return { reason: `out of memory (${message}); use fewer --workers, a smaller model or a smaller replay` };
}

/** Seconds of a clock that all processes of the machine share until it starts anew. */
const steadySeconds = () => Number(process.hrtime.bigint()) / 1e9;

async function work({ job, part, isReplacing }: Extract<ParentMessage, { kind: 'job' }>): Promise<void> {
  const open = new Set(job.seeds);
  try {
    const surroundings: Surroundings = {
      emit: (message) => {
        if (isEnd(message)) open.delete(message.seed);
        emit(message);
      },
      stopRequested: () => stop,
      beforeWrite: () => {
        requireParent();
        checkLockOf(job.runDir, job.holder, job.locks);
      },
      clock: () => performance.now() / 1000,
    };
    // Loaded on demand, so that signals find their listeners as early as can be.
    if (part === 'acting') {
      const { actSeed } = await import('./act-seed.ts');
      const { clockOf } = await import('../training/real-time/clock.ts');
      await actSeed(job, isReplacing, surroundings, clockOf(steadySeconds, setTimeout));
    } else {
      const { trainSeeds } = await import('./train-seeds.ts');
      await trainSeeds(job, surroundings);
    }
  } catch (error) {
    for (const seed of open) emit({ kind: 'failed', seed, ...describe(error as Error) });
  }
  finished = true;
  process.disconnect();
}

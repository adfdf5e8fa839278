import { UserError } from '../errors.ts';
import { checkLockOf } from '../runs/lock.ts';
import type { ParentMessage, WorkerMessage } from './messages.ts';
import { GROUP_SIGNALS } from './signals.ts';
import { trainSeeds } from './train-seeds.ts';

/** The entry of a worker process: takes one job from its parent, trains it, ends. */

let stop = false;
let finished = false;
const parent = process.ppid;

process.on('message', (message: ParentMessage) => {
  if (message.kind === 'stop') stop = true;
  else void work(message.job);
});

for (const signal of GROUP_SIGNALS) process.on(signal, () => {});

process.on('disconnect', () => process.exit(finished ? 0 : 1));

/**
 * Without its parent a worker must not write: another run may have taken the folder over. The process id of the parent
 * changes at once when it dies, also while an evaluation keeps the `disconnect` event waiting.
 */
function requireParent(): void {
  if (process.ppid !== parent) process.exit(1);
}

function emit(message: WorkerMessage): void {
  process.send?.(message);
}

async function work(job: Extract<ParentMessage, { kind: 'job' }>['job']): Promise<void> {
  const open = new Set(job.seeds);
  try {
    await trainSeeds(job, {
      emit: (message) => {
        if (message.kind !== 'step' && message.kind !== 'evaluation') open.delete(message.seed);
        emit(message);
      },
      stopRequested: () => stop,
      beforeWrite: () => {
        requireParent();
        checkLockOf(job.runDir, parent);
      },
      clock: () => performance.now() / 1000,
    });
  } catch (error) {
    const { message, stack } = error as Error;
    const bug = error instanceof UserError || stack === undefined ? {} : { stack };
    for (const seed of open) emit({ kind: 'failed', seed, reason: message, ...bug });
  }
  finished = true;
  process.disconnect();
}

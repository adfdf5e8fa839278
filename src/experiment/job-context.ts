import type { Job, WorkerMessage, WorkerPart } from './messages.ts';
import type { WorkerProcess } from './worker-process.ts';

/** What surrounds a job. */
export interface JobContext {
  started: (job: Job, pid: number | undefined, part: WorkerPart) => void;
  handle: (message: WorkerMessage, job: Job) => void;
  /** Aborted when workers are to save and stop. */
  signal: AbortSignal;
  /** Aborted, here and by other jobs, when the caller cannot record what happens: then no worker may go on. */
  broken: AbortController;
  hangSeconds: number;
}

/** Lets a worker stop and end with its job. Returns what undoes that. */
export function obey(worker: WorkerProcess, { signal, broken }: JobContext): () => void {
  const { stop, kill } = worker;
  signal.addEventListener('abort', stop);
  broken.signal.addEventListener('abort', kill);
  return () => {
    signal.removeEventListener('abort', stop);
    broken.signal.removeEventListener('abort', kill);
  };
}

/** What the caller cannot record (its disk is full, say) must not be trained on unseen. */
export class Guard {
  readonly #broken: AbortController;
  #failure: { error: unknown } | undefined;

  constructor(broken: AbortController) {
    this.#broken = broken;
  }

  try(report: () => void): void {
    if (this.#broken.signal.aborted) return;
    try {
      report();
    } catch (error) {
      this.#failure = { error };
      this.#broken.abort();
    }
  }

  /** Throws what a report threw. */
  rethrow(): void {
    if (this.#failure) throw this.#failure.error;
  }
}

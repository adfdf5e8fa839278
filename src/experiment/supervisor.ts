import { type ChildProcess, fork } from 'node:child_process';
import { extname } from 'node:path';
import type { Job, ParentMessage, WorkerMessage } from './messages.ts';

/** The worker's entry stands beside this file, compiled or not. */
const entry = new URL(`./worker${extname(import.meta.url)}`, import.meta.url);

/** Messages that end a seed. */
export type SeedEnd = Extract<WorkerMessage, { kind: 'done' | 'failed' | 'interrupted' }>;
const isEnd = (message: WorkerMessage): message is SeedEnd =>
  message.kind === 'done' || message.kind === 'failed' || message.kind === 'interrupted';

/**
 * Runs jobs in forked worker processes, at most `workers` at once. A worker that dies ends only its own seeds, as
 * `failed` with the reason; the rest go on.
 *
 * @param started called when a job's worker has been forked, with its process id
 * @param handle called with every message; each seed's last one is its end
 * @param signal when aborted, running workers save and stop, and jobs not yet begun are reported `interrupted`
 */
export async function supervise(
  jobs: readonly Job[],
  workers: number,
  started: (job: Job, pid: number | undefined) => void,
  handle: (message: WorkerMessage) => void,
  signal: AbortSignal,
): Promise<void> {
  const waiting = [...jobs];
  const runner = async () => {
    for (let job = waiting.shift(); job; job = waiting.shift()) {
      if (signal.aborted) for (const seed of job.seeds) handle({ kind: 'interrupted', seed });
      else await runJob(job, started, handle, signal);
    }
  };
  await Promise.all(Array.from({ length: Math.min(workers, jobs.length) }, runner));
}

function runJob(
  job: Job,
  started: (job: Job, pid: number | undefined) => void,
  handle: (message: WorkerMessage) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = fork(entry, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    const open = new Set(job.seeds);
    const complaints = lastLines(worker);
    const stop = () => send(worker, { kind: 'stop' });
    // What the parent cannot record (its disk is full, say) must not be trained on unseen.
    const tell = (message: WorkerMessage) => {
      try {
        handle(message);
      } catch (error) {
        reject(error);
        worker.kill();
      }
    };
    const end = (how: string) => {
      signal.removeEventListener('abort', stop);
      for (const seed of open)
        tell({ kind: 'failed', seed, reason: `its worker process ${how}${complaints()}` });
      resolve();
    };
    signal.addEventListener('abort', stop);
    worker.on('message', (message: WorkerMessage) => {
      if (isEnd(message)) open.delete(message.seed);
      tell(message);
    });
    worker.once('error', (error) => end(`could not start (${error.message})`));
    worker.once('close', (code, killedBy) =>
      end(killedBy ? `was ended by ${killedBy}` : `ended with code ${code}`),
    );
    send(worker, { kind: 'job', job });
    started(job, worker.pid);
    if (signal.aborted) stop();
  });
}

/** A worker that is gone is reported by its `close` event, so a message that cannot be sent needs no report. */
function send(worker: ChildProcess, message: ParentMessage): void {
  if (worker.connected) worker.send(message, () => {});
}

/** Collects the end of what a worker writes to stderr: engines and Node itself say there why they die. */
function lastLines(worker: ChildProcess): () => string {
  let text = '';
  worker.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + chunk).slice(-2000);
  });
  return () => (text.trim() ? `: ${text.trim().split('\n').slice(-3).join(' ')}` : '');
}

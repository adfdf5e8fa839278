import { Guard, type JobContext, obey } from './job-context.ts';
import { isEnd, type Job } from './messages.ts';
import { runPair } from './real-time-pair.ts';
import { startWorker } from './worker-process.ts';

/**
 * Runs jobs in forked worker processes, at most `workers` at once, in turns: a job whose turn is over waits behind the
 * others. A worker that dies ends only its own seeds, as `failed` with the reason; the rest go on.
 *
 * A job in real time has two workers, one that acts and one that learns: see `runPair`.
 *
 * @param started called when a job's worker has been forked, with its process id and what of the job it does
 * @param handle called with every message and its job; each seed's last one is its end, and not `waiting`
 * @param signal when aborted, running workers save and stop, and jobs not yet begun are reported `interrupted`
 * @param hangSeconds how long a worker may say nothing; one that hangs is ended like one that dies
 */
export async function supervise(
  jobs: readonly Job[],
  workers: number,
  started: JobContext['started'],
  handle: JobContext['handle'],
  signal: AbortSignal,
  hangSeconds: number,
): Promise<void> {
  const waiting = [...jobs];
  const broken = new AbortController();
  const context = { started, handle, signal, broken, hangSeconds };
  const runner = async () => {
    for (let job = waiting.shift(); job && !broken.signal.aborted; job = waiting.shift()) {
      if (signal.aborted) for (const seed of job.seeds) handle({ kind: 'interrupted', seed }, job);
      else {
        const seeds = await (job.experiment.realTime ? runPair : runJob)(job, context);
        if (seeds.length > 0) waiting.push({ ...job, seeds });
      }
    }
  };
  // Every worker has ended before this returns or throws: the caller may then give up the run's lock.
  const runners = Array.from({ length: Math.min(workers, jobs.length) }, runner);
  for (const result of await Promise.allSettled(runners)) {
    if (result.status === 'rejected') throw result.reason;
  }
}

/** @returns the seeds that wait for another turn */
async function runJob(job: Job, context: JobContext): Promise<number[]> {
  const { signal, broken } = context;
  const open = new Set(job.seeds);
  const waiting: number[] = [];
  const guard = new Guard(broken);
  const worker = startWorker(
    job,
    (message) => {
      if (isEnd(message)) open.delete(message.seed);
      if (message.kind === 'waiting') waiting.push(message.seed);
      guard.try(() => context.handle(message, job));
    },
    context.hangSeconds,
  );
  const release = obey(worker, context);
  // What a worker begins with has to stand: the run's folder, and its lock.
  guard.try(() => context.started(job, worker.pid, 'all'));
  worker.begin({ kind: 'job', job, part: 'all', isReplacing: false });
  if (signal.aborted) worker.stop();
  const { how, byGroupSignal } = await worker.end;
  release();
  for (const seed of open) {
    const reason = `its worker process${worker.pid ? ` ${worker.pid}` : ''} ${how}`;
    const byOurStop = signal.aborted && byGroupSignal;
    guard.try(() =>
      context.handle(byOurStop ? { kind: 'interrupted', seed } : { kind: 'failed', seed, reason }, job),
    );
  }
  guard.rethrow();
  return waiting;
}

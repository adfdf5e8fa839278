import { type ChildProcess, fork } from 'node:child_process';
import { extname } from 'node:path';
import { isEnd, type Job, type ParentMessage, type WorkerMessage } from './messages.ts';
import { GROUP_SIGNALS } from './signals.ts';

/** The worker's entry stands beside this file, compiled or not. */
const entry = new URL(`./worker${extname(import.meta.url)}`, import.meta.url);

/**
 * Runs jobs in forked worker processes, at most `workers` at once, in turns: a job whose turn is over waits behind the
 * others. A worker that dies ends only its own seeds, as `failed` with the reason; the rest go on.
 *
 * @param started called when a job's worker has been forked, with its process id
 * @param handle called with every message and its job; each seed's last one is its end, and not `waiting`
 * @param signal when aborted, running workers save and stop, and jobs not yet begun are reported `interrupted`
 * @param hangSeconds how long a worker may say nothing; one that hangs is ended like one that dies
 */
export async function supervise(
  jobs: readonly Job[],
  workers: number,
  started: (job: Job, pid: number | undefined) => void,
  handle: (message: WorkerMessage, job: Job) => void,
  signal: AbortSignal,
  hangSeconds: number,
): Promise<void> {
  const waiting = [...jobs];
  const broken = new AbortController();
  const runner = async () => {
    for (let job = waiting.shift(); job && !broken.signal.aborted; job = waiting.shift()) {
      if (signal.aborted) for (const seed of job.seeds) handle({ kind: 'interrupted', seed }, job);
      else {
        const seeds = await runJob(job, started, handle, signal, broken, hangSeconds);
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

/**
 * @returns the seeds that wait for another turn
 * @param broken aborted, here and by other jobs, when the caller cannot record what happens: then no worker may go on
 */
function runJob(
  job: Job,
  started: (job: Job, pid: number | undefined) => void,
  handle: (message: WorkerMessage, job: Job) => void,
  signal: AbortSignal,
  broken: AbortController,
  hangSeconds: number,
): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const worker = fork(entry, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    const open = new Set(job.seeds);
    const waiting: number[] = [];
    const complaint = lastWords(worker);
    let failure: { error: unknown } | undefined;
    const stop = () => send(worker, { kind: 'stop' });
    const kill = () => worker.kill('SIGKILL');
    // What the caller cannot record (its disk is full, say) must not be trained on unseen.
    const guarded = (report: () => void) => {
      if (broken.signal.aborted) return;
      try {
        report();
      } catch (error) {
        failure = { error };
        broken.abort();
      }
    };
    let hung = false;
    const heartbeat = watch(hangSeconds, () => {
      hung = true;
      kill();
    });
    const end = (how: string, byOurStop = false) => {
      heartbeat.end();
      signal.removeEventListener('abort', stop);
      broken.signal.removeEventListener('abort', kill);
      for (const seed of open) {
        const reason = `its worker process${worker.pid ? ` ${worker.pid}` : ''} ${how}${complaint()}`;
        guarded(() =>
          handle(byOurStop ? { kind: 'interrupted', seed } : { kind: 'failed', seed, reason }, job),
        );
      }
      open.clear();
      if (failure) reject(failure.error);
      else resolve(waiting);
    };
    signal.addEventListener('abort', stop);
    broken.signal.addEventListener('abort', kill);
    worker.on('message', (message: WorkerMessage) => {
      heartbeat.beat();
      if (isEnd(message)) open.delete(message.seed);
      if (message.kind === 'waiting') waiting.push(message.seed);
      guarded(() => handle(message, job));
    });
    worker.once('error', (error) => end(`could not start (${error.message})`));
    worker.once('close', (code, killedBy) => {
      if (hung)
        return end(`said nothing for ${hangSeconds} s and was ended; WM_HANG_SECONDS sets another limit`);
      // The signal that stops a whole process group can reach a worker before it has learnt to leave it to its parent.
      const early = signal.aborted && (GROUP_SIGNALS as readonly unknown[]).includes(killedBy);
      end(killedBy ? `was ended by ${killedBy}` : `ended with code ${code}`, early);
    });
    // What a worker begins with has to stand: the run's folder, and its lock.
    guarded(() => started(job, worker.pid));
    send(worker, { kind: 'job', job });
    if (signal.aborted) stop();
  });
}

/** Looks at a worker's silence before it counts as hanging. */
const LOOKS = 10;

/**
 * Calls `hangs` when there was no beat for so many seconds. What is counted is looks, not time: after a sleep of the
 * machine, or a stop of the whole process group, parent and worker go on where they were.
 */
function watch(seconds: number, hangs: () => void): { beat: () => void; end: () => void } {
  let silent = 0;
  const timer = setInterval(
    () => {
      if (++silent === LOOKS) hangs();
    },
    (seconds * 1000) / LOOKS,
  );
  return {
    beat: () => {
      silent = 0;
    },
    end: () => clearInterval(timer),
  };
}

/** A worker that is gone is reported by its `close` event, so a message that cannot be sent needs no report. */
function send(worker: ChildProcess, message: ParentMessage): void {
  if (worker.connected) worker.send(message, () => {});
}

/** Collects the end of what a worker writes to stderr, and gives the line in which Node or an engine says why it dies. */
function lastWords(worker: ChildProcess): () => string {
  let text = '';
  worker.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + chunk).slice(-20_000);
  });
  return () => {
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    // What follows an error is its stack.
    const line = lines.find((each) => /error|fatal|abort|memory/i.test(each)) ?? lines.at(-1);
    return line === undefined ? '' : `: ${line.trim()}`;
  };
}

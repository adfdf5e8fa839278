import { UserError } from '../errors.ts';
import { cutDamagedRecords } from '../runs/damaged-records.ts';
import { SeedFolder } from '../runs/seed-folder.ts';
import { Guard, type JobContext, obey } from './job-context.ts';
import { isEnd, type Job, type WorkerMessage } from './messages.ts';
import { startWorker, type WorkerProcess } from './worker-process.ts';

/** What a job in real time is done by. */
const PARTS = ['acting', 'learning'] as const;
type Part = (typeof PARTS)[number];

/** Deaths in a row, none with a step in between, after which a part is not replaced any more. */
const MOST_DEATHS = 3;

/**
 * Runs a job in real time: two worker processes, one that acts and records what it did, one that learns from that. Neither
 * waits for the other. One that dies is replaced and goes on from what is on the disk, while the other notices nothing;
 * where it has died so often without having come further, the job fails. With the learner the job is over.
 */
export async function runPair(job: Job, context: JobContext): Promise<number[]> {
  const seed = job.seeds[0]!;
  const { signal, broken } = context;
  const guard = new Guard(broken);
  const running = new Map<Part, WorkerProcess>();
  /** How each part has ended, where it has. */
  const ends = new Map<Part, WorkerMessage>();
  let isOver = false;

  const end = (part: Part, message: WorkerMessage) => {
    ends.set(part, message);
    // Without a learner there is nothing to act for; an actor that is done leaves steps to learn from, one that fails does not.
    if (part === 'learning' || message.kind === 'failed') {
      isOver = true;
      for (const [other, worker] of running) if (other !== part) worker.stop();
    }
  };

  let isMended = false;
  /** Before either part opens the records; what cannot be mended, who reads them says. */
  const mend = () => {
    if (isMended || broken.signal.aborted) return;
    isMended = true;
    try {
      for (const text of cutDamagedRecords(new SeedFolder(job.runDir, seed)))
        context.handle({ kind: 'caution', seed, text }, job);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
  };

  const keep = async (part: Part) => {
    let deaths = 0;
    /** Whether it has told of a step in this sitting: what went before is no outage. */
    let hasStepped = false;
    for (;;) {
      let steps: number | undefined;
      const worker = startWorker(
        job,
        (message) => {
          if (isEnd(message)) return end(part, message);
          if (message.kind === 'step') {
            hasStepped = true;
            if (steps !== undefined && message.step > steps) deaths = 0;
            steps ??= message.step;
            if (part === 'acting') return;
          }
          guard.try(() => context.handle(message, job));
        },
        context.hangSeconds,
      );
      running.set(part, worker);
      const release = obey(worker, context);
      guard.try(() => context.started(job, worker.pid, part));
      guard.try(mend);
      worker.begin({ kind: 'job', job, part, isReplacing: hasStepped });
      if (signal.aborted || isOver) worker.stop();
      const { how } = await worker.end;
      release();
      running.delete(part);
      if (ends.has(part) || broken.signal.aborted) return;
      const died = `its ${part} process${worker.pid ? ` ${worker.pid}` : ''} ${how}`;
      if (signal.aborted || isOver) return end(part, { kind: 'interrupted', seed });
      if (++deaths === MOST_DEATHS) return end(part, { kind: 'failed', seed, reason: died });
      guard.try(() => context.handle({ kind: 'caution', seed, text: `${died}; another goes on` }, job));
    }
  };
  await Promise.all(PARTS.map(keep));
  const failed = PARTS.map((part) => ends.get(part)).find((message) => message?.kind === 'failed');
  const last = failed ?? ends.get('learning');
  if (last) guard.try(() => context.handle(last, job));
  guard.rethrow();
  return [];
}

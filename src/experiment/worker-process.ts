import { type ChildProcess, fork } from 'node:child_process';
import { extname } from 'node:path';
import type { EngineName } from '../engine/names.ts';
import type { Job, ParentMessage, WorkerMessage } from './messages.ts';
import { GROUP_SIGNALS } from './signals.ts';

/** The worker's entry stands beside this file, compiled or not. */
const entry = new URL(`./worker${extname(import.meta.url)}`, import.meta.url);

/**
 * What V8 is told of a worker on an engine. On native the halves of its young generation have 4 MB, not 16, all of which
 * are resident: 60 MB less at no cost. Under wasm's backend, which makes more objects that live for a while, it would be 40
 * MB more.
 */
const optionsOn = (engine: EngineName): string[] => (engine === 'native' ? ['--max-semi-space-size=4'] : []);

/** How a worker process ended. */
export interface WorkerEnd {
  /** In words that follow its name: `was ended by SIGKILL: …` */
  how: string;
  /** Whether a signal to the process group reached it before it had learnt to leave that to its parent. */
  byGroupSignal: boolean;
}

/** A worker process that has been started. */
export interface WorkerProcess {
  pid: number | undefined;
  /** Gives it its work. */
  begin(message: ParentMessage): void;
  /** Asks it to save and end. */
  stop(): void;
  kill(): void;
  readonly end: Promise<WorkerEnd>;
}

/**
 * Starts a worker process.
 *
 * @param job what it is going to do
 * @param told called with every message
 * @param hangSeconds how long it may say nothing; one that hangs is killed
 */
export function startWorker(
  { engine }: Pick<Job, 'engine'>,
  told: (message: WorkerMessage) => void,
  hangSeconds: number,
): WorkerProcess {
  const worker = fork(entry, {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: [...process.execArgv, ...optionsOn(engine)],
  });
  const complaint = lastWords(worker);
  const kill = () => worker.kill('SIGKILL');
  let hung = false;
  const heartbeat = watch(hangSeconds, () => {
    hung = true;
    kill();
  });
  worker.on('message', (message: WorkerMessage) => {
    heartbeat.beat();
    told(message);
  });
  const end = new Promise<WorkerEnd>((resolve) => {
    const ended = (how: string, byGroupSignal = false) => {
      heartbeat.end();
      resolve({ how: how + complaint(), byGroupSignal });
    };
    worker.once('error', (error) => ended(`could not start (${error.message})`));
    worker.once('close', (code, killedBy) => {
      if (hung)
        return ended(`said nothing for ${hangSeconds} s and was ended; WM_HANG_SECONDS sets another limit`);
      const byGroupSignal = (GROUP_SIGNALS as readonly unknown[]).includes(killedBy);
      ended(killedBy ? `was ended by ${killedBy}` : `ended with code ${code}`, byGroupSignal);
    });
  });
  const begin = (message: ParentMessage) => send(worker, message);
  return { pid: worker.pid, begin, stop: () => begin({ kind: 'stop' }), kill, end };
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

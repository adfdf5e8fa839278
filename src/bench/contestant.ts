import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { UserError } from '../errors.ts';
import type { Finished, Measure, Prepared, Refused, Request, Setup, Timed } from './protocol.ts';

/** Those whose process is running. They end with this process: a sample can take a minute. */
const running = new Set<Contestant>();
const endAll = () => {
  for (const contestant of running) contestant.kill();
};

/** A process that times what it is asked to: wm on one engine, or a peer. */
export class Contestant {
  readonly #name: string;
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #closed: Promise<void>;
  #complaints = '';

  /** Starts the process; its first answer tells whether that went well. */
  constructor(name: string, command: string, args: readonly string[], threads: number) {
    this.#name = name;
    const env = { ...process.env, ...threadLimits(threads) };
    this.#process = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    const complain = (text: string) => {
      this.#complaints = (this.#complaints + text).slice(-2000);
    };
    this.#process.on('error', ({ message }) => complain(message));
    this.#process.stderr!.setEncoding('utf8').on('data', complain);
    // Writing to a process that is gone: the answer that does not come tells why.
    this.#process.stdin!.on('error', () => {});
    if (running.size === 0) process.once('exit', endAll);
    running.add(this);
    this.#closed = new Promise((resolve) =>
      this.#process.once('close', () => {
        running.delete(this);
        if (running.size === 0) process.off('exit', endAll);
        resolve();
      }),
    );
    this.#answers = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
  }

  prepare(setup: Setup): Promise<Prepared> {
    return this.#ask<Prepared>({ kind: 'prepare', ...setup });
  }

  /** One sample. */
  time(measure: Measure): Promise<Timed> {
    return this.#ask<Timed>({ kind: 'time', measure });
  }

  /** Ends the process; resolves to its peak memory, 2^20 bytes. */
  async finish(): Promise<number> {
    const { peakMegabytes } = await this.#ask<Finished>({ kind: 'finish' });
    this.#process.stdin!.end();
    await this.#closed;
    return peakMegabytes;
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  /** @throws UserError when the process refuses or has ended, with its own last words. */
  async #ask<Answer>(request: Request): Promise<Answer> {
    this.#process.stdin!.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await this.#answers.next();
    if (done) {
      await this.#closed;
      const lines = this.#complaints.trim().split('\n');
      const why = lines.findLast((line) => line.includes('Error')) ?? lines.at(-1);
      throw new UserError(`${this.#name}: its process ended${why ? ` (${why})` : ''}`, 1);
    }
    const answer = this.#parse(value) as Answer | Refused;
    if (typeof answer === 'object' && answer !== null && 'refused' in answer)
      throw new UserError(answer.refused);
    return answer as Answer;
  }

  /** @throws UserError when the process prints something of its own where its answers stand. */
  #parse(line: string): unknown {
    try {
      return JSON.parse(line);
    } catch {
      throw new UserError(
        `${this.#name}: its process prints ${JSON.stringify(line.slice(0, 60))} where an answer should stand; have it print that to the standard error`,
        1,
      );
    }
  }
}

/** What libraries read when they load: how many threads they may use. */
function threadLimits(threads: number): Record<string, string> {
  const count = String(threads);
  return {
    OMP_NUM_THREADS: count,
    OPENBLAS_NUM_THREADS: count,
    MKL_NUM_THREADS: count,
    TF_NUM_INTRAOP_THREADS: count,
    TF_NUM_INTEROP_THREADS: count,
    // XLA's thread pool for the processor.
    NPROC: count,
    ...(threads === 1 && {
      XLA_FLAGS: `${process.env.XLA_FLAGS ?? ''} --xla_cpu_multi_thread_eigen=false`.trimStart(),
    }),
  };
}

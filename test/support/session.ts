import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Answered, environment } from './program.ts';

/**
 * A process for command lines of `wm` that return before they train: it starts once, and between two of them a test may
 * look at what came of the first.
 */
export class Session {
  #child: ChildProcess | undefined;

  /** Runs a command line to its end. @param env what it needs of the environment added to the tests' own */
  async run(cwd: string, args: readonly string[], env: Record<string, string> = {}): Promise<Answered> {
    const child = this.#started();
    child.send({ cwd, args, env });
    const answered = new AbortController();
    const { signal } = answered;
    try {
      const [answer] = await Promise.race([
        once(child, 'message', { signal }),
        once(child, 'exit', { signal }).then(([code]) => {
          throw new Error(`wm ${args.join(' ')} ended its process with ${code}`);
        }),
      ]);
      return answer;
    } finally {
      answered.abort();
    }
  }

  #started(): ChildProcess {
    const script = fileURLToPath(new URL('in-turn.js', import.meta.url));
    this.#child ??= fork(script, { env: environment(), execArgv: [] });
    return this.#child;
  }

  close(): void {
    this.#child?.disconnect();
  }
}

import { spawnSync } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';

/** What Slurm's own programs say, apart from anything that wm makes of it. */

export const ask = (program: string, ...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  return { status, text: `${stdout}${stderr}`.trim() };
};

export interface Queued {
  id: string;
  state: string;
  reason: string;
  node: string;
  /** How long it has run. */
  time: string;
}

/** What waits or runs, each task by itself. */
export const queue = (): Queued[] =>
  ask('squeue', '--noheader', '--array', '--format', '%i|%T|%r|%N|%M')
    .text.split('\n')
    .filter((line) => line.includes('|'))
    .map((line) => {
      const [id = '', state = '', reason = '', node = '', time = ''] = line.split('|');
      return { id, state, reason, node, time };
    });

/** Waits until nothing waits or runs. @param look told of what does, every second */
export async function emptied(seconds: number, look: (jobs: Queued[]) => void = () => {}): Promise<void> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const jobs = queue();
    if (jobs.length === 0) return;
    if (Date.now() > end) throw new Error(`not at its end after ${seconds} s: ${JSON.stringify(jobs)}`);
    look(jobs);
    await setTimeout(1000);
  }
}

export interface Ended {
  state: string;
  /** Exit code and signal: `2:0`. */
  code: string;
  comment: string;
}

/** How each job of a number ended: one, or the tasks of an array. */
export const endsOf = (job: string): Ended[] =>
  ask('scontrol', '-o', 'show', 'job', job)
    .text.split('\n')
    .map((line) => ({
      state: / JobState=(\S+)/.exec(line)?.[1] ?? '',
      code: / ExitCode=(\S+)/.exec(line)?.[1] ?? '',
      comment: / Comment=(.*?)(?= \w+=|$)/.exec(line)?.[1] ?? '',
    }));

import { checks } from './targets.ts';

/** A process that checks one batch of inputs after the other for `main.ts`, which ends it when it hangs. */

/** One batch: `runs` inputs of the target called `name`. */
export interface Batch {
  name: string;
  /** The folder to work in. */
  root: string;
  seed: number;
  runs: number;
}

/** What became of a batch. */
export interface Result {
  accepted: number;
  /** Most memory that this process has held so far, in megabytes. */
  megabytes: number;
  /** What was found, with the input; null where nothing was. */
  finding: string | null;
}

/** Seconds of processor time that one input may take. */
const SLOWEST = 10;

process.on('message', async ({ name, root, seed, runs }: Batch) => {
  const result: Result = { accepted: 0, megabytes: 0, finding: null };
  try {
    const target = checks.find((check) => check.name === name);
    if (!target) throw new Error(`no target is called ${name}`);
    result.accepted = await target.check({ seed, runs, root, slowest: SLOWEST });
  } catch (error) {
    const { cause, message } = error as Error;
    result.finding = `${cause instanceof Error ? cause.stack : cause}\n${message}`;
  }
  process.send?.({ ...result, megabytes: Math.round(process.resourceUsage().maxRSS / 1024) });
});

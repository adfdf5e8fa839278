import { type ChildProcess, fork } from 'node:child_process';
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { sandboxRoot } from './target.ts';
import { checks } from './targets.ts';
import type { Batch, Result } from './worker.ts';

/**
 * Gives made-up and damaged input to everything that reads input from outside:
 *
 *   npm run fuzz -- --count 100000 --seed 1
 *
 * `--only 'CSV files'` leaves the other kinds out; it may be repeated.
 *
 * Every batch runs in a process whose memory is limited and which is ended when it hangs. Prints a table; ends with
 * code 1 when anything was found, each finding with the input that shows it.
 */

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', multiple: true },
  },
});
const count = Number(values.count);
const seed = Number(values.seed);

/** Inputs per batch: few enough that a batch without an answer has hung. */
const BATCH = 250;
const HUNG_AFTER = 300_000;
const MEMORY = 1024;

const start = () =>
  fork(new URL('./worker.ts', import.meta.url), {
    execArgv: [...process.execArgv, `--max-old-space-size=${MEMORY}`],
  });
/** Made here, because a worker that is killed cannot remove it. */
const root = sandboxRoot();
let worker: ChildProcess | undefined;

/** Sends a batch to the worker and waits for its result; a worker that dies or hangs is a finding and replaced. */
function runBatch(batch: Batch): Promise<Result> {
  worker ??= start();
  const own = worker;
  return new Promise((resolve) => {
    const end = (result: Result) => {
      clearTimeout(timer);
      own.removeAllListeners();
      if (result.finding !== null && own.killed) worker = undefined;
      resolve(result);
    };
    const lost = (finding: string) => {
      own.kill('SIGKILL');
      end({ accepted: 0, megabytes: 0, finding: `${finding} in the batch ${JSON.stringify(batch)}` });
    };
    const timer = setTimeout(() => lost('no answer'), HUNG_AFTER);
    own.once('message', (result: Result) => end(result));
    own.once('exit', (code, signal) => lost(`the process ended (${signal ?? code})`));
    own.send(batch);
  });
}

const findings: string[] = [];
let total = 0;
let megabytes = 0;
process.stdout.write('| inputs from outside | inputs | valid | findings |\n|---|---:|---:|---:|\n');
for (const { name, share } of checks) {
  if (values.only && !values.only.includes(name)) continue;
  const runs = Math.ceil(count * share);
  let accepted = 0;
  const before = findings.length;
  for (let done = 0; done < runs; done += BATCH) {
    const batch = { name, root, seed: seed * 1_000_000 + done, runs: Math.min(BATCH, runs - done) };
    const result = await runBatch(batch);
    accepted += result.accepted;
    megabytes = Math.max(megabytes, result.megabytes);
    if (result.finding !== null) {
      findings.push(result.finding);
      process.stderr.write(`${name}, batch ${batch.seed}: ${result.finding.slice(0, 3000)}\n\n`);
    }
  }
  total += runs;
  process.stdout.write(`| ${name} | ${runs} | ${accepted} | ${findings.length - before} |\n`);
}
worker?.kill();
rmSync(root, { recursive: true, force: true });
process.stdout.write(
  `${total} inputs from seed ${seed}, ${findings.length} findings, at most ${megabytes} MB held\n`,
);
if (findings.length > 0) process.exitCode = 1;

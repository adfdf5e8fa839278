import { createInterface } from 'node:readline';
import type { EngineName } from '../engine/engine.ts';
import { UserError } from '../errors.ts';
import type { Finished, Measure, Prepared, Refused, Request, Timed } from './protocol.ts';
import { createWorkload } from './workload.ts';

/** The entry of a process that times wm on the engine its argument names: answers one request a line, one JSON object each. */

const WARM_UP_SECONDS = 0.3;
/** Least seconds of a sample: work that takes less is repeated. */
const SAMPLE_SECONDS = 0.1;

type Run = (times: number) => Promise<void>;

const engine = process.argv[2] as EngineName;
const repeats = new Map<Measure, number>();
let runs: Record<Measure, Run> | undefined;

async function seconds(run: Run, times: number): Promise<number> {
  const start = performance.now();
  await run(times);
  return (performance.now() - start) / 1000;
}

/** Runs until code is compiled and memory has grown, and says how many runs make a sample. */
async function warmUp(run: Run): Promise<number> {
  await run(1);
  let times = 0;
  let total = 0;
  while (total < WARM_UP_SECONDS) {
    total += await seconds(run, 1);
    times++;
  }
  return Math.max(1, Math.round((SAMPLE_SECONDS * times) / total));
}

async function answer(request: Request): Promise<Prepared | Timed | Finished> {
  if (request.kind === 'finish') return { peakMegabytes: process.resourceUsage().maxRSS / 1024 };
  if (request.kind === 'time') {
    const times = repeats.get(request.measure)!;
    return { seconds: (await seconds(runs![request.measure], times)) / times };
  }
  const { run, ...about } = await createWorkload(engine, request);
  runs = run;
  for (const measure of request.measures) repeats.set(measure, await warmUp(run[measure]));
  return { ...about, measures: [...request.measures] };
}

for await (const line of createInterface({ input: process.stdin })) {
  let reply: Prepared | Timed | Finished | Refused;
  try {
    reply = await answer(JSON.parse(line) as Request);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    reply = { refused: error.message };
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}
process.exit();

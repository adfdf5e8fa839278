import { createInterface } from 'node:readline';
import type { EngineName } from '../engine/names.ts';
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
let runs: Partial<Record<Measure, Run>> = {};

/** How long `times` runs take, per run. */
async function time(run: Run, times: number): Promise<Timed> {
  const start = performance.now();
  const cpuStart = process.cpuUsage();
  await run(times);
  const { user, system } = process.cpuUsage(cpuStart);
  return {
    seconds: (performance.now() - start) / 1000 / times,
    cpuSeconds: (user + system) / 1e6 / times,
  };
}

/**
 * Runs until code is compiled and memory has grown (what takes long has done so in one run), and says how many runs make a
 * sample. It is processor time that compiles, of which a busy machine gives less; a GPU's host may use hardly any.
 */
async function warmUp(run: Run): Promise<number> {
  if ((await time(run, 1)).seconds > 10 * WARM_UP_SECONDS) return 1;
  let times = 0;
  let total = 0;
  let processor = 0;
  while (total < WARM_UP_SECONDS || (processor < WARM_UP_SECONDS && total < 10 * WARM_UP_SECONDS)) {
    const { seconds, cpuSeconds } = await time(run, 1);
    total += seconds;
    processor += cpuSeconds;
    times++;
  }
  return Math.max(1, Math.round((SAMPLE_SECONDS * times) / total));
}

async function answer(request: Request): Promise<Prepared | Timed | Finished> {
  if (request.kind === 'finish') return { peakMegabytes: process.resourceUsage().maxRSS / 1024 };
  if (request.kind === 'time') return time(runs[request.measure]!, repeats.get(request.measure)!);
  const { run, ...about } = await createWorkload(engine, request);
  runs = run;
  const measures = request.measures.filter((measure) => run[measure]);
  for (const measure of measures) repeats.set(measure, await warmUp(run[measure]!));
  return { ...about, measures };
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

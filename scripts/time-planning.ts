import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { median } from '../src/bench/report.ts';
import { alignColumns } from '../src/cli/align.ts';
import { loadExperiment } from '../src/config/load.ts';
import { loadPlanner } from '../src/config/planner.ts';
import { startEngine } from '../src/engine/engine.ts';
import { engineNames } from '../src/engine/names.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { methods } from '../src/methods/index.ts';
import { plannerNames } from '../src/planning/names.ts';
import { UnsuitedPlanner } from '../src/planning/requirements.ts';
import { RandomStream } from '../src/random/stream.ts';
import { ActingLoop } from '../src/training/acting.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';

/**
 * How long planning takes by planner, and by environments that are planned for at once:
 *
 *   npm run build && node --import tsx scripts/time-planning.ts configs/dreamer/v3.yaml --engine native
 *
 * In the model of a config as it stands before training, since what a plan costs does not depend on weights. Prints
 * milliseconds per action and environment, on the clock and of the processor, the median decision of `--decisions`; the
 * first, which compiles, comes before those. `--environments 1,25,100`; `--set planner.horizon=12` for every planner.
 */
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engine: { type: 'string', default: 'wasm' },
    environments: { type: 'string', default: '1,25,100' },
    decisions: { type: 'string', default: '7' },
    set: { type: 'string', multiple: true, default: [] },
  },
});
const [file] = positionals;
const engine = engineNames.find((name) => name === options.engine);
if (file === undefined || engine === undefined) {
  throw new Error(`expected a config and --engine ${engineNames.join(', ')}`);
}

/** The median of some decisions for so many environments at once, in milliseconds per environment. */
async function timed(loop: ActingLoop, observations: Float32Array, environments: number) {
  const random = RandomStream.named(0, 'time-planning');
  await loop.act(observations, [random]);
  const decisions: { clock: number; processor: number }[] = [];
  for (let i = 0; i < Number(options.decisions); i++) {
    const [clock, usage] = [performance.now(), process.cpuUsage()];
    await loop.act(observations, [random]);
    const { user, system } = process.cpuUsage(usage);
    decisions.push({ clock: performance.now() - clock, processor: (user + system) / 1000 });
  }
  const each = (key: 'clock' | 'processor') =>
    (median(decisions.map((decision) => decision[key])) / environments).toPrecision(3);
  return { clock: each('clock'), processor: each('processor') };
}

await startEngine(engine);
const experiment = loadExperiment({ file, text: readFileSync(file, 'utf8') });
const entry = environmentEntry(experiment.environment, experiment);
const spaces = agentSpaces(entry);
const method = await methods[experiment.method].load();
const agent = method.create([{ seed: 0, settings: experiment }], spaces);
if (!agent.planningActor) throw new Error(`${file}: ${experiment.method} has no model to plan in`);
const rows = [['planner', 'environments', 'ms per action', 'cpu ms']];
for (const name of plannerNames) {
  const { settings } = loadPlanner(name, options.set);
  try {
    const actor = agent.planningActor(settings);
    for (const environments of options.environments.split(',').map(Number)) {
      const loop = new ActingLoop(actor, 'average', 'greedy', 1, environments);
      const observations = new Float32Array(environments * spaces.observation).fill(0.1);
      const { clock, processor } = await timed(loop, observations, environments);
      rows.push([name, String(environments), clock, processor]);
    }
    actor.dispose();
  } catch (error) {
    if (!(error instanceof UnsuitedPlanner)) throw error;
    process.stderr.write(`${name}: ${error.message}\n`);
  }
}
process.stdout.write(alignColumns(rows));

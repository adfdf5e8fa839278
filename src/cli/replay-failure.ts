import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { chooseEngine, startEngine } from '../engine/engine.ts';
import { UserError } from '../errors.ts';
import { replayUpdate } from '../experiment/failed-update.ts';
import { openExperience } from '../experiment/real-time.ts';
import { readRun } from '../runs/read.ts';
import { SeedFolder } from '../runs/seed-folder.ts';
import type { Agent, InspectedUpdate } from '../training/agent.ts';
import { alignColumns } from './align.ts';
import { requestedEngine } from './requested-engine.ts';

interface ReplayFailureOptions {
  engine?: string;
  json?: boolean;
}

/** `wm replay-failure`: makes a seed's failed update again and prints what it was made of. Returns the exit code. */
export async function replayFailureCommand(seedDir: string, options: ReplayFailureOptions): Promise<number> {
  const dir = path.resolve(seedDir);
  const seed = Number(/^seed-(-?\d+)$/.exec(path.basename(dir))?.[1] ?? Number.NaN);
  if (Number.isNaN(seed)) {
    throw new UserError(`${seedDir}: expected the folder of a seed, such as runs/dream-critic/seed-3`);
  }
  const { experiment, info } = readRun(path.dirname(dir));
  const failure = new SeedFolder(path.dirname(dir), seed).readFailure();
  if (failure === undefined) {
    throw new UserError(
      `${seedDir} holds no failure.safetensors: no loss or weight of this seed stopped being finite; give another seed's folder`,
    );
  }
  const { engine } = await chooseEngine(requestedEngine(options.engine ?? info.engine.name));
  await startEngine(engine.name);
  const experience = (agent: Agent) => openExperience(experiment, seedDir, agent);
  const replayed = await replayUpdate(
    experiment,
    seed,
    failure.before,
    failure.update,
    experience,
    async () => {
      // Lets signals in, which end this command.
      await setImmediate();
      return false;
    },
  );
  const inspected = replayed?.inspected;
  if (inspected === undefined) {
    throw new UserError(
      `${seedDir}: update ${failure.update} cannot be shown: the method ${experiment.method} does not lay its updates open, or an earlier one fails on ${engine.name}`,
      1,
    );
  }
  const { update, reason } = failure;
  const terms = Object.entries(inspected.terms);
  const bad = terms.filter(([, value]) => !Number.isFinite(value)).map(([name]) => name);
  // The total is to blame only where no part of it is.
  const first = bad.find((name) => name !== 'loss') ?? bad[0] ?? null;
  const parameters = inspected.parameters
    .map(sizes)
    .sort((a, b) => b.gradient - a.gradient || b.weight - a.weight);
  if (options.json) {
    const result = { seed, update, reason, engine: engine.name, first, terms: inspected.terms, parameters };
    process.stdout.write(
      `${JSON.stringify(result, (_, x) => (typeof x === 'number' && !Number.isFinite(x) ? String(x) : x))}\n`,
    );
    return 0;
  }
  const lines = [
    `${seedDir}: ${reason}; made again on ${engine.name}`,
    '',
    alignColumns([['term', 'value'], ...terms.map(([name, value]) => [name, show(value!)])]),
    first === null ? 'every term is finite here\n' : `first that is not finite: ${first}\n`,
    alignColumns([
      ['parameter', 'largest weight', 'largest gradient', 'not finite'],
      ...parameters.map(({ name, weight, gradient, bad, size }) => [
        name,
        show(weight),
        show(gradient),
        bad === 0 ? '' : `${bad} of ${size}`,
      ]),
    ]),
  ];
  process.stdout.write(lines.join('\n'));
  return 0;
}

/** The largest absolute values of a parameter and its gradient, NaN counted as infinite, and how many are not finite. */
function sizes({ name, weights, gradient }: InspectedUpdate['parameters'][number]) {
  const largest = (values: Float32Array) =>
    values.reduce((max, x) => Math.max(max, Number.isNaN(x) ? Number.POSITIVE_INFINITY : Math.abs(x)), 0);
  const bad = [...weights, ...gradient].filter((x) => !Number.isFinite(x)).length;
  return { name, weight: largest(weights), gradient: largest(gradient), bad, size: 2 * weights.length };
}

const show = (x: number) => (Number.isFinite(x) ? x.toPrecision(4) : String(x));

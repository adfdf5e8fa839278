import { mkdirSync } from 'node:fs';
import { loadExperiment } from '../../src/config/load.ts';
import type { WorkerMessage } from '../../src/experiment/messages.ts';
import { trainSeeds } from '../../src/experiment/train-seeds.ts';
import { SeedFolder } from '../../src/runs/seed-folder.ts';
import { linesWithoutTime, text } from './tiny-run.ts';

/** How a worker's sitting goes. */
export interface Sitting {
  /** The clock at its start. */
  from?: number;
  /** Environment steps after which it gives its core away. */
  turn?: number;
  /** Asked to stop once this holds of the messages so far, or killed at the next write. */
  stopAfter?: (messages: readonly WorkerMessage[]) => boolean;
  killAfter?: (messages: readonly WorkerMessage[]) => boolean;
}

/**
 * Trains an experiment's seeds in this process on wasm, a second of its clock for every evaluation, in a folder that is
 * made where it is missing; gives what it says but for single steps.
 */
export async function sitDown(
  experiment: ReturnType<typeof loadExperiment>,
  dir: string,
  { from = 0, turn = experiment.steps, stopAfter, killAfter }: Sitting = {},
): Promise<string[]> {
  mkdirSync(dir, { recursive: true });
  const messages: WorkerMessage[] = [];
  let seconds = from;
  await trainSeeds(
    { runDir: dir, locks: [], holder: '', experiment, engine: 'wasm', seeds: experiment.seeds, turn },
    {
      emit: (message) => {
        if (message.kind === 'step') return;
        if (message.kind === 'evaluation') seconds++;
        messages.push(message);
      },
      stopRequested: () => stopAfter?.(messages) ?? false,
      beforeWrite: () => {
        if (killAfter?.(messages)) throw new Error('killed');
      },
      clock: () => seconds,
    },
  );
  return messages.map(({ kind, seed, ...rest }) => `${kind} ${seed}${'step' in rest ? ` ${rest.step}` : ''}`);
}

/** The same of a config's text; overrides are as of `--set`. */
export async function sitIn(
  dir: string,
  config: string,
  { overrides, ...sitting }: Sitting & { overrides?: readonly string[] } = {},
): Promise<void> {
  await sitDown(loadExperiment({ file: 'tiny.yaml', text: config, overrides }), dir, sitting);
}

/** All that a seed has at its end and that may not depend on its sittings. */
export function result(dir: string, seed: number) {
  const seedFolder = new SeedFolder(dir, seed);
  const { state } = seedFolder.readCheckpoint()!;
  const { steps, updates } = seedFolder.done()!;
  const metrics = linesWithoutTime(text(dir, `seed-${seed}`, 'metrics.csv'));
  return { state, steps, updates, metrics, losses: text(dir, `seed-${seed}`, 'losses.csv') };
}

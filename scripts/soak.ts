import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { loadExperiment } from '../src/config/load.ts';
import { chooseEngine } from '../src/engine/engine.ts';
import { trainSeeds } from '../src/experiment/train-seeds.ts';
import { type CsvRow, formatRows } from '../src/runs/csv.ts';
import { leastSquares } from './least-squares.ts';

/**
 * A long training of a small dream critic, as a worker does it, with memory, tensors and file sizes noted at every
 * evaluation:
 *
 *   npm run soak -- --steps 300000 --out docs/soak.csv
 *   npm run soak -- --engine native
 *
 * Ends with code 1 when tensors are left over, or when resident memory grows by more than its own noise explains.
 */

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '300000' },
    out: { type: 'string' },
    engine: { type: 'string', default: 'wasm' },
  },
});

/** Every part of a run, small. The replay is full after a fifteenth of 300,000 steps: what grows until then may. */
const config = `
method: vae-lstm
name: soak
seeds: [0]
steps: ${values.steps}
engine: ${values.engine}
evaluation: { every: 2000, episodes: 5 }
horizon: 5
imaginationStarts: 8
model: { latent: 8, hidden: [16], lstm: 16 }
critic: { hidden: [16] }
actor: { hidden: [16] }
replay: { capacity: 20000, batch: 8, length: 8 }
`;

const MEGABYTE = 2 ** 20;
const runDir = mkdtempSync(path.join(tmpdir(), 'wm-soak-'));
const bytesOf = (name: string) =>
  statSync(path.join(runDir, 'seed-0', name), { throwIfNoEntry: false })?.size ?? 0;
const clock = () => performance.now() / 1000;
const begin = clock();
const samples: ({ env_step: number; resident_megabytes: number; tensors: number } & CsvRow)[] = [];

try {
  const experiment = loadExperiment({ file: 'soak.yaml', text: config });
  const { engine } = await chooseEngine(experiment.engine);
  await trainSeeds(
    {
      runDir,
      locks: [],
      holder: '',
      experiment,
      engine: engine.name,
      seeds: [0],
      turn: Number.POSITIVE_INFINITY,
    },
    {
      stopRequested: () => false,
      beforeWrite: () => {},
      clock,
      emit: (message) => {
        if (message.kind === 'failed') throw new Error(message.reason);
        if (message.kind !== 'evaluation') return;
        const { rss, heapUsed, external } = process.memoryUsage();
        const { numTensors, numBytes } = tf.memory();
        const sample = {
          env_step: message.row.env_step!,
          seconds: Number((clock() - begin).toFixed(1)),
          resident_megabytes: Number((rss / MEGABYTE).toFixed(1)),
          heap_megabytes: Number((heapUsed / MEGABYTE).toFixed(1)),
          external_megabytes: Number((external / MEGABYTE).toFixed(1)),
          tensors: numTensors,
          tensor_bytes: numBytes,
          metrics_bytes: bytesOf('metrics.csv'),
          losses_bytes: bytesOf('losses.csv'),
          checkpoint_bytes: bytesOf('checkpoint.safetensors'),
        };
        samples.push(sample);
        process.stderr.write(
          `step ${sample.env_step}  ${sample.resident_megabytes} MB  ${numTensors} tensors\n`,
        );
      },
    },
  );
} finally {
  rmSync(runDir, { recursive: true, force: true });
}
if (values.out) writeFileSync(values.out, formatRows(samples));

// The first third fills the replay and warms up the compilers: its growth has an end.
const steady = samples.slice(Math.floor(samples.length / 3));
const { slope, error, residual } = leastSquares(
  steady.map(({ env_step }) => env_step / 100_000),
  steady.map(({ resident_megabytes }) => resident_megabytes),
);
const tensors = [...new Set(steady.map((sample) => sample.tensors))];
process.stdout.write(
  `resident memory ${slope.toFixed(2)} ± ${error.toFixed(2)} MB per 100,000 steps (residual ${residual.toFixed(1)} MB), ` +
    `tensors ${tensors.join(', ')}, over the last ${steady.length} of ${samples.length} samples\n`,
);
const grows = slope > 2 * error && slope * (Number(values.steps) / 100_000) > 2 * residual;
if (grows || tensors.length > 1) process.exitCode = 1;

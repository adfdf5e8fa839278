import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { spacesOf, timedExperiment } from '../src/bench/bench.ts';
import { createWorkload } from '../src/bench/workload.ts';
import { alignColumns } from '../src/cli/align.ts';
import { readConfig } from '../src/cli/config-file.ts';
import { startEngine } from '../src/engine/engine.ts';
import type { NativeBackend } from '../src/engine/native/backend.ts';
import { Place } from '../src/engine/native/placement.ts';

/**
 * Which kernels an update's time on engine native goes to:
 *
 *   npm run profile -- --config configs/dream.yaml --members 1 --updates 200
 *
 * Runs the update's program step by step, as docs/engines.md describes its form, with a clock beside each.
 */

const { values } = parseArgs({
  options: {
    config: { type: 'string', default: 'configs/dream.yaml' },
    members: { type: 'string', default: '1' },
    updates: { type: 'string', default: '200' },
  },
});

/** One call of the addon: its kernel's number, and its words without the addresses of its operands. */
interface Step {
  kernel: number;
  operands: { buffer: number; offset: number }[];
  words: Float64Array;
}

/** A program as compile.ts writes it. */
interface Program {
  arena: number;
  buffers: { place: number; at: number }[];
  steps: Step[];
}

function decode(words: Float64Array): Program {
  let at = 0;
  const next = () => words[at++]!;
  const list = <T>(read: () => T): T[] => Array.from({ length: next() }, read);
  const arenaBytes = next();
  const buffers = list(() => {
    const [place, where] = [next(), next()];
    next();
    return { place, at: where };
  });
  const steps = list(() => {
    const kernel = next();
    const operands = list(() => ({ buffer: next(), offset: next() }));
    const parameters = list(next);
    const unknown = operands.map(() => 0);
    return { kernel, operands, words: Float64Array.of(kernel, operands.length, ...unknown, ...parameters) };
  });
  return { arena: addon.allocate(arenaBytes), buffers, steps };
}

await startEngine('native');
const { addon, kernelNames } = tf.backend() as NativeBackend;
const microseconds = new Map<string, { time: number; calls: number }>();
const programs: Program[] = [];
const { compile } = addon;
addon.compile = (words) => {
  const number = compile(words);
  programs[number] = decode(words);
  return number;
};
addon.run = (number, inputs, results) => {
  const { arena, buffers, steps } = programs[number]!;
  const addressOf = ({ place, at }: Program['buffers'][number]): number => {
    if (place === Place.input) return inputs[at]!;
    if (place === Place.result) return results[at]!;
    return place === Place.constant ? at : arena + at;
  };
  const addresses = buffers.map(addressOf);
  for (const { kernel, operands, words } of steps) {
    for (const [i, { buffer, offset }] of operands.entries()) words[2 + i] = addresses[buffer]! + offset;
    const begin = performance.now();
    addon.execute(words);
    const time = 1000 * (performance.now() - begin);
    const name = kernelNames[kernel]!;
    const sum = microseconds.get(name) ?? { time: 0, calls: 0 };
    microseconds.set(name, { time: sum.time + time, calls: sum.calls + 1 });
  }
};

const experiment = timedExperiment(readConfig({ config: values.config, set: [] }));
const workload = await createWorkload('native', {
  experiment,
  spaces: spacesOf(experiment),
  members: Number(values.members),
  measures: ['update'],
  sgemmSize: 512,
});
const updates = Number(values.updates);
await workload.run.update!(20);
microseconds.clear();
const begin = performance.now();
await workload.run.update!(updates);
const whole = (1000 * (performance.now() - begin)) / updates;

const rows = [...microseconds]
  .map(([name, { time, calls }]) => ({ name, time: time / updates, calls: calls / updates }))
  .sort((a, b) => b.time - a.time);
const inKernels = rows.reduce((sum, { time }) => sum + time, 0);
const line = (name: string, calls: string, time: number) => [
  name,
  calls,
  time.toFixed(0),
  `${((100 * time) / whole).toFixed(1)} %`,
];
process.stdout.write(
  `${alignColumns([
    ['kernel', 'calls', 'µs per update', 'share'],
    ...rows.map(({ name, calls, time }) => line(name, calls.toFixed(0), time)),
    line('outside of kernels', '', whole - inKernels),
  ])}\n`,
);

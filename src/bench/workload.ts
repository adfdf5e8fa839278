import * as tf from '@tensorflow/tfjs-core';
import { startEngine } from '../engine/engine.ts';
import type { EngineName } from '../engine/names.ts';
import { environmentEntry } from '../envs/index.ts';
import { methods } from '../methods/index.ts';
import { RandomStream } from '../random/stream.ts';
import { ActingLoop } from '../training/acting.ts';
import { complete } from '../training/evaluate.ts';
import { heldOutOnDemand } from '../training/held-out.ts';
import type { ReplayAgent } from '../training/replay-learner.ts';
import { measure } from '../training/train.ts';
import { fullLength } from './endless.ts';
import { countKernels } from './kernel-count.ts';
import type { Measure, Setup } from './protocol.ts';

/** Steps of an evaluation episode: CartPole-v1's limit, so what a good policy plays. */
const EPISODE_STEPS = 500;

/** What one process times. */
export interface Workload {
  device: string;
  version: string;
  /** tfjs kernels per update. */
  operations: number;
  /** Does the measure's work so many times and waits until the engine has done it. */
  run: Partial<Record<Measure, (times: number) => Promise<void>>>;
}

/** Everything that can be timed of one arm on one engine, with a replay of random steps. */
export async function createWorkload(
  engineName: EngineName,
  { experiment, spaces, members, environments = 1, sgemmSize }: Setup,
): Promise<Workload> {
  const engine = await startEngine(engineName);
  const entry = environmentEntry(experiment.environment, experiment);
  const seeds = Array.from({ length: members }, (_, seed) => seed);
  const method = await methods[experiment.method].load();
  const agent = method.create(
    seeds.map((seed) => ({ seed, settings: experiment })),
    spaces,
  ) as ReplayAgent<unknown>;

  const learner = agent.learner(entry);
  // One at least, or there is nothing to learn from.
  for (let step = 0; step < Math.max(1, experiment.randomSteps); step++) learner.collectRandomly();
  let updates = 0;
  const update = () => learner.learn(experiment.randomSteps, ++updates);

  const heldOut = heldOutOnDemand(entry);
  const endless = fullLength(entry, EPISODE_STEPS);
  const loop = new ActingLoop(agent, 'online', 'sampled', members, environments);
  const observations = new Float32Array(members * environments * spaces.observation);
  const streams = seeds.map((seed) => RandomStream.named(seed, 'acting'));
  const square = tf.randomNormal([sgemmSize, sgemmSize]);

  await update();
  await agent.drainLosses();
  const operations = await countKernels(update);
  await agent.drainLosses();
  const parts = Object.entries(agent.timedParts?.(learner.sample()) ?? {}).map(
    ([part, compute]) => [part, (times: number) => repeat(compute, times)] as const,
  );

  return {
    device: engine.device,
    version: engine.version,
    operations,
    run: {
      update: async (times) => {
        for (let i = 0; i < times; i++) await update();
        await agent.drainLosses();
      },
      ...Object.fromEntries(parts),
      collect: async (times) => {
        for (let i = 0; i < times; i++) await learner.collect();
      },
      act: async (times) => {
        for (let i = 0; i < times; i++) await loop.act(observations, streams);
      },
      evaluate: async (times) => {
        for (let i = 0; i < times; i++)
          await complete(measure(agent, endless, experiment.evaluation, heldOut, seeds, i));
      },
      sgemm: (times) => repeat(() => tf.matMul(square, square), times),
    },
  };
}

/** Computes so often, and waits for the last result: engines compute in order. */
async function repeat(compute: () => tf.Tensor, times: number): Promise<void> {
  let last = compute();
  for (let i = 1; i < times; i++) {
    last.dispose();
    last = compute();
  }
  await last.data();
  last.dispose();
}

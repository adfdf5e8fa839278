import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type * as tf from '@tensorflow/tfjs-core';
import { loadExperiment } from '../src/config/load.ts';
import { startEngine } from '../src/engine/engine.ts';
import { type KernelCall, observeKernels } from '../src/engine/observe-kernels.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { methods } from '../src/methods/index.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import type { TrainingCost } from '../src/training/training-cost.ts';

const planner = 'planner: {horizon: 2, candidates: 5, elites: 2, iterations: 2}';
const rssm =
  'model: {stoch: 2, classes: 3, deter: 4, hidden: 5, units: 7, blocks: 2, encoderLayers: 1, decoderLayers: 1}';
const simple = [
  'method: simple\ncollect: 5\nfirstUpdates: 3\nupdates: 2\nreplay: {batch: 2, length: 4}',
  'simulation: {environments: 2, steps: 5, rollouts: 2}',
  'ppo: {epochs: 2, batch: 5, actor: {hidden: [6]}, critic: {hidden: [9]}}',
];

/**
 * Small, and with a different width wherever two could be mixed up. Beside each what an engine need not compute: the
 * gradient of what a first layer sees, data, which a count of twice the forward products has, in multiplications of all
 * the updates.
 */
const trainings: Record<string, { config: string[]; steps: number; unneeded: number }> = {
  dqn: {
    config: [
      'method: dqn\nrandomSteps: 4\nupdateEvery: 2\nupdates: 3\ncritic: {hidden: [5, 7]}\nreplay: {batch: 3}',
    ],
    steps: 10,
    unneeded: 9 * 3 * (4 * 5),
  },
  ppo: {
    config: [
      'method: ppo\nenvironments: 2\nrolloutSteps: 5\nepochs: 2\nbatch: 5',
      'actor: {hidden: [6, 7]}\ncritic: {hidden: [9]}',
    ],
    steps: 20,
    unneeded: 8 * 5 * (4 * 6 + 4 * 9),
  },
  // No updates of these two, which test/bench.test.ts counts by hand.
  'vae-lstm': {
    config: [
      'method: vae-lstm\nrandomSteps: 6\nupdateEvery: 20\nreplay: {batch: 2, length: 2}',
      'model: {latent: 3, hidden: [5], lstm: 7}\ncritic: {hidden: [6]}\nactor: {hidden: [11]}',
    ],
    steps: 10,
    unneeded: 0,
  },
  dreamer: {
    config: [
      'method: dreamer\nrandomSteps: 6\nupdateEvery: 20\nstartsPerWindow: 2\nreplay: {batch: 1, length: 4}',
      `${rssm}\ntwoHot: {bins: 9}\ncritic: {layers: 1}\nactor: {layers: 1}`,
    ],
    steps: 10,
    unneeded: 0,
  },
  planet: {
    config: [
      `method: planet\nrandomSteps: 6\nupdateEvery: 4\n${planner}\n${rssm}\nreplay: {batch: 1, length: 4}`,
    ],
    steps: 10,
    unneeded: 4 * (4 * 7),
  },
  tdmpc: {
    config: [
      'method: tdmpc\npretraining: 0\nrandomSteps: 6\nupdateEvery: 4\ntwoHot: {bins: 9, limit: 3}',
      'planner: {horizon: 2, candidates: 40, elites: 2, iterations: 2}\nreplay: {batch: 7, length: 2}',
      'model: {latent: 4, simNorm: 2, hidden: 7, encoderHidden: 5, encoderLayers: 1}\ncritic: {heads: 2}',
    ],
    steps: 10,
    unneeded: 7 * (4 * 5),
  },
  muzero: {
    config: [
      'method: muzero\nrandomSteps: 14\nupdateEvery: 2\nunroll: 2\nreanalyse: 0.5\nreplay: {batch: 4}',
      'model: {latent: 3, hidden: [5], encoderHidden: [7], support: 20}\nsearch: {simulations: 3}',
    ],
    steps: 18,
    unneeded: 2 * 4 * (4 * 7),
  },
  pets: {
    config: [
      'method: pets\nrandomSteps: 6\nupdateEvery: 2\nupdates: 1\npretraining: 2\nparticles: 4\nreplay: {batch: 3}',
      `${planner}\nmodel: {networks: 2, layers: 2, units: 7}`,
    ],
    steps: 10,
    // Steps of two networks, and what foresees their ends.
    unneeded: 4 * 3 * 2 * (6 * 7 + 4 * 7),
  },
  'deep-dyna': {
    config: [
      'method: deep-dyna\nrandomSteps: 6\nupdateEvery: 2\nplanningUpdates: 2\nplanning: {horizon: 2}',
      'model: {networks: 2, layers: 2, units: 7}\ncritic: {hidden: [8]}\nreplay: {batch: 3}',
    ],
    steps: 10,
    // Q on real transitions and on twice as many of two planning updates.
    unneeded: 2 * ((3 + 2 * 6) * (4 * 8) + 3 * 2 * (6 * 7 + 4 * 7)),
  },
  simple: {
    config: [...simple, 'model: {bits: 3, layers: 2, units: 7, priorUnits: 8}'],
    steps: 10,
    // What infers the bits sees o′, too. Each iteration: two roll-outs of ten steps, two passes.
    unneeded: 5 * 8 * (6 * 7 + 10 * 7) + 2 * 2 * 2 * 10 * (4 * 6 + 4 * 9),
  },
  'ha-schmidhuber': {
    config: [
      'method: ha-schmidhuber\nrandomSteps: 8\niterationSteps: 4\nreplay: {batch: 2, length: 4}',
      'model: {latent: 3, hidden: [5], lstm: 6, headHidden: [7], components: 2}',
      'vae: {updates: 2, batch: 3}\nrnn: {updates: 2, laterUpdates: 1}',
      // No dream is over before its one stretch is.
      'controller: {population: 4, episodes: 2, generations: 2, dreamSteps: 20}',
    ],
    steps: 14,
    unneeded: 2 * 3 * (4 * 5),
  },
};

/** Flops of a kernel that multiplies matrices; 0 of any other. */
function productFlops({ name, inputs, attributes, outputs }: KernelCall): number {
  if (!/MatMul/.test(name)) return 0;
  const { shape } = (inputs as tf.NamedTensorInfoMap).a!;
  const inner = attributes?.transposeA ? shape.at(-2)! : shape.at(-1)!;
  return 2 * inner * outputs[0]!.shape.reduce((size, n) => size * n, 1);
}

/** Trains without evaluations, and counts the flops of every product that the engine is asked for. */
async function trainCounting(config: readonly string[], steps: number) {
  const experiment = loadExperiment({
    file: 'c.yaml',
    // More than are made: a training without an update is refused.
    text: `${config.join('\n')}\nsteps: ${4 * steps}\nevaluation: {every: ${4 * steps}}`,
  });
  const entry = environmentEntry(experiment.environment, experiment);
  const spaces = agentSpaces(entry);
  const method = await methods[experiment.method].load();
  const agent = method.create([{ seed: 0, settings: experiment }], spaces);
  const learner = agent.learner(entry);
  let [flops, step, update] = [0, 0, 0];
  const stop = observeKernels((call) => {
    flops += productFlops(call);
  });
  try {
    for (;;) {
      if (learner.phases?.isDue(step, update)) {
        await learner.phases.learn(step, update++);
        continue;
      }
      if (step >= steps) break;
      step += learner.environments;
      update += await learner.round(step, update);
    }
  } finally {
    stop();
  }
  return { flops, run: { steps, updates: update }, cost: method.trainingCost!(experiment, spaces), agent };
}

describe('what a training takes', () => {
  before(() => startEngine('cpu'));
  for (const [name, { config, steps, unneeded }] of Object.entries(trainings)) {
    test(`is what an engine is asked for, and all that an optimizer moves: ${name}`, async () => {
      const { flops, run, cost, agent } = await trainCounting(config, steps);
      assert.equal((cost as Required<TrainingCost>).flops(run), flops + 2 * unneeded);
      const [saved] = await agent.save();
      const arrays = Object.entries(saved!.arrays);
      // Adam keeps a mean of each gradient, CMA-ES one of its controllers.
      const moved = arrays.filter(([name]) => /[._]mean$/.test(name));
      assert.equal(
        cost.parameters,
        moved.reduce((sum, [, { data }]) => sum + data.length, 0),
      );
      agent.dispose();
    });
  }
});

import { z } from 'zod';
import { environmentEntry } from '../../envs/index.ts';
import { TimeLimit } from '../../envs/time-limit.ts';
import type { Course } from '../course.ts';
import {
  count,
  endWeightKey,
  fraction,
  nonNegative,
  positive,
  positiveInteger,
  replayKeysWith,
} from '../fields.ts';
import { ppoUpdateKeysWith } from '../ppo/settings.ts';
import { type Rule, type RunLength, windowRule } from '../rules.ts';

/** The world model's keys: see `DiscreteLatentSettings`. */
const modelKeys = {
  bits: count
    .max(128)
    .default(8)
    .describe('discrete latent variables of two values (SimPLe: 128 for images); 0: a deterministic network'),
  layers: positiveInteger
    .max(8)
    .default(2)
    .describe('hidden layers before the bits come in, and of what infers them; one more follows'),
  units: positiveInteger.max(16_384).default(64).describe('units of each layer'),
  prior: z
    .enum(['bernoulli', 'lstm'])
    .default('bernoulli')
    .describe(
      'what the bits are drawn from: each by itself, or an LSTM over them (SimPLe, 8 bits at a time)',
    ),
  priorUnits: positiveInteger.max(16_384).default(64).describe('units of its hidden layer, or of the LSTM'),
  priorWeight: nonNegative.default(0.1).describe("of the bits' cross entropy in the loss"),
  flips: fraction.default(0.1).describe('share of inferred bits that training flips (SimPLe: 0.1)'),
  ownBits: fraction
    .default(0.5)
    .describe("share of inferred bits that the prior's own replace in training (SimPLe: 0.5)"),
  latentUse: fraction
    .default(0.8)
    .describe('share of steps that training predicts with bits, the others without (SimPLe: 0.8)'),
  scheduledSampling: fraction
    .default(1)
    .describe("share of inputs in training that are the model's own prediction (SimPLe: 1)"),
  warmUp: count
    .max(1_000_000_000)
    .default(1500)
    .describe('updates of the model over which the last three grow from 0 (SimPLe: 40,000)'),
  rewardHead: z
    .enum(['classes', 'squared'])
    .default('classes')
    .describe('rewards as the classes −1, 0 and 1 (SimPLe), or by squared error'),
  continueHead: z
    .boolean()
    .default(true)
    .describe('predict termination (SimPLe does not: the games it plays are cut off)'),
  endWeight: endWeightKey,
};

/** SimPLe's own config keys. */
export const simpleSettings = z.strictObject({
  collect: positiveInteger
    .max(10_000_000)
    .default(500)
    .describe('environment steps that the policy takes between two iterations (SimPLe: 6400)'),
  model: z.strictObject(modelKeys).prefault({}).describe('the world model'),
  learningRate: positive.default(1e-3).describe("step size of the model's Adam"),
  gradientClip: positive.default(1).describe("largest global norm of the model's gradient"),
  firstUpdates: positiveInteger
    .max(1_000_000)
    .default(2000)
    .describe('updates of the model in the first iteration (SimPLe: 45,000)'),
  updates: positiveInteger
    .max(1_000_000)
    .default(1000)
    .describe('updates of the model in every other one (SimPLe: 15,000)'),
  replay: replayKeysWith({ ...{ randomSteps: 0, updateEvery: 1 }, batch: 64, length: 5 }).replay,
  simulation: z
    .strictObject({
      environments: positiveInteger
        .max(4096)
        .default(32)
        .describe('environments that the model plays side by side (SimPLe: 16)'),
      steps: positiveInteger
        .max(4096)
        .default(50)
        .describe('steps of each in a roll-out, from a real observation on (SimPLe: 50)'),
      rollouts: positiveInteger
        .max(1_000_000)
        .default(40)
        .describe('roll-outs in each iteration, PPO learning from one after the other (SimPLe: 1000)'),
    })
    .prefault({})
    .describe('what the policy learns from'),
  ppo: z
    .strictObject(
      ppoUpdateKeysWith({
        ...{ epochs: 4, batch: 400, gamma: 0.99, gaeLambda: 0.95, entropy: 0.01 },
        ...{ learningRate: 1e-3, clipRange: 0.2 },
      }),
    )
    .prefault({})
    .describe('how it learns'),
});

export type SimpleSettings = z.infer<typeof simpleSettings>;

/** What tables call a run: without bits the model is the simplest there is. */
export const simpleArm = ({ model }: Pick<SimpleSettings, 'model'>): string =>
  model.bits === 0 ? 'model-only' : 'simple';

/** Gradient updates of model and policy in so many iterations. */
export function updatesIn(
  iterations: number,
  { firstUpdates, updates, simulation, ppo }: SimpleSettings,
): { model: number; policy: number } {
  const each = (simulation.environments * simulation.steps * ppo.epochs) / ppo.batch;
  return {
    model: iterations === 0 ? 0 : firstUpdates + (iterations - 1) * updates,
    policy: iterations * simulation.rollouts * each,
  };
}

/** Whole iterations are learnt from. */
export function simpleCourse(config: SimpleSettings & RunLength): Course {
  const { steps, collect } = config;
  const { model, policy } = updatesIn(Math.floor(steps / collect), config);
  return { updates: model + policy, leftOver: steps % collect };
}

const entryOf = ({ environment }: RunLength) => environmentEntry(environment!);

/** What must hold between the keys, and with the environment. */
export const simpleRules: readonly Rule<SimpleSettings & RunLength>[] = [
  {
    keys: ['model.continueHead', 'environment'],
    holds: (config) => config.model.continueHead || entryOf(config).endless === true,
    says: 'model.continueHead must be on where an episode can end, or the policy learns in a world without ends',
  },
  {
    keys: ['model.rewardHead', 'environment'],
    holds: (config) =>
      config.model.rewardHead === 'squared' || entryOf(config).rewardRange.every((r) => Math.abs(r) <= 1),
    says: 'model.rewardHead classes tells the rewards −1, 0 and 1 apart, and there are others here; use squared',
  },
  {
    keys: ['simulation.steps', 'environment'],
    holds: (config) => {
      const environment = entryOf(config).make();
      return !(environment instanceof TimeLimit) || config.simulation.steps <= environment.maxSteps;
    },
    says: 'simulation.steps must not exceed the steps after which an episode is cut off: no real one is longer',
  },
  {
    keys: ['ppo.batch', 'simulation.environments', 'simulation.steps'],
    holds: ({ ppo, simulation }) => (simulation.environments * simulation.steps) % ppo.batch === 0,
    says: 'ppo.batch must divide simulation.environments × simulation.steps, or a part of each roll-out is left over',
  },
  {
    keys: ['ppo.gamma'],
    holds: ({ ppo }) => ppo.gamma < 1,
    says: 'ppo.gamma must be below 1: values are in units of 1 / (1 − γ)',
  },
  windowRule,
  {
    keys: ['collect', 'replay.length'],
    holds: ({ collect, replay }) => collect >= replay.length,
    says: 'collect must be at least replay.length, or the first update has no window',
  },
  {
    keys: ['steps', 'collect'],
    holds: ({ steps, collect }) => steps >= collect,
    says: 'steps must be at least collect, one iteration, or nothing is learnt',
  },
];

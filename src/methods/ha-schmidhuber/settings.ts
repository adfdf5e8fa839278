import { z } from 'zod';
import { environmentEntry } from '../../envs/index.ts';
import { LEAST_POPULATION } from '../../training/cma-es.ts';
import type { Course } from '../course.ts';
import { count, imageEncoder, imageLoss, nonNegative, positive, positiveInteger, widths } from '../fields.ts';
import { type ImageConfig, type Rule, type RunLength, sidesOf, windowRule } from '../rules.ts';
import { updatesDue } from './phases.ts';

/** Ha and Schmidhuber's own config keys, at sizes for small tasks. HS: arXiv 1803.10122 and the authors' code. */
export const haSchmidhuberSettings = z.strictObject({
  randomSteps: positiveInteger
    .default(4000)
    .describe('environment steps with random actions before all else'),
  randomHold: z
    .number()
    .min(1)
    .max(10_000)
    .default(1)
    .describe('mean environment steps for which a random action is held (HS: 1 to 10)'),
  iterationSteps: positiveInteger
    .default(2000)
    .describe(
      'environment steps that the controller collects before everything is learnt once more, where it is evolved in dreams',
    ),
  exploration: nonNegative
    .default(0.1)
    .describe('share of random choices while it collects, or σ of what is added to numbers in a box'),
  temperature: positive
    .max(100)
    .default(1)
    .describe('temperature τ of the dreams in which the controller is evolved (HS: 1.15)'),
  temperatures: z
    .array(positive.max(100))
    .min(1)
    .max(8)
    .default([0.5, 1, 1.3])
    .describe('temperatures of the dreams whose returns stand beside the real one in metrics.csv'),
  model: z
    .strictObject({
      encoder: z
        .enum(['vae', 'none'])
        .default('vae')
        .describe('V: a variational autoencoder, or none: z is the observation'),
      latent: positiveInteger.max(4096).default(4).describe('dimensions of z, of a VAE (HS: 32 and 64)'),
      hidden: widths.default([64]).describe('hidden layers of encoder and decoder'),
      imageLoss,
      lstm: positiveInteger.max(8192).default(32).describe('units of the LSTM (HS: 256 and 512)'),
      mixture: z
        .enum(['factored', 'joint'])
        .default('factored')
        .describe('each dimension of z has a mixture of its own (HS), or one is for the whole of it'),
      components: positiveInteger.max(256).default(5).describe('Gaussians of a mixture (HS: 5)'),
      headHidden: widths.default([32]).describe('hidden layers of the heads for reward and end'),
      rnn: z
        .enum(['trained', 'untrained'])
        .default('trained')
        .describe('M: learnt, or left as it was drawn, so that h is a random feature of the past'),
    })
    .prefault({})
    .describe('the world model'),
  encoder: imageEncoder.describe(
    "what images go through before V's hidden layers, and back behind its decoder's",
  ),
  vae: z
    .strictObject({
      updates: count.max(10_000_000).default(3000).describe('updates of V, the first time'),
      laterUpdates: count
        .max(10_000_000)
        .default(0)
        .describe('updates of V in each later iteration; each moves z, and what the controller means by it'),
      batch: positiveInteger.max(65_536).default(128).describe('observations per update (HS: 100)'),
      learningRate: positive.default(1e-3).describe('step size of Adam (HS: 1e-4)'),
      klWeight: nonNegative.default(1e-3).describe('weight of the KL (HS: 1, of pixels)'),
      klFloor: nonNegative
        .default(0)
        .describe('nats per dimension of z below which the KL costs nothing (HS: 0.5)'),
    })
    .prefault({})
    .describe('how V is learnt'),
  rnn: z
    .strictObject({
      updates: count.max(10_000_000).default(2000).describe('updates of M, the first time'),
      laterUpdates: count.max(10_000_000).default(1000).describe('updates of M in each later iteration'),
      learningRate: positive.default(2e-3).describe('step size of Adam (HS: 1e-3)'),
      gradientClip: positive.default(1).describe('largest global gradient norm (HS: 1 for each element)'),
      endWeight: positive.default(1).describe('how many times a termination counts (HS: 10)'),
    })
    .prefault({})
    .describe('how M is learnt'),
  controller: z
    .strictObject({
      features: z.enum(['zh', 'z']).default('zh').describe('what the controller sees: z and h, or z alone'),
      in: z
        .enum(['dream', 'environment'])
        .default('dream')
        .describe('where it is evolved: in dreams (HS: Doom), or in the environment (HS: CarRacing)'),
      population: z
        .int()
        .min(LEAST_POPULATION)
        .max(4096)
        .default(16)
        .describe('candidates of a generation (HS: 64)'),
      episodes: positiveInteger.max(4096).default(8).describe('episodes of each candidate (HS: 16)'),
      generations: count.max(1_000_000).default(30).describe('generations in dreams, in each iteration'),
      sigma: positive.default(0.5).describe('initial σ of CMA-ES (HS: 0.1)'),
      dreamSteps: positiveInteger.max(100_000).default(500).describe('steps after which a dream is over'),
      targetReturn: z
        .union([z.enum(['none']), z.number()])
        .default('none')
        .describe('dream return that ends an iteration once the better half of the population reaches it'),
      environments: positiveInteger
        .max(4096)
        .default(16)
        .describe('environments side by side, where it is evolved in the environment'),
    })
    .prefault({})
    .describe('the linear controller and its evolution by CMA-ES'),
  replay: z
    .strictObject({
      capacity: positiveInteger.max(10_000_000).default(50_000).describe('steps kept'),
      batch: positiveInteger.max(65_536).default(64).describe('windows per update of M (HS: 100)'),
      length: positiveInteger.max(4096).default(32).describe('steps per window (HS: 500 and 999)'),
    })
    .prefault({})
    .describe('what has been seen'),
});

export type HaSchmidhuberSettings = z.infer<typeof haSchmidhuberSettings>;

/** The name of a run in tables. */
export const haSchmidhuberArm = ({ model, controller }: HaSchmidhuberSettings): string =>
  [
    'ha-schmidhuber',
    ...(controller.features === 'z' ? ['z'] : []),
    ...(model.rnn === 'untrained' ? ['untrained'] : []),
    ...(controller.in === 'environment' ? ['environment'] : []),
  ].join('-');

/** All updates that are due at the end. */
export function haSchmidhuberCourse(config: HaSchmidhuberSettings & RunLength): Course {
  const { steps, randomSteps, iterationSteps, controller } = config;
  return {
    updates: updatesDue(config, steps),
    leftOver: controller.in === 'dream' ? (steps - randomSteps) % iterationSteps : 0,
  };
}

/** Whether every number of environment steps is one of whole rounds. */
const areWholeRounds = ({ controller }: Pick<HaSchmidhuberSettings, 'controller'>, steps: number): boolean =>
  controller.in === 'dream' || steps % controller.environments === 0;

/** What must hold between the keys. */
export const haSchmidhuberRules: readonly Rule<
  HaSchmidhuberSettings & RunLength & ImageConfig & { maze?: string | undefined }
>[] = [
  {
    keys: ['replay.length', 'randomSteps'],
    holds: ({ randomSteps, replay }) => replay.length <= randomSteps,
    says: 'replay.length must not exceed randomSteps, or no window fits into what has been seen',
  },
  windowRule,
  {
    keys: ['steps', 'randomSteps'],
    holds: ({ steps, randomSteps }) => steps >= randomSteps,
    says: 'steps must be at least randomSteps, or nothing is learnt',
  },
  {
    keys: ['model.encoder', 'environment'],
    holds: (config) => config.model.encoder === 'vae' || sidesOf(config).length === 0,
    says: (config) =>
      `model.encoder none makes z an image of ${sidesOf(config).join(' × ')} cells: leave it out`,
  },
  {
    keys: ['model.rnn', 'controller.in'],
    holds: ({ model, controller }) => model.rnn === 'trained' || controller.in === 'environment',
    says: 'model.rnn untrained dreams of nothing: it needs controller.in environment',
  },
  {
    keys: ['controller.in', 'environment'],
    holds: ({ controller, environment, maze }) =>
      controller.in === 'dream' || !environmentEntry(environment!, { maze }).standing,
    says: 'controller.in environment evolves in environments of its own, and each of these changes with its own steps: choose another environment, or controller.in dream',
  },
  ...(['steps', 'randomSteps', 'evaluation.every'] as const).map(
    (key): Rule<HaSchmidhuberSettings & RunLength> => ({
      keys: [key, 'controller.environments'],
      holds: (config) => {
        const steps = key === 'evaluation.every' ? config.evaluation.every : config[key];
        return areWholeRounds(config, steps);
      },
      says: `${key} must be a multiple of controller.environments, all of which step at once`,
    }),
  ),
];

import { z } from 'zod';
import { environmentEntry } from '../../envs/index.ts';
import { dqnUpdateKeysWith } from '../dqn/settings.ts';
import { ensembleKeys, ensembleRules } from '../ensemble-keys.ts';
import { count, fraction, nonNegative, positive, positiveInteger, transitionKeysWith } from '../fields.ts';
import { type Rule, type RunLength, transitionRules } from '../rules.ts';

/** Deep Dyna's own config keys: those of DQN's updates, and what is added to them. */
export const deepDynaSettings = z.strictObject({
  ...dqnUpdateKeysWith({
    learningRate: 3e-4,
    double: true,
    hidden: [64, 64],
    target: { every: 1, rate: 0.002 },
    epsilon: { from: 1, to: 0.05, over: 1500 },
  }),
  planningUpdates: count
    .max(10_000)
    .default(4)
    .describe(
      'updates on transitions that the model makes, for each on real ones; 0: DQN, and no model is learnt',
    ),
  planning: z
    .strictObject({
      horizon: positiveInteger
        .max(1000)
        .default(1)
        .describe('steps that the model goes on for from a real observation, all of which are learnt from'),
      randomActions: fraction
        .default(1)
        .describe('share of random actions in them, the others being the best by Q'),
    })
    .prefault({})
    .describe('the transitions that the model makes'),
  model: z
    .strictObject({
      ...ensembleKeys,
      networks: ensembleKeys.networks.default(3),
      layers: ensembleKeys.layers.default(2),
    })
    .prefault({})
    .describe('the ensemble of networks'),
  modelLearningRate: positive.default(1e-3).describe("step size of the model's Adam"),
  weightDecay: nonNegative.default(0).describe("of half the squared weights in the model's loss"),
  ...transitionKeysWith({ randomSteps: 200, updateEvery: 1, updates: 1, capacity: 20_000, batch: 32 }),
});

export type DeepDynaSettings = z.infer<typeof deepDynaSettings>;

/** What tables call a run: without planning it is DQN. */
export const deepDynaArm = ({ planningUpdates }: Pick<DeepDynaSettings, 'planningUpdates'>): string =>
  planningUpdates === 0 ? 'dqn' : 'deep-dyna';

/** What must hold between the keys, and with the environment. */
export const deepDynaRules: readonly Rule<DeepDynaSettings & RunLength>[] = [
  {
    keys: ['model.continueHead', 'environment'],
    holds: ({ model, environment }) => model.continueHead || environmentEntry(environment!).endless === true,
    says: 'model.continueHead must be on where an episode can end, or values are learnt in a world without ends',
  },
  ...ensembleRules,
  ...transitionRules,
];

import { z } from 'zod';
import { transitionKeysWith } from '../fields.ts';
import { softActorCriticKeys } from '../soft-actor-critic-keys.ts';

/**
 * SAC's own config keys. The defaults are rl-baselines3-zoo's settings for Pendulum-v1, with those of stable-baselines3
 * where it leaves them: 20,000 environment steps go with them.
 */
export const sacSettings = z.strictObject({
  ...softActorCriticKeys,
  ...transitionKeysWith({ randomSteps: 100, updateEvery: 1, updates: 1, capacity: 1_000_000, batch: 256 }),
});

export type SacSettings = z.infer<typeof sacSettings>;

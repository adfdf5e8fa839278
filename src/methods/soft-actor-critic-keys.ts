import { z } from 'zod';
import { fraction, positive, widths } from './fields.ts';

/**
 * Keys of a soft actor-critic, for every method that learns one: see `SoftActorCriticSettings`. The defaults are
 * rl-baselines3-zoo's for Pendulum-v1, with those of stable-baselines3 where it leaves them.
 */
export const softActorCriticKeys = {
  gamma: fraction.default(0.99).describe('discount γ per environment step (Haarnoja et al. 2018: 0.99)'),
  learningRate: positive
    .default(1e-3)
    .describe('Adam step size of actor, critics and entropy coefficient (rl-zoo on Pendulum-v1: 1e-3)'),
  entropy: z
    .union([z.enum(['auto']), positive])
    .default('auto')
    .describe(
      'coefficient α of the entropy: learnt, from 1 on (Haarnoja et al. 2018, section 5), or a number',
    ),
  targetEntropy: z
    .union([z.enum(['auto']), z.number()])
    .default('auto')
    .describe(
      'entropy in nats that a learnt α holds, of actions scaled to [−1, 1]; auto: −1 per dimension (Haarnoja et al. 2018)',
    ),
  targetRate: fraction
    .default(0.005)
    .describe(
      'rate τ of the moving average of the critics that targets are made with (Haarnoja et al. 2018: 0.005)',
    ),
  actor: z
    .strictObject({ hidden: widths.default([256, 256]).describe('hidden layers of the actor, with ReLU') })
    .prefault({})
    .describe('the actor'),
  critic: z
    .strictObject({
      heads: z
        .int()
        .min(1)
        .max(100)
        .default(2)
        .describe('critics, the least of which counts (Fujimoto et al. 2018: 2)'),
      hidden: widths.default([256, 256]).describe('hidden layers of each, with ReLU'),
    })
    .prefault({})
    .describe('the critics'),
};

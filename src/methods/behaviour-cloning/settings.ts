import { z } from 'zod';
import { imageEncoder, positive, positiveInteger, widths } from '../fields.ts';

/** Behaviour cloning's own config keys. */
export const cloningSettings = z.strictObject({
  bestShare: positive
    .max(1)
    .default(1)
    .describe(
      'share of the steps that is imitated, that of the episodes of greatest return (Chen et al. 2021, %BC: 0.1 to 1); 1: all',
    ),
  learningRate: positive.default(1e-3).describe('Adam step size'),
  gradientClip: positive.default(10).describe('largest global gradient norm'),
  batch: positiveInteger.max(65_536).default(64).describe('steps per update (Chen et al. 2021: 64)'),
  encoder: imageEncoder.describe("what images go through before the policy's hidden layers"),
  actor: z
    .strictObject({ hidden: widths.default([64, 64]).describe('hidden layers of the policy, with ReLU') })
    .prefault({})
    .describe('the policy'),
});

export type CloningSettings = z.infer<typeof cloningSettings>;

export const cloningArm = ({ bestShare }: CloningSettings): string =>
  bestShare < 1 ? 'filtered-cloning' : 'behaviour-cloning';

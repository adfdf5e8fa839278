import { z } from 'zod';
import { scheduleOf } from '../../training/schedule.ts';

/** How trees are searched: the keys `search.…`, told apart by `search.name`. */
const simulations = z
  .int()
  .min(1)
  .max(10_000)
  .default(16)
  .describe(
    'simulations per decision, a call of the model each (MuZero: 50 on Atari; Gumbel MuZero: 2 to 50)',
  );

/** With a range of no more than its own, two actions are always 0 and 1 to a Gumbel search, however near they are. */
const rangeFloor = (preset: number) =>
  z
    .number()
    .min(0)
    .default(preset)
    .describe(
      'least range of values that is brought to [0, 1], in rewards as the model sees them (MuZero, mctx: 0, EfficientZero: 0.01)',
    );

const puct = z.strictObject({
  name: z
    .literal('puct')
    .describe('how trees are searched: as MuZero does (puct), or Gumbel MuZero (gumbel)'),
  simulations,
  c1: z.number().min(0).default(1.25).describe('c₁ of the exploration term (MuZero: 1.25)'),
  c2: z.number().gt(0).default(19_652).describe('c₂ of the exploration term (MuZero: 19652)'),
  normalised: z
    .enum(['tree', 'node'])
    .default('tree')
    .describe(
      "values are brought to [0, 1] over all that the tree has seen, the root's own value not counted (tree, MuZero), or over those of the node, the root counted once (node, mctx)",
    ),
  rangeFloor: rangeFloor(0),
  dirichlet: z
    .number()
    .min(0.01)
    .max(100)
    .default(0.25)
    .describe("α of the Dirichlet noise in the root's prior while collecting (MuZero on Atari: 0.25)"),
  dirichletFraction: z.number().min(0).max(1).default(0.25).describe('its share (MuZero: 0.25)'),
  temperature: scheduleOf(z.number().min(0))
    .default(1)
    .describe(
      'T of N^(1/T), what actions are sampled by while collecting: a number, or {from, to, over} in environment steps (MuZero: 1, then 0.5 and 0.25)',
    ),
});

const gumbel = z.strictObject({
  name: z
    .literal('gumbel')
    .default('gumbel')
    .describe('how trees are searched: as MuZero does (puct), or Gumbel MuZero (gumbel)'),
  simulations,
  considered: z
    .union([z.int().min(1).max(1024), z.enum(['auto'])])
    .default('auto')
    .describe('actions that are candidates at the root; auto: all, at most 16 (mctx: 16)'),
  visitOffset: z.number().min(0).default(50).describe('c_visit of σ (Gumbel MuZero: 50)'),
  valueScale: z
    .number()
    .min(0)
    .default(0.1)
    .describe('c_scale of σ (Gumbel MuZero on Atari: 0.1; on boards: 1)'),
  rescaled: z
    .boolean()
    .default(true)
    .describe("completed values are brought to [0, 1] over each node's (mctx)"),
  rangeFloor: rangeFloor(1),
  rootValue: z
    .enum(['mean', 'improved'])
    .default('mean')
    .describe(
      "a root's value: the mean over its simulations (mean), or that of the improved policy (improved)",
    ),
});

export const searchSettings = z.discriminatedUnion('name', [gumbel, puct]).prefault({ name: 'gumbel' });

export type SearchSettings = z.infer<typeof searchSettings>;
export type PuctSettings = Extract<SearchSettings, { name: 'puct' }>;
export type GumbelSettings = Extract<SearchSettings, { name: 'gumbel' }>;

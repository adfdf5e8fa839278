import { z } from 'zod';
import { engineNames } from '../engine/engine.ts';
import { environmentNames } from '../envs/index.ts';
import { count, positiveInteger } from '../methods/fields.ts';
import { type MethodName, methods } from '../methods/index.ts';

/** Letters, digits, `.`, `_` and `-`, no dot first: one folder, never a path out of the runs folder. */
const folderName = z
  .string()
  .regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/)
  .meta({ title: 'a folder name (up to 100 letters, digits, ".", "_" and "-", no "." first)' });

const seeds = z
  .array(count.max(2 ** 31 - 1))
  .min(1)
  .max(10_000)
  .superRefine((list, context) => {
    const first = new Map<number, number>();
    for (const [index, seed] of list.entries()) {
      const twin = first.get(seed);
      if (twin === undefined) first.set(seed, index);
      else
        context.addIssue({
          code: 'custom',
          path: [index],
          message: `${seed} is already seeds[${twin}], list each seed once`,
        });
    }
  })
  .meta({ uniqueItems: true });

/** The keys that every method has. */
const commonKeys = {
  name: folderName.optional().describe("name of the run's folder; default: the arm, e.g. dream-critic"),
  environment: z.enum(environmentNames).default('CartPole-v1').describe('environment to act in'),
  seeds: seeds.default([0]).describe('seeds to train, each an independent run'),
  steps: positiveInteger.max(1e9).default(50_000).describe('environment steps per seed'),
  engine: z
    .enum(['auto', ...engineNames])
    .default('auto')
    .describe('what computes; auto: the fastest that works here'),
  logEvery: positiveInteger.default(100).describe('updates per row of losses.csv'),
  evaluation: z
    .strictObject({
      every: positiveInteger
        .default(2000)
        .describe('environment steps between evaluations; the end has one too'),
      episodes: positiveInteger.max(100_000).default(100).describe('episodes per evaluation'),
    })
    .prefault({})
    .describe('how the policy is evaluated'),
};

export const methodNames = Object.keys(methods) as MethodName[];

/**
 * The whole schema of one method's config: the common keys and the method's own, all at one level, strict.
 * Every key has a default but `method`, and `name`, whose default is the arm (see `resolveName`).
 */
export function experimentSchema<M extends MethodName>(method: M) {
  return z.strictObject({
    method: z.enum([method]).describe(`the method to train. ${methods[method].title}`),
    ...commonKeys,
    ...methods[method].settings.shape,
  });
}

type Settings<M extends MethodName> = z.infer<ReturnType<typeof experimentSchema<M>>>;

/** A resolved config: every key present. A union over the methods, told apart by `method`. */
export type Experiment = { [M in MethodName]: Settings<M> & { name: string } }[MethodName];

/** Fills in the name of the run folder: what the user chose, or else the arm. Keeps the schema's key order. */
export function resolveName({ method, name, ...keys }: Settings<MethodName>): Experiment {
  return { method, name: name ?? methods[method].arm(keys), ...keys };
}

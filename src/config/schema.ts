import { z } from 'zod';
import { engineNames } from '../engine/names.ts';
import { parseMaze } from '../envs/grid/maze.ts';
import { environmentNames } from '../envs/index.ts';
import { UserError } from '../errors.ts';
import { count, positive, positiveInteger } from '../methods/fields.ts';
import { type MethodName, methods } from '../methods/index.ts';
import { enumeration } from '../words.ts';
import { MOST_SEEDS } from './seeds.ts';

/** What Windows takes for a device, with any ending, wherever it stands in a path. */
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/** Characters of a run's name; file systems take 255 bytes. */
export const LONGEST_NAME = 200;

/** Letters, digits and what every file system takes beside them, no dot at either end: one folder, never a path out of the runs folder. */
export const folderName = z
  .string()
  .regex(new RegExp(`^[A-Za-z0-9_-]([A-Za-z0-9._=,-]{0,${LONGEST_NAME - 2}}[A-Za-z0-9_=,-])?$`))
  .refine((name) => !DEVICE.test(name), { error: 'this names a device on Windows, choose another name' })
  .meta({
    title: `a folder name (up to ${LONGEST_NAME} letters, digits and "._-=,", no "." first or last)`,
  });

const seeds = z
  .array(count.max(2 ** 31 - 1))
  .min(1)
  .max(MOST_SEEDS)
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

/** Checked here, so that an error stands where the maze is drawn. */
const maze = z
  .string()
  .superRefine((text, context) => {
    try {
      parseMaze(text);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
    }
  })
  .meta({ title: 'a maze, a line for each row of its cells' });

/** How a method acts and learns at once. */
const realTimeKeys = z.strictObject({
  rate: z
    .union([z.enum(['own', 'none']), z.number().min(0.1).max(10_000)])
    .default('own')
    .describe(
      "steps per second: the environment's own, another number, or none: it waits for every action, and both go as fast as they can",
    ),
  updateLimit: z
    .union([z.enum(['none']), positive.max(1e6)])
    .default(8)
    .describe('updates per step at most, as a multiple of what the method makes where the environment waits'),
  publishEvery: positiveInteger.default(10).describe('updates from one handing over of weights to the next'),
});

/** `true` says every default. */
const realTime = z
  .union([z.boolean(), realTimeKeys])
  .transform((value) => (value === true ? realTimeKeys.parse({}) : value || undefined));

/** Rows of a picture at most. */
const MOST_PIXELS = 256;

/** The keys that every method has. */
const commonKeys = {
  name: folderName.optional().describe("name of the run's folder; default: the arm, e.g. dream-critic"),
  environment: z.enum(environmentNames).describe('environment to act in'),
  maze: maze
    .optional()
    .describe(
      'the cells of environment Maze: "." free, "#" wall, S start, G goal; a line "after N" between two grids changes the walls after N steps',
    ),
  distractors: count
    .max(1000)
    .default(0)
    .describe('dimensions appended to observations that no action influences: slow random walks and noise'),
  pixels: z
    .strictObject({
      size: z
        .int()
        .min(16)
        .max(MOST_PIXELS)
        .multipleOf(16)
        .meta({ title: `a multiple of 16 from 16 to ${MOST_PIXELS}` })
        .default(64)
        .describe('rows and columns of a picture'),
      frames: positiveInteger
        .max(8)
        .default(1)
        .describe(
          'pictures of an observation, that of now and those of the steps before: one does not tell what moves',
        ),
    })
    .optional()
    .describe('the environment is seen as grey pictures of its drawing; unset: as numbers'),
  data: z
    .string()
    .regex(/^.{1,4096}$/)
    .meta({ title: 'the folder of a data set' })
    .optional()
    .describe(
      'episodes to learn from, as wm collect writes them, for a method that acts in no environment while it learns (behaviour-cloning, dreamer4); its folder as seen from where wm is run',
    ),
  realTime: realTime
    .optional()
    .describe(
      'one process acts in an environment that does not wait while another learns, for a method that learns from replay: true, or {rate, updateLimit, publishEvery}; docs/real-time.md',
    ),
  seeds: seeds.default([0]).describe('seeds to train, each an independent run'),
  steps: positiveInteger
    .max(1e9)
    .default(50_000)
    .describe('environment steps per seed; of a method that learns from a data set, updates'),
  engine: z
    .enum(['auto', ...engineNames])
    .default('auto')
    .describe('what computes; auto: the fastest that works here'),
  logEvery: positiveInteger.default(100).describe('updates per row of losses.csv'),
  evaluation: z
    .strictObject({
      every: positiveInteger
        .default(2000)
        .describe('steps, as `steps` counts them, between evaluations; the end has one too'),
      episodes: positiveInteger.max(100_000).default(100).describe('episodes per evaluation'),
      online: z
        .boolean()
        .default(true)
        .describe(
          'whether they are played once more where there are two policies: with the weights that are trained beside their average, or without the plan or search',
        ),
    })
    .prefault({})
    .describe('how the policy is evaluated'),
  gradients: z
    .strictObject({
      every: positiveInteger.default(100).describe('updates from one that is measured to the next'),
    })
    .optional()
    .describe(
      "the gradients of the critic's and the model's losses are measured, per loss and module, into seed-N/gradients.csv, for a method whose critic can shape its model; unset: they are not",
    ),
  film: z
    .boolean()
    .default(false)
    .describe(
      "a small film of each evaluation's first episode, with the model's dream beside, in seed-N/media",
    ),
  stopWhen: z
    .strictObject({
      reward: z
        .number()
        .describe('a seed is done early once reward_mean is at least this; unset: it never is'),
      evaluations: positiveInteger
        .max(1_000_000)
        .default(1)
        .describe('evaluations in a row that must reach that reward'),
    })
    .optional()
    .describe('when a seed is done before `steps`'),
};

export const methodNames = Object.keys(methods) as MethodName[];

/** Methods by the names that they had before: configs and run folders of that time are still read. */
const renamedMethods = new Map<unknown, MethodName>([['world-model', 'vae-lstm']]);

/** The values of a config, its method under the name that it has now. */
export function withCurrentMethod(values: Record<string, unknown>): Record<string, unknown> {
  const method = renamedMethods.get(values.method);
  return method === undefined ? values : { ...values, method };
}

/**
 * The whole schema of one method's config: the common keys and the method's own, all at one level, strict.
 * Every key has a default but `method`, and `name`, whose default is the arm (see `resolveName`).
 */
export function experimentSchema(method: MethodName): ReturnType<typeof makeSchema> {
  const schema = schemas.get(method) ?? makeSchema(method);
  schemas.set(method, schema);
  return schema;
}

/** Made once for each method: a sweep reads a thousand configs. */
const schemas = new Map<MethodName, ReturnType<typeof makeSchema>>();

function makeSchema(method: MethodName) {
  return z.strictObject({
    method: z.enum([method]).describe(`the method to train. ${methods[method].title}${byArm(method)}`),
    ...commonKeys,
    environment: commonKeys.environment.default(methods[method].environment),
    ...methods[method].settings.shape,
  });
}

/** That a config may name the method's arms instead, where it has several. */
function byArm(method: MethodName): string {
  const names = Object.keys(methods[method].arms);
  return names.length > 0 ? `; ${enumeration(names)} are it with their switches set` : '';
}

/** What a method's schema gives, `name` not yet filled in. A union over the methods, told apart by `method`. */
type Settings = {
  [M in MethodName]: { method: M } & z.infer<z.ZodObject<typeof commonKeys>> &
    z.infer<(typeof methods)[M]['settings']>;
}[MethodName];

/** A resolved config: every key present. */
export type Experiment = Settings & { name: string };

/** What a method's schema gave, with the run folder's name: what the user chose, or else the arm. Keeps the key order. */
export function resolveName(settings: object): Experiment {
  const { method, name, ...keys } = settings as Settings;
  return { method, name: name ?? methods[method].arm(settings), ...keys } as Experiment;
}

/** The resolved config of one method. */
export type ExperimentOf<M extends MethodName> = Extract<Experiment, { method: M }>;

/** An experiment as one of `method`, for what is made for that method alone. @throws UserError if it is of another. */
export function experimentOf<M extends MethodName>(experiment: Experiment, method: M): ExperimentOf<M> {
  const given: MethodName = experiment.method;
  if (given === method) return experiment as ExperimentOf<M>;
  throw new UserError(`method: expected ${method}, got ${given}; choose a config of that method`);
}

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { environmentNames } from '../envs/index.ts';
import { UserError } from '../errors.ts';
import { readText } from './atomic.ts';

/**
 * A data set is a folder: data.json, the manifest, says what it is and how it came about; shard-N.safetensors hold its
 * episodes, whole ones one after the other. docs/offline.md lists every key and array.
 */

/** Bytes of a shard: it is in memory, twice for a moment, while it is checked. */
export const LARGEST_SHARD = 2 ** 26;
export const MANIFEST = 'data.json';
/** The version that this wm writes. It reads no other. */
export const DATA_SET_VERSION = 1;

const count = z.int().min(0);

/** Undiscounted returns of some episodes. */
const returns = z.strictObject({
  mean: z.number(),
  /** n − 1; null of one episode. */
  std: z.number().nullable(),
  min: z.number(),
  max: z.number(),
});

/** Who acted in some of the episodes. */
const actor = z.strictObject({
  /** As `--mix` says it, without its share. */
  name: z.string(),
  policy: z.enum(['random', 'controller', 'sampled', 'greedy']),
  /** Share of its actions that are replaced by random ones. */
  noise: z.number().min(0).max(1),
  /** Share of all steps that was asked for. */
  share: z.number().gt(0).max(1),
  /** Whose policy it is; null where it is no run's. */
  run: z
    .strictObject({
      name: z.string(),
      arm: z.string(),
      seed: count,
      checkpoint: z.enum(['last', 'best']),
      /** Environment steps behind the checkpoint. */
      step: count,
    })
    .nullable(),
  episodes: count,
  steps: count,
  returns,
});

const manifestSchema = z.strictObject({
  dataSetVersion: z.literal(DATA_SET_VERSION),
  environment: z.enum(environmentNames),
  maze: z.string().nullable(),
  distractors: count,
  /** Null where observations are numbers. */
  pixels: z.strictObject({ size: z.int().min(1), frames: z.int().min(1) }).nullable(),
  /** Of the random streams that episodes were played with. */
  seed: count,
  episodes: count,
  steps: count,
  returns,
  actors: z.array(actor).min(1),
  shards: z.array(
    z.strictObject({
      file: z.string().regex(/^shard-\d+\.safetensors$/),
      episodes: count,
      steps: count,
      bytes: count,
      /** Of the whole file, in hexadecimal digits. */
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
  /** What made it. */
  made: z.strictObject({
    wmVersion: z.string(),
    gitCommit: z.string().nullable(),
    gitChanges: z.string().nullable(),
    node: z.string(),
    /** What computed the policies; null where no network acted. */
    engine: z.string().nullable(),
    /** The words of the command line. */
    command: z.array(z.string()),
  }),
});
export type Manifest = z.infer<typeof manifestSchema>;
export type RecordedActor = Manifest['actors'][number];
/** The environment of some episodes, with its settings. */
export type DataSetEnvironment = Pick<Manifest, 'environment' | 'maze' | 'distractors' | 'pixels'>;

export const formatManifest = (manifest: Manifest): string =>
  `${JSON.stringify(manifestSchema.parse(manifest), null, 2)}\n`;

/** @throws UserError where there is no data set, or one that is empty, damaged or of another version. */
export function readManifest(dir: string): Manifest {
  const file = join(dir, MANIFEST);
  const text = readText(file);
  if (text === undefined) {
    if (!existsSync(dir)) throw new UserError(`${dir} does not exist; give a folder that wm collect made`);
    throw new UserError(`${dir} is no data set: it holds no ${MANIFEST}; give a folder that wm collect made`);
  }
  const value = parsed(text);
  const { dataSetVersion: version } = z
    .looseObject({ dataSetVersion: z.unknown() })
    .catch({ dataSetVersion: null })
    .parse(value);
  if (typeof version === 'number' && version > DATA_SET_VERSION) {
    throw new UserError(
      `${file}: of version ${version}, newer than this wm's ${DATA_SET_VERSION}; use the wm that made it or a later one`,
    );
  }
  const manifest = manifestSchema.safeParse(value);
  if (!manifest.success) {
    const { path = [], message = 'it is no JSON' } = manifest.error.issues[0] ?? {};
    const where = path.length > 0 ? `${path.join('.')}: ` : '';
    throw new UserError(`${file}: damaged (${where}${message}); restore it from a copy or collect anew`);
  }
  if (manifest.data.episodes === 0 || manifest.data.shards.length === 0) {
    throw new UserError(`${file}: holds no episode, so that nothing can be learnt from it; collect anew`);
  }
  return manifest.data;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

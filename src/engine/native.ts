import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '../errors.ts';
import { fillNoiseBy } from '../random/noise-filler.ts';
import { alternatives } from '../words.ts';
import { cacheFolder, RECORD_FILE } from './cache.ts';
import type { Engine } from './description.ts';
import { EngineError } from './engine-error.ts';
import { registerGradients } from './gradients.ts';
import type { Addon } from './native/addon.ts';
import type { NativeBackend } from './native/backend.ts';
import { type Compilation, compilation } from './native/compilation.ts';

const require = createRequire(import.meta.url);

/** The addon's C++. `npm run build` copies it: the path holds from src and from dist. */
export const ADDON_SOURCES = fileURLToPath(new URL('./native/addon/', import.meta.url));

/** The binary's name in its folder. */
export const ADDON_FILE = 'native.node';

/** The command that builds the addon. */
export const BUILD_COMMAND = '`wm engines build native`';

/** What `wm engines build native` notes down about what it has made. */
export interface NativeRecord {
  /** Of the sources, from `nativeVersion`. */
  version: string;
  /** The compiler's first line about itself. */
  compiler: string;
  /** SHA-256 of the binary. */
  digest: string;
  /** ISO 8601, UTC */
  madeAt: string;
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/**
 * What tells the sources, and how they are compiled, from others: the beginning of their SHA-256. The same on every
 * machine, as it is over the instruction sets of all families.
 */
export function nativeVersion(how: Compilation = compilation): string {
  const hash = createHash('sha256').update(JSON.stringify(how));
  for (const name of readdirSync(ADDON_SOURCES).sort()) {
    hash.update(name).update(readFileSync(path.join(ADDON_SOURCES, name)));
  }
  return hash.digest('hex').slice(0, 12);
}

/** The folder of the binary that was made from these very sources, for this system and processor family. */
export const nativeFolder = (): string =>
  path.join(cacheFolder('native'), `native-${nativeVersion()}-${process.platform}-${process.arch}`);

/** A binary that is loaded, and the version of its sources. */
interface Loaded {
  addon: Addon;
  version: string;
}

/** @throws EngineError that says why the binary cannot be used, and what mends it */
function loadAddon(folder: string): Loaded {
  let binary: Buffer;
  let record: NativeRecord | null;
  try {
    record = JSON.parse(readFileSync(path.join(folder, RECORD_FILE), 'utf8'));
    binary = readFileSync(path.join(folder, ADDON_FILE));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new EngineError(
        'native',
        `it is not built; run ${BUILD_COMMAND} (15 seconds, with g++ or clang++)`,
      );
    }
    throw new EngineError(
      'native',
      `${folder} cannot be read (${(error as Error).message}); run ${BUILD_COMMAND}`,
    );
  }
  if (sha256(binary) !== record?.digest) {
    throw new EngineError('native', `${folder} is damaged; run ${BUILD_COMMAND}`);
  }
  try {
    return { addon: require(path.join(folder, ADDON_FILE)), version: record.version };
  } catch (error) {
    const why = (error as Error).message.split('\n')[0];
    throw new EngineError('native', `its binary does not load here (${why}); run ${BUILD_COMMAND}`);
  }
}

/** The builds of the kernels that this processor can run, the best first. */
export interface InstructionSet {
  /** Index in the addon's list. */
  index: number;
  name: string;
}

const usableSets = (addon: Addon): InstructionSet[] =>
  addon.instructionSets.flatMap((name, index) => (name === null ? [] : [{ index, name }]));

/** Those of a built binary. @throws EngineError where it cannot be used */
export const setsOf = (folder: string): InstructionSet[] => usableSets(loadAddon(folder).addon);

/** AVX2 of "AVX2 with FMA" */
const spelt = ({ name }: InstructionSet) => name.split(' ')[0]!;

/**
 * The best one, or the one that WM_INSTRUCTIONS names (AVX-512, AVX2, SSE2; NEON): so a machine with more computes what
 * one with less does, to the byte, as long as the same compiler made both binaries.
 *
 * @throws UserError where the processor has no such set: it must not become another engine unseen
 */
function wantedSet(sets: readonly InstructionSet[]): InstructionSet {
  const wanted = process.env.WM_INSTRUCTIONS;
  const set = wanted ? sets.find((one) => spelt(one).toLowerCase() === wanted.toLowerCase()) : sets[0];
  if (set) return set;
  throw new UserError(
    `WM_INSTRUCTIONS: expected ${alternatives(sets.map(spelt))}, which engine native can use on this processor, got "${wanted}"`,
  );
}

const engineOf = ({ name }: InstructionSet, version: string): Engine => ({
  name: 'native',
  device: `processor, ${name}, 1 thread`,
  version,
  isGpu: false,
  stacksMembers: false,
});

/** What `startNative` would start. @throws EngineError or UserError as it does */
export function describeNative(folder = nativeFolder()): Engine {
  const { addon, version } = loadAddon(folder);
  return engineOf(wantedSet(usableSets(addon)), version);
}

/**
 * Makes the addon the engine of this process.
 *
 * @param folder of the binary
 * @param choose one of the processor's instruction sets; by default the one that WM_INSTRUCTIONS names, else the best
 * @throws EngineError that says in one sentence why it cannot, and what mends it; UserError as `wantedSet` does
 */
export async function startNative(
  folder = nativeFolder(),
  choose: (sets: readonly InstructionSet[]) => InstructionSet | undefined = wantedSet,
): Promise<Engine> {
  const { addon, version } = loadAddon(folder);
  const set = choose(usableSets(addon));
  if (!set) throw new EngineError('native', 'this processor has no such instruction set');
  const tf = await import('@tensorflow/tfjs-core');
  await registerGradients();
  tf.enableProdMode();
  const { NativeBackend } = await import('./native/backend.ts');
  const { registerKernels } = await import('./native/kernels.ts');
  const { registerCompiler } = await import('./compiled.ts');
  if (tf.findBackendFactory('native')) tf.removeBackend('native');
  tf.registerBackend('native', () => new NativeBackend(addon, set.index));
  registerKernels('native');
  registerCompiler('native', (await import('./native/compile.ts')).compile);
  await tf.setBackend('native');
  fillNoiseBy((await import('./native/noise.ts')).noiseFiller(tf.backend() as NativeBackend));
  return engineOf(set, version);
}

import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { RECORD_FILE } from '../engine/cache.ts';
import { EngineError } from '../engine/engine-error.ts';
import { type CompiledSet, compilation, instructionSets } from '../engine/native/compilation.ts';
import {
  ADDON_FILE,
  ADDON_SOURCES,
  type NativeRecord,
  nativeFolder,
  nativeVersion,
  setsOf,
  sha256,
} from '../engine/native.ts';
import { UserError } from '../errors.ts';
import { GROUP_SIGNALS } from '../experiment/signals.ts';
import {
  type Compiler,
  errorLine,
  type Installed,
  makeInstallation,
  requireCompiler,
  requireHeaders,
  tryOut,
  writeJson,
} from './installation.ts';
import { leaveOn } from './leave.ts';
import { type Ran, runProgram } from './run-program.ts';

/** How the addon is made to watch what it does. */
export interface Sanitizer {
  /** Of the compiler. */
  options: readonly string[];
  sets: readonly CompiledSet[];
  /** What a process needs that loads the addon. */
  environment: NodeJS.ProcessEnv;
}

/**
 * Compiles the addon, in a folder of its own under the cache folder, and computes something with it.
 *
 * @param say told what is being done
 * @param sanitizer has the addon watch what it does
 * @throws UserError for whatever is missing, in one sentence with what mends it; nothing is left behind.
 */
export async function buildNative(say: (step: string) => void, sanitizer?: Sanitizer): Promise<Installed> {
  if (process.platform === 'win32') {
    throw new UserError('engine native: it can be built on Linux and macOS alone; use --engine wasm');
  }
  const headers = requireHeaders('native');
  const compiler = await requireCompiler('native');
  const version = nativeVersion();
  const place = nativeFolder();
  return makeInstallation('native', async (folder) => {
    say(`compiling the engine native with ${compiler.version}, some 15 seconds`);
    const objects = path.join(folder, 'objects');
    mkdirSync(objects);
    const run = async (args: readonly string[]) => {
      // A compiler that is ended leaves its passes' files behind: they go with the folder.
      const ran = await runProgram(compiler.command, args, { env: { ...process.env, TMPDIR: objects } });
      if (ran.status !== 0) throw compilationError(compiler, ran);
    };
    const common = [...compilation.options, ...(sanitizer?.options ?? [])];
    const source = (name: string) => path.join(ADDON_SOURCES, name);
    const compiled = async ({ name, title, options }: CompiledSet, file: string): Promise<string> => {
      const object = path.join(objects, `${name}.o`);
      const set = [`-DWM_SET=${name}`, `-DWM_SET_TITLE="${title}"`];
      await run([...common, ...options, ...set, '-c', source(file), '-o', object]);
      return object;
    };
    const builds = sanitizer?.sets ?? instructionSets;
    const plain = { name: 'plain', title: '', options: [] };
    const [plainKernels, ...kernels] = await allEnded([
      compiled(plain, 'plain-kernels.cc'),
      ...builds.map((set) => compiled(set, 'kernels.cc')),
    ]);
    const binary = path.join(folder, ADDON_FILE);
    await run([
      ...[...common, '-shared', '-DNAPI_VERSION=8', '-I', headers],
      `-DWM_SETS(X)=${builds.map(({ name }) => `X(${name})`).join(' ')}`,
      ...['addon.cc', 'program.cc', 'memory.cc'].map(source),
      // Of what two objects have alike the linker takes the first: that of the set that every processor has.
      ...[plainKernels!, ...kernels.toReversed()],
      // Node has Node's C interface, which macOS wants to hear.
      ...(process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []),
      ...['-o', binary],
    ]);
    rmSync(objects, { recursive: true });
    if (nativeVersion() !== version) {
      throw new UserError('engine native: its sources have changed meanwhile; run the same command again', 1);
    }
    const record: NativeRecord = {
      version,
      compiler: compiler.version,
      digest: sha256(readFileSync(binary)),
      madeAt: new Date().toISOString(),
    };
    writeJson(path.join(folder, RECORD_FILE), record);
    say('computing one operation');
    const remedy = 'try another compiler, or use --engine wasm';
    const engine = await tryOut('native', { folder }, remedy, sanitizer?.environment);
    return { engine, place };
  });
}

/** What all come to. @throws what the first of those that fail does, once none goes on in a folder that is removed */
async function allEnded<T>(tasks: readonly Promise<T>[]): Promise<T[]> {
  const failed = (await Promise.allSettled(tasks)).find(({ status }) => status === 'rejected');
  if (failed) throw (failed as PromiseRejectedResult).reason;
  return Promise.all(tasks);
}

/**
 * The step of wm's own build that builds the engine where it is not built for these sources yet. Where that cannot be
 * done wm computes with wasm: it is said in one sentence and fails nothing.
 */
export async function buildNativeIfPossible(say: (line: string) => void): Promise<void> {
  try {
    if (isBuilt()) return;
    leaveOn(GROUP_SIGNALS);
    const { engine, folder } = await buildNative(say);
    say(`engine ${engine.name} is ready: ${engine.device}, in ${folder}`);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    say(`wm is built, without its fastest engine: ${error.message}`);
  }
}

/** Whether it loads, whichever set WM_INSTRUCTIONS names. */
function isBuilt(): boolean {
  try {
    setsOf(nativeFolder());
    return true;
  } catch (error) {
    if (error instanceof EngineError) return false;
    throw error;
  }
}

function compilationError({ command, version }: Compiler, ran: Ran): UserError {
  return new UserError(
    `engine native: ${command} (${version}) does not compile it (${errorLine(ran)}); set CXX to g++ 9, clang++ 11 or a newer one`,
    1,
  );
}

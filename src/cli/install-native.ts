import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { RECORD_FILE } from '../engine/cache.ts';
import { ADDON_FILE, ADDON_SOURCES, type NativeRecord, nativeFolder, sha256 } from '../engine/native.ts';
import { UserError } from '../errors.ts';
import {
  errorLine,
  HEADERS,
  type Installed,
  makeInstallation,
  requireCompiler,
  tryOut,
  writeJson,
} from './installation.ts';
import { type Ran, runProgram } from './run-program.ts';

/** The instruction sets that the kernels are compiled for, the best first: their namespace and how they are asked for. */
interface InstructionSet {
  name: string;
  title: string;
  options: readonly string[];
}

const sets: Partial<Record<NodeJS.Architecture, readonly InstructionSet[]>> = {
  x64: [
    {
      name: 'avx512',
      title: 'AVX-512',
      options: ['-mavx512f', '-mavx512dq', '-mfma', '-mprefer-vector-width=512'],
    },
    { name: 'avx2', title: 'AVX2 with FMA', options: ['-mavx2', '-mfma'] },
    { name: 'baseline', title: 'SSE2', options: [] },
  ],
  arm64: [{ name: 'baseline', title: 'NEON', options: [] }],
};

const others: readonly InstructionSet[] = [{ name: 'baseline', title: 'vectors of 128 bits', options: [] }];

/** As fast as the compiler can, without what changes results that are not finite. */
const OPTIONS = [
  '-std=c++17',
  '-O2',
  '-ftree-vectorize',
  '-fPIC',
  '-fno-math-errno',
  '-fno-trapping-math',
  '-fvisibility=hidden',
];

/**
 * Compiles the addon, in a folder of its own under the cache folder, and computes something with it.
 *
 * @param say told what is being done
 * @throws UserError for whatever is missing, in one sentence with what mends it; nothing is left behind.
 */
export async function buildNative(say: (step: string) => void): Promise<Installed> {
  if (process.platform === 'win32') {
    throw new UserError('engine native: it can be built on Linux and macOS alone; use --engine wasm');
  }
  const compiler = await requireCompiler('native');
  return makeInstallation(async (folder) => {
    say(`compiling with ${compiler.version}`);
    const run = async (args: readonly string[]) => {
      const ran = await runProgram(compiler.command, args);
      if (ran.status !== 0) throw compilationError(compiler.command, ran);
    };
    const builds = sets[process.arch] ?? others;
    const objects = path.join(folder, 'objects');
    mkdirSync(objects);
    const object = (name: string) => path.join(objects, `${name}.o`);
    const source = (name: string) => path.join(ADDON_SOURCES, name);
    await Promise.all(
      builds.map(({ name, title, options }) =>
        run([
          ...OPTIONS,
          ...options,
          ...[`-DWM_SET=${name}`, `-DWM_SET_TITLE="${title}"`],
          ...['-c', source('kernels.cc'), '-o', object(name)],
        ]),
      ),
    );
    const binary = path.join(folder, ADDON_FILE);
    await run([
      ...[...OPTIONS, '-shared', '-DNAPI_VERSION=8', '-I', HEADERS],
      `-DWM_SETS(X)=${builds.map(({ name }) => `X(${name})`).join(' ')}`,
      ...['addon.cc', 'program.cc', 'memory.cc'].map(source),
      // Of what two objects have alike the linker takes the first: that of the set that every processor has.
      ...builds.toReversed().map(({ name }) => object(name)),
      // Node has Node's C interface, which macOS wants to hear.
      ...(process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []),
      ...['-o', binary],
    ]);
    rmSync(objects, { recursive: true });
    const record: NativeRecord = {
      compiler: compiler.version,
      digest: sha256(readFileSync(binary)),
      madeAt: new Date().toISOString(),
    };
    writeJson(path.join(folder, RECORD_FILE), record);
    say('computing one operation');
    const engine = await tryOut('native', { folder }, 'try another compiler, or use --engine wasm');
    return { engine, place: nativeFolder() };
  });
}

function compilationError(command: string, ran: Ran): UserError {
  return new UserError(
    `engine native: its kernels do not compile (${errorLine(ran)}); set CXX to g++ 9 or clang++ 11 or newer than ${command} here`,
    1,
  );
}

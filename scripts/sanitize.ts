import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { buildNative } from '../src/cli/install-native.ts';
import { requireCompiler, tryOut } from '../src/cli/installation.ts';
import { runProgram } from '../src/cli/run-program.ts';
import { cacheFolder, RECORD_FILE } from '../src/engine/cache.ts';
import { type CompiledSet, instructionSets } from '../src/engine/native/compilation.ts';
import { nativeFolder } from '../src/engine/native.ts';
import { UserError } from '../src/errors.ts';

/**
 * Compiles the engine native so that it stops at the first read or write beside its memory and at what C++ leaves
 * undefined, into a cache folder of its own, and runs the engine's tests on it:
 *
 *   npm run sanitize
 */

const TESTS = ['native', 'programs', 'kernels', 'nn', 'update'].map((name) => `test/${name}.test.ts`);
const SANITIZERS = 'address,undefined,float-cast-overflow';

/** The sizes of the vectors and tiles of sets that the machine may lack, in instructions that it has. */
const shapes: readonly CompiledSet[] = [
  { name: 'wide', title: 'shapes of AVX-512', options: ['-DWM_LANES=16', '-DWM_TILE_ROWS=12'] },
  { name: 'tall', title: 'shapes of NEON', options: ['-DWM_LANES=4', '-DWM_TILE_ROWS=12'] },
];

/** The library that has to be in a process before any other. @throws UserError where it is missing */
async function addressSanitizer(): Promise<string> {
  const { command } = await requireCompiler('native');
  const { stdout } = await runProgram(command, ['-print-file-name=libasan.so']);
  const library = stdout.trim();
  // What the compiler does not find it gives back as it was asked for.
  if (path.isAbsolute(library) && existsSync(library)) return library;
  throw new UserError(
    `sanitize: ${command} has no libasan.so; install it (on Debian and Ubuntu it comes with g++), or set CXX to a g++ that has it`,
  );
}

/** Whether the engine is there and computes: its tests pass by one that cannot be loaded. */
async function loads(environment: NodeJS.ProcessEnv): Promise<boolean> {
  if (!existsSync(path.join(nativeFolder(), RECORD_FILE))) return false;
  try {
    await tryOut('native', { folder: nativeFolder() }, 'it is built anew', environment);
    return true;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    say(error.message);
    return false;
  }
}

const say = (text: string) => void process.stderr.write(`${text}\n`);

async function main(): Promise<number> {
  process.env.WM_CACHE = path.join(cacheFolder('native'), 'sanitized');
  const environment = {
    ...process.env,
    LD_PRELOAD: await addressSanitizer(),
    // Node frees little when it ends. What is too large is to be refused as without the sanitizer.
    ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1',
    UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
  };
  if (!(await loads(environment))) {
    const options = [`-fsanitize=${SANITIZERS}`, '-fno-sanitize-recover=all', '-g', '-O1'];
    await buildNative(say, { options, sets: [...instructionSets, ...shapes], environment });
  }
  const args = ['--import', 'tsx', '--test', ...TESTS];
  const { status } = spawnSync(process.execPath, args, { env: environment, stdio: 'inherit' });
  return status ?? 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  say(error.message);
  process.exitCode = 2;
}

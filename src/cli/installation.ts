import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder } from '../engine/cache.ts';
import type { Engine } from '../engine/description.ts';
import type { EngineName } from '../engine/names.ts';
import { UserError } from '../errors.ts';
import { makeFolder } from '../runs/atomic.ts';
import { isSystemError } from '../runs/on-disk.ts';
import { alternatives } from '../words.ts';
import { withPassingFolder } from './passing-folder.ts';
import { type Ran, runProgram } from './run-program.ts';

/**
 * The headers of Node's C interface: stable over Node's versions, and as a package they need no other source.
 *
 * @throws UserError where the package is missing
 */
export function requireHeaders(engine: EngineName): string {
  const { resolve } = createRequire(import.meta.url);
  try {
    return path.join(path.dirname(resolve('node-api-headers/package.json')), 'include');
  } catch {
    throw new UserError(
      `engine ${engine}: the package node-api-headers is missing; install wm's packages anew (in a checkout: \`npm ci\`)`,
    );
  }
}

/** An engine that has computed something, and where it is. */
export interface Installed {
  engine: Engine;
  folder: string;
}

/**
 * Has `make` fill a side folder of the cache folder, with a RECORD_FILE in it, and puts it in its place, replacing what
 * is there. Nothing is left of the side folder, also when a signal ends this process.
 */
export async function makeInstallation(
  name: EngineName,
  make: (folder: string) => Promise<{ engine: Engine; place: string }>,
): Promise<Installed> {
  const folder = makeSideFolder(name);
  return withPassingFolder(folder, async () => {
    try {
      const { engine, place } = await make(folder);
      // It was made for this user's eyes alone; a cache folder may be shared.
      chmodSync(folder, 0o777 & ~process.umask());
      putInPlace(folder, place);
      return { engine, folder: place };
    } catch (error) {
      throw isSystemError(error) ? unwritable(name, error) : error;
    }
  });
}

/** A new side folder in the cache folder. @throws UserError where that cannot be written. */
function makeSideFolder(name: EngineName): string {
  const cache = cacheFolder(name);
  try {
    makeFolder(cache);
    return mkdtempSync(path.join(cache, 'unfinished-'));
  } catch (error) {
    throw unwritable(name, error as Error);
  }
}

const unwritable = (name: EngineName, { message }: Error): UserError =>
  new UserError(`${cacheFolder(name)} cannot be written (${message}); set WM_CACHE to a folder that can`);

/** Another process may put its own installation there in between: of two that are made at once the last one stays. */
function putInPlace(folder: string, place: string): void {
  for (let tries = 1; ; tries++) {
    try {
      rmSync(place, { recursive: true, force: true });
      renameSync(folder, place);
      return;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? '';
      if (tries === 10 || !['ENOTEMPTY', 'EEXIST'].includes(code)) throw error;
    }
  }
}

/**
 * Has an engine compute in a process of its own, which a library that does not fit may end.
 *
 * @param binary what is to be loaded, as check-engine.ts takes it
 * @param remedy what to do where it ends its process
 * @param environment of that process; by default this one's
 * @throws UserError where it does not compute
 */
export async function tryOut(
  name: EngineName,
  binary: object,
  remedy: string,
  environment?: NodeJS.ProcessEnv,
): Promise<Engine> {
  const entry = fileURLToPath(new URL(`./check-engine${path.extname(import.meta.url)}`, import.meta.url));
  const given = JSON.stringify({ name, binary });
  const child = await runProgram(process.execPath, [...process.execArgv, entry, given], {
    env: environment ?? process.env,
  });
  if (child.status !== 0) {
    throw new UserError(
      `engine ${name}: the library ended its process (${child.signal ?? errorLine(child)}); ${remedy}`,
      1,
    );
  }
  const { engine, problem } = JSON.parse(child.stdout);
  if (problem) throw new UserError(problem, 1);
  return engine;
}

/** A C++ compiler, and its first line about itself. */
export interface Compiler {
  command: string;
  version: string;
}

/** What a C++ compiler may be called: the first that starts is taken. */
const COMPILERS = ['g++', 'clang++', 'c++'];

/** $CXX or one of COMPILERS. @throws UserError where there is none. */
export async function requireCompiler(engine: EngineName): Promise<Compiler> {
  const { CXX } = process.env;
  for (const command of CXX ? [CXX] : COMPILERS) {
    const { status, stdout } = await runProgram(command, ['--version']);
    if (status === 0) return { command, version: stdout.split('\n')[0]! };
  }
  const install =
    process.platform === 'darwin'
      ? '`xcode-select --install`'
      : 'on Debian and Ubuntu: `apt-get install g++`';
  throw new UserError(
    CXX
      ? `engine ${engine}: the C++ compiler ${CXX} is missing; install it, or set CXX to another`
      : `engine ${engine}: a C++ compiler is missing (${alternatives(COMPILERS)}); install one (${install}), or set CXX to it`,
  );
}

/** The line of a failed command's output that says why. */
export function errorLine({ stderr, stdout, status }: Ran): string {
  const lines = `${stderr}\n${stdout}`.split('\n').map((line) => line.trim());
  return (
    lines.find((line) => /\berror\b/i.test(line)) ?? lines.find(Boolean) ?? `it ended with code ${status}`
  );
}

export function writeJson(file: string, value: object): void {
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
}

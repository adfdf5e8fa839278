import { type SpawnOptions, type SpawnSyncOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { constants, tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../bin/wm.js', import.meta.url));

/** The command line of the real program, compiled by `npm run build`. */
export const wm = [process.execPath, program];

/**
 * The same for a training of a second or two and its workers: V8's optimizing compiler would take a fifth of their time,
 * give nothing back, and change no number.
 */
export const wmBriefly = [process.execPath, '--no-opt', program];

/** What a command line came to. */
export interface Answered {
  /** What a shell shows: of a process that a signal ended 128 and its number. */
  code: number;
  stdout: string;
  stderr: string;
}

/** What a process came to. */
export interface Ended extends Answered {
  signal: NodeJS.Signals | null;
}

/** The environment of a program that is to find the engines that this machine has. */
export const installedEngines: NodeJS.ProcessEnv = { WM_CACHE: process.env.WM_CACHE };

/**
 * Whoever runs the tests may prefer an engine, or have set one up; the tests do not: theirs finds a cache folder that
 * nobody makes, so that `auto` is wasm wherever there is no GPU.
 */
export const environment = (env: NodeJS.ProcessEnv = {}) => ({
  ...process.env,
  WM_ENGINE: '',
  WM_CACHE: path.join(tmpdir(), 'wm-tests-without-engines'),
  ...env,
});

/** Starts a command line, what it needs of the environment added to the tests' own. */
export function launch([program, ...args]: string[], options: Omit<SpawnOptions, 'stdio'>) {
  const env = environment(options.env);
  const child = spawn(program!, args, { ...options, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]).then(
    ([[code, signal], stdout, stderr]): Ended => ({
      ...{ code: code ?? 128 + constants.signals[signal as NodeJS.Signals], signal },
      ...{ stdout, stderr },
    }),
  );
  return { child, ended };
}

/** Starts `wm` in a folder; what it trains is small. */
export function start(cwd: string, ...args: string[]) {
  const trains = args[0] === 'train' || args[0] === 'sweep';
  return launch([...(trains ? wmBriefly : wm), ...args], { cwd });
}

/** Runs `wm` in a folder to its end. */
export const run = (cwd: string, ...args: string[]) => start(cwd, ...args).ended;

/** A command line of `wm` and where it is typed. */
export interface CommandLine {
  cwd: string;
  args: string[];
}

/**
 * Runs command lines of `wm` one after the other in one process, for which it starts once: for those that are refused
 * before they begin. What ends a process otherwise than by returning needs `run`.
 */
export async function runInTurn(
  lines: readonly CommandLine[],
  env: NodeJS.ProcessEnv = {},
): Promise<Answered[]> {
  const script = fileURLToPath(new URL('in-turn.js', import.meta.url));
  const command = [process.execPath, script, JSON.stringify(lines)];
  const { code, stdout, stderr } = await launch(command, { env }).ended;
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

/** Runs `wm` to its end while nothing else goes on. */
export function runSync(args: string[], options: SpawnSyncOptions = {}) {
  const [program, ...before] = wm;
  const env = environment(options.env);
  return spawnSync(program!, [...before, ...args], { ...options, env, encoding: 'utf8' });
}

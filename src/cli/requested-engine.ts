import { type ConfigInput, readSource } from '../config/load.ts';
import { EngineError } from '../engine/engine-error.ts';
import { type EngineName, engineNames } from '../engine/names.ts';
import { UserError } from '../errors.ts';
import { alternatives } from '../words.ts';

/** The engine that `--engine` names or, without it, the variable WM_ENGINE. @throws UserError for an unknown one. */
export function requestedEngine(option: string | undefined): EngineName | 'auto' {
  const name = option ?? (process.env.WM_ENGINE || 'auto');
  const known = ['auto', ...engineNames] as const;
  const engine = known.find((candidate) => candidate === name);
  if (engine) return engine;
  const origin = option === undefined ? 'WM_ENGINE' : '--engine';
  throw new UserError(`${origin}: expected ${alternatives(known)}, got "${name}"`);
}

/** The engine that WM_ENGINE alone asks a config's runs to take, if any. */
export function engineOfVariable(input: ConfigInput): string | undefined {
  const { defaultEngine, ...rest } = input;
  return defaultEngine === undefined || readSource(rest).has(['engine']) ? undefined : defaultEngine;
}

/** Does some work, and names WM_ENGINE in the error where the engine that it asks for cannot load. */
export async function blamingVariable<T>(engine: string | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof EngineError && error.engine === engine)) throw error;
    throw new UserError(`WM_ENGINE: ${error.message}`);
  }
}

import { type EngineName, engineNames } from '../engine/names.ts';
import { UserError } from '../errors.ts';

/** The engine that an option names. @throws UserError for an unknown one. */
export function requestedEngine(name: string): EngineName | 'auto' {
  const known = ['auto', ...engineNames] as const;
  const engine = known.find((candidate) => candidate === name);
  if (engine) return engine;
  throw new UserError(`--engine: expected ${known.join(', ')}, got "${name}"`);
}

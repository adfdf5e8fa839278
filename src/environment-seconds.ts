import { UserError } from './errors.ts';

/**
 * The seconds that a variable of the environment sets; where it is empty or absent, the default.
 *
 * @throws UserError where it is no number from 1 to a million.
 */
export function secondsOf(
  variable: string,
  environment: Readonly<Record<string, string | undefined>>,
  fallback: number,
): number {
  const text = environment[variable] ?? '';
  if (text === '') return fallback;
  const value = Number(text);
  if (value >= 1 && value <= 1e6) return value;
  throw new UserError(`${variable}: expected a number of seconds from 1 to 1000000, got "${text}"`);
}

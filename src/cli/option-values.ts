import { InvalidArgumentError } from 'commander';
import type { SeedShare } from '../experiment/seed-share.ts';

// What options of the command line take, as commander asks for it. Each but the first throws an InvalidArgumentError that
// says what it expected.

/** An option that may be given several times. */
export function repeated(value: string, previous: string[]): string[] {
  return [...previous, value];
}

/** Seeds, cells and steps, the first of which is 0. */
export function parseIndex(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value < 2 ** 31) return value;
  throw new InvalidArgumentError('expected a whole number from 0 on.');
}

/** `0/2`, the first of two shares. */
export function parseShare(text: string): SeedShare {
  const [index, count] = /^\d{1,5}\/\d{1,5}$/.test(text) ? text.split('/').map(Number) : [];
  if (index !== undefined && count !== undefined && index < count) return { index, count };
  throw new InvalidArgumentError(
    'expected i/n, a share from 0 to n - 1 and how many there are, such as 0/2.',
  );
}

export const parseCount = (text: string) => parseWhole(text, 1, 1_000_000);
export const parseSteps = (text: string) => parseWhole(text, 1, 100_000_000);
export const parsePort = (text: string) => parseWhole(text, 0, 65_535);

function parseWhole(text: string, least: number, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new InvalidArgumentError(`expected a whole number from ${least} to ${most}.`);
}

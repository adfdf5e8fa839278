import type { Experiment } from '../config/schema.ts';
import { UserError } from '../errors.ts';
import { counted } from '../words.ts';

/** One of `count` shares of a run's seeds, the first has `index` 0. */
export interface SeedShare {
  index: number;
  count: number;
}

/**
 * The seeds of a share, those that follow each other in the config: of five seeds in two shares, the first three or the
 * last two.
 *
 * @throws UserError where there are fewer seeds than shares, and this one is empty.
 */
export function shareOf({ index, count }: SeedShare, { name, seeds }: Experiment): number[] {
  const own = seeds.filter((_, i) => Math.floor((i * count) / seeds.length) === index);
  if (own.length > 0) return own;
  throw new UserError(
    `--seed-share ${index}/${count}: ${name} has ${counted(seeds.length, 'seed')}, and none is in that share; take fewer shares`,
  );
}

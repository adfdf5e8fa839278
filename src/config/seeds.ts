import { UserError } from '../errors.ts';

/** Seeds of one run. */
export const MOST_SEEDS = 10_000;

/**
 * The value of `--seeds` as a list in YAML: ranges, `0-9` or `0..9`, are written out, both ends included; all else stays as
 * it is, for the schema to judge. `0-2,10` gives `[0,1,2,10]`.
 *
 * @throws UserError for a range that runs backwards or is too long.
 */
export function expandSeeds(text: string): string {
  let ranged = 0;
  const items = text.split(',').map((item) => {
    const [, first, last] = /^\s*(\d{1,10})\s*(?:-|\.\.)\s*(\d{1,10})\s*$/.exec(item) ?? [];
    if (first === undefined || last === undefined) return item;
    const [from, to] = [Number(first), Number(last)];
    if (to < from) {
      throw new UserError(`--seeds: the range ${item.trim()} runs backwards, write ${to}-${from}`);
    }
    ranged += to - from + 1;
    if (ranged > MOST_SEEDS) {
      throw new UserError(`--seeds: with the range ${item.trim()} these are more than ${MOST_SEEDS} seeds`);
    }
    return Array.from({ length: to - from + 1 }, (_, i) => from + i).join(',');
  });
  return `[${items.join(',')}]`;
}

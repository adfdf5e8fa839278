import { inline } from '../config/describe.ts';
import { configOrigins, type ResolvedValue } from '../config/origins.ts';
import { shorten } from '../words.ts';
import { alignColumns } from './align.ts';
import { type ConfigOptions, configInput } from './config-file.ts';

/** Characters of a value in the table; a list of many seeds is whole in JSON. */
const WIDEST = 60;

/** `wm config show`: every value of a config and where it is from, of a sweep those of each cell too. Returns the exit code. */
export function configShowCommand(file: string, options: ConfigOptions & { json?: boolean }): number {
  const input = configInput({ ...options, config: file });
  const { values, cells } = configOrigins(input);
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ file: input.file, values, ...(cells && { cells }) })}\n`);
    return 0;
  }
  process.stdout.write(alignColumns([['key', 'value', 'from'], ...values.map(wordsOf)]));
  if (cells) {
    const rows = cells.flatMap(({ name, values }) =>
      values.map((value, index) => [index === 0 ? name : '', ...wordsOf(value)]),
    );
    process.stdout.write(`\n${alignColumns([['cell', 'key', 'value', 'from'], ...rows])}`);
  }
  return 0;
}

function wordsOf({ key, value, by, place }: ResolvedValue): string[] {
  const from = by === 'arm' ? `${place} (arm)` : (place ?? by);
  return [key, shorten(inline(value), WIDEST), from];
}

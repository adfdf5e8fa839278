import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CsvRow, parseCsv } from '../../src/runs/csv.ts';

/** Pages and published runs, held against each other. */

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The rows of a file below runs/. */
export function publishedRows(...names: string[]): CsvRow[] {
  const file = join(root, 'runs', ...names);
  return parseCsv(readFileSync(file, 'utf8'), file).rows;
}

/**
 * The numbers of a published run's seeds, by column of metrics.csv, at the evaluation where `mark` has a value.
 *
 * @param seeds how many there are to be
 */
export function publishedAt(
  run: string,
  mark: 'env_step' | 'update',
  value: number,
  seeds: number,
): { has: (column: string) => boolean; of: (column: string) => number[] } {
  const rows = publishedRows(run, 'metrics.csv').filter((row) => row[mark] === value);
  assert.equal(rows.length, seeds, run);
  return {
    has: (column) => column in rows[0]!,
    of: (column) => rows.map((row) => Number(row[column])),
  };
}

/** Asserts of cells that a page, a path from the root, has them as the row of a table. */
export function rowsOf(page: string): (...cells: string[]) => void {
  const text = readFileSync(join(root, page), 'utf8');
  return (...cells) => {
    const line = `| ${cells.join(' | ')} |`;
    assert.ok(text.includes(line), `${page} lacks ${line}`);
  };
}

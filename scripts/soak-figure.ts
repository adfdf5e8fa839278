import { writeFileSync } from 'node:fs';
import { renderSvg } from '../src/figures/index.ts';
import { page, SCHEMA, stepAxis } from '../src/figures/theme.ts';
import { numericRows, readCsv } from '../src/runs/csv.ts';

/**
 * Draws what `npm run soak` has written:
 *
 *   npm run soak:figure -- docs/soak.csv docs/soak.svg
 */

const [from = 'docs/soak.csv', to = 'docs/soak.svg'] = process.argv.slice(2);
const table = readCsv(from);
if (!table) throw new Error(`${from} is missing`);
const rows = numericRows(table.rows, from);
const last = rows.at(-1)!;
const x = { field: 'env_step', type: 'quantitative', title: 'environment steps', axis: stepAxis } as const;
/** One quantity over the steps, from zero, so that growth cannot hide in the scale. */
const panel = (field: string, title: string) =>
  ({
    width: 270,
    height: 90,
    mark: { type: 'line', strokeWidth: 1 },
    encoding: { x, y: { field, type: 'quantitative', title, scale: { zero: true }, axis: { tickCount: 4 } } },
  }) as const;
const spec = {
  $schema: SCHEMA,
  config: page(0).config,
  data: { values: rows },
  vconcat: [
    panel('resident_megabytes', 'resident MB'),
    panel('tensors', 'tensors'),
    panel('checkpoint_bytes', 'checkpoint bytes'),
  ],
} as const;
const description = `Memory, tensors and checkpoint size over ${last.env_step} steps; at the end ${last.resident_megabytes} MB and ${last.tensors} tensors`;
writeFileSync(to, `${await renderSvg({ ...spec, vconcat: [...spec.vconcat] }, description)}`);

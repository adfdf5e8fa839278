import path from 'node:path';
import type { Figure } from '../figures/figure.ts';
import { renderSvg } from '../figures/render.ts';
import { makeFolder, replaceFile } from '../runs/atomic.ts';

/**
 * Writes tables and figures into a folder, and says so.
 *
 * @param files contents by file name
 */
export function writeFiles(out: string, files: Record<string, string>): void {
  makeFolder(out);
  for (const [name, content] of Object.entries(files)) replaceFile(path.join(out, name), content);
  process.stderr.write(`wrote ${Object.keys(files).join(', ')} to ${out}\n`);
}

/** Each figure as SVG and, beside it, as the Vega-Lite specification that any editor opens. Contents by file name. */
export async function figureFiles(figures: readonly Figure[]): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const { name, spec, description } of figures) {
    files[`${name}.svg`] = `${await renderSvg(spec, description)}\n`;
    files[`${name}.vl.json`] = `${JSON.stringify(spec)}\n`;
  }
  return files;
}

import path from 'node:path';
import { compareRuns } from '../compare/index.ts';
import { figuresOf, renderSvg } from '../figures/index.ts';
import { makeFolder, replaceFile } from '../runs/atomic.ts';
import type { Run } from '../runs/read.ts';

interface CompareOptions {
  paper?: boolean;
  seedValues?: boolean;
  out?: string;
  json?: boolean;
}

/** `wm compare`. Returns the exit code. */
export async function compareCommand(
  dirs: readonly string[],
  { paper = false, seedValues = false, out, json }: CompareOptions,
): Promise<number> {
  const { runs, sections: _, text, files: tables, ...data } = compareRuns(dirs, { paper, seedValues });
  if (out !== undefined) {
    const files = { ...tables, ...(await figureFiles(runs)) };
    makeFolder(out);
    for (const [name, content] of Object.entries(files)) replaceFile(path.join(out, name), content);
    process.stderr.write(`wrote ${Object.keys(files).join(', ')} to ${out}\n`);
  }
  process.stdout.write(json ? `${JSON.stringify(data)}\n` : text);
  return 0;
}

/** Each figure as SVG and, beside it, as the Vega-Lite specification that any editor opens. Contents by file name. */
async function figureFiles(runs: readonly Run[]): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const { name, spec, description } of figuresOf(runs)) {
    files[`${name}.svg`] = `${await renderSvg(spec, description)}\n`;
    files[`${name}.vl.json`] = `${JSON.stringify(spec)}\n`;
  }
  return files;
}

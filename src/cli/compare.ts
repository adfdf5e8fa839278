import path from 'node:path';
import { type Comparison, compareByEnvironment, compareRuns } from '../compare/index.ts';
import { figuresOf, renderSvg } from '../figures/index.ts';
import { makeFolder, replaceFile } from '../runs/atomic.ts';
import type { Run } from '../runs/read.ts';

interface CompareOptions {
  paper?: boolean;
  seedValues?: boolean;
  byEnvironment?: boolean;
  out?: string;
  json?: boolean;
}

/** `wm compare`. Returns the exit code. */
export async function compareCommand(
  dirs: readonly string[],
  { paper = false, seedValues = false, byEnvironment = false, out, json }: CompareOptions,
): Promise<number> {
  if (!byEnvironment) {
    const { text, data } = await written(compareRuns(dirs, { paper, seedValues }), out);
    process.stdout.write(json ? `${JSON.stringify(data)}\n` : text);
    return 0;
  }
  const parts: { environment: string; text: string; data: unknown }[] = [];
  for (const { environment, comparison } of compareByEnvironment(dirs, { paper, seedValues })) {
    parts.push({ environment, ...(await written(comparison, out && path.join(out, environment))) });
  }
  process.stdout.write(
    json
      ? `${JSON.stringify(Object.fromEntries(parts.map(({ environment, data }) => [environment, data])))}\n`
      : parts.map(({ environment, text }) => `${environment}\n\n${text}`).join('\n'),
  );
  return 0;
}

/** Writes a comparison's files into the folder `out`, where one is given; gives its text and its data. */
async function written(
  { runs, sections: _, text, files: tables, ...data }: Comparison,
  out: string | undefined,
): Promise<{ text: string; data: unknown }> {
  if (out !== undefined) {
    const files = { ...tables(), ...(await figureFiles(runs)) };
    makeFolder(out);
    for (const [name, content] of Object.entries(files)) replaceFile(path.join(out, name), content);
    process.stderr.write(`wrote ${Object.keys(files).join(', ')} to ${out}\n`);
  }
  return { text, data };
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

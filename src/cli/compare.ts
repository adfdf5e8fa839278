import path from 'node:path';
import { compareRuns } from '../compare/index.ts';
import { makeFolder, replaceFile } from '../runs/atomic.ts';

interface CompareOptions {
  paper?: boolean;
  out?: string;
  json?: boolean;
}

/** `wm compare`. Returns the exit code. */
export function compareCommand(
  dirs: readonly string[],
  { paper = false, out, json }: CompareOptions,
): number {
  const { rows, notes, text, csv, markdown, latex } = compareRuns(dirs, { paper });
  if (out !== undefined) {
    makeFolder(out);
    replaceFile(path.join(out, 'table1.csv'), csv);
    replaceFile(path.join(out, 'table1.md'), markdown);
    replaceFile(path.join(out, 'table1.tex'), latex);
    process.stderr.write(`wrote table1.csv, table1.md and table1.tex to ${out}\n`);
  }
  process.stdout.write(json ? `${JSON.stringify({ rows, notes })}\n` : text);
  return 0;
}

import path from 'node:path';
import { compareRuns } from '../compare/index.ts';
import { makeFolder, replaceFile } from '../runs/atomic.ts';

interface CompareOptions {
  paper?: boolean;
  seedValues?: boolean;
  out?: string;
  json?: boolean;
}

/** `wm compare`. Returns the exit code. */
export function compareCommand(
  dirs: readonly string[],
  { paper = false, seedValues = false, out, json }: CompareOptions,
): number {
  const { text, files, ...data } = compareRuns(dirs, { paper, seedValues });
  if (out !== undefined) {
    makeFolder(out);
    for (const [name, content] of Object.entries(files)) replaceFile(path.join(out, name), content);
    process.stderr.write(`wrote ${Object.keys(files).join(', ')} to ${out}\n`);
  }
  process.stdout.write(json ? `${JSON.stringify(data)}\n` : text);
  return 0;
}

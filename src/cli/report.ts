import path from 'node:path';
import { reportOn } from '../report/index.ts';
import { makeFolder, replaceFile } from '../runs/atomic.ts';

interface ReportOptions {
  paper?: boolean;
  out: string;
}

/** `wm report`. Returns the exit code. */
export async function reportCommand(
  dirs: readonly string[],
  { paper = false, out }: ReportOptions,
): Promise<number> {
  const page = await reportOn(dirs, { paper });
  makeFolder(path.dirname(out));
  replaceFile(out, page);
  process.stderr.write(`wrote ${out}\n`);
  return 0;
}

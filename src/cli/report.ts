import path from 'node:path';
import { UserError } from '../errors.ts';
import { reportByEnvironment, reportOn } from '../report/index.ts';
import { makeFolder, replaceFile } from '../runs/atomic.ts';

interface ReportOptions {
  paper?: boolean;
  byEnvironment?: boolean;
  out: string;
}

/** `wm report`. Returns the exit code. */
export async function reportCommand(
  dirs: readonly string[],
  { paper = false, byEnvironment = false, out }: ReportOptions,
): Promise<number> {
  if (out === '' || /[/\\]$/.test(out)) {
    throw new UserError(`--out ${out}: expected the name of a file, such as report.html`);
  }
  const pages = byEnvironment
    ? await reportByEnvironment(dirs, { paper })
    : [{ environment: undefined, page: await reportOn(dirs, { paper }) }];
  makeFolder(path.dirname(out));
  for (const { environment, page } of pages) {
    const file = environment === undefined ? out : suffixed(out, environment);
    replaceFile(file, page);
    process.stderr.write(`wrote ${file}\n`);
  }
  return 0;
}

/** `report.html` for an environment: `report-Pendulum-v1.html`, `report-MinAtar-Breakout-v0.html`. */
function suffixed(file: string, environment: string): string {
  const { dir, name, ext } = path.parse(file);
  return path.join(dir, `${name}-${environment.replace('/', '-')}${ext}`);
}

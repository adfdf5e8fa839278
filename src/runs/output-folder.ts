import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { makeFolder, onDisk, replaceFile } from './atomic.ts';

/**
 * Writes files into a folder that is made for them.
 *
 * @param option what the user gave the folder by, such as `--web`
 * @param replace whether other files may stand there already; those of the same names are replaced
 * @throws UserError where it holds something and may not, before anything is written, or the system refuses.
 */
export function writeOutputFolder(
  dir: string,
  files: Readonly<Record<string, string | Uint8Array>>,
  option: string,
  replace: boolean,
): void {
  makeFolder(dir);
  const [there] = onDisk(dir, () => readdirSync(dir));
  if (there !== undefined && !replace) {
    throw new UserError(
      `${option} ${dir}: holds ${there} already; choose an empty folder, or write into this one with --replace`,
    );
  }
  for (const [name, content] of Object.entries(files)) replaceFile(join(dir, name), content);
}

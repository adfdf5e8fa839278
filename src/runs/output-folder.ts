import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { makeFolder, replaceFile } from './atomic.ts';
import { onDisk } from './on-disk.ts';

/**
 * Makes a folder to write into.
 *
 * @param option what the user gave it by, such as `--web`
 * @param otherwise what else than another folder would do, where it holds something
 * @throws UserError where it holds something, or the system refuses.
 */
export function openEmptyFolder(dir: string, option: string, otherwise = ''): void {
  makeFolder(dir);
  const [there] = onDisk(dir, () => readdirSync(dir));
  if (there === undefined) return;
  throw new UserError(`${option} ${dir}: holds ${there} already; choose an empty folder${otherwise}`);
}

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
  if (replace) makeFolder(dir);
  else openEmptyFolder(dir, option, ', or write into this one with --replace');
  for (const [name, content] of Object.entries(files)) replaceFile(join(dir, name), content);
}

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';

/** Makes a folder that is deleted after the tests of the file, suite or test that asks for it. */
export function temporaryFolder(name: string): string {
  const dir = mkdtempSync(path.join(tmpdir(), `wm-${name}-`));
  after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

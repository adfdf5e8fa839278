import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** A new folder below `dir` with programs of our own, shell scripts by name, to stand first in PATH. */
export function fakePrograms(dir: string, scripts: Record<string, string>): string {
  const folder = mkdtempSync(path.join(dir, 'bin-'));
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(path.join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(path.join(folder, name), 0o755);
  }
  return folder;
}

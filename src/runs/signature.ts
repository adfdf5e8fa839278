import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isSystemError } from './on-disk.ts';

/** What changes when a file does; empty where there is none. */
export function signatureOf(file: string): string {
  try {
    const stat = statSync(file, { throwIfNoEntry: false });
    return stat === undefined ? '' : `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
  } catch (error) {
    if (isSystemError(error)) return `${error.code}`;
    throw error;
  }
}

/** What says how a run stands, or how a share of its seeds does; what a seed ended with is told in these, too. */
const RECORD = /^(run(\.seed-\d+)?\.(json|lock)|config\.yaml)$/;

/** What changes when a record of a run does. */
export function recordsSignature(runDir: string): string {
  try {
    const records = readdirSync(runDir).filter((name) => RECORD.test(name));
    return records.map((name) => `${name} ${signatureOf(join(runDir, name))}`).join();
  } catch (error) {
    if (isSystemError(error)) return `${error.code}`;
    throw error;
  }
}

import { closeSync, constants, existsSync, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { EXPERIENCE_FILE } from './experience-log.ts';
import { onDisk } from './on-disk.ts';
import { CHECKSUM, isWhole } from './record-log.ts';
import type { SeedFolder } from './seed-folder.ts';
import { UPDATES_FILE } from './update-log.ts';

/** Bytes in which a file of records says what it is. */
const HEADER = 4096;
const { O_RDWR, O_NOFOLLOW = 0 } = constants;

/**
 * A cut of the power may leave a file that has grown and records that were never written. Cuts off those at the end of a
 * seed's records that do not fit their checksums, as far as its checkpoint is not behind them; those before stay, to be
 * refused by whoever reads them. Only while nobody reads or writes the files.
 *
 * @returns what was cut off, one sentence a file
 * @throws UserError when the system refuses, or no checkpoint is whole.
 */
export function cutDamagedRecords(folder: SeedFolder): string[] {
  const files = [EXPERIENCE_FILE, UPDATES_FILE].map((name) => join(folder.dir, name));
  if (!files.some((file) => existsSync(file))) return [];
  const { step = 0, update = 0 } = folder.readCheckpoint()?.state ?? {};
  return files.flatMap((file, i) => {
    const cut = existsSync(file) ? cutDamagedEnd(file, [step, update][i]!) : 0;
    if (cut === 0) return [];
    const are = cut === 1 ? 'the last record is' : `the last ${cut} records are`;
    return `${file}: ${are} damaged and cut off; no checkpoint needs them`;
  });
}

/** @param keep records that are left as they are @returns records that were cut off */
function cutDamagedEnd(file: string, keep: number): number {
  return onDisk(file, () => {
    const handle = openSync(file, O_RDWR | O_NOFOLLOW);
    try {
      const start = Buffer.alloc(HEADER);
      const header = start.subarray(0, readSync(handle, start, 0, HEADER, 0)).indexOf('\n') + 1;
      const size = sizeOf(start.toString('utf8', 0, header));
      // What is no file of records is refused where it is opened.
      if (size === undefined) return 0;
      const length = Math.floor((fstatSync(handle).size - header) / size);
      const record = Buffer.alloc(size);
      const isDamaged = (index: number) => {
        readSync(handle, record, 0, size, header + index * size);
        return !isWhole(record);
      };
      let whole = length;
      while (whole > keep && isDamaged(whole - 1)) whole--;
      if (whole < length) ftruncateSync(handle, header + whole * size);
      return Math.max(0, length - whole);
    } finally {
      closeSync(handle);
    }
  });
}

/** Bytes of a record, its checksum included, by a file's first line. */
function sizeOf(header: string): number | undefined {
  try {
    const { bytes } = JSON.parse(header);
    return Number.isInteger(bytes) && bytes > CHECKSUM ? bytes : undefined;
  } catch {
    return undefined;
  }
}

import { join } from 'node:path';
import type { UpdateRecord } from '../training/real-time/learner.ts';
import { RecordLog } from './record-log.ts';

/** In a seed's folder. */
export const UPDATES_FILE = 'updates.records';

/**
 * After how many steps each update of a seed in real time was made, one u32 per update: `seed-N/updates.records`. What
 * stands in it when it is opened is in memory.
 */
export class UpdateLog implements UpdateRecord {
  readonly #log: RecordLog;
  readonly #steps: number[];

  /** @param isWriter whether it may be written to, and is made where it is missing */
  constructor(dir: string, isWriter: boolean) {
    this.#log = new RecordLog(join(dir, UPDATES_FILE), { what: 'updates' }, 4);
    if (isWriter) this.#log.openToAppend();
    this.#steps = Array.from({ length: this.#log.length }, (_, i) =>
      viewOf(this.#log.read(i)).getUint32(0, true),
    );
  }

  stepsBefore(update: number): number | undefined {
    return this.#steps[update - 1];
  }

  add(steps: number): void {
    const record = new Uint8Array(4);
    viewOf(record).setUint32(0, steps, true);
    this.#log.append(record);
    this.#steps.push(steps);
  }

  sync(): void {
    this.#log.sync();
  }

  close(): void {
    this.#log.close();
  }
}

const viewOf = ({ buffer, byteOffset }: Uint8Array) => new DataView(buffer, byteOffset);

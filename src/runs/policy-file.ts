import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Policy } from '../training/real-time/acting.ts';
import { readBytes } from './atomic.ts';
import { formatMetadata, parseMetadata } from './checkpoint.ts';
import { onDisk } from './on-disk.ts';
import { decodeSafetensors, encodeSafetensors } from './safetensors.ts';
import { SafetensorsError } from './safetensors-format.ts';

const aboutPolicy = z.strictObject({
  update: z.int().min(0),
  step: z.int().min(0),
  streams: z.record(z.string(), z.array(z.number())),
});

/**
 * The newest weights of a learner, for the process that acts: `seed-N/policy.safetensors`. It is replaced in one step, so
 * that nobody finds a half of it, and not waited for on the disk: a learner that goes on writes it again.
 */
export class PolicyFile {
  readonly #file: string;
  /** What tells the file that was read last. */
  #seen = '';

  constructor(dir: string) {
    this.#file = join(dir, 'policy.safetensors');
  }

  /** @param permit called when only the rename is left; throws where this process may no longer write */
  write({ state, update, step }: Policy, permit: () => void): void {
    const metadata = formatMetadata({ update, step, streams: state.streams });
    const bytes = encodeSafetensors(state.arrays, metadata);
    const temporary = `${this.#file}.tmp`;
    onDisk(this.#file, () => {
      rmSync(temporary, { force: true });
      writeFileSync(temporary, bytes, { flag: 'wx' });
      permit();
      renameSync(temporary, this.#file);
    });
  }

  /** What stands there now; undefined where there is nothing that was not read before. */
  newest(): Policy | undefined {
    const stat = onDisk(this.#file, () => statSync(this.#file, { throwIfNoEntry: false }));
    const seen = `${stat?.ino} ${stat?.mtimeMs}`;
    if (stat === undefined || seen === this.#seen) return undefined;
    this.#seen = seen;
    return policyIn(readBytes(this.#file)!);
  }
}

/** Undefined where the power was cut before the file was on the disk. */
function policyIn(bytes: Uint8Array): Policy | undefined {
  try {
    const { arrays, metadata } = decodeSafetensors(bytes);
    const about = parseMetadata(metadata, aboutPolicy);
    return about && { state: { arrays, streams: about.streams }, update: about.update, step: about.step };
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error;
    return undefined;
  }
}

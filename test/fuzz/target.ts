import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { UserError } from '../../src/errors.ts';

/** A kind of input from outside: how one is made, and what reads it. */
export interface Target<T> {
  name: string;
  /** Share of all inputs. */
  share: number;
  inputs: fc.Arbitrary<T>;
  /**
   * Gives an input to the product; throws what the product throws.
   *
   * @param sandbox an empty folder of its own, beside nothing else
   */
  run: (input: T, sandbox: string) => void | Promise<void>;
}

/** What may happen: nothing wrong, or one sentence for the user. Anything else is a finding. */
export async function attempt(action: () => void | Promise<void>): Promise<'accepted' | 'refused'> {
  try {
    await action();
    return 'accepted';
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    assert.match(error.message, /^[^\p{C}\p{Zl}\p{Zp}]{1,2000}$/u, 'a message is one printable line');
    return 'refused';
  }
}

/** A new folder in memory where there is such a place: the product waits for the disk after every write. */
export function sandboxRoot(): string {
  return mkdtempSync(path.join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'wm-fuzz-'));
}

/** A target as a property: `check` gives `runs` inputs from `seed` to the product and throws on a finding, shrunk. */
export interface Check {
  name: string;
  share: number;
  /**
   * @param root an empty folder; nothing may be written there but in `sandbox`, which each input finds empty
   * @param slowest seconds of processor time that an input may take
   * @returns how many of the inputs were valid
   */
  check: (options: { seed: number; runs: number; root: string; slowest: number }) => Promise<number>;
}

/** A target as something to check. */
export function prepare<T>({ name, share, inputs, run }: Target<T>): Check {
  return {
    name,
    share,
    check: async ({ seed, runs, root, slowest }) => {
      const sandbox = path.join(root, 'sandbox');
      let accepted = 0;
      const property = fc.asyncProperty(inputs, async (input) => {
        rmSync(sandbox, { recursive: true, force: true });
        mkdirSync(sandbox);
        const begin = process.cpuUsage();
        if ((await attempt(() => run(input, sandbox))) === 'accepted') accepted++;
        // The clock would count what other programs do.
        const { user, system } = process.cpuUsage(begin);
        const seconds = (user + system) / 1e6;
        assert.ok(seconds < slowest, `an input took ${seconds.toFixed(1)} seconds of processor time`);
        assert.deepEqual(Object.keys(Object.prototype), [], 'no prototype is polluted');
        assert.deepEqual(readdirSync(root), ['sandbox'], 'nothing is written beside the sandbox');
      });
      await fc.assert(property, { seed, numRuns: runs });
      return accepted;
    },
  };
}

import { GROUP_SIGNALS } from '../experiment/signals.ts';

/** Waits for Ctrl-C, or another signal by which a program is ended: for commands that go on until then. */
export function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    for (const name of GROUP_SIGNALS) process.once(name, () => resolve());
  });
}

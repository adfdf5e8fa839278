import { constants } from 'node:os';

/**
 * Has signals end this process in an orderly way, so that what listens to its `exit` is done: children ended, unfinished
 * folders removed. Where others listen to a signal as well, what it means is theirs to decide.
 */
export function leaveOn(signals: readonly NodeJS.Signals[]): void {
  for (const name of signals) {
    process.on(name, () => {
      if (process.listenerCount(name) === 1) process.exit(128 + constants.signals[name]);
    });
  }
}

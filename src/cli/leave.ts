import { constants } from 'node:os';

/**
 * Has signals end this process in an orderly way, so that what listens to its `exit` is done: children ended, unfinished
 * folders removed. Where others listen to a signal as well, what it means is theirs to decide.
 */
export function leaveOn(signals: readonly NodeJS.Signals[]): void {
  for (const name of signals) {
    process.on(name, () => {
      if (process.listenerCount(name) === 1) exitBy(name);
    });
  }
}

/** Ends this process with the exit code by which a shell tells this signal. */
export function exitBy(name: NodeJS.Signals): never {
  if (name === 'SIGINT') endAsInterrupted();
  process.exit(codeOf(name));
}

/**
 * Where this process, to which SIGINT has come, exits with the code of that signal, the signal ends it once all is done. A
 * shell shows the same code; but only what the signal has ended, and has not merely exited, makes it leave a loop or a
 * script, where Ctrl-C would otherwise begin the next command.
 */
export function endAsInterrupted(): void {
  if (process.platform === 'win32') return;
  process.once('exit', (code) => {
    if (code !== codeOf('SIGINT')) return;
    process.removeAllListeners('SIGINT');
    process.kill(process.pid, 'SIGINT');
  });
}

const codeOf = (name: NodeJS.Signals) => 128 + constants.signals[name];

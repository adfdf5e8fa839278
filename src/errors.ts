import { printable } from './printable.ts';

/** Characters of a message; what a file or an argument puts into it can be longer. */
const LONGEST = 2000;

/**
 * An error that a user can cause: its message is one sentence that says what is wrong, where, and what to do.
 * The command line prints it without a stack and ends with `exitCode`. Whatever text from outside a message quotes, it is
 * one printable line.
 */
export class UserError extends Error {
  /** 2: the command or config is wrong. 1: a run failed on its way. 130: the user has stopped it. */
  readonly exitCode: 1 | 2 | 130;

  constructor(message: string, exitCode: 1 | 2 | 130 = 2) {
    super(oneLine(message));
    this.name = 'UserError';
    this.exitCode = exitCode;
  }
}

/** The middle goes where a line is too long: what is wrong stands first, what to do last. */
function oneLine(message: string): string {
  if (message.length <= LONGEST) return printable(message);
  // What was cut in the middle of a letter is made printable too.
  return printable(`${message.slice(0, LONGEST - 400)}…${message.slice(-399)}`);
}

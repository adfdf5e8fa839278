/**
 * An error that a user can cause: its message is one sentence that says what is wrong, where, and what to do.
 * The command line prints it without a stack and ends with `exitCode`.
 */
export class UserError extends Error {
  /** 2: the command or config is wrong. 1: a run failed on its way. */
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 2) {
    super(message);
    this.name = 'UserError';
    this.exitCode = exitCode;
  }
}

/** A steady clock, in seconds: the machine's, or a test's. */
export interface Clock {
  now(): number;
  /** Waits until a time, or a little longer; not at all where it has passed. */
  until(time: number): Promise<void>;
}

/** What a timer can wait for at most, in milliseconds. */
const LONGEST = 2 ** 31 - 1;

/**
 * A clock that waits by a timer, which may end early.
 *
 * @param now seconds
 * @param sleep waits for so many whole milliseconds, about
 */
export const clockOf = (now: () => number, sleep: (milliseconds: number) => Promise<unknown>): Clock => ({
  now,
  until: async (time) => {
    for (let left = time - now(); left > 0; left = time - now()) {
      await sleep(Math.min(LONGEST, Math.ceil(1000 * left)));
    }
  },
});

import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { namesIn, readText } from './atomic.ts';
import { isInTheWay, isTakeover, LARGEST_LOCK, type LapsedLocks, SIGNS } from './lock.ts';
import { fateOf, ownerWords, parseOwner } from './lock-owner.ts';

/** A folder that is about to be locked, or some seeds of it. */
export interface FolderClaim {
  dir: string;
  /** Undefined for the whole folder. */
  share?: readonly number[] | undefined;
}

interface Promised {
  dir: string;
  file: string;
  text: string;
  owner: string;
  lease: number;
}

/**
 * Which locks that are in the way of some claims give no more signs of life. Only the signs tell of a process on another machine, or in
 * another container: a lock lapses when it stood unchanged through as many looks as its owner gives signs in the time
 * that it promised. What counts is this process's looks, no clock's time: clocks of machines differ, and a machine that
 * sleeps, or a process that is stopped, does not look. A lock of a job is the job's, signs or not.
 *
 * Takes as long as the longest of those times where locks have lapsed, and as long as it takes to one sign where their
 * owners live. Where there is nothing to wait for, it returns at once.
 *
 * @param sleep waits so many seconds, or until the wait is aborted
 * @param waiting told of each lock that has to be waited for
 */
export async function lapsedLocks(
  claims: readonly FolderClaim[],
  sleep: (seconds: number, signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
  waiting: (words: string) => void,
): Promise<LapsedLocks> {
  const lapsed = new Map<string, string>();
  const promised = claims.flatMap(promisedLocks);
  if (promised.length === 0) return lapsed;
  const { dir, owner, lease } = promised[0]!;
  const others = promised.length > 1 ? ` (and ${promised.length - 1} more)` : '';
  waiting(`waiting for up to ${lease} s to see whether ${owner} still writes to ${dir}${others}`);
  // Where one owner lives, the claims are refused whatever becomes of the others.
  const enough = new AbortController();
  const either = AbortSignal.any([signal, enough.signal]);
  await Promise.all(
    promised.map(async ({ file, text, lease }) => {
      for (let look = 0; look < SIGNS; look++) {
        await sleep(lease / SIGNS, either);
        if (either.aborted) return;
        const now = readText(file, LARGEST_LOCK);
        if (now === undefined) return;
        if (now !== text) return enough.abort();
      }
      lapsed.set(file, text);
    }),
  );
  return lapsed;
}

function promisedLocks({ dir, share }: FolderClaim): Promised[] {
  return namesIn(dir).flatMap((name) => {
    if (!isInTheWay(name, share)) return [];
    const file = join(dir, name);
    const text = readText(file, LARGEST_LOCK) ?? '';
    const owner = parseOwner(text);
    if (owner?.lease === undefined || (owner.job && !isTakeover(file))) return [];
    return fateOf(owner) === 'elsewhere'
      ? [{ dir, file, text, owner: ownerWords(owner), lease: owner.lease }]
      : [];
  });
}

/** Waits so many seconds, or until the wait is aborted. */
export async function sleep(seconds: number, signal: AbortSignal): Promise<void> {
  await setTimeout(seconds * 1000, undefined, { signal }).catch(() => {});
}

import { closeSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { jobWords } from '../cluster/job.ts';
import { UserError } from '../errors.ts';
import { createFile, namesIn, readText, replaceFile, timeOfDisk } from './atomic.ts';
import { fateOf, type LockOwner, ownerWords, parseOwner, signatureOf, thisOwner } from './lock-owner.ts';
import { isSystemError, onDisk } from './on-disk.ts';

/**
 * `run.lock` keeps two processes out of one run folder, `run.seed-N.lock` out of one seed of it: some processes may each
 * train a share of a run's seeds, and then nobody has the whole. A lock comes into being whole, by a hard link, and names
 * its owner, who signs it anew from time to time. One whose owner is gone may be replaced, but only by who holds the lock
 * on replacing it (`run.takeover.lock`, by the same rules): so of two processes that find the same stale lock, one gets it.
 */
export interface RunLock {
  /** Whose stale lock this one replaced, e.g. "process 1234"; null where there was none. */
  readonly takenOver: string | null;
  /**
   * To be called before every write into the folder.
   *
   * @throws UserError when the lock is no longer ours: the folder was deleted or replaced, or the lock removed by hand.
   */
  check(): void;
  /** Removes the lock, as far as it is still ours. */
  release(): void;
}

/** Locks that gave no sign for as long as their owners promised one, and what stood in each: see `lapsedLocks`. */
export type LapsedLocks = ReadonlyMap<string, string>;

const NONE: LapsedLocks = new Map();

/** What is to be locked. */
export interface LockClaim {
  /** Some seeds alone; undefined for the whole folder. */
  share?: readonly number[] | undefined;
  lapsed?: LapsedLocks | undefined;
  /** Told when a sign of life finds a lock gone, or another's. */
  lost?: (() => void) | undefined;
}

/** What a process writes into its locks. */
interface Mine {
  owner: LockOwner;
  /** All but the signs. */
  text: string;
  lapsed: LapsedLocks;
  lost: (() => void) | undefined;
}

/** Another process has what is to be locked. */
export class LockHeldError extends UserError {}

/** Bytes; ours have some hundred. */
export const LARGEST_LOCK = 2 ** 16;

/** A lock without readable content this old is not being written any more: its maker was killed. */
const UNREADABLE_SECONDS = 5;

/** Signs that are given in the time without one after which a lock is lost. */
export const SIGNS = 10;

/** Digits of a sign, so that one takes the place of another. */
const SIGN_DIGITS = 9;

const WHOLE = 'run.lock';
const SEED_LOCK = /^run\.seed-(\d+)\.lock$/;

/** The names of the locks of a run folder or, where it is shared, of some of its seeds. */
export const locksOf = (share?: readonly number[]): string[] =>
  share?.map((seed) => `run.seed-${seed}.lock`) ?? [WHOLE];

/** Whether a lock of that name, or one on replacing it, keeps others from a run folder or, where it is shared, from some of its seeds. */
export function isInTheWay(name: string, share?: readonly number[]): boolean {
  const lock = name.replace(/\.takeover\.lock$/, '.lock');
  return lock === WHOLE || (share ? locksOf(share).includes(lock) : SEED_LOCK.test(lock));
}

/** What every lock of this process begins with, whatever its sign: what tells its locks from all others. */
export const ownText = (): string => JSON.stringify(thisOwner()).slice(0, -1);

/** Whether a file is a lock on replacing another one: held for an instant only, and never signed anew. */
export const isTakeover = (file: string): boolean => file.endsWith('.takeover.lock');

/**
 * Locks a run folder for this process, or some seeds of it.
 *
 * @throws UserError when another process holds it or one of its seeds, or the folder cannot be written.
 */
export function acquireLock(dir: string, { share, lapsed = NONE, lost }: LockClaim = {}): RunLock {
  const owner = thisOwner();
  const mine: Mine = { owner, text: ownText(), lapsed, lost };
  const files = locksOf(share);
  const taken: string[] = [];
  const over: string[] = [];
  const release = () => {
    clearInterval(signing);
    for (const file of taken) removeOurs(file, mine);
  };
  let sign = 1;
  const signing = setInterval(
    () => {
      sign++;
      for (const file of taken) signAnew(file, mine, sign);
    },
    (1000 * owner.lease!) / SIGNS,
  ).unref();
  try {
    for (const name of files) {
      const stale = take(join(dir, name), dir, mine);
      taken.push(join(dir, name));
      if (stale !== null) over.push(stale);
    }
    // Only now: of two that want a part and the whole at once, at least one sees the other's lock.
    const others = share === undefined ? seedLocks(dir) : [WHOLE];
    for (const name of others) {
      const file = join(dir, name);
      if (staleOwner(file, dir, mine) !== undefined && share === undefined) rmSync(file, { force: true });
    }
  } catch (error) {
    release();
    throw error;
  }
  return {
    takenOver: over[0] ?? null,
    check: () => {
      if (!taken.every((file) => isOurs(file, mine))) throw lockLost(dir);
    },
    release,
  };
}

/** The names of the locks of seeds in a folder. */
function seedLocks(dir: string): string[] {
  return onDisk(dir, () => readdirSync(dir)).filter((name) => SEED_LOCK.test(name));
}

const isOurs = (file: string, { text }: Mine): boolean =>
  readText(file, LARGEST_LOCK)?.startsWith(text) ?? false;

function removeOurs(file: string, mine: Mine): void {
  if (isOurs(file, mine)) onDisk(file, () => rmSync(file, { force: true }));
}

const signed = ({ text }: Mine, sign: number) =>
  `${text},"sign":"${String(sign).padStart(SIGN_DIGITS, '0')}"}`;

/**
 * Gives a sign of life in a lock, in place: where another process has replaced the lock meanwhile, what is written goes
 * into the file that was ours, which no name leads to any more.
 */
function signAnew(file: string, mine: Mine, sign: number): void {
  try {
    const handle = openSync(file, 'r+');
    try {
      const text = signed(mine, sign);
      if (isOurs(file, mine)) writeSync(handle, text, 0);
      else mine.lost?.();
    } finally {
      closeSync(handle);
    }
  } catch (error) {
    // Of any other reason: whoever writes next looks at the lock itself.
    if (isSystemError(error, 'ENOENT')) mine.lost?.();
  }
}

/**
 * The same check for a process that writes on behalf of the one that holds the lock.
 *
 * @param holder its `ownText`: process ids and host names are alike in containers
 * @param files their names, as `locksOf` gives them
 * @throws UserError when it no longer holds the lock.
 */
export function checkLockOf(dir: string, holder: string, files: readonly string[] = [WHOLE]): void {
  for (const name of files) {
    if (!readText(join(dir, name), LARGEST_LOCK)?.startsWith(holder)) throw lockLost(dir);
  }
}

function lockLost(dir: string): UserError {
  return new UserError(
    `${dir} was deleted, replaced or unlocked while this run was writing to it; run the same command again`,
    1,
  );
}

/** A process that writes to a run folder. */
export interface LockHolder {
  pid: number;
  host: string;
  /** The job of a batch system that it is a part of; null where it is of none. */
  job: string | null;
}

/** Who writes to a folder now, as far as can be seen: of a process on another machine, that it left its lock. */
export interface LockHolders {
  whole: LockHolder | null;
  /** By seed, where only some seeds are written. */
  seeds: ReadonlyMap<number, LockHolder>;
}

/**
 * @param names what stands in the folder, where that is known
 * @param lapsed locks that nobody holds any more
 */
export function lockHolders(dir: string, names?: readonly string[], lapsed = NONE): LockHolders {
  const seeds = new Map<number, LockHolder>();
  for (const name of names ?? namesIn(dir)) {
    const seed = SEED_LOCK.exec(name)?.[1];
    const holder = seed === undefined ? null : holderOf(join(dir, name), lapsed);
    if (holder) seeds.set(Number(seed), holder);
  }
  return { whole: holderOf(join(dir, WHOLE), lapsed), seeds };
}

/** A lock that a job of a batch system has left in a folder, or holds, as far as can be seen. */
export interface JobLock {
  dir: string;
  file: string;
  text: string;
  /** As `jobOf` names it. */
  job: string;
}

/** The locks in some folders that only a batch system can tell the owners of: those of jobs on other machines. */
export function jobLocks(dirs: readonly string[]): JobLock[] {
  return dirs.flatMap((dir) =>
    namesIn(dir)
      .filter((name) => name === WHOLE || SEED_LOCK.test(name))
      .flatMap((name) => {
        const file = join(dir, name);
        const text = readText(file, LARGEST_LOCK) ?? '';
        const owner = parseOwner(text);
        if (!owner?.job || fateOf(owner) !== 'elsewhere') return [];
        return [{ dir, file, text, job: owner.job.id }];
      }),
  );
}

function holderOf(file: string, lapsed: LapsedLocks): LockHolder | null {
  const text = readText(file, LARGEST_LOCK) ?? '';
  const owner = parseOwner(text);
  if (owner === undefined || lapsed.get(file) === text || fateOf(owner) === 'gone') return null;
  return { pid: owner.pid, host: owner.host, job: owner.job?.id ?? null };
}

/** Who writes to a folder now, or to some seed of it. @param lapsed locks that nobody holds any more */
export function lockHolder(dir: string, lapsed?: LapsedLocks): LockHolder | null {
  const { whole, seeds } = lockHolders(dir, undefined, lapsed);
  return whole ?? [...seeds.values()][0] ?? null;
}

/** `process 12 on node3`, `Slurm job 1234_5 on node3` */
export const holderWords = ({ pid, host, job }: LockHolder): string =>
  `${job === null ? `process ${pid}` : jobWords({ id: job })} on ${host}`;

/** Makes `file` ours and returns whose stale lock it was, if any. */
function take(file: string, dir: string, mine: Mine): string | null {
  for (;;) {
    if (createFile(file, signed(mine, 0), signatureOf(mine.owner))) return null;
    if (staleOwner(file, dir, mine) === undefined) continue;
    const takeover = file.replace(/\.lock$/, '.takeover.lock');
    take(takeover, dir, mine);
    try {
      // Looked at again: it may have been replaced before we got the right to.
      const stale = staleOwner(file, dir, mine);
      if (stale === undefined) continue;
      replaceFile(file, signed(mine, 0), () => {
        // This process may have been stopped for so long that it counted as gone.
        if (!isOurs(takeover, mine)) throw justOpened(dir);
      });
      return stale;
    } finally {
      removeOurs(takeover, mine);
    }
  }
}

/**
 * Whose the lock was, when its owner is gone; undefined when the lock itself is gone by now.
 *
 * @throws UserError when its owner is running, or may be.
 */
function staleOwner(file: string, dir: string, { owner: asker, lapsed }: Mine): string | undefined {
  const text = readText(file, LARGEST_LOCK);
  if (text === undefined) return undefined;
  const owner = parseOwner(text);
  if (owner === undefined) {
    const written = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
    if (written === undefined) return undefined;
    // By the disk's clock, which may be another machine's. A time to come is no recent one either: it was set back.
    if (Math.abs(timeOfDisk(dir, signatureOf(asker)) - written) > UNREADABLE_SECONDS * 1000)
      return 'an unknown process';
    throw justOpened(dir);
  }
  if (lapsed.get(file) === text) return ownerWords(owner);
  const fate = fateOf(owner);
  if (fate === 'gone') return ownerWords(owner);
  throw new LockHeldError(
    `${dir} is in use by ${ownerWords(owner)}; ${whatToDo(file, owner, fate === 'running')}`,
  );
}

const justOpened = (dir: string) =>
  new LockHeldError(`${dir} is just being opened by another process; wait for it or use another --name`);

function whatToDo(file: string, { job, lease }: LockOwner, isHere: boolean): string {
  if (isHere) return 'wait for it or use another --name';
  if (job)
    return `wait for it, use another --name, or delete ${file} if that job has ended and is not requeued`;
  return lease === undefined
    ? `wait for it, use another --name, or delete ${file} if that process is gone`
    : `wait for it or use another --name; it counts as gone once it gives no sign for ${lease} s`;
}

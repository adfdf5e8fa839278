import { closeSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors.ts';
import { isSystemError, onDisk, readText, replaceFile } from './atomic.ts';

/**
 * `run.lock` keeps two processes out of one run folder. It is made by exclusive creation and names its owner.
 * A lock whose owner is gone may be replaced, but only by who holds the lock on replacing it
 * (`run.takeover.lock`, by the same rules): so of two processes that find the same stale lock, one gets it.
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
  /** Removes the lock, if it is still ours. */
  release(): void;
}

const ownerSchema = z.object({
  pid: z.int().min(1),
  host: z.string(),
  /** Tells this process from a later one with the same id; null where the system does not say. */
  started: z.string().nullable(),
});
type Owner = z.infer<typeof ownerSchema>;

/** Bytes; ours have a hundred. */
const LARGEST_LOCK = 2 ** 16;

/** A lock without readable content this old is not being written any more: its maker was killed. */
const UNREADABLE_SECONDS = 5;

/**
 * Locks a run folder for this process.
 *
 * @throws UserError when another process holds it, or the folder cannot be written.
 */
export function acquireLock(dir: string): RunLock {
  const file = join(dir, 'run.lock');
  const mine = JSON.stringify({ pid: process.pid, host: hostname(), started: startOf(process.pid) });
  const takenOver = take(file, dir, mine);
  return {
    takenOver,
    check: () => {
      if (readText(file) !== mine) throw lockLost(dir);
    },
    release: () => {
      if (readText(file) === mine) onDisk(file, () => rmSync(file, { force: true }));
    },
  };
}

/**
 * The same check for a process that writes on behalf of the one that holds the lock.
 *
 * @param holder that one's process id
 * @throws UserError when it no longer holds the lock.
 */
export function checkLockOf(dir: string, holder: number): void {
  const owner = parseOwner(readText(join(dir, 'run.lock')) ?? '');
  if (owner?.pid !== holder || owner.host !== hostname()) throw lockLost(dir);
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
}

/** Who writes to a folder now, as far as can be seen: of a process on another machine, that it left its lock. */
export function lockHolder(dir: string): LockHolder | null {
  const owner = parseOwner(readText(join(dir, 'run.lock'), LARGEST_LOCK) ?? '');
  return owner !== undefined && isRunning(owner) ? { pid: owner.pid, host: owner.host } : null;
}

/** Makes `file` ours and returns whose stale lock it was, if any. */
function take(file: string, dir: string, mine: string): string | null {
  for (;;) {
    if (createExclusively(file, mine)) return null;
    if (staleOwner(file, dir) === undefined) continue;
    const takeover = file.replace(/\.lock$/, '.takeover.lock');
    take(takeover, dir, mine);
    try {
      // Looked at again: it may have been replaced before we got the right to.
      const stale = staleOwner(file, dir);
      if (stale === undefined) continue;
      replaceFile(file, mine);
      return stale;
    } finally {
      rmSync(takeover, { force: true });
    }
  }
}

/** @returns false where the file exists already. */
function createExclusively(file: string, content: string): boolean {
  return onDisk(file, () => {
    let handle: number;
    try {
      handle = openSync(file, 'wx');
    } catch (error) {
      if (isSystemError(error, 'EEXIST')) return false;
      throw error;
    }
    try {
      writeFileSync(handle, content);
    } catch (error) {
      rmSync(file, { force: true });
      throw error;
    } finally {
      closeSync(handle);
    }
    return true;
  });
}

/**
 * Whose the lock was, when its owner is gone; undefined when the lock itself is gone by now.
 *
 * @throws UserError when its owner is running.
 */
function staleOwner(file: string, dir: string): string | undefined {
  const text = readText(file, LARGEST_LOCK);
  if (text === undefined) return undefined;
  const owner = parseOwner(text);
  if (owner === undefined) {
    const written = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
    if (written === undefined) return undefined;
    // A time to come is no recent one either: the clock was set back since.
    if (Math.abs(Date.now() - written) > UNREADABLE_SECONDS * 1000) return 'an unknown process';
    throw new UserError(`${dir} is just being opened by another process; wait for it or use another --name`);
  }
  if (!isRunning(owner)) return `process ${owner.pid}`;
  if (owner.host === hostname()) {
    throw new UserError(`${dir} is in use by process ${owner.pid}; wait for it or use another --name`);
  }
  throw new UserError(
    `${dir} is in use by process ${owner.pid} on ${owner.host}; wait for it, use another --name, ` +
      `or delete ${file} if that process is gone`,
  );
}

function parseOwner(text: string): Owner | undefined {
  try {
    return ownerSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Whether a lock's owner still runs; one on another machine, of which nothing is known, counts as running. */
function isRunning({ pid, host, started }: Owner): boolean {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Otherwise it runs and belongs to another user.
    if (isSystemError(error, 'ESRCH')) return false;
  }
  const now = startOf(pid);
  return now === null || started === null || now === started;
}

/**
 * What tells a process from a later one with the same id: on Linux the boot and the clock tick at which it
 * started (proc_pid_stat(5), field 22), or "ended" for one that is dead and only waits to be collected.
 * Null where unknown.
 */
function startOf(pid: number): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets and may hold spaces: count from its end.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? 'ended' : `${boot}:${fields[19]}`;
  } catch {
    return null;
  }
}

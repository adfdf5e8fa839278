import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';
import { jobOf, jobWords } from '../cluster/job.ts';
import { secondsOf } from '../environment-seconds.ts';
import { isSystemError } from './on-disk.ts';

/** Who holds a lock, as the lock itself says. */
const ownerSchema = z.object({
  pid: z.int().min(1),
  host: z.string(),
  /** Tells this process from a later one with the same id; null where the system does not say. */
  started: z.string().nullable(),
  /** Where its process id means this process: a boot and a PID namespace; null where the system does not say. */
  place: z.string().nullable().optional(),
  /** The job of a batch system that it is a part of. */
  job: z
    .object({ id: z.string(), restarts: z.int().min(0) })
    .nullable()
    .optional(),
  /** Seconds without a sign after which it counts as gone; absent where it gives none, as locks of older versions. */
  lease: z.number().min(0).optional(),
});
export type LockOwner = z.infer<typeof ownerSchema>;

/** This process as the owner of a lock. @throws UserError where WM_LEASE_SECONDS is no number of seconds. */
export function thisOwner(): LockOwner {
  return {
    pid: process.pid,
    host: hostname(),
    started: startOf(process.pid),
    place: here(),
    job: jobOf(process.env),
    lease: secondsOf('WM_LEASE_SECONDS', process.env, LEASE_SECONDS),
  };
}

/** Room for 9 of 10 signs that come late, or not at all, as over a network that is down for minutes. */
const LEASE_SECONDS = 300;

/** The owner that a lock names; undefined where it is not readable. */
export function parseOwner(text: string): LockOwner | undefined {
  try {
    return ownerSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** What can be said of a lock's owner from here: one `elsewhere` can only be judged by the signs that it gives. */
export type Fate = 'running' | 'gone' | 'elsewhere';

/**
 * Where the owner's process id means something here, the process itself tells. Else it is gone if its job has been begun
 * anew and this process is that job: a requeued job goes on with what is its own, on any host, and no other does.
 */
export function fateOf(owner: LockOwner): Fate {
  if (isHere(owner)) return isRunning(owner) ? 'running' : 'gone';
  const job = jobOf(process.env);
  const before = owner.job;
  return job && before && job.id === before.id && job.restarts > before.restarts ? 'gone' : 'elsewhere';
}

function isHere({ place, host }: LockOwner): boolean {
  // Containers can share a host's name and not its process ids, or the other way round.
  return place != null && here() !== null ? place === here() : host === hostname();
}

/** Whether a process of this machine still runs. */
function isRunning({ pid, started }: LockOwner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Otherwise it runs and belongs to another user.
    if (isSystemError(error, 'ESRCH')) return false;
  }
  const now = startOf(pid);
  return now === null || started === null || now === started;
}

const bootId = () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

let place: string | null | undefined;

/** Where process ids mean what they mean to this process (pid_namespaces(7)); null where the system does not say. */
function here(): string | null {
  if (place !== undefined) return place;
  try {
    place = `${bootId()}:${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    place = null;
  }
  return place;
}

/**
 * What tells a process from a later one with the same id: on Linux the boot and the clock tick at which it
 * started (proc_pid_stat(5), field 22), or "ended" for one that is dead and only waits to be collected.
 * Null where unknown.
 */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets and may hold spaces: count from its end.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? 'ended' : `${bootId()}:${fields[19]}`;
  } catch {
    return null;
  }
}

/** `process 12`, `process 12 on node3`, `Slurm job 1234_5 (process 12 on node3)` */
export function ownerWords(owner: Pick<LockOwner, 'pid' | 'host' | 'job'>): string {
  const process =
    owner.host === hostname() ? `process ${owner.pid}` : `process ${owner.pid} on ${owner.host}`;
  return owner.job ? `${jobWords(owner.job)} (${process})` : process;
}

/** Some letters that no other process on any host has for its own. */
export const signatureOf = (owner: LockOwner): string =>
  createHash('sha256').update(JSON.stringify(owner)).digest('hex').slice(0, 12);

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { valueAt } from '../config/key-path.ts';
import type { Experiment } from '../config/schema.ts';
import { type CellSettings, keysOfCells, loadSweep, type Sweep } from '../config/sweep.ts';
import { UserError } from '../errors.ts';
import { createFile, makeFolder, readText, replaceFile } from './atomic.ts';
import { type Extension, extensionOf } from './extension.ts';
import {
  acquireLock,
  holderWords,
  type LapsedLocks,
  type LockClaim,
  LockHeldError,
  lockHolder,
} from './lock.ts';
import { signatureOf, thisOwner } from './lock-owner.ts';
import { refuseOtherFolders } from './run-folder.ts';
import { requireSameClock } from './submission.ts';

/** A sweep folder is a folder of run folders, one per cell and named as the cell, with sweep.yaml beside them. */
const RECORD = 'sweep.yaml';

/** Whether a folder holds a sweep. */
export function isSweepFolder(dir: string): boolean {
  return readText(join(dir, RECORD)) !== undefined;
}

/** The sweep in a folder, or undefined where there is none. @throws UserError when its sweep.yaml is damaged. */
export function readSweep(dir: string): Sweep | undefined {
  const file = join(dir, RECORD);
  const text = readText(file);
  return text === undefined ? undefined : loadSweep({ file, text });
}

/** Every key that some cell of a sweep sets. */
export function sweptKeys(sweep: Sweep): readonly string[] {
  const keys = keysOf.get(sweep) ?? keysOfCells(sweep.cells.map(({ settings }) => settings));
  keysOf.set(sweep, keys);
  return keys;
}

const keysOf = new WeakMap<Sweep, readonly string[]>();

/** What an experiment, a cell of the sweep, has for each of the sweep's keys. */
export function settingsOf(experiment: Experiment, sweep: Sweep): CellSettings {
  // Which config a cell is of, its own does not say.
  const cell = sweep.base === null && sweep.cells.find((each) => each.experiment.name === experiment.name);
  if (cell) return cell.settings;
  return Object.fromEntries(sweptKeys(sweep).map((key) => [key, valueAt(experiment, key.split('.'))]));
}

/** What keeps a sweep's folder for one process. */
export interface OpenSweep {
  /** @throws UserError when the folder's lock is no longer ours. */
  check(): void;
  close(): void;
}

/**
 * Opens the sweep folder `dir` for this process alone, until `close`, or makes it. Cells may be added to a sweep that
 * is there, and taken out once their folders are moved away; its cells may be made longer, or given more seeds; nothing
 * else may change.
 *
 * @throws UserError, before anything is written, when the folder holds something else, is in use, or not writable.
 */
export function openSweepFolder(
  dir: string,
  sweep: Sweep,
  { lapsed, lost }: Omit<LockClaim, 'share'> = {},
): OpenSweep {
  refuseOtherFolders(dir, 'sweep', RECORD);
  makeFolder(dir);
  const lock = acquireLock(dir, { lapsed, lost });
  try {
    const stored = readSweep(dir);
    if (stored) requireExtension(dir, stored, sweep);
    if (stored?.text !== sweep.text) {
      for (const { experiment } of stored?.cells ?? []) refuseHeld(join(dir, experiment.name), lapsed);
      replaceFile(join(dir, RECORD), sweep.text);
    }
  } catch (error) {
    lock.release();
    throw error;
  }
  return { check: lock.check, close: lock.release };
}

/** Keeps the sweep as it is while somebody trains a cell of it, who would go on with another one. */
function refuseHeld(cell: string, lapsed: LapsedLocks | undefined): void {
  const holder = lockHolder(cell, lapsed);
  if (holder === null) return;
  throw new LockHeldError(
    `${cell} is in use by ${holderWords(holder)}, and the sweep cannot be changed meanwhile; wait for it or use another --name`,
  );
}

/**
 * Whether the sweep would make cells longer that are in the folder `dir`. Nothing is written.
 *
 * @throws UserError when the folder holds something else, or the sweep cannot take the place of the one in it.
 */
export function checkSweepFolder(dir: string, sweep: Sweep): boolean {
  refuseOtherFolders(dir, 'sweep', RECORD);
  const stored = readSweep(dir);
  if (stored === undefined) return false;
  const extension = requireExtension(dir, stored, sweep);
  return extension !== null && sweep.cells.some(({ experiment }) => existsSync(join(dir, experiment.name)));
}

/**
 * Makes sure that the sweep folder `dir` is this sweep's, for a process that trains one cell of it: others may be doing
 * the same, and nobody has the folder for itself.
 *
 * @throws UserError when the folder holds something else, or a process trains the sweep as a whole.
 */
export function joinSweepFolder(dir: string, sweep: Sweep, lapsed?: LapsedLocks): void {
  refuseOtherFolders(dir, 'sweep', RECORD);
  makeFolder(dir);
  requireSameClock(dir);
  const holder = lockHolder(dir, lapsed);
  if (holder !== null) {
    throw new UserError(
      `${dir} is trained as a whole by ${holderWords(holder)}, and a cell alone cannot be meanwhile; wait for it`,
    );
  }
  const file = join(dir, RECORD);
  createFile(file, sweep.text, signatureOf(thisOwner()));
  // Read anew where it is not written alike: an earlier wm may have written it, which knew of fewer keys.
  if (readText(file) !== sweep.text && readSweep(dir)?.text !== sweep.text) {
    throw new UserError(
      `${file} is of another sweep than the one given, or of fewer cells, steps or seeds; run wm sweep without --cell and --seed-share, which extends it, submit it again, or choose another --name or --runs`,
    );
  }
}

function requireExtension(dir: string, stored: Sweep, sweep: Sweep): Extension | null {
  const extension = sweepExtension(dir, stored, sweep);
  const names = new Set(sweep.cells.map(({ experiment }) => experiment.name));
  for (const { experiment } of stored.cells) {
    const cell = join(dir, experiment.name);
    if (names.has(experiment.name) || !existsSync(cell)) continue;
    throw new UserError(
      `${dir} holds the cell ${experiment.name}, which this sweep lacks; move ${cell} away to take it out, or choose another --name or --runs`,
    );
  }
  return extension;
}

/** Of a sweep of several configs, the cells that both have are compared one by one. */
function sweepExtension(dir: string, stored: Sweep, sweep: Sweep): Extension | null {
  if (stored.base !== null && sweep.base !== null) {
    return extensionOf(dir, 'sweep', stored.base, sweep.base);
  }
  if (stored.base !== null || sweep.base !== null) {
    throw new UserError(`${dir} holds a sweep of another kind; choose another --name or --runs`);
  }
  const extensions = stored.cells.map(({ experiment }) => {
    const given = sweep.cells.find((cell) => cell.experiment.name === experiment.name);
    return given ? extensionOf(join(dir, experiment.name), 'cell', experiment, given.experiment) : null;
  });
  return extensions.find((extension) => extension !== null) ?? null;
}

import { constants as bufferConstants } from 'node:buffer';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { UserError } from '../errors.ts';
import { grouped } from '../words.ts';
import { isSystemError, onDisk, REASONS, workingFolderIsGone } from './on-disk.ts';

/** Writes that happen whole or not at all, also when the process is killed or the disk fills up on the way. */

/** Bytes of the largest file that is read, and written: what Node holds in one piece. */
const LARGEST_FILE = bufferConstants.MAX_LENGTH;
/** Bytes that Node is given at once to read, write or hash: it refuses 2 GiB, and one call writes no more. */
const LARGEST_PIECE = 2 ** 30;
/** Bytes of the largest text: some million rows, which still fit into memory once they are parsed. */
const LARGEST_TEXT = 2 ** 28;
/** Bytes in which the end of a text's last whole line is looked for. */
const LONGEST_LINE = 2 ** 20;
/** Neither follow a link out of the run folder nor wait for the other end of a pipe; Windows has no such flags. */
const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;

/**
 * The bytes of a file, or undefined where there is none.
 *
 * @param largest bytes that it may have at most
 * @throws UserError where it cannot be read, is no regular file, or is larger.
 */
export function readBytes(file: string, largest = LARGEST_FILE): Buffer | undefined {
  return onDisk(file, () => {
    const handle = openToRead(file);
    if (handle === undefined) return undefined;
    try {
      const size = sizeOfFile(handle, file);
      if (size > largest) {
        throw new UserError(`${file}: ${size} bytes are more than such a file has (${largest}); restore it`);
      }
      return size > LARGEST_PIECE ? readLarge(handle, size) : readFileSync(handle);
    } finally {
      closeSync(handle);
    }
  });
}

/** Views of some bytes, one after the other, none larger than Node takes at once. */
export function* inPieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += LARGEST_PIECE) yield bytes.subarray(at, at + LARGEST_PIECE);
}

/** A file's bytes; fewer where it is cut short meanwhile. */
function readLarge(handle: number, size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  while (at < size) {
    const read = readSync(handle, bytes, at, Math.min(LARGEST_PIECE, size - at), at);
    if (read === 0) break;
    at += read;
  }
  return bytes.subarray(0, at);
}

/**
 * The text of a file (UTF-8, a byte order mark left out), or undefined where there is none.
 *
 * @param largest bytes that it may have at most
 * @throws UserError where it cannot be read, is no regular file, or is larger.
 */
export function readText(file: string, largest = LARGEST_TEXT): string | undefined {
  const bytes = readBytes(file, largest);
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}

function openToRead(file: string): number | undefined {
  try {
    return openSync(file, constants.O_RDONLY | O_NONBLOCK);
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** The bytes of an open file. @throws UserError when it is a folder, a pipe or a device. */
function sizeOfFile(handle: number, file: string): number {
  const stat = fstatSync(handle);
  if (stat.isFile()) return stat.size;
  if (stat.isDirectory()) throw new UserError(`${file}: ${REASONS.EISDIR}`);
  throw new UserError(`${file}: is a pipe or a device, not a file; move it away`);
}

/**
 * Makes a folder and those above it, as far as they are missing. Step by step: Node's own recursion never ends where a
 * folder cannot be made though its parent is there, and takes a read-only file system for a missing parent.
 *
 * @throws UserError where that is impossible.
 */
export function makeFolder(dir: string): void {
  onDisk(dir, () => {
    for (const missing of missingFolders(dir)) {
      try {
        mkdirSync(missing);
      } catch (error) {
        // Another process may have made it meanwhile.
        if (!isSystemError(error, 'EEXIST') || !isFolder(missing)) throw refusal(error, missing);
      }
    }
  });
}

/** The folders that have to be made for `dir` to be there, the uppermost first; `dir` itself where a file has its name. */
function missingFolders(dir: string): string[] {
  const missing: string[] = [];
  for (let folder = dir; !isFolder(folder); folder = dirname(folder)) {
    missing.unshift(folder);
    if (dirname(folder) === folder) break;
  }
  return missing;
}

/** Throws what the system says of a path that cannot be looked at, a missing one aside. */
const isFolder = (dir: string): boolean => statSync(dir, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** What is wrong where a folder cannot be made: a parent that is there and counts as missing is none for folders. */
function refusal(error: unknown, dir: string): unknown {
  if (!isSystemError(error, 'ENOENT') || workingFolderIsGone()) return error;
  return new UserError(`${dir}: no folder can be made there (ENOENT); choose another folder`);
}

/** Renames a file, over one that has the new name; without it, nothing happens. @throws UserError when the system refuses. */
export function moveFile(from: string, to: string): void {
  onDisk(from, () => {
    try {
      renameSync(from, to);
    } catch (error) {
      if (!isSystemError(error, 'ENOENT')) throw error;
    }
  });
}

/** The names of what stands in a folder; none where it is not there or cannot be read. */
export function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

/** Deletes a file, where it is there. @throws UserError when the system refuses. */
export function removeFile(file: string): void {
  onDisk(file, () => rmSync(file, { force: true }));
}

/** Fills arrays with the bytes of a file that is there, each from a place on. @throws UserError where it has not so many, or the system refuses. */
export function readParts(file: string, parts: readonly { start: number; into: Uint8Array }[]): void {
  onDisk(file, () => {
    const handle = openSync(file, constants.O_RDONLY | O_NONBLOCK);
    try {
      for (const { start, into } of parts) {
        if (readSync(handle, into, 0, into.length, start) < into.length) {
          throw new UserError(`${file}: was cut short while it was read; restore it from a copy`, 1);
        }
      }
    } finally {
      closeSync(handle);
    }
  });
}

/**
 * Replaces a file's content in one step: a reader, or a rerun after a kill, finds the old content or the
 * new, never a mixture.
 *
 * @param last called when the new content is on the disk and only the rename is left: what must be true, or done,
 *   at that instant
 * @throws UserError when the operating system refuses, a device or a pipe stands there, or it would be too large to be
 *   read; the old content is then still there.
 */
export function replaceFile(
  file: string,
  content: string | Uint8Array | readonly Uint8Array[],
  last?: () => void,
): void {
  const temporary = `${file}.tmp`;
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const pieces: readonly Uint8Array[] = bytes instanceof Uint8Array ? [bytes] : bytes;
  const total = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
  if (total > LARGEST_FILE) {
    const [has, most] = [total, LARGEST_FILE].map((size) => grouped(Math.ceil(size / 2 ** 20)));
    throw new UserError(
      `${file} would have ${has} MB, more than could be read again (${most}); begin a run that keeps less, with a smaller replay or smaller pictures`,
      1,
    );
  }
  onDisk(file, () => {
    const there = statSync(file, { throwIfNoEntry: false });
    if (there && !there.isFile() && !there.isDirectory()) {
      throw new UserError(`${file} is a device or a pipe, which a file would replace; give another path`);
    }
    try {
      // Made anew: what a killed process left is not worth keeping, and a link there would lead out of the folder.
      rmSync(temporary, { force: true });
      const handle = openSync(temporary, 'wx');
      try {
        for (const piece of pieces) for (const part of inPieces(piece)) writeFileSync(handle, part);
        fsyncSync(handle);
      } finally {
        closeSync(handle);
      }
      last?.();
      renameSync(temporary, file);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
    syncFolder(dirname(file));
  });
}

/** What file systems without hard links say. */
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];

/**
 * Makes a file with its content in one step, where there is none of that name: of several processes that try, on
 * whatever hosts, one does. Where there are no hard links, the file is there for an instant without its content.
 *
 * @param maker some letters that no other process tries with
 * @returns false where there is a file already
 * @throws UserError when the operating system refuses.
 */
export function createFile(file: string, content: string, maker: string): boolean {
  const own = `${file}.${maker}.tmp`;
  return onDisk(file, () => {
    try {
      rmSync(own, { force: true });
      writeFileSync(own, content, { flag: 'wx', flush: true });
      linkSync(own, file);
      return true;
    } catch (error) {
      // Over a network the answer to a link that was made can be lost, and the second request finds the first one's.
      if (isSystemError(error, 'EEXIST')) return statSync(own, { throwIfNoEntry: false })?.nlink === 2;
      if (isSystemError(error) && NO_LINKS.includes(error.code ?? '')) return createInPlace(file, content);
      throw error;
    } finally {
      rmSync(own, { force: true });
    }
  });
}

function createInPlace(file: string, content: string): boolean {
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
}

/** Puts a rename on the disk itself; Windows neither needs nor allows it. */
function syncFolder(dir: string): void {
  if (process.platform === 'win32') return;
  const folder = openSync(dir, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/**
 * Appends one or more whole lines (`text` ends in a newline) and waits until they are on the disk. A line
 * that an earlier, killed process left half-written is cut off first. The file is made where it is missing.
 *
 * @throws UserError when the operating system refuses; the file then holds what it held before.
 */
export function appendLines(file: string, text: string): void {
  onDisk(file, () => {
    const { O_RDWR, O_APPEND, O_CREAT } = constants;
    const handle = openSync(file, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o666);
    try {
      const size = sizeOfFile(handle, file);
      const whole = wholeLength(handle, size, file);
      if (whole < size) ftruncateSync(handle, whole);
      try {
        writeFileSync(handle, text);
        fsyncSync(handle);
      } catch (error) {
        if (fstatSync(handle).size > whole) ftruncateSync(handle, whole);
        throw error;
      }
    } finally {
      closeSync(handle);
    }
  });
}

/** The bytes up to the end of the last whole line. @throws UserError when the rest is too long for a line. */
function wholeLength(handle: number, size: number, file: string): number {
  for (const length of [Math.min(size, 1), Math.min(size, LONGEST_LINE)]) {
    const tail = Buffer.alloc(length);
    readSync(handle, tail, 0, length, size - length);
    const newline = tail.lastIndexOf('\n');
    if (newline >= 0 || length === size) return size - length + newline + 1;
  }
  throw new UserError(`${file}: its last line has no end; restore this file`);
}

/**
 * The time of the disk that a folder lies on, in milliseconds since 1970: over a network, of the machine that serves it.
 *
 * @param asker some letters that no other process asks with
 */
export function timeOfDisk(dir: string, asker: string): number {
  const probe = join(dir, `run.time-${asker}.tmp`);
  return onDisk(dir, () => {
    try {
      rmSync(probe, { force: true });
      writeFileSync(probe, '', { flag: 'wx' });
      return statSync(probe).mtimeMs;
    } finally {
      rmSync(probe, { force: true });
    }
  });
}

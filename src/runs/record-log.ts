import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import { crc32 } from 'node:zlib';
import { UserError } from '../errors.ts';
import { createFile } from './atomic.ts';
import { onDisk } from './on-disk.ts';

const VERSION = 1;
/** Bytes of a record's checksum, its last. */
export const CHECKSUM = 4;
/** Whether the bytes of a record fit the checksum behind them. */
export const isWhole = (record: Buffer): boolean =>
  crc32(record.subarray(0, -CHECKSUM)) === record.readUInt32LE(record.length - CHECKSUM);

/** Bytes read ahead. */
const AHEAD = 2 ** 16;
/** Do not follow a link out of the run folder; Windows has no such flag. */
const { O_RDONLY, O_RDWR, O_APPEND, O_NOFOLLOW = 0 } = constants;

/**
 * A file that one process appends records of one size to, while others read those that are whole. A line of JSON says what
 * it is, the records follow, each with its CRC-32. A record is in the file, for every process of the machine, once
 * `append` returns; it outlives a cut of the power once `sync` has returned.
 */
export class RecordLog {
  readonly #file: string;
  readonly #header: Buffer;
  /** Bytes of a record, its checksum included. */
  readonly #size: number;
  #handle: number | undefined;
  readonly #ahead: Buffer;
  /** The records read ahead: from, and up to. */
  #read: [from: number, to: number] = [0, 0];

  /**
   * Touches nothing.
   *
   * @param about what must stand in its first line
   * @param bytes of a record
   */
  constructor(file: string, about: object, bytes: number) {
    this.#file = file;
    this.#size = bytes + CHECKSUM;
    this.#header = Buffer.from(`${JSON.stringify({ wmRecords: VERSION, ...about, bytes: this.#size })}\n`);
    this.#ahead = Buffer.alloc(this.#size * Math.max(1, Math.floor(AHEAD / this.#size)));
  }

  /**
   * Makes the file where it is missing, and cuts off a record that a killed process left half-written.
   *
   * @throws UserError when the system refuses, or the file is of another kind.
   */
  openToAppend(): void {
    createFile(this.#file, this.#header.toString(), `${process.pid}`);
    onDisk(this.#file, () => {
      this.close();
      this.#handle = openSync(this.#file, O_RDWR | O_APPEND | O_NOFOLLOW);
      this.#requireHeader(this.#handle);
      const whole = this.#header.length + this.length * this.#size;
      if (fstatSync(this.#handle).size > whole) ftruncateSync(this.#handle, whole);
    });
  }

  /** Records in the file; 0 where there is none. @throws UserError as `openToAppend` does. */
  get length(): number {
    return onDisk(this.#file, () => {
      const handle = this.#openToRead();
      if (handle === undefined) return 0;
      return Math.max(0, Math.floor((fstatSync(handle).size - this.#header.length) / this.#size));
    });
  }

  /** Appends a record; the file must have been opened for it. @throws UserError when the system refuses. */
  append(record: Uint8Array): void {
    const bytes = Buffer.alloc(this.#size);
    bytes.set(record);
    bytes.writeUInt32LE(crc32(record), this.#size - CHECKSUM);
    onDisk(this.#file, () => {
      const written = writeSync(this.#handle!, bytes);
      if (written < this.#size) writeSync(this.#handle!, bytes, written);
    });
  }

  /** A record that is there: the caller's own. @throws UserError where it is damaged, or the system refuses. */
  read(index: number): Uint8Array {
    const [from, to] = this.#read;
    if (index < from || index >= to) this.#readAhead(index);
    const at = (index - this.#read[0]) * this.#size;
    if (index >= this.#read[1] || !isWhole(this.#ahead.subarray(at, at + this.#size))) {
      throw new UserError(
        `${this.#file}: record ${index} is damaged (its checksum does not match); move this seed's folder away to begin anew`,
      );
    }
    return Uint8Array.prototype.slice.call(this.#ahead, at, at + this.#size - CHECKSUM);
  }

  #readAhead(index: number): void {
    onDisk(this.#file, () => {
      const start = this.#header.length + index * this.#size;
      const bytes = readSync(this.#openToRead()!, this.#ahead, 0, this.#ahead.length, start);
      this.#read = [index, index + Math.floor(bytes / this.#size)];
    });
  }

  /** Waits until what has been appended, by whomever, is on the disk itself. */
  sync(): void {
    onDisk(this.#file, () => {
      const handle = this.#openToRead();
      if (handle !== undefined) fdatasyncSync(handle);
    });
  }

  close(): void {
    if (this.#handle !== undefined) closeSync(this.#handle);
    this.#handle = undefined;
  }

  #openToRead(): number | undefined {
    if (this.#handle !== undefined) return this.#handle;
    try {
      this.#handle = openSync(this.#file, O_RDONLY | O_NOFOLLOW);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    this.#requireHeader(this.#handle);
    return this.#handle;
  }

  #requireHeader(handle: number): void {
    const found = Buffer.alloc(this.#header.length);
    readSync(handle, found, 0, found.length, 0);
    if (found.equals(this.#header)) return;
    throw new UserError(
      `${this.#file}: is of another config or version of wm, or damaged; use the wm that made it, or move this seed's folder away to begin anew`,
    );
  }
}

import { constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { UserError } from '../errors.ts';
import { isSystemError } from './on-disk.ts';
import { leadsOut } from './within.ts';

/** Bytes read at once: room for the longest row. */
const CHUNK = 2 ** 18;
/** Bytes of the largest file that is followed: some million rows. */
const LARGEST = 2 ** 28;
const MOST_COLUMNS = 1000;
/** Bytes. */
const LONGEST_HEADER = 2 ** 16;
const NEWLINE = 10;
/** Neither follow a link out of the run folder nor wait for the other end of a pipe; Windows has no such flags. */
const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;

/**
 * A CSV file of numbers that another process appends to, followed by its size: each `read` takes what whole lines have
 * come. A file that was cut or replaced, as a resume does, is read from its start. Of a long one every second, fourth,
 * … row is kept, and the last.
 */
export class GrowingCsv {
  readonly #file: string;
  readonly #wanted: ReadonlySet<string> | undefined;
  readonly #most: number;
  readonly #within: string | undefined;
  #inode = 0;
  #offset = 0;
  #columns: string[] = [];
  #places: number[] = [];
  #values: number[][] = [];
  #rows = 0;
  #stride = 1;
  #last: number[] = [];
  #modified = 0;

  /**
   * @param wanted the columns to keep; all, where it is undefined
   * @param most of rows: up to twice as many are kept
   * @param within a folder out of which no link on the way is followed
   */
  constructor(
    file: string,
    { wanted, most = 400, within }: { wanted?: readonly string[]; most?: number; within?: string } = {},
  ) {
    this.#file = file;
    this.#wanted = wanted && new Set(wanted);
    this.#most = most;
    this.#within = within;
  }

  /** Every column that the file has; none before it has a header. */
  get columns(): readonly string[] {
    return this.#columns;
  }

  /** Rows that the file has. */
  get rows(): number {
    return this.#rows;
  }

  /** Every so many-th row is kept, from the first on; a power of two. */
  get stride(): number {
    return this.#stride;
  }

  /** When it was last written to, in milliseconds since 1970; 0 before the first `read`. */
  get modified(): number {
    return this.#modified;
  }

  /** The kept values of a column, from the first row on, NaN where a cell is empty or no number; none of another one. */
  kept(column: string): readonly number[] {
    return this.#values[this.#indexOf(column)] ?? [];
  }

  /** A column's value in the last row; NaN where there is none. */
  last(column: string): number {
    return this.#last[this.#indexOf(column)] ?? Number.NaN;
  }

  #indexOf(column: string): number {
    return this.#places.indexOf(this.#columns.indexOf(column));
  }

  /**
   * Takes what the file has more than at the call before.
   *
   * @returns whether anything has changed
   * @throws UserError where it cannot be read, is no regular file, too large, or no CSV.
   */
  async read(): Promise<boolean> {
    const handle = await openToFollow(this.#file, this.#within);
    if (handle === undefined) return this.#startOver(0);
    try {
      const stat = await handle.stat();
      requireFile(this.#file, stat);
      this.#modified = stat.mtimeMs;
      const isAnother = stat.size < this.#offset || stat.ino !== this.#inode;
      const begun = isAnother && this.#startOver(stat.ino);
      return (stat.size > this.#offset && (await this.#take(handle, stat.size))) || begun;
    } finally {
      await handle.close();
    }
  }

  /** Forgets what was read. Returns whether there was anything. */
  #startOver(inode: number): boolean {
    const had = this.#columns.length > 0;
    this.#inode = inode;
    this.#offset = 0;
    this.#columns = [];
    this.#places = [];
    this.#values = [];
    this.#rows = 0;
    this.#stride = 1;
    this.#last = [];
    return had;
  }

  /** Reads up to `size`, as far as there are whole lines. Returns whether there was one. */
  async #take(handle: FileHandle, size: number): Promise<boolean> {
    const start = this.#offset;
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK, size - start));
    while (this.#offset < size) {
      const length = Math.min(buffer.length, size - this.#offset);
      const { bytesRead } = await handle.read(buffer, 0, length, this.#offset);
      const whole = buffer.subarray(0, bytesRead).lastIndexOf(NEWLINE) + 1;
      if (whole === 0 && bytesRead === CHUNK) {
        throw new UserError(`${this.#file}: has a line of more than ${CHUNK} bytes; restore this file`);
      }
      if (whole === 0) break;
      this.#takeLines(buffer.subarray(0, whole));
      this.#offset += whole;
    }
    return this.#offset > start;
  }

  #takeLines(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const end = bytes.indexOf(NEWLINE, at);
      // Most rows of a long file are not kept, and need not be decoded.
      const isKept =
        this.#columns.length === 0 || this.#rows % this.#stride === 0 || end + 1 === bytes.length;
      if (isKept) {
        const line = textOf(bytes, at, end);
        if (this.#columns.length === 0) this.#takeHeader(line);
        else this.#takeRow(line.split(','));
      } else {
        this.#rows++;
      }
      at = end + 1;
    }
  }

  #takeHeader(line: string): void {
    const columns = columnsIn(line, this.#file);
    this.#columns = columns;
    this.#places = columns.flatMap((column, place) => ((this.#wanted?.has(column) ?? true) ? [place] : []));
    this.#values = this.#places.map(() => []);
  }

  #takeRow(cells: readonly string[]): void {
    this.#last = this.#places.map((place) => numberIn(cells[place]));
    if (this.#rows % this.#stride === 0) {
      for (const [i, value] of this.#last.entries()) this.#values[i]!.push(value);
    }
    this.#rows++;
    if (this.#rows > 2 * this.#most * this.#stride) {
      this.#stride *= 2;
      this.#values = this.#values.map((values) => values.filter((_, i) => i % 2 === 0));
    }
  }
}

/** What a cell says; NaN where it is empty, no number, or missing. */
const numberIn = (cell = ''): number => (cell.trim() === '' ? Number.NaN : Number(cell));

/**
 * The columns of a CSV file, of which only the beginning is read; none where there is no file or no whole header.
 *
 * @param within a folder out of which no link on the way is followed
 * @throws UserError where it cannot be read, is no regular file, too large, or no CSV.
 */
export async function csvColumns(file: string, within: string): Promise<string[]> {
  const handle = await openToFollow(file, within);
  if (handle === undefined) return [];
  try {
    requireFile(file, await handle.stat());
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(LONGEST_HEADER), 0, LONGEST_HEADER, 0);
    const end = buffer.subarray(0, bytesRead).indexOf(NEWLINE);
    return end < 0 ? [] : columnsIn(textOf(buffer, 0, end), file);
  } finally {
    await handle.close();
  }
}

const textOf = (bytes: Buffer, start: number, end: number) =>
  bytes.toString('utf8', start, end).replace(/\r$/, '');

function columnsIn(line: string, file: string): string[] {
  const columns = line.replace(/^\ufeff/, '').split(',');
  if (columns.length > MOST_COLUMNS) throw new UserError(`${file}: more than ${MOST_COLUMNS} columns`);
  return columns;
}

async function openToFollow(file: string, within?: string): Promise<FileHandle | undefined> {
  if (within !== undefined && leadsOut(within, file)) return undefined;
  try {
    return await open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw new UserError(`${file}: cannot be read (${error.code})`);
  }
}

function requireFile(file: string, stat: Stats): void {
  if (!stat.isFile()) throw new UserError(`${file}: is no file; move it away`);
  if (stat.size > LARGEST) {
    throw new UserError(`${file}: ${stat.size} bytes are more than is followed (${LARGEST})`);
  }
}

import { CsvError, parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { UserError } from '../errors.ts';
import type { Row } from '../training/events.ts';
import { appendLines, readText, replaceFile } from './atomic.ts';

/** A cell; null is an empty one. Numbers are written in their shortest form that reads back the same. */
export type Cell = number | string | null;
export type CsvRow = Record<string, Cell>;

export interface CsvTable {
  columns: string[];
  rows: CsvRow[];
}

/** A header and rows as CSV text. A row that lacks a column or has another one is a bug and throws. */
export function formatCsv(columns: readonly string[], rows: readonly CsvRow[]): string {
  return stringify([[...columns], ...rows.map((row) => cellsOf(columns, row))]);
}

function cellsOf(columns: readonly string[], row: CsvRow): Cell[] {
  const unknown = Object.keys(row).filter((key) => !columns.includes(key));
  const missing = columns.filter((column) => !Object.hasOwn(row, column));
  if (unknown.length + missing.length > 0) {
    throw new Error(`a CSV row lacks [${missing}] and has the unknown [${unknown}]`);
  }
  return columns.map((column) => row[column]!);
}

/** The same of at least one row, whose keys are the columns. */
export const formatRows = (rows: readonly CsvRow[]): string => formatCsv(Object.keys(rows[0] ?? {}), rows);

/** Rows and columns of a table that is read, and characters of a row: far more than wm writes. */
const MOST_ROWS = 2_000_000;
const MOST_COLUMNS = 1000;
const LONGEST_ROW = 100_000;

/** The text up to its last newline: what is left when a process was killed while it appended a line. */
export function wholeLines(text: string): string {
  return text.slice(0, text.lastIndexOf('\n') + 1);
}

/**
 * CSV text with a header line as rows; a cell that reads as a number is one, an empty one is null.
 *
 * @param file where the text is from, for the error's place
 * @throws UserError when the text is no CSV, has no header or lines of unequal length.
 */
export function parseCsv(text: string, file: string): CsvTable {
  try {
    const [columns, ...records] =
      plainRecords(text) ??
      parse(text, {
        bom: true,
        skip_empty_lines: true,
        record_delimiter: ['\r\n', '\n'],
        max_record_size: LONGEST_ROW,
        to: MOST_ROWS + 2,
      });
    if (columns === undefined) throw new UserError(`${file}:1: no header line; restore this file`);
    if (columns.length > MOST_COLUMNS || records.length > MOST_ROWS) {
      throw new UserError(
        `${file}: more than ${MOST_COLUMNS} columns or ${MOST_ROWS} rows; restore this file`,
      );
    }
    // A column may be called `__proto__`, which an assignment would not store.
    const rows = records.map((cells) =>
      Object.fromEntries(columns.map((column, i) => [column, readCell(cells[i]!)])),
    );
    return { columns, rows };
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new UserError(`${file}:${error.lines}: not readable as CSV (${error.code}); restore this file`);
  }
}

/** The records of a text in which every line is one and no cell is quoted, as wm writes them; undefined of any other. */
function plainRecords(text: string): string[][] | undefined {
  if (/["\r\ufeff]/.test(text)) return undefined;
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  // In bytes, of which a character has four at most.
  if (lines.length === 0 || lines.some(({ length }) => length > LONGEST_ROW / 4)) return undefined;
  const records = lines.map((line) => line.split(','));
  const width = records[0]!.length;
  const isPlain = (cells: string[]) => cells.length === width && (width > 1 || cells[0] !== '');
  return records.every(isPlain) ? records : undefined;
}

function readCell(text: string): Cell {
  if (text.trim() === '') return null;
  const value = Number(text);
  return Number.isNaN(value) && text !== 'NaN' ? text : value;
}

/** The table in a file, or undefined where there is none. @throws UserError when it is not readable. */
export function readCsv(file: string): CsvTable | undefined {
  const text = readText(file);
  return text === undefined ? undefined : parseCsv(text, file);
}

/** Replaces a file by a table, in one step. @throws UserError when the operating system refuses. */
export function writeCsv(file: string, columns: readonly string[], rows: readonly CsvRow[]): void {
  replaceFile(file, formatCsv(columns, rows));
}

/** A CSV file of numbers, and names in some columns, that grows by whole lines and can be cut back to earlier environment steps. */
export class CsvLog<R extends CsvRow = Row> {
  readonly file: string;
  readonly columns: readonly string[];
  readonly #names: readonly string[];

  /**
   * Opens the file, or makes it with its header.
   *
   * @param columns fixed, `env_step` among them
   * @param names those of them that hold names
   * @throws UserError when the file has other columns or cannot be read or written.
   */
  constructor(file: string, columns: readonly string[], names: readonly string[] = []) {
    this.file = file;
    this.columns = columns;
    this.#names = names;
    const text = readText(file) ?? '';
    const header = formatCsv(columns, []);
    // A kill between the first bytes of the header and its newline can leave a part of it.
    if (header.startsWith(text) && text !== header) {
      replaceFile(file, header);
      return;
    }
    const found = parseCsv(text.slice(0, text.indexOf('\n') + 1), file).columns;
    if (formatCsv(found, []) !== header) {
      throw new UserError(
        `${file}:1: has other columns than this version of wm writes (${columns}); use another --name`,
      );
    }
  }

  /** Appends rows and waits until they are on the disk. @throws UserError when the operating system refuses. */
  append(...rows: readonly R[]): void {
    appendLines(this.file, stringify(rows.map((row) => cellsOf(this.columns, row))));
  }

  /**
   * Keeps the rows at environment steps that still stand, and drops the others and a half-written last line: on resume
   * these are what a killed process wrote after its last checkpoint, and they will be written again.
   *
   * @returns the rows kept
   * @throws UserError when the file is not readable as numbers.
   */
  keep(stands: (step: number, row: R) => boolean): R[] {
    const text = readText(this.file) ?? '';
    const { rows } = parseCsv(wholeLines(text), this.file);
    const kept = (namedRows(rows, this.#names, this.file) as R[]).filter((row) =>
      stands(Number(row.env_step), row),
    );
    const cut = formatCsv(this.columns, kept);
    if (cut !== text) replaceFile(this.file, cut);
    return kept;
  }
}

/**
 * Rows whose cells are all numbers or empty, `env_step` never empty.
 *
 * @throws UserError naming the line of the first other one.
 */
export const numericRows = (rows: readonly CsvRow[], file: string): Row[] =>
  namedRows(rows, [], file) as Row[];

/**
 * The same where some columns hold names.
 *
 * @throws UserError naming the line of the first other one.
 */
export function namedRows(rows: readonly CsvRow[], names: readonly string[], file: string): CsvRow[] {
  return rows.map((row, index) => {
    for (const [column, cell] of Object.entries(row)) {
      if (names.includes(column)) {
        if (typeof cell === 'string') continue;
        throw new UserError(
          `${file}:${index + 2}: ${column} is no name (${cell ?? 'empty'}); restore this file`,
        );
      }
      if (typeof cell === 'string' || (cell === null && column === 'env_step')) {
        throw new UserError(
          `${file}:${index + 2}: ${column} is not a number (${cell ?? 'empty'}); restore this file`,
        );
      }
    }
    return row;
  });
}

/** Columns and rows of every game's board. */
export const SIDE = 10;

/** A place on the board: x is the column from the left, y the row from the top. */
export interface Cell {
  x: number;
  y: number;
}

/** A number held within bounds, both included. */
export const clamp = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);

/** Whether a column lies on the board. */
export const onBoard = (x: number): boolean => x >= 0 && x < SIDE;

export const same = (a: Cell, b: Cell): boolean => a.x === b.x && a.y === b.y;

/** What a game shows: a plane of cells for each of its channels, lit or not. */
export class Board {
  /** 1 where lit: [row, column, channel] */
  readonly cells: Float32Array;
  readonly #channels: number;

  constructor(channels: number) {
    this.#channels = channels;
    this.cells = new Float32Array(SIDE * SIDE * channels);
  }

  light(channel: number, { x, y }: Cell): void {
    this.cells[(y * SIDE + x) * this.#channels + channel] = 1;
  }

  /** Lights the cell behind something that heads left (−1) or right (1), if that is on the board. */
  trail(channel: number, { x, y }: Cell, direction: number): void {
    if (onBoard(x - direction)) this.light(channel, { x: x - direction, y });
  }
}

/**
 * The lit cells of a channel, row by row. A dream's cells are lit from 1/2 on.
 *
 * @param observation [row, column, channel]
 */
export function litCells(observation: ArrayLike<number>, channel: number, channels: number): Cell[] {
  const cells: Cell[] = [];
  for (let place = 0; place < SIDE * SIDE; place++) {
    if (observation[place * channels + channel]! >= 0.5) {
      cells.push({ x: place % SIDE, y: Math.floor(place / SIDE) });
    }
  }
  return cells;
}

/** The columns of a row in which a channel is lit, from the left. */
export function litColumns(
  observation: ArrayLike<number>,
  channel: number,
  channels: number,
  y: number,
): number[] {
  const columns: number[] = [];
  for (let x = 0; x < SIDE; x++) {
    if (observation[(y * SIDE + x) * channels + channel]! >= 0.5) columns.push(x);
  }
  return columns;
}

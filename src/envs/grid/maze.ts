import { UserError } from '../../errors.ts';

/** The walls of a maze from some step on. */
export interface Board {
  /** Steps after which they stand; 0 of the first. */
  from: number;
  /** 1 where a cell is wall: [rows × columns], row-major, row 0 on top. */
  walls: Uint8Array;
}

/** A grid of cells with a start and a goal. Its walls may change with time; start and goal stay. */
export interface Maze {
  rows: number;
  columns: number;
  /** Indices of cells: row × columns + column. */
  start: number;
  goal: number;
  /** The first first. */
  boards: readonly Board[];
}

/** Cells of a maze: a table of them is looked through at every step. */
const MOST_CELLS = 10_000;

const MEANINGS = '. (free), # (wall), S (start) or G (goal)';

/** A move by its number, up, down, left and right: [rows, columns]. */
const MOVES = [
  [-1, 0],
  [1, 0],
  [0, -1],
  [0, 1],
] as const;

export const MOVE_COUNT = MOVES.length;

/**
 * Reads a maze from text: a line for each row of cells, `.` free, `#` wall, `S` start and `G` goal. A line `after 1000`
 * between two grids says after how many steps the walls of the second take the place of those of the first.
 *
 * @throws UserError naming what is wrong: a letter, rows of unequal length, not one start and one goal, no way between
 *   them, a start, goal or size that changes, changes out of order
 */
export function parseMaze(text: string): Maze {
  const grids: { from: number; rows: string[] }[] = [{ from: 0, rows: [] }];
  for (const [index, line] of text.trim().split('\n').entries()) {
    const row = line.trim();
    const change = /^after\s+(\d+)$/.exec(row)?.[1];
    if (change === undefined) grids.at(-1)!.rows.push(checkedRow(row, index + 1));
    else if (Number(change) > grids.at(-1)!.from) grids.push({ from: Number(change), rows: [] });
    else throw new UserError(`line ${index + 1}: the changes of a maze come in the order of their steps`);
  }
  const [first, ...others] = grids.map(({ from, rows }) => parseGrid(rows, from));
  for (const { columns, board, start, goal } of others) {
    const isSame = columns === first!.columns && board.walls.length === first!.board.walls.length;
    if (!isSame || start !== first!.start || goal !== first!.goal) {
      throw new UserError(
        `after ${board.from} steps: only walls may change, keep size, start and goal as they are`,
      );
    }
  }
  const { rows, columns, start, goal } = first!;
  const maze = { rows, columns, start, goal, boards: [first!, ...others].map(({ board }) => board) };
  for (const { from, walls } of maze.boards) {
    if (distances(maze, walls)[start] === Number.POSITIVE_INFINITY) {
      throw new UserError(
        `${from > 0 ? `after ${from} steps ` : ''}no way leads from S to G: open a wall between them`,
      );
    }
  }
  return maze;
}

function checkedRow(row: string, line: number): string {
  const column = row.search(/[^.#SG]/);
  if (column < 0) return row;
  throw new UserError(`line ${line}, cell ${column + 1}: "${row[column]}" is no cell, use ${MEANINGS}`);
}

function parseGrid(rows: readonly string[], from: number) {
  const columns = rows[0]?.length ?? 0;
  const ragged = rows.findIndex(({ length }) => length !== columns);
  if (columns === 0) throw new UserError(`a maze needs rows of cells, draw them with ${MEANINGS}`);
  if (ragged >= 0) {
    throw new UserError(
      `row ${ragged + 1} has ${rows[ragged]!.length} cells where row 1 has ${columns}: make all as long`,
    );
  }
  const cells = [...rows.join('')];
  if (cells.length > MOST_CELLS) {
    throw new UserError(`a maze of ${cells.length} cells is too large, draw at most ${MOST_CELLS}`);
  }
  const only = (letter: string, what: string) => {
    const found = cells.filter((cell) => cell === letter).length;
    if (found === 1) return cells.indexOf(letter);
    throw new UserError(`there are ${found} cells ${letter}: draw one ${what}`);
  };
  const walls = Uint8Array.from(cells, (cell) => Number(cell === '#'));
  const ends = { start: only('S', 'start'), goal: only('G', 'goal') };
  return { rows: rows.length, columns, ...ends, board: { from, walls } };
}

/** The cell that a move leads to: the same where a wall or the edge is in its way. */
export function neighbour(
  { rows, columns }: Pick<Maze, 'rows' | 'columns'>,
  walls: Uint8Array,
  cell: number,
  move: number,
): number {
  const [down, right] = MOVES[move]!;
  const row = Math.floor(cell / columns) + down;
  const column = (cell % columns) + right;
  const isInside = row >= 0 && row < rows && column >= 0 && column < columns;
  const next = row * columns + column;
  return isInside && walls[next] === 0 ? next : cell;
}

/** The fewest steps from each cell to the goal, infinite where no way leads there: [rows × columns] */
export function distances(maze: Pick<Maze, 'rows' | 'columns' | 'goal'>, walls: Uint8Array): Float64Array {
  const steps = new Float64Array(walls.length).fill(Number.POSITIVE_INFINITY);
  steps[maze.goal] = 0;
  // Breadth first: the list grows while it is walked through. A move can be taken back, so its ways lead here too.
  const reached = [maze.goal];
  for (const cell of reached) {
    for (let move = 0; move < MOVE_COUNT; move++) {
      const next = neighbour(maze, walls, cell, move);
      if (steps[next] !== Number.POSITIVE_INFINITY) continue;
      steps[next] = steps[cell]! + 1;
      reached.push(next);
    }
  }
  return steps;
}

/** The walls that stand after so many steps. */
export function wallsAfter({ boards }: Maze, steps: number): Uint8Array {
  return boards.findLast(({ from }) => from <= steps)!.walls;
}

/** The text of a maze: what `parseMaze` reads, each row on a line. */
export function mazeText(maze: Maze): string {
  const grid = (walls: Uint8Array) =>
    Array.from({ length: maze.rows }, (_, row) =>
      Array.from({ length: maze.columns }, (_, column) => {
        const cell = row * maze.columns + column;
        if (cell === maze.start) return 'S';
        return cell === maze.goal ? 'G' : walls[cell] ? '#' : '.';
      }).join(''),
    ).join('\n');
  return maze.boards
    .map(({ from, walls }) => `${from > 0 ? `after ${from}\n` : ''}${grid(walls)}\n`)
    .join('');
}

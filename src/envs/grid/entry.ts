import { type Drawing, disc, type Position, rectangle } from '../drawing.ts';
import type { Action } from '../environment.ts';
import type { EnvironmentEntry } from '../index.ts';
import { TimeLimit } from '../time-limit.ts';
import { GridWorld } from './grid-world.ts';
import { distances, type Maze, MOVE_COUNT, mazeText, neighbour, parseMaze, wallsAfter } from './maze.ts';

/**
 * Steps of an episode. The mazes have no limit in the book, but a policy that walks in circles would play for ever; of
 * first episodes, random walks of 870 steps in the mean in the Dyna Maze, about one in 10^5 is as long.
 */
const LIMIT = 10_000;

/** The environment of a maze's text. @throws UserError as `parseMaze` does */
export function gridWorldEntry(text: string): EnvironmentEntry {
  const maze = parseMaze(text);
  const changing = maze.boards.length > 1;
  return {
    ...entryOf(maze, 0, () => new GridWorld(maze)),
    ...(changing && {
      standing: (steps: number) => entryOf(maze, steps, () => new GridWorld(maze, steps)),
    }),
  };
}

/** @param steps those after which the walls stand that the controller knows and that are drawn */
function entryOf(maze: Maze, steps: number, make: () => GridWorld): EnvironmentEntry {
  const { rows, columns } = maze;
  const walls = wallsAfter(maze, steps);
  const left = distances(maze, walls);
  const cellOf = (observation: ArrayLike<number>) => observation[0]! * columns + observation[1]!;
  return {
    make: () => new TimeLimit(make(), LIMIT),
    observationNames: ['row', 'column'],
    // Half the extent, so that what a network sees lies in [0, 2].
    observationScale: [Math.max(1, rows / 2), Math.max(1, columns / 2)],
    rewardRange: [0, 1],
    threshold: { reward: 1, source: 'the goal is reached' },
    /** One step along a shortest way: the first move after which the goal is nearest. */
    controller: (observation): Action => {
      const after = Array.from(
        { length: MOVE_COUNT },
        (_, move) => left[neighbour(maze, walls, cellOf(observation), move)]!,
      );
      return after.indexOf(Math.min(...after));
    },
    terminationCause: () => 'goal',
    drawing: mazeDrawing(maze, walls),
    states: { count: rows * columns, indexOf: cellOf },
    map: mazeText(maze),
  };
}

/** Cells of side 1: walls, the goal, and a disc where the agent is. */
function mazeDrawing({ rows, columns, goal }: Maze, walls: Uint8Array): Drawing {
  const corner = (cell: number): Position => [cell % columns, rows - 1 - Math.floor(cell / columns)];
  const square = (cell: number) => {
    const [x, y] = corner(cell);
    return rectangle([x, y], [x + 1, y + 1]);
  };
  const frame: Position[] = [
    [0, 0],
    [columns, 0],
    [columns, rows],
    [0, rows],
    [0, 0],
  ];
  const still = [
    { form: square(goal), ink: 'goal' },
    ...[...walls.keys()]
      .filter((cell) => walls[cell])
      .map((cell) => ({ form: square(cell), ink: 'ground' }) as const),
    { form: { kind: 'line', points: frame, width: 0.05 }, ink: 'ground' },
  ] as const;
  return {
    view: { left: -0.1, bottom: -0.1, width: columns + 0.2, height: rows + 0.2 },
    stepsPerSecond: 8,
    draw: (observation) => [
      ...still,
      {
        form: disc(0.3),
        ink: 'body',
        at: [observation[1]! + 0.5, rows - 0.5 - observation[0]!],
      },
    ],
  };
}

import { type Action, type Environment, requireChoice, type StepResult } from '../environment.ts';
import type { BoxSpace, DiscreteSpace } from '../spaces.ts';
import { type Maze, MOVE_COUNT, neighbour, wallsAfter } from './maze.ts';

/**
 * A maze (Sutton and Barto 2018, chapter 8), without a time limit: the agent moves up, down, left or right (action 0 to 3)
 * by one cell, and stays where a wall or the edge is in its way. The reward is 1 for the step into the goal, which
 * terminates the episode, and 0 for any other. Every episode starts in S; nothing is random. The observation is
 * (row, column), from the top left corner.
 *
 * The walls change after so many steps of this environment, in the middle of an episode: the steps of all its episodes
 * are counted, and are part of its state. An agent that stands where a wall comes up may walk out of it.
 */
export class GridWorld implements Environment {
  readonly observationSpace: BoxSpace;
  readonly actionSpace: DiscreteSpace = { kind: 'discrete', n: MOVE_COUNT };
  readonly #maze: Maze;
  /** Undefined while no episode is open. */
  #cell: number | undefined;
  /** Steps taken, in all episodes. */
  #clock: number;
  readonly #isStanding: boolean;

  /** @param standing the walls are those after so many steps for good; default: they change as it is acted in */
  constructor(maze: Maze, standing?: number) {
    this.#maze = maze;
    this.#clock = standing ?? 0;
    this.#isStanding = standing !== undefined;
    this.observationSpace = {
      kind: 'box',
      shape: [2],
      low: [0, 0],
      high: [maze.rows - 1, maze.columns - 1],
    };
  }

  reset(): Float32Array {
    return this.#enter(this.#maze.start);
  }

  step(action: Action): StepResult {
    const move = requireChoice(this.actionSpace, action);
    if (this.#cell === undefined) throw new Error('GridWorld has no open episode: reset it before a step');
    const next = neighbour(this.#maze, wallsAfter(this.#maze, this.#clock), this.#cell, move);
    if (!this.#isStanding) this.#clock++;
    const terminated = next === this.#maze.goal;
    const observation = this.#enter(next);
    if (terminated) this.#cell = undefined;
    return { observation, reward: Number(terminated), terminated, truncated: false };
  }

  /** The cell (−1 after an episode's end), then the steps taken. */
  state(): number[] {
    return [this.#cell ?? -1, this.#clock];
  }

  setState(state: readonly number[]): Float32Array {
    const [cell, clock] = state as [number, number];
    const { rows, columns, goal } = this.#maze;
    const isCell = Number.isInteger(cell) && cell >= 0 && cell < rows * columns && cell !== goal;
    if (state.length !== 2 || !isCell || !Number.isSafeInteger(clock) || clock < 0) {
      throw new RangeError(
        `GridWorld's state is a cell other than the goal and the steps taken, got [${state.join(', ')}]`,
      );
    }
    this.#clock = clock;
    return this.#enter(cell);
  }

  #enter(cell: number): Float32Array {
    this.#cell = cell;
    const { columns } = this.#maze;
    return Float32Array.of(Math.floor(cell / columns), cell % columns);
  }
}

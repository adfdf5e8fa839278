import { RandomStream } from '../../random/stream.ts';
import { type Action, type Environment, requireChoice, type StepResult } from '../environment.ts';
import type { BoxSpace } from '../spaces.ts';
import { Board, SIDE } from './board.ts';
import { flag, integer } from './fields.ts';
import { DIFFICULTY, type Difficulty, type Game, MOVES, moveSpace, type Position, play } from './game.ts';

/** The numbers of a random stream's state. */
const STREAM_SIZE = 4;
const previousMove = integer(0, MOVES.length - 1);

/**
 * A game of MinAtar (Young and Tian, 2019) as an environment: observations are bit planes, [row, column, channel], the
 * actions are the six moves, and with probability 0.1 a step takes the move of the step before instead of its own.
 *
 * Its randomness is a stream of its own, which an episode's start draws: the caller's moves on by one number alone.
 */
export class MinAtar<State> implements Environment {
  readonly observationSpace: BoxSpace;
  readonly actionSpace = moveSpace;
  readonly #game: Game<State>;
  readonly #difficulty: Difficulty;
  /** Undefined before the first episode. */
  #position: Position<State> | undefined;
  #over = false;
  /** Of the open episode; any before the first. */
  #random = RandomStream.named(0, 'minatar');

  constructor(game: Game<State>, difficulty = DIFFICULTY) {
    const cells = SIDE * SIDE * game.channels.length;
    this.observationSpace = {
      kind: 'box',
      shape: [SIDE, SIDE, game.channels.length],
      low: new Array<number>(cells).fill(0),
      high: new Array<number>(cells).fill(1),
      bytes: true,
    };
    this.#game = game;
    this.#difficulty = difficulty;
  }

  /** The move of the episode before may be taken once more by the first step of this one, as in MinAtar. */
  reset(random: RandomStream): Float32Array {
    this.#random = RandomStream.named(random.integer(2 ** 32), 'minatar');
    this.#position = {
      state: this.#game.begin(this.#random),
      previous: this.#position?.previous ?? 'none',
    };
    this.#over = false;
    return this.#observe(this.#position.state);
  }

  step(action: Action): StepResult {
    const move = MOVES[requireChoice(this.actionSpace, action)]!;
    const position = this.#begun();
    if (this.#over) throw new Error('the game is over: reset it before a step');
    const { reward, over } = play(this.#game, position, move, this.#random, this.#difficulty);
    this.#over = over;
    return { observation: this.#observe(position.state), reward, terminated: over, truncated: false };
  }

  /** The game's state, the move before, whether the game is over, the stream's position. */
  state(): number[] {
    const { state, previous } = this.#begun();
    const out: number[] = [];
    this.#game.state.write(state, out);
    out.push(MOVES.indexOf(previous), Number(this.#over), ...this.#random.state());
    return out;
  }

  setState(state: readonly number[]): Float32Array {
    const { size } = this.#game.state;
    const expected = size + 2 + STREAM_SIZE;
    if (state.length !== expected) {
      throw new RangeError(`this game's state has ${expected} numbers, got ${state.length}`);
    }
    const position: Position<State> = {
      state: this.#game.state.read(state, 0),
      previous: MOVES[previousMove.read(state, size)]!,
    };
    if (flag.read(state, size + 1)) throw new RangeError('the game is over there');
    this.#random = RandomStream.fromState(state.slice(-STREAM_SIZE));
    this.#position = position;
    this.#over = false;
    return this.#observe(position.state);
  }

  #begun(): Position<State> {
    if (!this.#position) throw new Error('no game has begun: reset it before a step');
    return this.#position;
  }

  #observe(state: State): Float32Array {
    const board = new Board(this.#game.channels.length);
    this.#game.draw(state, board);
    return board.cells;
  }
}

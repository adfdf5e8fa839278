import type { RandomStream } from '../../random/stream.ts';
import type { DiscreteSpace } from '../spaces.ts';
import type { Board } from './board.ts';
import type { Field } from './fields.ts';

/** The six actions of every game, in the order of their indices. A game that has no use for one does nothing. */
export const MOVES = ['none', 'left', 'up', 'right', 'down', 'fire'] as const;
export type Move = (typeof MOVES)[number];

export const moveSpace: DiscreteSpace = { kind: 'discrete', n: MOVES.length };

/** Its index as an action. */
export const actionOf = (move: Move): number => MOVES.indexOf(move);

/** How far a move goes along each axis. */
export const offsetOf = (move: Move): { x: number; y: number } => ({
  x: Number(move === 'right') - Number(move === 'left'),
  y: Number(move === 'down') - Number(move === 'up'),
});

/** Where a game draws its chances from. */
export type Draws = Pick<RandomStream, 'uniform' | 'integer'>;

/** What a step of a game gave. */
export interface Outcome {
  reward: number;
  /** Whether the episode is over. Where it is, the rest of the step still happens. */
  over: boolean;
}

/** The rules of a game: functions over its state, which changes in place. A timer is ready at 0. */
export interface Game<State> {
  /** What each channel of an observation shows. */
  readonly channels: readonly string[];
  /** The state as numbers. */
  readonly state: Field<State>;
  begin(draws: Draws): State;
  /** @param ramping whether the game becomes harder as it goes on */
  step(state: State, move: Move, draws: Draws, ramping: boolean): Outcome;
  draw(state: State, board: Board): void;
}

/** What is not a game's own: sticky actions, and whether games become harder. */
export interface Difficulty {
  /** Probability with which a step takes the action of the step before again. */
  sticky: number;
  ramping: boolean;
}

/** MinAtar's own. */
export const DIFFICULTY: Difficulty = { sticky: 0.1, ramping: true };

/** A game under way. */
export interface Position<State> {
  state: State;
  /** What the last step did, kept over the ends of episodes; at first nothing. */
  previous: Move;
}

/** One step: draws whether the action before is taken again, which is the first thing a step draws, then plays. */
export function play<State>(
  game: Game<State>,
  position: Position<State>,
  move: Move,
  draws: Draws,
  { sticky, ramping }: Difficulty,
): Outcome {
  if (draws.uniform() >= sticky) position.previous = move;
  return game.step(position.state, position.previous, draws, ramping);
}

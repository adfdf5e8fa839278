import type { Action } from '../environment.ts';
import { type Board, type Cell, clamp, litCells, SIDE } from './board.ts';
import { direction, flag, integer, record, row } from './fields.ts';
import { actionOf, type Draws, type Game, type Move, type Outcome, offsetOf } from './game.ts';

const channels = ['paddle', 'ball', 'trail', 'brick'] as const;
const [PADDLE, BALL, TRAIL, BRICK] = [0, 1, 2, 3] as const;

/** The paddle's row. */
const BOTTOM = SIDE - 1;
const BRICK_ROWS = 3;
const FIRST_BRICK_ROW = 1;

interface Breakout {
  paddle: number;
  ball: Cell;
  /** Where the ball was a step ago. */
  trail: Cell;
  /** Where it heads: 1 is right and down. */
  right: number;
  down: number;
  /** Rows 1 to 3, [row, column]; false where a brick is gone. */
  bricks: boolean[];
  /** Whether the ball has taken a brick and touched one at every step since: then it passes through them. */
  striking: boolean;
}

const allBricks = () => new Array<boolean>(BRICK_ROWS * SIDE).fill(true);
/** Below 0 or beyond the last where a cell is not in the rows of bricks. */
const brickAt = ({ x, y }: Cell) => (y - FIRST_BRICK_ROW) * SIDE + x;

const coordinate = integer(0, SIDE - 1);
const cell = record<Cell>({ x: coordinate, y: coordinate });

/** A ball bounces between walls, bricks (+1 each) and the paddle; the episode ends where it falls past that. */
export const breakout: Game<Breakout> = {
  channels,
  state: record<Breakout>({
    paddle: coordinate,
    ball: cell,
    trail: cell,
    right: direction,
    down: direction,
    bricks: row(BRICK_ROWS * SIDE, flag),
    striking: flag,
  }),
  begin: (draws: Draws) => {
    const fromRight = draws.integer(2) === 1;
    const ball = { x: fromRight ? SIDE - 1 : 0, y: 3 };
    return {
      ...{ paddle: 4, ball, trail: { ...ball }, right: fromRight ? -1 : 1, down: 1 },
      ...{ bricks: allBricks(), striking: false },
    };
  },
  step,
  draw: ({ paddle, ball, trail, bricks }: Breakout, board: Board) => {
    board.light(PADDLE, { x: paddle, y: BOTTOM });
    board.light(BALL, ball);
    board.light(TRAIL, trail);
    for (const [i, there] of bricks.entries()) {
      if (there) board.light(BRICK, { x: i % SIDE, y: FIRST_BRICK_ROW + Math.floor(i / SIDE) });
    }
  },
};

function step(game: Breakout, move: Move): Outcome {
  const outcome: Outcome = { reward: 0, over: false };
  game.paddle = clamp(game.paddle + offsetOf(move).x, 0, SIDE - 1);
  const old = game.ball;
  game.trail = old;
  const next = { x: old.x + game.right, y: old.y + game.down };
  if (next.x < 0 || next.x >= SIDE) {
    next.x = clamp(next.x, 0, SIDE - 1);
    game.right = -game.right;
  }
  let touching = false;
  if (next.y < 0) {
    next.y = 0;
    game.down = -game.down;
  } else if (game.bricks[brickAt(next)]) {
    touching = true;
    if (!game.striking) {
      outcome.reward = 1;
      game.striking = true;
      game.bricks[brickAt(next)] = false;
      next.y = old.y;
      game.down = -game.down;
    }
  } else if (next.y === BOTTOM) {
    if (!game.bricks.includes(true)) game.bricks = allBricks();
    if (old.x === game.paddle) {
      game.down = -game.down;
      next.y = old.y;
    } else if (next.x === game.paddle) {
      game.right = -game.right;
      game.down = -game.down;
      next.y = old.y;
    } else outcome.over = true;
  }
  if (!touching) game.striking = false;
  game.ball = next;
  return outcome;
}

/** Moves the paddle below where the ball comes down, as far as walls alone turn it; below the ball while it rises. */
export function catchBall(observation: ArrayLike<number>): Action {
  const of = (channel: number) => litCells(observation, channel, channels.length)[0] ?? { x: 0, y: 0 };
  const [paddle, ball, trail] = [of(PADDLE), of(BALL), of(TRAIL)];
  let { x } = ball;
  let right = Math.sign(x - trail.x);
  // Just before it would reach the paddle's row: that is the column which sends it straight back.
  for (let y = ball.y; ball.y > trail.y && y < BOTTOM - 1; y++) {
    if (x + right < 0 || x + right >= SIDE) right = -right;
    else x += right;
  }
  return actionOf(x < paddle.x ? 'left' : x > paddle.x ? 'right' : 'none');
}

import type { Action } from '../environment.ts';
import { type Board, clamp, litCells, litColumns, SIDE } from './board.ts';
import { integer, record, row } from './fields.ts';
import { actionOf, type Draws, type Game, type Move, type Outcome, offsetOf } from './game.ts';

const channels = ['chicken', 'car', 'speed1', 'speed2', 'speed3', 'speed4', 'speed5'] as const;
const [CHICKEN, CAR] = [0, 1] as const;

/** Car i drives on row i + 1. */
const CARS = 8;
/** The chicken's column, and the row that it starts from. */
const COLUMN = 4;
const START = SIDE - 1;
/** Steps for which the chicken stands after a move. */
const MOVE_SPEED = 3;
/** Steps that an episode lasts, less one. */
const CLOCK = 2500;
/** Steps between the slowest car's moves. */
const SLOWEST = 5;

interface Car {
  x: number;
  /** Steps between its moves; below 0 where it drives to the left. */
  speed: number;
  timer: number;
}

interface Freeway {
  /** The chicken's row. */
  chicken: number;
  cars: Car[];
  moveTimer: number;
  clock: number;
}

/** Cars of new speeds where the old ones are. */
function renewed(cars: readonly Pick<Car, 'x'>[], draws: Draws): Car[] {
  const speeds = cars.map(() => 1 + draws.integer(SLOWEST));
  const directions = cars.map(() => Math.sign(draws.uniform() - 0.5));
  return cars.map(({ x }, i) => ({ x, speed: speeds[i]! * directions[i]!, timer: speeds[i]! }));
}

/** A chicken crosses a street of eight lanes (+1 each time); a car sends it back. The clock alone ends an episode. */
export const freeway: Game<Freeway> = {
  channels,
  state: record<Freeway>({
    chicken: integer(0, SIDE - 1),
    cars: row(
      CARS,
      record<Car>({
        x: integer(0, SIDE - 1),
        speed: integer(-SLOWEST, SLOWEST),
        timer: integer(0, SLOWEST),
      }),
    ),
    moveTimer: integer(0, MOVE_SPEED),
    clock: integer(-1, CLOCK),
  }),
  begin: (draws: Draws) => ({
    chicken: START,
    cars: renewed(new Array(CARS).fill({ x: 0 }), draws),
    moveTimer: MOVE_SPEED,
    clock: CLOCK,
  }),
  step,
  draw: ({ chicken, cars }: Freeway, board: Board) => {
    board.light(CHICKEN, { x: COLUMN, y: chicken });
    for (const [i, { x, speed }] of cars.entries()) {
      board.light(CAR, { x, y: i + 1 });
      const behind = (x - Math.sign(speed) + SIDE) % SIDE;
      board.light(CAR + Math.abs(speed), { x: behind, y: i + 1 });
    }
  },
};

function step(game: Freeway, move: Move, draws: Draws): Outcome {
  const outcome: Outcome = { reward: 0, over: false };
  const { y } = offsetOf(move);
  if (y !== 0 && game.moveTimer === 0) {
    game.chicken = clamp(game.chicken + y, 0, SIDE - 1);
    game.moveTimer = MOVE_SPEED;
  }
  if (game.chicken === 0) {
    outcome.reward = 1;
    game.cars = renewed(game.cars, draws);
    game.chicken = START;
  }
  for (const [i, car] of game.cars.entries()) {
    const hit = () => car.x === COLUMN && game.chicken === i + 1;
    if (hit()) game.chicken = START;
    if (car.timer === 0) {
      car.timer = Math.abs(car.speed);
      car.x = (car.x + Math.sign(car.speed) + SIDE) % SIDE;
      if (hit()) game.chicken = START;
    } else car.timer--;
  }
  if (game.moveTimer > 0) game.moveTimer--;
  game.clock--;
  outcome.over = game.clock < 0;
  return outcome;
}

/** Goes up, unless a car stands in the way or is a cell away and comes. */
export function cross(observation: ArrayLike<number>): Action {
  const [chicken = { y: START }] = litCells(observation, CHICKEN, channels.length);
  const inTheWay = (channel: number) => litColumns(observation, channel, channels.length, chicken.y - 1);
  const [car] = inTheWay(CAR);
  const [trail] = channels.slice(CAR + 1).flatMap((_, i) => inTheWay(CAR + 1 + i));
  if (car === undefined || trail === undefined) return actionOf('up');
  const ahead = (car + (car - trail) + SIDE) % SIDE;
  return actionOf(car === COLUMN || ahead === COLUMN ? 'none' : 'up');
}

import type { Action } from '../environment.ts';
import { type Board, type Cell, clamp, litCells, onBoard, SIDE, same } from './board.ts';
import { counter, direction, flag, integer, optional, record, row } from './fields.ts';
import { actionOf, type Draws, type Game, MOVES, type Move, type Outcome, offsetOf } from './game.ts';

const channels = ['player', 'enemy', 'trail', 'gold'] as const;
const [PLAYER, ENEMY, TRAIL, GOLD] = [0, 1, 2, 3] as const;

/** Rows in which something may pass, one at a time in each: 1 to 8. */
const SLOTS = 8;
const SPAWN_SPEED = 10;
const MOVE_SPEED = 5;
/** Steps between two turns of the ramp. */
const RAMP_INTERVAL = 100;

/** What passes through a row. */
interface Passer {
  x: number;
  /** 1 is right. */
  direction: number;
  gold: boolean;
}

interface Asterix {
  player: Cell;
  /** Slot i is row i + 1. */
  slots: (Passer | null)[];
  /** Steps between spawns, and between the passers' moves. */
  spawnSpeed: number;
  spawnTimer: number;
  moveSpeed: number;
  moveTimer: number;
  rampTimer: number;
  /** Turns of the ramp so far. */
  rampIndex: number;
}

/** The player gathers gold (+1) and ends the episode where it meets an enemy; both pass faster and faster. */
export const asterix: Game<Asterix> = {
  channels,
  state: record<Asterix>({
    player: record<Cell>({ x: integer(0, SIDE - 1), y: integer(1, SLOTS) }),
    slots: row(SLOTS, optional(record<Passer>({ x: integer(0, SIDE - 1), direction, gold: flag }))),
    spawnSpeed: integer(1, SPAWN_SPEED),
    spawnTimer: integer(0, SPAWN_SPEED),
    moveSpeed: integer(1, MOVE_SPEED),
    moveTimer: integer(0, MOVE_SPEED),
    rampTimer: integer(-1, RAMP_INTERVAL),
    rampIndex: counter,
  }),
  begin: () => ({
    player: { x: 5, y: 5 },
    slots: new Array<Passer | null>(SLOTS).fill(null),
    ...{ spawnSpeed: SPAWN_SPEED, spawnTimer: SPAWN_SPEED, moveSpeed: MOVE_SPEED, moveTimer: MOVE_SPEED },
    ...{ rampTimer: RAMP_INTERVAL, rampIndex: 0 },
  }),
  step,
  draw: ({ player, slots }: Asterix, board: Board) => {
    board.light(PLAYER, player);
    for (const [i, passer] of slots.entries()) {
      if (!passer) continue;
      const at = { x: passer.x, y: i + 1 };
      board.light(passer.gold ? GOLD : ENEMY, at);
      board.trail(TRAIL, at, passer.direction);
    }
  },
};

function step(game: Asterix, move: Move, draws: Draws, ramping: boolean): Outcome {
  const outcome: Outcome = { reward: 0, over: false };
  if (game.spawnTimer === 0) spawn(game, draws);
  const { x, y } = offsetOf(move);
  game.player.x = clamp(game.player.x + x, 0, SIDE - 1);
  game.player.y = clamp(game.player.y + y, 1, SLOTS);
  meet(game, outcome);
  if (game.moveTimer === 0) {
    game.moveTimer = game.moveSpeed;
    for (const [i, passer] of game.slots.entries()) {
      if (passer) passer.x += passer.direction;
      if (passer && !onBoard(passer.x)) game.slots[i] = null;
    }
    meet(game, outcome);
  }
  game.spawnTimer--;
  game.moveTimer--;
  if (ramping) ramp(game);
  return outcome;
}

function spawn(game: Asterix, draws: Draws): void {
  const fromLeft = draws.uniform() < 1 / 2;
  const gold = draws.uniform() < 1 / 3;
  const free = [...game.slots.keys()].filter((i) => game.slots[i] === null);
  if (free.length > 0) {
    game.slots[free[draws.integer(free.length)]!] = {
      ...{ x: fromLeft ? 0 : SIDE - 1, direction: fromLeft ? 1 : -1, gold },
    };
  }
  game.spawnTimer = game.spawnSpeed;
}

function meet({ player, slots }: Asterix, outcome: Outcome): void {
  const slot = player.y - 1;
  const passer = slots[slot];
  if (passer?.x !== player.x) return;
  if (passer.gold) {
    slots[slot] = null;
    outcome.reward++;
  } else outcome.over = true;
}

function ramp(game: Asterix): void {
  if (game.spawnSpeed === 1 && game.moveSpeed === 1) return;
  if (game.rampTimer >= 0) {
    game.rampTimer--;
    return;
  }
  if (game.moveSpeed > 1 && game.rampIndex % 2 === 1) game.moveSpeed--;
  if (game.spawnSpeed > 1) game.spawnSpeed--;
  game.rampIndex++;
  game.rampTimer = RAMP_INTERVAL;
}

/**
 * Goes to the nearest gold, by cells on which no enemy stands and none, by its trail, is about to; among moves that are
 * as good the first one.
 */
export function gather(observation: ArrayLike<number>): Action {
  const of = (channel: number) => litCells(observation, channel, channels.length);
  const [player = { x: 5, y: 5 }] = of(PLAYER);
  const trails = of(TRAIL);
  const threatened = of(ENEMY).flatMap((enemy) => {
    // Just come in, an enemy shows no trail.
    const isTrail = (x: number) => trails.some((trail) => same(trail, { x, y: enemy.y }));
    const ahead = isTrail(enemy.x - 1) ? 1 : isTrail(enemy.x + 1) ? -1 : enemy.x === 0 ? 1 : -1;
    return [enemy, { x: enemy.x + ahead, y: enemy.y }];
  });
  const goals = of(GOLD);
  if (goals.length === 0) goals.push({ x: 5, y: 5 });
  const cost = (move: Move): number => {
    const { x, y } = offsetOf(move);
    const at = { x: clamp(player.x + x, 0, SIDE - 1), y: clamp(player.y + y, 1, SLOTS) };
    const nearest = Math.min(...goals.map((goal) => Math.abs(goal.x - at.x) + Math.abs(goal.y - at.y)));
    return nearest + (threatened.some((cell) => same(cell, at)) ? 100 : 0);
  };
  const moves = MOVES.filter((move) => move !== 'fire');
  return actionOf(moves.reduce((best, move) => (cost(move) < cost(best) ? move : best)));
}

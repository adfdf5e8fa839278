import type { Action } from '../environment.ts';
import { type Board, type Cell, clamp, litCells, onBoard, SIDE, same } from './board.ts';
import { counter, direction, type Field, flag, integer, list, record } from './fields.ts';
import { actionOf, type Draws, type Game, type Move, type Outcome, offsetOf } from './game.ts';

const channels = [
  ...['sub_front', 'sub_back', 'friendly_bullet', 'trail', 'enemy_bullet'],
  ...['enemy_fish', 'enemy_sub', 'oxygen_gauge', 'diver_gauge', 'diver'],
] as const;
const [SUB_FRONT, SUB_BACK, FRIENDLY_BULLET, TRAIL, ENEMY_BULLET] = [0, 1, 2, 3, 4] as const;
const [ENEMY_FISH, ENEMY_SUB, OXYGEN_GAUGE, DIVER_GAUGE, DIVER] = [5, 6, 7, 8, 9] as const;

/** The lowest row of the water, and that of the gauges below it. */
const DEEPEST = SIDE - 2;
const GAUGES = SIDE - 1;
const MOST_OXYGEN = 200;
const MOST_DIVERS = 6;
/** Steps between spawns and between moves of enemies, at first; the least, and the same of divers. */
const ENEMY_SPAWN_SPEED = 20;
const ENEMY_MOVE_SPEED = 5;
const LEAST_MOVE_SPEED = 2;
const DIVER_SPAWN_SPEED = 30;
const DIVER_MOVE_SPEED = 5;
/** Steps between two shots. */
const SHOT_COOLDOWN = 5;
const ENEMY_SHOT_COOLDOWN = 10;
/**
 * More than there can be of anything: an enemy crosses the board in at most 60 steps while one comes every 20, and in 30
 * at the least move speed, when one comes every step; of the others there are fewer.
 */
const MOST = 64;

/** What drives through a row. */
interface Driver extends Cell {
  /** 1 is right. */
  direction: number;
}
interface Swimmer extends Driver {
  /** Steps until it moves. */
  timer: number;
}
interface EnemySub extends Swimmer {
  /** Steps until it shoots. */
  shotTimer: number;
}

interface Seaquest {
  sub: Driver;
  oxygen: number;
  /** Divers aboard; −1 after six have been brought up, who pay for that as fewer do. */
  aboard: number;
  /** Whether it has been to the surface since it last dived. */
  surfaced: boolean;
  friendlyBullets: Driver[];
  enemyBullets: Driver[];
  fish: Swimmer[];
  subs: EnemySub[];
  divers: Swimmer[];
  enemySpawnSpeed: number;
  enemySpawnTimer: number;
  diverTimer: number;
  enemyMoveSpeed: number;
  shotTimer: number;
  /** Turns of the ramp so far. */
  rampIndex: number;
}

const coordinate = integer(0, SIDE - 1);
const driver = { x: coordinate, y: integer(0, DEEPEST), direction };
const swimmer = { ...driver, timer: integer(0, Math.max(ENEMY_MOVE_SPEED, DIVER_MOVE_SPEED)) };
const listOf = <T extends object>(fields: { readonly [Name in keyof T]: Field<T[Name]> }) =>
  list(MOST, record<T>(fields));

/**
 * A submarine shoots fish and submarines (+1 each), picks up divers and brings them up before its oxygen is gone: six of
 * them for up to 10. It is lost to what it meets, without oxygen, and at the surface without a diver.
 */
export const seaquest: Game<Seaquest> = {
  channels,
  state: record<Seaquest>({
    sub: record<Driver>(driver),
    oxygen: integer(0, MOST_OXYGEN),
    aboard: integer(Number.MIN_SAFE_INTEGER, MOST_DIVERS),
    surfaced: flag,
    friendlyBullets: listOf<Driver>(driver),
    enemyBullets: listOf<Driver>(driver),
    fish: listOf<Swimmer>(swimmer),
    subs: listOf<EnemySub>({ ...swimmer, shotTimer: integer(0, ENEMY_SHOT_COOLDOWN) }),
    divers: listOf<Swimmer>(swimmer),
    enemySpawnSpeed: integer(1, ENEMY_SPAWN_SPEED),
    enemySpawnTimer: integer(0, ENEMY_SPAWN_SPEED),
    diverTimer: integer(0, DIVER_SPAWN_SPEED),
    enemyMoveSpeed: integer(LEAST_MOVE_SPEED, ENEMY_MOVE_SPEED),
    shotTimer: integer(0, SHOT_COOLDOWN),
    rampIndex: counter,
  }),
  begin: () => ({
    sub: { x: 5, y: 0, direction: -1 },
    ...{ oxygen: MOST_OXYGEN, aboard: 0, surfaced: true },
    ...{ friendlyBullets: [], enemyBullets: [], fish: [], subs: [], divers: [] },
    ...{ enemySpawnSpeed: ENEMY_SPAWN_SPEED, enemySpawnTimer: ENEMY_SPAWN_SPEED },
    ...{ diverTimer: DIVER_SPAWN_SPEED, enemyMoveSpeed: ENEMY_MOVE_SPEED, shotTimer: 0, rampIndex: 0 },
  }),
  step,
  draw,
};

function step(game: Seaquest, move: Move, draws: Draws, ramping: boolean): Outcome {
  const outcome: Outcome = { reward: 0, over: false };
  if (game.enemySpawnTimer === 0) spawnEnemy(game, draws);
  if (game.diverTimer === 0) spawnDiver(game, draws);
  steer(game, move);
  moveFriendlyBullets(game, outcome);
  moveDivers(game);
  // Newest first, as everywhere: those before are the ones yet to come.
  for (const sub of [...game.subs].reverse()) moveEnemySub(game, sub, outcome);
  moveEnemyBullets(game, outcome);
  for (const fish of [...game.fish].reverse()) moveEnemy(game, game.fish, fish, outcome);
  if (game.enemySpawnTimer > 0) game.enemySpawnTimer--;
  if (game.diverTimer > 0) game.diverTimer--;
  if (game.shotTimer > 0) game.shotTimer--;
  if (game.oxygen === 0) outcome.over = true;
  if (game.sub.y > 0) {
    game.oxygen = Math.max(0, game.oxygen - 1);
    game.surfaced = false;
  } else if (!game.surfaced) {
    if (game.aboard === 0) outcome.over = true;
    else surface(game, outcome, ramping);
  }
  return outcome;
}

function spawnEnemy(game: Seaquest, draws: Draws): void {
  const start = entrance(draws.uniform());
  const isSub = draws.uniform() < 1 / 3;
  const enemy = { ...start, y: 1 + draws.integer(DEEPEST), timer: game.enemyMoveSpeed };
  const opposed = ({ y, direction }: Driver) => y === enemy.y && direction !== enemy.direction;
  if (!game.fish.some(opposed) && !game.subs.some(opposed)) {
    if (isSub) game.subs.push({ ...enemy, shotTimer: ENEMY_SHOT_COOLDOWN });
    else game.fish.push(enemy);
  }
  game.enemySpawnTimer = game.enemySpawnSpeed;
}

function spawnDiver(game: Seaquest, draws: Draws): void {
  const start = entrance(draws.uniform());
  game.divers.push({ ...start, y: 1 + draws.integer(DEEPEST), timer: DIVER_MOVE_SPEED });
  game.diverTimer = DIVER_SPAWN_SPEED;
}

/** Where something comes in, and where it goes. */
const entrance = (u: number) => (u < 1 / 2 ? { x: 0, direction: 1 } : { x: SIDE - 1, direction: -1 });

function steer(game: Seaquest, move: Move): void {
  const { sub } = game;
  if (move === 'fire' && game.shotTimer === 0) {
    game.friendlyBullets.push({ ...sub });
    game.shotTimer = SHOT_COOLDOWN;
    return;
  }
  const { x, y } = offsetOf(move);
  sub.x = clamp(sub.x + x, 0, SIDE - 1);
  sub.y = clamp(sub.y + y, 0, DEEPEST);
  if (x !== 0) sub.direction = x;
}

/** Takes one out of its list. */
function remove<T>(items: T[], item: T): void {
  items.splice(items.indexOf(item), 1);
}

/** Takes the first one in a cell out of its list; returns whether there was any. */
function removeAt<T extends Cell>(items: T[], cell: Cell): boolean {
  const found = items.find((item) => same(item, cell));
  if (found) remove(items, found);
  return found !== undefined;
}

function moveFriendlyBullets(game: Seaquest, outcome: Outcome): void {
  for (const bullet of [...game.friendlyBullets].reverse()) {
    bullet.x += bullet.direction;
    if (!onBoard(bullet.x)) remove(game.friendlyBullets, bullet);
    else if (removeAt(game.fish, bullet) || removeAt(game.subs, bullet)) {
      remove(game.friendlyBullets, bullet);
      outcome.reward++;
    }
  }
}

function moveDivers(game: Seaquest): void {
  for (const diver of [...game.divers].reverse()) {
    const pickedUp = () => same(diver, game.sub) && game.aboard < MOST_DIVERS;
    const pickUp = () => {
      game.aboard++;
      remove(game.divers, diver);
    };
    if (pickedUp()) pickUp();
    else if (diver.timer > 0) diver.timer--;
    else {
      diver.timer = DIVER_MOVE_SPEED;
      diver.x += diver.direction;
      if (!onBoard(diver.x)) remove(game.divers, diver);
      else if (pickedUp()) pickUp();
    }
  }
}

function moveEnemySub(game: Seaquest, sub: EnemySub, outcome: Outcome): void {
  moveEnemy(game, game.subs, sub, outcome);
  // It shoots even where it has just gone.
  if (sub.shotTimer === 0) {
    sub.shotTimer = ENEMY_SHOT_COOLDOWN;
    const { x, y, direction } = sub;
    game.enemyBullets.push({ x, y, direction });
  } else sub.shotTimer--;
}

function moveEnemy<T extends Swimmer>(game: Seaquest, enemies: T[], enemy: T, outcome: Outcome): void {
  if (same(enemy, game.sub)) outcome.over = true;
  if (enemy.timer > 0) {
    enemy.timer--;
    return;
  }
  enemy.timer = game.enemyMoveSpeed;
  enemy.x += enemy.direction;
  if (!onBoard(enemy.x)) remove(enemies, enemy);
  else if (same(enemy, game.sub)) outcome.over = true;
  else if (removeAt(game.friendlyBullets, enemy)) {
    remove(enemies, enemy);
    outcome.reward++;
  }
}

function moveEnemyBullets(game: Seaquest, outcome: Outcome): void {
  for (const bullet of [...game.enemyBullets].reverse()) {
    if (same(bullet, game.sub)) outcome.over = true;
    bullet.x += bullet.direction;
    if (!onBoard(bullet.x)) remove(game.enemyBullets, bullet);
    else if (same(bullet, game.sub)) outcome.over = true;
  }
}

function surface(game: Seaquest, outcome: Outcome, ramping: boolean): void {
  game.surfaced = true;
  if (game.aboard === MOST_DIVERS) {
    outcome.reward += Math.floor((10 * game.oxygen) / MOST_OXYGEN);
    game.aboard = 0;
  }
  game.oxygen = MOST_OXYGEN;
  game.aboard--;
  if (!ramping || (game.enemySpawnSpeed === 1 && game.enemyMoveSpeed === LEAST_MOVE_SPEED)) return;
  if (game.enemyMoveSpeed > LEAST_MOVE_SPEED && game.rampIndex % 2 === 1) game.enemyMoveSpeed--;
  if (game.enemySpawnSpeed > 1) game.enemySpawnSpeed--;
  game.rampIndex++;
}

function draw(game: Seaquest, board: Board): void {
  const { sub, oxygen, aboard, friendlyBullets, enemyBullets, fish, subs, divers } = game;
  board.light(SUB_FRONT, sub);
  board.trail(SUB_BACK, sub, sub.direction);
  for (const [channel, drivers] of [
    [FRIENDLY_BULLET, friendlyBullets],
    [ENEMY_BULLET, enemyBullets],
    [ENEMY_FISH, fish],
    [ENEMY_SUB, subs],
    [DIVER, divers],
  ] as const) {
    for (const each of drivers) board.light(channel, each);
  }
  for (const each of [...fish, ...subs, ...divers]) board.trail(TRAIL, each, each.direction);
  for (let x = 0; x < Math.floor((SIDE * oxygen) / MOST_OXYGEN); x++) {
    board.light(OXYGEN_GAUGE, { x, y: GAUGES });
  }
  for (let x = SIDE - 1 - aboard; x < SIDE - 1; x++) board.light(DIVER_GAUGE, { x, y: GAUGES });
}

/** Oxygen cells below which the controller goes up. */
const LOW = 4;

/**
 * Goes up for oxygen with a diver aboard; else shoots what is in its row, turned to it, and goes to the nearest diver or,
 * where there is none, to the row of the nearest enemy.
 */
export function dive(observation: ArrayLike<number>): Action {
  const of = (channel: number) => litCells(observation, channel, channels.length);
  const [sub = { x: 5, y: 0 }] = of(SUB_FRONT);
  const [back = sub] = of(SUB_BACK);
  const enemies = [...of(ENEMY_FISH), ...of(ENEMY_SUB)];
  const divers = of(DIVER);
  const distance = ({ x, y }: Cell) => Math.abs(x - sub.x) + Math.abs(y - sub.y);
  const nearest = (cells: Cell[]) => cells.sort((a, b) => distance(a) - distance(b))[0];
  const beside = nearest(enemies.filter(({ y }) => y === sub.y));
  if (beside) {
    const side = Math.sign(beside.x - sub.x);
    if (side === Math.sign(sub.x - back.x)) return actionOf('fire');
    return actionOf(side < 0 ? 'left' : 'right');
  }
  const aboard = of(DIVER_GAUGE).length;
  const isFree = (y: number) => !enemies.some((enemy) => enemy.y === y && Math.abs(enemy.x - sub.x) <= 1);
  const goUp = aboard > 0 && (of(OXYGEN_GAUGE).length < LOW || aboard === MOST_DIVERS);
  const goal = goUp ? { x: sub.x, y: 0 } : (nearest(divers) ?? nearest(enemies));
  if (!goal) return actionOf('none');
  const down = Math.sign(goal.y - sub.y);
  // At the surface without a diver it would be lost.
  const mayGo = sub.y + down > 0 || goUp;
  if (down !== 0 && mayGo && isFree(sub.y + down)) return actionOf(down < 0 ? 'up' : 'down');
  if (goal.x === sub.x || divers.length === 0) return actionOf('none');
  return actionOf(goal.x < sub.x ? 'left' : 'right');
}

/** What the submarine was lost to, as far as the last picture shows. */
export function lostTo(observation: ArrayLike<number>): string {
  const of = (channel: number) => litCells(observation, channel, channels.length);
  const [sub = { x: 0, y: 0 }] = of(SUB_FRONT);
  if (sub.y === 0) return 'surface';
  const met = [ENEMY_FISH, ENEMY_SUB, ENEMY_BULLET].flatMap(of).some((cell) => same(cell, sub));
  return met || of(OXYGEN_GAUGE).length > 0 ? 'enemy' : 'oxygen';
}

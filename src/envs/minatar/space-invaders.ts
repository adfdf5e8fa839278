import type { Action } from '../environment.ts';
import { type Board, type Cell, clamp, litCells, SIDE, same } from './board.ts';
import { counter, direction, flag, integer, record, row } from './fields.ts';
import { actionOf, type Draws, type Game, type Move, type Outcome, offsetOf } from './game.ts';

const channels = ['cannon', 'alien', 'alien_left', 'alien_right', 'friendly_bullet', 'enemy_bullet'] as const;
const [CANNON, ALIEN, ALIEN_LEFT, ALIEN_RIGHT, FRIENDLY_BULLET, ENEMY_BULLET] = [0, 1, 2, 3, 4, 5] as const;

/** The cannon's row. */
const BOTTOM = SIDE - 1;
/** Steps between two of its shots, and between two of the aliens'. */
const SHOT_COOLDOWN = 5;
const ALIEN_SHOT_COOLDOWN = 10;
/** Steps between the aliens' moves at first, and at least as long as there are so many aliens. */
const MOVE_INTERVAL = 12;
const LEAST_INTERVAL = 6;

/** Whether there is something in each cell: [row, column] */
type Plane = boolean[];

interface SpaceInvaders {
  /** The cannon's column. */
  cannon: number;
  aliens: Plane;
  /** Where the aliens head: 1 is right. */
  heading: number;
  friendlyBullets: Plane;
  enemyBullets: Plane;
  moveInterval: number;
  moveTimer: number;
  shotTimer: number;
  alienShotTimer: number;
  /** Turns of the ramp so far. */
  rampIndex: number;
}

const emptyPlane = (): Plane => new Array<boolean>(SIDE * SIDE).fill(false);
/** Rows 0 to 3, columns 2 to 7. */
const newAliens = (): Plane =>
  emptyPlane().map((_, i) => i < 4 * SIDE && i % SIDE >= 2 && i % SIDE < SIDE - 2);

const at = (x: number, y: number) => y * SIDE + x;
/** All rows one up or down; what leaves the board comes in on the other side. */
const rolledUp = (plane: Plane): Plane => [...plane.slice(SIDE), ...plane.slice(0, SIDE)];
const rolledDown = (plane: Plane): Plane => [...plane.slice(-SIDE), ...plane.slice(0, -SIDE)];
const rowOf = (plane: Plane, y: number): Plane => plane.slice(y * SIDE, (y + 1) * SIDE);
const inColumn = (plane: Plane, x: number): boolean => plane.some((there, i) => there && i % SIDE === x);

const plane = row(SIDE * SIDE, flag);

/** A cannon shoots aliens (+1 each), who shoot back, come down, and come again, faster, when all are gone. */
export const spaceInvaders: Game<SpaceInvaders> = {
  channels,
  state: record<SpaceInvaders>({
    cannon: integer(0, SIDE - 1),
    aliens: plane,
    heading: direction,
    friendlyBullets: plane,
    enemyBullets: plane,
    moveInterval: integer(LEAST_INTERVAL, MOVE_INTERVAL),
    moveTimer: integer(0, MOVE_INTERVAL),
    shotTimer: integer(0, SHOT_COOLDOWN),
    alienShotTimer: integer(0, ALIEN_SHOT_COOLDOWN),
    rampIndex: counter,
  }),
  begin: () => ({
    ...{ cannon: 5, aliens: newAliens(), heading: -1 },
    ...{ friendlyBullets: emptyPlane(), enemyBullets: emptyPlane() },
    ...{ moveInterval: MOVE_INTERVAL, moveTimer: MOVE_INTERVAL },
    ...{ shotTimer: 0, alienShotTimer: ALIEN_SHOT_COOLDOWN, rampIndex: 0 },
  }),
  step,
  draw: ({ cannon, aliens, heading, friendlyBullets, enemyBullets }: SpaceInvaders, board: Board) => {
    board.light(CANNON, { x: cannon, y: BOTTOM });
    for (let i = 0; i < SIDE * SIDE; i++) {
      const cell = { x: i % SIDE, y: Math.floor(i / SIDE) };
      if (aliens[i]) {
        board.light(ALIEN, cell);
        board.light(heading < 0 ? ALIEN_LEFT : ALIEN_RIGHT, cell);
      }
      if (friendlyBullets[i]) board.light(FRIENDLY_BULLET, cell);
      if (enemyBullets[i]) board.light(ENEMY_BULLET, cell);
    }
  },
};

function step(game: SpaceInvaders, move: Move, _draws: Draws, ramping: boolean): Outcome {
  const outcome: Outcome = { reward: 0, over: false };
  if (move === 'fire' && game.shotTimer === 0) {
    game.friendlyBullets[at(game.cannon, BOTTOM)] = true;
    game.shotTimer = SHOT_COOLDOWN;
  } else game.cannon = clamp(game.cannon + offsetOf(move).x, 0, SIDE - 1);
  const cannon = at(game.cannon, BOTTOM);

  game.friendlyBullets = rolledUp(game.friendlyBullets).fill(false, BOTTOM * SIDE);
  game.enemyBullets = rolledDown(game.enemyBullets).fill(false, 0, SIDE);
  if (game.enemyBullets[cannon] || game.aliens[cannon]) outcome.over = true;

  if (game.moveTimer === 0) {
    game.moveTimer = Math.min(game.aliens.filter(Boolean).length, game.moveInterval);
    if (advance(game) || game.aliens[cannon]) outcome.over = true;
  }
  if (game.alienShotTimer === 0) {
    game.alienShotTimer = ALIEN_SHOT_COOLDOWN;
    game.enemyBullets[shooter(game)] = true;
  }
  for (const [i, alien] of game.aliens.entries()) {
    if (!alien || !game.friendlyBullets[i]) continue;
    game.aliens[i] = false;
    game.friendlyBullets[i] = false;
    outcome.reward++;
  }
  if (game.shotTimer > 0) game.shotTimer--;
  game.moveTimer--;
  game.alienShotTimer--;
  if (!game.aliens.includes(true)) {
    if (ramping && game.moveInterval > LEAST_INTERVAL) {
      game.moveInterval--;
      game.rampIndex++;
    }
    game.aliens = newAliens();
  }
  return outcome;
}

/** Moves the aliens, one column on, or at the edge one row down and about. Returns whether they have landed. */
function advance(game: SpaceInvaders): boolean {
  const edge = game.heading < 0 ? 0 : SIDE - 1;
  if (!inColumn(game.aliens, edge)) {
    // None is at the edge, so that none comes into the row beside.
    game.aliens = game.aliens.map((_, i) => game.aliens[i - game.heading] ?? false);
    return false;
  }
  game.heading = -game.heading;
  const landed = rowOf(game.aliens, BOTTOM).includes(true);
  game.aliens = rolledDown(game.aliens);
  return landed;
}

/** The lowest alien of the column nearest to the cannon that has any, of two the left one. There is one always. */
function shooter({ aliens, cannon }: SpaceInvaders): number {
  const columns = Array.from({ length: SIDE }, (_, x) => x)
    .filter((x) => inColumn(aliens, x))
    .sort((a, b) => Math.abs(a - cannon) - Math.abs(b - cannon));
  const rows = Array.from({ length: SIDE }, (_, y) => y);
  return at(columns[0]!, rows.findLast((y) => aliens[at(columns[0]!, y)])!);
}

/** Steps aside where a bullet comes, else shoots below an alien, else goes to the nearest column that has one. */
export function shootDown(observation: ArrayLike<number>): Action {
  const of = (channel: number) => litCells(observation, channel, channels.length);
  const [{ x } = { x: 5 }] = of(CANNON);
  const bullets = of(ENEMY_BULLET);
  const struck = (column: number) => bullets.some((bullet) => bullet.x === column && bullet.y >= BOTTOM - 2);
  const goTo = (column: number) => actionOf(column < x ? 'left' : 'right');
  if (struck(x)) return goTo(x === SIDE - 1 || (x > 0 && !struck(x - 1)) ? x - 1 : x + 1);
  const distance = (alien: Cell) => Math.abs(alien.x - x);
  const [nearest] = of(ALIEN).sort((a, b) => distance(a) - distance(b));
  if (!nearest || nearest.x === x) return actionOf('fire');
  return struck(x + Math.sign(nearest.x - x)) ? actionOf('none') : goTo(nearest.x);
}

/** A bullet on the cannon, or else aliens that have come down to it. */
export function shotOrInvaded(observation: ArrayLike<number>): string {
  const of = (channel: number) => litCells(observation, channel, channels.length);
  const [cannon] = of(CANNON);
  return cannon && of(ENEMY_BULLET).some((bullet) => same(bullet, cannon)) ? 'bullet' : 'aliens';
}

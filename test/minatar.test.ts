import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { environmentEntry, environmentNames } from '../src/envs/index.ts';
import { asterix } from '../src/envs/minatar/asterix.ts';
import { Board } from '../src/envs/minatar/board.ts';
import { breakout } from '../src/envs/minatar/breakout.ts';
import { freeway } from '../src/envs/minatar/freeway.ts';
import { type Draws, type Game, MOVES, type Position, play } from '../src/envs/minatar/game.ts';
import { seaquest } from '../src/envs/minatar/seaquest.ts';
import { spaceInvaders } from '../src/envs/minatar/space-invaders.ts';
import { RandomStream } from '../src/random/stream.ts';

/** What a step drew, in order: uniforms, rounded to 6 decimals, and integers. */
type Drawn = [kind: 'u' | 'i', values: number | number[]][];

/** An episode's start. Cells are 100 × channel + 10 × row + column. */
interface Start {
  draws: Drawn;
  start: number[];
}

/** Some hundred steps of one game after the other, recorded with MinAtar itself. */
interface Recording extends Start {
  sticky: number;
  ramping: boolean;
  /** Steps that Freeway's clock shows at first, where it is not its own 2,500. */
  clock?: number;
  actions: number[];
  /** Cells that went on and off; the next start where the step ended an episode. */
  steps: { on: number[]; off: number[]; draws: Drawn; reward?: number; next?: Start }[];
}

/** Draws what was recorded, and nothing else. */
class Replayed implements Draws {
  readonly #least: number;
  #queue: { kind: string; value: number }[] = [];

  /** @param least the least integer that the game draws: recorded are 1 to 8 where it asks for 0 to 7 and adds 1 */
  constructor(least: number) {
    this.#least = least;
  }

  expect(drawn: Drawn): void {
    assert.equal(this.#queue.length, 0, 'the game drew less than was recorded');
    this.#queue = drawn.flatMap(([kind, values]) => [values].flat().map((value) => ({ kind, value })));
  }

  uniform(): number {
    return this.#next('u');
  }

  integer(bound: number): number {
    const value = this.#next('i') - this.#least;
    assert.ok(value >= 0 && value < bound);
    return value;
  }

  #next(expected: string): number {
    const { kind, value } = this.#queue.shift()!;
    assert.equal(kind, expected);
    return value;
  }
}

const recorded = (file: string): Recording[] =>
  gunzipSync(readFileSync(new URL(`fixtures/minatar/${file}.jsonl.gz`, import.meta.url)))
    .toString('utf8')
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text));

/** Replays every recording of a game. @returns steps, sum of rewards and episodes that ended */
function replay<State>(game: Game<State>, file: string, least: number) {
  const counts = { steps: 0, reward: 0, ended: 0 };
  const cellsOf = (state: State) => {
    const board = new Board(game.channels.length);
    game.draw(state, board);
    const lit = [...board.cells.entries()].filter(([, cell]) => cell === 1);
    const { length } = game.channels;
    return lit.map(([i]) => 100 * (i % length) + Math.floor(i / length)).sort((a, b) => a - b);
  };
  for (const [index, recording] of recorded(file).entries()) {
    const draws = new Replayed(least);
    const begin = (start: Start): Set<number> => {
      draws.expect(start.draws);
      position.state = game.begin(draws);
      assert.deepEqual(cellsOf(position.state), start.start);
      return new Set(start.start);
    };
    // Any state: the recording begins its own.
    const state = game.begin(RandomStream.named(0, 'any'));
    const position: Position<State> = { state, previous: 'none' };
    let shown = begin(recording);
    if (recording.clock) Object.assign(position.state as object, { clock: recording.clock });
    for (const [i, step] of recording.steps.entries()) {
      const where = `${file}, recording ${index}, step ${i}`;
      draws.expect(step.draws);
      const outcome = play(game, position, MOVES[recording.actions[i]!]!, draws, recording);
      assert.deepEqual(outcome, { reward: step.reward ?? 0, over: step.next !== undefined }, where);
      for (const cell of step.off) shown.delete(cell);
      for (const cell of step.on) shown.add(cell);
      assert.deepEqual(
        cellsOf(position.state),
        [...shown].sort((a, b) => a - b),
        where,
      );
      counts.steps++;
      counts.reward += outcome.reward;
      // Sticky actions hold over the ends of episodes.
      if (step.next) {
        counts.ended++;
        shown = begin(step.next);
      }
    }
    draws.expect([]);
  }
  return counts;
}

test('the five games replay what MinAtar recorded, step by step and draw by draw', () => {
  assert.deepEqual(replay(breakout, 'breakout', 0), { steps: 1150, reward: 82, ended: 16 });
  assert.deepEqual(replay(asterix, 'asterix', 0), { steps: 1150, reward: 28, ended: 5 });
  assert.deepEqual(replay(freeway, 'freeway', 1), { steps: 1150, reward: 9, ended: 1 });
  assert.deepEqual(replay(seaquest, 'seaquest', 1), { steps: 1150, reward: 43, ended: 7 });
  assert.deepEqual(replay(spaceInvaders, 'space-invaders', 0), { steps: 1150, reward: 197, ended: 4 });
});

const names = environmentNames.filter((name) => name.startsWith('MinAtar/'));

test('observations are planes of 10 × 10 cells with a name for each, actions are six', () => {
  const found = names.map((name) => {
    const { make, observationNames } = environmentEntry(name);
    const { observationSpace, actionSpace } = make();
    assert.equal(observationNames.length, observationSpace.shape[2]);
    assert.deepEqual(actionSpace, { kind: 'discrete', n: 6 });
    return [name, ...observationSpace.shape];
  });
  assert.deepEqual(found, [
    ['MinAtar/Breakout-v0', 10, 10, 4],
    ['MinAtar/Asterix-v0', 10, 10, 4],
    ['MinAtar/Freeway-v0', 10, 10, 7],
    ['MinAtar/Seaquest-v0', 10, 10, 10],
    ['MinAtar/SpaceInvaders-v0', 10, 10, 6],
  ]);
});

test('one action in ten is the one before again', () => {
  const environment = environmentEntry('MinAtar/Breakout-v0').make();
  const random = RandomStream.named(0, 'reset');
  /** The paddle's column: of channel 0, in the lowest row. */
  const paddle = (observation: Float32Array) =>
    Array.from({ length: 10 }, (_, x) => observation[(90 + x) * 4]).indexOf(1);
  let [asked, other] = [0, 0];
  let at = paddle(environment.reset(random));
  for (let step = 0; step < 20_000; step++) {
    const right = step % 2 === 0;
    const { observation, terminated, truncated } = environment.step(right ? 3 : 1);
    const next = paddle(observation);
    // At a wall no move is seen.
    if (at > 0 && at < 9) {
      if (next - at === (right ? 1 : -1)) asked++;
      else other++;
    }
    at = terminated || truncated ? paddle(environment.reset(random)) : next;
  }
  // Of some 20,000 the standard deviation is 0.002.
  assert.ok(Math.abs(other / (asked + other) - 0.1) < 0.008, `${other} of ${asked + other}`);
});

test('episodes of equal starts go apart, and each is cut after 2,500 steps', () => {
  const environment = environmentEntry('MinAtar/Freeway-v0').make();
  const random = RandomStream.named(3, 'reset');
  const first = environment.reset(random);
  let steps = 0;
  for (let open = true; open; steps++) {
    const { terminated, truncated } = environment.step(0);
    assert.ok(!terminated, 'the clock has not run out');
    open = !truncated;
  }
  assert.equal(steps, 2500);
  assert.notDeepEqual(environment.reset(random), first, 'other cars');
  // Asterix always starts alike.
  const game = environmentEntry('MinAtar/Asterix-v0').make();
  const [one, other] = [0, 1].map(() => {
    game.reset(random);
    return Array.from({ length: 30 }, () => game.step(0).observation);
  });
  assert.deepEqual(one![0], other![0]);
  assert.notDeepEqual(one, other);
});

test('a state that no game can have is refused', () => {
  for (const name of names) {
    const environment = environmentEntry(name).make();
    environment.reset(RandomStream.named(0, 'reset'));
    for (let step = 0; step < 8; step++) environment.step(0);
    const state = environment.state();
    const over = state.length - 1 - 4 - 1;
    for (const damaged of [
      state.with(0, 10),
      state.with(0, 0.5),
      state.with(over, 1),
      state.with(over - 1, 6),
      state.with(over + 1, NaN),
      [...state, 0],
    ]) {
      assert.throws(() => environment.setState(damaged), RangeError);
    }
    assert.deepEqual(environment.state(), state);
  }
});

test('a board is drawn as its lit cells, the lowest row at the bottom', () => {
  const { drawing } = environmentEntry('MinAtar/Breakout-v0');
  const board = new Board(4);
  board.light(0, { x: 3, y: 9 });
  board.light(3, { x: 0, y: 1 });
  board.light(3, { x: 9, y: 1 });
  const cells = drawing!.draw(board.cells).map(({ form, ink }) => ({
    ink,
    cells: form.kind === 'cells' && form.cells,
  }));
  assert.deepEqual(cells, [
    {
      ink: 'goal',
      cells: [
        [0, 8],
        [9, 8],
      ],
    },
    { ink: 'ground', cells: [] },
    { ink: 'limb', cells: [] },
    { ink: 'body', cells: [[3, 0]] },
  ]);
});

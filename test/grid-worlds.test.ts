import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { environmentsCommand } from '../src/cli/registries.ts';
import { formatExperiment } from '../src/config/format.ts';
import { loadExperiment } from '../src/config/load.ts';
import { distances, mazeText, parseMaze, wallsAfter } from '../src/envs/grid/maze.ts';
import { dynaMaze } from '../src/envs/grid/mazes.ts';
import { environmentEntry, standingAt } from '../src/envs/index.ts';
import { UserError } from '../src/errors.ts';
import { RandomStream } from '../src/random/stream.ts';
import { complete, evaluate, evaluationStreams } from '../src/training/evaluate.ts';
import { heldOutSet } from '../src/training/held-out.ts';
import { memoryless } from './support/agents.ts';
import { dynaReference } from './support/dyna-reference.ts';

const names = { dyna: 'DynaMaze', blocking: 'BlockingMaze' };

test('mazes replay the recorded steps, across the change of their walls in the middle of an episode', () => {
  let changed = 0;
  for (const { maze, trace } of Object.values(dynaReference.traces)) {
    const { make, states } = environmentEntry(names[maze]);
    const environment = make();
    const random = RandomStream.named(0, 'none');
    let open: number | undefined;
    for (const { t, s, a, r, next } of trace) {
      // The recording of a changing maze leaves steps out.
      if (open !== s && t > 1) environment.setState([s, t - 1, 0]);
      else if (open === undefined) environment.reset(random);
      const { observation, reward, terminated } = environment.step(a);
      assert.equal(states!.indexOf(observation), next, `step ${t}`);
      assert.equal(reward, r);
      assert.equal(terminated, r === 1);
      if (t > 1000) changed++;
      open = terminated ? undefined : next;
      if (terminated) environment.reset(random);
      if (terminated)
        open = states!.indexOf(Float32Array.of(maze === 'dyna' ? 2 : 5, maze === 'dyna' ? 0 : 3));
    }
  }
  assert.equal(changed, 120);
});

test('the shortest ways are those of the book', () => {
  for (const [name, ways] of [
    ['DynaMaze', [14]],
    ['BlockingMaze', [10, 16]],
    ['ShortcutMaze', [16, 10]],
  ] as const) {
    const maze = parseMaze(environmentEntry(name).map!);
    assert.deepEqual(
      maze.boards.map(({ walls }) => distances(maze, walls)[maze.start]),
      ways,
    );
  }
});

test('a maze is measured as it stands at a step, and its clock goes on over episodes and through its state', () => {
  const entry = environmentEntry('BlockingMaze');
  const random = RandomStream.named(0, 'starts');
  /** Steps of an episode of an environment's own controller. */
  const play = (at: number) => {
    const { make, controller } = standingAt(entry, at);
    const environment = make();
    let observation = environment.reset(random);
    for (let steps = 1; ; steps++) {
      const result = environment.step(controller(observation));
      if (result.terminated) return steps;
      observation = result.observation;
    }
  };
  assert.deepEqual([0, 999, 1000, 5000].map(play), [10, 10, 16, 16]);
  assert.equal(standingAt(environmentEntry('DynaMaze'), 7), environmentEntry('DynaMaze'));

  // Against the wall for 995 steps, an episode's end in between, then through the gap that closes at step 1000.
  const environment = entry.make();
  environment.reset(random);
  const walk = (...moves: number[]) =>
    moves.map((move) => environment.step(move).observation.slice(0, 2).join());
  walk(...new Array(494).fill(1), ...new Array(5).fill(3), 0);
  environment.reset(random);
  assert.equal(environment.state()[1], 500);
  walk(...new Array(492).fill(1), ...new Array(5).fill(3), 0);
  const twin = entry.make();
  twin.setState(environment.state());
  assert.deepEqual(walk(0, 0), ['3,8', '2,8'], 'steps 999 and 1000 find the gap open');
  assert.deepEqual(walk(1), ['2,8'], 'step 1001 finds it closed');
  assert.deepEqual(
    [0, 1, 0].map((move) => twin.step(move).observation.slice(0, 2).join()),
    ['3,8', '4,8', '4,8'],
    'for the twin too',
  );

  // 9,600 steps of which a part is random: all at first, in the maze before the change.
  const { observation } = heldOutSet(environmentEntry('BlockingMaze'));
  const visited = new Set(
    Array.from({ length: observation.length / 2 }, (_, i) => observation.slice(2 * i, 2 * i + 2).join()),
  );
  assert.ok(visited.has('3,8') && !visited.has('3,0'));
});

/** A maze of any size whose first row is free, S and G at its ends, and the text of its rows. */
const drawn = fc
  .tuple(fc.integer({ min: 2, max: 9 }), fc.integer({ min: 0, max: 6 }))
  .chain(([columns, more]) =>
    fc
      .array(fc.array(fc.constantFrom('.', '#'), { minLength: columns, maxLength: columns }), {
        minLength: more,
        maxLength: more,
      })
      .map((rows) => [`S${'.'.repeat(columns - 2)}G`, ...rows.map((row) => row.join(''))].join('\n')),
  );

test('members whose steps lie on either side of a change play in the maze as it stands for each', async () => {
  const entries = [999, 1000].map((steps) => standingAt(environmentEntry('BlockingMaze'), steps));
  // Each knows its own walls.
  const actor = memoryless(({ observations }) =>
    Int32Array.from(entries, ({ controller }, i) =>
      Number(controller(observations.subarray(2 * i, 2 * i + 2))),
    ),
  );
  const played = await complete(
    evaluate(actor, entries, 'online', 1, 0, evaluationStreams([1, 2], 'played')),
  );
  assert.deepEqual(
    played.map(({ episodes }) => episodes[0]!.length),
    [10, 16],
  );
});

test('a maze is read as it is drawn', () => {
  fc.assert(
    fc.property(drawn, drawn, (text, other) => {
      const maze = parseMaze(text);
      assert.equal(mazeText(maze), `${text}\n`);
      const cells = text.replaceAll('\n', '');
      assert.deepEqual(
        [...wallsAfter(maze, 10)],
        [...cells].map((cell) => Number(cell === '#')),
      );
      assert.equal(distances(maze, wallsAfter(maze, 0))[maze.start], maze.columns - 1);
      const both = `${text}\nafter 7\n${other}\n`;
      const size = (rows: string) => [rows.split('\n').length, rows.split('\n')[0]!.length].join();
      if (size(other) !== size(text)) {
        assert.throws(() => parseMaze(both), /only walls may change/);
      } else {
        assert.equal(mazeText(parseMaze(both)), both);
        const walls = (steps: number) => wallsAfter(parseMaze(both), steps);
        assert.deepEqual([walls(6), walls(7)], [maze.boards[0]!.walls, parseMaze(other).boards[0]!.walls]);
      }
    }),
    { seed: 1, numRuns: 100 },
  );
});

/** Mazes and what is said of them. */
const wrong: [string, RegExp][] = [
  ['', /^a maze needs rows of cells/],
  ['S.x\n..G', /^line 1, cell 3: "x" is no cell, use \. \(free\), # \(wall\), S \(start\) or G \(goal\)$/],
  ['S..\n.G', /^row 2 has 2 cells where row 1 has 3: make all as long$/],
  ['...\n.G.', /^there are 0 cells S: draw one start$/],
  ['S.S\n.G.', /^there are 2 cells S: draw one start$/],
  ['S..\n...', /^there are 0 cells G: draw one goal$/],
  ['S#.\n##G', /^no way leads from S to G: open a wall between them$/],
  ['S.G\nafter 5\nS#G', /^after 5 steps no way leads from S to G/],
  ['S.G\nafter 5\n.SG', /^after 5 steps: only walls may change/],
  ['S.G\nafter 5\nS.G\nafter 5\nS.G', /^line 4: the changes of a maze come in the order of their steps$/],
  ['S.G\nafter 5', /^a maze needs rows of cells/],
  [`S${'.'.repeat(9_999)}G`, /^a maze of 10001 cells is too large, draw at most 10000$/],
];

test('a wrong maze is refused in one sentence, in a config at its place', () => {
  for (const [text, says] of wrong) {
    assert.throws(
      () => parseMaze(text),
      (error) => error instanceof UserError && says.test(error.message),
      text.slice(0, 40),
    );
  }
  const load = (text: string) => loadExperiment({ file: 'c.yaml', text: `method: ppo\n${text}` });
  assert.throws(() => load('environment: Maze\nmaze: |\n  S.\n  .x\n'), {
    message:
      'c.yaml:3:7: maze: line 2, cell 2: "x" is no cell, use . (free), # (wall), S (start) or G (goal)',
  });
  assert.throws(() => load('environment: Maze'), {
    message: 'c.yaml:2:14: environment: the key maze draws the environment Maze: give both or neither',
  });
  assert.throws(() => load('maze: S.G'), /c\.yaml:2:7: maze: the key maze draws the environment Maze/);
  assert.throws(() => load('environment: BlockingMaze'), {
    message:
      'c.yaml:2:14: environment: BlockingMaze changes with its steps, and ppo takes those in 8 at once; set environments: 1',
  });
  const evolving = 'method: ha-schmidhuber\nenvironment: BlockingMaze\ncontroller: {in: environment}\n';
  assert.throws(
    () => loadExperiment({ file: 'c.yaml', text: evolving }),
    /^UserError: c\.yaml:3:18: controller\.in environment evolves in environments of its own, and each of these /,
  );
  const own = load(`environment: Maze\nmaze: |${dynaMaze.replaceAll('\n', '\n  ')}\n`);
  assert.equal(own.maze!.trim(), dynaMaze.trim());
  assert.deepEqual(loadExperiment({ file: 'c.yaml', text: formatExperiment(own) }), own);
});

test('wm environments --show draws a maze, and names those that have a map', (t) => {
  const written = t.mock.method(process.stdout, 'write', () => true);
  assert.equal(environmentsCommand({ show: 'DynaMaze' }), 0);
  written.mock.restore();
  assert.equal(written.mock.calls[0]!.arguments[0], `${dynaMaze.trim()}\n`);
  assert.throws(() => environmentsCommand({ show: 'CartPole-v1' }), {
    message: '--show: CartPole-v1 has no map, use DynaMaze, BlockingMaze, ShortcutMaze or Maze',
  });
});

test('the drawing of a maze shows its walls, its goal and where the agent is', () => {
  const { drawing } = environmentEntry('DynaMaze');
  const shapes = drawing!.draw([2, 0]);
  assert.deepEqual(shapes.at(-1), {
    form: { kind: 'circle', centre: [0, 0], radius: 0.3 },
    ink: 'body',
    at: [0.5, 3.5],
  });
  // 7 walls and the frame.
  assert.equal(shapes.filter(({ ink }) => ink === 'ground').length, 8);
  assert.deepEqual(shapes.find(({ ink }) => ink === 'goal')!.form, {
    kind: 'polygon',
    points: [
      [8, 5],
      [9, 5],
      [9, 6],
      [8, 6],
    ],
  });
});

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import fc from 'fast-check';
import { startEngine } from '../src/engine/engine.ts';
import { environmentEntry } from '../src/envs/index.ts';
import type { Space } from '../src/envs/spaces.ts';
import { RandomStream } from '../src/random/stream.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import type { Step } from '../src/training/environment-steps.ts';
import { ReplayLearner } from '../src/training/replay-learner.ts';
import { type StepBatch, Steps } from '../src/training/steps.ts';
import { memoryless } from './support/agents.ts';

/** An episode: its actions, and whether it ends by termination. */
interface Episode {
  actions: number;
  terminated: boolean;
}

/** A step as it should stand in a replay; each number says which step of which member it is of. */
interface Expected {
  observation: number;
  /** Chosen here; null where an episode ended. */
  action: number | null;
  reward: number;
  first: number;
  last: number;
  terminal: number;
  memory: number[];
}

/** Which numbers of a carry are remembered. */
const MEMORY = { from: 1, size: 2 };
const discrete: Space = { kind: 'discrete', n: 1_000_000 };
const box: Space = { kind: 'box', low: [-9e9, -9e9], high: [9e9, 9e9], shape: [2] };

/** Steps until the first member has no more. */
const lengthOf = (members: readonly (readonly Episode[])[]) =>
  Math.min(...members.map((episodes) => episodes.reduce((sum, { actions }) => sum + actions, 0)));

/** Gives the episodes of all members, one after the other, to `steps`; what each member should then remember. */
function live(
  steps: Steps,
  members: readonly (readonly Episode[])[],
  space: Space,
  [from, to] = [0, lengthOf(members)],
): Expected[][] {
  const width = space.kind === 'box' ? 2 : 1;
  const expected: Expected[][] = members.map(() => []);
  const plans = members.map((episodes) =>
    episodes.flatMap(({ actions, terminated }) =>
      Array.from({ length: actions }, (_, t) => ({
        first: Number(t === 0),
        ended: Number(t === actions - 1),
        terminated: Number(t === actions - 1 && terminated),
      })),
    ),
  );
  for (let t = from; t < to; t++) {
    const now = plans.map((plan) => plan[t]!);
    const id = (member: number) => 1000 * (member + 1) + t;
    const each = <T>(of: (member: number) => T[]) => members.flatMap((_, member) => of(member));
    const actions = each((member) => Array(width).fill(id(member) + 0.25));
    const carries = each((member) => [-1, id(member) + 0.5, id(member) + 0.75, -2]);
    const step: Step = {
      observation: Float32Array.from(each((member) => [id(member), -id(member)])),
      nextObservation: Float32Array.from(each((member) => [id(member) + 0.125, -id(member) - 0.125])),
      action: space.kind === 'box' ? Float32Array.from(actions) : Int32Array.from(actions),
      reward: Float32Array.from(each((member) => [id(member) / 8])),
      terminated: Uint8Array.from(now, ({ terminated }) => terminated),
      first: Uint8Array.from(now, ({ first }) => first),
      ended: Uint8Array.from(now, ({ ended }) => ended),
      // One number more on both sides of what is remembered.
      carry: Float32Array.from(carries),
    };
    steps.remember(step);
    // The arrays are the collector's, who writes to them again.
    for (const array of Object.values(step)) array.fill(77);
    for (const [member, { first, ended, terminated }] of now.entries()) {
      const action = space.kind === 'box' ? id(member) + 0.25 : id(member);
      expected[member]!.push({
        observation: id(member),
        action,
        reward: first ? 0 : (id(member) - 1) / 8,
        first,
        last: 0,
        terminal: 0,
        memory: [id(member) + 0.5, id(member) + 0.75],
      });
      if (!ended) continue;
      expected[member]!.push({
        observation: id(member) + 0.125,
        action: null,
        reward: id(member) / 8,
        first: 0,
        last: 1,
        terminal: terminated,
        memory: [0, 0],
      });
    }
  }
  return expected;
}

/** Asserts that every window is consecutive steps of its member, led to by the actions of the steps before. */
function assertWindows(batch: StepBatch, expected: readonly (readonly Expected[])[], capacity: number) {
  const { time, batch: windows } = batch;
  const width = batch.action.length / batch.reward.length;
  for (let window = 0; window < batch.members * windows; window++) {
    const rows = expected[Math.floor(window / windows)]!;
    const at = rows.findIndex(({ observation }) => observation === batch.observation[2 * window * time]);
    assert.ok(at >= Math.max(1, rows.length - capacity + 1), 'the step before the window is held, too');
    assert.deepEqual(
      [...batch.before.subarray(window * MEMORY.size, (window + 1) * MEMORY.size)],
      rows[at - 1]!.memory,
    );
    for (let t = 0; t < time; t++) {
      const row = window * time + t;
      const wanted = rows[at + t]!;
      const led = rows[at + t - 1]!.action;
      assert.deepEqual(
        [...batch.observation.subarray(2 * row, 2 * row + 2)],
        [wanted.observation, -wanted.observation],
      );
      for (const name of ['reward', 'first', 'last', 'terminal'] as const) {
        assert.equal(batch[name][row], wanted[name], name);
      }
      // Where an episode starts no action has led to it.
      assert.equal(led === null, wanted.first === 1);
      if (led === null) continue;
      assert.deepEqual([...batch.action.slice(row * width, (row + 1) * width)], Array(width).fill(led));
    }
  }
}

const episodes = fc.array(fc.record({ actions: fc.integer({ min: 1, max: 7 }), terminated: fc.boolean() }), {
  minLength: 6,
  maxLength: 12,
});
const lives = fc.record({
  members: fc.array(episodes, { minLength: 1, maxLength: 3 }),
  capacity: fc.integer({ min: 5, max: 40 }),
  length: fc.integer({ min: 1, max: 4 }),
  batch: fc.integer({ min: 1, max: 6 }),
  space: fc.constantFrom(discrete, box),
  seed: fc.nat(1000),
});

const spacesOf = (actionSpace: Space) => ({ observation: 2, actionSpace });
const streams = (count: number, seed: number) =>
  Array.from({ length: count }, (_, member) => RandomStream.named(seed, `windows of ${member}`));

describe('steps', () => {
  test('windows are consecutive steps: led to by actions, rewards and memories of the steps before', () => {
    fc.assert(
      fc.property(lives, ({ members, capacity, length, batch, space, seed }) => {
        const steps = new Steps(members.length, { capacity, batch, length }, spacesOf(space), MEMORY);
        const expected = live(steps, members, space);
        const held = Math.min(...expected.map((rows) => Math.min(rows.length, capacity)));
        const randoms = streams(members.length, seed);
        if (held < length + 1) {
          assert.throws(() => steps.sample(randoms), /fewer than a window/);
          return;
        }
        for (let draw = 0; draw < 3; draw++) assertWindows(steps.sample(randoms), expected, capacity);
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  test('an update changes what is remembered of the steps it saw, and of no other', () => {
    fc.assert(
      fc.property(lives, ({ members, length, batch, space, seed }) => {
        const settings = { capacity: 40, batch, length };
        const steps = new Steps(members.length, settings, spacesOf(space), MEMORY);
        const expected = live(steps, members, space);
        const randoms = streams(members.length, seed);
        for (let update = 1; update <= 3; update++) {
          const drawn = steps.sample(randoms);
          drawn.memory.forEach((_, i) => {
            drawn.memory[i] = -update - i / 1024;
          });
          for (let row = 0; row < drawn.reward.length; row++) {
            const rows = expected[Math.floor(row / (batch * length))]!;
            const seen = rows.find(({ observation }) => observation === drawn.observation[2 * row])!;
            seen.memory = [...drawn.memory.subarray(row * MEMORY.size, (row + 1) * MEMORY.size)];
          }
          steps.revise(drawn);
          assertWindows(steps.sample(randoms), expected, 40);
        }
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  test('go on from a checkpoint as if nothing had happened', () => {
    fc.assert(
      fc.property(lives, fc.nat(1000), ({ members, capacity, length, batch, space, seed }, cut) => {
        const make = () => new Steps(members.length, { capacity, batch, length }, spacesOf(space), MEMORY);
        const original = make();
        const all = lengthOf(members);
        const stop = cut % all;
        live(original, members, space, [0, stop]);
        const restored = make();
        for (let member = 0; member < members.length; member++) {
          restored.load(member, structuredClone(original.save(member)));
        }
        const after = [original, restored].map((steps) => {
          live(steps, members, space, [stop, all]);
          return members.map((_, member) => structuredClone(steps.save(member)));
        });
        assert.deepEqual(after[1], after[0]);
        const rows = after[0]!.map((arrays) => arrays['replay.reward']!.data.length);
        if (Math.min(...rows) <= length) return;
        const windows = [original, restored].map((steps) => steps.sample(streams(members.length, seed)));
        assert.deepEqual(windows[1], windows[0]);
      }),
      { seed: 1, numRuns: 50 },
    );
  });
});

describe('steps of an environment', () => {
  before(async () => {
    await startEngine('cpu');
  });

  test('windows end in terminal steps, start anywhere, and show no jump but at an episode start', () => {
    const cartPole = environmentEntry('CartPole-v1');
    const spaces = agentSpaces(cartPole);
    const settings = {
      ...{ randomSteps: 1, randomHold: 1, updateEvery: 1 },
      replay: { capacity: 1000, batch: 1000, length: 4 },
    };
    const steps = new Steps(1, settings.replay, spaces, { from: 0, size: 0 });
    const agent = { ...memoryless(() => Int32Array.of(0)), update: () => {} };
    const learner = new ReplayLearner(agent, cartPole, [1], settings, steps);
    for (let step = 0; step < 400; step++) learner.collectRandomly();
    const batch = learner.sample();
    const ends = { terminal: 0, firsts: 0 };
    const environment = cartPole.make();
    environment.reset(RandomStream.named(1, 'any'));
    for (let row = 0; row < batch.reward.length; row++) {
      const [at, x] = [row % batch.time, batch.observation.subarray(4 * row, 4 * row + 4)];
      assert.equal(batch.terminal[row], batch.last[row], 'nothing is truncated so early');
      if (at === batch.time - 1) ends.terminal += batch.terminal[row]!;
      if (batch.first[row]) ends.firsts++;
      if (at === 0) continue;
      assert.equal(batch.first[row], batch.last[row - 1], 'what follows an end is a start');
      if (batch.first[row]) {
        assert.equal(batch.reward[row], 0);
        continue;
      }
      // The action leads from the observation before to this one, by the environment's own equations.
      environment.setState([...batch.observation.subarray(4 * row - 4, 4 * row), 0]);
      const led = environment.step(batch.action[row]!);
      assert.ok(
        led.observation.every((value, i) => Math.abs(value - x[i]!) < 1e-5),
        `row ${row}`,
      );
      assert.equal(led.reward, batch.reward[row]);
      assert.equal(Number(led.terminated), batch.terminal[row]);
    }
    assert.ok(ends.terminal > 10 && ends.firsts > 10, JSON.stringify(ends));
  });
});

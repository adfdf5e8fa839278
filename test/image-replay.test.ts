import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type EnvironmentEntry, environmentEntry, environmentNames } from '../src/envs/index.ts';
import { RandomStream } from '../src/random/stream.ts';
import { type AgentSpaces, agentSpaces } from '../src/training/agent-spaces.ts';
import { Collector } from '../src/training/collector.ts';
import { heldOutSet } from '../src/training/held-out.ts';
import type { NamedArray } from '../src/training/state.ts';
import { Steps } from '../src/training/steps.ts';
import { Transitions } from '../src/training/transitions.ts';
import { memoryless } from './support/agents.ts';

const games = environmentNames.filter((name) => name.startsWith('MinAtar/'));
const pixels = (size: number, frames: number) =>
  environmentEntry('CartPole-v1', { pixels: { size, frames } });
/** What shows images, by name. */
const shows = new Map([
  ...games.map((name) => [name, environmentEntry(name)] as const),
  ['pixels', pixels(16, 2)],
]);
const settings = { capacity: 50, batch: 3, length: 4 };
const memory = { from: 0, size: 0 };

/** Steps of random actions of two members, each told to all that remember. */
function play(entry: EnvironmentEntry, steps: number, remembering: readonly Pick<Steps, 'remember'>[]): void {
  const actor = memoryless(() => {
    throw new Error('nobody acts');
  });
  const collector = new Collector(actor, entry, [1, 2], 1);
  for (let i = 0; i < steps; i++) {
    const step = collector.stepRandomly();
    for (const each of remembering) each.remember(step);
  }
}

const bytesOf = (arrays: Record<string, NamedArray>) =>
  Object.values(arrays).reduce((sum, { data }) => sum + data.byteLength, 0);

test('images kept as bytes are replayed as those kept as numbers, before and after a checkpoint', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...shows.keys()),
      fc.integer({ min: 10, max: 120 }),
      fc.nat(),
      (name, steps, seed) => {
        const entry = shows.get(name)!;
        const spaces = agentSpaces(entry);
        assert.equal(spaces.bytes, true);
        const make = [
          (bytes: boolean) => new Transitions(2, settings, { ...spaces, bytes }),
          (bytes: boolean) => new Steps(2, settings, { ...spaces, bytes }, memory),
        ];
        for (const kind of make) {
          const [compact, plain] = [kind(true), kind(false)];
          play(entry, steps, [compact, plain]);
          const sampled = (from: Transitions | Steps) =>
            structuredClone(from.sample([1, 2].map((member) => RandomStream.named(seed, `${member}`))));
          const wanted = sampled(plain);
          assert.deepEqual(sampled(compact), wanted);
          const again = kind(true);
          for (const member of [0, 1]) {
            const saved = compact.save(member);
            assert.ok(saved['replay.observation']!.data instanceof Uint8Array);
            again.load(member, structuredClone(saved));
          }
          assert.deepEqual(sampled(again), wanted);
          play(entry, 3, [compact, plain, again]);
          assert.deepEqual(sampled(compact), sampled(plain), 'as it goes on');
        }
      },
    ),
    { seed: 1, numRuns: 10 },
  );
});

test('100,000 transitions of every game take less than 125 MB, 50,000 of 64 × 64 pixels less than 250', () => {
  const kept = (
    entry: EnvironmentEntry,
    make: (spaces: AgentSpaces, capacity: number) => Transitions | Steps,
  ) => {
    const capacity = 200;
    const experience = make(agentSpaces(entry), capacity);
    play(entry, 2 * capacity, [experience]);
    return bytesOf(experience.save(0)) / capacity;
  };
  const transitions = (spaces: AgentSpaces, capacity: number) =>
    new Transitions(2, { ...settings, capacity }, spaces);
  for (const name of games) {
    const each = kept(environmentEntry(name), transitions);
    assert.ok(each * 100_000 < 125e6, `${name}: ${each} bytes each`);
  }
  // Numbers of a Dreamer's state, h and z, at the default size.
  const remembered = { from: 0, size: 64 + 8 * 8 };
  for (const make of [
    transitions,
    (spaces: AgentSpaces, capacity: number) => new Steps(2, { ...settings, capacity }, spaces, remembered),
  ]) {
    const each = kept(pixels(64, 1), make);
    assert.ok(each * 50_000 < 250e6, `${each} bytes each`);
  }
});

test('the held-out set of a game is bytes, ones among them', () => {
  const { observation, nextObservation } = heldOutSet(environmentEntry('MinAtar/Breakout-v0'));
  for (const kept of [observation, nextObservation]) {
    assert.ok(kept instanceof Uint8Array);
    assert.equal(kept.length, 32 * 300 * 400);
    // A paddle, a ball, a trail that may stand on it, 30 bricks at most.
    const lit = kept.reduce((sum, x) => sum + x, 0) / (32 * 300);
    assert.ok(lit > 3 && lit < 33, `${lit} cells`);
  }
});

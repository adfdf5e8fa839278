import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { meanWeights, tokenTargets } from '../src/methods/dreamer4/token-targets.ts';
import { RandomStream } from '../src/random/stream.ts';
import {
  drawnContexts,
  drawnWindows,
  everyFrame,
  type Frames,
  FrameWindows,
} from '../src/training/frames.ts';
import { heldOutEpisodes } from '../src/training/recorded-episodes.ts';
import { stepSpaces } from './support/agents.ts';
import { recordedEpisodes } from './support/recorded.ts';
import { reference } from './support/reference.ts';

const spaces = stepSpaces(1);

/** A window's frames, each as `observation action reward terminated`, `-` for what is not there. */
function written({ time, ...frames }: Frames, window: number): string[] {
  return Array.from({ length: time }, (_, t) => {
    const at = window * time + t;
    const led = `${frames.action[at]} ${frames.reward[at]} ${frames.terminated[at]}`;
    if (!frames.mask[at]) {
      const { [at]: index } = frames.index;
      assert.deepEqual([frames.observation[at], led, frames.first[at], index], [0, '0 0 0', 0, -1]);
      return '-';
    }
    return `${frames.observation[at]} ${frames.first[at] ? '-' : led}`;
  });
}

/** Frame t of an episode, as `written` has it. */
function frame(episode: number, length: number, t: number): string {
  const led = `${(episode + t - 1) % 2} ${100 * episode + t - 0.5} ${Number(episode % 2 === 1 && t === length)}`;
  return `${100 * episode + t} ${t === 0 ? '-' : led}`;
}

test('a window holds the frames it is asked for, the last one of an episode too, and nothing of the window before', () => {
  const lengths = [3, 1, 7, 4];
  const data = recordedEpisodes(lengths);
  const windows = new FrameWindows(data, 1, 2, 5, spaces);
  const span = fc
    .integer({ min: 0, max: 3 })
    .chain((episode) => fc.tuple(fc.constant(episode), fc.nat(lengths[episode]!), fc.nat(5), fc.nat(4)))
    .map(([episode, from, count, at]) => {
      const to = Math.min(from + Math.max(1, count), from + 5 - at, lengths[episode]! + 1);
      return { episode, from, to, at };
    });
  fc.assert(
    fc.property(span, ({ episode, from, to, at }) => {
      windows.read(1, { episode, from, to, at });
      const own = Array.from({ length: to - from }, (_, i) => frame(episode, lengths[episode]!, from + i));
      const none = (count: number) => Array<string>(count).fill('-');
      assert.deepEqual(written(windows.frames, 1), [...none(at), ...own, ...none(5 - at - own.length)]);
      assert.deepEqual(written(windows.frames, 0), none(5));
    }),
    { seed: 1, numRuns: 200 },
  );
});

test('every frame of some episodes comes once and in order, so many at a time', () => {
  const lengths = [3, 1, 7];
  const counts: number[] = [];
  const seen: string[] = [];
  for (const { frames, count } of everyFrame(recordedEpisodes(lengths), Int32Array.of(0, 2), 5, spaces)) {
    counts.push(count);
    for (let window = 0; window < count; window++) seen.push(...written(frames, window));
  }
  assert.deepEqual(counts, [5, 5, 2]);
  const own = (episode: number) =>
    Array.from({ length: lengths[episode]! + 1 }, (_, t) => frame(episode, lengths[episode]!, t));
  assert.deepEqual(seen, [...own(0), ...own(2)]);
});

test('windows begin with their episode as often as elsewhere and hold every frame; contexts end where an action follows', () => {
  const lengths = [9, 2, 30];
  const data = recordedEpisodes(lengths);
  const options = { episodes: [Int32Array.of(0, 1, 2), Int32Array.of(2)], count: 400, time: 5 };
  for (const drawn of [drawnWindows, drawnContexts]) {
    const { examples, draw } = drawn(data, options, spaces);
    for (const member of [0, 1]) draw(member, RandomStream.named(member, 'data'));
    const seen = new Set<string>();
    for (let window = 0; window < 800; window++) {
      const all = written(examples, window);
      const own = all.filter((text) => text !== '-');
      for (const text of own) seen.add(text);
      const first = Number.parseInt(own[0]!, 10);
      const episode = Math.floor(first / 100);
      if (window >= 400) assert.equal(episode, 2);
      assert.deepEqual(
        own,
        own.map((_, i) => frame(episode, lengths[episode]!, (first % 100) + i)),
      );
      if (drawn === drawnWindows) {
        assert.equal(all[0], own[0]);
        assert.ok(own.length > 1);
      } else {
        assert.equal(all.at(-1), own.at(-1));
        assert.ok(Number.parseInt(own.at(-1)!, 10) % 100 < lengths[episode]!);
        assert.ok(own.length === 5 || first % 100 === 0);
      }
    }
    // 44 frames, or those before which an action was taken.
    assert.equal(seen.size, drawn === drawnWindows ? 44 : 41);
  }
  const { examples, draw } = drawnWindows(data, { ...options, episodes: [Int32Array.of(2)] }, spaces);
  draw(0, RandomStream.named(3, 'data'));
  const starts = examples.first.reduce((sum, x) => sum + x, 0);
  // Of 30 steps the first, the next by 3 of 4 places, the third by 2, the fourth by 1: 2.5 / 30.
  assert.ok(Math.abs(starts / 400 - 2.5 / 30) < 0.04, `${starts} of 400 windows begin with the episode`);
});

test('a share of the episodes is held out, spread over all', () => {
  const { training, heldOut } = heldOutEpisodes({ lengths: new Int32Array(25) }, 0.1);
  assert.deepEqual([...heldOut], [9, 19]);
  assert.equal(training.length, 23);
  assert.equal(heldOutEpisodes({ lengths: new Int32Array(4) }, 0).heldOut.length, 0);
});

test('heads learn at every distance what the reference says, and nothing beyond an end', () => {
  interface Targets {
    action_before: number[];
    reward_before: number[];
    terminal: number[];
    mask: number[];
    length: number;
    policy: number[][];
    reward: number[][];
    cont: number[][];
  }
  const wanted = reference<Targets>('multi-token.json', 'dreamer4');
  const frames: Frames = {
    ...{ members: 1, batch: 1, time: 6, observation: new Float32Array(6) },
    action: Int32Array.from(wanted.action_before),
    reward: Float32Array.from(wanted.reward_before),
    terminated: Float32Array.from(wanted.terminal),
    first: Float32Array.of(1, 0, 0, 0, 0, 0),
    mask: Float32Array.from(wanted.mask),
    index: new Int32Array(6),
  };
  const targets = tokenTargets(frames, wanted.length);
  const ours = (values: ArrayLike<number>, weights: Float32Array) =>
    Array.from(weights, (weight, at) => (weight ? values[at]! : -1));
  assert.deepEqual(ours(targets.action, targets.actionWeight), wanted.policy.flat());
  assert.deepEqual(ours(targets.reward, targets.rewardWeight), wanted.reward.flat());
  assert.deepEqual(ours(targets.goesOn, targets.goesOnWeight), wanted.cont.flat());
  // The mean over distances of the mean over the frames that count.
  const counts = Float32Array.of(1, 0, 1, 1, 1, 1);
  const weights = meanWeights(targets.actionWeight, counts, 1, 3);
  const at = (n: number) => [...weights].filter((_, i) => i % 3 === n);
  assert.deepEqual(at(0), [1 / 9, 0, 1 / 9, 1 / 9, 0, 0].map(Math.fround));
  assert.deepEqual(at(2), [1 / 3, 0, 0, 0, 0, 0].map(Math.fround));
  assert.ok(meanWeights(new Float32Array(6), counts, 1, 1).every((x) => x === 0));
});

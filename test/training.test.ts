import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { startEngine } from '../src/engine/engine.ts';
import type { Environment } from '../src/envs/environment.ts';
import { type EnvironmentEntry, environmentEntry } from '../src/envs/index.ts';
import { replayCourse } from '../src/methods/course.ts';
import { vaeLstm } from '../src/methods/vae-lstm/agent.ts';
import { type VaeLstmSettings, vaeLstmSettings } from '../src/methods/vae-lstm/settings.ts';
import { RandomStream } from '../src/random/stream.ts';
import type { Actor, PolicyName, Situation } from '../src/training/acting.ts';
import type { Agent } from '../src/training/agent.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { complete, type Evaluation, evaluate, returnStatistics } from '../src/training/evaluate.ts';
import type { Row, TrainingEvent } from '../src/training/events.ts';
import { heldOutSet } from '../src/training/held-out.ts';
import { LossLog, lossColumns } from '../src/training/loss-log.ts';
import { type Batch, emptyBatch, Replay } from '../src/training/replay.ts';
import type { ReplayAgent, ReplaySettings } from '../src/training/replay-learner.ts';
import { lambdaReturn, quantileRange } from '../src/training/returns.ts';
import { scheduleAt } from '../src/training/schedule.ts';
import type { MemberState } from '../src/training/state.ts';
import { metricColumns, type TrainingPlan, train } from '../src/training/train.ts';
import { learnFromTransitions } from '../src/training/transitions.ts';
import { memoryless, stepSpaces } from './support/agents.ts';
import { assertClose } from './support/tensors.ts';

const cartPole = environmentEntry('CartPole-v1');

before(async () => {
  await startEngine('wasm');
});

describe('returns', () => {
  test('lambdaReturn equals a case worked by hand', () => {
    tf.tidy(() => {
      const row = (...values: number[]) => tf.tensor3d(values, [1, 1, 3]);
      const returns = (lambda: number) =>
        lambdaReturn(row(1, 2, 3), row(0.9, 0.8, 0.5), row(10, 20, 30), lambda).dataSync();
      // R₂ = 3 + 0.5 · 30; R₁ = 2 + 0.8 (0.5 · 20 + 0.5 · 18); R₀ = 1 + 0.9 (0.5 · 10 + 0.5 · 17.2)
      assertClose(returns(0.5), [13.24, 17.2, 18]);
      assertClose(returns(0), [10, 18, 18]);
      // 1 + 0.9 (2 + 0.8 (3 + 0.5 · 30))
      assertClose(returns(1), [15.76, 16.4, 18]);
    });
  });

  test('lambdaReturn is the weighted sum of n-step returns', () => {
    const [members, batch, horizon] = [2, 3, 6];
    const lambda = 0.8;
    const size = members * batch * horizon;
    const random = RandomStream.named(1, 'returns');
    const reward = random.fillNormal(new Float32Array(size));
    const discount = random.fillUniform(new Float32Array(size));
    const nextValue = random.fillNormal(new Float32Array(size));
    /** G⁽ⁿ⁾ from `start`: n discounted rewards, then the value where they end. */
    const nStep = (start: number, n: number) => {
      let total = 0;
      let product = 1;
      for (let i = start; i < start + n; i++) {
        total += product * reward[i]!;
        product *= discount[i]!;
      }
      return total + product * nextValue[start + n - 1]!;
    };
    const wanted = Array.from({ length: size }, (_, start) => {
      const left = horizon - (start % horizon);
      let sum = lambda ** (left - 1) * nStep(start, left);
      for (let n = 1; n < left; n++) sum += (1 - lambda) * lambda ** (n - 1) * nStep(start, n);
      return sum;
    });
    tf.tidy(() => {
      const upload = (values: Float32Array) => tf.tensor3d(values, [members, batch, horizon]);
      const actual = lambdaReturn(upload(reward), upload(discount), upload(nextValue), lambda);
      assertClose(actual.dataSync(), wanted);
    });
  });

  test('quantileRange equals numpy.percentile, row by row', () => {
    // numpy.diff(numpy.percentile(x, [5, 95])) and of [25, 75]
    const x = [3, -1, 4, 1, -5, 9, 2, 6, -5, 3.5];
    tf.tidy(() => {
      const rows = tf.tensor2d([...x, ...x.map((value) => -2 * value)], [2, 10]);
      assertClose(quantileRange(rows, 0.05, 0.95).dataSync(), [12.65, 25.3]);
      assertClose(quantileRange(rows, 0.25, 0.75).dataSync(), [4.375, 8.75]);
      assertClose(quantileRange(rows, 0, 1).dataSync(), [14, 28]);
      assertClose(quantileRange(tf.tensor2d([[7, 2]]), 0.05, 0.95).dataSync(), [4.5]);
      assertClose(quantileRange(tf.tensor2d([[7], [2]]), 0.05, 0.95).dataSync(), [0, 0]);
      // x = numpy.sin(numpy.arange(960))
      const sines = Array.from({ length: 960 }, (_, i) => Math.sin(i));
      assertClose(quantileRange(tf.tensor2d([sines]), 0.05, 0.95).dataSync(), [1.97340889]);
    });
  });
});

/** Adds the transitions numbered from `start` on; every field says which it is. */
function fill(replay: Replay, start: number, count: number): void {
  for (let i = start; i < start + count; i++) {
    replay.add({
      observation: [i, -i],
      action: [i],
      reward: i / 2,
      nextObservation: [i + 1, -i - 1],
      terminated: i % 5 === 4,
      first: i % 5 === 0,
    });
  }
}

describe('replay', () => {
  test("windows are consecutive steps among the newest, in one member's part of the batch", () => {
    const shapes = fc.record({
      capacity: fc.integer({ min: 1, max: 20 }),
      added: fc.integer({ min: 1, max: 70 }),
      time: fc.integer({ min: 1, max: 8 }),
    });
    fc.assert(
      fc.property(shapes, ({ capacity, added, time }) => {
        const replay = new Replay(capacity, stepSpaces(2, 100));
        fill(replay, 0, added);
        const held = Math.min(capacity, added);
        assert.equal(replay.size, held);
        const windows = 6;
        const batch = emptyBatch(2, windows, time, stepSpaces(2, 100));
        const sample = () => replay.sample(RandomStream.named(1, 'replay'), batch, 1);
        if (held < time) {
          assert.throws(sample, /^RangeError: replay holds \d+ steps, fewer than a window of \d+$/);
          return;
        }
        sample();
        const rows = windows * time;
        assert.deepEqual(batch.observation.subarray(0, 2 * rows), new Float32Array(2 * rows));
        const actions = batch.action.subarray(rows);
        for (const [row, i] of actions.entries()) {
          assert.ok(i >= added - held && i < added, `step ${i} is not held`);
          if (row % time > 0) assert.equal(i, actions[row - 1]! + 1);
          const at = rows + row;
          assert.deepEqual([...batch.observation.subarray(2 * at, 2 * at + 2)], [i, -i]);
          assert.deepEqual([...batch.nextObservation.subarray(2 * at, 2 * at + 2)], [i + 1, -i - 1]);
          assert.equal(batch.reward[at], i / 2);
          assert.equal(batch.terminated[at], Number(i % 5 === 4));
          assert.equal(batch.first[at], Number(i % 5 === 0));
        }
      }),
      { seed: 1 },
    );
  });

  test('every window is equally likely, whether or not it crosses the end of the ring', () => {
    const replay = new Replay(13, stepSpaces(2, 100));
    fill(replay, 0, 20);
    const draws = 40_000;
    const batch = emptyBatch(1, draws, 4, stepSpaces(2, 100));
    replay.sample(RandomStream.named(1, 'replay'), batch, 0);
    const counts = new Map<number, number>();
    for (let row = 0; row < draws * 4; row += 4) {
      counts.set(batch.action[row]!, (counts.get(batch.action[row]!) ?? 0) + 1);
    }
    assert.deepEqual(
      [...counts.keys()].sort((a, b) => a - b),
      [7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
    );
    const chiSquare = [...counts.values()].reduce((sum, n) => sum + (n - draws / 10) ** 2 / (draws / 10), 0);
    // 9 degrees of freedom: above 27.9 once in a thousand.
    assert.ok(chiSquare < 27.9, `χ² = ${chiSquare}`);
  });

  for (const added of [5, 29]) {
    test(`a replay of ${added} steps goes on from its checkpoint as if nothing had happened`, () => {
      const original = new Replay(12, stepSpaces(2, 100));
      fill(original, 0, added);
      const restored = new Replay(12, stepSpaces(2, 100));
      restored.load(structuredClone(original.save()));
      assert.deepEqual(restored.save(), original.save());
      const sampled = [original, restored].map((replay) => {
        fill(replay, added, 4);
        const batch = emptyBatch(1, 50, 3, stepSpaces(2, 100));
        replay.sample(RandomStream.named(1, 'replay'), batch, 0);
        return batch;
      });
      assert.deepEqual(sampled[1], sampled[0]);
    });
  }
});

test('experience is drawn from streams of their names, as many random steps first as are asked for', async () => {
  const seeds = [5, 9];
  const [randomSteps, steps, length] = [6, 40, 2];
  const acted: { policy: PolicyName; gumbel: number[] }[] = [];
  const batches: Batch[] = [];
  const learner = learnFromTransitions(
    {
      // Always the same push lets the pole fall, so that episodes follow each other.
      ...memoryless(({ noise }, policy) => {
        acted.push({ policy, gumbel: [...noise] });
        return Int32Array.of(1, 0);
      }),
      update: (batch) => void batches.push(structuredClone(batch)),
    },
    cartPole,
    seeds,
    { randomSteps, randomHold: 1, updateEvery: 4, replay: { capacity: 60, batch: 3, length } },
  );
  for (let step = 1; step <= steps; step++) await learner.round(step, 0);

  const acting = seeds.map((seed) => RandomStream.named(seed, 'acting'));
  const noise = () => acting.flatMap((stream) => [...stream.fillGumbel(new Float32Array(2))]);
  assert.deepEqual(
    acted,
    Array.from({ length: steps - randomSteps }, () => ({ policy: 'online', gumbel: noise() })),
  );
  for (const [member, seed] of seeds.entries()) {
    const [starts, exploration, windows] = ['environment', 'exploration', 'replay'].map((name) =>
      RandomStream.named(seed, name),
    ) as [RandomStream, RandomStream, RandomStream];
    const environment = cartPole.make();
    const row = (first: boolean, observation: ArrayLike<number>, step: number) => {
      const action = step <= randomSteps ? exploration.integer(2) : 1 - member;
      const { observation: next, reward, terminated } = environment.step(action);
      const [here, there] = [Array.from(observation), Array.from(next)];
      return { observation: here, next_observation: there, action, reward, terminated, first };
    };
    const rows = [row(true, environment.reset(starts), 1)];
    for (let step = 2; step <= steps; step++) {
      const { terminated, next_observation } = rows.at(-1)!;
      rows.push(row(terminated, terminated ? environment.reset(starts) : next_observation, step));
    }
    assert.ok(rows.filter(({ first }) => first).length > 2, 'several episodes');
    const { arrays } = learner.save(member);
    for (const field of Object.keys(rows[0]!) as (keyof (typeof rows)[0])[]) {
      assert.deepEqual(
        Array.from(arrays[`replay.${field}`]!.data),
        rows.flatMap((row) => row[field]).map(Number),
        field,
      );
    }
    assert.equal(batches.length, 8);
    for (const [update, { action, observation }] of batches.entries()) {
      const held = randomSteps + 4 * (update + 1);
      const drawn = Array.from({ length: 3 }, () => windows.integer(held - length + 1)).flatMap((start) =>
        rows.slice(start, start + length),
      );
      const part = <T>(values: Iterable<T>) => {
        const all = [...values];
        return all.slice((member * all.length) / 2, ((member + 1) * all.length) / 2);
      };
      assert.deepEqual(
        part(action),
        drawn.map((row) => row.action),
      );
      assert.deepEqual(
        part(observation),
        drawn.flatMap((row) => row.observation),
      );
    }
  }
});

test('updates come in rows where several are asked for, the first ones once the random steps are over', async () => {
  const made: [step: number, update: number][] = [];
  const starts: string[] = [];
  const learner = learnFromTransitions(
    {
      ...memoryless(() => Int32Array.of(1)),
      update: ({ observation }, step, update) => {
        made.push([step, update]);
        starts.push(String(observation));
      },
    },
    cartPole,
    [5],
    {
      ...{ randomSteps: 4, randomHold: 1, updateEvery: 3, updates: 2, pretraining: 5 },
      replay: { capacity: 20, batch: 3, length: 2 },
    },
  );
  let update = 0;
  for (let step = 1; step <= 12; step++) update += await learner.round(step, update);
  const [pretrained, ...rows] = [
    [4, 5],
    [7, 2],
    [10, 2],
  ].map(([step, count]) => Array.from({ length: count! }, () => step!));
  assert.deepEqual(
    made,
    [...pretrained!, ...rows.flat()].map((step, i) => [step, i + 1]),
  );
  assert.ok(new Set(starts).size > 4, 'each update has a batch of its own');
  const course = { randomSteps: 4, updateEvery: 3, updates: 2, pretraining: 5 };
  assert.equal(replayCourse({ ...course, steps: 12, evaluation: { every: 1 } }).updates, made.length);
});

test('scheduleAt is a number, or a line and then constant', () => {
  assert.equal(scheduleAt(0.3, 1e9), 0.3);
  const falling = { from: 1, to: 0.1, over: 10_000 };
  assertClose(
    [0, 2500, 5000, 10_000, 10_001, 1e9].map((step) => scheduleAt(falling, step)),
    [1, 0.775, 0.55, 0.1, 0.1, 0.1],
    1e-12,
  );
});

test('the held-out set is fixed: 32 controllers from balancing to random, 300 steps each', () => {
  const set = heldOutSet(cartPole);
  assert.deepEqual([set.members, set.batch, set.time], [1, 32, 300]);
  const rows = 32 * 300;
  assert.deepEqual([set.observation.length, set.nextObservation.length], [4 * rows, 4 * rows]);
  for (const values of [set.mask, set.reward]) assert.deepEqual(values, new Float32Array(rows).fill(1));
  const sum = (values: Float32Array, sequence: number) =>
    values.subarray(300 * sequence, 300 * (sequence + 1)).reduce((total, x) => total + x, 0);
  assert.deepEqual([sum(set.first, 0), sum(set.terminated, 0)], [1, 0], 'ε = 0 balances');
  assert.ok(sum(set.terminated, 31) > 5, 'ε = 1 falls again and again');
  for (let at = 0; at < rows; at++) {
    if (at % 300 === 0) assert.equal(set.first[at], 1);
    if (at % 300 === 299) continue;
    assert.equal(set.first[at + 1], set.terminated[at]);
    const goesOn = set.first[at + 1] === 0;
    const next = set.nextObservation.subarray(4 * at, 4 * at + 4);
    if (goesOn) assert.deepEqual(set.observation.subarray(4 * at + 4, 4 * at + 8), next);
  }
  // Published prediction errors are measured on exactly these numbers. Rounded, because the last bit of Math.sin is
  // the JavaScript engine's choice.
  const hash = createHash('sha256');
  for (const values of [set.observation, set.nextObservation, set.action, set.terminated]) {
    hash.update(Int32Array.from(values, (x) => Math.round(1e4 * x)));
  }
  assert.equal(hash.digest('hex'), '7db4565aba4ab36a0397190ce39a038257fbd787f668f989d24a7b0f454e0ef7');
});

/** What a test wants of an agent; the rest is empty. */
const stubAgent = (parts: Partial<Agent>): Agent => ({
  lossTerms: ['loss', 'kl'],
  diagnostics: [],
  ...memoryless(() => new Int32Array()),
  learner: () => assert.fail('it is not to learn'),
  drainLosses: async () => [],
  diagnose: async (_heldOut, own) => own.map(() => ({})),
  save: async () => [],
  load: () => {},
  dispose: () => {},
  ...parts,
});

/** An episode of 1 to 5 steps worth 1 + action each; it terminates by action 1 and is truncated by action 0. */
class Countdown implements Environment {
  readonly observationSpace = { kind: 'box', shape: [1], low: [0], high: [5] } as const;
  readonly actionSpace = { kind: 'discrete', n: 2 } as const;
  #left = 0;

  reset(random: RandomStream): Float32Array {
    return this.setState([1 + random.integer(5)]);
  }

  step(action: number) {
    assert.ok(this.#left > 0, 'stepped after its end');
    this.#left--;
    const ended = this.#left === 0;
    const observation = Float32Array.of(this.#left);
    return {
      observation,
      reward: 1 + action,
      terminated: ended && action === 1,
      truncated: ended && action === 0,
    };
  }

  state(): number[] {
    return [this.#left];
  }

  setState(state: readonly number[]): Float32Array {
    this.#left = state[0]!;
    return Float32Array.of(this.#left);
  }
}

const countdown: EnvironmentEntry = {
  make: () => new Countdown(),
  observationNames: ['left'],
  observationScale: [1],
  rewardRange: [1, 1],
  threshold: { reward: 5, source: 'a test' },
  controller: () => 1,
  terminationCause: () => 'over',
};

describe('evaluation', () => {
  test('plays whole episodes greedily and records the first of them', async () => {
    const policies = new Set<PolicyName>();
    // Member 0 always takes action 1, member 1 action 0, in 4 episodes each.
    const agent = stubAgent({
      ...memoryless(({ observations, noise }, policy, mode) => {
        assert.equal(observations.length, 8);
        assert.deepEqual([mode, noise.length], ['greedy', 0]);
        policies.add(policy);
        return Int32Array.of(1, 1, 1, 1, 0, 0, 0, 0);
      }),
    });
    const streams = () => [RandomStream.named(3, 'starts'), RandomStream.named(4, 'starts')];
    const lengths = streams().map((stream) => Array.from({ length: 4 }, () => 1 + stream.integer(5)));
    assert.ok(new Set(lengths.flat()).size > 2, 'episodes of several lengths');
    const evaluations = await complete(
      evaluate(agent, [countdown, countdown], 'average', 4, 2, { starts: streams(), noise: [] }),
    );
    assert.deepEqual([...policies], ['average']);
    assert.equal(evaluations.length, 2);
    for (const [member, { episodes, recorded }] of evaluations.entries()) {
      const own = lengths[member]!;
      const terminated = member === 0;
      assert.deepEqual(
        episodes,
        own.map((length) => ({
          return: terminated ? 2 * length : length,
          length,
          terminated,
          truncated: !terminated,
          lastObservation: [0],
        })),
      );
      const time = Math.max(own[0]!, own[1]!);
      assert.deepEqual([recorded.members, recorded.batch, recorded.time], [1, 2, time]);
      for (const [i, length] of own.slice(0, 2).entries()) {
        const row = (values: ArrayLike<number>) => Array.from(values).slice(i * time, (i + 1) * time);
        const steps = <T>(of: (t: number) => T) =>
          Array.from({ length: time }, (_, t) => (t < length ? of(t) : 0));
        assert.deepEqual(
          row(recorded.observation),
          steps((t) => length - t),
        );
        assert.deepEqual(
          row(recorded.nextObservation),
          steps((t) => length - t - 1),
        );
        assert.deepEqual(
          row(recorded.action),
          steps(() => Number(terminated)),
        );
        assert.deepEqual(
          row(recorded.reward),
          steps(() => 1 + Number(terminated)),
        );
        assert.deepEqual(
          row(recorded.first),
          steps((t) => Number(t === 0)),
        );
        assert.deepEqual(
          row(recorded.mask),
          steps(() => 1),
        );
        assert.deepEqual(
          row(recorded.terminated),
          steps((t) => Number(terminated && t === length - 1)),
        );
      }
    }
  });

  test('plays a thousand episodes at a time, in the order of their starts', async () => {
    const seen = new Set<number>();
    const agent = stubAgent({
      ...memoryless(({ observations }) => {
        seen.add(observations.length);
        return new Int32Array(observations.length).fill(1);
      }),
    });
    const stream = () => RandomStream.named(3, 'starts');
    const starts = stream();
    const lengths = Array.from({ length: 2003 }, () => 1 + starts.integer(5));
    const [evaluation] = await complete(
      evaluate(agent, [countdown], 'online', 2003, 1001, { starts: [stream()], noise: [] }),
    );
    assert.deepEqual([...seen], [1000, 3]);
    assert.deepEqual(
      evaluation!.episodes.map(({ length }) => length),
      lengths,
    );
    const { batch, mask, time } = evaluation!.recorded;
    assert.deepEqual(
      Array.from({ length: batch }, (_, i) => mask.slice(i * time, (i + 1) * time).filter(Boolean).length),
      lengths.slice(0, 1001),
    );
  });

  test('plays as many at a time as the noise allows that one step needs, each lot with noise of its own', async () => {
    const seen: number[] = [];
    const first: number[] = [];
    const actor = {
      carrySize: 0,
      noise: { sampled: [], greedy: [{ distribution: 'uniform' as const, size: 2 ** 21 }] },
      act: async ({ observations, carry, noise }: Situation) => {
        seen.push(observations.length);
        first.push(noise[0]!);
        return { actions: new Int32Array(observations.length).fill(1), carry };
      },
    };
    const starts = RandomStream.named(3, 'starts');
    const lengths = Array.from({ length: 3 }, () => 1 + starts.integer(5));
    const streams = { starts: [RandomStream.named(3, 'starts')], noise: [RandomStream.named(3, 'noise')] };
    const [evaluation] = await complete(evaluate(actor, [countdown], 'online', 3, 0, streams));
    const [together, steps] = [Math.min, Math.max].map((end) => end(lengths[0]!, lengths[1]!));
    // The longer of the first two goes on alone.
    const lots = [Array(together).fill(2), Array(steps! - together!).fill(1), Array(lengths[2]!).fill(1)];
    assert.deepEqual(seen, lots.flat());
    assert.deepEqual(
      evaluation!.episodes.map(({ length }) => length),
      lengths,
    );
    const third = RandomStream.named(3, 'noise').fork('2').fillUniform(new Float32Array(1));
    assert.deepEqual([...third], [first[steps!]]);
  });

  test('records nothing where nothing is to be recorded', async () => {
    const agent = stubAgent(memoryless(() => Int32Array.of(1, 1)));
    const [{ episodes, recorded }] = (await complete(
      evaluate(agent, [countdown], 'online', 2, 0, { starts: [RandomStream.named(3, 'starts')], noise: [] }),
    )) as [Evaluation];
    assert.equal(episodes.length, 2);
    assert.deepEqual(recorded, { ...emptyBatch(1, 0, 0, stepSpaces(1)), mask: new Float32Array() });
  });

  test('returnStatistics: the standard deviation of a sample, null of one episode', () => {
    const episode = (total: number) => ({ return: total });
    assert.deepEqual(returnStatistics([2, 4, 9].map(episode)), {
      reward_mean: 5,
      reward_std: Math.sqrt(13),
      reward_min: 2,
      reward_max: 9,
    });
    assert.equal(returnStatistics([episode(3)]).reward_std, null);
  });
});

type Moment = Extract<TrainingEvent, { kind: 'step' | 'alive' }>;
type PlainEvent = { kind: 'step'; step: number; update: number } | Exclude<TrainingEvent, Moment>;

/** All events of a run that say something, without their functions; `atStep` and `alive` may save. */
async function collect(
  events: AsyncIterable<TrainingEvent>,
  atStep: (event: Moment) => Promise<void> = async () => {},
  alive: (event: Moment) => Promise<void> = async () => {},
): Promise<PlainEvent[]> {
  const collected: PlainEvent[] = [];
  for await (const event of events) {
    if (event.kind === 'alive') await alive(event);
    else if (event.kind === 'step') {
      await atStep(event);
      collected.push({ kind: 'step', step: event.step, update: event.update });
    } else collected.push(event);
  }
  return collected;
}

const rowsOf = (events: readonly PlainEvent[], kind: 'losses' | 'evaluation', member: number): Row[] =>
  events.flatMap((event) => (event.kind === kind && event.member === member ? [event.row] : []));

const plan: TrainingPlan = {
  environment: 'CartPole-v1',
  steps: 50,
  logEvery: 4,
  evaluation: { every: 18, episodes: 2 },
};
const replaySettings: ReplaySettings = {
  randomSteps: 20,
  randomHold: 1,
  updateEvery: 2,
  replay: { capacity: 40, batch: 4, length: 4 },
};

const tiny = (changes: Partial<VaeLstmSettings> = {}): VaeLstmSettings => ({
  ...vaeLstmSettings.parse({
    horizon: 3,
    imaginationStarts: 4,
    model: { latent: 4, hidden: [8], lstm: 8 },
    critic: { hidden: [8] },
    actor: { hidden: [8] },
    ...replaySettings,
  }),
  ...changes,
});

/** A fresh agent of the VAE + LSTM and its training, freed when the events end. */
async function* trainTiny(
  seeds: readonly number[],
  settings: readonly VaeLstmSettings[] = seeds.map(() => tiny()),
  states?: readonly MemberState[],
): AsyncGenerator<TrainingEvent> {
  const members = seeds.map((seed, i) => ({ seed, settings: settings[i]! }));
  const agent = vaeLstm.create(members, agentSpaces(cartPole));
  try {
    yield* train(agent, plan, seeds, states);
  } finally {
    agent.dispose();
  }
}

describe('train with the world model', () => {
  let events: PlainEvent[];
  /** The states saved at each step event, by environment step. */
  const saved = new Map<number, MemberState[]>();

  before(async () => {
    await startEngine('wasm');
    events = await collect(trainTiny([1, 2]), async ({ step, save }) => {
      // Saved arrays may be views: a checkpoint copies them before the next step.
      saved.set(step, structuredClone((await save()).map((state) => state!)));
    });
  });

  test('events: losses, evaluations, then the step, at their multiples and at the end', () => {
    const wanted: object[] = [];
    const { randomSteps, updateEvery } = replaySettings;
    for (let step = 1; step <= plan.steps; step++) {
      const update = Math.max(0, Math.floor((step - randomSteps) / updateEvery));
      const updated = step > randomSteps && (step - randomSteps) % updateEvery === 0;
      const logged = updated && update % plan.logEvery === 0;
      const evaluated = [18, 36, 50].includes(step);
      for (const member of logged ? [0, 1] : []) wanted.push({ kind: 'losses', member, step, update });
      for (const member of evaluated ? [0, 1] : []) wanted.push({ kind: 'evaluation', member, step, update });
      if (updated || evaluated) wanted.push({ kind: 'step', step, update });
    }
    const seen = events.map((event) => {
      if (event.kind === 'step') return event;
      assert.ok(event.kind === 'losses' || event.kind === 'evaluation', 'nothing fails');
      const { kind, member, row } = event;
      return { kind, member, step: row.env_step, update: row.update };
    });
    assert.deepEqual(seen, wanted);
  });

  test('rows have the columns of their files, and finite numbers', () => {
    const agent = vaeLstm.create([{ seed: 1, settings: tiny() }], agentSpaces(cartPole));
    // The consumer knows the seed and the clock.
    const without = (columns: string[]) =>
      columns.filter((name) => name !== 'seed' && name !== 'wall_seconds');
    for (const [kind, columns] of [
      ['losses', without(lossColumns(agent))],
      ['evaluation', without(metricColumns(agent))],
    ] as const) {
      for (const row of rowsOf(events, kind, 1)) {
        assert.deepEqual(Object.keys(row), columns);
        for (const [name, x] of Object.entries(row)) assert.ok(Number.isFinite(x), `${name} = ${x}`);
      }
    }
    agent.dispose();
  });

  test('one seed gives the same events again, saved or not, and another seed others', async () => {
    assert.deepEqual(await collect(trainTiny([1, 2])), events);
    assert.notDeepEqual(rowsOf(events, 'losses', 0), rowsOf(events, 'losses', 1));
  });

  // While acting randomly; in the middle of a log interval; at a row and an evaluation; with one of them to come.
  for (const step of [18, 26, 36, 42]) {
    test(`resumed at step ${step}, it goes on as if never stopped`, async () => {
      const states = saved.get(step)!;
      assert.deepEqual(
        states.map((state) => state.step),
        [step, step],
      );
      const stop = events.findIndex((event) => event.kind === 'step' && event.step === step);
      const final: MemberState[][] = [];
      const resumed = await collect(trainTiny([1, 2], undefined, structuredClone(states)), async (event) => {
        if (event.step === plan.steps)
          final.push(structuredClone((await event.save()).map((state) => state!)));
      });
      assert.deepEqual(resumed, events.slice(stop + 1));
      assert.deepEqual(final, [saved.get(plan.steps)]);
    });
  }

  test('stopped while acting randomly, or in the middle of an evaluation, it goes on as if never stopped', async () => {
    const settings = [1, 2].map(() => tiny({ randomSteps: 34 }));
    const moments: { after: number; states: MemberState[] }[] = [];
    const seen: PlainEvent[] = [];
    const ended = new Map<number, MemberState[]>();
    const copy = async ({ save }: Moment) => structuredClone((await save()).map((state) => state!));
    const atEnd = async (event: Moment) => {
      if (event.step === plan.steps) ended.set(ended.size, await copy(event));
    };
    for await (const event of trainTiny([1, 2], settings)) {
      if (event.kind === 'alive') moments.push({ after: seen.length, states: await copy(event) });
      else if (event.kind === 'step') {
        await atEnd(event);
        seen.push({ kind: 'step', step: event.step, update: event.update });
      } else seen.push(event);
    }
    const places = new Set(moments.map(({ states }) => states[0]!.step));
    assert.deepEqual([...places], [18, 32, 36, 50]);
    for (const step of places) {
      const all = moments.filter(({ states }) => states[0]!.step === step);
      // The first and the last will do.
      assert.equal(all.length > 1, step !== 32, 'a moment for every step of the episodes');
      for (const { after, states } of new Set([all[0]!, all.at(-1)!])) {
        assert.deepEqual(
          states.map((state) => [state.step, state.evaluationDue]),
          [0, 1].map(() => [step, step !== 32]),
        );
        const resumed = await collect(trainTiny([1, 2], settings, states), atEnd);
        assert.deepEqual(resumed, seen.slice(after), `from step ${step}`);
        assert.deepEqual(ended.get(ended.size - 1), ended.get(0), `from step ${step}`);
      }
    }
  });

  test('a member whose evaluation is made is not evaluated again beside one whose is not', async () => {
    const states = structuredClone(saved.get(36)!);
    states[1]!.evaluationDue = true;
    const stop = events.findIndex((event) => event.kind === 'step' && event.step === 36);
    const own = rowsOf(events, 'evaluation', 1).find(({ env_step }) => env_step === 36)!;
    const [evaluation, ...rest] = await collect(trainTiny([1, 2], undefined, states));
    assert.ok(evaluation?.kind === 'evaluation');
    const { recorded, ...told } = evaluation;
    assert.deepEqual(told, { kind: 'evaluation', member: 1, row: own });
    assert.ok(recorded.batch > 0, 'the episodes that were played go with it');
    assert.deepEqual(rest, events.slice(stop));
  });

  test('a member alone learns what it learns beside others', async () => {
    const wide = { ...tiny(), lambda: 2, learningRate: 5e-3, beta: 0.2 };
    const together = await collect(trainTiny([1, 2], [tiny(), wide]));
    for (const [member, settings] of [tiny(), wide].entries()) {
      const alone = await collect(trainTiny([member + 1], [settings]));
      for (const kind of ['losses', 'evaluation'] as const) {
        const wanted = rowsOf(alone, kind, 0);
        assert.equal(wanted.length, 3);
        for (const [i, row] of rowsOf(together, kind, member).entries()) {
          assert.deepEqual(Object.keys(row), Object.keys(wanted[i]!));
          assertClose(
            Object.values(row as Record<string, number>),
            Object.values(wanted[i] as Record<string, number>),
            1e-4,
          );
        }
      }
    }
  });

  test('a member that diverges is named and left out; the other one is not touched', async () => {
    const states: (MemberState | undefined)[][] = [];
    const diverging = await collect(
      trainTiny([1, 2], [tiny(), tiny({ learningRate: 1e30 })]),
      async ({ save }) => {
        states.push(await save());
      },
    );
    const failures = diverging.filter((event) => event.kind === 'failure');
    assert.equal(failures.length, 1);
    const [{ member, step, update, reason }] = failures as [(typeof failures)[0]];
    assert.equal(member, 1);
    assert.ok(update >= 1 && update <= plan.logEvery && step === 28, reason);
    assert.match(reason, /^\w+ became (NaN|Infinity|-Infinity) at update \d$/);
    assert.deepEqual(
      diverging.filter((event) => event.kind !== 'failure' && !('member' in event && event.member === 1)),
      events.filter((event) => !('member' in event && event.member === 1)),
    );
    assert.deepEqual(rowsOf(diverging, 'losses', 1), []);
    assert.equal(rowsOf(diverging, 'evaluation', 1).length, 1, 'only the one before the first update');
    const last = states.at(-1)!;
    assert.equal(last[0]!.step, plan.steps);
    assert.equal(last[1], undefined);
  });

  test('200 updates with acting, evaluating and saving leave no tensor behind', async () => {
    const before = tf.memory().numTensors;
    const seeds = [1, 2];
    const members = seeds.map((seed) => ({ seed, settings: tiny({ updateEvery: 1 }) }));
    const agent = vaeLstm.create(members, agentSpaces(cartPole));
    const long = { ...plan, steps: 220, logEvery: 10, evaluation: { every: 100, episodes: 1 } };
    const counts = new Set<number>();
    let states: MemberState[] = [];
    let updates = 0;
    for await (const event of train(agent, long, seeds)) {
      if (event.kind !== 'step') continue;
      if (event.update % 7 === 0) states = structuredClone((await event.save()).map((state) => state!));
      // After an update whose losses have been read, nothing but the weights is left.
      if (event.update % 70 === 63) counts.add(tf.memory().numTensors);
      updates = event.update;
    }
    assert.equal(updates, 200);
    agent.load(states);
    await agent.drainLosses();
    counts.add(tf.memory().numTensors);
    assert.equal(counts.size, 1, `tensors: ${[...counts]}`);
    assert.ok(Math.max(...counts) - before < 20, 'weights, moments and averages, each in one piece');
    agent.dispose();
    assert.equal(tf.memory().numTensors, before);
  });
});

describe('train with a scripted agent', () => {
  /** Losses that are NaN where `bad` says so, one row per update. */
  function scripted(
    members: number,
    bad: (member: number, update: number) => Partial<Row>,
    settings = replaySettings,
  ): Agent {
    const pending: Row[][] = [];
    const observation = 4;
    const actor = memoryless(({ observations }) =>
      Int32Array.from(
        { length: observations.length / observation },
        (_, i) =>
          cartPole.controller(observations.subarray(i * observation, (i + 1) * observation)) as number,
      ),
    );
    const learning: Actor & Pick<ReplayAgent, 'update'> = {
      ...actor,
      update: (_batch, _step, update) => {
        const row = (_: unknown, member: number) => ({ loss: update, kl: 1, ...bad(member, update) }) as Row;
        pending.push(Array.from({ length: members }, row));
      },
    };
    return stubAgent({
      ...actor,
      learner: (environment) => {
        const seeds = Array.from({ length: members }, (_, member) => member + 1);
        return learnFromTransitions(learning, environment, seeds, settings);
      },
      drainLosses: async () => pending.splice(0),
      save: async () => Array.from({ length: members }, () => ({ arrays: {}, streams: {} })),
    });
  }

  test('a row of losses is the mean over its interval', async () => {
    const events = await collect(
      train(
        scripted(1, () => ({})),
        plan,
        [1],
      ),
    );
    assert.deepEqual(rowsOf(events, 'losses', 0), [
      { env_step: 28, update: 4, loss: 2.5, kl: 1 },
      { env_step: 36, update: 8, loss: 6.5, kl: 1 },
      { env_step: 44, update: 12, loss: 10.5, kl: 1 },
    ]);
  });

  test('pending losses: the mean and the peak of a row, in the sitting after too', async () => {
    const pending: Row[][] = [];
    const agent = stubAgent({
      lossTerms: ['loss', 'critic', 'gradient_norm'],
      drainLosses: async () => pending.splice(0),
    });
    const update = async (log: LossLog, loss: number, gradient_norm: number) => {
      pending.push([{ loss, critic: null, gradient_norm }]);
      await log.drain();
    };
    const log = new LossLog(agent, 1);
    await update(log, 1, 2);
    await update(log, 3, 6);
    const arrays = structuredClone(log.save(0));
    const resumed = () => {
      const next = new LossLog(agent, 1);
      next.load(0, { step: 0, update: 2, evaluationDue: false, arrays, streams: {} });
      return next;
    };
    const row = { loss: 2, critic: null, gradient_norm: 4, gradient_norm_max: 6 };
    assert.deepEqual(await resumed().flush(), [row]);
    const next = resumed();
    await update(next, 8, 1);
    assert.deepEqual(await next.flush(), [{ ...row, loss: 4, gradient_norm: 3 }]);
    await update(next, Number.NaN, 1);
    assert.deepEqual([...next.failures()], [{ member: 0, update: 4, reason: 'loss became NaN at update 4' }]);
  });

  test('a NaN is reported within its log interval, by the term that caused it, and not saved', async () => {
    const agent = scripted(2, (member, update) =>
      member === 1 && update >= 6 ? { loss: Number.NaN, kl: Number.NaN } : {},
    );
    const savedMembers = new Map<number, boolean[]>();
    const events = await collect(train(agent, plan, [1, 2]), async ({ update, save }) => {
      if (update >= 5)
        savedMembers.set(
          update,
          (await save()).map((state) => state !== undefined),
        );
    });
    const reason = 'kl became NaN at update 6';
    assert.deepEqual(
      events.filter(({ kind }) => kind === 'failure'),
      [{ kind: 'failure', member: 1, step: 36, update: 6, reason }],
    );
    assert.equal(rowsOf(events, 'losses', 0).length, 3);
    assert.equal(rowsOf(events, 'losses', 1).length, 1);
    assert.equal(rowsOf(events, 'evaluation', 0).length, 3);
    assert.equal(rowsOf(events, 'evaluation', 1).length, 1);
    assert.deepEqual(savedMembers.get(5), [true, true]);
    for (const update of [6, 7, 8, 15]) assert.deepEqual(savedMembers.get(update), [true, false]);
  });

  test('the total is blamed only if no term is; when all have failed the run ends', async () => {
    const agent = scripted(2, (member, update) => (update > member ? { loss: Infinity } : {}));
    const events = await collect(train(agent, plan, [1, 2]));
    assert.deepEqual(
      events.filter(({ kind }) => kind === 'failure'),
      [0, 1].map((member) => ({
        kind: 'failure',
        member,
        step: 28,
        update: member + 1,
        reason: `loss became Infinity at update ${member + 1}`,
      })),
    );
    assert.deepEqual(events.at(-1), { kind: 'step', step: 28, update: 4 });
  });

  test('a truncation starts an episode but is no termination', async () => {
    const replay = { ...replaySettings.replay, capacity: 1100 };
    const agent = scripted(1, () => ({}), { randomSteps: 4, randomHold: 1, updateEvery: 1096, replay });
    const long = { ...plan, steps: 1100, evaluation: { every: 1100, episodes: 1 } };
    const states: MemberState[] = [];
    await collect(train(agent, long, [1]), async ({ save }) => {
      states.push((await save())[0]!);
    });
    const { arrays } = states.at(-1)!;
    const where = (name: string) => Array.from(arrays[name]!.data).flatMap((x, at) => (x === 1 ? [at] : []));
    assert.deepEqual(where('replay.first'), [0, 500, 1000]);
    assert.deepEqual(where('replay.terminated'), []);
    // The last step of an episode leads to where it ended, not to where the next one starts.
    const next = arrays['replay.next_observation']!.data.slice(4 * 499, 4 * 500);
    assert.notDeepEqual(next, arrays['replay.observation']!.data.slice(4 * 500, 4 * 501));
  });
});

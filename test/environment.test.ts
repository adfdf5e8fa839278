import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { Form, Position, Shape } from '../src/envs/drawing.ts';
import type { Action, Environment, StepResult } from '../src/envs/environment.ts';
import { environmentEntry, environmentNames } from '../src/envs/index.ts';
import { sin } from '../src/envs/sine.ts';
import { contains, isImage, randomAction } from '../src/envs/spaces.ts';
import { TimeLimit } from '../src/envs/time-limit.ts';
import { VectorEnvironment } from '../src/envs/vector.ts';
import { UserError } from '../src/errors.ts';
import { RandomStream } from '../src/random/stream.ts';

interface Trajectory {
  policy: string;
  initial_state: number[];
  actions: (number | number[])[];
  observations: number[][];
  rewards: number[];
  terminated: boolean;
  truncated: boolean;
}

/** Per environment: the recorded episodes, and how many they and their steps are. */
const recordings = {
  'CartPole-v1': { file: 'cartpole', episodes: 6, steps: 1083 },
  'Acrobot-v1': { file: 'acrobot', episodes: 6, steps: 1734 },
  'MountainCar-v0': { file: 'mountain-car', episodes: 6, steps: 959 },
  'MountainCarContinuous-v0': { file: 'mountain-car-continuous', episodes: 6, steps: 3316 },
  'Pendulum-v1': { file: 'pendulum', episodes: 6, steps: 1200 },
};

/** The recorded episodes of an environment. */
const recorded = (file: string): Trajectory[] =>
  gunzipSync(readFileSync(new URL(`fixtures/${file}.jsonl.gz`, import.meta.url)))
    .toString('utf8')
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text));

/** Those whose episodes all start in one state: grid-worlds.test.ts has what else is theirs. */
const gridWorlds = environmentNames.filter((name) => environmentEntry(name).map !== undefined);

test('every control task has a recording', () => {
  // MinAtar's are replayed in minatar.test.ts.
  const others = environmentNames.filter((name) => !name.startsWith('MinAtar/'));
  assert.deepEqual([...Object.keys(recordings), ...gridWorlds].sort(), others.sort());
});

for (const [name, recording] of Object.entries(recordings)) {
  test(`${name} replays Gymnasium 1.3.0's trajectories to the bit`, () => {
    const trajectories = recorded(recording.file);
    let steps = 0;
    for (const [index, trajectory] of trajectories.entries()) {
      const environment = environmentEntry(name).make();
      const where = `trajectory ${index} (${trajectory.policy})`;
      const first = environment.setState([...trajectory.initial_state, 0]);
      // Float32Array.from rounds to float32: any difference left is a difference of bits (NaN and -0 included).
      assert.deepEqual(first, Float32Array.from(trajectory.observations[0]!), `${where}, first observation`);
      for (const [i, action] of trajectory.actions.entries()) {
        const last = i === trajectory.actions.length - 1;
        assert.deepEqual(
          environment.step(typeof action === 'number' ? action : Float32Array.from(action)),
          {
            observation: Float32Array.from(trajectory.observations[i + 1]!),
            reward: trajectory.rewards[i],
            terminated: last && trajectory.terminated,
            truncated: last && trajectory.truncated,
          },
          `${where}, step ${i}`,
        );
        steps++;
      }
    }
    assert.deepEqual([trajectories.length, steps], [recording.episodes, recording.steps]);
  });
}

/** Plays random actions until the episode ends. */
function playEpisode(
  environment: Environment,
  random: RandomStream,
  before?: (step: number) => void,
): StepResult[] {
  const results: StepResult[] = [];
  for (;;) {
    before?.(results.length);
    const result = environment.step(randomAction(environment.actionSpace, random));
    results.push(result);
    if (result.terminated || result.truncated) return results;
    assert.ok(results.length < 100_000, 'the episode never ends');
  }
}

/** The contract holds for every environment, and with distractors and as pixels for one. */
const contracts = [
  ...environmentNames.map((name) => ({
    title: name,
    make: environmentEntry(name).make,
    startsAnywhere: !gridWorlds.includes(name),
  })),
  {
    title: 'CartPole-v1 with 3 distractors',
    make: environmentEntry('CartPole-v1', { distractors: 3 }).make,
    startsAnywhere: true,
  },
  {
    title: 'CartPole-v1 as pixels',
    make: environmentEntry('CartPole-v1', { pixels: { size: 16, frames: 2 } }).make,
    startsAnywhere: true,
  },
];

for (const { title, make, startsAnywhere } of contracts) {
  test(`${title} keeps the contract of an environment`, () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(40), (seed, at) => {
        const environment = make();
        const other = make();
        const random = RandomStream.named(seed, 'reset');
        const first = environment.reset(random);
        assert.ok(contains(environment.observationSpace, first), 'the first observation is in the space');
        assert.deepEqual(other.reset(RandomStream.named(seed, 'reset')), first, 'same stream, same start');
        const start = other.state();
        other.reset(random);
        if (startsAnywhere) assert.notDeepEqual(other.state(), start, 'the next episode is another one');

        let middle = environment.state();
        let position = 0;
        const actions = RandomStream.named(seed, 'actions');
        let actionsThen = actions.state();
        const results = playEpisode(environment, actions, (step) => {
          if (step > at) return;
          middle = environment.state();
          actionsThen = actions.state();
          position = step;
        });
        for (const result of results) {
          assert.ok(
            contains(environment.observationSpace, result.observation),
            'observations are in the space',
          );
          assert.ok(Number.isFinite(result.reward));
        }
        assert.equal(
          new Set(results.map((result) => result.observation)).size,
          results.length,
          'no aliasing',
        );

        const observation = other.setState(middle);
        assert.deepEqual(observation, position === 0 ? first : results[position - 1]!.observation);
        assert.deepEqual(playEpisode(other, RandomStream.fromState(actionsThen)), results.slice(position));
        assert.deepEqual(other.state(), environment.state());

        assert.throws(() => environment.step(randomAction(environment.actionSpace, actions)), /reset/);
      }),
      // Long episodes of images take long.
      { seed: 1, numRuns: isImage(make().observationSpace) ? 5 : 25 },
    );
  });

  test(`${title} refuses an action outside its space, and a step before the first reset`, () => {
    const environment = make();
    assert.throws(
      () => environment.step(randomAction(environment.actionSpace, RandomStream.named(0, 'a'))),
      /reset/,
    );
    environment.reset(RandomStream.named(0, 'reset'));
    const before = environment.state();
    const { actionSpace: space } = environment;
    const outside =
      space.kind === 'discrete' ? [-1, space.n, 0.5, NaN, Float32Array.of(0)] : [0, Float32Array.of(NaN)];
    for (const action of outside) assert.throws(() => environment.step(action), RangeError, String(action));
    assert.deepEqual(environment.state(), before);
    assert.throws(() => environment.setState([0]), RangeError);
  });
}

for (const name of environmentNames) {
  test(`${name} stays in its bounds over 1,000 random episodes`, () => {
    const entry = environmentEntry(name);
    const environment = entry.make();
    const { observationSpace } = environment;
    const other = entry.make();
    const [least, greatest] = entry.rewardRange;
    const random = RandomStream.named(1, 'episodes');
    for (let episode = 0; episode < 1000; episode++) {
      // One in fifty is played to its end, of images one in 200.
      const steps = episode % (isImage(observationSpace) ? 200 : 50) === 0 ? Infinity : 40;
      const at = random.integer(40);
      let observation = environment.reset(random);
      for (let step = 0; step < steps; step++) {
        if (step === at) assert.deepEqual(other.setState(environment.state()), observation);
        const action = randomAction(environment.actionSpace, random);
        const result = environment.step(action);
        assert.ok(contains(observationSpace, result.observation));
        // A bound of an image is a number, and of a vector may be none.
        assert.ok(isImage(observationSpace) || result.observation.every(Number.isFinite));
        assert.ok(result.reward >= least && result.reward <= greatest, `reward ${result.reward}`);
        // The twin goes along for a while.
        if (step >= at && step < at + 3) assert.deepEqual(other.step(action), result);
        if (result.terminated || result.truncated) break;
        observation = result.observation;
        if (step === at) assert.deepEqual(environment.setState(environment.state()), observation);
      }
    }
  });
}

/** The corners of a form. */
function corners(form: Form): readonly Position[] {
  if (form.kind === 'cells') throw new Error('a board has no outline');
  return form.kind === 'circle' ? [form.centre] : form.points;
}

/** Where a point of a shape's form lies in the world. */
function placed({ at = [0, 0], angle = 0 }: Shape, [x, y]: Position): [x: number, y: number] {
  return [
    at[0] + x * Math.cos(angle) - y * Math.sin(angle),
    at[1] + x * Math.sin(angle) + y * Math.cos(angle),
  ];
}

test('the drawings of recorded episodes are the same shapes throughout, within the view while an episode goes on', () => {
  for (const [name, { file }] of Object.entries(recordings)) {
    const { view, draw, stepsPerSecond } = environmentEntry(name).drawing!;
    assert.ok(stepsPerSecond > 0);
    const first = draw(recorded(file)[0]!.observations[0]!);
    for (const { observations } of recorded(file)) {
      for (const observation of observations.slice(0, -1)) {
        const shapes = draw(Float32Array.from(observation));
        assert.deepEqual(
          shapes.map(({ form, ink }) => ({ form, ink })),
          first.map(({ form, ink }) => ({ form, ink })),
        );
        for (const shape of shapes) {
          for (const corner of corners(shape.form)) {
            const [x, y] = placed(shape, corner);
            assert.ok(x >= view.left - 1e-9 && x <= view.left + view.width + 1e-9, `${name}: x = ${x}`);
            assert.ok(y >= view.bottom - 1e-9 && y <= view.bottom + view.height + 1e-9, `${name}: y = ${y}`);
          }
        }
      }
    }
  }
});

test('an episode ends where its drawing shows the end', () => {
  /** Where the far end of a link, pole or rod lies. */
  const tip = (shape: Shape) => placed(shape, corners(shape.form).at(-1)!);
  /** Whether a step's drawing shows that the episode has ended. */
  const shown: Record<string, (shapes: readonly Shape[]) => boolean> = {
    'CartPole-v1': (shapes) => {
      const cart = shapes.find(({ ink }) => ink === 'body')!;
      const pole = shapes.find(({ ink }) => ink === 'limb')!;
      const ends = corners(shapes[0]!.form).map(([x]) => x);
      const [x, y] = tip(pole);
      const lean = Math.atan2(x - pole.at![0], y - pole.at![1]);
      assert.ok(Math.abs(Math.hypot(x - pole.at![0], y - pole.at![1]) - 1) < 1e-9, 'the pole is 1 m long');
      return (
        cart.at![0] < Math.min(...ends) || cart.at![0] > Math.max(...ends) || Math.abs(lean) > Math.PI / 15
      );
    },
    'Acrobot-v1': (shapes) => {
      const [goal] = corners(shapes.find(({ ink }) => ink === 'goal')!.form);
      const [upper, lower] = shapes.filter(({ ink }) => ink === 'limb');
      assert.ok(
        Math.hypot(...tip(upper!).map((x, i) => x - lower!.at![i]!)) < 1e-9,
        'the links hang together',
      );
      return tip(lower!)[1] > goal![1];
    },
    'MountainCar-v0': (shapes) => {
      const [flag] = corners(shapes.find(({ ink }) => ink === 'goal')!.form);
      return shapes.find(({ ink }) => ink === 'body')!.at![0] >= flag![0];
    },
    'MountainCarContinuous-v0': (shapes) => shown['MountainCar-v0']!(shapes),
    'Pendulum-v1': () => false,
  };
  for (const [name, { file }] of Object.entries(recordings)) {
    let ends = 0;
    for (const { observations, terminated } of recorded(file)) {
      for (const [i, observation] of observations.entries()) {
        const over = shown[name]!(environmentEntry(name).drawing!.draw(observation));
        assert.equal(over, terminated && i === observations.length - 1, `${name}, step ${i}`);
        ends += Number(over);
      }
    }
    assert.equal(ends > 0, name !== 'Pendulum-v1', name);
  }
  // Gymnasium's rod stands upright at θ = 0 and falls to the left where θ grows.
  const rod = (theta: number) =>
    environmentEntry('Pendulum-v1').drawing!.draw([Math.cos(theta), Math.sin(theta), 0])[0]!;
  for (const theta of [0, 1, -2, 3]) {
    for (const [i, x] of [-Math.sin(theta), Math.cos(theta)].entries()) {
      assert.ok(Math.abs(tip(rod(theta))[i]! - x) < 1e-9);
    }
  }
});

test('distractors draw nothing', () => {
  const { drawing } = environmentEntry('Pendulum-v1', { distractors: 3 });
  assert.deepEqual(drawing!.draw([0, 1, 2, 9, 9, 9]), drawing!.draw([0, 1, 2]));
});

test('actions beyond a box count as the nearest within, and MountainCarContinuous charges for what was asked', () => {
  const stepped = (name: string, start: number[], action: number) => {
    const environment = environmentEntry(name).make();
    environment.setState([...start, 0]);
    const { observation, reward } = environment.step(Float32Array.of(action));
    return { observation: [...observation], reward };
  };
  assert.deepEqual(stepped('Pendulum-v1', [1, 0], 5), stepped('Pendulum-v1', [1, 0], 2));
  const asked = stepped('MountainCarContinuous-v0', [-0.51, 0], -3);
  const within = stepped('MountainCarContinuous-v0', [-0.51, 0], -1);
  assert.deepEqual(asked.observation, within.observation);
  assert.ok(Math.abs(asked.reward + 0.9) < 1e-12 && Math.abs(within.reward + 0.1) < 1e-12);
});

test('distractors change no start and heed no action', () => {
  const plain = environmentEntry('Acrobot-v1').make();
  const starts = RandomStream.named(0, 'reset');
  const few = environmentEntry('Acrobot-v1', { distractors: 8 }).make();
  const fewStarts = RandomStream.named(0, 'reset');
  const many = environmentEntry('Acrobot-v1', { distractors: 64 }).make();
  const manyStarts = RandomStream.named(0, 'reset');
  const seen = new Set<number>();
  for (let episode = 0; episode < 5; episode++) {
    const first = plain.reset(starts);
    const firstOfFew = few.reset(fewStarts);
    assert.deepEqual(firstOfFew.slice(0, 6), first);
    assert.deepEqual(many.reset(manyStarts).slice(0, 6), first);
    assert.equal(firstOfFew.length, 14);
    seen.add(firstOfFew[6]!);

    const twin = environmentEntry('Acrobot-v1', { distractors: 8 }).make();
    twin.setState(few.state());
    for (let step = 0; step < 20; step++) {
      const pushed = few.step(2);
      assert.deepEqual(pushed.observation.slice(0, 6), plain.step(2).observation);
      assert.deepEqual(twin.step(0).observation.slice(6), pushed.observation.slice(6));
    }
  }
  assert.equal(seen.size, 5, 'each episode has distractors of its own');
});

test('distractors are slow walks and white noise of variance 1, in turns', () => {
  const entry = environmentEntry('MountainCarContinuous-v0', { distractors: 64 });
  assert.deepEqual(entry.observationNames.slice(0, 3), ['x', 'x_dot', 'distractor_0']);
  assert.deepEqual([entry.observationNames.at(-1), entry.observationNames.length], ['distractor_63', 66]);
  assert.deepEqual(entry.observationScale, [0.5, 0.05, ...new Array(64).fill(1)]);
  const environment = entry.make();
  const random = RandomStream.named(0, 'reset');
  // Products of each distractor with itself now and a step later, over both kinds.
  const sums = [0, 1].map(() => ({ square: 0, product: 0, count: 0 }));
  for (let episode = 0; episode < 60; episode++) {
    let before = environment.reset(random);
    for (let step = 0; step < 100; step++) {
      const { observation } = environment.step(Float32Array.of(0));
      for (let i = 0; i < 64; i++) {
        const sum = sums[i % 2]!;
        sum.square += observation[2 + i]! ** 2;
        sum.product += observation[2 + i]! * before[2 + i]!;
        sum.count++;
      }
      before = observation;
    }
  }
  const [walk, noise] = sums.map(({ square, product, count }) => [square / count, product / count]);
  // Over 1,920 walks, each worth about one or two independent values, the mean square has a standard deviation of 0.03.
  assert.ok(Math.abs(walk![0]! - 1) < 0.1 && Math.abs(walk![1]! / walk![0]! - 0.99) < 0.002, `${walk}`);
  assert.ok(Math.abs(noise![0]! - 1) < 0.02 && Math.abs(noise![1]!) < 0.02, `${noise}`);

  const state = environment.state();
  assert.throws(() => environment.setState([...state.slice(0, -1), 0.5]), RangeError);
  assert.throws(() => environment.setState(state.with(5, NaN)), RangeError);
  assert.deepEqual(environment.state(), state);
});

test('random actions are uniform over the choices or in the box', () => {
  const random = RandomStream.named(0, 'actions');
  const choices = Array.from({ length: 3000 }, () => randomAction({ kind: 'discrete', n: 3 }, random));
  for (const choice of [0, 1, 2]) {
    // 1000 expected of each, with a standard deviation of 26.
    assert.ok(Math.abs(choices.filter((action) => action === choice).length - 1000) < 100);
  }
  const box = { kind: 'box', shape: [2], low: [-1, 2], high: [1, 2.5] } as const;
  const points = Array.from({ length: 3000 }, () => randomAction(box, random) as Float32Array);
  for (const [i, low, high] of [
    [0, -1, 1],
    [1, 2, 2.5],
  ] as const) {
    const values = points.map((point) => (point[i]! - low) / (high - low));
    assert.ok(Math.min(...values) >= 0 && Math.max(...values) < 1);
    assert.ok(Math.min(...values) < 0.01 && Math.max(...values) > 0.99);
    // The standard deviation of this mean is 0.005.
    assert.ok(Math.abs(values.reduce((sum, x) => sum + x, 0) / values.length - 0.5) < 0.02);
  }
  assert.throws(() => randomAction({ ...box, high: [1, Infinity] }, random), RangeError);
});

test('an unknown environment is a user error that lists the known ones', () => {
  assert.throws(
    () => environmentEntry('Cartpole').make(),
    (error) => {
      return error instanceof UserError && /"Cartpole".*CartPole-v1/.test(error.message);
    },
  );
  assert.throws(() => environmentEntry('constructor').make(), UserError);
});

test('the controllers solve their tasks', () => {
  const document = readFileSync(new URL('../docs/environments.md', import.meta.url), 'utf8');
  for (const name of environmentNames) {
    const { make, controller, threshold } = environmentEntry(name);
    const environment = make();
    const random = RandomStream.named(0, 'controller');
    let total = 0;
    for (let episode = 0; episode < 100; episode++) {
      let observation = environment.reset(random);
      for (let open = true; open; ) {
        const result = environment.step(controller(observation));
        total += result.reward;
        open = !result.terminated && !result.truncated;
        observation = result.observation;
      }
    }
    const mean = total / 100;
    assert.ok(mean >= threshold.reward, `${name}: ${mean}`);
    const printed = (value: number, digits: number) => value.toFixed(digits).replace('-', '−');
    const row = document.split('\n').find((line) => line.startsWith(`| ${name} |`));
    assert.ok(
      row?.includes(`| ${printed(threshold.reward, 0)} | ${printed(mean, 1)} ±`),
      `${name}: ${mean}, but docs/environments.md has ${row}`,
    );
  }
});

test("Pendulum's sine is the double nearest to the true one", () => {
  // From 60 digits of Taylor's series in Python's decimal; the first five lie nearest to the middle between two doubles.
  for (const [x, expected] of [
    [-25.414287199548212, -0.27784108139729113],
    [-58.394239348830126, -0.9624862014815349],
    [70.96241526842934, 0.9619947987035925],
    [-39.76002460124882, -0.8822780570097435],
    [10.748917120681895, -0.969734036751796],
    [Math.PI, 1.2246467991473532e-16],
    [314.1592653589793, 1.964386723728472e-15],
    [4.71338898038469, -0.9999995000000417],
    [0.5, 0.479425538604203],
    [1e-8, 1e-8],
    [0, 0],
    [1e5, 0.03574879797201651],
  ] as const) {
    assert.equal(sin(x), expected);
    if (x !== 0) assert.equal(sin(-x), -expected);
  }
});

test('CartPole-v1 starts uniformly in [-0.05, 0.05) in each variable', () => {
  const environment = environmentEntry('CartPole-v1').make();
  const random = RandomStream.named(0, 'reset');
  const starts = Array.from({ length: 2000 }, () => {
    environment.reset(random);
    return environment.state();
  });
  for (let variable = 0; variable < 4; variable++) {
    const values = starts.map((state) => state[variable]!);
    assert.ok(values.every((x) => x >= -0.05 && x < 0.05));
    // The outer 1% on each side holds about 10 of 2000: both ends are reached.
    assert.ok(Math.min(...values) < -0.049 && Math.max(...values) > 0.049);
    assert.ok(Math.abs(values.reduce((sum, x) => sum + x, 0) / values.length) < 0.003);
  }
  assert.ok(starts.every((state) => state[4] === 0));
});

test('CartPole-v1 at the limits: 500 steps truncate, a fall terminates, both at once are both', () => {
  const environment = environmentEntry('CartPole-v1').make();
  const upright = [0, 0, 0, 0];
  const falling = [0, 0, 0.2, 3];
  const ends = (state: number[], elapsed: number) => {
    environment.setState([...state, elapsed]);
    const { reward, terminated, truncated } = environment.step(0);
    return [reward, terminated, truncated];
  };
  assert.deepEqual(ends(upright, 498), [1, false, false]);
  assert.deepEqual(ends(upright, 499), [1, false, true]);
  assert.deepEqual(ends(falling, 100), [1, true, false]);
  assert.deepEqual(ends(falling, 499), [1, true, true]);
  // The position moves by 0.02 times the velocity before, so these end exactly at and just beyond the limit.
  assert.deepEqual(ends([2.4, 0, 0, 0], 0), [1, false, false]);
  assert.deepEqual(ends([2.4, 1e-9, 0, 0], 0), [1, true, false]);
  environment.setState([...upright, 500]);
  assert.throws(() => environment.step(0), /truncated after 500 steps/);
  assert.throws(() => environment.setState([...upright, 501]), RangeError);
  assert.throws(() => environment.setState([...upright, NaN]), RangeError);
});

/** Counts up for ever; its action and observation are a box of shape [2]. Stands for a continuous environment. */
class Counter implements Environment {
  readonly observationSpace = { kind: 'box', shape: [2], low: [0, 0], high: [100, 100] } as const;
  readonly actionSpace = { kind: 'box', shape: [2], low: [-1, -1], high: [1, 1] } as const;
  #count = 0;
  reset(random: RandomStream): Float32Array {
    return this.setState([random.integer(5)]);
  }
  step(action: Action): StepResult {
    if (!contains(this.actionSpace, action)) throw new RangeError('outside');
    return {
      observation: this.setState([this.#count + 1]),
      reward: this.#count,
      terminated: false,
      truncated: false,
    };
  }
  state(): number[] {
    return [this.#count];
  }
  setState(state: readonly number[]): Float32Array {
    this.#count = state[0]!;
    return Float32Array.of(this.#count, 2 * this.#count);
  }
}

test('a time limit wraps any environment, and a box of actions passes through', () => {
  const environment = new TimeLimit(new Counter(), 3);
  environment.setState([7, 0]);
  const action = Float32Array.of(0.5, -1);
  assert.deepEqual(environment.step(action).truncated, false);
  assert.deepEqual(environment.state(), [8, 1]);
  assert.deepEqual(environment.step(action).truncated, false);
  assert.deepEqual(environment.step(action).truncated, true);
  environment.reset(RandomStream.named(0, 'reset'));
  assert.equal(environment.state()[1], 0, 'a reset starts the count again');
  assert.throws(() => environment.step(Float32Array.of(0, 1.5)), RangeError);

  const vector = new VectorEnvironment([new Counter(), new Counter()]);
  vector.setState(1, [3]);
  vector.step([...action, ...action]);
  assert.throws(() => vector.step([...action]), /expected 2 actions, 4 numbers in all, got 2/);
  assert.deepEqual(vector.observations, Float32Array.of(1, 2, 4, 8));
});

test('a vector of environments equals the single ones', () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 5 }), (seed, count) => {
      const make = () => environmentEntry('CartPole-v1').make();
      const vector = new VectorEnvironment(Array.from({ length: count }, make));
      const singles = Array.from({ length: count }, make);
      const vectorResets = RandomStream.named(seed, 'reset');
      const singleResets = RandomStream.named(seed, 'reset');
      const actionStream = RandomStream.named(seed, 'actions');
      const expected = singles.map((single, i) => {
        vector.reset(i, vectorResets);
        return single.reset(singleResets);
      });
      const row = (array: Float32Array, i: number) => array.slice(4 * i, 4 * i + 4);

      for (let step = 0; step < 60; step++) {
        for (let i = 0; i < count; i++) assert.deepEqual(row(vector.observations, i), expected[i]);
        const actions = Int32Array.from({ length: count }, () => actionStream.integer(2));
        vector.step(actions);
        for (const [i, single] of singles.entries()) {
          const result = single.step(actions[i]!);
          assert.deepEqual(row(vector.observations, i), result.observation);
          assert.equal(vector.rewards[i], result.reward);
          assert.equal(vector.terminated[i], Number(result.terminated));
          assert.equal(vector.truncated[i], Number(result.truncated));
          expected[i] = result.observation;
          if (result.terminated) {
            vector.reset(i, vectorResets);
            expected[i] = single.reset(singleResets);
            assert.equal(vector.terminated[i], 0);
          }
          assert.deepEqual(row(vector.nextObservations, i), result.observation, 'a reset keeps the end');
          assert.deepEqual(vector.state(i), single.state());
        }
      }
    }),
    { seed: 1, numRuns: 10 },
  );
});

test('an action beyond its box acts as one on its edge: an environment may charge for more', () => {
  const entry = environmentEntry('MountainCarContinuous-v0');
  const [beyond, edge] = [new VectorEnvironment([entry.make()]), new VectorEnvironment([entry.make()])];
  for (const vector of [beyond, edge]) vector.setState(0, [-0.5, 0, 0]);
  beyond.step([-7]);
  edge.step([-1]);
  assert.deepEqual([...beyond.rewards], [...edge.rewards]);
  assert.deepEqual([...beyond.nextObservations], [...edge.nextObservations]);
  assert.throws(() => beyond.step([Number.NaN]), RangeError);
});

test('a vector leaves inactive environments alone', () => {
  const vector = new VectorEnvironment([
    environmentEntry('CartPole-v1').make(),
    environmentEntry('CartPole-v1').make(),
  ]);
  vector.setState(0, [0, 0, 0.2, 3, 10]);
  vector.setState(1, [0.01, 0, 0, 0, 499]);
  vector.step([0, 0]);
  assert.deepEqual(
    [[...vector.terminated], [...vector.truncated], [...vector.rewards]],
    [
      [1, 0],
      [0, 1],
      [1, 1],
    ],
  );
  assert.throws(() => vector.step([0, 0]), /reset/);

  vector.setState(1, [0.01, 0, 0, 0, 7]);
  const end = vector.observations.slice(0, 4);
  vector.step(Int32Array.of(9, 1), Uint8Array.of(0, 1));
  assert.deepEqual(vector.observations.slice(0, 4), end);
  assert.deepEqual(
    [[...vector.terminated], [...vector.truncated], [...vector.rewards]],
    [
      [1, 0],
      [0, 0],
      [0, 1],
    ],
  );
  assert.equal(vector.state(1).at(-1), 8);

  assert.throws(() => vector.step([0]), /expected 2 actions/);
  assert.throws(() => vector.step([0, 2], Uint8Array.of(0, 1)), RangeError);
  assert.throws(() => vector.reset(2, RandomStream.named(0, 'reset')), RangeError);
  assert.throws(() => new VectorEnvironment([]), RangeError);
});

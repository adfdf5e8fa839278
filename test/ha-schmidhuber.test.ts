import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { loadExperiment } from '../src/config/load.ts';
import { startEngine } from '../src/engine/engine.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { type HaSchmidhuberAgent, haSchmidhuber } from '../src/methods/ha-schmidhuber/agent.ts';
import { controllerHead, controllerOutput } from '../src/methods/ha-schmidhuber/controller.ts';
import { Dreams } from '../src/methods/ha-schmidhuber/dreams.ts';
import { modelSettings } from '../src/methods/ha-schmidhuber/networks.ts';
import { phaseOf, updatesDue } from '../src/methods/ha-schmidhuber/phases.ts';
import {
  type HaSchmidhuberSettings,
  haSchmidhuberCourse,
  haSchmidhuberSettings,
} from '../src/methods/ha-schmidhuber/settings.ts';
import { Trials } from '../src/methods/ha-schmidhuber/trials.ts';
import { flooredKl, rnnTerms } from '../src/models/mdn-rnn/losses.ts';
import { mdnRnnModel } from '../src/models/mdn-rnn/model.ts';
import { rnnSpecs, stepNoise, vaeSpecs } from '../src/models/mdn-rnn/networks.ts';
import { drawNoise } from '../src/models/noise.ts';
import type { Windows } from '../src/models/windows.ts';
import { ParameterLayout } from '../src/nn/parameters.ts';
import { RandomStream } from '../src/random/stream.ts';
import type { Situation } from '../src/training/acting.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import type { TrainingEvent } from '../src/training/events.ts';
import type { MemberState } from '../src/training/state.ts';
import { metricColumns, train } from '../src/training/train.ts';
import { processorEngines } from './support/engine-here.ts';
import { flat, type Nested, ofSecond, read, reference, second } from './support/reference.ts';
import { assertClose, normals, upload } from './support/tensors.ts';

type Keys = Record<string, unknown>;

/** Too small to learn, with every phase twice: two iterations in 36 steps. */
const tiny = (changes: Keys = {}): HaSchmidhuberSettings =>
  haSchmidhuberSettings.parse({
    ...{ randomSteps: 20, iterationSteps: 16, temperatures: [0.5, 1] },
    model: { latent: 2, hidden: [5], lstm: 3, components: 2, headHidden: [4], ...(changes.model as Keys) },
    vae: { updates: 3, laterUpdates: 1, batch: 4 },
    rnn: { updates: 3, laterUpdates: 2 },
    controller: {
      ...{ population: 4, episodes: 2, generations: 2, dreamSteps: 25, environments: 4 },
      ...(changes.controller as Keys),
    },
    replay: { capacity: 40, batch: 3, length: 5 },
    encoder: changes.encoder ?? {},
  });

/** A run in this process; what happens after which update, and its states at some updates. */
async function live(
  environment: string,
  seeds: readonly number[],
  settings: readonly HaSchmidhuberSettings[],
  {
    steps = 36,
    keep = [] as readonly number[],
    from = undefined as MemberState[] | undefined,
    pixels = undefined as { size: number; frames: number } | undefined,
  } = {},
) {
  const members = seeds.map((seed, i) => ({ seed, settings: settings[i] ?? settings[0]! }));
  const agent = haSchmidhuber.create(members, agentSpaces(environmentEntry(environment, { pixels })));
  const plan = { environment, pixels, steps, logEvery: 1, evaluation: { every: steps, episodes: 3 } };
  const kept = new Map<number, MemberState[]>();
  const events: TrainingEvent[] = [];
  let last: MemberState[] = [];
  for await (const event of train(agent, plan, seeds, from)) {
    events.push(event);
    if (event.kind !== 'step' && event.kind !== 'alive') continue;
    const mark = event.update > 0 ? event.update : -event.step;
    if (!keep.includes(mark) && event.step < steps) continue;
    last = structuredClone((await event.save()) as MemberState[]);
    if (keep.includes(mark) && !kept.has(mark)) kept.set(mark, last);
  }
  agent.dispose();
  const rows = events.flatMap((event) => (event.kind === 'evaluation' ? [event.row] : []));
  // What metrics.csv takes is all of it.
  const columns = metricColumns(agent, false).filter((name) => !['seed', 'wall_seconds'].includes(name));
  for (const row of rows) assert.deepEqual(Object.keys(row).sort(), columns.sort());
  return { kept, last, rows, events };
}

describe('phases', () => {
  test('V, M and C follow each other in each iteration, and how many updates are due goes by the steps', () => {
    const settings = tiny();
    const due = [19, 20, 35, 36, 52].map((step) => updatesDue(settings, step));
    assert.deepEqual(due, [0, 8, 8, 13, 18]);
    const names = Array.from({ length: 13 }, (_, update) => phaseOf(settings, update));
    assert.equal(names.map(({ name }) => name[0]).join(''), 'vvvrrreevrree');
    assert.deepEqual(names[10], { name: 'rnn', iteration: 1, index: 1, made: 4 });
    assert.deepEqual(names[11], { name: 'evolve', iteration: 1, index: 0, made: 2 });
    const course = (keys: Keys, steps: number) =>
      haSchmidhuberCourse({ ...tiny(keys), steps, evaluation: { every: steps } });
    assert.deepEqual(course({}, 40), { updates: 13, leftOver: 4 });
    assert.deepEqual(course({ model: { encoder: 'none' } }, 36), { updates: 9, leftOver: 0 });
    const real = { model: { rnn: 'untrained' }, controller: { in: 'environment' } };
    assert.deepEqual(course(real, 40), { updates: 3, leftOver: 0 });
  });

  test('the environment stands still while they last, and an evaluation waits for them', async () => {
    await startEngine('wasm');
    const { events, rows } = await live('CartPole-v1', [1], [tiny()], { keep: [] });
    const moments = events.flatMap((event) =>
      event.kind === 'step' ? [[event.step, event.update] as const] : [],
    );
    const still = (step: number) => moments.filter(([at]) => at === step).map(([, update]) => update);
    assert.deepEqual(still(20), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert.deepEqual(still(36), [9, 10, 11, 12, 13]);
    assert.deepEqual(
      rows.map(({ env_step, update, generations }) => [env_step, update, generations]),
      [[36, 13, 4]],
    );
    const losses = events.flatMap((event) => (event.kind === 'losses' ? [event.row] : []));
    const has = (term: string) => losses.flatMap((row) => (row[term] === null ? [] : [row.update!]));
    assert.deepEqual(has('kl'), [1, 2, 3, 9]);
    assert.deepEqual(has('nll'), [4, 5, 6, 10, 11]);
    assert.deepEqual(has('best_return'), [7, 8, 12, 13]);
  });
});

describe('World Models of Ha and Schmidhuber', () => {
  before(() => startEngine('wasm'));

  const cases: [string, string, Keys, number, number[]][] = [
    // In V, at its end, in M, between generations, while C collects and in the second iteration.
    ['evolved in dreams', 'CartPole-v1', {}, 36, [1, 3, 5, 7, 9, 12]],
    [
      'without V, by z alone',
      'Pendulum-v1',
      { model: { encoder: 'none', mixture: 'joint' }, controller: { features: 'z' } },
      36,
      [2, 4],
    ],
    // Rounds without updates are told of every 32: in the middle of generations.
    ['evolved in environments', 'CartPole-v1', { controller: { in: 'environment' } }, 400, [5, 6]],
  ];
  for (const [what, environment, keys, steps, keep] of cases) {
    test(`goes on to the byte from wherever it was stopped, ${what}`, async () => {
      const seeds = [3, 4];
      const whole = await live(environment, seeds, [tiny(keys)], { steps, keep });
      assert.deepEqual([...whole.kept.keys()], keep);
      for (const [update, from] of whole.kept) {
        const resumed = await live(environment, seeds, [tiny(keys)], { steps, from: structuredClone(from) });
        assert.deepEqual(resumed.last, whole.last, `from update ${update}`);
        assert.deepEqual(resumed.rows, whole.rows);
      }
    });
  }

  test('goes on to the byte from the middle of a generation in environments', async () => {
    const settings = tiny({ controller: { in: 'environment' }, model: { rnn: 'untrained' } });
    const whole = await live('Pendulum-v1', [3], [settings], { steps: 2000, keep: [3] });
    const middle = await live('Pendulum-v1', [3], [settings], { steps: 1000 });
    const state = middle.last[0]!;
    const open = [...state.arrays['trials.returns']!.data].filter(Number.isNaN).length;
    assert.ok(open > 0 && open < 8, 'some of its episodes are over');
    // Up to there the longer run is the same run.
    const resumed = await live('Pendulum-v1', [3], [settings], {
      steps: 2000,
      from: structuredClone(middle.last),
    });
    assert.deepEqual(resumed.last, whole.last);
    assert.deepEqual(resumed.rows, whole.rows);
    assert.equal(whole.rows[0]!.generations, 1, '8 episodes of 200 steps, 4 at once');
    assert.equal(whole.rows[0]!.dream_return_at_1, undefined, 'an untrained M dreams of nothing');
  });

  test('goes on to the byte between two generations of a game whose last move outlives its episode', async () => {
    const population = 4;
    let generations = 0;
    const evolution = {
      mean: [0],
      ask: () => ({ candidates: Array.from({ length: population }, (_, k) => Float32Array.of(k)) }),
      tell: () => generations++,
      stream: (episode: string) => RandomStream.named(7, `${generations}/${episode}`),
    };
    // Where the ball is, and whose turn it is, say the move.
    const actBy = async (controllers: Float32Array, { observations, carry }: Situation) => {
      const size = observations.length / controllers.length;
      const actions = Int32Array.from(controllers, (k, i) =>
        observations.subarray(i * size, (i + 1) * size).reduce((sum, x, at) => (sum + x * at) % 6, k),
      );
      return { actions, carry };
    };
    const trials = () =>
      new Trials(
        { carrySize: 0, evolutions: [evolution], adopt: () => {}, actBy } as unknown as HaSchmidhuberAgent,
        environmentEntry('MinAtar/Breakout-v0'),
        [0],
        { ...tiny().controller, population, episodes: 1 },
      );
    const whole = trials();
    for (let ended = 0; ended < 12; ) {
      const before = generations;
      await whole.step();
      if (generations === before) continue;
      ended++;
      assert.equal(whole.save(0)['trials.next']!.data[0], 0, 'nobody has a job');
      const resumed = trials();
      resumed.load(0, structuredClone(whole.save(0)));
      await whole.step();
      await resumed.step();
      assert.deepEqual(resumed.save(0), whole.save(0));
    }
  });

  test('a member learns beside another what it learns alone', async () => {
    const settings = [tiny(), tiny({ controller: { targetReturn: -1000 } })];
    const both = await live('Pendulum-v1', [5, 6], settings);
    for (const [member, seed] of [5, 6].entries()) {
      const alone = await live('Pendulum-v1', [seed], [settings[member]!]);
      for (const [name, { data }] of Object.entries(alone.last[0]!.arrays)) {
        if (name === 'evolution.report') continue;
        assertClose(both.last[member]!.arrays[name]!.data, data, 1e-4, `${name} of seed ${seed}`);
      }
      assert.deepEqual(both.last[member]!.streams, alone.last[0]!.streams);
    }
    // The second's target is reached by any dream: one generation in each of two iterations.
    assert.deepEqual(
      both.rows.map(({ generations }) => generations),
      [4, 2],
    );
  });

  test('sees pictures, and goes on to the byte from V and from M', async () => {
    const settings = tiny({ encoder: { channels: [2, 3], strides: [4, 2] } });
    const pixels = { size: 16, frames: 1 };
    const whole = await live('CartPole-v1', [3], [settings], { pixels, keep: [2, 5] });
    for (const [update, from] of whole.kept) {
      const resumed = await live('CartPole-v1', [3], [settings], { pixels, from: structuredClone(from) });
      assert.deepEqual(resumed.last, whole.last, `from update ${update}`);
    }
    // z, h and a bias for each choice but the first.
    assert.equal(whole.last[0]!.arrays.controller!.data.length, 2 + 3 + 1);
    const [row] = whole.rows;
    for (const column of ['prediction_mse', 'prediction_f1', 'open_loop_f1_15', 'dream_return_at_1']) {
      assert.ok(Number.isFinite(row![column]), column);
    }
    assert.equal(row!.probe_r2, undefined, 'of a picture no element is read');
  });

  test('leaves no tensor behind', async () => {
    const before = tf.memory().numTensors;
    await live('CartPole-v1', [1, 2], [tiny()]);
    await live('CartPole-v1', [1], [tiny({ controller: { in: 'environment' } })], { steps: 60 });
    assert.equal(tf.memory().numTensors, before);
  });

  test('a controller evolved in environments, with h of an M that nobody trained, learns to balance', async () => {
    const settings = haSchmidhuberSettings.parse({
      randomSteps: 64,
      model: { encoder: 'none', rnn: 'untrained', lstm: 4 },
      controller: { in: 'environment', population: 8, episodes: 2, environments: 16 },
    });
    const { rows } = await live('CartPole-v1', [1], [settings], { steps: 64 + 16 * 700 });
    // Always the same push: 9 steps, random ones: 22.
    assert.ok(rows[0]!.reward_mean! > 50, `it balances for ${rows[0]!.reward_mean} steps`);
  });
});

describe('the linear controller', () => {
  before(() => startEngine('cpu'));

  test('each candidate acts on its own rows', () => {
    tf.tidy(() => {
      // Two members with two controllers each of two features and two outputs: W row by row, then b.
      const numbers = [
        ...[1, 2, 3, 4, 0.5, -0.5],
        ...[0, 1, 1, 0, 0, 0],
        ...[-1, 0, 0, -1, 1, 1],
        ...[2, 2, 2, 2, 2, 2],
      ];
      const features = tf.tensor3d([1, 2, 0, 1, 3, 4, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8], [2, 4, 2]);
      const output = controllerOutput(tf.tensor3d(numbers, [2, 2, 6]), features);
      assert.deepEqual([...read(output)], [7.5, 9.5, 3.5, 3.5, 4, 3, 1, 1, 0, -1, -2, -3, 24, 24, 32, 32]);
    });
  });

  test('choices are the argmax with the first scoring 0, numbers in a box a scaled tanh', () => {
    tf.tidy(() => {
      const choices = controllerHead({ kind: 'discrete', n: 3 });
      const scores = tf.tensor3d([-1, -2, 3, 2, 0.1, 0.5], [1, 3, 2]);
      assert.deepEqual([...read(choices.decide(scores))], [0, 1, 2]);
      assert.deepEqual([...read(choices.encode(scores))], [1, 0, 0, 0, 1, 0, 0, 0, 1]);
      const box = controllerHead({ kind: 'box', shape: [2], low: [-2, 0], high: [2, 1] });
      const output = tf.tensor3d([0.5, -100], [1, 1, 2]);
      assertClose(read(box.encode(output)), [Math.tanh(0.5), -1], 1e-6);
      assertClose(read(box.decide(output)), [2 * Math.tanh(0.5), 0], 1e-6);
      assert.deepEqual([choices.outputs, box.outputs], [2, 2]);
    });
  });
});

const { mu, logvar, tolerance, klLoss, gradMu, gradLogvar } = reference<{
  mu: Nested;
  logvar: Nested;
  tolerance: number;
  klLoss: number;
  gradMu: Nested;
  gradLogvar: Nested;
}>('vae_kl.json', 'ha-schmidhuber');

for (const engine of processorEngines) {
  describe(`losses and dreams on ${engine}`, () => {
    before(() => startEngine(engine));
    const spaces = agentSpaces(environmentEntry('CartPole-v1'));
    const settings = modelSettings(tiny({ model: { components: 1 } }));
    const layouts = {
      vae: new ParameterLayout(vaeSpecs(settings, spaces)),
      rnn: new ParameterLayout(rnnSpecs(settings, spaces)),
    };
    const random = (name: string, ...shape: number[]) => upload(normals(1, name, shape));

    test('the KL has a floor, below which it has no gradient', () => {
      tf.tidy(() => {
        const loss = (...[mean, logVariance]: tf.Tensor[]) => flooredKl(mean!, logVariance!, 3 * tolerance);
        const given = [second(mu), second(logvar)];
        assertClose([ofSecond(loss(...given))[0]!], [klLoss], 2e-6);
        const gradients = tf.grads((...x: tf.Tensor[]) => tf.sum(loss(...x)) as tf.Scalar)(given);
        assertClose(ofSecond(gradients[0]!), flat(gradMu), 2e-6);
        assertClose(ofSecond(gradients[1]!), flat(gradLogvar), 2e-6);
      });
    });

    test("M's terms are those of its verbs, and of nothing learnt that nothing changes", () => {
      tf.tidy(() => {
        const none = { ...settings, encoder: 'none' as const };
        const layout = new ParameterLayout(rnnSpecs(none, spaces));
        const flatRnn = layout.initialise([RandomStream.named(1, 'a'), RandomStream.named(1, 'b')]);
        const zeroed = layout.specs.map(({ name }, i) =>
          name.startsWith('mixture') ? tf.zerosLike(layout.split(flatRnn)[i]!) : layout.split(flatRnn)[i]!,
        );
        const rnn = layout.named(zeroed);
        const [batch, time] = [3, 4];
        const windows: Windows = {
          observation: random('o', 2, batch, time, 4) as tf.Tensor4D,
          nextObservation: random('o2', 2, batch, time, 4) as tf.Tensor4D,
          action: random('a', 2, batch, time, 2),
          reward: random('r', 2, batch, time) as tf.Tensor3D,
          terminated: tf.cast(tf.greater(random('d', 2, batch, time), 0), 'float32') as tf.Tensor3D,
          first: tf.cast(tf.greater(random('f', 2, batch, time), 0), 'float32') as tf.Tensor3D,
        };
        const terms = rnnTerms(rnn, undefined, none, spaces, windows, undefined, 3);
        const model = mdnRnnModel({ vae: undefined, rnn }, none, spaces, 1);
        const { predicted, states } = model.observe(windows);
        // The memory after a step is that before the next, but where an episode starts.
        const hidden = tf.split(predicted, [4, 3], -1)[1]!;
        const later = (x: tf.Tensor) => tf.slice(x, [0, 0, 1, 0], [2, batch, time - 1, 3]);
        const kept = tf.mul(
          tf.slice(hidden, [0, 0, 0, 0], [2, batch, time - 1, 3]),
          tf.expandDims(tf.sub(1, tf.slice(windows.first, [0, 0, 1], [2, batch, time - 1])), -1),
        );
        assertClose(read(later(states.hidden)), read(kept), 1e-6);
        const nextFeatures = tf.concat([windows.nextObservation, hidden], -1);
        const mean = (x: tf.Tensor) => read(tf.mean(x, [1, 2]));
        const error = tf.squaredDifference(model.reward({ nextFeatures }), windows.reward);
        assertClose(read(terms.reward), mean(error), 1e-5, 'reward');
        const [logit, ends] = [read(model.continues(nextFeatures)), read(windows.terminated)];
        const entropies = Array.from(logit, (l, i) =>
          ends[i] === 1 ? 3 * Math.log1p(Math.exp(l)) : Math.log1p(Math.exp(-l)),
        );
        const ofMember = (i: number) => entropies.slice(12 * i, 12 * i + 12).reduce((a, b) => a + b) / 12;
        assertClose(read(terms.continue), [ofMember(0), ofMember(1)], 1e-5, 'continue');
        const squares = tf.squaredDifference(windows.observation, windows.nextObservation);
        const nll = tf.add(tf.mul(0.5, tf.mean(squares, [1, 2, 3])), 0.5 * Math.log(2 * Math.PI));
        assertClose(read(terms.nll), read(nll), 1e-5, 'nll');
        assertClose(read(predicted), read(tf.concat([windows.observation, hidden], -1)), 1e-6);
      });
    });

    test('a dream is the model stepped by its verbs until it says that it is over', async () => {
      const head = controllerHead(spaces.actionSpace);
      const [episodes, steps] = [2, 45];
      const before = tf.memory().numTensors;
      const held = {
        vae: layouts.vae.initialise([RandomStream.named(1, 'v')]),
        rnn: layouts.rnn.initialise([RandomStream.named(1, 'm')]),
        // The same one twice, and another.
        controllers: tf.tensor3d(
          [...[1, -1, 0.5, 2, 1, 0], ...[1, -1, 0.5, 2, 1, 0], ...[0, 0, 0, 0, 0, -1]],
          [1, 3, 6],
        ),
        starts: random('starts', 1, episodes, 4) as tf.Tensor3D,
      };
      const modelAt = ({ vae, rnn }: { vae: tf.Tensor2D; rnn: tf.Tensor2D }, tau: tf.Scalar | number) =>
        mdnRnnModel({ vae: layouts.vae.unpack(vae), rnn: layouts.rnn.unpack(rnn) }, settings, spaces, tau);
      const noises = stepNoise(settings, spaces);
      const dreams = new Dreams({
        spaces,
        head,
        stepNoise: noises,
        model: modelAt,
        seen: (features) => features,
      });
      const { controllers, starts, ...weights } = held;
      const stream = () => RandomStream.named(7, 'dream');
      const trial = { weights, controllers, starts, temperature: 1.3, steps, streams: [stream()] };
      const returns = [...(await dreams.returns(trial))];
      dreams.dispose();
      assert.equal(tf.memory().numTensors, before + 4);
      assert.deepEqual(returns.slice(0, 2), returns.slice(2, 4), 'the same noise for every candidate');
      assert.notDeepEqual(returns.slice(0, 2), returns.slice(4));

      tf.tidy(() => {
        const model = modelAt(weights, 1.3);
        const streams = [stream()];
        const draws = [20, 20, 5].flatMap((count) => {
          const drawn = noises.map((one) => drawNoise(one, [episodes, count], streams));
          return tf.unstack(tf.concat(drawn, 3), 2);
        });
        for (const [candidate, offset] of [
          [1, 2],
          [2, 4],
        ] as const) {
          const own = tf.slice(controllers, [0, candidate, 0], [1, 1, 6]);
          let state = model.start(tf.div(starts, [...spaces.observationScale]));
          const sums = [0, 0];
          const over = [false, false];
          for (const noise of draws) {
            const action = head.encode(controllerOutput(own, model.features(state)));
            state = model.stepper()(state, action, noise);
            const nextFeatures = model.features(state);
            const [reward, logit] = [
              read(model.reward({ nextFeatures })),
              read(model.continues(nextFeatures)),
            ];
            for (const e of [0, 1]) {
              if (!over[e]) sums[e]! += reward[e]!;
              if (logit[e]! <= 0) over[e] = true;
            }
          }
          assertClose(returns.slice(offset, offset + 2), sums, 1e-4, `candidate ${candidate}`);
        }
      });
      tf.dispose(Object.values(held));
    });
  });
}

test('what cannot be is refused with the place of its key', () => {
  const complaint = (keys: string): string => {
    try {
      loadExperiment({ file: 'c.yaml', text: `method: ha-schmidhuber\n${keys}` });
    } catch (error) {
      return (error as Error).message;
    }
    return 'nothing';
  };
  const cases: [string, string][] = [
    ['controller: {population: 3}', '2:26: controller.population: expected an integer from 4 to 4096, got 3'],
    ['temperature: 0', '2:14: temperature: expected a number > 0 and <= 100, got 0'],
    ['temperatures: [1, -1]', '2:19: temperatures[1]: expected a number > 0 and <= 100, got -1'],
    [
      'replay: {length: 64}\nrandomSteps: 50',
      '2:18: replay.length must not exceed randomSteps, or no window fits into what has been seen (replay.length is 64, randomSteps is 50)',
    ],
    [
      'replay: {capacity: 20}',
      '2:20: replay.length must not exceed replay.capacity, or no window fits into the replay (replay.length is 32, replay.capacity is 20)',
    ],
    [
      'steps: 3000',
      '2:8: steps must be at least randomSteps, or nothing is learnt (steps is 3000, randomSteps is 4000)',
    ],
    [
      'model: {rnn: untrained}',
      '2:14: model.rnn untrained dreams of nothing: it needs controller.in environment (model.rnn is untrained, controller.in is dream)',
    ],
    [
      'controller: {in: environment}\nsteps: 5001',
      '3:8: steps must be a multiple of controller.environments, all of which step at once (steps is 5001, controller.environments is 16)',
    ],
    [
      'environment: CartPole-v1\npixels: {}\nmodel: {encoder: none}',
      '4:18: model.encoder none makes z an image of 64 × 64 cells: leave it out (model.encoder is none, environment is CartPole-v1)',
    ],
    [
      'model: {continueHead: false}',
      '2:9: model.continueHead: unknown key, see wm train --help-config ha-schmidhuber',
    ],
  ];
  for (const [keys, message] of cases) assert.equal(complaint(keys), `c.yaml:${message}`);
});

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { loadExperiment } from '../src/config/load.ts';
import { startEngine } from '../src/engine/engine.ts';
import { scope } from '../src/engine/scope.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { mbpo } from '../src/methods/mbpo/agent.ts';
import { Branches, type Imagines } from '../src/methods/mbpo/branches.ts';
import { EarlyStopping } from '../src/methods/mbpo/early-stopping.ts';
import { MixedExperience } from '../src/methods/mbpo/experience.ts';
import { EnsembleFit } from '../src/methods/mbpo/fit.ts';
import { type MbpoSettings, mbpoSettings } from '../src/methods/mbpo/settings.ts';
import { eliteModel } from '../src/models/ensemble/elites.ts';
import { squaredErrors } from '../src/models/ensemble/losses.ts';
import { type Ensemble, ensembleModel } from '../src/models/ensemble/model.ts';
import { ensembleModelSpecs } from '../src/models/ensemble/network.ts';
import { noStandardisation } from '../src/models/ensemble/standardisation.ts';
import { ParameterLayout } from '../src/nn/parameters.ts';
import { RandomStream } from '../src/random/stream.ts';
import { type AgentSpaces, agentSpaces } from '../src/training/agent-spaces.ts';
import type { Step } from '../src/training/environment-steps.ts';
import { freeOptimised, freshOptimised } from '../src/training/optimise.ts';
import { emptyBatch, Replay, type Transition } from '../src/training/replay.ts';
import { agentIn, assertAlone, assertGoesOn, assertLeavesNothing } from './support/dreamer-runs.ts';
import { read } from './support/reference.ts';
import { assertClose, normals, upload } from './support/tensors.ts';

type Keys = Record<string, unknown>;

/** An MBPO too small to learn, with every part; of 28 steps 16 are the policy's, fits stand after the 12th, 20th and 28th. */
const tiny = (changes: Keys = {}): MbpoSettings =>
  mbpoSettings.parse({
    ...{ actor: { hidden: [6] }, critic: { hidden: [6] }, randomSteps: 12, updateEvery: 4, updates: 2 },
    replay: { capacity: 20, batch: 5 },
    realRatio: 0.4,
    model: { networks: 3, elites: 2, layers: 2, units: 6 },
    fit: { every: 8, batch: 4, passes: 3, patience: 1 },
    imagination: { starts: 7, length: 2, capacity: 20 },
    ...changes,
  });

const mbpoIn = (seeds: number[], settings: MbpoSettings[], environment = 'MountainCarContinuous-v0') =>
  agentIn(mbpo.create, environment, seeds, settings);

const spaces = agentSpaces(environmentEntry('Pendulum-v1'));
const layoutOf = ({ model }: MbpoSettings) => new ParameterLayout(ensembleModelSpecs(model, spaces));

/** One box of one number, one number observed: an end is foreseen where that comes to `end`. */
const line: AgentSpaces = {
  observation: 1,
  observationScale: [2],
  rewardRange: [-10, 10],
  rewardScale: 10,
  actionSpace: { kind: 'box', shape: [1], low: [-4], high: [4] },
  actions: 1,
};

/** Each step adds 1 and half of the action as networks see it, in raw units, and is rewarded with what is left behind. */
function walking(end: number): Imagines<{ none: tf.Tensor }> {
  const model = {
    start: (observation: tf.Tensor) => ({ features: observation }),
    stepper:
      () =>
      ({ features }: { features: tf.Tensor }, action: tf.Tensor) => {
        const moved = tf.add(features, tf.add(0.5, tf.mul(action, 0.25)));
        return { features: tf.concat([moved, tf.mul(features, 0.2)], 2) };
      },
    decode: (features: tf.Tensor) => tf.slice(features, [0, 0, 0], [-1, -1, 1]),
    reward: ({ nextFeatures }: { nextFeatures: tf.Tensor }) =>
      tf.squeeze(tf.slice(nextFeatures, [0, 0, 1], [-1, -1, 1]), [2]),
    continues: (features: tf.Tensor) =>
      tf.sub(end / 2 - 1e-6, tf.squeeze(tf.slice(features, [0, 0, 0], [-1, -1, 1]), [2])),
  } as unknown as Ensemble;
  // Four times the noise, within the box: 2 ε in units of −1 to 1 is 4 ε of the box.
  return { model: () => model, actions: (_, __, noise) => tf.clipByValue(tf.mul(noise, 2), -4, 4) };
}

/** A replay of so many transitions of one member. */
function replayOf(transitions: readonly Partial<Transition>[], own: AgentSpaces): Replay {
  const replay = new Replay(1000, own);
  for (const some of transitions) {
    replay.add({
      ...{ observation: Array(own.observation).fill(0), nextObservation: Array(own.observation).fill(0) },
      ...{ action: Array(own.actions).fill(0), reward: 0, terminated: false, first: false },
      ...some,
    });
  }
  return replay;
}

/** Everything that a replay holds, the oldest first. */
function contents(replay: Replay, own: AgentSpaces) {
  const batch = emptyBatch(1, replay.size, 1, own);
  for (let i = 0; i < replay.size; i++) replay.read(replay.oldest + i, batch, i);
  return batch;
}

/** Transitions of a pendulum of random numbers, of which a network can learn what comes next. */
const predictable = (count: number): Transition[] => {
  const { data } = normals(1, 'transitions', [count, 4]);
  return Array.from({ length: count }, (_, i) => {
    const [x, y, v, u] = data.subarray(4 * i, 4 * i + 4) as unknown as [number, number, number, number];
    return {
      ...{ observation: [x, y, v], nextObservation: [x + 0.1 * v, y - 0.1 * v, v + u], action: [u] },
      ...{ reward: -x, terminated: false, first: false },
    };
  });
};

describe('roll-outs that branch off', () => {
  before(() => startEngine('wasm'));

  test('never go on past a predicted end, are never longer than said, and a cut is no end', async () => {
    const property = fc.asyncProperty(
      fc.array(fc.double({ min: -3, max: 4, noNaN: true }), { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 0, max: 1000 }),
      async (states, length, starts, seed) => {
        const end = 4;
        const branches = new Branches(walking(end), [{ distribution: 'normal', size: 1 }], line);
        const real = replayOf(
          states.map((x) => ({ observation: [x] })),
          line,
        );
        const imagined = new Replay(1000, line);
        const streams = [RandomStream.named(seed, 'branches')];
        const none = tf.scalar(0);
        await branches.extend({ none }, [real], [imagined], starts, length, streams);
        none.dispose();
        branches.dispose();
        const { observation, nextObservation, action, reward, terminated, first } = contents(imagined, line);
        const beginnings = first.reduce((sum, x) => sum + x, 0);
        assert.equal(beginnings, starts, 'every start gives a first step');
        assert.ok(imagined.size <= starts * length);
        const known = new Set(states.map(Math.fround));
        const open = new Map<number, number>();
        for (let i = 0; i < imagined.size; i++) {
          const [o, next] = [observation[i]!, nextObservation[i]!];
          assertClose([next], [o + 1 + action[i]! / 8], 1e-5, 'the step, actions in units of the box');
          assertClose([reward[i]!], [o], 1e-5, 'the reward, in its own units');
          assert.equal(terminated[i], Number(next >= end - 4e-6), `${next} ends`);
          if (first[i]) assert.ok(known.has(o), 'it branches off from a real state');
          else assert.ok((open.get(o) ?? 0) > 0, `${o} was arrived at, and was no end`);
          if (!first[i]) open.set(o, open.get(o)! - 1);
          if (!terminated[i]) open.set(next, (open.get(next) ?? 0) + 1);
        }
        // What was not gone on from is as long as it may be.
        const ended = terminated.reduce((sum, x) => sum + x, 0);
        const cut = [...open.values()].reduce((sum, x) => sum + x, 0);
        assert.equal(ended + cut, starts);
        if (ended === 0) assert.equal(imagined.size, starts * length);
      },
    );
    await fc.assert(property, { seed: 5, numRuns: 25 });
  });

  test('a buffer holds the newest imagined steps, no more than its capacity', async () => {
    const branches = new Branches(walking(1e6), [{ distribution: 'normal', size: 1 }], line);
    const real = [replayOf([{ observation: [0] }], line), replayOf([{ observation: [100] }], line)];
    const imagined = [new Replay(10, line), new Replay(10, line)];
    const streams = [1, 2].map((seed) => RandomStream.named(seed, 'branches'));
    const none = tf.scalar(0);
    const sizes: number[] = [];
    for (const length of [1, 2, 1]) {
      await branches.extend({ none }, real, imagined, 4, length, streams);
      sizes.push(imagined[0]!.size);
    }
    none.dispose();
    branches.dispose();
    assert.deepEqual(sizes, [4, 10, 10]);
    const { first, observation } = contents(imagined[1]!, line);
    assert.deepEqual([...first], [1, 1, 0, 0, 0, 0, 1, 1, 1, 1]);
    assert.ok(
      observation.every((x) => x > 90),
      'each member branches off from its own states',
    );
  });
});

describe('real and imagined experience', () => {
  test('make up a batch by the real ratio, each member from its own, and are saved apart', () => {
    const step = (reward: number): Step => ({
      ...{
        observation: new Float32Array(2),
        nextObservation: new Float32Array(2),
        carry: new Float32Array(),
      },
      ...{ action: new Float32Array(2), reward: Float32Array.of(reward, reward + 10) },
      ...{ terminated: new Uint8Array(2), first: new Uint8Array(2), ended: Uint8Array.of(1, 1) },
    });
    const settings = { replay: { capacity: 5, batch: 10 }, realRatio: 0.25, imagination: { capacity: 4 } };
    const make = () => new MixedExperience(2, settings, line);
    const experience = make();
    for (let i = 0; i < 3; i++) experience.remember(step(1));
    for (const [member, replay] of experience.imagined.entries()) {
      for (let i = 0; i < 6; i++) {
        const reward = -1 - 10 * member;
        replay.add({
          ...{ observation: [0], nextObservation: [0], action: [0], reward },
          ...{ terminated: true, first: true },
        });
      }
    }
    const streams = () => [1, 2].map((seed) => RandomStream.named(seed, 'sampling'));
    const { reward, terminated } = experience.sample(streams());
    // 0.25 of 10 rows, rounded: three are real. An episode that was cut short did not end.
    const each = [...Array(3).fill(1), ...Array(7).fill(-1)];
    assert.deepEqual(
      [...reward],
      [...each, ...each.map((x) => x + 10 * x)].map((x) => (x === 11 ? 11 : x)),
    );
    assert.deepEqual(
      [...terminated],
      [...each, ...each].map((x) => Number(x < 0)),
    );
    const other = make();
    for (const member of [0, 1]) other.load(member, structuredClone(experience.save(member)));
    assert.deepEqual([other.real[0]!.size, other.imagined[1]!.size], [3, 4]);
    assert.deepEqual(other.sample(streams()).reward, experience.sample(streams()).reward);
  });
});

describe('the fit of an ensemble', () => {
  before(() => startEngine('wasm'));

  const settings = tiny({
    model: { networks: 3, elites: 2, layers: 1, units: 16, continueHead: false, learningRate: 3e-3 },
    fit: { batch: 16, passes: 12, patience: 2, holdOut: 0.25 },
  });
  const layout = layoutOf(settings);

  /** A fit of fresh networks to a replay, with some of the settings changed. */
  async function fitted(replay: Replay, changes: Partial<MbpoSettings['fit']> = {}, learningRate = 3e-3) {
    const own = {
      ...settings,
      fit: { ...settings.fit, ...changes },
      model: { ...settings.model, learningRate },
    };
    const fit = new EnsembleFit(layout, own, spaces);
    const model = layout.initialise([RandomStream.named(1, 'weights')]);
    const before = freshOptimised(model);
    const given = await model.data<'float32'>();
    const made = await fit.run(before, 0, replay, RandomStream.named(2, 'fit'), own);
    const weights = (await made.learnt.parameters.data<'float32'>()).slice();
    fit.dispose();
    const free = () => {
      for (const own of [before, made.learnt]) freeOptimised(own);
      made.standardisation.dispose();
    };
    return { ...made, weights, given, free };
  }

  test('predicts what it was not shown, and the elites are those that do it best', async () => {
    const replay = replayOf(predictable(200), spaces);
    const [early, late] = [await fitted(replay, { passes: 1 }), await fitted(replay)];
    assert.ok(late.heldOutError < early.heldOutError / 2, `${early.heldOutError} to ${late.heldOutError}`);
    assert.equal(late.updates, late.passes * Math.ceil(150 / 16));
    // The same rows are held out, those first in a permutation; each network's error on them, from its own predictions.
    const held = RandomStream.named(2, 'fit').permutation(200).subarray(0, 50);
    const all = predictable(200);
    const errors = scope(() => {
      const rows = [...held].map((row) => all[row]!);
      const scaled = (of: (row: Transition) => ArrayLike<number>) =>
        tf.tensor3d([rows.map((row) => [...spaces.observationScale].map((s, i) => of(row)[i]! / s))]);
      const action = tf.tensor3d([rows.map(({ action }) => [action[0]! / 2])]);
      return [0, 1, 2].map((network) => {
        const one = eliteModel(
          layout,
          {
            model: late.learnt.parameters,
            standardisation: late.standardisation,
            elites: tf.tensor2d([[network]]),
          },
          settings.model,
          spaces,
        );
        const { features } = one.stepper()(
          one.start(scaled(({ observation }) => observation) as tf.Tensor3D),
          action,
        );
        const wanted = tf.concat(
          [
            scaled(({ nextObservation }) => nextObservation),
            tf.tensor3d([rows.map(({ reward }) => [reward / spaces.rewardScale])]),
          ],
          2,
        );
        return read(tf.mean(tf.squaredDifference(features, wanted)))[0]!;
      });
    });
    const best = [0, 1, 2].sort((a, b) => errors[a]! - errors[b]!).slice(0, 2);
    assert.deepEqual(late.elites, best);
    assertClose([late.heldOutError], [(errors[best[0]!]! + errors[best[1]!]!) / 2], 1e-3);
    early.free();
    late.free();
  });

  test('does not learn from what it holds out, and learns from all else', async () => {
    const rows = predictable(40);
    const order = RandomStream.named(2, 'fit').permutation(40);
    const spoilt = (row: number) => rows.map((own, i) => (i === row ? { ...own, reward: 1e3 } : own));
    const one = { passes: 1 };
    const made = await fitted(replayOf(rows, spaces), one);
    const heldSpoilt = await fitted(replayOf(spoilt(order[3]!), spaces), one);
    assert.deepEqual(heldSpoilt.weights, made.weights);
    assert.ok(heldSpoilt.heldOutError > made.heldOutError);
    let learntFrom = 0;
    for (const row of [10, 20, 30, 39]) {
      const other = await fitted(replayOf(spoilt(order[row]!), spaces), one);
      learntFrom += Number(other.weights.some((x, i) => x !== made.weights[i]));
      other.free();
    }
    // A bootstrap sample of each network leaves a third out.
    assert.ok(learntFrom >= 2, `${learntFrom} of four`);
    made.free();
    heldSpoilt.free();
  });

  test('ends when nothing has improved for some passes, with the weights of the last pass that counted', async () => {
    const replay = replayOf(predictable(60), spaces);
    const first = await fitted(replay, { passes: 1 });
    const impatient = await fitted(replay, { improvement: 2, patience: 3 });
    assert.deepEqual([impatient.passes, impatient.updates], [4, 12]);
    assert.deepEqual(impatient.weights, first.weights);
    assert.deepEqual(impatient.elites, first.elites);
    const still = await fitted(replay, { patience: 2 }, 0);
    assert.equal(still.passes, 3);
    assert.deepEqual(still.weights, still.given);
    for (const { free } of [first, impatient, still]) free();
  });

  test('small gains add up until they count, and a rise does not', () => {
    const stopping = new EarlyStopping({ improvement: 0.01, patience: 3 });
    const counted = (errors: number[]) => stopping.counts(Float32Array.from(errors));
    // Each pass falls by 0.7 %: every other one is 1 % below the last that counted.
    const falling = Array.from({ length: 7 }, (_, pass) => counted([0.993 ** pass, 1]));
    assert.deepEqual(falling, [true, false, true, false, true, false, true]);
    // What the other network reached in between is its least only if the pass counts.
    assert.equal(counted([2, 0.995]), false);
    assert.equal(counted([2, 0.985]), true);
    // The first network has not risen to 2: its least stands.
    assert.equal(counted([0.993 ** 6, 0.98]), false);
    assert.equal(counted([0.993 ** 7, 0.98]), false);
    assert.equal(stopping.isOver, false);
    assert.equal(counted([0.993 ** 7, 0.98]), false);
    assert.equal(stopping.isOver, true);
  });

  test("a network's error is the mean over rows and targets, each row as much as it is weighed", () => {
    scope(() => {
      const flat = layout.initialise([RandomStream.named(1, 'weights'), RandomStream.named(2, 'weights')]);
      const random = (name: string, ...rest: number[]) => upload(normals(3, name, [2, 4, 1, ...rest]));
      const windows = {
        observation: random('o', 3) as tf.Tensor4D,
        nextObservation: random('next', 3) as tf.Tensor4D,
        action: random('a', 1),
        reward: random('r') as tf.Tensor3D,
        terminated: tf.zeros([2, 4, 1]) as tf.Tensor3D,
        first: tf.zeros([2, 4, 1]) as tf.Tensor3D,
      };
      const none = noStandardisation(2, spaces);
      const weight = tf.tensor2d([0.5, 0.5, 0, 0, 0.25, 0.25, 0.25, 0.25], [2, 4]);
      const found = read(squaredErrors(layout.unpack(flat), settings.model, spaces, windows, none, weight));
      for (const member of [0, 1]) {
        const rows = member === 0 ? [0, 1] : [0, 1, 2, 3];
        for (const network of [0, 1, 2]) {
          const elites = tf.tensor2d([[network], [network]]);
          const one = eliteModel(
            layout,
            { model: flat, standardisation: none, elites },
            settings.model,
            spaces,
          );
          const rowsOf = (x: tf.Tensor) => tf.reshape(x, [2, 4, -1]);
          const { features } = one.stepper()(
            one.start(rowsOf(windows.observation) as tf.Tensor3D),
            rowsOf(windows.action),
          );
          const predicted = features.arraySync() as number[][][];
          const next = tf
            .concat([rowsOf(windows.nextObservation), rowsOf(windows.reward)], 2)
            .arraySync() as number[][][];
          const errors = rows.map((row) => {
            const each = next[member]![row]!.map((y, i) => (predicted[member]![row]![i]! - y) ** 2);
            return each.reduce((sum, x) => sum + x, 0) / each.length;
          });
          const mean = errors.reduce((sum, x) => sum + x, 0) / errors.length;
          assertClose([found[3 * member + network]!], [mean], 1e-5, `network ${network} of member ${member}`);
        }
      }
    });
  });

  test('the elites alone are an ensemble of just these networks', () => {
    scope(() => {
      const own = tiny({ model: { networks: 3, elites: 2, layers: 2, units: 6 } });
      const layout = layoutOf(own);
      const flat = layout.initialise([RandomStream.named(1, 'weights'), RandomStream.named(2, 'weights')]);
      const none = noStandardisation(2, spaces);
      const state = (model: Ensemble) => model.start(upload(normals(1, 'o', [2, 5, 3])) as tf.Tensor3D);
      const action = upload(normals(1, 'a', [2, 5, 1]));
      const after = (model: Ensemble) => read(model.stepper()(state(model), action).features);
      const of = (elites: number[][]) =>
        after(
          eliteModel(
            layout,
            { model: flat, standardisation: none, elites: tf.tensor2d(elites) },
            own.model,
            spaces,
          ),
        );
      const whole = after(ensembleModel(layout.unpack(flat), none, own.model, spaces));
      assertClose(
        of([
          [0, 1, 2],
          [2, 0, 1],
        ]),
        whole,
        1e-6,
        'all of them, in any order',
      );
      const [first, last, both] = [
        of([[0], [1]]),
        of([[2], [0]]),
        of([
          [2, 0],
          [0, 1],
        ]),
      ];
      assertClose(
        both,
        first.map((x, i) => (x + last[i]!) / 2),
        1e-5,
        'the mean over two',
      );
    });
  });
});

describe('MBPO', () => {
  before(() => startEngine('wasm'));

  test('saved and loaded it goes on to the byte', async () => {
    await assertGoesOn(() => mbpoIn([3, 4], [tiny()]), [12, 19, 21]);
  });

  test('a member learns beside another what it learns alone', async () => {
    const other = { gamma: 0.8, learningRate: 0.01, targetRate: 0.5 };
    await assertAlone(mbpoIn, [5, 6], [tiny(), tiny(other)]);
  });

  test('updates, fits and roll-outs leave no tensor behind', async () => {
    await assertLeavesNothing(() => mbpoIn([1], [tiny()]));
  });

  test('fits when the random steps are over and then every so many steps, roll-outs as long as scheduled', async () => {
    const settings = tiny({
      ...{ updateEvery: 1, updates: 1 },
      imagination: { starts: 7, length: { from: 1, to: 5, over: 20 }, capacity: 100 },
    });
    const { live, agent, learner } = mbpoIn([2], [settings], 'Pendulum-v1');
    assert.equal(await live(0, 12), 0);
    const kept = () => learner.save(0).arrays['imagined.added']!.data;
    assert.equal(kept()[0], 0, 'nothing is imagined before the policy acts');
    assert.equal(await live(12, 28), 16);
    const rows = await agent.drainLosses();
    // After 12 steps floor(1 + 4 · 12 / 20), after 20 of them 5.
    assert.deepEqual(
      rows.map(([row]) => row!.roll_out_length),
      [...Array(8).fill(3), ...Array(8).fill(5)],
    );
    assert.ok(kept()[0]! <= 7 * (3 + 5) && kept()[0]! >= 2 * 7);
    assert.ok(rows.every(([row]) => row!.model_error! > 0 && row!.model_passes! <= 3));
    agent.dispose();
  });

  test('what does not go together is named with its place', () => {
    const cases: [string, RegExp][] = [
      ['model: { elites: 6 }', /c\.yaml:2:18: model\.elites must not exceed model\.networks/],
      ['fit: { holdOut: 0.001 }', /c\.yaml:2:17: the first fit, after randomSteps, must have a transition/],
      ['fit: { holdOut: 1 }', /c\.yaml:2:17: fit\.holdOut/],
      ['imagination: { length: 0.5 }', /c\.yaml:2:24: imagination\.length/],
      ['realRatio: 1.1', /c\.yaml:2:12: realRatio/],
      ['environment: CartPole-v1', /c\.yaml:2:14: environment: method mbpo takes no choices as actions/],
      ['model: { logVariance: { max: -10 } }', /c\.yaml:2:30: model\.logVariance\.min must be below/],
    ];
    for (const [keys, message] of cases) {
      const text = `method: mbpo\n${keys}\n`;
      assert.throws(() => loadExperiment({ file: 'c.yaml', text }), message, keys);
    }
  });
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { startEngine } from '../src/engine/engine.ts';
import { scope } from '../src/engine/scope.ts';
import { environmentEntry } from '../src/envs/index.ts';
import type { Space } from '../src/envs/spaces.ts';
import { initialWeights, networks, worldModel } from '../src/methods/vae-lstm/networks.ts';
import { vaeLstmSettings } from '../src/methods/vae-lstm/settings.ts';
import { carryStep, followedSize, followStep } from '../src/models/following.ts';
import type { WorldModel } from '../src/models/world-model.ts';
import { cem, type Iteration, iteration } from '../src/planning/cem.ts';
import type { PlannableModel } from '../src/planning/planner.ts';
import { PlanningActor } from '../src/planning/planning-actor.ts';
import { type Proposal, proposalFamily } from '../src/planning/proposals.ts';
import type { SettingsOf } from '../src/planning/settings.ts';
import { RandomStream } from '../src/random/stream.ts';
import { ActingLoop } from '../src/training/acting.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { processorEngines } from './support/engine-here.ts';
import { assertClose, normals, upload } from './support/tensors.ts';
import type { Walk } from './support/walk-model.ts';
import {
  actorFor,
  box,
  choices,
  PUSHES,
  plainReturn,
  pushesOf,
  settingsOf,
  spacesOf,
  walk,
} from './support/walk-planning.ts';

const plannerWith = (settings: Partial<SettingsOf<'cem'>>) => settingsOf('cem', settings);
const values = (tensor: tf.Tensor) => tensor.dataSync<'float32'>();

/** The cross-entropy method on Σ_t −w_t |a_t − target_t|², in numpy with float64, from given noise. */
const reference: {
  horizon: number;
  action: number;
  candidates: number;
  elites: number;
  target: number[][];
  weight: number[];
  noise: number[][][][];
  iterations_log: { returns: number[]; elites: number[]; mean: number[][]; std: number[][] }[];
} = JSON.parse(readFileSync(new URL('fixtures/cem.json', import.meta.url), 'utf8'));

const element = fc.double({ min: -0.9, max: 0.9, noNaN: true });
const streamsOf = (seeds: readonly number[]) => seeds.map((seed) => RandomStream.named(seed, 'acting'));

for (const engine of processorEngines) {
  describe(`the cross-entropy method on ${engine}`, () => {
    before(() => startEngine(engine));

    test('equals the reference iteration by iteration', () => {
      const { horizon, action, candidates, elites, noise, iterations_log: log } = reference;
      scope(() => {
        const target = tf.tensor4d([[reference.target]]);
        const weight = tf.tensor3d([[reference.weight]]);
        const family = proposalFamily(box(action), plannerWith({}));
        let proposal: Proposal = family.around(tf.zeros([1, horizon, action]));
        for (const [i, { returns, elites: best, mean, std }] of log.entries()) {
          const done: Iteration = iteration(family, proposal, tf.tensor4d([noise[i]!]), elites, (plans) => {
            assert.deepEqual(plans.shape, [1, candidates, horizon, action]);
            return tf.neg(tf.sum(tf.mul(weight, tf.sum(tf.squaredDifference(plans, target), 3)), 2));
          });
          assertClose(values(done.returns), returns, 1e-5, `returns of iteration ${i}`);
          assert.deepEqual([...done.elites.dataSync()].sort(), best);
          ({ proposal } = done);
          assertClose(values(proposal.mean), mean.flat(), 1e-5, `mean of iteration ${i}`);
          assertClose(values(proposal.dispersion!), std.flat(), 1e-5, `std of iteration ${i}`);
        }
      });
    });

    test('rolls out the candidates of every member and environment, with noise and ends of their own', () => {
      const [members, environments, dimensions] = [2, 3, 2];
      const settings = plannerWith({
        ...{ horizon: 3, candidates: 7, elites: 2, iterations: 2 },
        // What it remembers is the last mean.
        warmStart: true,
      });
      const { horizon, candidates, elites } = settings;
      const stepNoise = [1, 1].map((size) => ({ distribution: 'normal' as const, size }));
      const goals = [
        [0.5, -0.5],
        [-1, 0.25],
      ];
      const ground = (model: WorldModel<Walk>) => ({
        ...{ actionSpace: box(dimensions), actions: dimensions, head: undefined, gamma: 1, learntGamma: 1 },
        model: model as PlannableModel<Walk>,
      });
      const planner = scope(() => cem(settings, ground({ ...walk(goals, box(dimensions)), stepNoise })));
      const sizes = planner.noise.greedy.map(({ size }) => size);
      assert.deepEqual(sizes, [42, 21, 21, 42, 21, 21]);
      const noises = sizes.map((size, i) => normals(i, 'noise', [members, environments, size]));
      const positions = normals(1, 'position', [members, environments, dimensions]);
      const pushes = normals(1, 'push', [members, environments, dimensions]);
      const found = scope(() => {
        const model = { ...walk(goals, box(dimensions)), stepNoise };
        const uploaded = noises.map(upload) as tf.Tensor3D[];
        const state: Walk = { position: upload(positions), push: upload(pushes) };
        const first: tf.Tensor3D = tf.ones([members, environments, 1]);
        const memory: tf.Tensor3D = tf.zeros([members, environments, planner.memorySize]);
        return values(planner.plan({ model, state, first, memory }, uploaded).memory!).slice();
      });
      const wanted = Array.from({ length: members * environments }, (_, row) => {
        const own = ({ data }: { data: Float32Array }, at: number, size: number) => [
          ...data.subarray(row * (data.length / (members * environments)) + at).subarray(0, size),
        ];
        const state = { position: own(positions, 0, dimensions), push: own(pushes, 0, dimensions) };
        let mean = Array(horizon * dimensions).fill(0);
        let std = Array(horizon * dimensions).fill(1);
        for (const i of [0, 3]) {
          const tried = Array.from({ length: candidates }, (_, j) => {
            const plan = own(noises[i]!, j * horizon * dimensions, horizon * dimensions).map((x, n) =>
              Math.min(1, Math.max(-1, mean[n]! + std[n]! * x)),
            );
            const rows = Array.from({ length: horizon }, (_, t) =>
              plan.slice(t * dimensions, (t + 1) * dimensions),
            );
            const shakes = rows.map((_, t) => [1, 2].map((k) => own(noises[i + k]!, j * horizon + t, 1)[0]!));
            const goal = goals[Math.floor(row / environments)]!;
            return {
              plan,
              worth: plainReturn(state, goal, rows, pushesOf(box(dimensions)), { shakes, ends: 'soft' }),
            };
          });
          const best = tried.sort((a, b) => b.worth - a.worth).slice(0, elites);
          const over = (of: (plan: number[], n: number) => number) =>
            mean.map((_, n) => best.reduce((sum, { plan }) => sum + of(plan, n), 0) / elites);
          const centre = over((plan, n) => plan[n]!);
          std = over((plan, n) => (plan[n]! - centre[n]!) ** 2).map((variance) => Math.sqrt(variance + 1e-6));
          mean = centre;
        }
        return mean;
      });
      assertClose(found, wanted.flat(), 1e-4);
    });

    test('comes to the best action of a box, from what it observes and what it did before', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(element, { minLength: 4, maxLength: 4 }),
          fc.nat(),
          async (numbers, seed) => {
            const settings = plannerWith({ horizon: 2, candidates: 100, elites: 10, iterations: 10 });
            const [goal, position] = [numbers.slice(0, 2), numbers.slice(2)];
            // The box is twice as wide as what networks see.
            const actor = actorFor([goal], box(2, 2), settings);
            const loop = new ActingLoop(actor, 'average', 'greedy', 1, 1);
            const best = (x: number, d: number) => Math.min(1, Math.max(-1, goal[d]! - x));
            const first = await loop.act(
              Float32Array.from(position, (x) => 2 * x),
              streamsOf([seed]),
            );
            const pushed = position.map(best);
            assertClose(
              first,
              pushed.map((push) => 2 * push),
              0.1,
              'first',
            );
            const carried = [...loop.carry];
            assertClose(carried, [1, ...position, 0, 0, ...first.map((x) => x / 2)], 1e-5, 'carry');
            const second = await loop.act(
              Float32Array.from(position, (x) => 2 * x),
              streamsOf([seed]),
            );
            const next = position.map((x, d) => best(x - first[d]! / 4, d));
            assertClose(
              second,
              next.map((push) => 2 * push),
              0.1,
              'second',
            );
            loop.forget(0);
            const anew = await loop.act(
              Float32Array.from(position, (x) => 2 * x),
              streamsOf([seed]),
            );
            assert.deepEqual(anew, first);
            actor.dispose();
          },
        ),
        { seed: 7, numRuns: 5 },
      );
    });
  });
}

describe('planning', () => {
  before(() => startEngine('wasm'));

  test('comes to the first choice of the best plan', async () => {
    const settings = plannerWith({ horizon: 3, candidates: 60, elites: 6, iterations: 4 });
    const space = choices(3);
    const each = [...PUSHES.keys()];
    const plans = each.flatMap((a) => each.flatMap((b) => each.map((c) => [a, b, c])));
    const all = plans.map((plan) => ({
      first: plan[0]!,
      rows: plan.map((a) => PUSHES.map((_, i) => Number(i === a))),
    }));
    await fc.assert(
      fc.asyncProperty(element, element, fc.nat(), async (goal, position, seed) => {
        const worth = (rows: number[][]) =>
          plainReturn({ position: [position], push: [0] }, [goal], rows, pushesOf(space), { ends: false });
        const best = all.reduce((a, b) => (worth(b.rows) > worth(a.rows) ? b : a));
        // Where another first choice is as good it may be taken.
        const rivals = all.filter(({ first }) => first !== best.first).map(({ rows }) => worth(rows));
        fc.pre(worth(best.rows) - Math.max(...rivals) > 0.02);
        const actor = actorFor([[goal]], space, settings);
        const loop = new ActingLoop(actor, 'online', 'greedy', 1, 1);
        assert.deepEqual(
          [...(await loop.act(Float32Array.of(2 * position), streamsOf([seed])))],
          [best.first],
        );
        actor.dispose();
      }),
      { seed: 7, numRuns: 12 },
    );
  });

  for (const [kind, space] of Object.entries({ box: box(2), choices: choices(3) })) {
    for (const warmStart of [false, true]) {
      test(`a member plans alone as beside others, in a ${kind}, ${warmStart ? 'warm' : 'cold'}`, async () => {
        const settings = plannerWith({ horizon: 4, candidates: 20, elites: 4, iterations: 2, warmStart });
        const width = spacesOf(space).observation;
        const goals = [0.7, -0.4].map((x) => Array(width).fill(x));
        const play = async (of: readonly number[]) => {
          const actor = actorFor(
            of.map((member) => goals[member]!),
            space,
            settings,
          );
          const loop = new ActingLoop(actor, 'online', 'greedy', of.length, 3);
          const streams = streamsOf(of);
          const taken: number[][] = [];
          for (let step = 0; step < 3; step++) {
            const observed = of.map((member) => normals(member, `step ${step}`, [3, width]).data);
            const actions = await loop.act(Float32Array.from(observed.flatMap((x) => [...x])), streams);
            taken.push([...actions], [...loop.carry]);
          }
          actor.dispose();
          return taken;
        };
        const before = tf.memory().numTensors;
        const [together, alone] = [await play([0, 1]), await play([1])];
        assert.deepEqual(
          together.map((row) => row.slice(row.length / 2)),
          alone,
        );
        assert.notDeepEqual(
          together.map((row) => row.slice(0, row.length / 2)),
          alone,
        );
        // The goals are the tests' own.
        assert.equal(tf.memory().numTensors, before + 2);
      });
    }
  }

  test('a warm search begins with the plan of the step before, moved by one step; a new episode with none', async () => {
    // One candidate without noise is the mean that the search begins with.
    const settings = plannerWith({ horizon: 3, candidates: 1, elites: 1, iterations: 1, warmStart: true });
    const situation = (space: Space, carry: number[]) => {
      const actor = actorFor([Array(spacesOf(space).observation).fill(0)], space, settings);
      const noise = new Float32Array(actor.noise.greedy.reduce((sum, { size }) => sum + size, 0));
      assert.equal(carry.length, actor.carrySize);
      const observations = new Float32Array(spacesOf(space).observation);
      return actor.act({ observations, carry: Float32Array.from(carry), noise }, 'average');
    };
    const plan = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6];
    const inBox = await situation(box(2), [1, 0, 0, 0, 0, 0, 0, ...plan]);
    assertClose(inBox.actions, [0.3, 0.4]);
    assertClose(inBox.carry, [1, 0, 0, 0, 0, 0.3, 0.4, 0.3, 0.4, 0.5, 0.6, 0, 0]);
    const fresh = await situation(box(2), Array(13).fill(0));
    assertClose(fresh.carry, [1, ...Array(12).fill(0)]);

    const likely = [0.2, 0.2, 0.6, 0.1, 0.8, 0.1, 0.5, 0.3, 0.2];
    const mixed = (choice: number) => PUSHES.map((_, i) => (i === choice ? 0.95 : 0) + 0.05 / 3);
    const chosen = await situation(choices(3), [1, 0, 0, 0, 0, 0, ...likely]);
    assert.deepEqual([...chosen.actions], [1]);
    assertClose(chosen.carry, [1, 0, 0, 0, 1, 0, ...mixed(1), ...mixed(0), ...mixed(0)]);
    const [begun] = (await situation(choices(3), Array(15).fill(0))).actions;
    assert.equal(begun, 0);
  });

  test('asks for a model with rewards that follows episodes, in one sentence', () => {
    const within = (without: 'reward' | 'follow') => ({
      ...{ members: 1, spaces: spacesOf(box(2)), weights: () => ({}) },
      model: () => {
        const { [without]: _, ...rest } = walk([[0, 0]], box(2));
        return rest as WorldModel<Walk>;
      },
    });
    assert.throws(() => new PlanningActor(within('reward'), plannerWith({})), /^UserError: .* no rewards/);
    assert.throws(() => new PlanningActor(within('follow'), plannerWith({})), /^UserError: .* step by step/);
  });

  test('the VAE + LSTM follows an episode as it observes a window', () => {
    const spaces = agentSpaces(environmentEntry('CartPole-v1'));
    const settings = vaeLstmSettings.parse({ model: { latent: 4, hidden: [8], lstm: 8 } });
    const [members, batch, time] = [2, 2, 4];
    const layouts = networks(settings, spaces);
    const streams = (name: string) => [3, 8].map((seed) => RandomStream.named(seed, name));
    scope(() => {
      const weights = initialWeights(layouts, streams('model'), streams('actor'), true);
      const model = worldModel(
        layouts,
        settings,
        layouts.model.unpack(weights.model.parameters),
        layouts.actor.unpack(weights.actor.parameters),
      );
      assert.ok(model.follow && model.stateSizes);
      const follower = { follow: model.follow, stateSizes: model.stateSizes };
      const observation = upload(normals(1, 'o', [members, batch, time, spaces.observation])) as tf.Tensor4D;
      const action = upload(normals(1, 'a', [members, batch, time, spaces.actions])) as tf.Tensor4D;
      // A new episode in the middle of one window.
      const first = [1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0];
      const window = { observation, action, first: tf.tensor3d(first, [members, batch, time]) };
      const unseen = { nextObservation: observation, reward: window.first, terminated: window.first };
      const { states } = model.observe({ ...window, ...unseen });
      const along = (x: tf.Tensor) => tf.unstack(x, 2) as tf.Tensor3D[];
      const starts = along(window.first);
      let carry: tf.Tensor3D = tf.zeros([members, batch, followedSize(follower, spaces.actions)]);
      for (const [t, seen] of along(observation).entries()) {
        carry = tf.mul(carry, tf.expandDims(tf.sub(1, starts[t]!), 2));
        const { state, first } = followStep(follower, carry, seen, undefined);
        assert.deepEqual([...values(first)], [...values(starts[t]!)]);
        for (const [name, x] of Object.entries(state)) {
          assertClose(
            values(x),
            values(along(states[name as keyof typeof states])[t]!),
            1e-5,
            `${name} at ${t}`,
          );
        }
        carry = carryStep(follower, state, along(action)[t]!);
      }
      const before = values(tf.sum(tf.abs(states.hidden)));
      assert.ok(before[0]! > 0.1, 'the memory holds something');
    });
  });
});

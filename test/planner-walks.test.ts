import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { startEngine } from '../src/engine/engine.ts';
import { scope } from '../src/engine/scope.ts';
import { environmentEntry } from '../src/envs/index.ts';
import type { Space } from '../src/envs/spaces.ts';
import { policyHead } from '../src/models/policy-head.ts';
import type { WorldModel } from '../src/models/world-model.ts';
import { type Judgement, judgingNoise, predictedReturns, WORST } from '../src/planning/judge.ts';
import type { PlannableModel } from '../src/planning/planner.ts';
import { type PlannerSettings, plannerSettings } from '../src/planning/settings.ts';
import { RandomStream } from '../src/random/stream.ts';
import { ActingLoop, type Actor } from '../src/training/acting.ts';
import { complete, evaluate, evaluationStreams } from '../src/training/evaluate.ts';
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

const read = (x: tf.Tensor) => x.dataSync<'float32'>();
const streamsOf = (seeds: readonly number[]) => seeds.map((seed) => RandomStream.named(seed, 'acting'));
const element = fc.double({ min: -0.9, max: 0.9, noNaN: true });

/** V(s) = twice the first element, and of what it is sampled with the first number and thrice the second. */
const value = (features: tf.Tensor, noise?: tf.Tensor): tf.Tensor => {
  const first = tf.mul(tf.slice(features, [0, 0, 0], [...features.shape.slice(0, 2), 1]), 2);
  const sampled = noise ? tf.sum(tf.mul(noise, tf.tensor1d([1, 3])), 2, true) : tf.zerosLike(first);
  return tf.squeeze(tf.add(first, sampled), [2]);
};
const plainValue =
  ([own, shared]: readonly number[] = [0, 0]) =>
  ([first]: readonly number[]) =>
    2 * first! + own! + 3 * shared!;

/** Particles of a walk: each begins a bit further along. */
const STRIDE = 0.2;
const particles = (number: number) => ({
  number,
  spread: ({ position, push }: Walk): Walk => {
    const repeat = (x: tf.Tensor) => {
      const [members, batch, size] = x.shape as [number, number, number];
      const each = tf.tile(tf.expandDims(x, 2), [1, 1, number, 1]);
      return { each, shape: [members, batch * number, size] };
    };
    const steps = tf.mul(tf.reshape(tf.range(0, number), [1, 1, number, 1]), STRIDE);
    const { each, shape } = repeat(position);
    return {
      position: tf.reshape(tf.add(each, steps), shape),
      push: tf.reshape(repeat(push).each, shape),
    };
  },
});

for (const engine of processorEngines) {
  test(`plans are worth what plain numbers say, on ${engine}`, async () => {
    await startEngine(engine);
    const [members, environments, dimensions, plans, horizon] = [2, 2, 2, 3, 4];
    const goals = [
      [0.5, -0.5],
      [-1, 0.25],
    ];
    const space = box(dimensions);
    const positions = normals(1, 'position', [members, environments, dimensions]);
    const pushes = normals(1, 'push', [members, environments, dimensions]);
    const given = normals(1, 'plans', [members * environments, plans, horizon, dimensions]);
    for (const ends of ['soft', 'hard', false] as const) {
      for (const bootstrap of [undefined, 0.9]) {
        for (const number of [1, 3]) {
          const judgement: Judgement = { horizon, termination: ends || 'soft', bootstrap, learntGamma: 1 };
          const own = normals(2, 'shakes', [members, environments, plans, number, horizon, dimensions]);
          const ofValue = normals(3, 'value', [members, environments, plans, number]);
          const shared = normals(4, 'shared', [members, environments]);
          const found = scope(() => {
            const { continues, ...endless } = walk(goals, space);
            const model: PlannableModel<Walk> = {
              ...endless,
              ...(ends && { continues }),
              value,
              valueNoise: [
                { distribution: 'normal', size: 1 },
                { distribution: 'normal', size: 1, shared: true },
              ],
              valueScale: 2,
              stepNoise: [{ distribution: 'normal', size: dimensions }],
              ...(number > 1 && { particles: particles(number) }),
            };
            const noise = [own, ...(bootstrap === undefined ? [] : [ofValue, shared])].map(
              (x) => tf.reshape(upload(x), [members, environments, -1]) as tf.Tensor3D,
            );
            assert.deepEqual(
              judgingNoise(model, judgement, plans).map(({ size }) => size),
              noise.map(({ shape }) => shape[2]),
            );
            const state = { position: upload(positions), push: upload(pushes) };
            return read(
              predictedReturns(model, judgement, state, upload(given) as tf.Tensor4D, noise),
            ).slice();
          });
          const part = ({ data }: { data: Float32Array }, index: number, count: number) => {
            const size = data.length / count;
            return [...data.subarray(index * size, (index + 1) * size)];
          };
          const rowsOf = (numbers: readonly number[]) =>
            Array.from({ length: horizon }, (_, t) => numbers.slice(t * dimensions, (t + 1) * dimensions));
          const wanted = Array.from({ length: members * environments * plans }, (_, plan) => {
            const row = Math.floor(plan / plans);
            const rows = members * environments;
            const each = Array.from({ length: number }, (_, p) => {
              const particle = plan * number + p;
              const position = part(positions, row, rows).map((x) => x + STRIDE * p);
              return plainReturn(
                { position, push: part(pushes, row, rows) },
                goals[Math.floor(row / environments)]!,
                rowsOf(part(given, plan, rows * plans)),
                pushesOf(space),
                {
                  shakes: rowsOf(part(own, particle, rows * plans * number)),
                  ends,
                  ...(bootstrap !== undefined && {
                    bootstrap: {
                      gamma: bootstrap,
                      value: (at: readonly number[]) =>
                        plainValue([ofValue.data[particle]!, shared.data[row]!])(at) / 2,
                    },
                  }),
                },
              );
            });
            return each.reduce((sum, x) => sum + x) / number;
          });
          assertClose(found, wanted, 1e-4, `ends ${ends}, γ ${bootstrap}, ${number} particles`);
        }
      }
    }
  });
}

test('a discount that the continue head has learnt counts as one that it is told, whichever way ends are read', async () => {
  await startEngine('wasm');
  const gamma = 0.6;
  const { continues, ...rest } = walk([[0.5]], box(1));
  const told: PlannableModel<Walk> = { ...rest, continues, value, valueScale: 1 };
  const learnt: PlannableModel<Walk> = {
    ...told,
    continues: (features) => {
      const discounted = tf.mul(tf.sigmoid(continues(features)), gamma);
      return tf.log(tf.div(discounted, tf.sub(1, discounted)));
    },
  };
  for (const termination of ['soft', 'hard'] as const) {
    const returns = (model: PlannableModel<Walk>, bootstrap: number, learntGamma: number) =>
      scope(() => {
        const state = {
          position: upload(normals(1, 'position', [1, 3, 1])),
          push: upload(normals(2, 'push', [1, 3, 1])),
        };
        const plans = upload(normals(1, 'plans', [3, 20, 4, 1])) as tf.Tensor4D;
        return read(
          predictedReturns(model, { horizon: 4, termination, bootstrap, learntGamma }, state, plans, []),
        ).slice();
      });
    assertClose(returns(learnt, 1, gamma), returns(told, gamma, 1), 1e-4, termination);
  }
});

/** Small searches by every planner that takes such actions. */
const inBox: PlannerSettings[] = [
  settingsOf('shooting', { horizon: 2, candidates: 400 }),
  settingsOf('cem', { horizon: 2, candidates: 60, iterations: 8, sampling: 'truncated', momentum: 0.1 }),
  settingsOf('cem', { horizon: 2, candidates: 60, iterations: 8, execute: 'best', warmStart: true }),
  settingsOf('icem', { horizon: 2, candidates: 60, iterations: 6 }),
  settingsOf('mppi', { horizon: 2, candidates: 60, iterations: 8, temperature: 20 }),
];
const amongChoices: PlannerSettings[] = [
  settingsOf('shooting', { horizon: 3, candidates: 200 }),
  settingsOf('cem', { horizon: 3, momentum: 0.1, warmStart: true }),
  settingsOf('mppi', { horizon: 3, temperature: 20 }),
  settingsOf('enumeration', { horizon: 3 }),
];
const named = (settings: PlannerSettings, i: number) => `${settings.name} (${i})`;

describe('every planner', () => {
  before(() => startEngine('wasm'));

  for (const [i, settings] of inBox.entries()) {
    test(`comes near the best action of a box: ${named(settings, i)}`, async () => {
      await fc.assert(
        fc.asyncProperty(element, element, fc.nat(), async (goal, position, seed) => {
          const actor = actorFor([[goal]], box(1, 2), settings);
          const loop = new ActingLoop(actor, 'online', 'greedy', 1, 1);
          const [action] = await loop.act(Float32Array.of(2 * position), streamsOf([seed]));
          const best = Math.min(1, Math.max(-1, goal - position));
          assertClose([action! / 2], [best], 0.15);
          actor.dispose();
        }),
        { seed: 7, numRuns: 6 },
      );
    });
  }

  const each = [...PUSHES.keys()];
  const plans = each.flatMap((a) => each.flatMap((b) => each.map((c) => [a, b, c])));
  const rows = plans.map((plan) => plan.map((a) => PUSHES.map((_, i) => Number(i === a))));
  /** The best return of every first choice. */
  const byFirst = (judged: readonly number[]) => each.map((a) => Math.max(...judged.slice(9 * a, 9 * a + 9)));

  for (const [i, settings] of amongChoices.entries()) {
    test(`comes to the first choice of the best plan: ${named(settings, i)}`, async () => {
      await fc.assert(
        fc.asyncProperty(element, element, fc.nat(), async (goal, position, seed) => {
          const worth = byFirst(
            rows.map((plan) =>
              plainReturn({ position: [position], push: [0] }, [goal], plan, pushesOf(choices(3)), {
                ends: false,
              }),
            ),
          );
          const best = Math.max(...worth);
          fc.pre(worth.filter((x) => x > best - 0.02).length === 1);
          const actor = actorFor([[goal]], choices(3), settings);
          const loop = new ActingLoop(actor, 'online', 'greedy', 1, 1);
          const [action] = await loop.act(Float32Array.of(2 * position), streamsOf([seed]));
          assert.equal(action, worth.indexOf(best));
          actor.dispose();
        }),
        { seed: 7, numRuns: 8 },
      );
    });
  }

  test('that enumerates takes the best choice by ends, value and particles', async () => {
    const variants = (['soft', 'hard'] as const).flatMap((termination) =>
      [false, true].flatMap((terminalValue) =>
        [1, 2].map((number) => ({ termination, terminalValue, number })),
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        element,
        fc.double({ min: 1.2, max: 2.4, noNaN: true }),
        fc.constantFrom(...variants),
        async (goal, position, { termination, terminalValue, number }) => {
          const settings = settingsOf('enumeration', { horizon: 3, termination, terminalValue });
          const worth = byFirst(
            rows.map((plan) => {
              const one = (p: number) =>
                plainReturn(
                  { position: [position + STRIDE * p], push: [0] },
                  [goal],
                  plan,
                  pushesOf(choices(3)),
                  {
                    ends: termination,
                    ...(terminalValue && { bootstrap: { gamma: 1, value: plainValue() } }),
                  },
                );
              return (one(0) + one(number - 1)) / 2;
            }),
          );
          const best = Math.max(...worth);
          fc.pre(worth.filter((x) => x > best - 1e-3).length === 1);
          const { continues } = scope(() => walk([[goal]], choices(3)));
          const more = { continues, value, ...(number > 1 && { particles: particles(number) }) };
          const actor = actorFor([[goal]], choices(3), settings, more);
          assert.deepEqual(actor.noise, { sampled: [], greedy: [] });
          const loop = new ActingLoop(actor, 'online', 'greedy', 1, 1);
          const [action] = await loop.act(Float32Array.of(2 * position), streamsOf([0]));
          assert.equal(action, worth.indexOf(best));
          actor.dispose();
        },
      ),
      { seed: 7, numRuns: 30 },
    );
  });

  const all: [Space, PlannerSettings, number][] = [
    ...inBox.map((settings, i): [Space, PlannerSettings, number] => [box(2), settings, i]),
    ...amongChoices.map((settings, i): [Space, PlannerSettings, number] => [choices(3), settings, i]),
  ];
  for (const [space, settings, i] of all) {
    test(`plans a member alone as beside others, and forgets episodes, in a ${space.kind}: ${named(settings, i)}`, async () => {
      const width = spacesOf(space).observation;
      const goals = [0.7, -0.4].map((x) => Array(width).fill(x));
      const before = tf.memory().numTensors;
      const play = async (of: readonly number[]) => {
        const actor = actorFor(
          of.map((member) => goals[member]!),
          space,
          settings,
        );
        const loop = new ActingLoop(actor, 'online', 'greedy', of.length, 2);
        const observed = (step: number) =>
          Float32Array.from(of.flatMap((member) => [...normals(member, `step ${step}`, [2, width]).data]));
        const taken: number[][] = [];
        let held: number | undefined;
        for (const step of [0, 1, 2]) {
          const actions = await loop.act(observed(step), streamsOf(of));
          taken.push([...actions], [...loop.carry]);
          // All that a step makes goes with it, but for what the first one compiles.
          held ??= tf.memory().numTensors;
          assert.equal(tf.memory().numTensors, held, `after step ${step}`);
        }
        for (let at = 0; at < 2 * of.length; at++) loop.forget(at);
        const anew = await loop.act(observed(0), streamsOf(of));
        assert.deepEqual([...anew], taken[0]);
        actor.dispose();
        return taken;
      };
      const [together, alone] = [await play([0, 1]), await play([1])];
      assert.deepEqual(
        together.map((row) => row.slice(row.length / 2)),
        alone,
      );
      // The goals are the tests' own.
      assert.equal(tf.memory().numTensors, before + 2);
    });
  }

  test('passes over plans that lead to no number', async () => {
    // Beyond a half there is none; elsewhere rewards are far below 0.
    const reward: WorldModel<Walk>['reward'] = ({ nextFeatures }) => {
      const first = tf.squeeze(
        tf.slice(nextFeatures, Array(nextFeatures.rank).fill(0), [...nextFeatures.shape.slice(0, -1), 1]),
        [nextFeatures.rank - 1],
      );
      return tf.where(tf.greater(first, 0.5), tf.fill(first.shape, Number.NaN), tf.sub(first, 10));
    };
    const searches: [Space, PlannerSettings][] = [
      [box(1), settingsOf('shooting', { horizon: 1 })],
      [box(1), settingsOf('cem', { horizon: 1, execute: 'best' })],
      [box(1), settingsOf('icem', { horizon: 1 })],
      [box(1), settingsOf('mppi', { horizon: 1, temperature: 100 })],
      [choices(3), settingsOf('enumeration', { horizon: 1 })],
    ];
    for (const [space, settings] of searches) {
      const actor = actorFor([[0]], space, settings, { reward });
      const loop = new ActingLoop(actor, 'online', 'greedy', 1, 1);
      // The third choice pushes by a quarter, beyond a half.
      const start = space.kind === 'discrete' ? 0.4 : 0;
      const [action] = await loop.act(Float32Array.of(2 * start), streamsOf([1]));
      if (space.kind === 'discrete') assert.equal(action, 1);
      else assertClose([action!], [0.45], 0.1, settings.name);
      actor.dispose();
    }
    scope(() => {
      const model = { ...walk([[0]], box(1)), reward };
      const state = { position: tf.ones([1, 1, 1]), push: tf.zeros([1, 1, 1]) };
      const judgement = { horizon: 1, termination: 'soft', bootstrap: undefined, learntGamma: 1 } as const;
      const worth = predictedReturns(model, judgement, state, tf.tensor4d([[[[0]], [[-1]]]]), []);
      assertClose(read(worth), [WORST, -10], 0.01);
    });
  });

  test('by path integrals follows the policy where that is best, and strays while experience is collected', async () => {
    // The policy's plan goes to the goal at once, which hardly any other does.
    const head = { ...policyHead(box(3)), sample: (output: tf.Tensor) => output };
    const policy = (features: tf.Tensor) => tf.sub(tf.tensor1d([0.5, -0.5, 0.25]), features);
    const play = async (policyTrajectories: number | 'auto', mode: 'greedy' | 'sampled') => {
      const settings = settingsOf('mppi', {
        ...{
          horizon: 1,
          candidates: 20,
          elites: 1,
          iterations: 1,
          policyTrajectories,
          maxStd: 1,
          minStd: 0.3,
        },
      });
      const actor = actorFor([[0.5, -0.5, 0.25]], box(3), settings, { policy, head });
      const loop = new ActingLoop(actor, 'online', mode, 1, 1);
      const taken = [...(await loop.act(Float32Array.of(0, 0, 0), streamsOf([3])))];
      actor.dispose();
      return Math.hypot(taken[0]! - 0.5, taken[1]! + 0.5, taken[2]! - 0.25);
    };
    const [followed, without] = [await play('auto', 'greedy'), await play(0, 'greedy')];
    assert.ok(without > 0.1, `${without}`);
    assert.ok(followed < 1e-5, `${followed}`);
    const strayed = await play('auto', 'sampled');
    assert.ok(strayed > 0.05, `${strayed}`);
  });

  test('that is not random plays fewer episodes at once the more it tries', async () => {
    const entry = environmentEntry('CartPole-v1');
    const played: number[] = [];
    const actor: Actor = {
      carrySize: 0,
      noise: { sampled: [], greedy: [] },
      trajectories: 2 ** 16,
      act: async ({ observations, carry }) => {
        const environments = observations.length / entry.observationNames.length;
        if (played.at(-1) !== environments) played.push(environments);
        return { actions: new Int32Array(environments), carry };
      },
    };
    await complete(evaluate(actor, [entry], 'online', 5, 0, evaluationStreams([1], 'played')));
    assert.deepEqual(played, [2, 1]);
    const enumerating = actorFor([[0]], choices(3), settingsOf('enumeration', { horizon: 4 }));
    assert.equal(enumerating.trajectories, 81);
    enumerating.dispose();
  });

  test('defaults are those of the configs', () => {
    assert.deepEqual(plannerSettings.parse(undefined), settingsOf('cem'));
  });
});

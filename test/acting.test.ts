import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { startEngine } from '../src/engine/engine.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { dqn } from '../src/methods/dqn/agent.ts';
import { dqnSettings } from '../src/methods/dqn/settings.ts';
import { ppo } from '../src/methods/ppo/agent.ts';
import { ppoSettings } from '../src/methods/ppo/settings.ts';
import { sac } from '../src/methods/sac/agent.ts';
import { sacSettings } from '../src/methods/sac/settings.ts';
import { refusal, vectorsAndAnyAction } from '../src/methods/takes.ts';
import { vaeLstm } from '../src/methods/vae-lstm/agent.ts';
import { vaeLstmSettings } from '../src/methods/vae-lstm/settings.ts';
import { encodeActions } from '../src/models/action-encoding.ts';
import { squashedActorLoss } from '../src/models/actor-loss.ts';
import { type Spread, squashedGaussian } from '../src/models/box-gaussian.ts';
import { policyHead } from '../src/models/policy-head.ts';
import { logTanhSlope, normalEntropy, normalLogProbability } from '../src/nn/gaussian.ts';
import { RandomStream } from '../src/random/stream.ts';
import { ActingLoop, type Actor } from '../src/training/acting.ts';
import type { Agent, Method } from '../src/training/agent.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { complete, evaluate, evaluationStreams } from '../src/training/evaluate.ts';
import type { TrainingEvent } from '../src/training/events.ts';
import { heldOutSet } from '../src/training/held-out.ts';
import { RandomActions } from '../src/training/random-actions.ts';
import type { MemberState } from '../src/training/state.ts';
import { type TrainingPlan, train } from '../src/training/train.ts';
import { recurrentAgent } from './support/agents.ts';
import { assertClose } from './support/tensors.ts';

const seeds = [1, 5];
const box = { kind: 'box', shape: [2], low: [-2, 0], high: [2, 1] } as const;

before(() => startEngine('wasm'));

const plan = (environment: string, steps: number): TrainingPlan => ({
  environment,
  steps,
  logEvery: 3,
  evaluation: { every: steps, episodes: 2 },
});

/** Every event of a training, and every member's states at every step it may be stopped at. */
async function trained(agent: Agent, of: TrainingPlan, from?: MemberState[]) {
  const events: TrainingEvent[] = [];
  const states: MemberState[][] = [];
  for await (const event of train(agent, of, seeds, from)) {
    if (event.kind === 'step') states.push(structuredClone((await event.save()) as MemberState[]));
    else if (event.kind !== 'alive') events.push(event);
  }
  agent.dispose();
  return { events, states };
}

const members = <Settings>(settings: Settings) => seeds.map((seed) => ({ seed, settings }));
const tiny = { hidden: [8] };
const worldModel = (environment: string, changes: object = {}) => {
  const settings = vaeLstmSettings.parse({
    ...{ randomSteps: 20, randomHold: 4, horizon: 3, imaginationStarts: 4, updateEvery: 2 },
    ...{ model: { latent: 4, hidden: [8], lstm: 8 }, critic: tiny, actor: tiny },
    replay: { batch: 4, length: 4, capacity: 100 },
    ...changes,
  });
  return vaeLstm.create(members(settings), agentSpaces(environmentEntry(environment)));
};
const yardstick = (environment: string) => {
  const settings = ppoSettings.parse({
    ...{ environments: 2, rolloutSteps: 8, epochs: 2, batch: 8, entropy: 0.01 },
    ...{ actor: { hidden: [8], logStd: -0.5 }, critic: tiny },
  });
  return ppo.create(members(settings), agentSpaces(environmentEntry(environment)));
};

/** An agent that makes three updates every four steps. */
const offPolicy = <Settings>(
  { create }: Method<Settings>,
  schema: { parse(keys: object): Settings },
  environment: string,
) => {
  const keys = { randomSteps: 20, updateEvery: 4, updates: 3, replay: { batch: 4, capacity: 30 } };
  const settings = schema.parse({
    ...keys,
    critic: tiny,
    ...(environment === 'Pendulum-v1'
      ? { actor: tiny }
      : { target: { every: 5 }, epsilon: { from: 1, to: 0.2, over: 40 } }),
  });
  return create(members(settings), agentSpaces(environmentEntry(environment)));
};

describe('what is begun goes on from a checkpoint to the byte', () => {
  const kinds: [string, string, () => Agent][] = [
    [
      'a world model with continuous actions and held random ones',
      'Pendulum-v1',
      () => worldModel('Pendulum-v1'),
    ],
    ['PPO with continuous actions', 'Pendulum-v1', () => yardstick('Pendulum-v1')],
    ['SAC, whose α is learnt', 'Pendulum-v1', () => offPolicy(sac, sacSettings, 'Pendulum-v1')],
    [
      'DQN, whose ε falls and whose target waits',
      'CartPole-v1',
      () => offPolicy(dqn, dqnSettings, 'CartPole-v1'),
    ],
    [
      'an agent with memory that needs noise even to act greedily',
      'CartPole-v1',
      () => recurrentAgent(seeds),
    ],
  ];
  for (const [name, environment, create] of kinds) {
    test(name, async () => {
      const whole = await trained(create(), plan(environment, 48));
      assert.ok(whole.states.length >= 3);
      const middle = Math.floor(whole.states.length / 2);
      for (const at of [0, middle]) {
        const rest = await trained(create(), plan(environment, 48), structuredClone(whole.states[at]!));
        assert.deepEqual(rest.states, whole.states.slice(at + 1));
        assert.deepEqual(rest.events.at(-1), whole.events.at(-1));
      }
    });
  }

  test('in the middle of the random phase, with an action held', async () => {
    const create = () => worldModel('Pendulum-v1', { randomSteps: 40, randomHold: 8 });
    const evaluated = { ...plan('Pendulum-v1', 48), evaluation: { every: 15, episodes: 1 } };
    const whole = await trained(create(), evaluated);
    const [state] = whole.states[0]!;
    assert.equal(state!.step, 15);
    assert.ok(state!.arrays['exploration.held'] && state!.arrays['exploration.action']);
    const rest = await trained(create(), evaluated, structuredClone(whole.states[0]!));
    assert.deepEqual(rest.states, whole.states.slice(1));
  });

  test('a checkpoint without what an agent remembers is refused in one sentence', async () => {
    const { states } = await trained(recurrentAgent(seeds), plan('CartPole-v1', 48));
    const [first] = states;
    for (const { arrays } of first!) delete arrays['acting.carry'];
    await assert.rejects(
      trained(recurrentAgent(seeds), plan('CartPole-v1', 48), first),
      /^UserError: the checkpoint of seed 1 is of another config or damaged \(its array acting\.carry is missing, not float32 \[1, 2\]\); use the wm that made it, or move/,
    );
  });
});

test('what an agent carries is its own per environment, and forgotten where an episode starts', async () => {
  const agent = recurrentAgent(seeds);
  const loop = new ActingLoop(agent, 'online', 'sampled', 2, 2);
  const streams = seeds.map((seed) => RandomStream.named(seed, 'acting'));
  const observations = Float32Array.from({ length: 16 }, (_, i) => i);
  for (let step = 0; step < 3; step++) await loop.act(observations, streams);
  // It carries the steps of the episode, and the sum of the observations' first elements.
  assert.deepEqual([...loop.carry], [3, 0, 3, 12, 3, 24, 3, 36]);
  loop.forget(2);
  await loop.act(observations, streams);
  assert.deepEqual([...loop.carry], [4, 0, 4, 16, 1, 8, 4, 48]);
});

test("an evaluation's noise is each member's own, whoever is evaluated beside it", async () => {
  const entry = environmentEntry('CartPole-v1');
  const play = (own: number[]) =>
    complete(
      evaluate(
        recurrentAgent(own),
        own.map(() => entry),
        'average',
        3,
        1,
        evaluationStreams(own, 'evaluation/7'),
      ),
    );
  const [together, alone] = [await play([4, 9]), await play([9])];
  assert.deepEqual(together[1]!.episodes, alone[0]!.episodes);
  assert.notDeepEqual(together[0]!.episodes, alone[0]!.episodes);
});

test('whoever searches for an action does so for ever fewer episodes, and plays the same', async () => {
  const entry = environmentEntry('CartPole-v1');
  const own = [4, 9];
  const play = async (trajectories: number) => {
    const agent = recurrentAgent(own);
    const widths: number[] = [];
    const actor: Actor = {
      ...{ carrySize: agent.carrySize, noise: agent.noise, trajectories },
      act: (situation, policy, mode) => {
        widths.push(situation.observations.length / (own.length * 4));
        return agent.act(situation, policy, mode);
      },
    };
    const streams = evaluationStreams(own, 'evaluation/7');
    return { evaluations: await complete(evaluate(actor, [entry, entry], 'average', 8, 2, streams)), widths };
  };
  const [searching, other] = [await play(1000), await play(0)];
  assert.deepEqual(searching.evaluations, other.evaluations);
  assert.deepEqual([...new Set(other.widths)], [8]);
  // Of each member half of what it was as soon as those that go on fit, of the member of which more do.
  const going = other.widths.map((_, step) =>
    Math.max(
      ...other.evaluations.map(({ episodes }) => episodes.filter(({ length }) => length > step).length),
    ),
  );
  assert.ok(searching.widths.every((width, step) => width >= going[step]! && width < 2 * going[step]!));
  assert.deepEqual([...new Set(searching.widths)], [8, 4, 2, 1].slice(0, new Set(searching.widths).size));
  assert.ok(new Set(searching.widths).size > 2);
});

test('an acting loop decides for those alone that it keeps, in a box too', async () => {
  // Acts by what it observes and by its noise, and carries the sum of what it has observed.
  const actor: Actor = {
    ...{ carrySize: 1, noise: { sampled: [], greedy: [{ distribution: 'uniform', size: 1 }] } },
    act: async ({ observations, carry, noise }) => ({
      actions: Float32Array.from(
        { length: 2 * carry.length },
        (_, i) => (i % 2 === 0 ? observations : noise)[i >> 1]!,
      ),
      carry: carry.map((sum, i) => sum + observations[i]!),
    }),
  };
  const steps = [Float32Array.of(1, 2, 3, 4), Float32Array.of(5, 6, 7, 8)];
  const play = async (kept: readonly number[]) => {
    const loop = new ActingLoop(actor, 'average', 'greedy', 2, 2);
    const streams = seeds.map((seed) => RandomStream.named(seed, 'acting'));
    const first = await loop.act(steps[0]!, streams);
    loop.keep(kept);
    return { first, second: await loop.act(steps[1]!, streams), carry: loop.carry };
  };
  const [all, some] = [await play([0, 1, 2, 3]), await play([1, 2])];
  assert.deepEqual(some.first, all.first);
  assert.deepEqual([...some.second], [0, 0, ...all.second.subarray(2, 6), 0, 0]);
  assert.deepEqual([...some.carry], [1, 8, 10, 4]);
  assert.equal(all.second[4], 7);
});

test('random actions are held for a geometric number of steps, or for one', () => {
  const draw = (mean: number, steps: number) => {
    const random = RandomStream.named(3, 'exploration');
    const actions = new RandomActions(box, 1, mean);
    return Array.from({ length: steps }, () => [...actions.next(() => random)]);
  };
  const changes = draw(8, 40_000).filter((action, i, all) => i > 0 && action[0] !== all[i - 1]![0]);
  // 5,000 ± 66 draws.
  assert.ok(Math.abs(changes.length - 5000) < 260, `${changes.length} draws`);
  assert.ok(changes.every(([a, b]) => a! >= -2 && a! < 2 && b! >= 0 && b! < 1));
  const redrawn = draw(1, 50);
  const random = RandomStream.named(3, 'exploration');
  const uniform = (low: number, high: number) => random.fillUniform(new Float32Array(1), low, high)[0]!;
  assert.deepEqual(
    redrawn,
    Array.from({ length: 50 }, () => [uniform(-2, 2), uniform(0, 1)]),
  );
});

test('the held-out set of an environment with continuous actions holds them in its box', () => {
  const { action, reward, terminated } = heldOutSet(environmentEntry('Pendulum-v1'));
  assert.ok(action instanceof Float32Array && action.length === reward.length);
  assert.ok(action.every((a) => a >= -2 && a <= 2) && new Set(action).size > 1000);
  assert.ok(!terminated.includes(1));
});

describe('the policy over a box', () => {
  // By SciPy: norm.logpdf, norm.entropy, and log(1 - tanh(u)^2) in extended precision.
  test('densities and entropies', () => {
    const row = (values: number[]) => tf.tensor(values, [1, values.length]);
    const density = normalLogProbability(row([0, 1]), row([0, -1]), row([1, 0.5]));
    assertClose(density.dataSync(), [-0.9189385 - 0.5 - 0.9189385 + 1 - 0.5 * (0.5 * Math.E) ** 2]);
    assertClose(normalEntropy(row([0, -1])).dataSync(), [2 * 1.4189385 - 1]);
    assertClose(logTanhSlope(row([0])).dataSync(), [0]);
    assertClose(logTanhSlope(row([-0.5])).dataSync(), [Math.log(1 - Math.tanh(0.5) ** 2)]);
    assertClose(logTanhSlope(row([20])).dataSync(), [-40 + 2 * Math.LN2]);
  });

  test('actions lie in the box, the greedy one is the mean, and networks see them in [-1, 1]', () => {
    const output = tf.tensor([0, 100, 0, 0], [1, 1, 4]);
    assertClose(policyHead(box).decide(output, undefined).dataSync(), [0, 0.5 + 0.5 * Math.tanh(5)]);
    const sampled = policyHead(box).decide(output, tf.tensor([1, 0], [1, 1, 2]));
    const std = 0.1 + 0.9 / (1 + Math.exp(-2));
    assertClose(sampled.dataSync(), [2 * Math.tanh(std), 0.5 + 0.5 * Math.tanh(5)]);
    assertClose(encodeActions(box, sampled).dataSync(), [Math.tanh(std), Math.tanh(5)]);
  });

  /** log(1 − tanh²(u)) without cancelling. */
  const slope = (u: number) => 2 * (Math.LN2 - Math.abs(u) - Math.log1p(Math.exp(-2 * Math.abs(u))));
  const spreads: Record<Spread, (s: number) => number> = {
    bounded: (s) => 0.1 + 0.9 / (1 + Math.exp(-s - 2)),
    wide: (s) => Math.log1p((Math.exp(5) - 1) * Math.exp(s)) + 1e-4,
  };
  for (const [spread, std] of Object.entries(spreads) as [Spread, (s: number) => number][]) {
    test(`the actor's loss has the gradient of its definition, the spread ${spread}`, () => {
      const random = RandomStream.named(2, 'loss');
      const fill = (...shape: number[]) =>
        tf.tensor(random.fillNormal(new Float32Array(tf.util.sizeFromShape(shape))), shape);
      const [noise, advantage, weight] = [fill(2, 3, 2, 2), fill(2, 3, 2), tf.abs(fill(2, 3, 2))];
      const [eta, output] = [tf.tensor1d([0.1, 0.3]), fill(2, 3, 2, 4)];
      const loss = (x: tf.Tensor) =>
        tf.sum(
          squashedActorLoss(squashedGaussian(x, spread), noise, weight, advantage, eta).loss,
        ) as tf.Scalar;
      const gradient = tf.grad(loss)(output).dataSync();
      /** In float64, with u of the action fixed at the outputs where it was taken. */
      const reference = (x: Float64Array) => {
        const [n, w, a, e, x0] = [noise, weight, advantage, eta, output].map((t) => t.dataSync());
        let sum = 0;
        for (let state = 0; state < 12; state++) {
          let [logP, entropy] = [0, 0];
          for (let d = 0; d < 2; d++) {
            const policy = (at: ArrayLike<number>) => ({
              mean: 5 * Math.tanh(at[state * 4 + d]! / 5),
              std: std(at[state * 4 + 2 + d]!),
            });
            const epsilon = n![state * 2 + d]!;
            const [before, now] = [policy(x0!), policy(x)];
            const taken = before.mean + before.std * epsilon;
            const u = now.mean + now.std * epsilon;
            logP +=
              -0.5 * ((taken - now.mean) / now.std) ** 2 - Math.log(now.std) - 0.5 * Math.log(2 * Math.PI);
            logP -= slope(taken);
            entropy += Math.log(now.std) + 0.5 * Math.log(2 * Math.PI * Math.E) + slope(u);
          }
          sum -= (w![state]! * (logP * a![state]! + e![Math.floor(state / 6)]! * entropy)) / 6;
        }
        return sum;
      };
      const at = Float64Array.from(output.dataSync());
      const h = 1e-5;
      const differences = Array.from(at, (_, i) => {
        const [up, down] = [at.slice(), at.slice()];
        up[i]! += h;
        down[i]! -= h;
        return (reference(up) - reference(down)) / (2 * h);
      });
      assertClose(loss(output).dataSync(), [reference(at)], 1e-4);
      assertClose(gradient, differences, 1e-3);
    });
  }
});

test('a method says what it cannot act in', () => {
  const pendulum = environmentEntry('Pendulum-v1');
  assert.equal(refusal(vectorsAndAnyAction, pendulum), undefined);
  assert.equal(
    refusal({ actions: ['discrete'], observations: [1] }, pendulum),
    'takes no continuous actions',
  );
  assert.equal(
    refusal({ actions: ['box'], observations: [3] }, pendulum),
    'takes no observations of shape [3]',
  );
  const table = { ...vectorsAndAnyAction, finiteStates: true };
  assert.equal(refusal(table, pendulum), 'keeps a table of states and takes no continuous observations');
  assert.equal(refusal(table, environmentEntry('DynaMaze')), undefined);
});

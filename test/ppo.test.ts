import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { loadExperiment } from '../src/config/load.ts';
import { startEngine } from '../src/engine/engine.ts';
import { oneHot } from '../src/engine/one-hot.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { UserError } from '../src/errors.ts';
import { generalisedAdvantage } from '../src/methods/ppo/advantage.ts';
import { ppo } from '../src/methods/ppo/agent.ts';
import { networks } from '../src/methods/ppo/networks.ts';
import { Normalisation } from '../src/methods/ppo/normalisation.ts';
import { RolloutLearner } from '../src/methods/ppo/rollout-learner.ts';
import { type PpoSettings, ppoSettings } from '../src/methods/ppo/settings.ts';
import { applyGradients, gradients, type LossTerm } from '../src/methods/ppo/update.ts';
import { biasCorrection, zeroMoments } from '../src/nn/adam.ts';
import { orthogonal } from '../src/nn/initialisers.ts';
import { mlp, mlpSpecs } from '../src/nn/mlp.ts';
import { ParameterLayout } from '../src/nn/parameters.ts';
import { RandomStream } from '../src/random/stream.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import type { TrainingEvent } from '../src/training/events.ts';
import type { Observations } from '../src/training/observations.ts';
import { type Batch, emptyBatch } from '../src/training/replay.ts';
import type { MemberState } from '../src/training/state.ts';
import { type TrainingPlan, train } from '../src/training/train.ts';
import { memoryless } from './support/agents.ts';
import { processorEngines } from './support/engine-here.ts';
import { assertClose } from './support/tensors.ts';

const cartPole = environmentEntry('CartPole-v1');
const spaces = agentSpaces(cartPole);

before(async () => {
  await startEngine('wasm');
});

describe('the generalised advantage', () => {
  // γ = λ = 1/2, so γλ = 1/4; rewards 1; V(o) = 1, 2, 3, 4.
  const value = [1, 2, 3, 4];
  const cases = {
    // δ = 1 + V(o′)/2 − V(o) = 1, 1/2, 0, 1
    'an open episode ends with the value of the last observation': {
      first: [1, 0, 0, 0],
      terminated: [0, 0, 0, 0],
      nextValue: [2, 3, 4, 8],
      advantage: [1.140625, 0.5625, 0.25, 1],
    },
    // δ₁ = 1 − 2: what V says of a terminal observation counts for nothing.
    'a termination ends it with nothing': {
      first: [1, 0, 1, 0],
      terminated: [0, 1, 0, 0],
      nextValue: [2, 99, 4, 8],
      advantage: [0.75, -1, 0.25, 1],
    },
    // δ₁ = 1 + 7/2 − 2
    'a truncation ends it with the value of the observation before the reset': {
      first: [0, 0, 1, 0],
      terminated: [0, 0, 0, 0],
      nextValue: [2, 7, 4, 8],
      advantage: [1.625, 2.5, 0.25, 1],
    },
    // δ₃ = 1 − 4
    'a termination in the last step': {
      first: [1, 0, 0, 0],
      terminated: [0, 0, 0, 1],
      nextValue: [2, 3, 4, 99],
      advantage: [1.078125, 0.3125, -0.75, -3],
    },
  };
  for (const [name, { first, terminated, nextValue, advantage }] of Object.entries(cases)) {
    test(name, () => {
      tf.tidy(() => {
        // Beside another environment and another member, which have no part in it.
        const upload = (row: number[]) =>
          tf.tensor3d([...row, ...value, ...value.map((x) => -x), ...row], [2, 2, 4]);
        const steps = {
          reward: upload([1, 1, 1, 1]),
          terminated: tf.tensor3d([...terminated, 0, 1, 0, 0, 1, 0, 0, 0, ...terminated], [2, 2, 4]),
          first: tf.tensor3d([...first, 0, 0, 1, 0, 0, 1, 0, 0, ...first], [2, 2, 4]),
        };
        const estimate = generalisedAdvantage(steps, upload(value), upload(nextValue), 0.5, 0.5);
        const rows = (x: tf.Tensor) => [x.dataSync().slice(0, 4), x.dataSync().slice(12)];
        for (const row of rows(estimate.advantage)) assertClose(row, advantage);
        for (const row of rows(estimate.returns))
          assertClose(
            row,
            advantage.map((a, t) => a + value[t]!),
          );
      });
    });
  }
});

/** sin(frequency · i + phase): inputs that scripts/ppo_reference.py makes alike. */
const wave = (count: number, frequency: number, phase: number) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(frequency * i + phase));

test('loss and gradient equal those of jax, each member with its own numbers', () => {
  // Printed by scripts/ppo_reference.py.
  const wanted: { terms: Partial<Record<LossTerm, number>>; gradient: number[] }[] = [
    {
      terms: {
        loss: 5.97696975,
        policy: 0.00213923,
        value: 11.96295971,
        entropy: 0.66493348,
        approximate_kl: 0.05478067,
        clip_fraction: 2 / 3,
      },
      gradient: [
        -0.03509058, 0.07831444, -0.02433263, 0.00536738, -0.01902232, -0.00849453, 0.04331185, -0.09191844,
        0.04221846, 0.03353267, -0.03353267, 0.05661411, -0.05661411, 0.06022688, -0.06022688, 0.15399852,
        -0.15399852, 0.50716026, -0.08316606, -0.39145412, -0.20081157, 0.06316576, 0.08161706, -1.34233505,
        -0.79711298, 0.9861234, 1.91819069, 0.35475522, -1.61692547, -3.0241063,
      ],
    },
    {
      terms: {
        loss: 6.54224058,
        policy: 0.18909182,
        value: 9.09883652,
        entropy: 0.53455999,
        approximate_kl: 0.23279423,
        clip_fraction: 2 / 3,
      },
      gradient: [
        0.00007801, 0.03653591, -0.0241529, -0.02530493, -0.01146493, 0.0373188, -0.00743996, 0.02892501,
        -0.00925908, -0.09712344, 0.09712344, -0.0402266, 0.0402266, 0.0826938, -0.0826938, -0.06772601,
        0.06772601, -0.16464773, 0.30267332, 0.47407239, 0.07668486, 0.28920515, 0.54010187, -0.69277016,
        0.70032783, 0.84162803, 0.24710639, -1.89153123, -2.00941664, -2.58808188,
      ],
    },
  ];
  const settings = ppoSettings.parse({ actor: { hidden: [3] }, critic: { hidden: [3] }, gradientClip: 1e9 });
  const [batch, observation, actions] = [6, 2, 2];
  const built = networks(settings, { observation, actionSpace: { kind: 'discrete', n: actions } });
  const { layout } = built;
  const both = (of: (member: number) => Float32Array) => [...of(0), ...of(1)];
  tf.tidy(() => {
    const weights = tf.tensor2d(
      both((member) => wave(layout.size, 1, 1 + member)),
      [2, layout.size],
    );
    const action = tf.tensor2d(
      [...Array(2 * batch).keys()].map((i) => i % actions),
      [2, batch],
      'int32',
    );
    const row = (scale: number, frequency: number, offset: number) =>
      tf.tensor2d(
        both((member) => wave(batch, frequency, member).map((x) => offset + scale * x)),
        [2, batch],
      );
    const transitions = {
      observation: tf.tensor3d(
        both((member) => wave(batch * observation, 1.3, member)),
        [2, batch, observation],
      ),
      action: oneHot(action, actions),
      logProbability: row(0.3, 3, -0.7),
      advantage: row(2, 2, 0.5),
      returns: row(3, 0.7, 0),
    };
    const scalars = {
      learningRate: tf.tensor2d([1, 2], [2, 1]),
      clipRange: tf.tensor2d([0.3, 0.4], [2, 1]),
      entropy: tf.tensor1d([0.01, 0.03]),
      valueWeight: tf.tensor1d([0.5, 0.7]),
    };
    const { gradient, parts } = gradients(built, weights, transitions, scalars);
    const moments = zeroMoments(2, layout.size);
    const { terms, weights: next } = applyGradients(
      { parameters: weights, moments },
      gradient,
      parts,
      biasCorrection(1),
      scalars,
      settings,
    );
    for (const [member, { terms: wantedTerms, gradient: wantedGradient }] of wanted.entries()) {
      for (const [name, x] of Object.entries(wantedTerms)) {
        assertClose([terms[name as LossTerm].dataSync()[member]!], [x], 1e-5);
      }
      const own = (x: tf.Tensor) =>
        x.dataSync().slice(member * layout.size, (member + 1) * layout.size) as Float32Array;
      assertClose(own(gradient), wantedGradient, 1e-5);
      assertClose([terms.gradient_norm.dataSync()[member]!], [Math.hypot(...wantedGradient)], 1e-5);
      // Adam's first step: −α g / (|g| + ε), whatever the size of g, with PPO's own ε.
      const before = own(weights);
      const step = own(next.parameters).map((x, i) => x - before[i]!);
      assertClose(
        step,
        wantedGradient.map((g) => (-(1 + member) * g) / (Math.abs(g) + 1e-5)),
        2e-3,
      );
    }
    tf.dispose(Object.values(parts));
  });
});

describe('networks', () => {
  test('orthogonal weights: the fewer of rows and columns are orthonormal, times the scale', () => {
    const extent = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(extent, extent, fc.constantFrom(0.01, 1, Math.SQRT2), (inputs, outputs, scale) => {
        const out = new Float32Array(inputs * outputs);
        orthogonal(inputs, scale)(RandomStream.named(inputs, `${outputs}`), out);
        const rows = Array.from({ length: inputs }, (_, i) => out.subarray(i * outputs, (i + 1) * outputs));
        const columns = Array.from({ length: outputs }, (_, j) => rows.map((row) => row[j]!));
        const fewer = inputs < outputs ? rows : columns;
        for (const [i, a] of fewer.entries()) {
          for (const [j, b] of fewer.entries()) {
            const product = Array.from(a).reduce((sum, x, k) => sum + x * b[k]!, 0);
            assertClose([product / scale ** 2], [i === j ? 1 : 0], 1e-5);
          }
        }
      }),
      { seed: 1, numRuns: 30 },
    );
  });

  for (const engine of processorEngines) {
    test(`a tanh MLP and its gradients are tfjs's on ${engine}`, async () => {
      await startEngine(engine);
      const layout = new ParameterLayout(mlpSpecs('net', 3, [9, 6], 2, 0.5));
      const random = RandomStream.named(1, 'mlp');
      tf.tidy(() => {
        const flat = tf.mul(layout.initialise([random, random]), 2) as tf.Tensor2D;
        const x = tf.tensor3d(random.fillNormal(new Float32Array(2 * 7 * 3)), [2, 7, 3]);
        const dy = tf.tensor3d(random.fillNormal(new Float32Array(2 * 7 * 2)), [2, 7, 2]);
        const plain = (x: tf.Tensor, flat: tf.Tensor) => {
          const parameters = layout.unpack(flat as tf.Tensor2D);
          const sum = (i: number, x: tf.Tensor) =>
            tf.add(
              tf.matMul(x, parameters.get(`net.${i}.weight`)),
              tf.expandDims(parameters.get(`net.${i}.bias`), 1),
            );
          return sum(2, tf.tanh(sum(1, tf.tanh(sum(0, x)))));
        };
        const ours = (x: tf.Tensor, flat: tf.Tensor) =>
          mlp(layout.unpack(flat as tf.Tensor2D), 'net', 2, x, true, 'tanh');
        const results = [plain, ours].map((f) => {
          const loss = (x: tf.Tensor, flat: tf.Tensor) => tf.sum(tf.mul(f(x, flat), dy)) as tf.Scalar;
          return [f(x, flat), ...tf.grads(loss)([x, flat])].map((y) => y.dataSync());
        });
        for (const [i, wanted] of results[0]!.entries()) assertClose(results[1]![i]!, wanted);
      });
    });
  }
});

test('a permutation has every index once, and all orders alike', () => {
  const random = RandomStream.named(1, 'permutation');
  const counts = new Map<string, number>();
  for (let i = 0; i < 6000; i++) {
    const order = random.permutation(3).join('');
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  assert.deepEqual([...counts.keys()].sort(), ['012', '021', '102', '120', '201', '210']);
  const chiSquare = [...counts.values()].reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
  // 5 degrees of freedom: above 20.5 once in a thousand.
  assert.ok(chiSquare < 20.5, `χ² = ${chiSquare}`);
});

test("roll-outs hold every environment's steps in order, from one to the next", async () => {
  const rollouts: Batch<Observations>[] = [];
  const [members, environments, time, size] = [2, 3, 8, 4];
  const random = RandomStream.named(1, 'actions');
  const learner = new RolloutLearner(
    {
      ...memoryless(({ observations }) =>
        Int32Array.from({ length: observations.length / size }, () => random.integer(2)),
      ),
      learn: (rollout) => {
        rollouts.push(structuredClone(rollout));
        return 5;
      },
    },
    cartPole,
    [1, 2],
    environments,
    time,
  );
  for (let round = 1; round <= 10 * time; round++) {
    assert.equal(await learner.round(round * environments, 0), round % time === 0 ? 5 : 0);
  }
  assert.equal(rollouts.length, 10);
  const starts = new Set<string>();
  let ends = 0;
  for (let sequence = 0; sequence < members * environments; sequence++) {
    let next: Observations | undefined;
    let ended = true;
    for (const { observation, nextObservation, terminated, first, reward } of rollouts) {
      for (let at = sequence * time; at < (sequence + 1) * time; at++) {
        const here = observation.subarray(at * size, (at + 1) * size);
        assert.equal(first[at], Number(ended));
        if (ended) starts.add(String(here));
        else assert.deepEqual(here, next);
        assert.equal(reward[at], 1);
        next = nextObservation.subarray(at * size, (at + 1) * size);
        assert.equal(terminated[at] === 1, Math.abs(next[0]!) > 2.4 || Math.abs(next[2]!) > Math.PI / 15);
        ended = terminated[at] === 1;
        ends += Number(ended);
      }
    }
  }
  assert.ok(ends >= 6, `${ends} episodes ended`);
  assert.ok(starts.size >= ends, 'no two episodes start alike');
});

describe('normalisation', () => {
  const [members, environments, time, size, gamma] = [2, 2, 5, 3, 0.9];
  const random = RandomStream.named(1, 'normalisation');
  const rollouts = [0, 1, 2].map((round): Batch => {
    const batch = emptyBatch(members, environments, time, {
      observation: size,
      actionSpace: { kind: 'discrete', n: 2 },
    });
    for (const field of ['observation', 'nextObservation', 'reward'] as const)
      random.fillNormal(batch[field]);
    batch.observation.forEach((x, i) => {
      batch.observation[i] = 100 * (i % size) + (1 + (i % size)) * x;
    });
    batch.first.forEach((_, i) => {
      batch.first[i] = Number((i + round) % 4 === 0);
    });
    return batch;
  });
  const ofMember = (all: Float32Array, member: number) => {
    const length = all.length / members;
    return [...all.subarray(member * length, (member + 1) * length)];
  };
  const moments = (x: number[]) => {
    const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
    return { mean, std: Math.sqrt(x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length) };
  };

  test('is by the mean and the deviation of all that came before, and rewards by that of all returns', () => {
    const normalisation = new Normalisation(members, environments, size, gamma);
    const running = Array.from({ length: members * environments }, () => 0);
    const returns: number[][] = [[], []];
    for (const [round, rollout] of rollouts.entries()) {
      const normalised = normalisation.rollout(rollout);
      normalisation.observe(rollout);
      for (const member of [0, 1]) {
        const seen = rollouts.slice(0, round).flatMap(({ observation }) => ofMember(observation, member));
        const wanted = ofMember(rollout.observation, member).map((x, i) => {
          if (round === 0) return Math.min(10, Math.max(-10, x));
          const { mean, std } = moments(seen.filter((_, j) => j % size === i % size));
          return (x - mean) / std;
        });
        assertClose(ofMember(normalised.observation, member), wanted, 1e-4);
        const first = ofMember(rollout.first, member);
        const reward = ofMember(rollout.reward, member);
        for (const [i, r] of reward.entries()) {
          const environment = member * environments + Math.floor(i / time);
          if (first[i] === 1) running[environment] = 0;
          running[environment] = gamma * running[environment]! + r;
          returns[member]!.push(running[environment]!);
        }
        const { std } = moments(returns[member]!);
        assertClose(
          ofMember(normalised.reward, member),
          reward.map((r) => r / std),
          1e-4,
        );
      }
    }
  });

  test('clips at ten, and refuses what are no moments', () => {
    const normalisation = new Normalisation(1, 1, 1, gamma);
    assert.deepEqual([...normalisation.observations(Float32Array.of(-11, 3, 1e9))], [-10, 3, 10]);
    const saved = normalisation.save(0);
    saved['normalisation.observation']!.data[2] = -1;
    assert.throws(() => normalisation.load(0, saved), RangeError);
  });
});

const plan: TrainingPlan = {
  environment: 'CartPole-v1',
  steps: 160,
  logEvery: 7,
  evaluation: { every: 52, episodes: 2 },
};
const tiny = (changes: object = {}): PpoSettings =>
  ppoSettings.parse({
    environments: 4,
    rolloutSteps: 6,
    epochs: 3,
    batch: 8,
    actor: { hidden: [8] },
    critic: { hidden: [8] },
    normalise: true,
    ...changes,
  });

/** A fresh PPO agent and its training, freed when the events end. */
async function* trainTiny(
  seeds: readonly number[],
  states?: readonly MemberState[],
  settings = seeds.map(() => tiny()),
  environment = plan.environment,
): AsyncGenerator<TrainingEvent> {
  const agent = ppo.create(
    seeds.map((seed, i) => ({ seed, settings: settings[i]! })),
    agentSpaces(environmentEntry(environment)),
  );
  try {
    yield* train(agent, { ...plan, environment }, seeds, states);
  } finally {
    agent.dispose();
  }
}

/** Rows and steps as plain data; `saved` gets the states at every step event. */
async function collect(events: AsyncIterable<TrainingEvent>, saved?: Map<number, MemberState[]>) {
  const collected: object[] = [];
  for await (const event of events) {
    if (event.kind === 'alive') continue;
    if (event.kind !== 'step') collected.push(event);
    else {
      // Saved arrays may be views: a checkpoint copies them before the next step.
      saved?.set(event.step, structuredClone((await event.save()).map((state) => state!)));
      collected.push({ kind: 'step', step: event.step, update: event.update });
    }
  }
  return collected;
}

describe('training', () => {
  const saved = new Map<number, MemberState[]>();
  let events: object[];

  before(async () => {
    await startEngine('wasm');
    events = await collect(trainTiny([1, 2]), saved);
  });

  test('updates come with the roll-outs, rows of losses after every seven, evaluations at their steps', () => {
    const wanted: object[] = [];
    // A roll-out is 24 steps, and good for 3 epochs of 3 minibatches.
    for (let step = 4; step <= plan.steps; step += 4) {
      const update = 9 * Math.floor(step / 24);
      const learnt = step % 24 === 0;
      const both = (kind: string) => wanted.push(...[0, 1].map((member) => ({ kind, member, step, update })));
      if (learnt) both('losses');
      const evaluated = [52, 104, 156, 160].includes(step);
      if (evaluated) both('evaluation');
      if (learnt || evaluated) wanted.push({ kind: 'step', step, update });
    }
    assert.deepEqual(
      (events as TrainingEvent[]).map((event) => {
        if (event.kind === 'step') return { ...event };
        assert.ok(event.kind === 'losses' || event.kind === 'evaluation', 'nothing fails');
        const { kind, member, row } = event;
        return { kind, member, step: row.env_step, update: row.update };
      }),
      wanted,
    );
  });

  test('one seed gives the same events again, saved or not', async () => {
    assert.deepEqual(await collect(trainTiny([1, 2])), events);
  });

  // In the middle of a roll-out, and just after one, before an evaluation and at it.
  for (const step of [24, 48, 52, 104, 144]) {
    test(`resumed at step ${step}, it goes on as if never stopped`, async () => {
      const stop = (events as TrainingEvent[]).findIndex((e) => e.kind === 'step' && e.step === step);
      const again = new Map<number, MemberState[]>();
      const resumed = await collect(trainTiny([1, 2], structuredClone(saved.get(step)!)), again);
      assert.deepEqual(resumed, events.slice(stop + 1));
      assert.deepEqual(again.get(plan.steps), saved.get(plan.steps));
    });
  }

  test('resumed in the middle of a roll-out of images, it goes on as if never stopped', async () => {
    const settings = [1, 2].map(() => tiny({ encoder: { channels: 3 }, normalise: false }));
    const trained = (states?: MemberState[]) =>
      trainTiny([1, 2], states, settings, 'MinAtar/SpaceInvaders-v0');
    const before = tf.memory().numTensors;
    const states = new Map<number, MemberState[]>();
    const whole = await collect(trained(), states);
    assert.equal(tf.memory().numTensors, before);
    const stop = (whole as TrainingEvent[]).findIndex((e) => e.kind === 'step' && e.step === 52);
    const again = new Map<number, MemberState[]>();
    const resumed = await collect(trained(structuredClone(states.get(52)!)), again);
    assert.deepEqual(resumed, whole.slice(stop + 1));
    assert.deepEqual(again.get(plan.steps), states.get(plan.steps));
    // 3 × 3 cells of 6 channels, and 8 × 8 of 3: each to its next layer, in actor and critic.
    const weights = 2 * (9 * 6 * 3 + 3 + 8 * 8 * 3 * 8 + 8) + (8 * 6 + 6) + (8 + 1);
    const { arrays } = states.get(52)![0]!;
    assert.deepEqual(arrays.policy!.shape, [weights]);
    // Four environments, six steps.
    assert.deepEqual(arrays['rollout.observation']!.shape, [4 * 6 * 600]);
    assert.ok(arrays['rollout.observation']!.data instanceof Uint8Array);
  });

  test('a member that diverges is named and left out; the other one is not touched', async () => {
    const settings = [tiny(), tiny({ learningRate: 1e30 })];
    const diverging = (await collect(trainTiny([1, 2], undefined, settings))) as TrainingEvent[];
    const failures = diverging.filter((event) => event.kind === 'failure');
    assert.deepEqual(
      failures.map(({ member, step }) => ({ member, step })),
      [{ member: 1, step: 24 }],
    );
    const ofFirst = (all: TrainingEvent[]) => all.filter((event) => 'member' in event && event.member === 0);
    assert.deepEqual(ofFirst(diverging), ofFirst(events as TrainingEvent[]));
  });

  test('100 updates with acting, evaluating and saving leave no tensor behind', async () => {
    const before = tf.memory().numTensors;
    const agent = ppo.create([{ seed: 1, settings: tiny() }], spaces);
    const counts = new Set<number>();
    let states: MemberState[] = [];
    for await (const event of train(agent, { ...plan, steps: 288 }, [1])) {
      if (event.kind !== 'step') continue;
      states = structuredClone((await event.save()).map((state) => state!));
      // After a roll-out's updates, before the policy acts again.
      if (event.step % 24 === 0 && event.step < 288) counts.add(tf.memory().numTensors);
    }
    agent.load(states);
    counts.add(tf.memory().numTensors);
    assert.equal(counts.size, 1, `tensors: ${[...counts]}`);
    assert.equal(Math.max(...counts) - before, 3, 'weights and moments');
    agent.dispose();
    assert.equal(tf.memory().numTensors, before);
  });

  test('both policies are the one that is trained', async () => {
    for (const event of events as TrainingEvent[]) {
      if (event.kind === 'evaluation') assert.equal(event.row.reward_mean, event.row.reward_mean_online);
    }
  });

  test('with its defaults it balances far longer than chance after 4,096 steps', async () => {
    const seeds = [0, 1];
    const agent = ppo.create(
      seeds.map((seed) => ({ seed, settings: ppoSettings.parse({}) })),
      spaces,
    );
    const quick = { ...plan, steps: 4096, logEvery: 100, evaluation: { every: 4096, episodes: 20 } };
    const rewards: number[] = [];
    for await (const event of train(agent, quick, seeds)) {
      if (event.kind === 'evaluation') rewards.push(event.row.reward_mean!);
    }
    agent.dispose();
    assert.equal(rewards.length, 2);
    // Random actions last 22 steps; of twelve seeds the least came to 113.
    for (const reward of rewards) assert.ok(reward > 60, `reward ${rewards}`);
  });
});

test('a mistake in its keys is told with its place', () => {
  const method = 'method: ppo\n';
  const cases: [string, string][] = [
    ['clipRange: -1', 'c.yaml:2:12: clipRange: expected a number >= 0 or {from, to, over}, got -1'],
    ['critic:\n  hidden: []', 'c.yaml:3:11: critic.hidden: expected a list of 1 to 8 items'],
    ['gaelambda: 1', 'c.yaml:2:1: gaelambda: unknown key, did you mean `gaeLambda`?'],
    ['horizon: 3', 'c.yaml:2:1: horizon: unknown key'],
    ['batch: 100', 'c.yaml:2:8: batch must divide environments × rolloutSteps'],
    ['steps: 1001', 'c.yaml:2:8: steps must be a multiple of environments'],
    ['evaluation: {every: 9}', 'c.yaml:2:21: evaluation.every must be a multiple of environments'],
    ['steps: 248', 'c.yaml:2:8: steps must be at least environments × rolloutSteps'],
  ];
  for (const [text, wanted] of cases) {
    assert.throws(
      () => loadExperiment({ file: 'c.yaml', text: method + text }),
      (error) => error instanceof UserError && error.message.startsWith(wanted),
      wanted,
    );
  }
});

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { loadExperiment } from '../src/config/load.ts';
import { startEngine } from '../src/engine/engine.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { actorLoss } from '../src/methods/tdmpc/actor-loss.ts';
import { tdmpc } from '../src/methods/tdmpc/agent.ts';
import { stepWeights } from '../src/methods/tdmpc/losses.ts';
import { type TdmpcSettings, tdmpcSettings } from '../src/methods/tdmpc/settings.ts';
import { modelGradients, type UpdateNoise } from '../src/methods/tdmpc/update.ts';
import { GROUPS, initialWeights, type Weights } from '../src/methods/tdmpc/weights.ts';
import { twoHeads } from '../src/models/latent/critic.ts';
import { latentNetworks } from '../src/models/latent/networks.ts';
import type { Windows } from '../src/models/windows.ts';
import { RandomStream } from '../src/random/stream.ts';
import { type AgentSpaces, agentSpaces } from '../src/training/agent-spaces.ts';
import { heldOutSet } from '../src/training/held-out.ts';
import { agentIn, assertGoesOn } from './support/dreamer-runs.ts';
import { read } from './support/reference.ts';
import { assertClose, normals, upload } from './support/tensors.ts';

type Keys = Record<string, object | number | boolean>;

/** A TD-MPC2 too small to learn, but with every part. */
const tinyKeys: Keys = {
  ...{ randomSteps: 12, updateEvery: 2, pretraining: 0 },
  replay: { capacity: 40, batch: 3, length: 3 },
  model: { latent: 6, simNorm: 3, hidden: 7, encoderHidden: 5 },
  twoHot: { bins: 7, limit: 3 },
  planner: { horizon: 2, candidates: 8, elites: 3, iterations: 2 },
};

/** Its keys with others merged into them, one level deep. */
function tiny(...changes: Keys[]): TdmpcSettings {
  const keys = { ...tinyKeys };
  for (const change of changes) {
    for (const [name, value] of Object.entries(change)) {
      keys[name] = typeof value === 'object' ? { ...(keys[name] as object), ...value } : value;
    }
  }
  return tdmpcSettings.parse(keys);
}

const v1: Keys = {
  model: { simNorm: 0, layers: 'plain', scalars: 'squared', continueHead: false, target: 'averaged' },
  critic: { heads: 2, pair: 'min', targetEvery: 2 },
  actor: { box: 'noisy', scaled: false },
};
const choices: Keys = { exploration: 0.3, planner: { name: 'enumeration' } };
const enumerating = (): TdmpcSettings => {
  const {
    candidates: _,
    elites: __,
    iterations: ___,
    ...planner
  } = tinyKeys.planner as Record<string, number>;
  return tdmpcSettings.parse({
    ...tinyKeys,
    ...choices,
    planner: { ...planner, name: 'enumeration' },
    policyAverage: 0.01,
  });
};

const tdmpcIn = (environment: string, seeds: readonly number[], ...settings: TdmpcSettings[]) =>
  agentIn(tdmpc.create, environment, seeds, settings);

const networksOf = ({ model, critic, actor, twoHot }: TdmpcSettings, spaces: AgentSpaces) =>
  latentNetworks(model, critic, actor, twoHot, spaces);

/** Windows of random numbers, none of which ends; the same for the same name. */
function randomWindows(name: string, { observation, actions }: AgentSpaces, members = 1): Windows {
  const steps: [number, number, number] = [members, 3, 3];
  const random = (what: string, ...shape: number[]) => upload(normals(1, `${name} ${what}`, shape));
  return {
    observation: random('o', ...steps, observation) as tf.Tensor4D,
    nextObservation: random('next', ...steps, observation) as tf.Tensor4D,
    action: random('a', ...steps, actions),
    reward: random('r', ...steps) as tf.Tensor3D,
    terminated: tf.zeros(steps),
    first: tf.zeros(steps),
  };
}

/** Noise of an update of so few windows. */
function randomNoise(actions: number, members = 1): UpdateNoise {
  const normal = (name: string, rows: number) => upload(normals(2, name, [members, rows, actions]));
  return {
    targetPair: tf.tensor3d([[[0.2, 0.7]]]),
    actorPair: tf.tensor3d([[[0.9, 0.1]]]),
    targetAction: normal('target', 9),
    actorAction: normal('actor', 12),
  };
}

/** Weights none of which is 0, so that every loss has a gradient everywhere. */
function randomWeights(settings: TdmpcSettings, spaces: AgentSpaces): Weights {
  const fresh = initialWeights(networksOf(settings, spaces), settings, (name) => [
    RandomStream.named(3, name),
  ]);
  const moved = (x: tf.Tensor2D, name: string) =>
    tf.add(x, tf.mul(upload(normals(4, name, x.shape)), 0.2)) as tf.Tensor2D;
  const learnt = Object.fromEntries(
    GROUPS.map((group) => {
      const { parameters, moments } = fresh.learnt[group];
      return [group, { parameters: moved(parameters, group), moments }];
    }),
  ) as Weights['learnt'];
  return {
    ...fresh,
    learnt,
    ...(fresh.actor && { actor: { ...fresh.actor, parameters: moved(fresh.actor.parameters, 'actor') } }),
    target: { ...fresh.target, critic: moved(fresh.target.critic, 'target') },
  };
}

describe('TD-MPC', () => {
  before(async () => {
    await startEngine('wasm');
  });

  test('saved and loaded it goes on to the byte, its plan with it', async () => {
    await assertGoesOn(() => tdmpcIn('Pendulum-v1', [3, 4], tiny({ policyAverage: 0.01 })), [20]);
    await assertGoesOn(() => tdmpcIn('Pendulum-v1', [3, 4], tiny(v1)), [20]);
    await assertGoesOn(() => tdmpcIn('CartPole-v1', [3, 4], enumerating()), [20]);
  });

  test('evaluation plans in the polynomial-decay average of what acts, which learning does not see', async () => {
    const run = tdmpcIn('Pendulum-v1', [3], tiny({ policyAverage: 0.2 }));
    const plain = tdmpcIn('Pendulum-v1', [3], tiny());
    for (const name of ['encoder', 'model', 'critic', 'actor']) {
      assert.ok((await run.save()).agents[0]!.arrays[`average.${name}`], name);
    }
    let before: Float32Array | undefined;
    let average: Float32Array | undefined;
    let updates = 0;
    for (let step = 0; step < 20; step++) {
      await run.live(step, step + 1);
      await plain.live(step, step + 1);
      const { arrays } = (await run.save()).agents[0]!;
      const weights = arrays.model!.data as Float32Array;
      assert.deepEqual((await plain.save()).agents[0]!.arrays.model!.data, weights);
      const mean = arrays['average.model']!.data as Float32Array;
      if (before && weights.some((weight, i) => weight !== before![i])) {
        const rate = Math.max(0.2, 9 / (++updates + 8));
        assertClose(
          mean,
          average!.map((mean, i) => mean + rate * (weights[i]! - mean)),
          1e-6,
          `update ${updates}`,
        );
      }
      [before, average] = [weights, mean];
    }
    assert.ok(updates > 3);
    for (const { agent } of [run, plain]) {
      await agent.drainLosses();
      agent.dispose();
    }
  });

  test('members side by side learn what each learns alone', async () => {
    for (const [environment, kinds] of [
      ['Pendulum-v1', [tiny({ gamma: 0.9 }), tiny({ gamma: 0.9, optimizer: { learningRate: 0.01 } })]],
      ['CartPole-v1', [tiny({ actor: { choices: 'learned' } }), tiny({ actor: { choices: 'learned' } })]],
    ] as const) {
      const together = tdmpcIn(environment, [5, 6], ...kinds);
      await together.live(0, 24);
      const { agents } = await together.save();
      await together.agent.drainLosses();
      together.agent.dispose();
      for (const [member, seed] of [5, 6].entries()) {
        const alone = tdmpcIn(environment, [seed], kinds[member]!);
        await alone.live(0, 24);
        const [own] = (await alone.save()).agents;
        for (const [name, { data }] of Object.entries(own!.arrays)) {
          assertClose(agents[member]!.arrays[name]!.data, data, 1e-5, `${name} of seed ${seed}`);
        }
        await alone.agent.drainLosses();
        alone.agent.dispose();
      }
    }
  });

  test('updates with planning leave no tensor behind', async () => {
    const before = tf.memory().numTensors;
    for (const run of [tdmpcIn('Pendulum-v1', [1], tiny()), tdmpcIn('CartPole-v1', [1], enumerating())]) {
      await run.live(0, 16);
      await run.agent.drainLosses();
      const held = tf.memory().numTensors;
      await run.live(16, 40);
      await run.agent.drainLosses();
      assert.equal(tf.memory().numTensors, held);
      run.agent.dispose();
    }
    assert.equal(tf.memory().numTensors, before);
  });

  test('plays what it has planned, and as the online policy what its actor says or the largest value', async () => {
    for (const [environment, settings] of [
      ['Pendulum-v1', tiny()],
      ['CartPole-v1', enumerating()],
    ] as const) {
      const { agent, live } = tdmpcIn(environment, [7], settings);
      await live(0, 30);
      const entry = environmentEntry(environment);
      const { observation } = heldOutSet(entry);
      const size = agentSpaces(entry).observation;
      const rows = 16;
      const situation = {
        observations: Float32Array.from(observation.subarray(0, rows * size)),
        carry: new Float32Array(rows * agent.carrySize).fill(0.25),
        noise: RandomStream.named(1, 'noise').fillUniform(
          new Float32Array(rows * agent.noise.greedy.reduce((sum, { size }) => sum + size, 0)),
        ),
      };
      const [planned, unplanned] = [
        await agent.act(situation, 'average', 'greedy'),
        await agent.act(situation, 'online', 'greedy'),
      ];
      if (environment === 'Pendulum-v1') assert.notDeepEqual(planned.actions, unplanned.actions);
      assert.deepEqual(unplanned.carry, situation.carry);
      const other = { ...situation, noise: situation.noise.map((x) => 1 - x) };
      assert.deepEqual((await agent.act(other, 'online', 'greedy')).actions, unplanned.actions);
      await agent.drainLosses();
      agent.dispose();
    }
  });

  test('what a window has after its episode counts nothing, and nothing else is changed by it', () => {
    const settings = tiny();
    const spaces = agentSpaces(environmentEntry('Pendulum-v1'));
    const context = { networks: networksOf(settings, spaces), settings, spaces };
    tf.tidy(() => {
      const weights = randomWeights(settings, spaces);
      const noise = randomNoise(spaces.actions);
      const [windows, others] = [randomWindows('one', spaces), randomWindows('other', spaces)];
      // The first window's episode ends with its first step, the second one's with its second.
      const begins = tf.tensor3d([0, 1, 0, 0, 0, 1, 0, 0, 0], [1, 3, 3]);
      const terminated = tf.tensor3d([1, 0, 0, 0, 0, 0, 0, 0, 0], [1, 3, 3]);
      const later = tf.tensor3d([0, 1, 1, 0, 0, 1, 0, 0, 0], [1, 3, 3]);
      const mixed = <T extends tf.Tensor>(own: T, other: T): T => {
        const mask = own.rank === 3 ? later : tf.expandDims(later, 3);
        return tf.add(tf.mul(own, tf.sub(1, mask)), tf.mul(other, mask)) as T;
      };
      const cut = (from: Windows): Windows => ({
        observation: mixed(windows.observation, from.observation),
        nextObservation: mixed(windows.nextObservation, from.nextObservation),
        action: mixed(windows.action, from.action),
        reward: mixed(windows.reward, from.reward),
        terminated,
        first: begins,
      });
      const [one, other] = [cut(windows), cut(others)].map((x) => modelGradients(context, weights, x, noise));
      const wholeWindows = { ...windows, terminated };
      const whole = modelGradients(context, weights, wholeWindows, noise);
      for (const group of GROUPS) {
        assertClose(read(one!.gradient[group]), read(other!.gradient[group]), 1e-6, group);
        assert.notDeepEqual(read(one!.gradient[group]), read(whole.gradient[group]));
      }
      const { mask, discounted } = stepWeights({ first: begins }, 0.5);
      assert.deepEqual([...read(mask)], [1, 0, 0, 1, 1, 0, 1, 1, 1]);
      assert.deepEqual([...read(discounted)], [1, 0, 0, 1, 0.5, 0, 1, 0.5, 0.25]);
    });
  });

  test("the value's gradient reaches encoder and dynamics only where it is to shape them", () => {
    const spaces = agentSpaces(environmentEntry('Pendulum-v1'));
    const onlyValue = { model: { weights: { consistency: 0, reward: 0, continue: 0 } } };
    for (const shapesModel of [true, false]) {
      const settings = tiny(onlyValue, { critic: { shapesModel } });
      const context = { networks: networksOf(settings, spaces), settings, spaces };
      tf.tidy(() => {
        const given = [randomWeights(settings, spaces), randomWindows('one', spaces)] as const;
        const { gradient } = modelGradients(context, ...given, randomNoise(spaces.actions));
        const moves = (group: 'encoder' | 'model' | 'critic') => read(gradient[group]).some((x) => x !== 0);
        assert.deepEqual(GROUPS.map(moves), [shapesModel, shapesModel, true]);
      });
    }
  });

  test('gradients are those of finite differences, windows that end included', async () => {
    await startEngine('cpu');
    for (const [environment, settings] of [
      ['Pendulum-v1', tiny()],
      ['Pendulum-v1', tiny(v1)],
      ['CartPole-v1', tiny({ actor: { choices: 'learned', entropy: 0.3 } })],
    ] as const) {
      const spaces = agentSpaces(environmentEntry(environment));
      const networks = networksOf(settings, spaces);
      const context = { networks, settings, spaces };
      tf.tidy(() => {
        const weights = randomWeights(settings, spaces);
        const windows = {
          ...randomWindows('one', spaces),
          first: tf.tensor3d([0, 1, 0, 0, 0, 1, 0, 0, 0], [1, 3, 3]),
        };
        const noise = randomNoise(spaces.actions);
        const { gradient, latents } = modelGradients(context, weights, windows, noise);
        const check = (
          at: tf.Tensor2D,
          gradient: tf.Tensor,
          lossAt: (x: tf.Tensor2D) => tf.Tensor,
          what: string,
        ) => {
          const direction = upload(normals(5, what, at.shape));
          const unit = tf.div(direction, tf.norm(direction));
          const step = 2e-2;
          const [ahead, behind] = [step, -step].map((h) => read(lossAt(tf.add(at, tf.mul(unit, h))))[0]!);
          const slope = read(tf.sum(tf.mul(gradient, unit)))[0]!;
          const found = (ahead! - behind!) / (2 * step);
          const scale = Math.max(read(tf.norm(gradient))[0]!, 1e-3);
          assert.ok(Math.abs(found - slope) < 0.02 * scale, `${what}: ${found}, ${slope} of ${scale}`);
        };
        for (const group of GROUPS) {
          // Targets are constants: only what they do not depend on is moved, the critic, or their weights stay.
          if (group === 'encoder') continue;
          check(
            weights.learnt[group].parameters,
            gradient[group],
            (parameters) => {
              const learnt = { ...weights.learnt, [group]: { ...weights.learnt[group], parameters } };
              return modelGradients(context, { ...weights, learnt }, windows, noise).terms.loss!;
            },
            `${group} on ${environment}`,
          );
        }
        const critic = networks.criticLayout.unpack(weights.learnt.critic.parameters);
        const { mask } = stepWeights(windows, settings.rho);
        const sample = { pair: noise.actorPair, action: noise.actorAction! };
        // S follows the values, and is a constant to the gradient.
        const fixed = { ...settings, actor: { ...settings.actor, scaleRate: 0 } };
        const lossAt = (flatActor: tf.Tensor2D) => {
          const actor = networks.actor!.layout.unpack(flatActor);
          return actorLoss(networks, { critic, actor }, latents, mask, sample, weights.scale, fixed).loss;
        };
        const actorGradient = tf.grad((x) => tf.sum(lossAt(x as tf.Tensor2D)))(weights.actor!.parameters);
        check(weights.actor!.parameters, actorGradient, lossAt, `actor on ${environment}`);
      });
    }
    await startEngine('wasm');
  });

  test('two heads are always different ones, and every pair comes', () => {
    tf.tidy(() => {
      const heads = 4;
      const count = 400;
      const noise = tf.tensor3d(RandomStream.named(1, 'pairs').fillUniform(new Float32Array(2 * count)), [
        1,
        count,
        2,
      ]);
      const mask = tf.transpose(tf.squeeze(twoHeads(noise, heads), [0])).arraySync() as number[][];
      const pairs = mask.map((row) => row.flatMap((x, head) => (x === 1 ? [head] : [])).join());
      assert.deepEqual([...new Set(pairs)].sort(), ['0,1', '0,2', '0,3', '1,2', '1,3', '2,3']);
    });
  });

  test('keys that do not go together are named with their place', () => {
    const cases: [string, RegExp][] = [
      ['model: { latent: 10, simNorm: 4 }', /c\.yaml:3:31: .*model\.simNorm must divide model\.latent/],
      ['critic: { heads: 1 }', /c\.yaml:3:18: critic\.heads: .*2/],
      ['twoHot: { limit: -3 }', /c\.yaml:3:18: twoHot\.limit/],
      ['planner: { policyTrajectories: 3 }', /c\.yaml:3:32: .*policyTrajectories needs an actor/],
      ['planner: { name: enumeration, horizon: 11 }', /c\.yaml:3:40: .*enumeration/],
    ];
    for (const [keys, message] of cases) {
      const text = `method: tdmpc\nenvironment: CartPole-v1\n${keys}\n`;
      assert.throws(() => loadExperiment({ file: 'c.yaml', text }), message, keys);
    }
  });
});

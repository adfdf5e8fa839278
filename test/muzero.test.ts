import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { loadExperiment } from '../src/config/load.ts';
import { startEngine } from '../src/engine/engine.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { muzero } from '../src/methods/muzero/agent.ts';
import { SearchedSteps } from '../src/methods/muzero/replay.ts';
import { extraHeads, type MuzeroSettings, muzeroSettings } from '../src/methods/muzero/settings.ts';
import { lossGradient, uploadUnrolled } from '../src/methods/muzero/update.ts';
import { initialWeights } from '../src/methods/muzero/weights.ts';
import { valueEquivalentModel } from '../src/models/value-equivalent/model.ts';
import { valueEquivalentNetworks } from '../src/models/value-equivalent/networks.ts';
import { RandomStream } from '../src/random/stream.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import type { Step } from '../src/training/environment-steps.ts';
import { heldOutSet } from '../src/training/held-out.ts';
import { agentIn, assertAlone, assertGoesOn, assertLeavesNothing } from './support/dreamer-runs.ts';
import { read } from './support/reference.ts';
import { assertClose, normals, upload } from './support/tensors.ts';

type Keys = Record<string, unknown>;

/** A MuZero too small to learn, but with every part. */
const tiny = (changes: Keys = {}): MuzeroSettings =>
  muzeroSettings.parse({
    ...{ randomSteps: 12, updateEvery: 2, unroll: 2, returns: { steps: 3 } },
    replay: { capacity: 40, batch: 4 },
    model: { latent: 5, hidden: [6], encoderHidden: [7], projection: 12, support: 18 },
    search: { name: 'gumbel', simulations: 3 },
    encoder: { channels: 2 },
    ...changes,
  });

/** What MuZero had first: pUCT, values of the search, prioritised replay; and most of what came later. */
const first = {
  search: { name: 'puct', simulations: 3 },
  returns: { steps: 3, bootstrap: 'search' },
  replay: { capacity: 24, batch: 4, prioritised: true },
  reanalyse: 0.5,
};
const efficient = {
  predict: { self: 2, continue: 0.5, observation: 1 },
  selfTarget: 'average',
  reanalyse: 1,
};
const kinds: Keys[] = [{}, first, efficient];

const muzeroIn = (environment: string, seeds: readonly number[], ...settings: MuzeroSettings[]) =>
  agentIn(muzero.create, environment, seeds, settings);

describe('MuZero', () => {
  before(async () => {
    await startEngine('wasm');
  });

  test('saved and loaded it goes on to the byte, what searches found and priorities with it', async () => {
    for (const keys of kinds) await assertGoesOn(() => muzeroIn('CartPole-v1', [3, 4], tiny(keys)), [19]);
    await assertGoesOn(() => muzeroIn('MinAtar/Breakout-v0', [3, 4], tiny(efficient)), [20]);
  });

  test('members side by side learn what each learns alone', async () => {
    for (const keys of kinds) {
      const settings = tiny(keys);
      const faster = { ...settings, optimizer: { ...settings.optimizer, learningRate: 0.01 } };
      await assertAlone((seeds, of) => muzeroIn('Acrobot-v1', seeds, ...of), [5, 6], [settings, faster]);
    }
  });

  test('updates, searches and reanalysis leave no tensor behind', async () => {
    for (const keys of kinds) await assertLeavesNothing(() => muzeroIn('CartPole-v1', [1], tiny(keys)));
  });

  test('its models are measured in the same columns whether they decode or not', async () => {
    const entry = environmentEntry('CartPole-v1', { distractors: 2 });
    const [heldOut, episode] = [heldOutSet(entry), { ...heldOutSet(entry) }];
    for (const keys of [{}, efficient]) {
      const agent = muzero.create([{ seed: 3, settings: tiny(keys) }], agentSpaces(entry));
      const tensors = tf.memory().numTensors;
      const [row] = await agent.diagnose(() => heldOut, [episode], [0]);
      assert.equal(tf.memory().numTensors, tensors);
      assert.deepEqual(Object.keys(row!), agent.diagnostics);
      assert.equal('prediction_mse' in row!, keys === efficient);
      const probed = ['x', 'x_dot', 'theta', 'theta_dot'].map((name) => row![`probe_r2_${name}`]!);
      for (const r2 of probed) assert.ok(r2 <= 1, `${r2}`);
      for (const column of [
        'reward_mse',
        'value_equivalence_5',
        'effective_rank',
        'latent_std',
        'probe_r2',
      ]) {
        assert.ok(Number.isFinite(row![column]), column);
      }
      agent.dispose();
    }
  });

  test('plays what it has searched for, and as the online policy what its policy head says', async () => {
    const { agent, live } = muzeroIn('Acrobot-v1', [7], tiny({ search: { simulations: 12 } }));
    await live(0, 34);
    const entry = environmentEntry('Acrobot-v1');
    const { observation, actions } = agentSpaces(entry);
    const rows = 32;
    const situation = {
      observations: Float32Array.from(heldOutSet(entry).observation.subarray(0, rows * observation)),
      carry: new Float32Array(rows * agent.carrySize),
      noise: new Float32Array(),
    };
    const searched = await agent.act(situation, 'average', 'greedy');
    assert.deepEqual(await agent.act(situation, 'average', 'greedy'), searched);
    const unsearched = await agent.act(situation, 'online', 'greedy');
    assert.notDeepEqual(searched.actions, unsearched.actions);
    assert.deepEqual(unsearched.carry, situation.carry);
    const policy = (await agent.save())[0]!.arrays.model!.data;
    tf.tidy(() => {
      const { model, encoder } = tiny();
      const extra = { self: false, continue: false, observation: false };
      const networks = valueEquivalentNetworks(model, extra, encoder, agentSpaces(entry));
      const flat = tf.tensor2d(policy as Float32Array, [1, policy.length]);
      const own = valueEquivalentModel(networks, networks.layout.unpack(flat));
      const observed = tf.tensor3d(situation.observations, [1, rows, observation]);
      const latent = own.encode(tf.div(observed, [...entry.observationScale]));
      assert.deepEqual([...read(tf.argMax(own.policy(latent), 2))], [...unsearched.actions]);
    });
    // What is carried on is a policy, and the root's value.
    for (let row = 0; row < rows; row++) {
      const own = searched.carry.subarray(row * agent.carrySize, (row + 1) * agent.carrySize);
      const sum = own.subarray(0, actions).reduce((a, b) => a + b, 0);
      assert.ok(Math.abs(sum - 1) < 1e-5);
    }
    await agent.drainLosses();
    agent.dispose();
  });

  test('a window holds what searches found at its steps, and nothing of the next episode', () => {
    const spaces = agentSpaces(environmentEntry('CartPole-v1'));
    const settings = tiny({ returns: { steps: 2, bootstrap: 'search' }, gamma: 0.5, replay: { batch: 30 } });
    const experience = new SearchedSteps(1, settings, spaces);
    // Episodes of three steps that terminate; step t has the reward t, the root value 10 t and a policy of its own.
    const stepAt = (t: number): Step => ({
      observation: Float32Array.of(t, 0, 0, 0),
      nextObservation: Float32Array.of(t + 0.5, 0, 0, 0),
      action: Int32Array.of(t % 2),
      reward: Float32Array.of(t),
      terminated: Uint8Array.of(Number(t % 3 === 2)),
      first: Uint8Array.of(Number(t % 3 === 0)),
      ended: Uint8Array.of(Number(t % 3 === 2)),
      carry: t === 0 ? new Float32Array(3) : Float32Array.of(t / 100, 1 - t / 100, 10 * t),
    });
    for (let t = 0; t < 30; t++) experience.remember(stepAt(t));
    const batch = experience.sample([RandomStream.named(1, 'windows')]);
    assert.deepEqual([...batch.weight], Array<number>(30).fill(1));
    for (let window = 0; window < 30; window++) {
      const own = (x: ArrayLike<number>, width = 1) =>
        Array.from({ length: 3 * width }, (_, i) => x[window * 3 * width + i]!);
      const t = own(batch.observation, 4)[0]!;
      const left = 3 - (t % 3);
      const within = [0, 1, 2].map((k) => k < left);
      assert.deepEqual(own(batch.acted), within.map(Number));
      assert.deepEqual(
        own(batch.observed),
        [0, 1, 2].map((k) => Number(k <= left)),
      );
      assert.deepEqual(own(batch.valueKnown), [1, 1, 1]);
      assert.deepEqual(own(batch.goesOn), within.map(Number));
      assert.deepEqual(
        own(batch.reward),
        [0, 1, 2].map((k) => (k >= 1 && k <= left ? t + k - 1 : 0)),
      );
      assert.deepEqual(
        own(batch.received),
        [0, 1, 2].map((k) => {
          if (k >= left) return 0;
          const two = t + k + 0.5 * (k + 1 < left ? t + k + 1 : 0);
          return two + (k + 2 < left ? 0.25 * 10 * (t + k + 2) : 0);
        }),
      );
      assert.deepEqual(
        own(batch.policy, 2).filter((_, i) => i % 2 === 0),
        [0, 1, 2].map((k) => (k >= left ? 0 : t + k === 0 ? 0.5 : Math.fround((t + k) / 100))),
      );
      const taken = Array.from({ length: 2 }, (_, k) => batch.action[window * 2 + k]!);
      for (const [k, action] of taken.entries()) if (k < left) assert.equal(action, (t + k) % 2);
      if (left < 2) assert.equal(own(batch.observation, 4)[4], t + left - 0.5);
    }
  });

  test('policies searched for anew take the place of what stood in the replay', async () => {
    for (const reanalyse of [0, 1]) {
      const { agent, learner, live } = muzeroIn('CartPole-v1', [2], tiny({ reanalyse }));
      await live(0, 13);
      const before = structuredClone(learner.save(0).arrays['replay.policy']!.data);
      await live(13, 14);
      const after = learner.save(0).arrays['replay.policy']!.data;
      const changed = before.filter((p, i) => Math.abs(p - after[i]!) > 1e-7).length;
      assert.equal(changed > 0, reanalyse > 0);
      await agent.drainLosses();
      agent.dispose();
    }
  });

  test('windows whose values are far off are drawn more often, and weigh less', async () => {
    const spaces = agentSpaces(environmentEntry('CartPole-v1'));
    const settings = tiny({ replay: { capacity: 12, batch: 400, prioritised: true, beta: 0.5 } });
    const experience = new SearchedSteps(1, settings, spaces);
    const add = (t: number) =>
      experience.remember({
        ...{ observation: Float32Array.of(t, 0, 0, 0), nextObservation: new Float32Array(4) },
        ...{ action: Int32Array.of(0), reward: Float32Array.of(1), terminated: Uint8Array.of(0) },
        ...{ first: Uint8Array.of(Number(t === 0)), ended: Uint8Array.of(0), carry: new Float32Array(3) },
      });
    for (let t = 0; t < 16; t++) add(t);
    const random = [RandomStream.named(1, 'draws')];
    const drawn = () => {
      const { observation, weight } = experience.sample(random);
      return Array.from(weight, (w, i) => ({ start: observation[i * 12]!, weight: w }));
    };
    // A window takes six steps: those from 4 to 10 lie wholly within the twelve that are kept.
    const even = drawn();
    assert.deepEqual(
      [...new Set(even.map(({ start }) => start))].sort((a, b) => a - b),
      [4, 5, 6, 7, 8, 9, 10],
    );
    assert.ok(even.every(({ weight }) => Math.abs(weight - 1) < 1e-6));
    const batch = experience.sample(random);
    for (const i of batch.error.keys()) batch.error[i] = batch.observation[i * 12] === 7 ? -24 : 1;
    experience.revise(batch);
    const skewed = drawn();
    const often = skewed.filter(({ start }) => start === 7);
    assert.ok(Math.abs(often.length / 400 - 24 / 30) < 0.08, `${often.length}`);
    for (const { weight } of often) assert.ok(Math.abs(weight - Math.sqrt(1 / 24)) < 1e-5);
    // A new window has the largest priority there has been.
    add(16);
    const withNew = drawn().filter(({ start }) => start === 11).length;
    assert.ok(Math.abs(withNew / 400 - 24 / 53) < 0.1, `${withNew}`);
  });

  test('the gradient of an update is that of finite differences, over vectors and images', async () => {
    await startEngine('cpu');
    for (const environment of ['CartPole-v1', 'MinAtar/Breakout-v0']) {
      // An observed latent is a constant, and would move with the weights if it were of these.
      const predict = { self: 2, continue: 1, observation: 0.5 };
      const settings = tiny({ predict, selfTarget: 'average' });
      const { learner, agent } = muzeroIn(environment, [6], settings);
      for (let step = 0; step < 30; step++) learner.collectRandomly();
      const spaces = agentSpaces(environmentEntry(environment));
      tf.tidy(() => {
        const { model, encoder } = settings;
        const extra = { self: true, continue: true, observation: true };
        const networks = valueEquivalentNetworks(model, extra, encoder, spaces);
        const context = { networks, settings, spaces };
        const batch = uploadUnrolled(learner.sample(), settings, spaces);
        const { learnt, average } = initialWeights(networks.layout, [RandomStream.named(3, 'weights')]);
        // Heads begin at 0, where nothing would reach the latents.
        const noise = upload(normals(4, 'heads', learnt.parameters.shape));
        const at = tf.add<tf.Tensor2D>(learnt.parameters, tf.mul(noise, 0.2));
        const lossAt = (parameters: tf.Tensor2D) =>
          lossGradient(context, { learnt: { ...learnt, parameters }, average }, batch);
        const { gradient } = lossAt(at);
        // The dynamics' gradient is halved on its way back, so that only what no dynamics lies before is its slope.
        const whole = networks.layout.join(
          networks.layout.specs.map(({ name, shape }, i) => {
            const isHead = !/^(encoder|dynamics)/.test(name);
            const values = normals(5, name, [1, networks.layout.sizes[i]!]);
            return isHead ? upload(values) : tf.zeros([1, ...shape]);
          }),
        );
        const direction = tf.div<tf.Tensor2D>(whole, tf.norm(whole));
        const step = 1e-2;
        const [ahead, behind] = [step, -step].map(
          (h) => read(lossAt(tf.add(at, tf.mul(direction, h))).terms.loss!)[0]!,
        );
        const slope = read(tf.sum(tf.mul(gradient, direction)))[0]!;
        const found = (ahead! - behind!) / (2 * step);
        assert.ok(Math.abs(found - slope) < 0.01 * Math.abs(slope), `${environment}: ${found}, ${slope}`);
        const moves = networks.layout.specs.map(({ name }, i) => [
          name,
          read(networks.layout.split(gradient)[i]!).some((x) => x !== 0),
        ]);
        assert.deepEqual(
          moves.filter(([, isMoved]) => !isMoved),
          [],
        );
      });
      agent.dispose();
    }
    await startEngine('wasm');
  });

  test("a loss's gradient reaches encoder and dynamics only where it is to shape them", () => {
    const spaces = agentSpaces(environmentEntry('CartPole-v1'));
    const names = ['policy', 'value', 'reward', 'continue', 'self', 'observation'] as const;
    const nothing = Object.fromEntries(names.map((name) => [name, 0]));
    for (const name of names) {
      for (const shapes of [true, false]) {
        const settings = tiny({
          predict: { ...nothing, [name]: 1 },
          shapesModel: names.filter((other) => other !== name || shapes),
        });
        const { learner, agent } = muzeroIn('CartPole-v1', [6], settings);
        for (let step = 0; step < 30; step++) learner.collectRandomly();
        tf.tidy(() => {
          const extra = extraHeads(settings);
          const networks = valueEquivalentNetworks(settings.model, extra, { channels: 1 }, spaces);
          const { layout } = networks;
          const weights = initialWeights(layout, [RandomStream.named(3, 'weights')]);
          const noise = upload(normals(4, 'heads', weights.average.shape));
          const parameters = tf.add<tf.Tensor2D>(weights.average, tf.mul(noise, 0.2));
          const { gradient } = lossGradient(
            { networks, settings, spaces },
            { ...weights, learnt: { ...weights.learnt, parameters } },
            uploadUnrolled(learner.sample(), settings, spaces),
          );
          const moves = (part: string) => read(layout.slice(gradient, part)).some((x) => x !== 0);
          const head = { self: 'predictor', observation: 'decoder' }[name as string] ?? name;
          assert.deepEqual([moves('encoder'), moves('dynamics'), moves(head)], [shapes, shapes, true], name);
        });
        agent.dispose();
      }
    }
  });

  test('a continue head learns whether steps terminate, past an end too', () => {
    const spaces = agentSpaces(environmentEntry('CartPole-v1'));
    const settings = tiny({
      predict: { policy: 0, value: 0, reward: 0, continue: 1 },
      replay: { capacity: 40, batch: 30 },
    });
    const { learner, agent } = muzeroIn('CartPole-v1', [6], settings);
    for (let step = 0; step < 40; step++) learner.collectRandomly();
    const batch = learner.sample();
    const after = [...batch.goesOn.keys()].filter((at) => at % 3 > 0 && batch.rewardKnown[at] === 1);
    const shares = [0, 1].map(
      (goesOn) => after.filter((at) => batch.goesOn[at] === goesOn).length / (30 * 2),
    );
    assert.ok(shares[0]! > 0 && shares[1]! > 0, `${shares}`);
    tf.tidy(() => {
      const networks = valueEquivalentNetworks(settings.model, extraHeads(settings), { channels: 1 }, spaces);
      const { layout } = networks;
      const weights = initialWeights(layout, [RandomStream.named(3, 'weights')]);
      const logit = 1.5;
      // A head that begins at 0 says its bias.
      const parameters = layout.join(
        layout.specs.map(({ name, shape }, i) =>
          name === 'continue.1.bias'
            ? tf.fill([1, ...shape], logit)
            : tf.reshape(layout.split(weights.average)[i]!, [1, ...shape]),
        ),
      );
      const { terms } = lossGradient(
        { networks, settings, spaces },
        { ...weights, learnt: { ...weights.learnt, parameters } },
        uploadUnrolled(batch, settings, spaces),
      );
      const losses = [logit, -logit].map((x) => Math.log1p(Math.exp(x)));
      assertClose(read(terms.continue!), [shares[0]! * losses[0]! + shares[1]! * losses[1]!], 1e-5);
      assertClose(read(terms.loss!), read(terms.continue!), 1e-6);
    });
    agent.dispose();
  });

  test('an unstopped target is the same loss, and moves what is observed', () => {
    const spaces = agentSpaces(environmentEntry('CartPole-v1'));
    const predict = { policy: 0, value: 0, reward: 0, self: 1 };
    const gradients = (selfTarget: string, projection: number, shapes = true) =>
      tf.tidy(() => {
        const { model } = tiny();
        const shapesModel = [shapes ? 'self' : 'reward'];
        const settings = tiny({ predict, selfTarget, shapesModel, model: { ...model, projection } });
        const { learner, agent } = muzeroIn('CartPole-v1', [6], settings);
        for (let step = 0; step < 30; step++) learner.collectRandomly();
        const networks = valueEquivalentNetworks(
          settings.model,
          extraHeads(settings),
          { channels: 1 },
          spaces,
        );
        const weights = initialWeights(networks.layout, [RandomStream.named(3, 'weights')]);
        const batch = uploadUnrolled(learner.sample(), settings, spaces);
        const { gradient, terms } = lossGradient({ networks, settings, spaces }, weights, batch);
        const of = (part: string) => [...read(networks.layout.slice(gradient, part))];
        const found = {
          loss: [...read(terms.loss!)],
          ...{ encoder: of('encoder'), dynamics: of('dynamics') },
          ...(projection > 0 && { projector: of('projector'), predictor: of('predictor') }),
        };
        agent.dispose();
        return found;
      });
    for (const projection of [0, 12]) {
      const [stopped, unstopped] = ['online', 'unstopped'].map((target) => gradients(target, projection));
      assertClose(unstopped!.loss, stopped!.loss, 1e-6);
      assertClose(unstopped!.dynamics, stopped!.dynamics, 1e-6);
      assert.notDeepEqual(unstopped!.encoder, stopped!.encoder);
      if (projection > 0) assert.notDeepEqual(unstopped!.projector, stopped!.projector);
    }
    const unshaping = gradients('unstopped', 12, false);
    assert.ok([...unshaping.encoder, ...unshaping.dynamics].every((x) => x === 0));
    assert.ok(unshaping.projector!.some((x) => x !== 0));
  });

  test('keys that do not go together are named with their place', () => {
    const cases: [string, RegExp][] = [
      [
        'model: { support: 10 }',
        /c\.yaml:2:19: model\.support must be at least 18 with this gamma: values reach .* = 333 times/,
      ],
      ['gamma: 0.9999', /c\.yaml:2:8: model\.support must be at least 110 /],
      ['search: { considered: 3 }', /c\.yaml:2:23: search\.considered must not exceed the choices/],
      ['search: { simulations: 0 }', /c\.yaml:2:24: search\.simulations: .*1/],
      ['search: { c1: 2 }', /c\.yaml:2:11: .*c1/],
      ['randomSteps: 15', /c\.yaml:2:14: randomSteps must be at least unroll \+ returns\.steps \+ 1/],
      ['replay: { capacity: 12 }', /c\.yaml:2:21: replay\.capacity must be at least unroll/],
      ['environment: Pendulum-v1', /c\.yaml:2:14: .*method muzero takes no continuous actions/],
      [
        'predict: { policy: 0, value: 0, reward: 0 }',
        /^UserError: c\.yaml:2:20: predict must give something that shapesModel names a weight above 0, or nothing is left for encoder and dynamics to learn from \(predict\.policy is 0, .*, shapesModel is policy,value,.*\)$/,
      ],
      [
        'shapesModel: [self, observation]',
        /c\.yaml:2:14: predict must give something that shapesModel names/,
      ],
      ['predict: { self: 1, policy: 0 }\nshapesModel: [policy]', /c\.yaml:2:29: predict must give/],
      ['shapesModel: []', /c\.yaml:2:14: shapesModel: expected a list of 1 to 6 items, each policy, value, /],
      ['shapesModel: [policies]', /c\.yaml:2:15: shapesModel\[0\]: expected policy, value, /],
      [
        'distractors: 2\nenvironment: MinAtar/Breakout-v0',
        /c\.yaml:2:14: .*distractors are appended to vectors/,
      ],
    ];
    for (const [keys, message] of cases) {
      assert.throws(
        () => loadExperiment({ file: 'c.yaml', text: `method: muzero\n${keys}\n` }),
        message,
        keys,
      );
    }
  });
});

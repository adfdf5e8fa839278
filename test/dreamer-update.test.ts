import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { startEngine } from '../src/engine/engine.ts';
import { scope } from '../src/engine/scope.ts';
import { size } from '../src/engine/size.ts';
import type { Space } from '../src/envs/spaces.ts';
import { modelFlow } from '../src/methods/dreamer/flow.ts';
import {
  byGroup,
  GROUPS,
  type Group,
  initialWeights,
  networks,
  trainedOf,
  worldModel,
} from '../src/methods/dreamer/networks.ts';
import { dreamerSettings } from '../src/methods/dreamer/settings.ts';
import { type Gradients, gradients } from '../src/methods/dreamer/update.ts';
import { latentFamily } from '../src/models/rssm/latent.ts';
import type { ImageShape } from '../src/nn/convolution.ts';
import { RandomStream } from '../src/random/stream.ts';
import type { AgentSpaces } from '../src/training/agent-spaces.ts';
import { freshOptimised } from '../src/training/optimise.ts';
import { frozenLoss, type UpdateCase } from './support/frozen-update.ts';
import { assertMeasured, measured } from './support/measured-flow.ts';
import { read } from './support/reference.ts';
import { assertClose, normals, upload } from './support/tensors.ts';

const choices: Space = { kind: 'discrete', n: 3 };
const box: Space = { kind: 'box', low: [-2, -1], high: [2, 3], shape: [2] };
const [members, batch, time, horizon] = [2, 2, 5, 3];

/** A case of so many keys, its windows with a termination, a truncation and resets inside. */
function updateCase(
  actionSpace: Space,
  keys: Record<string, object | number | boolean>,
  image?: ImageShape,
): UpdateCase {
  const { model, critic, actor, ...rest } = keys as Record<string, object>;
  const settings = dreamerSettings.parse({
    ...{ horizon, gamma: 0.9, startsPerWindow: 4, twoHot: { bins: 7, limit: 2 }, ...rest },
    model: {
      ...{ stoch: 2, classes: 3, deter: 6, hidden: 5, units: 4, blocks: 2 },
      ...{ encoderLayers: 1, decoderLayers: 1, freeNats: 0, ...model },
    },
    critic: { layers: 1, ...critic },
    actor: { layers: 1, normaliseReturns: false, ...actor },
  });
  const actions = actionSpace.kind === 'box' ? 2 : 3;
  const spaces: AgentSpaces = {
    ...(image
      ? { image, observation: size(image), observationScale: Array(size(image)).fill(1) }
      : { observation: 3, observationScale: [1, 2, 0.5] }),
    ...{ rewardRange: [-2, 2], rewardScale: 2, actionSpace, actions },
  };
  const networksHere = networks(settings, spaces);
  const initial = initialWeights(networksHere, (name) =>
    Array.from({ length: members }, (_, i) => RandomStream.named(i, name)),
  );
  const moved = (x: tf.Tensor2D, name: string) =>
    tf.add(x, tf.mul(0.2, upload(normals(3, name, x.shape)))) as tf.Tensor2D;
  const steps = (name: string) => upload(normals(4, name, [members, batch, time])) as tf.Tensor3D;
  const flags = (...rows: number[][]) => tf.tensor3d([rows, rows.toReversed()]);
  const latent = latentFamily(settings.model);
  const starts = batch * settings.startsPerWindow;
  const ofLatent = (name: string, ...shape: number[]) => {
    const { data } = normals(5, name, shape);
    const random = RandomStream.named(5, name);
    return tf.tensor(latent.noise.distribution === 'uniform' ? random.fillUniform(data) : data, shape);
  };
  const ofActions = [members, starts, horizon, networksHere.head.noise.size];
  return {
    networks: networksHere,
    settings,
    spaces,
    weights: {
      ...initial,
      learnt: byGroup((group) => freshOptimised(moved(initial.learnt[group].parameters, group))),
      slowCritic: moved(initial.slowCritic, 'slow'),
    },
    windows: {
      observation: upload(normals(4, 'o', [members, batch, time, spaces.observation])) as tf.Tensor4D,
      action: tf.tanh(upload(normals(4, 'a', [members, batch, time, actions]))),
      reward: steps('r'),
      first: flags([1, 0, 0, 1, 0], [0, 0, 0, 0, 1]),
      last: flags([0, 0, 1, 0, 0], [0, 0, 0, 1, 0]),
      terminal: flags([0, 0, 1, 0, 0], [0, 0, 0, 0, 0]),
      start: {
        deter: tf.tanh(upload(normals(4, 'h', [members, batch, 6]))),
        stoch: tf.tanh(upload(normals(4, 'z', [members, batch, latent.size]))),
      },
    },
    noise: {
      posterior: ofLatent('posterior', members, batch, time, latent.noise.size),
      prediction: ofLatent('prediction', members, batch, time, latent.noise.size),
      action: upload(normals(5, 'action', ofActions)) as tf.Tensor4D,
      step: ofLatent('step', members, starts, horizon, latent.noise.size) as tf.Tensor4D,
    },
    scalars: { lambda: tf.tensor1d([0.3, 2]), entropy: tf.tensor1d([0.01, 0.2]) },
  };
}

/** The update's gradients; its tensors belong to the scope. */
const gradientsOf = (given: UpdateCase): Gradients =>
  gradients(
    given.networks,
    given.settings,
    given.spaces,
    given.weights,
    given.windows,
    given.noise,
    given.scalars,
  );

const gaussian = { latent: 'gaussian', stoch: 3 };
const asV1 = {
  ...{ ...gaussian, cell: 'gru', blocks: 1, priorLayers: 1, norm: false, activation: 'elu' },
  ...{ rewardHead: 'squared', continueHead: false },
};
const v1Critic = { head: 'squared', slowRegulariser: 0 };

const cases: Record<
  string,
  { space: Space; keys: Record<string, object | number | boolean>; image?: ImageShape }
> = {
  'v3, choices': { space: choices, keys: {} },
  'v3 but for Gaussian states, a clipped box': { space: box, keys: { model: gaussian } },
  'v3 but for Gaussian states, valued as predicted too': {
    space: box,
    keys: { model: { ...gaussian, cell: 'gru', blocks: 1 }, critic: { onPrediction: true } },
  },
  'v3 but for Gaussian states, images': {
    space: choices,
    keys: { model: gaussian, encoder: { channels: 3 } },
    image: [5, 4, 2],
  },
  'v1, images': {
    space: box,
    keys: {
      ...{ lambda: 0, model: asV1, encoder: { channels: 3 }, critic: v1Critic },
      actor: { box: 'squashed', reinforce: 0 },
    },
    image: [4, 5, 1],
  },
  'v1, a squashed box': {
    space: box,
    keys: { lambda: 0, model: asV1, critic: v1Critic, actor: { box: 'squashed', reinforce: 0 } },
  },
  'v2, the targets of the slow critic, γ beside the continue head': {
    space: box,
    keys: {
      ...{ discountInContinue: false, model: { ...asV1, continueHead: true, scaledRewards: true } },
      ...{ critic: { ...v1Critic, slowTarget: true }, actor: { box: 'squashed', reinforce: 0 } },
    },
  },
  'both gradients, no bootstrap, a model that no value shapes': {
    space: box,
    keys: {
      ...{ model: gaussian, critic: { bootstrapsActor: false, shapesModel: false } },
      actor: { box: 'squashed', reinforce: 0.4 },
    },
  },
  'both gradients, straight-through choices': {
    space: choices,
    keys: { actor: { straightThrough: true, reinforce: 0.4 } },
  },
};

/** Groups of weights by which the loss is smooth: choices jump. */
function smoothIn({ settings, spaces }: UpdateCase): readonly Group[] {
  const throughChoices = spaces.actionSpace.kind === 'discrete' && settings.actor.straightThrough;
  if (settings.model.latent === 'gaussian') return GROUPS;
  return throughChoices ? ['critic'] : ['critic', 'actor'];
}

const dot = (x: ArrayLike<number>, y: Float32Array) => y.reduce((sum, value, i) => sum + value * x[i]!, 0);

describe('the update', () => {
  before(async () => {
    await startEngine('wasm');
  });

  for (const [name, { space, keys, image }] of Object.entries(cases)) {
    test(`its gradients are the slope of its loss: ${name}`, () => {
      tf.tidy(() => {
        const given = updateCase(space, keys, image);
        const loss = frozenLoss(given);
        const { gradient, terms } = gradientsOf(given);
        const own = trainedOf(given.weights);
        const value = loss(own);
        if (given.settings.actor.reinforce === 1) {
          const total = read(terms.loss!).reduce((sum, x) => sum + x);
          assertClose([total], read(value), 1e-5, 'the loss itself');
        }
        const slopes = tf.grads((...x: tf.Tensor[]) =>
          loss(byGroup((group) => x[GROUPS.indexOf(group)] as tf.Tensor2D)),
        )(GROUPS.map((group) => own[group]));
        for (const [i, group] of GROUPS.entries()) {
          assertClose(read(gradient[group]), read(slopes[i]!), 2e-5, group);
          assert.ok(read(gradient[group]).some((x) => Math.abs(x) > 1e-3));
        }
        for (const group of smoothIn(given)) {
          // Along the gradient, mixed with anything.
          const slopes = read(gradient[group]);
          const size = Math.hypot(...slopes);
          const random = normals(7, group, [slopes.length]).data;
          const towards = slopes.map((x, i) => x / size + random[i]! / Math.sqrt(slopes.length));
          const at = (distance: number) =>
            scope(() => {
              const step = tf.mul(tf.tensor(towards, own[group].shape), distance);
              return read(loss({ ...own, [group]: tf.add(own[group], step) as tf.Tensor2D }))[0]!;
            });
          const h = 1 / 64;
          const slope = (at(h) - at(-h)) / (2 * h);
          assertClose([dot(slopes, towards) / size], [slope / size], 5e-3, `${group}, finite differences`);
        }
      });
    });
  }

  /** The gradient of the model alone. */
  const ofModel = (given: UpdateCase) => read(gradientsOf(given).gradient.model);
  const isZero = (gradient: Float32Array) => gradient.every((x) => x === 0);
  const nothing = { reconstruction: 0, reward: 0, continue: 0, dynamics: 0, representation: 0 };

  test('actor and critic move the model by nothing but the critic on replayed states', () => {
    tf.tidy(() => {
      for (const [space, model, actor] of [
        [choices, {}, {}],
        [box, gaussian, { box: 'squashed', reinforce: 0 }],
      ] as const) {
        const given = (critic: object, lambda: number) => {
          const keys = { lambda, model: { ...model, weights: nothing }, critic, actor };
          return updateCase(space, keys);
        };
        assert.ok(isZero(ofModel(given({}, 0))), 'dreams');
        for (const onPrediction of [false, true]) {
          assert.ok(isZero(ofModel(given({ shapesModel: false, onPrediction }, 0.3))), 'unshaped');
          const shaped = given({ onPrediction }, 0.3);
          const byParameter = new Map<string, Float32Array>();
          const { layouts } = shaped.networks;
          for (const { name, values } of layouts.model.views(ofModel(shaped))) byParameter.set(name, values);
          const moved = (name: string) => !isZero(byParameter.get(`${name}.weight`)!);
          for (const name of ['encoder.0', 'rssm.gates', 'rssm.posterior.out']) assert.ok(moved(name), name);
          // The prior is on the way to what it predicts alone.
          assert.equal(moved('rssm.prior.out'), onPrediction);
          for (const name of ['decoder.out', 'reward.out', 'continue.out']) assert.ok(!moved(name), name);
        }
      }
    });
  });

  test('below the free nats a KL has no gradient at all, and above each has its own', () => {
    tf.tidy(() => {
      for (const model of [{}, gaussian]) {
        for (const term of ['dynamics', 'representation']) {
          for (const freeNatsOver of ['state', 'mean']) {
            const given = (freeNats: number): UpdateCase => {
              const weights = { ...nothing, [term]: 1 };
              const keys = { ...model, weights, freeNats, freeNatsOver };
              return updateCase(choices, { lambda: 0, model: keys });
            };
            const what = `${term} of each ${freeNatsOver}`;
            assert.ok(isZero(ofModel(given(1000))), what);
            const above = given(0);
            const views = above.networks.layouts.model.views(ofModel(above));
            const moved = new Map(views.map(({ name, values }) => [name, !isZero(values)]));
            assert.equal(moved.get('rssm.prior.out.weight'), term === 'dynamics', what);
            // It moves with the states that the next prior sees, too.
            assert.ok(moved.get('rssm.posterior.out.weight'), what);
          }
        }
      }
    });
  });

  test('a dream from where an episode has ended is silent', () => {
    tf.tidy(() => {
      /** The gradients with a continue head that says so of every state. */
      const where = (logit: number) => {
        const given = updateCase(choices, { lambda: 0 });
        const { layouts } = given.networks;
        const rows = read(given.weights.learnt.model.parameters).slice();
        for (let member = 0; member < members; member++) {
          const own = rows.subarray(member * layouts.model.size, (member + 1) * layouts.model.size);
          for (const { name, values } of layouts.model.views(own)) {
            if (name === 'continue.out.weight') values.fill(0);
            if (name === 'continue.out.bias') values.fill(logit);
          }
        }
        const model = freshOptimised(tf.tensor2d(rows, [members, layouts.model.size]));
        const weights = { ...given.weights, learnt: { ...given.weights.learnt, model } };
        const { gradient } = gradientsOf({ ...given, weights });
        return Math.max(...read(gradient.actor).map(Math.abs), ...read(gradient.critic).map(Math.abs));
      };
      assert.ok(where(-40) < 1e-15);
      assert.ok(where(5) > 1e-3);
    });
  });

  test('fresh heads predict exactly 0, and both kinds of targets are then the same', () => {
    tf.tidy(() => {
      const given = updateCase(choices, {});
      const initial = initialWeights(given.networks, (name) =>
        Array.from({ length: members }, (_, i) => RandomStream.named(i, name)),
      );
      const { layouts } = given.networks;
      const parameters = byGroup((group) => layouts[group].unpack(initial.learnt[group].parameters));
      const model = worldModel(given.networks, given.settings, given.spaces, parameters);
      const features = upload(normals(1, 'features', [members, 50, 12]));
      const predicted = [model.reward({ nextFeatures: features }), model.value!(features)];
      for (const x of predicted) assert.ok(read(x).every((x) => x === 0));

      // Where the slow critic is the critic, it gives the same targets.
      const equal = { ...given.weights, slowCritic: given.weights.learnt.critic.parameters };
      const [fast, slow] = [false, true].map((slowTarget) => {
        const { critic } = given.settings;
        const settings = { ...given.settings, critic: { ...critic, slowTarget } };
        return gradientsOf({ ...given, settings, weights: equal }).gradient;
      });
      for (const group of GROUPS) assertClose(read(slow![group]), read(fast![group]), 1e-6, group);
    });
  });
});

test('measured gradients are the differences that weights make in the update', async () => {
  for (const name of ['v3, choices', 'v3 but for Gaussian states, valued as predicted too']) {
    const given = updateCase(cases[name]!.space, cases[name]!.keys);
    const { networks, settings, spaces, weights, windows, noise, scalars } = given;
    const whole = (changed: object, lambda = scalars.lambda) => {
      const model = { ...settings.model, weights: { ...settings.model.weights, ...changed } };
      const of = gradientsOf({ ...given, settings: { ...settings, model }, scalars: { ...scalars, lambda } });
      return read(of.gradient.model);
    };
    const at = whole({});
    const less = (without: Float32Array) => at.map((x, i) => x - without[i]!);
    const own = whole({}, tf.zerosLike(scalars.lambda));
    const expected = {
      ...Object.fromEntries(
        Object.keys(settings.model.weights).map((term) => [term, less(whole({ [term]: 0 }))]),
      ),
      ...{ model: own, critic: less(own) },
    };
    const measure = (settings: UpdateCase['settings']) =>
      measured(members, { weights, windows, noise, scalars }, (inputs) =>
        modelFlow(networks, settings, spaces, inputs.weights, inputs.windows, inputs.noise, inputs.scalars),
      );
    const found = await measure(settings);
    const size = networks.layouts.model.size;
    for (const [member, rows] of found.entries()) {
      const ofMember = Object.entries(expected).map(([term, flat]) => [
        term,
        flat.slice(member * size, (member + 1) * size),
      ]);
      assertMeasured(rows, networks.layouts.model, Object.fromEntries(ofMember));
    }
    assert.ok(found[0]!.has('critic rssm') && !found[0]!.has('critic decoder'));
    const cut = await measure({ ...settings, critic: { ...settings.critic, shapesModel: false } });
    assert.deepEqual(cut, found);
  }
});

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { startEngine } from '../src/engine/engine.ts';
import { scope } from '../src/engine/scope.ts';
import { petsSettings } from '../src/methods/pets/settings.ts';
import { Bootstrap, type BootstrapSettings } from '../src/models/ensemble/bootstrap.ts';
import { ensembleLoss, ensembleTerms, gaussianNll } from '../src/models/ensemble/losses.ts';
import { ensembleModel } from '../src/models/ensemble/model.ts';
import { ensembleModelSpecs, predict, softlyBounded } from '../src/models/ensemble/network.ts';
import type { EnsembleSettings, TrajectorySampling } from '../src/models/ensemble/settings.ts';
import { noStandardisation } from '../src/models/ensemble/standardisation.ts';
import { rollOut } from '../src/models/roll-out.ts';
import type { Windows } from '../src/models/windows.ts';
import { ParameterLayout } from '../src/nn/parameters.ts';
import { RandomStream } from '../src/random/stream.ts';
import type { AgentSpaces } from '../src/training/agent-spaces.ts';
import type { Step } from '../src/training/environment-steps.ts';
import { processorEngines } from './support/engine-here.ts';
import { flat, type Nested, read, reference, tensor } from './support/reference.ts';
import { assertClose, normals, upload } from './support/tensors.ts';

/** Three networks of two hidden layers; one element, two numbers of an action. */
const probabilistic = reference<{
  layers: { w: Nested[]; b: Nested[] }[];
  input: Nested[];
  target: Nested[];
  mean: Nested;
  logvar: Nested;
  nll: number;
  loss: number;
  gradients: { w: Nested; b: Nested }[];
}>('ensemble.json', 'planning');

const spacesWith = (observation: number): AgentSpaces => ({
  observation,
  observationScale: Array(observation).fill(1),
  rewardRange: [-1, 1],
  rewardScale: 1,
  actionSpace: { kind: 'box', shape: [2], low: [-1, -1], high: [1, 1] },
  actions: 2,
});

function settingsWith(keys: object): EnsembleSettings {
  return petsSettings.parse({ model: keys }).model;
}

/** One member's parameters by name, the others' fresh: [members, size]. */
function weightsOf(layout: ParameterLayout, members: number, known: Record<string, number[]>): tf.Tensor2D {
  const streams = Array.from({ length: members }, (_, i) => RandomStream.named(i, 'weights'));
  const values = read(layout.initialise(streams)).slice();
  const last = values.subarray((members - 1) * layout.size);
  for (const { name, values } of layout.views(last)) if (known[name]) values.set(known[name]);
  return tf.tensor2d(values, [members, layout.size]);
}

const named = (layers: { w: Nested; b: Nested }[]) =>
  Object.fromEntries(
    layers.flatMap(({ w, b }, i) => [
      [`dynamics.${i}.weight`, flat(w)],
      [`dynamics.${i}.bias`, flat(b)],
    ]),
  );

/** The reference for the second of two members, the first one with weights and rows of its own. */
function referenceCase() {
  const spaces = spacesWith(1);
  const settings = settingsWith({
    ...{ networks: 3, layers: 2, units: 5, continueHead: false },
  });
  const layout = new ParameterLayout(ensembleModelSpecs(settings, spaces));
  const weights = weightsOf(layout, 2, named(probabilistic.layers));
  const both = (x: Nested[]) => {
    const own = tensor(x);
    return tf.stack([tf.mul(own, -0.5), own]);
  };
  return {
    spaces,
    settings,
    layout,
    weights,
    input: both(probabilistic.input),
    target: both(probabilistic.target),
  };
}

/** Rows of networks, [members, networks, rows, …], as windows of one step. */
function windowsOf(input: tf.Tensor, target: tf.Tensor, terminated?: tf.Tensor): Windows {
  const steps = (x: tf.Tensor) => tf.reshape(x, [x.shape[0]!, -1, 1, x.shape[3]!]) as tf.Tensor4D;
  const numbers = (x: tf.Tensor) => tf.squeeze(steps(x), [3]) as tf.Tensor3D;
  const size = target.shape[3]! - 1;
  const [observation, action] = tf.split(input, [size, input.shape[3]! - size], 3) as [tf.Tensor, tf.Tensor];
  const [change, reward] = tf.split(target, [size, 1], 3) as [tf.Tensor, tf.Tensor];
  return {
    observation: steps(observation),
    nextObservation: steps(tf.add(observation, change)),
    action: steps(action),
    reward: numbers(reward),
    terminated: terminated ? numbers(terminated) : tf.zerosLike(numbers(reward)),
    first: tf.zerosLike(numbers(reward)),
  };
}

const second = (x: tf.Tensor) => read(tf.slice(x, [1, ...Array(x.rank - 1).fill(0)]));

for (const engine of processorEngines) {
  describe(`a probabilistic ensemble on ${engine}`, () => {
    before(async () => {
      await startEngine(engine);
    });

    test('predicts and learns as the reference does', () => {
      scope(() => {
        const { spaces, settings, layout, weights, input, target } = referenceCase();
        const { mean, logVariance } = predict(layout.unpack(weights), settings, input);
        assertClose(second(mean), flat(probabilistic.mean), 1e-5, 'μ');
        assertClose(second(logVariance), flat(probabilistic.logvar), 1e-5, 'log σ²');
        const terms = (split: tf.Tensor[]) =>
          ensembleTerms(
            layout.named(split),
            settings,
            spaces,
            windowsOf(input, target),
            noStandardisation(2, spaces),
          );
        const own = terms(layout.split(weights));
        assertClose([second(own.nll)[0]!], [probabilistic.nll], 1e-5, 'nll');
        assertClose([second(ensembleLoss(own, settings))[0]!], [probabilistic.loss], 1e-5, 'loss');
        const { grads } = tf.valueAndGrads((...split: tf.Tensor[]) =>
          tf.sum<tf.Scalar>(ensembleLoss(terms(split), settings)),
        )(layout.split(weights));
        const gradients = layout.views(second(layout.join(grads)) as Float32Array);
        const wanted = named(probabilistic.gradients);
        for (const { name, values } of gradients) {
          if (wanted[name]) assertClose(values, wanted[name], 1e-4, `gradient of ${name}`);
        }
        assert.equal(gradients.filter(({ name }) => wanted[name]).length, 6);
      });
    });

    test('gradients equal finite differences, of the bounds and the continue head too', () => {
      scope(() => {
        const spaces = spacesWith(3);
        const settings = settingsWith({
          ...{ networks: 2, layers: 1, units: 4, logVariance: { min: -2, max: 0.5 } },
        });
        const layout = new ParameterLayout(ensembleModelSpecs(settings, spaces));
        const random = (name: string, ...shape: number[]) => upload(normals(1, name, shape));
        const weights = tf.add(weightsOf(layout, 2, {}), tf.mul(0.2, random('weights', 2, layout.size)));
        const windows = windowsOf(
          random('input', 2, 2, 5, 5),
          random('target', 2, 2, 5, 4),
          tf.cast(tf.greater(random('ends', 2, 2, 5, 1), 0.5), 'float32'),
        );
        const standardisation = tf.add(1.5, tf.tanh(random('standardisation', 2, 10)));
        const loss = (x: tf.Tensor) => {
          const parameters = layout.unpack(x as tf.Tensor2D);
          const terms = ensembleTerms(parameters, settings, spaces, windows, standardisation as tf.Tensor2D);
          return tf.sum<tf.Scalar>(ensembleLoss(terms, settings));
        };
        const gradient = read(tf.grad(loss)(weights));
        const step = 1 / 64;
        for (const [i, { name }] of layout.specs.entries()) {
          const direction = new Float32Array(2 * layout.size);
          for (const member of [0, 1]) {
            const own = direction.subarray(member * layout.size, (member + 1) * layout.size);
            const { values } = layout.views(own)[i]!;
            values.set(normals(2 + member, name, [values.length]).data);
          }
          const at = (distance: number) =>
            read(loss(tf.add(weights, tf.mul(tf.tensor(direction, weights.shape), distance))))[0]!;
          const slope = gradient.reduce((sum, g, j) => sum + g * direction[j]!, 0);
          const near = at(step) - at(-step);
          const far = at(2 * step) - at(-2 * step);
          assert.notEqual(slope, 0, name);
          assertClose([slope], [(8 * near - far) / (12 * step)], 2e-3, name);
        }
      });
    });

    test('members side by side learn what each learns alone', () => {
      scope(() => {
        const { spaces, settings, layout, weights, input, target } = referenceCase();
        const gradientOf = (from: number, members: number) => {
          const own = (x: tf.Tensor) => tf.slice(x, [from], [members]);
          const loss = (x: tf.Tensor) =>
            tf.sum<tf.Scalar>(
              ensembleLoss(
                ensembleTerms(
                  layout.unpack(x as tf.Tensor2D),
                  settings,
                  spaces,
                  windowsOf(own(input), own(target)),
                  noStandardisation(members, spaces),
                ),
                settings,
              ),
            );
          return [...read(tf.grad(loss)(own(weights)))];
        };
        assertClose(gradientOf(0, 2), [...gradientOf(0, 1), ...gradientOf(1, 1)], 1e-5);
      });
    });
  });
}

test('log σ² comes near its bounds softly, and passes neither', async () => {
  await startEngine('cpu');
  scope(() => {
    const x = tf.tensor4d([-60, -10, 0, 0.5, 60], [1, 1, 5, 1]);
    const bounded = read(softlyBounded(x, tf.tensor2d([[0.5]]), tf.tensor2d([[-10]])));
    const softplus = (x: number) => Math.log1p(Math.exp(-Math.abs(x))) + Math.max(x, 0);
    const wanted = [-60, -10, 0, 0.5, 60].map((x) => -10 + softplus(0.5 - softplus(0.5 - x) + 10));
    assertClose(bounded, wanted, 1e-5);
    assert.ok(bounded.every((y, i) => y >= -10 && y <= 0.51 && (i === 0 || y > bounded[i - 1]!)));
  });
});

test('of an nll each network has its share, whatever the rows', async () => {
  await startEngine('cpu');
  scope(() => {
    const mean = upload(normals(1, 'mean', [1, 2, 3, 2]));
    const logVariance = upload(normals(1, 'log', [1, 2, 3, 2]));
    const y = upload(normals(1, 'y', [1, 2, 3, 2]));
    const each = Array.from(read(mean), (m, i) => {
      const log = read(logVariance)[i]!;
      return (m - read(y)[i]!) ** 2 * Math.exp(-log) + log;
    });
    const wanted = each.reduce((sum, x) => sum + x / 6, 0);
    assertClose(read(gaussianNll({ mean, logVariance }, y)), [wanted], 1e-5);
  });
});

/**
 * Networks that move the one element by 1, 2, 4, … whatever they see, all but surely: the sum of a trajectory's steps says
 * which network each of them followed.
 */
function countingModel(networks: number, sampling: TrajectorySampling | undefined, noise = 0) {
  const spaces = spacesWith(1);
  const settings = settingsWith({
    ...{ networks, layers: 1, units: 2, continueHead: false },
    logVariance: { min: noise > 0 ? -2 : -30, max: noise > 0 ? 0 : -20, learnt: false },
  });
  const layout = new ParameterLayout(ensembleModelSpecs(settings, spaces));
  const zeros = Object.fromEntries(
    layout.specs.map(({ name, shape }) => [name, Array(shape.reduce((a, b) => a * b)).fill(0)]),
  );
  const steps = Array.from({ length: networks }, (_, k) => [2 ** k, 0, 0, 0]).flat();
  const weights = weightsOf(layout, 1, { ...zeros, 'dynamics.1.bias': steps });
  return ensembleModel(layout.unpack(weights), noStandardisation(1, spaces), settings, spaces, sampling);
}

/** The moves of every particle of some plans, [plans · particles][steps], from noise of a seed. */
function moves(sampling: TrajectorySampling, networks: number, plans: number, horizon: number, seed: number) {
  return scope(() => {
    const model = countingModel(networks, sampling);
    const rows = plans * sampling.particles;
    const start = model.particles!.spread(model.start(tf.zeros([1, plans, 1])));
    const actions = tf.zeros([1, rows, horizon, 2]) as tf.Tensor4D;
    const streams = RandomStream.named(seed, 'steps');
    const size = model.stepNoise!.reduce((sum, { size }) => sum + size, 0);
    const noise = streams.fillUniform(new Float32Array(rows * horizon * size));
    const { features, nextFeatures } = rollOut(
      model,
      start,
      { actions },
      tf.tensor4d(noise, [1, rows, horizon, size]),
    );
    const moved = tf.sub(model.decode(nextFeatures), model.decode(features));
    return (tf.squeeze(moved, [0, 3]).arraySync() as number[][]).map((row) => row.map(Math.round));
  });
}

describe('trajectory sampling', () => {
  before(() => startEngine('cpu'));

  const extents = fc.record({
    networks: fc.integer({ min: 1, max: 5 }),
    each: fc.integer({ min: 1, max: 3 }),
    plans: fc.integer({ min: 1, max: 4 }),
    seed: fc.nat(1000),
  });

  test('TS∞: a particle keeps its network, and every network has as many particles of each plan', () => {
    fc.assert(
      fc.property(extents, ({ networks, each, plans, seed }) => {
        const particles = networks * each;
        const all = moves({ particles, propagation: 'ts-infinity' }, networks, plans, 4, seed);
        for (const [row, steps] of all.entries()) {
          assert.deepEqual(steps, Array(4).fill(2 ** (row % networks)));
        }
      }),
      { numRuns: 15 },
    );
  });

  test('TS1: at each step every network has as many particles of each plan, dealt anew', () => {
    const changed: boolean[] = [];
    fc.assert(
      fc.property(extents, ({ networks, each, plans, seed }) => {
        const particles = networks * each;
        const all = moves({ particles, propagation: 'ts1' }, networks, plans, 6, seed);
        for (let plan = 0; plan < plans; plan++) {
          const own = all.slice(plan * particles, (plan + 1) * particles);
          for (let t = 0; t < 6; t++) {
            const followed = own.map((steps) => Math.log2(steps[t]!)).sort();
            assert.deepEqual(
              followed,
              Array.from({ length: particles }, (_, i) => Math.floor(i / each)),
            );
          }
        }
        if (networks > 2) changed.push(all.some((steps) => new Set(steps).size > 1));
      }),
      { numRuns: 15 },
    );
    assert.ok(changed.length > 2 && changed.every(Boolean), 'particles change their networks');
  });

  test('of one network both are one', () => {
    scope(() => {
      const start = tf.tensor3d([0.3, -0.2, 0.1], [1, 3, 1]);
      const normal = upload(normals(1, 'step', [1, 6, 4, 2]));
      const uniform = upload(normals(1, 'deal', [1, 6, 4, 1]));
      const actions = upload(normals(1, 'action', [1, 6, 4, 2])) as tf.Tensor4D;
      const [kept, dealt] = (['ts-infinity', 'ts1'] as const).map((propagation) => {
        const model = countingModel(1, { particles: 2, propagation }, 1);
        const noise = propagation === 'ts1' ? tf.concat([normal, uniform], 3) : normal;
        const spread = model.particles!.spread(model.start(start));
        return read(rollOut(model, spread, { actions }, noise as tf.Tensor4D).nextFeatures);
      });
      assertClose(kept!, dealt!, 1e-6);
    });
  });

  test('a likeliest step is the mean over networks, a step outside of plans that of one of them', () => {
    scope(() => {
      const model = countingModel(3, undefined);
      const start = model.start(tf.zeros([1, 200, 1]));
      const action = tf.zeros([1, 200, 2]);
      const step = model.stepper();
      assertClose(read(model.decode(step(start, action).features)), Array(200).fill(7 / 3), 1e-6);
      const noise = tf.concat(
        [tf.zeros([1, 200, 2]), tf.reshape(tf.linspace(0, 0.999, 200), [1, 200, 1])],
        2,
      );
      const sampled = read(model.decode(step(start, action, noise).features));
      const wanted = Array.from({ length: 200 }, (_, i) => 2 ** Math.floor((i / 199) * 0.999 * 3));
      assertClose(sampled, wanted, 1e-4);
    });
  });
});

describe('bootstrap samples', () => {
  const spaces = spacesWith(1);
  /** A step to the observation `at`, from the one before, of each member. */
  const stepTo = (at: number, members: number): Step => ({
    observation: new Float32Array(members).fill(at - 1),
    nextObservation: new Float32Array(members).fill(at),
    action: new Float32Array(2 * members).fill(at % 2),
    reward: new Float32Array(members).fill(-at),
    terminated: new Uint8Array(members),
    first: new Uint8Array(members),
    ended: new Uint8Array(members),
    carry: new Float32Array(0),
  });
  const experienceOf = (settings: BootstrapSettings, members: number, networks: number, count: number) => {
    const experience = new Bootstrap(members, networks, settings, spaces);
    for (let at = 1; at <= count; at++) experience.remember(stepTo(at, members));
    return experience;
  };
  const streams = (members: number) =>
    Array.from({ length: members }, (_, i) => RandomStream.named(i, 'replay'));

  test('are as large as the experience, and each network stays with its own until there is more', () => {
    const [networks, batch, count] = [3, 50, 40];
    for (const bootstrap of [true, false]) {
      const settings = { bootstrap, replay: { capacity: 100, batch } };
      const experience = experienceOf(settings, 1, networks, count);
      const random = streams(1);
      const seen = Array.from({ length: networks }, () => new Set<number>());
      const draw = () => {
        const { observation } = experience.sample(random);
        for (const [i, o] of observation.entries()) seen[Math.floor(i / batch)]!.add(o);
      };
      for (let i = 0; i < 40; i++) draw();
      // Of n rows drawn n times with replacement about n (1 − 1/e) are seen: 25 of 40, σ 2.
      for (const own of seen) {
        if (bootstrap) assert.ok(own.size > 16 && own.size < 35, `${own.size}`);
        else assert.equal(own.size, count);
      }
      if (!bootstrap) continue;
      assert.notDeepEqual(seen[0], seen[1]);
      const before = seen.map((own) => new Set(own));
      for (let i = 0; i < 20; i++) draw();
      assert.deepEqual(seen, before);
      experience.remember(stepTo(count + 1, 1));
      for (let i = 0; i < 40; i++) draw();
      assert.ok(seen.every((own, i) => own.size > before[i]!.size));
    }
  });

  test('come with mean and σ of all that is held, the oldest forgotten', () => {
    const settings = { bootstrap: true, replay: { capacity: 10, batch: 2 } };
    const { standardisation } = experienceOf(settings, 2, 2, 14).sample(streams(2));
    // Held are the steps to 5 … 14: o = 4 … 13, both numbers of a 0 or 1.
    const wanted = [8.5, 0.5, 0.5, Math.sqrt(99 / 12), 0.5, 0.5];
    assertClose(standardisation, [...wanted, ...wanted], 1e-6);
  });
});

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { startEngine } from '../src/engine/engine.ts';
import { scope } from '../src/engine/scope.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { simpleSettings } from '../src/methods/simple/settings.ts';
import { inject, straightThroughBits } from '../src/models/discrete-latent/bits.ts';
import {
  bitsLoss,
  discreteLatentLoss,
  discreteLatentTerms,
  trainingNoise,
} from '../src/models/discrete-latent/losses.ts';
import { discreteLatentModel } from '../src/models/discrete-latent/model.ts';
import { discreteLatentSpecs } from '../src/models/discrete-latent/network.ts';
import { bitPrior } from '../src/models/discrete-latent/prior.ts';
import type { DiscreteLatentSettings } from '../src/models/discrete-latent/settings.ts';
import { noStandardisation } from '../src/models/discrete-latent/standardisation.ts';
import { rollOut } from '../src/models/roll-out.ts';
import type { Windows } from '../src/models/windows.ts';
import { linear } from '../src/nn/linear.ts';
import { ParameterLayout, Parameters } from '../src/nn/parameters.ts';
import { RandomStream } from '../src/random/stream.ts';
import { type AgentSpaces, agentSpaces } from '../src/training/agent-spaces.ts';
import { processorEngines } from './support/engine-here.ts';
import { flat, type Nested, ofSecond, read, reference, second } from './support/reference.ts';
import { assertClose, normals, upload } from './support/tensors.ts';

/** Computed in float64 by numpy, gradients checked against central differences: test/fixtures/simple/README.md. */
const bits = reference<
  Record<'x' | 'W' | 'b' | 'Wmul' | 'Wadd' | 'y' | 'flip' | 'upstream' | 'clean' | 'bits' | 'out', Nested> & {
    grad: Record<'x' | 'W' | 'b' | 'Wm' | 'Wa' | 'y', Nested>;
    prior: Record<'logits' | 'target' | 'nll' | 'gradLogits', Nested>;
  }
>('bits.json', 'simple');

const cartPole = agentSpaces(environmentEntry('CartPole-v1'));

function settingsWith(keys: object): DiscreteLatentSettings {
  return simpleSettings.parse({ model: { units: 7, layers: 2, bits: 3, priorUnits: 5, ...keys } }).model;
}

/** A model's parameters of two members, away from where they start. */
function weightsOf(settings: DiscreteLatentSettings, spaces: AgentSpaces) {
  const layout = new ParameterLayout(discreteLatentSpecs(settings, spaces));
  const fresh = layout.initialise([1, 2].map((seed) => RandomStream.named(seed, 'weights')));
  return {
    layout,
    weights: tf.add(fresh, tf.mul(0.1, upload(normals(1, 'more', fresh.shape)))) as tf.Tensor2D,
  };
}

/** Windows of two members, [2, 3, 4, …], whose second one begins an episode at its third step. */
function windowsFor({ observation, actions }: AgentSpaces): Windows {
  const random = (name: string, ...shape: number[]) => upload(normals(1, name, shape));
  const steps: [number, number, number] = [2, 3, 4];
  const first = new Float32Array(24);
  first[4 + 2] = 1;
  first[12 + 4 + 2] = 1;
  return {
    observation: random('o', ...steps, observation) as tf.Tensor4D,
    nextObservation: random('next', ...steps, observation) as tf.Tensor4D,
    action: random('a', ...steps, actions),
    reward: tf.ones(steps),
    terminated: tf.cast(tf.greater(random('ends', ...steps), 0.7), 'float32') as tf.Tensor3D,
    first: tf.tensor3d(first, steps),
  };
}

const uniform = (name: string, ...shape: number[]) =>
  tf.tensor(RandomStream.named(1, name).fillUniform(new Float32Array(shape.reduce((a, b) => a * b))), shape);
const noiseFor = (settings: DiscreteLatentSettings) =>
  uniform('noise', 2, 3, 4, trainingNoise(settings).size);

for (const engine of processorEngines) {
  describe(`discrete latent variables on ${engine}`, () => {
    before(async () => {
      await startEngine(engine);
    });

    test('bits, what they make of a layer, and all gradients equal the reference', () => {
      scope(() => {
        const names = ['x', 'W', 'b', 'Wmul', 'Wadd', 'y'] as const;
        const given = names.map((name) => second(bits[name]));
        const flip = second(bits.flip);
        const upstream = second(bits.upstream);
        const pass = (inputs: tf.Tensor[]) => {
          const [x, W, b, multiply, add, y] = inputs as [
            tf.Tensor,
            tf.Tensor,
            tf.Tensor,
            tf.Tensor,
            tf.Tensor,
            tf.Tensor,
          ];
          const parameters = new Parameters(
            new Map([
              ['to.weight', W],
              ['to.bias', b],
              ['multiply.weight', multiply],
              ['multiply.bias', tf.zeros([2, 6])],
              ['add.weight', add],
              ['add.bias', tf.zeros([2, 6])],
            ]),
          );
          const taken = straightThroughBits(linear(parameters, 'to', x), flip);
          return { taken, out: inject(parameters, y, taken) };
        };
        const { taken, out } = pass(given);
        assert.deepEqual([...ofSecond(taken)], flat(bits.bits));
        assertClose(ofSecond(out), flat(bits.out), 1e-5, 'out');
        const gradients = tf.grads((...inputs: tf.Tensor[]) => tf.sum(tf.mul(pass(inputs).out, upstream)))(
          given,
        );
        for (const [i, name] of (['x', 'W', 'b', 'Wm', 'Wa', 'y'] as const).entries()) {
          assertClose(ofSecond(gradients[i]!), flat(bits.grad[name]), 1e-5, `gradient of ${name}`);
        }
        // What stands in a bit's place changes its value and not its gradient.
        const replaced = tf.onesLike(flip);
        const others = tf.neg(taken);
        const sum = (x: tf.Tensor, with_?: boolean) =>
          tf.sum(
            tf.mul(straightThroughBits(x, flip, with_ ? { bits: others, replaced } : undefined), flip),
          ) as tf.Scalar;
        const x = upload(normals(1, 'x', flip.shape));
        assert.deepEqual(
          read(tf.grad((x: tf.Tensor) => sum(x, true))(x)),
          read(tf.grad((x: tf.Tensor) => sum(x))(x)),
        );
        assert.deepEqual(
          [...read(straightThroughBits(x, flip, { bits: others, replaced }))],
          [...read(others)],
        );
      });
    });

    test("the prior's loss equals the reference", () => {
      scope(() => {
        const target = tf.sub(tf.mul(second(bits.prior.target), 2), 1);
        const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => tf.sum<tf.Scalar>(bitsLoss(x, target)))(
          second(bits.prior.logits),
        );
        assertClose(ofSecond(grad), flat(bits.prior.gradLogits), 1e-5);
        const own = tf.slice(bitsLoss(second(bits.prior.logits), target), [1], [1]);
        assertClose(read(own), flat(bits.prior.nll), 1e-5);
        assert.ok(Number.isFinite(read(value)[0]));
      });
    });

    test('a prior samples by the probabilities that its loss is of, bit after bit', () => {
      scope(() => {
        for (const prior of ['bernoulli', 'lstm'] as const) {
          const settings = settingsWith({ bits: 4, prior });
          const { layout, weights } = weightsOf(settings, cartPole);
          const parameters = layout.unpack(weights);
          const y = upload(normals(1, 'y', [2, 50, 7]));
          const noise = uniform('u', 2, 50, 4);
          const { logits, sample } = bitPrior(settings);
          for (const given of [noise, undefined]) {
            const taken = sample(parameters, y, given);
            const p = read(tf.sigmoid(logits(parameters, y, taken)) as tf.Tensor);
            const u = given ? read(given) : p.map(() => 0.5);
            // Where noise and probability are the same up to rounding, either is right.
            const clear = [...read(taken)].filter((_, i) => Math.abs(p[i]! - u[i]!) > 1e-4);
            const wanted = [...p.keys()]
              .filter((i) => Math.abs(p[i]! - u[i]!) > 1e-4)
              .map((i) => (u[i]! < p[i]! ? 1 : -1));
            assert.deepEqual(clear, wanted, prior);
            assert.ok(clear.length > 300 && new Set(clear).size === 2);
          }
          const direction = upload(normals(2, 'direction', [2, 50, 7]));
          const taken = sample(parameters, y, noise);
          const loss = (x: tf.Tensor) => tf.sum<tf.Scalar>(bitsLoss(logits(parameters, x, taken), taken));
          const at = (h: number) => read(loss(tf.add(y, tf.mul(direction, h))))[0]!;
          const slope = read(tf.sum(tf.mul(tf.grad(loss)(y), direction)))[0]!;
          assertClose([(at(0.002) - at(-0.002)) / 0.004], [slope], 2e-3, prior);
        }
      });
    });

    test('without bits the gradients equal finite differences, of every head', () => {
      scope(() => {
        const pendulum = agentSpaces(environmentEntry('Pendulum-v1'));
        for (const [rewardHead, spaces] of [['classes', cartPole] as const, ['squared', pendulum] as const]) {
          const settings = settingsWith({ bits: 0, rewardHead, endWeight: 3 });
          const { layout, weights } = weightsOf(settings, spaces);
          const windows = windowsFor(spaces);
          const noise = noiseFor(settings);
          const by = noStandardisation(2, spaces);
          // Not warmed up, no input is the model's own: those are constants, which a difference would move.
          const loss = (x: tf.Tensor) => {
            const parameters = layout.unpack(x as tf.Tensor2D);
            const terms = discreteLatentTerms(parameters, settings, spaces, windows, by, noise, tf.scalar(0));
            assert.deepEqual(Object.keys(terms), ['observation', 'reward', 'continue']);
            return tf.sum<tf.Scalar>(discreteLatentLoss(terms, settings));
          };
          const gradient = read(tf.grad(loss)(weights));
          for (const [i, { name }] of layout.specs.entries()) {
            const direction = new Float32Array(2 * layout.size);
            for (const member of [0, 1]) {
              const own = direction.subarray(member * layout.size, (member + 1) * layout.size);
              const { values } = layout.views(own)[i]!;
              values.set(normals(2 + member, name, [values.length]).data);
            }
            const at = (h: number) =>
              read(loss(tf.add(weights, tf.mul(tf.tensor(direction, weights.shape), h))))[0]!;
            const slope = gradient.reduce((sum, g, j) => sum + g * direction[j]!, 0);
            assert.notEqual(slope, 0, name);
            // Small, because of the kinks of ReLU.
            assertClose([(at(2e-4) - at(-2e-4)) / 4e-4], [slope], 5e-3, `${rewardHead} ${name}`);
          }
        }
      });
    });

    test('with every part, members side by side learn what each learns alone', () => {
      scope(() => {
        const settings = settingsWith({ prior: 'lstm', flips: 0.3, ownBits: 0.5, latentUse: 0.7 });
        const { layout, weights } = weightsOf(settings, cartPole);
        const windows = windowsFor(cartPole);
        const noise = noiseFor(settings);
        const gradientOf = (from: number, members: number) => {
          const own = <T extends tf.Tensor>(x: T) => tf.slice(x, [from], [members]) as T;
          const theirs = Object.fromEntries(Object.entries(windows).map(([name, x]) => [name, own(x)]));
          const loss = (x: tf.Tensor) => {
            const parameters = layout.unpack(x as tf.Tensor2D);
            const by = noStandardisation(members, cartPole);
            const terms = discreteLatentTerms(
              parameters,
              settings,
              cartPole,
              theirs as unknown as Windows,
              by,
              own(noise),
              tf.scalar(0.8),
            );
            return tf.sum<tf.Scalar>(discreteLatentLoss(terms, settings));
          };
          return [...read(tf.grad(loss)(own(weights)))];
        };
        assertClose(gradientOf(0, 2), [...gradientOf(0, 1), ...gradientOf(1, 1)], 1e-5);
      });
    });
  });
}

describe('scheduled sampling', () => {
  before(() => startEngine('cpu'));

  test('warmed up, a step is predicted from what the verbs make of the step before, but where an episode starts', () => {
    scope(() => {
      const settings = settingsWith({ bits: 0, scheduledSampling: 1 });
      const { layout, weights } = weightsOf(settings, cartPole);
      const parameters = layout.unpack(weights);
      const by = noStandardisation(2, cartPole);
      const windows = windowsFor(cartPole);
      const noise = noiseFor(settings);
      const lossAt = (warmth: number) =>
        read(
          discreteLatentTerms(parameters, settings, cartPole, windows, by, noise, tf.scalar(warmth))
            .observation,
        );
      const step = discreteLatentModel(parameters, by, settings, cartPole);
      const stepper = step.stepper();
      const squares = (isOwn: (window: number, t: number) => boolean) => {
        const errors = [0, 0];
        const [o, next, a] = [windows.observation, windows.nextObservation, windows.action];
        const at = (x: tf.Tensor, member: number, window: number, t: number) =>
          tf.reshape(tf.slice(x, [member, window, t, 0], [1, 1, 1, x.shape[3]!]), [1, 1, -1]);
        const both = (x: tf.Tensor, window: number, t: number) =>
          tf.concat([at(x, 0, window, t), at(x, 1, window, t)], 0);
        for (const window of [0, 1, 2]) {
          let predicted = both(o, window, 0);
          for (const t of [0, 1, 2, 3]) {
            const input = isOwn(window, t) ? predicted : both(o, window, t);
            predicted = step.decode(stepper(step.start(input as tf.Tensor3D), both(a, window, t)).features);
            const error = read(tf.mean(tf.squaredDifference(predicted, both(next, window, t)), [1, 2]));
            for (const member of [0, 1]) errors[member]! += error[member]! / 12;
          }
        }
        return errors;
      };
      assertClose(
        lossAt(0),
        squares(() => false),
        1e-4,
      );
      assertClose(
        lossAt(1),
        squares((window, t) => t > 0 && !(window === 1 && t === 2)),
        1e-4,
      );
    });
  });
});

describe('the verbs', () => {
  before(() => startEngine('cpu'));

  test('stay finite and near what was seen, whatever the actions and bits', () => {
    const settings = settingsWith({ bits: 2, prior: 'lstm' });
    fc.assert(
      fc.property(fc.nat(1000), (seed) =>
        scope(() => {
          const { layout, weights } = weightsOf(settings, cartPole);
          const wild = tf.mul(weights, 30) as tf.Tensor2D;
          const by = noStandardisation(2, cartPole);
          const model = discreteLatentModel(layout.unpack(wild), by, settings, cartPole);
          const actions = upload(normals(seed, 'actions', [2, 3, 12, 2])) as tf.Tensor4D;
          const start = model.start(upload(normals(seed, 'start', [2, 3, 4])) as tf.Tensor3D);
          const noise = uniform(`steps ${seed}`, 2, 3, 12, 2) as tf.Tensor4D;
          const imagined = rollOut(model, start, { actions }, noise);
          const seen = read(model.decode(imagined.nextFeatures));
          assert.ok(seen.every((x) => Math.abs(x) <= 10));
          assert.ok([...read(model.reward(imagined))].every((r) => r >= -1 && r <= 1));
          assert.deepEqual(model.continues!(imagined.nextFeatures).shape, [2, 3, 12]);
        }),
      ),
      { numRuns: 10 },
    );
  });

  test('actions beyond the box count as the nearest within it', () => {
    scope(() => {
      const pendulum = agentSpaces(environmentEntry('Pendulum-v1'));
      const settings = settingsWith({ bits: 0, rewardHead: 'squared', continueHead: false });
      const { layout, weights } = weightsOf(settings, pendulum);
      const model = discreteLatentModel(
        layout.unpack(weights),
        noStandardisation(2, pendulum),
        settings,
        pendulum,
      );
      assert.equal(model.continues, undefined);
      const from = model.start(upload(normals(1, 'o', [2, 1, 3])) as tf.Tensor3D);
      const after = (a: number) => [...read(model.stepper()(from, tf.fill([2, 1, 1], a)).features)];
      assert.deepEqual(after(3), after(1));
      assert.notDeepEqual(after(0.5), after(1));
    });
  });
});

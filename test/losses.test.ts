import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { startEngine } from '../src/engine/engine.ts';
import { oneHot } from '../src/engine/one-hot.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { advantages, imaginedReturns } from '../src/methods/vae-lstm/imagination.ts';
import {
  baseLoss,
  baseTerms,
  criticLoss,
  type Inference,
  imaginedCriticLoss,
} from '../src/methods/vae-lstm/losses.ts';
import {
  hasCritic,
  networks,
  targetCritic,
  type Weights,
  worldModel,
} from '../src/methods/vae-lstm/networks.ts';
import { type VaeLstmSettings, vaeLstmSettings } from '../src/methods/vae-lstm/settings.ts';
import {
  applyGradients,
  gradients,
  type MemberScalars,
  type UpdateNoise,
} from '../src/methods/vae-lstm/update.ts';
import { actorLoss } from '../src/models/actor-loss.ts';
import { policyOutput } from '../src/models/vae-lstm/actor.ts';
import { value } from '../src/models/vae-lstm/heads.ts';
import type { Windows } from '../src/models/windows.ts';
import type { Imagination } from '../src/models/world-model.ts';
import { biasCorrection } from '../src/nn/adam.ts';
import type { ParameterLayout } from '../src/nn/parameters.ts';
import { RandomStream } from '../src/random/stream.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { freshOptimised } from '../src/training/optimise.ts';
import { memberMean } from '../src/training/reduce.ts';
import { assertClose } from './support/tensors.ts';

const MEMBERS = 2;
const BATCH = 3;
const TIME = 4;
const STARTS = 4;
const HORIZON = 3;
const LATENT = 3;
const LAYERS = 1;
const spaces = agentSpaces(environmentEntry('CartPole-v1'));

type Critic = Partial<VaeLstmSettings['critic']>;

const settingsOf = (critic: Critic = {}, continueHead = true): VaeLstmSettings =>
  vaeLstmSettings.parse({
    horizon: HORIZON,
    imaginationStarts: STARTS,
    gamma: 0.7,
    model: { latent: LATENT, hidden: [4], lstm: 3, reconstructionWeight: 2, latentWeight: 3, continueHead },
    critic: { hidden: [4], ...critic },
    actor: { hidden: [4] },
  });

/** The four arms, and the equations as printed. */
const arms: Record<string, VaeLstmSettings> = {
  baseline: settingsOf({ shapesModel: false, bootstrapsActor: false }),
  'dream critic': settingsOf(),
  'shape only': settingsOf({ bootstrapsActor: false }),
  'bootstrap only': settingsOf({ shapesModel: false }),
  literal: settingsOf({ terminalMask: false, stopGradient: false }, false),
};

/** Every combination of the critic loss's three switches, by name. */
const criticSwitches = [true, false].flatMap((shapesModel) =>
  [true, false].flatMap((stopGradient) =>
    [true, false].map((terminalMask) => ({ shapesModel, stopGradient, terminalMask })),
  ),
);
const criticName = (switches: Critic) =>
  `critic ${Object.entries(switches).map(([name, on]) => `${name} ${on ? 'on' : 'off'}`)}`;

function normals(name: string, shape: number[], scale = 1): tf.Tensor {
  const size = shape.reduce((product, n) => product * n, 1);
  const values = RandomStream.named(1, name).fillNormal(new Float32Array(size));
  return tf.tensor(
    values.map((x) => scale * x),
    shape,
  );
}

/** Weights, windows and noise of two different members; biases are not zero and no layer is small. */
function problem(settings: VaeLstmSettings) {
  const layouts = networks(settings, spaces);
  const steps: [number, number, number] = [MEMBERS, BATCH, TIME];
  const bits = (name: string, every: number) =>
    tf.tensor3d(
      Array.from({ length: MEMBERS * BATCH * TIME }, (_, i) => Number((i * 7 + name.length) % every === 0)),
      steps,
    );
  const weights = {
    model: normals('model', [MEMBERS, layouts.model.size], 0.6) as tf.Tensor2D,
    actor: normals('actor', [MEMBERS, layouts.actor.size], 0.6) as tf.Tensor2D,
    target: hasCritic(settings)
      ? (normals('target', [MEMBERS, layouts.model.only('critic').size], 0.6) as tf.Tensor2D)
      : undefined,
  };
  const observations = normals('observations', [MEMBERS, BATCH, 2 * TIME, 4]) as tf.Tensor4D;
  const [observation, nextObservation] = tf.split(observations, 2, 2) as [tf.Tensor4D, tf.Tensor4D];
  const windows: Windows = {
    observation,
    nextObservation,
    action: oneHot(tf.cast(bits('action', 2), 'int32'), 2),
    reward: normals('reward', steps) as tf.Tensor3D,
    terminated: bits('terminated', 5),
    first: bits('first', 4),
  };
  const posterior = normals('posterior', [MEMBERS, BATCH, 2 * TIME, LATENT]);
  const starts = Array.from({ length: MEMBERS * STARTS }, (_, i) => {
    const member = Math.floor(i / STARTS);
    return member * BATCH * TIME + ((i * 5) % (BATCH * TIME));
  });
  const scalars: MemberScalars = {
    beta: tf.tensor1d([0.9, 0.2]),
    lambda: tf.tensor1d([0.5, 1.7]),
    entropy: tf.tensor1d([0.05, 0.3]),
    learningRate: tf.tensor2d([[1e-3], [3e-2]]),
    actorLearningRate: tf.tensor2d([[3e-4], [1e-2]]),
    policyAverage: tf.tensor2d([[1e-3], [1e-1]]),
  };
  return { settings, layouts, weights, windows, posterior, starts, scalars };
}

type Problem = ReturnType<typeof problem>;

const firstMember = (x: tf.Tensor) => tf.slice(x, [0], [1]);

/** Losses of parameters [members, size], by name: [members] each. */
type Losses = (flat: tf.Tensor2D) => Record<string, tf.Tensor>;

const gradientOf = (loss: (flat: tf.Tensor2D) => tf.Tensor, at: tf.Tensor2D): tf.Tensor2D =>
  tf.grad((flat) => tf.sum(loss(flat as tf.Tensor2D)))(at) as tf.Tensor2D;

/** The second, smaller one is for where a ReLU's kink lies within the first. */
const STEPS = [4e-3, 5e-4];
const TOLERANCE = 4e-3;

/**
 * Compares gradients with central differences of `frozen`, parameter by parameter along a random direction. The error
 * is relative to the norm of the member's gradient there, with the rounding of float32 losses allowed for.
 */
function assertGradients(
  layout: ParameterLayout,
  at: tf.Tensor2D,
  analytic: Record<string, tf.Tensor2D>,
  frozen: Losses,
): void {
  const read = (x: tf.Tensor) => x.dataSync<'float32'>();
  const gradients = Object.entries(analytic).map(([name, gradient]) => ({ name, values: read(gradient) }));
  let offset = 0;
  for (const { name: parameter, shape } of layout.specs) {
    const size = shape.reduce((product, n) => product * n, 1);
    const random = RandomStream.named(1, parameter);
    const directions = Array.from({ length: MEMBERS }, () => {
      const values = random.fillNormal(new Float32Array(size));
      const norm = Math.hypot(...values);
      return values.map((x) => x / norm);
    });
    const direction = new Float32Array(MEMBERS * layout.size);
    for (const [member, own] of directions.entries()) direction.set(own, member * layout.size + offset);
    const slopes = gradients.flatMap(({ name, values }) =>
      directions.map((direction, member) => {
        const start = member * layout.size + offset;
        const own = values.subarray(start, start + size);
        const slope = own.reduce((sum, x, i) => sum + x * direction[i]!, 0);
        return { name, member, slope, norm: Math.hypot(...own) };
      }),
    );
    let wrong = slopes.map((slope) => ({ ...slope, difference: Number.NaN }));
    for (const step of STEPS) {
      tf.tidy(() => {
        const move = tf.mul(tf.tensor2d(direction, [MEMBERS, layout.size]), step);
        const above = frozen(tf.add(at, move));
        const below = frozen(tf.sub(at, move));
        wrong = wrong
          .map((entry) => {
            const [up, down] = [above, below].map((losses) => read(losses[entry.name]!)[entry.member]!);
            const rounding = (2e-7 * Math.max(1, Math.abs(up!))) / step;
            const difference = (up! - down!) / (2 * step);
            return { ...entry, difference, limit: TOLERANCE * entry.norm + rounding };
          })
          .filter(({ difference, slope, limit }) => !(Math.abs(difference - slope) <= limit));
      });
      if (wrong.length === 0) break;
    }
    assert.deepEqual(wrong, [], `gradients with respect to ${parameter}`);
    offset += size;
  }
}

/** Inference at fixed weights stands for what a stop-gradient makes constant. */
function frozenInference(now: Inference, fixed: Inference, { critic }: VaeLstmSettings): Inference {
  if (!critic.shapesModel) return fixed;
  return critic.stopGradient ? { ...now, nextMean: fixed.nextMean } : now;
}

const latentConsistency = (predicted: tf.Tensor, constant: tf.Tensor) =>
  tf.mul(memberMean(tf.squaredDifference(predicted, constant)), LATENT) as tf.Tensor1D;

const baseAt = ({ layouts, windows, posterior, settings }: Problem, flat: tf.Tensor2D) =>
  baseTerms(layouts.model.unpack(flat), layouts.vae, windows, posterior, settings);

/** The base terms with sg(μ′) at its value at fixed weights. */
function frozenBase(problem: Problem, flat: tf.Tensor2D, fixed: Inference) {
  const { terms, inference } = baseAt(problem, flat);
  const consistency = latentConsistency(inference.predictedLatent, fixed.nextMean);
  return { terms: { ...terms, latent_consistency: consistency }, inference };
}

/** The critic loss at `flat` on whatever latents; the problem's own settings unless others are given. */
function critic(problem: Problem, flat: tf.Tensor2D, inference: Inference, settings = problem.settings) {
  const { layouts, weights, windows } = problem;
  const target = targetCritic(layouts, weights.target!, settings);
  return criticLoss(layouts.model.unpack(flat), target, windows, inference, settings);
}

const inferenceAt = (problem: Problem, flat: tf.Tensor2D) => baseAt(problem, flat).inference;

/** What an update makes of imagined trajectories. */
function returnsAndAdvantages(
  { layouts, weights }: Problem,
  imagination: Imagination,
  settings: VaeLstmSettings,
) {
  const target = weights.target && targetCritic(layouts, weights.target, settings);
  const model = worldModel(
    layouts,
    settings,
    layouts.model.unpack(weights.model),
    layouts.actor.unpack(weights.actor),
  );
  const ofFeatures = model.value?.(imagination.features);
  const imagined = imaginedReturns(model, target, imagination, settings);
  return { ...imagined, value: ofFeatures, advantage: advantages(imagined.returns, ofFeatures, settings) };
}

/** `gradients`, with everything on the imagined trajectories that its own stop-gradients hold constant. */
function wholeGradients(problem: Problem) {
  const { layouts, weights, windows, posterior, starts, scalars, settings } = problem;
  const actions = oneHot(
    tf.tensor3d(
      Array.from({ length: MEMBERS * STARTS * HORIZON }, (_, i) => (i * 3 + Math.floor(i / 5)) % 2),
      [MEMBERS, STARTS, HORIZON],
      'int32',
    ),
    spaces.actions,
  );
  let imagined: { features: tf.Tensor; nextFeatures: tf.Tensor } | undefined;
  const noise: UpdateNoise = {
    posterior,
    starts: tf.tensor2d(starts, [MEMBERS, STARTS], 'int32'),
    behaviour: { actions: actions as tf.Tensor4D },
  };
  const gradient = gradients(
    layouts,
    { ...weights, model: freshOptimised(weights.model), actor: freshOptimised(weights.actor) },
    windows,
    noise,
    scalars,
    settings,
    ({ imaginedFrom, imaginedLatent }) => {
      imagined = { features: tf.keep(imaginedFrom!), nextFeatures: tf.keep(imaginedLatent!) };
    },
  );
  const imagination = { ...imagined!, action: actions };
  return { gradient, imagination, imagined: returnsAndAdvantages(problem, imagination, settings) };
}

/** Norm of one member's gradient on the parameters whose name starts with `prefix`. */
function normOn(layout: ParameterLayout, gradient: tf.Tensor2D, prefix: string, member = 0): number {
  const parameters = layout.unpack(gradient);
  return Math.hypot(
    ...layout.specs
      .filter(({ name }) => name.startsWith(prefix))
      .flatMap(({ name }) => [...tf.slice(parameters.get(name), member, 1).dataSync<'float32'>()]),
  );
}

before(async () => {
  await startEngine('cpu');
});

describe('gradients equal central differences', () => {
  test('of every base term and of the critic loss under each of its switches', () => {
    tf.tidy(() => {
      const given = problem(arms['dream critic']!);
      const { layouts, weights, scalars, settings } = given;
      const fixed = inferenceAt(given, weights.model);
      const variants = criticSwitches.map((switches) => ({
        name: criticName(switches),
        settings: settingsOf(switches),
      }));
      const lossesOf = (flat: tf.Tensor2D, critics: typeof variants): ReturnType<Losses> => {
        const { terms, inference } = baseAt(given, flat);
        return {
          ...terms,
          base: baseLoss(terms, scalars.beta, settings),
          ...Object.fromEntries(
            critics.map(({ name, settings }) => [name, critic(given, flat, inference, settings)]),
          ),
        };
      };
      const frozen: Losses = (flat) => {
        const { terms, inference } = frozenBase(given, flat, fixed);
        return {
          ...terms,
          base: baseLoss(terms, scalars.beta, settings),
          ...Object.fromEntries(
            variants.map(({ name, settings }) => [
              name,
              critic(given, flat, frozenInference(inference, fixed, settings), settings),
            ]),
          ),
        };
      };
      const names = Object.keys(lossesOf(weights.model, variants));
      assert.equal(names.length, 6 + 1 + 8);
      const analytic = Object.fromEntries(
        names.map((name) => {
          const own = variants.filter((variant) => variant.name === name);
          return [name, gradientOf((flat) => lossesOf(flat, own)[name]!, weights.model)];
        }),
      );
      assertGradients(layouts.model, weights.model, analytic, frozen);
    });
  });

  test('of the imagined critic loss and of the actor loss', () => {
    tf.tidy(() => {
      const { layouts, weights, scalars } = problem(arms['dream critic']!);
      const shape = [MEMBERS, STARTS, HORIZON];
      const latent = normals('imagined', [...shape, LATENT]);
      const weight = tf.abs(normals('weight', shape));
      const returns = normals('returns', shape);
      const onCritic: Losses = (flat) => ({
        imagined: imaginedCriticLoss(weight, value(layouts.model.unpack(flat), LAYERS, latent), returns),
      });
      const criticGradient = gradientOf((flat) => onCritic(flat).imagined!, weights.model);
      assertGradients(layouts.model, weights.model, { imagined: criticGradient }, onCritic);
      assert.equal(
        normOn(layouts.model, criticGradient, ''),
        normOn(layouts.model, criticGradient, 'critic.'),
      );

      const chosen = oneHot(tf.cast(tf.greater(normals('choice', shape), 0), 'int32'), spaces.actions);
      const onActor: Losses = (flat) => {
        const logProbabilities = tf.logSoftmax(policyOutput(layouts.actor.unpack(flat), LAYERS, latent));
        return { loss: actorLoss(logProbabilities, chosen, weight, returns, scalars.entropy).loss };
      };
      const actorGradient = gradientOf((flat) => onActor(flat).loss!, weights.actor);
      assertGradients(layouts.actor, weights.actor, { loss: actorGradient }, onActor);
    });
  });

  for (const [arm, settings] of Object.entries(arms)) {
    test(`of everything that an update of the arm ${arm} learns`, () => {
      tf.tidy(() => {
        const given = problem(settings);
        const { layouts, weights, scalars } = given;
        const { gradient, imagination, imagined } = wholeGradients(given);
        const fixed = inferenceAt(given, weights.model);
        const onModel: Losses = (flat) => {
          const { terms, inference } = frozenBase(given, flat, fixed);
          const base = baseLoss(terms, scalars.beta, settings);
          if (!hasCritic(settings)) return { model: base };
          const real = critic(given, flat, frozenInference(inference, fixed, settings));
          const values = value(layouts.model.unpack(flat), LAYERS, imagination.features);
          const dreamt = imaginedCriticLoss(imagined.weight, values, imagined.lambdaReturns!);
          return { model: tf.add(base, tf.mul(scalars.lambda, tf.add(real, dreamt))) };
        };
        const onActor: Losses = (flat) => {
          const logProbabilities = tf.logSoftmax(
            policyOutput(layouts.actor.unpack(flat), LAYERS, imagination.features),
          );
          const { weight, advantage } = imagined;
          return {
            actor: actorLoss(logProbabilities, imagination.action, weight, advantage, scalars.entropy).loss,
          };
        };
        assertGradients(layouts.model, weights.model, { model: gradient.model }, onModel);
        assertGradients(layouts.actor, weights.actor, { actor: gradient.actor }, onActor);
      });
    });
  }
});

describe('what the switches promise', () => {
  test('the critic loss reaches encoder and dynamics if and only if shapesModel is on', () => {
    tf.tidy(() => {
      const given = problem(arms['dream critic']!);
      const { layouts, weights } = given;
      for (const switches of criticSwitches) {
        const name = criticName(switches);
        const gradient = gradientOf(
          (flat) => critic(given, flat, inferenceAt(given, flat), settingsOf(switches)),
          weights.model,
        );
        for (const member of [0, 1]) {
          for (const model of ['encoder.', 'dynamics.']) {
            const norm = normOn(layouts.model, gradient, model, member);
            if (switches.shapesModel) assert.ok(norm > 1e-3, `${name}: ${norm} on ${model}`);
            else assert.equal(norm, 0, `${name}: on ${model}`);
          }
          assert.ok(normOn(layouts.model, gradient, 'critic.', member) > 1e-3, name);
          for (const model of ['decoder.', 'reward.', 'continue.']) {
            assert.equal(normOn(layouts.model, gradient, model, member), 0, `${name}: on ${model}`);
          }
        }
      }
    });
  });

  test('the bootstrap promises no more than the rewards allow, and no less', () => {
    tf.tidy(() => {
      const given = problem(arms['dream critic']!);
      const { layouts, weights, settings } = given;
      const { nextMean } = inferenceAt(given, weights.model);
      const bounded = targetCritic(layouts, weights.target!, settings)(nextMean).dataSync<'float32'>();
      const unbounded = targetCritic(
        layouts,
        weights.target!,
        settingsOf({ boundedTarget: false }),
      )(nextMean);
      // CartPole's rewards are 1, and no step at all is worth 0: (1 − γ) Σ γᵏ is from 0 to 1.
      assert.deepEqual(
        [...bounded],
        Array.from(unbounded.dataSync<'float32'>(), (v) => Math.min(1, Math.max(0, v))),
      );
      assert.deepEqual([Math.min(...bounded), Math.max(...bounded)], [0, 1]);

      const costly = networks(settings, { ...spaces, rewardRange: [-2, -1] });
      assert.deepEqual(costly.valueRange, [-2, 0]);
    });
  });

  test('imagined returns: advantages are divided by the floor at least; without a continue head nothing ends', () => {
    tf.tidy(() => {
      const given = problem(arms['dream critic']!);
      const { settings } = given;
      const shape = [MEMBERS, STARTS, HORIZON, LATENT];
      const [features, nextFeatures] = [normals('imagined', shape), normals('imagined next', shape)];
      const imagination = { features, nextFeatures, action: features };
      const imagined = (settings: VaeLstmSettings) => returnsAndAdvantages(given, imagination, settings);
      const floor = 1000;
      const { advantage, returns, value } = imagined({
        ...settings,
        actor: { ...settings.actor, returnRangeFloor: floor },
      });
      assertClose(tf.mul(advantage, floor).dataSync(), tf.sub(returns, value!).dataSync());

      const endless = imagined({ ...settings, model: { ...settings.model, continueHead: false } });
      for (const ones of [endless.continueProbability, endless.weight]) {
        assert.deepEqual(new Set(ones.dataSync()), new Set([1]));
      }
    });
  });

  test('without the stop-gradient the target is V itself and learns too; the average plays no part', () => {
    tf.tidy(() => {
      const given = problem(arms['dream critic']!);
      const { layouts, weights, windows } = given;
      const model = layouts.model.unpack(weights.model);
      const inference = inferenceAt(given, weights.model);
      const ofMean = (nextMean: tf.Tensor, settings: VaeLstmSettings) =>
        critic(given, weights.model, { ...inference, nextMean }, settings);
      const onNextMean = (settings: VaeLstmSettings) =>
        tf
          .grad((mean) => tf.sum(ofMean(mean, settings)))(inference.nextMean)
          .dataSync<'float32'>();
      const literal = settingsOf({ stopGradient: false });
      assert.ok(Math.hypot(...onNextMean(literal)) > 1e-3, 'the target learns');

      const otherTarget = targetCritic(layouts, tf.neg(weights.target!), literal);
      const onTarget = (settings: VaeLstmSettings, target: typeof otherTarget) => [
        ...criticLoss(model, target, windows, inference, settings).dataSync(),
      ];
      const target = targetCritic(layouts, weights.target!, literal);
      assert.deepEqual(onTarget(literal, target), onTarget(literal, otherTarget));
      assert.notDeepEqual(onTarget(settingsOf(), target), onTarget(settingsOf(), otherTarget));
    });
  });

  test('the terminal mask hides what follows a termination, and only that', () => {
    tf.tidy(() => {
      const given = problem(arms['dream critic']!);
      const inference = inferenceAt(given, given.weights.model);
      const { terminated } = given.windows;
      const moveAfter = (where: tf.Tensor) => tf.add(inference.nextMean, tf.expandDims(tf.mul(where, 3), 3));
      const loss = (nextMean: tf.Tensor, terminalMask: boolean) => [
        ...critic(
          given,
          given.weights.model,
          { ...inference, nextMean },
          settingsOf({ terminalMask }),
        ).dataSync(),
      ];
      const unchanged = loss(inference.nextMean, true);
      assert.deepEqual(loss(moveAfter(terminated), true), unchanged);
      assert.notDeepEqual(loss(moveAfter(tf.sub(1, terminated)), true), unchanged);
      assert.notDeepEqual(loss(moveAfter(terminated), false), loss(inference.nextMean, false));
    });
  });

  test('a prediction across the start of an episode is not compared with a value', () => {
    tf.tidy(() => {
      const given = problem(arms['dream critic']!);
      const inference = inferenceAt(given, given.weights.model);
      const later = tf.slice(given.windows.first, [0, 0, 1], [MEMBERS, BATCH, TIME - 1]);
      const end = tf.zeros([MEMBERS, BATCH, 1]);
      const loss = (where: tf.Tensor) => {
        const predictedLatent = tf.add(inference.predictedLatent, tf.expandDims(tf.mul(where, 3), 3));
        return [...critic(given, given.weights.model, { ...inference, predictedLatent }).dataSync()];
      };
      const unchanged = loss(tf.zerosLike(given.windows.first));
      // Prediction t is of latent t + 1; the window's last one has no latent to be compared with.
      assert.deepEqual(loss(tf.concat([later, tf.add(end, 1)], 2)), unchanged);
      assert.notDeepEqual(loss(tf.concat([tf.sub(1, later), end], 2)), unchanged);
    });
  });

  test('the losses on imagined states equal cases worked by hand', () => {
    tf.tidy(() => {
      const row = (...values: number[]) => tf.tensor3d(values, [1, 1, 2]);
      const logProbabilities = tf.log(tf.tensor4d([0.5, 0.5, 0.2, 0.8], [1, 1, 2, 2]));
      const action = tf.tensor4d([1, 0, 0, 1], [1, 1, 2, 2]);
      const { loss, entropy } = actorLoss(
        logProbabilities,
        action,
        row(1, 0.5),
        row(2, -3),
        tf.tensor1d([0.1]),
      );
      const entropies = [Math.LN2, -0.2 * Math.log(0.2) - 0.8 * Math.log(0.8)] as const;
      const first = 2 * Math.log(0.5) + 0.1 * entropies[0];
      const second = -3 * Math.log(0.8) + 0.1 * entropies[1];
      const assertNear = (x: tf.Tensor, wanted: number) => {
        const actual = x.dataSync()[0]!;
        assert.ok(Math.abs(actual - wanted) < 1e-6, `expected ${wanted}, got ${actual}`);
      };
      assertNear(loss, -(first + 0.5 * second) / 2);
      assertNear(entropy, (entropies[0] + entropies[1]) / 2);
      assertNear(imaginedCriticLoss(row(1, 0.5), row(2, -3), row(1, 1)), (1 + 0.5 * 16) / 2);
    });
  });

  test('an arm whose critic does not shape the model, or has λ = 0, gives the model the gradient of the baseline', () => {
    tf.tidy(() => {
      const modelGradient = (settings: VaeLstmSettings, lambda?: number) => {
        const given = problem(settings);
        if (lambda !== undefined) given.scalars.lambda = tf.tensor1d([lambda, lambda]);
        return wholeGradients(given).gradient.model;
      };
      const { model: layout } = networks(arms['dream critic']!, spaces);
      const baselineSize = networks(arms.baseline!, spaces).model.size;
      // The weights are drawn member by member, so the baseline is given its own slice of the others'.
      const prefix = (flat: tf.Tensor2D) => tf.slice(flat, [0, 0], [MEMBERS, baselineSize]) as tf.Tensor2D;
      const given = problem(arms.baseline!);
      given.weights.model = prefix(problem(arms['dream critic']!).weights.model);
      const baseline = wholeGradients(given).gradient.model.arraySync();

      const withoutWeight = modelGradient(arms['dream critic']!, 0);
      assert.deepEqual(prefix(withoutWeight).arraySync(), baseline);
      assert.equal(normOn(layout, withoutWeight, 'critic.'), 0);
      const bootstrapOnly = modelGradient(arms['bootstrap only']!);
      assert.deepEqual(prefix(bootstrapOnly).arraySync(), baseline);
      assert.ok(normOn(layout, bootstrapOnly, 'critic.') > 1e-3, 'V learns all the same');
      const shaped = tf.sub(modelGradient(arms['dream critic']!), bootstrapOnly) as tf.Tensor2D;
      for (const model of ['encoder.', 'dynamics.']) assert.ok(normOn(layout, shaped, model) > 1e-3, model);
      for (const model of ['decoder.', 'reward.', 'continue.'])
        assert.equal(normOn(layout, shaped, model), 0);
    });
  });
});

describe('members do not influence each other', () => {
  test("one member's losses have no gradient on another's weights", () => {
    tf.tidy(() => {
      const given = problem(arms['dream critic']!);
      const { layouts, weights, scalars, settings } = given;
      const gradient = gradientOf((flat) => {
        const { terms, inference } = baseAt(given, flat);
        return firstMember(tf.add(baseLoss(terms, scalars.beta, settings), critic(given, flat, inference)));
      }, weights.model);
      assert.ok(normOn(layouts.model, gradient, '', 0) > 1, 'its own weights learn');
      assert.equal(normOn(layouts.model, gradient, '', 1), 0);
    });
  });

  for (const [arm, settings] of Object.entries(arms)) {
    test(`two members of the arm ${arm} with different β, λ, η and learning rates learn as they do alone`, () => {
      tf.tidy(() => {
        const { layouts, weights, windows, posterior, starts, scalars } = problem(settings);
        const rows = BATCH * TIME;
        const gumbel = normals('gumbel', [MEMBERS, STARTS, HORIZON, spaces.actions]);
        /** One update of the members from `start` on. */
        const learn = (start: number, count: number) => {
          const part = <T extends tf.Tensor>(x: T) => tf.slice(x, start, count) as T;
          const own: Weights = {
            model: freshOptimised(part(weights.model)),
            actor: freshOptimised(part(weights.actor)),
            target: weights.target && part(weights.target),
            averageEncoder: tf.zeros([count, layouts.model.only('encoder').size]),
            averageActor: tf.zeros([count, layouts.actor.size]),
          };
          const ownScalars: MemberScalars = {
            beta: part(scalars.beta),
            lambda: part(scalars.lambda),
            entropy: part(scalars.entropy),
            learningRate: part(scalars.learningRate),
            actorLearningRate: part(scalars.actorLearningRate),
            policyAverage: part(scalars.policyAverage),
          };
          const ownWindows: Windows = {
            observation: part(windows.observation),
            nextObservation: part(windows.nextObservation),
            action: part(windows.action),
            reward: part(windows.reward),
            terminated: part(windows.terminated),
            first: part(windows.first),
          };
          const ownStarts = starts.slice(start * STARTS, (start + count) * STARTS);
          const noise: UpdateNoise = {
            posterior: part(posterior),
            starts: tf.tensor2d(
              ownStarts.map((at) => at - start * rows),
              [count, STARTS],
              'int32',
            ),
            behaviour: { head: layouts.head, noise: part(gumbel) as tf.Tensor4D },
          };
          const gradient = gradients(layouts, own, ownWindows, noise, ownScalars, settings);
          const after = applyGradients(layouts, own, gradient, biasCorrection(1), ownScalars, settings);
          return { gradient, after };
        };
        const together = learn(0, MEMBERS);
        for (const member of [0, 1]) {
          const alone = learn(member, 1);
          const compare = (what: string, stacked: tf.Tensor, single: tf.Tensor) => {
            const error = tf.max(tf.abs(tf.sub(tf.slice(stacked, member, 1), single))).dataSync()[0]!;
            const limit = 1e-6 * Math.max(1, tf.max(tf.abs(single)).dataSync()[0]!);
            assert.ok(error <= limit, `${what} of member ${member}: off by ${error}`);
          };
          compare('model gradient', together.gradient.model, alone.gradient.model);
          compare('actor gradient', together.gradient.actor, alone.gradient.actor);
          const { weights: stacked, terms } = together.after;
          const { weights: single, terms: ownTerms } = alone.after;
          compare('model', stacked.model.parameters, single.model.parameters);
          compare('actor', stacked.actor.parameters, single.actor.parameters);
          compare('average encoder', stacked.averageEncoder, single.averageEncoder);
          if (stacked.target) compare('target', stacked.target, single.target!);
          for (const [term, x] of Object.entries(terms)) {
            compare(term, x, ownTerms[term as keyof typeof ownTerms]!);
          }
        }
      });
    });
  }
});

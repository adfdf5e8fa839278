import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { dream, dreamReturns, foresee } from '../../src/methods/dreamer/imagination.ts';
import { criticLoss, replayedReturns } from '../../src/methods/dreamer/losses.ts';
import { byGroup, criticOutput, networks, worldModel } from '../../src/methods/dreamer/networks.ts';
import { type DreamerSettings, dreamerSettings } from '../../src/methods/dreamer/settings.ts';
import { gradients } from '../../src/methods/dreamer/update.ts';
import { rollOut } from '../../src/models/roll-out.ts';
import { dynamics, observeSequence } from '../../src/models/rssm/dynamics.ts';
import { latentFamily } from '../../src/models/rssm/latent.ts';
import { rssmLoss, rssmTerms } from '../../src/models/rssm/losses.ts';
import type { Rssm } from '../../src/models/rssm/model.ts';
import { mixedLogProbabilities } from '../../src/nn/categorical.ts';
import type { ParameterLayout } from '../../src/nn/parameters.ts';
import type { AgentSpaces } from '../../src/training/agent-spaces.ts';
import { flat, type Nested, ofSecond, read, second, tensor } from './reference.ts';
import {
  actorCritic,
  categorical,
  categoricalLayers,
  gaussian,
  gaussianLayers,
  lambdaReturns,
  type NamedValues,
  nameOf,
  secondWeights,
  secondWindows,
  weightsOf,
} from './rssm-reference.ts';
import { assertClose } from './tensors.ts';

const spaces: AgentSpaces = {
  observation: 3,
  observationScale: [2, 0.5, 4],
  rewardRange: [-3, 3],
  rewardScale: 3,
  actionSpace: { kind: 'discrete', n: 2 },
  actions: 2,
};

const sizes = { deter: 4, hidden: 5, units: 4, encoderLayers: 1, decoderLayers: 1 };

const categoricalSettings = (slowTarget = false): DreamerSettings =>
  dreamerSettings.parse({
    gamma: categorical.gamma,
    lambda: 0,
    horizon: 5,
    startsPerWindow: 1,
    model: {
      ...sizes,
      ...{ stoch: 2, classes: 3, blocks: 2, symlog: true, scaledObservations: false, freeNats: 0.3 },
    },
    twoHot: { bins: 5, limit: 2 },
    critic: { layers: 1, slowTarget },
    actor: { layers: 1 },
  });

/** @param model keys of the loss */
const gaussianSettings = (model: object): DreamerSettings =>
  dreamerSettings.parse({
    model: {
      ...sizes,
      ...{ latent: 'gaussian', stoch: 3, cell: 'gru', priorLayers: 1, norm: false, activation: 'elu' },
      ...{ rewardHead: 'squared', continueHead: false, freeNats: 1, ...model },
    },
  });

/** Two members on the reference's steps, the second one with its weights. */
function categoricalCase(settings: DreamerSettings) {
  const networksHere = networks(settings, spaces);
  const weights = byGroup((group) =>
    secondWeights(networksHere.layouts[group], categoricalLayers, categorical.weights),
  );
  const slowCritic = secondWeights(networksHere.layouts.critic, categoricalLayers, actorCritic.slow);
  const parameters = byGroup((group) => networksHere.layouts[group].unpack(weights[group]));
  const noise = {
    posterior: second(categorical.uniform_posterior),
    prediction: tf.zeros([2, 1]),
    action: second(categorical.imagine.gumbel_action) as tf.Tensor4D,
    step: second(categorical.imagine.uniform_prior) as tf.Tensor4D,
  };
  return {
    networks: networksHere,
    weights: weightsOf(weights, slowCritic),
    parameters,
    model: worldModel(networksHere, settings, spaces, parameters),
    windows: secondWindows(categorical.data, spaces, false),
    noise,
  };
}

/** The dream of `categorical.imagine`: from the last posterior states. */
function referenceDream({ networks: { head }, model, noise }: ReturnType<typeof categoricalCase>) {
  const { deter, stoch } = categorical.observe as Record<string, Nested[][]>;
  const last = (x: Nested[][]) => second(x.map((steps) => steps[5]!));
  return dream(model, head, { deter: last(deter!), stoch: last(stoch!) }, noise);
}

/** Asserts that the second member's gradient is that of the reference, which names every parameter. */
function assertGradient(
  gradient: tf.Tensor2D,
  layout: ParameterLayout,
  layers: Record<string, string>,
  wanted: NamedValues,
  tolerance: number,
) {
  const views = layout.views(ofSecond(gradient));
  assert.equal(views.length, Object.keys(wanted).length);
  for (const { name, values } of views) {
    assertClose(values, flat(wanted[nameOf(name, layers)]!), tolerance, `gradient of ${name}`);
  }
}

const scalar = (x: tf.Tensor | undefined) => [ofSecond(x!)[0]!];

/** All but the first, or all but the last step of every row. */
const arrived = (rows: Nested) => flat((rows as Nested[][]).map((row) => row.slice(1)));
const departed = (rows: Nested) => flat((rows as Nested[][]).map((row) => row.slice(0, -1)));

/**
 * Tests of RSSM and Dreamer by the reference values, on the active engine.
 *
 * @param tolerance of values, and ten times that of gradients: relative above 1
 */
export function testRssmReference(tolerance: number): void {
  test('categorical: observed sequences with a carried start and resets inside', () => {
    tf.tidy(() => {
      const settings = categoricalSettings();
      const { parameters, model, windows, noise } = categoricalCase(settings);
      const { deter, stoch, posterior } = observeSequence(
        parameters.model,
        settings.model,
        model.encode(windows.observation),
        windows.action,
        tf.sub(1, windows.first),
        windows.start,
        noise.posterior,
      );
      const prior = dynamics(parameters.model, settings.model).prior(deter);
      const logP = (x: tf.Tensor) => mixedLogProbabilities(tf.reshape(x, [2, 2, 6, 2, 3]), 0.01);
      const { observe } = categorical;
      assertClose(ofSecond(deter), flat(observe.deter), tolerance, 'h');
      assertClose(ofSecond(stoch), flat(observe.stoch), 0, 'z');
      assertClose(ofSecond(logP(posterior)), flat(observe.post_logp), tolerance, 'posterior');
      assertClose(ofSecond(logP(prior)), flat(observe.prior_logp), tolerance, 'prior');
      const kl = latentFamily(settings.model).kl(posterior, prior);
      assertClose(ofSecond(kl), flat(observe.kl), tolerance, 'KL');
    });
  });

  test('categorical: every term of the model loss, and the gradient of every weight', () => {
    tf.tidy(() => {
      const settings = categoricalSettings();
      const { networks, parameters, model, weights, windows, noise } = categoricalCase(settings);
      const { loss } = categorical;
      const goesOn = tf.mul(tf.sub(1, windows.terminal), categorical.gamma);
      const { terms } = rssmTerms(
        parameters.model,
        model,
        networks.reward,
        windows,
        goesOn,
        noise.posterior,
        settings.model,
      );
      assertClose(scalar(terms.reconstruction), [loss.rec], tolerance, 'reconstruction');
      assertClose(scalar(terms.reward), [loss.rew], tolerance, 'reward');
      assertClose(scalar(terms.continue), [loss.con], tolerance, 'continue');
      assertClose(scalar(terms.dynamics), [loss.dyn], tolerance, 'dynamics');
      assertClose(scalar(terms.representation), [loss.rep], tolerance, 'representation');
      assertClose(scalar(rssmLoss(terms, settings.model)), [loss.total], tolerance, 'total');
      const scalars = { lambda: tf.zeros([2]), entropy: tf.fill([2], 3e-4) } as Record<
        'lambda' | 'entropy',
        tf.Tensor1D
      >;
      const { gradient, memory } = gradients(networks, settings, spaces, weights, windows, noise, scalars);
      assertGradient(
        gradient.model,
        networks.layouts.model,
        categoricalLayers,
        categorical.grad,
        10 * tolerance,
      );
      const { deter, stoch } = categorical.observe as Record<string, number[][][]>;
      const features = deter!.map((steps, b) => steps.map((h, t) => [...h, ...stoch![b]![t]!]));
      assertClose(ofSecond(memory), flat(features), tolerance, 'memory');
    });
  });

  test('categorical: five imagined steps of the policy, and what is foreseen of them', () => {
    tf.tidy(() => {
      const settings = categoricalSettings();
      const given = categoricalCase(settings);
      const { model } = given;
      const dreamt = referenceDream(given);
      const { imagine } = categorical;
      const [deter, stoch] = tf.split(dreamt.states, [4, 6], -1);
      assertClose(ofSecond(deter!), flat(imagine.deter), tolerance, 'h');
      assertClose(ofSecond(stoch!), flat(imagine.stoch), 0, 'z');
      assertClose(ofSecond(dreamt.action), departed(imagine.action), 0, 'a');
      const logP = mixedLogProbabilities(model.policy!(dreamt.states), 0.01);
      assertClose(ofSecond(logP), flat(imagine.policy_logp), tolerance, 'log π');
      const { reward, discount } = foresee(model, dreamt, settings);
      assertClose(ofSecond(reward), arrived(actorCritic.reward), tolerance, 'r');
      assertClose(ofSecond(discount), arrived(actorCritic.con), tolerance, 'd');
      assertClose(ofSecond(model.value!(dreamt.states)), flat(actorCritic.value), tolerance, 'v');
    });
  });

  for (const slowTarget of [false, true]) {
    test(`actor and critic learn from the returns of the ${slowTarget ? 'slow' : 'fast'} critic`, () => {
      tf.tidy(() => {
        const settings = categoricalSettings(slowTarget);
        const wanted = actorCritic.imagination[slowTarget ? 'slowtar' : 'code'];
        const given = categoricalCase(settings);
        const { networks, model, weights, windows, noise } = given;
        const { head, value: code, layouts } = networks;
        const dreamt = referenceDream(given);
        const foreseen = foresee(model, dreamt, settings);
        assertClose(ofSecond(foreseen.weight), departed(wanted.weight), tolerance, 'w');
        const slowCritic = layouts.critic.unpack(weights.slowCritic);
        const slow = code.mean(criticOutput(slowCritic, dreamt.states, settings, false));
        assertClose(ofSecond(slow), flat(actorCritic.slow_value), tolerance, 'slow value');
        const value = slowTarget ? slow : model.value!(dreamt.states);
        const { returns, lambdaReturns } = dreamReturns(foreseen, value as tf.Tensor3D, settings);
        assertClose(ofSecond(returns), flat(wanted.ret), tolerance, 'R');
        assertClose(ofSecond(lambdaReturns), flat(wanted.ret), tolerance, 'λ-return');

        // Each state as a member of its own, whose mean is itself.
        const states = (x: tf.Tensor, ...axes: number[]) =>
          tf.reshape(tf.slice(x, [1, 0, 0], [1, 2, 5]), [10, ...axes, ...x.shape.slice(3)]);
        const output = criticOutput(given.parameters.critic, dreamt.states, settings, false);
        const critic = criticLoss(
          code,
          states(output, 1),
          states(lambdaReturns, 1),
          states(slow, 1),
          states(foreseen.weight, 1),
          1,
        );
        assertClose(read(critic), flat(wanted.value_loss), tolerance, 'critic');
        const actor = head.loss(states(model.policy!(dreamt.states), 1, 1), {
          action: states(dreamt.action, 1, 1),
          noise: undefined,
          weight: states(foreseen.weight, 1, 1),
          advantage: tf.reshape(tensor(wanted.advantage), [10, 1, 1]),
          entropyWeight: tf.fill([10], 3e-4),
        });
        assertClose(read(actor.loss), flat(wanted.policy_loss), tolerance, 'actor');

        // The whole update comes to the same, its advantages included.
        const mean = (x: Nested) => [flat(x).reduce((sum, loss) => sum + loss) / 10];
        const scalars = { lambda: tf.zeros([2]) as tf.Tensor1D, entropy: tf.fill([2], 3e-4) as tf.Tensor1D };
        const update = gradients(networks, settings, spaces, weights, windows, noise, scalars);
        assertClose(scalar(update.terms.critic), mean(wanted.value_loss), tolerance, 'mean of critic');
        assertClose(scalar(update.terms.actor), mean(wanted.policy_loss), tolerance, 'mean of actor');
        assertClose(scalar(update.terms.imagined_return), mean(wanted.ret), tolerance, 'mean of R');
        assertClose([ofSecond(update.returnRange)[0]!], [wanted.offset], tolerance, 'P5');
      });
    });
  }

  test('the critic on replayed states', () => {
    tf.tidy(() => {
      const settings = categoricalSettings();
      const { networks, parameters, weights } = categoricalCase(settings);
      const { replay } = actorCritic;
      const { deter, stoch } = categorical.observe;
      const features = tf.concat([second(deter), second(stoch)], -1);
      const output = criticOutput(parameters.critic, features, settings, true);
      assertClose(ofSecond(output), flat(replay.value_logits), tolerance, 'value');
      const slowCritic = networks.layouts.critic.unpack(weights.slowCritic);
      const slowOutput = criticOutput(slowCritic, features, settings, false);
      assertClose(ofSecond(slowOutput), flat(replay.slow_value_logits), tolerance, 'slow value');
      const states = (x: tf.Tensor) =>
        tf.reshape(tf.slice(x, [x.shape[0]! - 1, 0, 0], [1, 2, 5]), [10, 1, ...x.shape.slice(3)]);
      const loss = criticLoss(
        networks.value,
        states(output),
        tf.reshape(tensor(replay.ret), [10, 1]),
        states(networks.value.mean(slowOutput)),
        states(tf.sub(1, tf.expandDims(tensor(categorical.data.last), 0))),
        1,
      );
      assertClose(read(loss), flat(replay.loss), tolerance, 'loss');
    });
  });

  test('returns: terminations, truncations, λ of 0 and 1', () => {
    const steps = (x: Nested) => second(x) as tf.Tensor3D;
    const { reward, last, terminal } = categorical.data;
    const replays = [
      ...lambdaReturns.map(({ rew, last, term, boot, disc, lam, ret, name }) => ({
        ...{ name, reward: rew, last, terminal: term, boot, gamma: disc, lambda: lam, ret },
      })),
      {
        ...{ name: 'of the windows', reward, last, terminal, boot: actorCritic.replay.boot },
        ...{ gamma: categorical.gamma, lambda: 0.95, ret: actorCritic.replay.ret },
      },
    ];
    tf.tidy(() => {
      for (const { name, reward, last, terminal, boot, gamma, lambda, ret } of replays) {
        const given = { reward: steps(reward), last: steps(last), terminal: steps(terminal) };
        const actual = replayedReturns(given, steps(boot), gamma, lambda);
        assertClose(ofSecond(actual), flat(ret), tolerance, name);
      }
    });
  });

  test('returns of dreams whose ends are foreseen', () => {
    tf.tidy(() => {
      for (const { name, rew, term, last, boot, disc, lam, ret, imagination_weight } of lambdaReturns) {
        const goesOn = tf.sub(1, second(term));
        // Features of a model that foresees what the reference says.
        const states = tf.stack([second(rew), tf.log(tf.div(goesOn, tf.sub(1, goesOn)))], -1);
        const parts = (x: tf.Tensor, i: number) => tf.squeeze(tf.split(x, 2, -1)[i]!, [-1]);
        const model: Pick<Rssm, 'reward' | 'continues' | 'valueScale'> = {
          reward: ({ nextFeatures }) => tf.div(parts(nextFeatures, 0), 7),
          continues: (features) => parts(features, 1),
          valueScale: 7,
        };
        const features = tf.slice(states, [0, 0, 0, 0], [2, 2, 5, 2]);
        const nextFeatures = tf.slice(states, [0, 0, 1, 0], [2, 2, 5, 2]);
        const dreamt = { states, features, nextFeatures, action: features };
        const settings = dreamerSettings.parse({
          gamma: disc === 1 ? 0.9 : disc,
          discountInContinue: disc === 1,
          critic: { returnLambda: lam },
        });
        const foreseen = foresee(model as Rssm, dreamt, settings);
        assertClose(ofSecond(foreseen.weight), departed(imagination_weight), tolerance, `${name}: w`);
        const { returns } = dreamReturns(foreseen, second(boot) as tf.Tensor3D, settings);
        // Dreams know no truncation.
        if (flat(last).every((x, i) => x === 0 || flat(term)[i] === 1)) {
          assertClose(ofSecond(returns), flat(ret), tolerance, name);
        }
      }
    });
  });

  test('gaussian: observed sequences, losses of PlaNet and v1, their gradients, imagination', () => {
    tf.tidy(() => {
      // The KL has the gradient of both terms, so that it is in our loss twice.
      const half = { reconstruction: 0.5, dynamics: 1, representation: 1 };
      // log √(2π) of each number, which our losses leave out.
      const constant = 0.5 * Math.log(2 * Math.PI);
      for (const [{ loss, grad }, keys, reward, freeLoss] of [
        [gaussian.planet, { freeNatsOver: 'state', weights: { ...half, reward: 10 } }, 10, 1],
        [gaussian.v1, { freeNatsOver: 'mean', weights: half }, 1, 0],
      ] as const) {
        const settings = gaussianSettings(keys);
        const networksHere = networks(settings, spaces);
        const { layouts } = networksHere;
        const weights = secondWeights(layouts.model, gaussianLayers, gaussian.weights);
        const windows = secondWindows(gaussian.data, spaces, true);
        const noise = second(gaussian.eps_posterior);
        const constants = byGroup((group) => layouts[group].unpack(tf.zeros([2, layouts[group].size])));
        const lossOf = (weights: tf.Tensor2D) => {
          const parameters = { ...constants, model: layouts.model.unpack(weights) };
          const model = worldModel(networksHere, settings, spaces, parameters);
          const goesOn = tf.onesLike(windows.reward);
          return {
            model,
            parameters,
            ...rssmTerms(
              parameters.model,
              model,
              networksHere.reward,
              windows,
              goesOn,
              noise,
              settings.model,
            ),
          };
        };
        const { model, parameters, terms, observed } = lossOf(weights);
        const { observe, imagine } = gaussian;
        assertClose(ofSecond(observed.deter), flat(observe.deter), tolerance, 'h');
        assertClose(ofSecond(observed.stoch), flat(observe.stoch), tolerance, 'z');
        const prior = dynamics(parameters.model, settings.model).prior(observed.deter);
        for (const [what, output, wantedMean, wantedStd] of [
          ['posterior', observed.posterior, observe.post_mean, observe.post_std],
          ['prior', prior, observe.prior_mean, observe.prior_std],
        ] as const) {
          const [mean, raw] = tf.split(output, 2, -1);
          assertClose(ofSecond(mean!), flat(wantedMean), tolerance, `${what} μ`);
          assertClose(ofSecond(tf.add(tf.softplus(raw!), 0.1)), flat(wantedStd), tolerance, `${what} σ`);
        }
        const kl = latentFamily(settings.model).kl(observed.posterior, prior);
        assertClose(ofSecond(kl), flat(observe.kl), tolerance, 'KL');

        assertClose(scalar(terms.reconstruction), [2 * (loss.rec - 3 * constant)], tolerance);
        assertClose(scalar(terms.reward), [loss.rew - constant], tolerance);
        assertClose(scalar(terms.dynamics), [loss.kl_term + freeLoss], tolerance);
        const total = loss.total - (3 + reward) * constant + loss.kl_term + 2 * freeLoss;
        assertClose(scalar(rssmLoss(terms, settings.model)), [total], tolerance, 'total');
        const gradient = tf.grad((weights) =>
          tf.sum(rssmLoss(lossOf(weights as tf.Tensor2D).terms, settings.model)),
        )(weights) as tf.Tensor2D;
        assertGradient(gradient, layouts.model, gaussianLayers, grad, 10 * tolerance);

        const lastOf = (x: tf.Tensor) => tf.squeeze(tf.slice(x, [0, 0, 5], [2, 2, 1]), [2]);
        const start = { deter: lastOf(observed.deter), stoch: lastOf(observed.stoch) };
        const imagined = rollOut(
          model,
          start,
          { actions: second(imagine.action) as tf.Tensor4D },
          second(imagine.eps_prior) as tf.Tensor4D,
        );
        const [deter, stoch] = tf.split(imagined.nextFeatures, [4, 3], -1);
        assertClose(ofSecond(deter!), arrived(imagine.deter), tolerance, 'imagined h');
        assertClose(ofSecond(stoch!), arrived(imagine.stoch), tolerance, 'imagined z');
      }
    });
  });
}

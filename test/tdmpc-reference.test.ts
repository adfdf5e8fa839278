import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../src/engine/compiled.ts';
import { startEngine } from '../src/engine/engine.ts';
import { stopGradient } from '../src/engine/stop-gradient.ts';
import { actorLoss, nextScale, policyLoss } from '../src/methods/tdmpc/actor-loss.ts';
import { modelLoss, modelTerms, stepWeights, targets } from '../src/methods/tdmpc/losses.ts';
import { type TdmpcSettings, tdmpcSettings } from '../src/methods/tdmpc/settings.ts';
import { learn, type MemberScalars, modelGradients, type UpdateNoise } from '../src/methods/tdmpc/update.ts';
import { byGroup, GROUPS, layoutOf, type Weights } from '../src/methods/tdmpc/weights.ts';
import { judged } from '../src/models/latent/critic.ts';
import { toLatent } from '../src/models/latent/layers.ts';
import { latentModel } from '../src/models/latent/model.ts';
import { type LatentNetworks, latentNetworks } from '../src/models/latent/networks.ts';
import { symlogCode } from '../src/models/latent/scalars.ts';
import { expectedChoice } from '../src/models/latent/value.ts';
import type { Windows } from '../src/models/windows.ts';
import { type BiasCorrection, biasCorrection, zeroMoments } from '../src/nn/adam.ts';
import { mixedLogProbabilities } from '../src/nn/categorical.ts';
import { categoricalEntropy } from '../src/nn/distributions.ts';
import { layerNormDense } from '../src/nn/layer-norm-dense.ts';
import { type ParameterLayout, Parameters } from '../src/nn/parameters.ts';
import { simNorm } from '../src/nn/simnorm.ts';
import { processorEngines } from './support/engine-here.ts';
import { flat, type Nested, ofSecond, read, reference, second, tensor } from './support/reference.ts';
import {
  batchFirst,
  type NetworkValues,
  noiseRows,
  pairNoise,
  secondWeights,
  secondWindows,
  spaces,
  update1,
  update2,
  valuesOf,
} from './support/tdmpc-reference.ts';
import { assertClose } from './support/tensors.ts';

/** What an update is computed from. */
interface Given {
  weights: Weights;
  windows: Windows;
  noise: UpdateNoise;
  correction: BiasCorrection;
  scalars: MemberScalars;
}

const networksOf = (settings: TdmpcSettings): LatentNetworks =>
  latentNetworks(settings.model, settings.critic, settings.actor, settings.twoHot, spaces);

/** Both members' weights before the first update. */
function weightsOf(
  networks: LatentNetworks,
  model: NetworkValues,
  actor: NetworkValues,
  target: NetworkValues,
  averagedTarget: boolean,
): Weights {
  const fresh = (layout: ParameterLayout, values: NetworkValues) => ({
    parameters: secondWeights(layout, values),
    moments: zeroMoments(2, layout.size),
  });
  const layouts = layoutOf(networks);
  return {
    learnt: byGroup((group) => fresh(layouts[group], model)),
    actor: fresh(networks.actor!.layout, actor),
    target: {
      critic: secondWeights(layouts.critic, target),
      ...(averagedTarget && { encoder: secondWeights(layouts.encoder, target) }),
    },
    scale: tf.ones([2, 1]),
  };
}

/** Asserts that the second member's numbers are those of the reference. */
function assertParameters(
  flatWeights: tf.Tensor2D,
  layout: ParameterLayout,
  wanted: NetworkValues,
  limit: number,
  what: string,
) {
  for (const { name, values } of layout.views(ofSecond(flatWeights))) {
    assertClose(values, valuesOf(name, wanted), limit, `${what} of ${name}`);
  }
}

const assertTerm = (term: tf.Tensor, wanted: number, what: string) =>
  assertClose([read(term)[1]!], [wanted], 1e-5, what);

const column = (x: number) => tf.fill([2, 1], x) as tf.Tensor2D;

const v2 = tdmpcSettings.parse({
  gamma: 0.97,
  model: { latent: 8, simNorm: 4, hidden: 6, encoderHidden: 6 },
  twoHot: { bins: 11, limit: 5 },
  critic: { heads: 5 },
  optimizer: { gradientClip: 1 },
});

const v1 = tdmpcSettings.parse({
  gamma: 0.99,
  model: {
    ...{ latent: 5, simNorm: 0, hidden: 6, encoderHidden: 6, layers: 'plain', scalars: 'squared' },
    ...{ continueHead: false, target: 'averaged' },
    weights: { consistency: 2, reward: 0.5, value: 0.2 },
  },
  critic: { heads: 2, pair: 'min' },
  actor: { box: 'noisy', scaled: false },
});

const simNorms = reference<{
  input: Nested;
  cotangent: Nested;
  cases: { groupSize: number; output: Nested; inputGradient: Nested }[];
}>('simnorm.json', 'planning');

const normedLinear = reference<
  Record<'x' | 'cotangent' | 'weight' | 'bias' | 'gain' | 'shift', Nested> & {
    cases: {
      activation: 'mish' | 'simnorm';
      output: Nested;
      gradients: Record<'x' | 'w' | 'b' | 'g' | 's', Nested>;
    }[];
    mish: Record<'x' | 'y' | 'derivative', number[]>;
  }
>('normed_linear.json', 'planning');

const twoHots = reference<{
  standard: { high: number; bins: number; x: number[]; lowerIndex: number[] } & Record<
    'lowerWeight' | 'decodedTarget',
    number[]
  >;
  small: { high: number; bins: number; x: number[]; twoHot: number[][] };
  decode: { logits: Nested; value: number[]; gradientOfSum: Nested };
  softCrossEntropy: { logits: Nested; target: number[]; loss: number[]; gradientOfMean: Nested };
}>('two_hot.json', 'planning');

const runningScale = reference<{ tau: number; updates: { input: number[]; scale: number }[] }>(
  'running_scale.json',
  'planning',
);

const discrete = reference<{
  policy: Record<'logits' | 'q' | 'entropyValues' | 'logitGradients', Nested> &
    Record<'rho' | 'entropy' | 'scale' | 'loss', number>;
  target: Record<'rewards' | 'terminated' | 'policy' | 'q1' | 'q2' | 'tdTarget', Nested> & { gamma: number };
}>('discrete.json', 'planning');

for (const engine of processorEngines) {
  describe(`TD-MPC's parts on ${engine}`, () => {
    before(async () => {
      await startEngine(engine);
    });

    test('SimNorm', () => {
      tf.tidy(() => {
        for (const { groupSize, output, inputGradient } of simNorms.cases) {
          const f = (x: tf.Tensor) => simNorm(x, groupSize);
          assertClose(ofSecond(f(second(simNorms.input))), flat(output), 1e-6, `groups of ${groupSize}`);
          const gradient = tf.grad(f)(second(simNorms.input), second(simNorms.cotangent));
          assertClose(ofSecond(gradient), flat(inputGradient), 1e-6, `gradient, groups of ${groupSize}`);
        }
      });
    });

    test('a normalised layer, with Mish or before SimNorm, and Mish by itself', () => {
      const { x, cotangent, weight, bias, gain, shift, cases, mish } = normedLinear;
      const names = ['l.weight', 'l.bias', 'l.gain', 'l.shift'];
      const layer = (x: tf.Tensor, own: tf.Tensor[], activation: 'mish' | 'none') =>
        layerNormDense(new Parameters(new Map(names.map((name, i) => [name, own[i]!]))), 'l', x, activation);
      tf.tidy(() => {
        const operands = [x, weight, bias, gain, shift].map(second);
        for (const { activation, output, gradients } of cases) {
          const f = (...[x, ...own]: tf.Tensor[]) =>
            activation === 'mish' ? layer(x!, own, 'mish') : simNorm(layer(x!, own, 'none'), 4);
          assertClose(ofSecond(f(...operands)), flat(output), 1e-5, activation);
          for (const [i, gradient] of tf.grads(f)(operands, second(cotangent)).entries()) {
            const name = (['x', 'w', 'b', 'g', 's'] as const)[i]!;
            assertClose(
              ofSecond(gradient),
              flat(gradients[name]),
              1e-5,
              `${activation}: gradient of ${name}`,
            );
          }
        }
        // Of inputs that are all 0 the layer is Mish of its shift.
        const n = mish.x.length;
        const zeros = [tf.zeros([1, 1, 1]), tf.zeros([1, 1, n]), tf.zeros([1, n]), tf.ones([1, n])] as const;
        const ofShift = (shift: tf.Tensor) => layer(zeros[0], [...zeros.slice(1), shift], 'mish');
        const points = tf.tensor2d(mish.x, [1, n]);
        assertClose(read(ofShift(points)), mish.y, 1e-6, 'Mish');
        assertClose(read(tf.grad(ofShift)(points)), mish.derivative, 1e-6, 'its derivative');
      });
    });

    test('two-hot numbers in symlog: encoded, decoded and learnt', () => {
      tf.tidy(() => {
        const { standard, small, decode, softCrossEntropy } = twoHots;
        // The gradient of the loss is softmax(logits) less what the target is encoded as.
        const encoded = ({ bins, high, x }: { bins: number; high: number; x: number[] }) => {
          const { loss } = symlogCode('two-hot', { bins, limit: high });
          const zeros = tf.zeros([1, x.length, bins]);
          const gradient = tf.grad((logits) => loss(logits, tf.tensor2d([x])))(zeros);
          return tf.squeeze(tf.sub(1 / bins, gradient), [0]);
        };
        const rows = encoded(standard).arraySync() as number[][];
        const code = symlogCode('two-hot', { bins: standard.bins, limit: standard.high });
        for (const [i, row] of rows.entries()) {
          const wanted = row.map(() => 0);
          wanted[standard.lowerIndex[i]!]! += standard.lowerWeight[i]!;
          const above = Math.min(standard.lowerIndex[i]! + 1, row.length - 1);
          wanted[above]! += 1 - standard.lowerWeight[i]!;
          assertClose(row, wanted, 3e-5, `of ${standard.x[i]}`);
          const decoded = code.mean(tf.log(tf.tensor3d([[wanted.map((p) => Math.max(p, 1e-30))]])));
          assertClose(read(decoded), [standard.decodedTarget[i]!], 3e-5, `decoded, ${standard.x[i]}`);
        }
        assertClose(read(encoded(small)), small.twoHot.flat(), 1e-6);
        const { mean, loss } = symlogCode('two-hot', { bins: small.bins, limit: small.high });
        const logits = second(decode.logits);
        assertClose(ofSecond(mean(logits)), decode.value, 1e-5, 'decoded');
        assertClose(ofSecond(tf.grad(mean)(logits)), flat(decode.gradientOfSum), 1e-4, 'its gradient');
        const ofLoss = (logits: tf.Tensor) => loss(logits, second(softCrossEntropy.target));
        const given = second(softCrossEntropy.logits);
        assertClose(ofSecond(ofLoss(given)), softCrossEntropy.loss, 1e-5, 'cross entropy');
        const share = tf.fill([2, softCrossEntropy.loss.length], 1 / softCrossEntropy.loss.length);
        const gradient = ofSecond(tf.grad(ofLoss)(given, share));
        assertClose(gradient, flat(softCrossEntropy.gradientOfMean), 1e-6, 'its gradient');
      });
    });

    test('the scale of values, and what is expected of choices', () => {
      tf.tidy(() => {
        let scale: tf.Tensor2D = tf.ones([2, 1]);
        for (const { input, scale: wanted } of runningScale.updates) {
          scale = nextScale(scale, second(input) as tf.Tensor2D, runningScale.tau);
          assertClose(ofSecond(scale), [wanted], 1e-6, 'S');
        }
        const { policy, target } = discrete;
        const q = second(policy.q);
        const weight = second(
          (policy.entropyValues as number[][]).map((row, t) => row.map(() => policy.rho ** t)),
        );
        const lossOf = (logits: tf.Tensor) => {
          const logP = mixedLogProbabilities(logits, 0);
          const entropy = categoricalEntropy(logP);
          assertClose(ofSecond(entropy), flat(policy.entropyValues), 1e-6, 'entropy');
          return policyLoss(expectedChoice(logP, q), entropy, column(policy.scale), weight, policy.entropy);
        };
        assertTerm(lossOf(second(policy.logits)), policy.loss, 'loss');
        const gradient = tf.grad((logits) => tf.sum(lossOf(logits)))(second(policy.logits));
        assertClose(ofSecond(gradient), flat(policy.logitGradients), 1e-6, 'gradient');

        const logP = tf.log(tensor(target.policy));
        const heads = tf.stack([target.q1, target.q2].map(tensor));
        const value = expectedChoice(logP, judged(tf.expandDims(heads, 0), undefined, 'min'));
        const goesOn = tf.mul(tf.sub(1, tensor(target.terminated)), target.gamma);
        const y = tf.add(tensor(target.rewards), tf.mul(goesOn, value));
        assertClose(read(y), flat(target.tdTarget), 1e-5, 'y');
      });
    });
  });

  describe(`TD-MPC on ${engine} is that of its authors`, () => {
    before(async () => {
      await startEngine(engine);
    });

    test('v2: targets, latents, losses, gradients and two updates in a row', () => {
      const networks = networksOf(v2);
      const layouts = layoutOf(networks);
      const context = { networks, settings: v2, spaces };
      const { start, end, updates } = update2;
      const update = new Compiled(({ weights, windows, noise, correction, scalars }: Given) =>
        learn(context, weights, windows, noise, correction, scalars),
      );
      tf.tidy(() => {
        let weights = weightsOf(networks, start.model, { actor: start.policy }, start.targetQ, false);
        for (const [i, { batch, result, modelGradients: wanted, policyGradients }] of updates.entries()) {
          const windows = secondWindows(batch.observations, batch.actions, batch.rewards, batch.terminated);
          const noise: UpdateNoise = {
            targetPair: pairNoise(batch.targetHeads, 5),
            actorPair: pairNoise(batch.policyHeads, 5),
            targetAction: noiseRows(batch.targetNoise),
            actorAction: noiseRows(batch.policyNoise),
          };
          const actor = networks.actor!.layout.unpack(weights.actor!.parameters);
          const parameters = byGroup((group) => layouts[group].unpack(weights.learnt[group].parameters));
          const model = latentModel(networks, { ...parameters, actor }, spaces);
          const sample = { pair: noise.targetPair, action: noise.targetAction };
          const average = { critic: layouts.critic.unpack(weights.target.critic), actor };
          const { latent, value } = targets(networks, model, average, windows, sample, v2.gamma);
          assertClose(ofSecond(latent), flat(batchFirst(result.nextLatent)), 1e-5, 'z*');
          assertClose(ofSecond(value), flat(batchFirst(result.tdTarget)), 1e-5, 'y');

          const found = modelGradients(context, weights, windows, noise);
          assertClose(ofSecond(found.latents), flat(batchFirst(result.latents)), 1e-5, 'z');
          if (wanted) {
            for (const group of GROUPS) {
              assertParameters(found.gradient[group], layouts[group], wanted, 1e-5, 'gradient');
            }
          }

          const scalars = {
            learningRate: column(3e-4),
            encoderLearningRate: column(0.3 * 3e-4),
            target: column(0.01),
            average: column(1),
          };
          const next = update.run({ weights, windows, noise, correction: biasCorrection(i + 1), scalars });
          if (policyGradients) {
            const critic = layouts.critic.unpack(next.weights.learnt.critic.parameters);
            const { mask } = stepWeights(windows, v2.rho);
            const ofActor = { pair: noise.actorPair, action: noise.actorAction! };
            const gradient = tf.grad((flatActor) => {
              const actor = networks.actor!.layout.unpack(flatActor as tf.Tensor2D);
              const { loss } = actorLoss(
                ...([networks, { critic, actor }, found.latents, mask, ofActor, weights.scale, v2] as const),
              );
              return tf.sum(loss);
            })(weights.actor!.parameters) as tf.Tensor2D;
            assertParameters(gradient, networks.actor!.layout, { actor: policyGradients }, 1e-4, 'gradient');
          }
          for (const [term, value] of [
            ['consistency', result.consistencyLoss],
            ['reward', result.rewardLoss],
            ['value', result.valueLoss],
            ['continue', result.terminationLoss],
            ['loss', result.totalLoss],
            ['gradient_norm', result.gradNorm],
            ['value_scale', result.policyScale],
            ['actor', result.policyLoss],
            ['actor_gradient_norm', result.policyGradNorm],
          ] as const) {
            assertTerm(next.terms[term]!, value, `${term} of update ${i + 1}`);
          }
          const entropies = flat(result.policyScaledEntropy);
          const mean = entropies.reduce((sum, x) => sum + x, 0) / entropies.length;
          assertTerm(next.terms.entropy!, mean, 'entropy');
          weights = next.weights;
        }
        for (const group of GROUPS) {
          assertParameters(weights.learnt[group].parameters, layouts[group], end.model, 1e-5, 'parameters');
        }
        const actor = { actor: end.policy };
        assertParameters(weights.actor!.parameters, networks.actor!.layout, actor, 1e-5, 'parameters');
        assertParameters(weights.target.critic, layouts.critic, end.targetQ, 1e-5, 'average');
        assertTerm(weights.scale, end.scale, 'S');
      });
      update.dispose();
    });

    test('v1: losses of each window, their gradients, the actor’s', () => {
      const networks = networksOf(v1);
      const layouts = layoutOf(networks);
      const { start, batch, config } = update1;
      tf.tidy(() => {
        const weights = weightsOf(networks, start.model, { actor: start.model.policy! }, start.target, true);
        const steps = (x: Nested) => (x as Nested[]).slice(0, config.horizon!);
        const observations = [batch.observation, ...steps(batch.nextObservations)];
        const rewards = steps(batch.rewards);
        const none = (rewards as number[][]).map((row) => row.map(() => 0));
        const windows = secondWindows(observations, steps(batch.actions), rewards, none);
        const noise: UpdateNoise = {
          targetPair: pairNoise([0, 1], 2),
          actorPair: pairNoise([0, 1], 2),
          targetAction: noiseRows(batch.targetNoise),
          actorAction: noiseRows(batch.policyNoise),
        };
        const context = { networks, settings: v1, spaces };
        const { latents, terms } = modelGradients(context, weights, windows, noise);
        assertClose(ofSecond(latents), flat(batchFirst(update1.latents)), 1e-5, 'z');
        // Its terms are sums over steps and, of values, over heads.
        const horizon = config.horizon!;
        const mean = (perWindow: number[], over: number) =>
          perWindow.reduce((sum, x) => sum + x, 0) / perWindow.length / over;
        assertTerm(terms.consistency!, mean(update1.consistencyLoss, horizon), 'consistency');
        assertTerm(terms.reward!, mean(update1.rewardLoss, horizon), 'reward');
        assertTerm(terms.value!, mean(update1.valueLoss, 2 * horizon), 'value');

        // Its windows are drawn by priorities, and count for what the reference says.
        const actor = networks.actor!.layout.unpack(weights.actor!.parameters);
        const { mask, discounted } = stepWeights(windows, v1.rho);
        const importance = tf.expandDims(second(batch.weights), 2);
        const counts = { mask, discounted: tf.mul(discounted, importance) as tf.Tensor3D };
        const averaged = layouts.encoder.unpack(weights.target.encoder!);
        const average = {
          critic: layouts.critic.unpack(weights.target.critic),
          actor,
          encode: (x: tf.Tensor) => toLatent(averaged, 'encoder', 1, x, networks.settings, false),
        };
        const ofTargets = { pair: noise.targetPair, action: noise.targetAction };
        const lossAt = (...all: tf.Tensor[]) => {
          const parameters = byGroup((group) =>
            layouts[group].unpack(all[GROUPS.indexOf(group)] as tf.Tensor2D),
          );
          const model = latentModel(networks, { ...parameters, actor }, spaces);
          const wanted = stopGradient(() => targets(networks, model, average, windows, ofTargets, v1.gamma));
          const given = [networks, model, parameters.critic, windows, wanted, counts, v1] as const;
          return modelLoss(modelTerms(...given).terms, v1);
        };
        const all = GROUPS.map((group) => weights.learnt[group].parameters);
        const gradients = tf.grads((...all) => tf.sum(lossAt(...all)))(all) as tf.Tensor2D[];
        for (const [i, group] of GROUPS.entries()) {
          assertParameters(gradients[i]!, layouts[group], update1.gradients, 1e-5, 'gradient');
        }
        const norm = Math.hypot(...gradients.flatMap((gradient) => [...ofSecond(gradient)]));
        assertClose([norm], [update1.gradNorm], 1e-5, 'norm');
        assertTerm(lossAt(...all), update1.weightedLoss / horizon, 'loss');

        const critic = layouts.critic.unpack(weights.learnt.critic.parameters);
        const ofActor = { pair: noise.actorPair, action: noise.actorAction! };
        // Summed over the states, of which ours is the mean.
        const lossOf = (flatActor: tf.Tensor) => {
          const actor = networks.actor!.layout.unpack(flatActor as tf.Tensor2D);
          const given = [networks, { critic, actor }, latents, mask, ofActor, weights.scale, v1] as const;
          return tf.mul(actorLoss(...given).loss, horizon + 1);
        };
        const grad = tf.grad((x) => tf.sum(lossOf(x)))(weights.actor!.parameters);
        assertTerm(lossOf(weights.actor!.parameters), update1.policyLossBeforeStep, 'actor');
        const ofPolicy = { actor: update1.policyGradientsBeforeStep };
        assertParameters(grad as tf.Tensor2D, networks.actor!.layout, ofPolicy, 1e-5, 'gradient');
      });
    });
  });
}

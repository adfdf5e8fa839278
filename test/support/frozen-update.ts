import * as tf from '@tensorflow/tfjs-core';
import { dream, dreamReturns, foresee } from '../../src/methods/dreamer/imagination.ts';
import { criticLoss, dynamicsLoss, replayedReturns } from '../../src/methods/dreamer/losses.ts';
import {
  type ByGroup,
  byGroup,
  criticOutput,
  type Networks,
  trainedOf,
  type Weights,
  worldModel,
} from '../../src/methods/dreamer/networks.ts';
import type { DreamerSettings } from '../../src/methods/dreamer/settings.ts';
import type { MemberScalars, UpdateNoise } from '../../src/methods/dreamer/update.ts';
import { boundedGaussian, squashedGaussian, unbounded } from '../../src/models/box-gaussian.ts';
import { rollOut } from '../../src/models/roll-out.ts';
import { dynamics } from '../../src/models/rssm/dynamics.ts';
import { latentFamily } from '../../src/models/rssm/latent.ts';
import { rssmTerms, type StepWindows } from '../../src/models/rssm/losses.ts';
import { logTanhSlope, normalEntropy, normalLogProbability } from '../../src/nn/gaussian.ts';
import type { AgentSpaces } from '../../src/training/agent-spaces.ts';
import { memberMean } from '../../src/training/reduce.ts';
import { differentiableLambdaReturn } from '../../src/training/returns.ts';

/** Everything that an update's gradients are computed from. */
export interface UpdateCase {
  networks: Networks;
  settings: DreamerSettings;
  spaces: AgentSpaces;
  weights: Weights;
  windows: StepWindows;
  noise: UpdateNoise;
  scalars: Pick<MemberScalars, 'lambda' | 'entropy'>;
}

/**
 * The loss of Dreamer's update as a function of the weights whose slope is the update's gradient: what counts as a
 * constant there, targets, advantages, weights of dreams, dreamt states and the other side of each KL, is here computed
 * once, at the given weights. Written from the equations of each part.
 *
 * @returns the function of the trained weights, whose value is the sum over members
 */
export function frozenLoss(given: UpdateCase): (weights: ByGroup<tf.Tensor2D>) => tf.Scalar {
  const { networks, settings, spaces, weights, windows, noise, scalars } = given;
  const { layouts, head, value: code } = networks;
  const { critic, startsPerWindow: steps, gamma } = settings;
  const [members, batch] = windows.reward.shape;
  const latent = latentFamily(settings.model);
  const rho = settings.actor.reinforce as number;

  const lastSteps = <T extends tf.Tensor>(x: T, count = steps) =>
    tf.slice(x, [0, 0, x.shape[2]! - count], [members, batch, count]) as T;
  const butLast = <T extends tf.Tensor>(x: T) =>
    tf.slice(x, [0, 0, 0], [members, x.shape[1]!, x.shape[2]! - 1]) as T;
  /** The critic on replayed states: those observed, and as the prior predicts them. */
  const replayedStates = (model: ReturnType<typeof modelAt>) => {
    const at = (x: tf.Tensor) => butLast(lastSteps(x));
    const h = at(model.observed.deter);
    const z = () => {
      const prior = dynamics(model.parameters.model, settings.model).prior(h);
      return tf.concat([h, latent.sample(prior, at(noise.prediction))], -1);
    };
    return [at(model.features), ...(critic.onPrediction ? [z()] : [])];
  };
  const modelAt = (weights: ByGroup<tf.Tensor2D>) => {
    const parameters = byGroup((group) => layouts[group].unpack(weights[group]));
    const model = worldModel(networks, settings, spaces, parameters);
    const goesOn = tf.mul(tf.sub(1, windows.terminal), settings.discountInContinue ? gamma : 1);
    const real = rssmTerms(
      parameters.model,
      model,
      networks.reward,
      windows,
      goesOn,
      noise.posterior,
      settings.model,
    );
    const prior = dynamics(parameters.model, settings.model).prior(real.observed.deter);
    return { parameters, model, prior, ...real };
  };

  const base = modelAt(trainedOf(weights));
  const slowCritic = layouts.critic.unpack(weights.slowCritic);
  const slowValue = (states: tf.Tensor) =>
    code.mean(criticOutput(slowCritic, states, settings, false)) as tf.Tensor3D;
  const startOf = (x: tf.Tensor) => tf.reshape(lastSteps(x), [members, batch * steps, -1]);
  const start = { deter: startOf(base.observed.deter), stoch: startOf(base.observed.stoch) };
  const dreamt = dream(base.model, head, start, noise);
  const foreseen = foresee(base.model, dreamt, settings);
  const slow = slowValue(dreamt.states);
  const value = critic.slowTarget ? slow : (base.model.value!(dreamt.states) as tf.Tensor3D);
  const { returns, lambdaReturns } = dreamReturns(foreseen, value, settings);
  // The range of returns is what it was before: tests do not normalise.
  const baseline = critic.bootstrapsActor ? butLast(value) : tf.mean(returns, 1, true);
  const advantage = tf.sub(returns, baseline);
  const u = settings.actor.box === 'clipped' ? boundedGaussian : squashedGaussian;
  const states = butLast(dreamt.states);
  const taken =
    head.space.kind === 'box' ? unbounded(u(base.model.policy!(states)), noise.action) : undefined;

  const [reward, last, terminal, first] = [windows.reward, windows.last, windows.terminal, windows.first].map(
    (x) => lastSteps(x),
  ) as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D, tf.Tensor3D];
  const boot = tf.reshape(tf.slice(lambdaReturns, [0, 0, 0], [members, batch * steps, 1]), [
    members,
    batch,
    steps,
  ]) as tf.Tensor3D;
  const inUnits = tf.mul(reward, settings.model.scaledRewards ? 1 - gamma : 1) as tf.Tensor3D;
  const replayed = replayedReturns({ reward: inUnits, last, terminal }, boot, gamma, critic.returnLambda);
  const goesOn = butLast(tf.sub(1, last));
  const masks = [goesOn, tf.mul(goesOn, butLast(tf.sub(1, first)))];
  const replayedBase = replayedStates(base).map((states) => ({ states, slow: slowValue(states) }));

  /** −w (log π(a) ρ A + η H), in a box of actions that were taken before. */
  const reinforce = (output: tf.Tensor): tf.Tensor1D => {
    const share = tf.mul(advantage, rho);
    if (!taken) {
      const { action } = dreamt;
      const given = { action, noise: undefined, weight: foreseen.weight, advantage: share };
      return head.loss(output, { ...given, entropyWeight: scalars.entropy }).loss;
    }
    const policy = u(output);
    const squashed = settings.actor.box === 'squashed';
    const slope = (x: tf.Tensor) => (squashed ? logTanhSlope(x) : tf.scalar(0));
    const logP = tf.sub(normalLogProbability(policy.mean, policy.logStd, taken), slope(taken));
    const entropy = tf.add(normalEntropy(policy.logStd), slope(unbounded(policy, noise.action)));
    const bonus = tf.mul(tf.reshape(scalars.entropy, [members, 1, 1]), entropy);
    return memberMean(tf.mul(foreseen.weight, tf.add(tf.mul(logP, share), bonus)), -1);
  };
  /** −w R, of actions that the policy takes in the states dreamt before. */
  const through = (output: tf.Tensor): tf.Tensor1D => {
    const actions = head.sample(output, noise.action) as tf.Tensor4D;
    const imagined = rollOut(base.model, start, { actions }, noise.step);
    const first = tf.slice(imagined.features, [0, 0, 0], [members, batch * steps, 1]);
    const all = tf.concat([first, imagined.nextFeatures], 2);
    const ahead = foresee(base.model, { ...imagined, states: all }, settings);
    const value = critic.slowTarget
      ? code.mean(criticOutput(slowCritic, all, settings, true))
      : base.model.value!(all);
    const { returns } = dreamReturns(ahead, value as tf.Tensor3D, settings, differentiableLambdaReturn);
    return dynamicsLoss(foreseen.weight, returns, tf.ones([members, 1, 1]));
  };

  return (moved) => {
    const now = modelAt(moved);
    const { weights: weigh, freeNats } = settings.model;
    const divergence = (q: tf.Tensor, p: tf.Tensor) => memberMean(tf.maximum(latent.kl(q, p), freeNats));
    const criticOf = (states: tf.Tensor, isConstant: boolean, ...rest: tf.Tensor[]) => {
      const [returns, slow, weight] = rest as [tf.Tensor, tf.Tensor, tf.Tensor];
      const output = criticOutput(now.parameters.critic, states, settings, !isConstant);
      return criticLoss(code, output, returns, slow, weight, critic.slowRegulariser);
    };
    const output = now.model.policy!(states);
    const terms: [tf.Tensor, tf.Tensor | number][] = [
      [now.terms.reconstruction, weigh.reconstruction],
      [now.terms.reward, weigh.reward],
      ...(now.terms.continue ? [[now.terms.continue, weigh.continue] as [tf.Tensor, number]] : []),
      [divergence(base.observed.posterior, now.prior), weigh.dynamics],
      [divergence(now.observed.posterior, base.prior), weigh.representation],
      [criticOf(states, true, lambdaReturns, butLast(slow), foreseen.weight), 1],
      [reinforce(output), 1],
    ];
    if (rho < 1) terms.push([through(output), 1 - rho]);
    if (settings.lambda === 0) return sumOf(terms);
    const shaped = critic.shapesModel ? replayedStates(now) : replayedBase.map(({ states }) => states);
    for (const [i, states] of shaped.entries()) {
      const loss = criticOf(states, !critic.shapesModel, replayed, replayedBase[i]!.slow, masks[i]!);
      terms.push([loss, scalars.lambda]);
    }
    return sumOf(terms);
  };
}

const sumOf = (terms: readonly (readonly [tf.Tensor, tf.Tensor | number])[]): tf.Scalar =>
  tf.sum(tf.addN(terms.map(([term, weight]) => tf.mul(term, weight))));

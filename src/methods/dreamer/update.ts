import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../../engine/stop-gradient.ts';
import { dynamics, type RssmState } from '../../models/rssm/dynamics.ts';
import { latentFamily } from '../../models/rssm/latent.ts';
import { type RssmTerms, rssmLoss, rssmTerms, type StepWindows } from '../../models/rssm/losses.ts';
import { type BiasCorrection, globalNorm } from '../../nn/adam.ts';
import { movingAverage } from '../../nn/moving-average.ts';
import type { Parameters } from '../../nn/parameters.ts';
import { sliceAlong } from '../../nn/slice-along.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { optimise } from '../../training/optimise.ts';
import { memberMean, weightedSum } from '../../training/reduce.ts';
import { allButLast, dreamLosses, judge } from './dream-losses.ts';
import { dream, foresee, type ImaginationNoise } from './imagination.ts';
import { criticLoss, replayedReturns } from './losses.ts';
import {
  type ByGroup,
  byGroup,
  criticOutput,
  GROUPS,
  type Group,
  type Networks,
  trainedOf,
  valueFactor,
  type Weights,
  worldModel,
} from './networks.ts';
import { type DreamerSettings, reinforceShare } from './settings.ts';

/** The terms of losses.csv, in order; a run reports those that it has. */
export const LOSS_TERMS = [
  'loss',
  'reconstruction',
  'reward',
  'continue',
  'dynamics',
  'representation',
  'kl',
  'critic',
  'replayed_critic',
  'predicted_critic',
  'actor',
  'entropy',
  'imagined_return',
  'return_scale',
  'continue_probability',
  'gradient_norm',
  'critic_gradient_norm',
  'actor_gradient_norm',
  'weight_norm',
] as const;

export type LossTerm = (typeof LOSS_TERMS)[number];
export type LossTerms = Partial<Record<LossTerm, tf.Tensor>>;

/** Hyper-parameters that may differ from member to member, or change from update to update. */
export interface MemberScalars {
  /** [members] */
  lambda: tf.Tensor1D;
  entropy: tf.Tensor1D;
  /** Step sizes, warm-up included: [members, 1] each */
  learningRate: ByGroup<tf.Tensor2D>;
  /** Rates of this update's step of the policy average and of the slow critic: [members, 1] */
  policyAverage: tf.Tensor2D;
  slowCritic: tf.Tensor2D;
}

/** All that is random in an update. */
export interface UpdateNoise extends ImaginationNoise {
  /** Of the posterior: [members, batch, time, numbers] */
  posterior: tf.Tensor;
  /** Of the prior's predictions on which the critic learns: likewise; read only with `critic.onPrediction` */
  prediction: tf.Tensor;
}

/** The gradient of everything that learns, and what was seen on the way. */
export interface Gradients {
  gradient: ByGroup<tf.Tensor2D>;
  /** The states that the windows' steps are remembered by: h and z, [members, batch, time, features] */
  memory: tf.Tensor;
  returnRange: tf.Tensor2D;
  terms: LossTerms;
}

/** The target of the continue head: 1 − terminal, times γ where the head learns it. */
export const continueTarget = (
  terminal: tf.Tensor,
  { discountInContinue, gamma }: DreamerSettings,
): tf.Tensor => tf.mul(tf.sub(1, terminal), discountInContinue ? gamma : 1);

/** What an update is computed from, besides what is differentiated by. */
export type LossInputs = [
  networks: Networks,
  settings: DreamerSettings,
  spaces: AgentSpaces,
  before: Weights,
  windows: StepWindows,
  noise: UpdateNoise,
  scalars: Pick<MemberScalars, 'lambda' | 'entropy'>,
];

/** All losses of an update. */
interface UpdateLosses extends Omit<Gradients, 'gradient'> {
  /** The sum of all: [members] */
  total: tf.Tensor1D;
  /** What the model learns by itself, and the critic on replayed states. */
  real: RssmTerms;
  replayed: tf.Tensor1D[];
}

/** The parameters before an update, each by itself: splitting the flat tensors would only add to the tape. */
export const parametersOf = ({ layouts }: Networks, { learnt }: Weights): ByGroup<tf.Tensor[]> =>
  byGroup((group) => layouts[group].split(learnt[group].parameters));

/** What computes the losses of an update, to be differentiated by `split`. */
export function updateLosses(
  split: ByGroup<tf.Tensor[]>,
  ...[networks, settings, spaces, before, windows, noise, scalars]: LossInputs
): () => UpdateLosses {
  const { layouts, head, value: code } = networks;
  const rho = reinforceShare(settings, spaces.actionSpace.kind);
  const trained = byGroup((group) => layouts[group].named(split[group]));
  const model = worldModel(networks, settings, spaces, trained);
  // Dreams are dreamt in a model and valued by a critic that they do not change.
  const constant = (group: Group) => layouts[group].unpack(before.learnt[group].parameters);
  const slowCritic = layouts.critic.unpack(before.slowCritic);
  const dreamt = worldModel(networks, settings, spaces, {
    model: constant('model'),
    critic: settings.critic.slowTarget ? slowCritic : constant('critic'),
    actor: trained.actor,
  });
  const slowValue = (states: tf.Tensor) =>
    stopGradient(() => code.mean(criticOutput(slowCritic, states, settings, false)));

  return () => {
    const target = continueTarget(windows.terminal, settings);
    const real = rssmTerms(
      trained.model,
      model,
      networks.reward,
      windows,
      target,
      noise.posterior,
      settings.model,
    );
    const start = stopGradient(() => dreamStarts(real.observed, settings.startsPerWindow));
    const dreaming = <T>(f: () => T) => (rho < 1 ? f() : stopGradient(f));
    const imagined = dreaming(() => dream(dreamt, head, start, noise));
    const foreseen = dreaming(() => foresee(dreamt, imagined, settings));
    const states = stopGradient(() => tf.clone(imagined.states));
    const output = criticOutput(trained.critic, states, settings, false);
    const learnt = stopGradient(() => {
      const slow = slowValue(states) as tf.Tensor3D;
      const value = settings.critic.slowTarget ? slow : (code.mean(output) as tf.Tensor3D);
      return judge(foreseen, { value, slow }, before.returnRange, settings);
    });
    const { critic, actor, entropy } = dreamLosses(
      { model, dreamt, head, code },
      { imagined, foreseen, output, learnt, noise: noise.action, rho },
      scalars.entropy,
      settings,
    );
    const replayed = replayedCritic(
      { trained, windows, features: real.features, deter: real.observed.deter, noise: noise.prediction },
      networks,
      settings,
      learnt.lambdaReturns,
      slowValue,
    );
    const total = weightedSum([
      [rssmLoss(real.terms, settings.model), 1],
      [critic, 1],
      [actor, 1],
      ...replayed.losses.map((loss) => [loss, scalars.lambda] as const),
    ]);
    return {
      ...{ total, real: real.terms, replayed: replayed.losses },
      memory: stopGradient(() => tf.clone(real.features)),
      returnRange: learnt.returnRange,
      terms: {
        loss: total,
        ...real.terms,
        critic,
        ...replayed.terms,
        actor,
        entropy,
        imagined_return: stopGradient(() => memberMean(learnt.returns)),
        return_scale: stopGradient(() => tf.reshape(tf.clone(learnt.scale), [-1])),
        continue_probability: stopGradient(() => memberMean(learnt.discount)),
      },
    };
  };
}

/**
 * The gradients of one update, before clipping. Model, critic and actor have disjoint parameters, and what one learns is
 * constant to the others but where the critic shapes the model, so one backward pass over the sum of all losses serves.
 */
export function gradients(...inputs: LossInputs): Gradients {
  const [{ layouts }, , , before] = inputs;
  const split = parametersOf(inputs[0], before);
  const losses = updateLosses(split, ...inputs);
  let seen: Omit<Gradients, 'gradient'> | undefined;
  const loss = (): tf.Scalar => {
    const { total, memory, returnRange, terms } = losses();
    for (const tensor of [memory, returnRange, ...Object.values(terms)]) tf.keep(tensor);
    seen = { memory, returnRange, terms };
    return tf.sum(total);
  };
  const everything = GROUPS.flatMap((group) => split[group]);
  const { value: total, grads } = tf.valueAndGrads(loss)(everything);
  total.dispose();
  const rest = [...grads];
  const gradient = byGroup((group) => layouts[group].join(rest.splice(0, split[group].length)));
  return { gradient, ...seen! };
}

/** The states at the last `count` steps of every window, from which dreams start: [members, batch · count, …] each. */
export function dreamStarts({ deter, stoch }: RssmState, count: number): RssmState {
  const flat = (x: tf.Tensor) => {
    const [members, , , size] = x.shape as [number, number, number, number];
    return tf.reshape(lastSteps(x, count), [members, -1, size]);
  };
  return { deter: flat(deter), stoch: flat(stoch) };
}

/** The last steps of windows: [members, batch, time, …] -> [members, batch, count, …]. */
const lastSteps = <T extends tf.Tensor>(x: T, count: number): T =>
  sliceAlong(x, 2, x.shape[2]! - count, count);

/** What the critic on replayed states is computed from. */
export interface Replayed {
  trained: ByGroup<Parameters>;
  windows: StepWindows;
  /** Of the posterior states: [members, batch, time, features] */
  features: tf.Tensor;
  deter: tf.Tensor;
  noise: tf.Tensor;
}

/**
 * The critic's loss on the last replayed steps, valued by the returns imagined from them, and on the same steps as the
 * prior predicts them; the latter counts where a transition led to them. This is the gradient that shapes the model.
 *
 * @param lambdaReturns imagined from those steps: [members, batch · steps, horizon]
 */
export function replayedCritic(
  { trained, windows, features, deter, noise }: Replayed,
  { value: code }: Networks,
  settings: DreamerSettings,
  lambdaReturns: tf.Tensor3D,
  slowValue: (states: tf.Tensor) => tf.Tensor,
): { losses: tf.Tensor1D[]; terms: LossTerms } {
  const { startsPerWindow: steps, critic, gamma, lambda } = settings;
  if (lambda === 0) return { losses: [], terms: {} };
  const [members, batch] = windows.reward.shape;
  const { returns, mask, predictedMask } = stopGradient(() => {
    const [reward, last, terminal, first] = [
      windows.reward,
      windows.last,
      windows.terminal,
      windows.first,
    ].map((x) => lastSteps(x, steps)) as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D, tf.Tensor3D];
    const imagined = tf.slice(lambdaReturns, [0, 0, 0], [members, batch * steps, 1]);
    const bootstrap = tf.reshape(imagined, [members, batch, steps]) as tf.Tensor3D;
    const goesOn = allButLast(tf.sub(1, last), 2);
    const rewards = tf.mul(reward, valueFactor(settings)) as tf.Tensor3D;
    return {
      returns: replayedReturns({ reward: rewards, last, terminal }, bootstrap, gamma, critic.returnLambda),
      mask: goesOn,
      predictedMask: tf.mul(goesOn, allButLast(tf.sub(1, first), 2)),
    };
  });
  const learn = (states: () => tf.Tensor, mask: tf.Tensor) => {
    const shaped = critic.shapesModel ? states() : stopGradient(states);
    return criticLoss(
      code,
      criticOutput(trained.critic, shaped, settings, critic.shapesModel),
      returns,
      slowValue(shaped),
      mask,
      critic.slowRegulariser,
    );
  };
  const at = (x: tf.Tensor) => allButLast(lastSteps(x, steps), 2);
  const replayed = learn(() => at(features), mask);
  if (!critic.onPrediction) return { losses: [replayed], terms: { replayed_critic: replayed } };
  const predicted = learn(() => {
    const h = at(deter);
    const { prior } = dynamics(trained.model, settings.model);
    const z = latentFamily(settings.model).sample(prior(h), at(noise));
    return tf.concat([h, z], -1);
  }, predictedMask);
  return {
    losses: [replayed, predicted],
    terms: { replayed_critic: replayed, predicted_critic: predicted },
  };
}

/** The weights after one step of the optimizer and one of every moving average. */
export function applyGradients(
  networks: Networks,
  { optimizer }: DreamerSettings,
  before: Weights,
  { gradient, returnRange, terms }: Gradients,
  correction: BiasCorrection,
  scalars: Pick<MemberScalars, 'learningRate' | 'policyAverage' | 'slowCritic'>,
): { weights: Weights; terms: LossTerms } {
  const norms = byGroup((group) => globalNorm(gradient[group]));
  const learnt = byGroup((group) =>
    optimise(
      networks.layouts[group],
      before.learnt[group],
      gradient[group],
      correction,
      scalars.learningRate[group],
      optimizer,
    ),
  );
  const trained = trainedOf({ learnt });
  const average = (group: 'model' | 'actor') =>
    movingAverage(before.averages[group], trained[group], scalars.policyAverage);
  return {
    weights: {
      learnt,
      slowCritic: movingAverage(before.slowCritic, trained.critic, scalars.slowCritic),
      averages: { model: average('model'), actor: average('actor') },
      returnRange,
    },
    terms: {
      ...terms,
      gradient_norm: tf.squeeze(norms.model, [1]),
      critic_gradient_norm: tf.squeeze(norms.critic, [1]),
      actor_gradient_norm: tf.squeeze(norms.actor, [1]),
      weight_norm: tf.squeeze(globalNorm(tf.concat(Object.values(trained), 1)), [1]),
    },
  };
}

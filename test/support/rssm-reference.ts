import * as tf from '@tensorflow/tfjs-core';
import { type ByGroup, byGroup, type Weights } from '../../src/methods/dreamer/networks.ts';
import type { StepWindows } from '../../src/models/rssm/losses.ts';
import type { ParameterLayout } from '../../src/nn/parameters.ts';
import type { AgentSpaces } from '../../src/training/agent-spaces.ts';
import { freshOptimised } from '../../src/training/optimise.ts';
import { flat, type Nested, reference, second, tensor } from './reference.ts';
import { normals } from './tensors.ts';

/** Weights, or their gradients, by the reference's names: a layer's, then w, b or s. */
export type NamedValues = Record<string, Nested>;

interface Data {
  obs: Nested;
  prev_action: Nested;
  reward: Nested;
  first: Nested;
  h0: Nested;
  z0: Nested;
}

export const categorical = reference<{
  gamma: number;
  weights: NamedValues;
  data: Data & { last: Nested; terminal: Nested };
  uniform_posterior: Nested;
  observe: Record<'deter' | 'stoch' | 'post_logp' | 'prior_logp' | 'kl', Nested>;
  loss: Record<'dyn' | 'rep' | 'rec' | 'rew' | 'con' | 'total', number>;
  grad: NamedValues;
  imagine: Record<'gumbel_action' | 'uniform_prior' | 'deter' | 'stoch' | 'action' | 'policy_logp', Nested>;
}>('rssm_categorical.json.gz');

/** What heads see is z and then h there, h and then z here: rows of their first layers change places. */
function featuresInOrder(values: NamedValues): NamedValues {
  const inOrder = (name: string) => {
    const rows = values[name] as Nested[];
    return [...rows.slice(3), ...rows.slice(0, 3)];
  };
  return { ...values, 'dec0/w': inOrder('dec0/w'), 'rew0/w': inOrder('rew0/w') };
}

interface GaussianLoss {
  loss: Record<'rec' | 'rew' | 'kl_term' | 'total', number>;
  grad: NamedValues;
}
const { planet, v1, ...ofGaussian } = reference<{
  weights: NamedValues;
  data: Data;
  eps_posterior: Nested;
  observe: Record<'deter' | 'stoch' | 'post_mean' | 'post_std' | 'prior_mean' | 'prior_std' | 'kl', Nested>;
  planet: GaussianLoss;
  v1: GaussianLoss;
  imagine: Record<'eps_prior' | 'action' | 'deter' | 'stoch', Nested>;
}>('rssm_gaussian.json.gz');
export const gaussian = {
  ...ofGaussian,
  weights: featuresInOrder(ofGaussian.weights),
  planet: { ...planet, grad: featuresInOrder(planet.grad) },
  v1: { ...v1, grad: featuresInOrder(v1.grad) },
};

type Imagined = Record<'weight' | 'ret' | 'advantage' | 'policy_loss' | 'value_loss', Nested> & {
  offset: number;
};
/** What actor and critic make of `categorical`. */
export const actorCritic = reference<{
  slow: NamedValues;
  imagination: Record<'code' | 'slowtar', Imagined>;
  reward: Nested;
  con: Nested;
  value: Nested;
  slow_value: Nested;
  replay: Record<'value_logits' | 'slow_value_logits' | 'boot' | 'ret' | 'loss', Nested>;
}>('actor_critic.json.gz');

export const lambdaReturns = reference<{
  v3: (Record<'last' | 'term' | 'rew' | 'boot' | 'ret' | 'imagination_weight', Nested> & {
    name: string;
    disc: number;
    lam: number;
  })[];
}>('lambda_returns.json.gz').v3;

/** The reference's name of each layer. */
export const categoricalLayers: Record<string, string> = {
  'encoder.0': 'enc',
  'rssm.deter': 'in_h',
  'rssm.stoch': 'in_z',
  'rssm.action': 'in_a',
  'rssm.hidden': 'dyn',
  'rssm.gates': 'gru',
  'rssm.posterior.0': 'obs',
  'rssm.posterior.out': 'post',
  'rssm.prior.0': 'img0',
  'rssm.prior.1': 'img1',
  'rssm.prior.out': 'prior',
  'decoder.0': 'dec',
  'decoder.out': 'decout',
  'reward.0': 'rew',
  'reward.out': 'rewout',
  'continue.0': 'con',
  'continue.out': 'conout',
  'critic.0': 'val',
  'critic.out': 'valout',
  'actor.0': 'pol',
  'actor.out': 'polout',
};
export const gaussianLayers: Record<string, string> = {
  'encoder.0': 'enc',
  'rssm.input': 'img_in',
  'rssm.gates': 'gru',
  'rssm.posterior.0': 'obs_out',
  'rssm.posterior.out': 'obs_dist',
  'rssm.prior.0': 'img_out',
  'rssm.prior.out': 'img_dist',
  'decoder.0': 'dec0',
  'decoder.out': 'dec1',
  'reward.0': 'rew0',
  'reward.out': 'rew1',
};

/** The reference's name of a parameter. */
export function nameOf(parameter: string, layers: Record<string, string>): string {
  const dot = parameter.lastIndexOf('.');
  return `${layers[parameter.slice(0, dot)]}/${parameter[dot + 1]}`;
}

/** Both members' weights, [2, size]: parameters that the reference does not have are random. */
export function secondWeights(
  layout: ParameterLayout,
  layers: Record<string, string>,
  values: NamedValues,
): tf.Tensor2D {
  const rows = normals(2, 'weights', [2, layout.size]).data.map((x) => 0.3 * x);
  for (const { name, values: own } of layout.views(rows.subarray(layout.size))) {
    const wanted = values[nameOf(name, layers)];
    if (wanted !== undefined) own.set(flat(wanted));
  }
  return tf.tensor2d(rows, [2, layout.size]);
}

/** Everything else that an update takes, fresh. */
export const weightsOf = (weights: ByGroup<tf.Tensor2D>, slowCritic: tf.Tensor2D): Weights => ({
  learnt: byGroup((group) => freshOptimised(weights[group])),
  slowCritic,
  averages: { model: weights.model, actor: weights.actor },
  returnRange: tf.zeros([weights.model.shape[0], 2]),
});

/** Steps of a reference as both members' windows. */
export function secondWindows(
  data: Data & { last?: Nested; terminal?: Nested },
  { observationScale }: AgentSpaces,
  scaled: boolean,
): StepWindows {
  const observation = second(data.obs);
  const none = data.reward as number[][];
  const zeros = none.map((row) => row.map(() => 0));
  return {
    observation: (scaled ? observation : tf.div(observation, [...observationScale])) as tf.Tensor4D,
    action: second(data.prev_action),
    reward: second(data.reward) as tf.Tensor3D,
    // Flags are the same for both.
    first: tf.stack([tensor(data.first), tensor(data.first)]) as tf.Tensor3D,
    last: tf.stack([tensor(data.last ?? zeros), tensor(data.last ?? zeros)]) as tf.Tensor3D,
    terminal: tf.stack([tensor(data.terminal ?? zeros), tensor(data.terminal ?? zeros)]) as tf.Tensor3D,
    start: { deter: second(data.h0), stoch: second(data.z0) },
  };
}

import * as tf from '@tensorflow/tfjs-core';
import { type AdamMoments, zeroMoments } from '../../nn/adam.ts';
import { convolution, convolutionSpecs, convolvedShape, type ImageShape } from '../../nn/convolution.ts';
import { orthogonal } from '../../nn/initialisers.ts';
import { layer } from '../../nn/linear.ts';
import { type HiddenLayers, mlp, mlpSpecs } from '../../nn/mlp.ts';
import { ParameterLayout, type ParameterSpec, type Parameters } from '../../nn/parameters.ts';
import type { RandomStream } from '../../random/stream.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { type ActionDistribution, type Policy, policyOver } from './policy.ts';
import type { PpoSettings } from './settings.ts';

/** Orthogonal weights, √2 times in hidden layers: the initialisation that PPO is usually run with. */
const hiddenLayers: HiddenLayers = { weights: orthogonal, scale: Math.SQRT2 };
/** The actor's last layer starts near zero: a policy that is uniform at first. */
const ACTOR_SCALE = 0.01;
const CRITIC_SCALE = 1;

/** Actor and critic, two networks that share nothing. */
export interface Networks {
  /** In one flat vector: they have one optimizer. */
  readonly layout: ParameterLayout;
  readonly policy: Policy;
  /** π(· | o): observations are [members, …, observation]. */
  policyAt(parameters: Parameters, observation: tf.Tensor): ActionDistribution;
  /** V(o), in reward units: [members, …, observation] -> [members, …]. */
  value(parameters: Parameters, observation: tf.Tensor): tf.Tensor;
}

/** The networks over an environment's observations: of images their hidden layers stand behind a convolution. */
export function networks(
  { actor, critic, encoder }: PpoSettings,
  { observation, image, actionSpace }: Pick<AgentSpaces, 'observation' | 'image' | 'actionSpace'>,
): Networks {
  const policy = policyOver(actionSpace, actor.logStd);
  const tower = image ? imageTower(image, encoder.channels) : vectorTower(observation);
  return {
    layout: new ParameterLayout([
      ...tower.specs('actor', actor.hidden, policy.outputs, ACTOR_SCALE),
      ...policy.specs,
      ...tower.specs('critic', critic.hidden, 1, CRITIC_SCALE),
    ]),
    policy,
    policyAt: (parameters, observation) =>
      policy.distribution(parameters, tower.apply(parameters, 'actor', actor.hidden.length, observation)),
    value: (parameters, observation) =>
      tf.squeeze(tower.apply(parameters, 'critic', critic.hidden.length, observation), [-1]),
  };
}

/** The layers from an observation to what a network gives. */
interface Tower {
  specs(name: string, hidden: readonly number[], outputs: number, lastScale: number): ParameterSpec[];
  /** [members, …, observation] -> [members, …, outputs] */
  apply(parameters: Parameters, name: string, hiddenLayers: number, observation: tf.Tensor): tf.Tensor;
}

const vectorTower = (size: number): Tower => ({
  specs: (name, hidden, outputs, lastScale) => mlpSpecs(name, size, hidden, outputs, lastScale, hiddenLayers),
  apply: (parameters, name, layers, observation) => mlp(parameters, name, layers, observation, false, 'tanh'),
});

/** The network of MinAtar (Young and Tian, 2019): a 3 × 3 convolution, then the hidden layers, all with ReLU. */
function imageTower(image: ImageShape, outputs: number): Tower {
  const encoded = convolvedShape(image, outputs).reduce((product, n) => product * n, 1);
  return {
    specs: (name, hidden, ...last) => [
      ...convolutionSpecs(`${name}.convolution`, image[2], outputs, Math.SQRT2, orthogonal),
      ...mlpSpecs(name, encoded, hidden, ...last, hiddenLayers),
    ],
    apply: (parameters, name, layers, observation) => {
      const leading = observation.shape.slice(0, -1);
      const images = tf.reshape(observation, [...leading, ...image]);
      const seen = convolution(images, layer(parameters, `${name}.convolution`), 'relu', false);
      return mlp(parameters, name, layers, tf.reshape(seen, [...leading, encoded]));
    },
  };
}

/** Everything an update changes, each tensor `[members, size]`. */
export interface Weights {
  parameters: tf.Tensor2D;
  moments: AdamMoments;
}

/** Fresh weights, one stream per member. */
export function initialWeights(layout: ParameterLayout, streams: readonly RandomStream[]): Weights {
  return { parameters: layout.initialise(streams), moments: zeroMoments(streams.length, layout.size) };
}

/** The weights as named tensors, in a fixed order: how they are saved, loaded and disposed of. */
export function namedWeights({ parameters, moments }: Weights): [string, tf.Tensor2D][] {
  return [
    ['policy', parameters],
    ['policy.adam_mean', moments.mean],
    ['policy.adam_square', moments.square],
  ];
}

/** The inverse of `namedWeights`. */
export function weightsFrom(tensors: Map<string, tf.Tensor2D>): Weights {
  const get = (name: string) => tensors.get(name)!;
  return {
    parameters: get('policy'),
    moments: { mean: get('policy.adam_mean'), square: get('policy.adam_square') },
  };
}

import * as tf from '@tensorflow/tfjs-core';
import { type PolicyHead, policyHead } from '../../models/policy-head.ts';
import { type AdamMoments, zeroMoments } from '../../nn/adam.ts';
import { ParameterLayout } from '../../nn/parameters.ts';
import { reluTower } from '../../nn/tower.ts';
import type { RandomStream } from '../../random/stream.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { weightsNamed } from '../../training/weights.ts';
import type { CloningSettings } from './settings.ts';

/** The last layer starts near zero: a policy that is uniform, or in the middle of the box, at first. */
const LAST_SCALE = 0.01;

/** The policy over an environment's observations. */
export interface Imitator {
  readonly layout: ParameterLayout;
  readonly head: PolicyHead;
  /** What the head's actions are made of, from raw observations: [members, …, observation] -> [members, …, outputs]. */
  output(policy: tf.Tensor2D, observation: tf.Tensor): tf.Tensor;
}

/** π(a | o): a softmax over choices, or a Gaussian that is clipped to the box. */
export function imitator(
  { actor: { hidden }, encoder }: Pick<CloningSettings, 'actor' | 'encoder'>,
  spaces: AgentSpaces,
): Imitator {
  const { actionSpace, observationScale } = spaces;
  const head = policyHead(actionSpace, { box: 'clipped' });
  const tower = reluTower(spaces, encoder);
  const layout = new ParameterLayout(tower.specs('actor', hidden, head.outputs, LAST_SCALE));
  return {
    layout,
    head,
    output: (policy, observation) => {
      const scaled = tf.div(observation, tf.tensor1d([...observationScale]));
      return tower.apply(layout.unpack(policy), 'actor', hidden.length, scaled);
    },
  };
}

/** Everything an update changes, each tensor `[members, size]`. */
export interface Weights {
  policy: tf.Tensor2D;
  moments: AdamMoments;
}

/** Fresh weights, one stream per member. */
export function initialWeights(layout: ParameterLayout, streams: readonly RandomStream[]): Weights {
  return { policy: layout.initialise(streams), moments: zeroMoments(streams.length, layout.size) };
}

/** The weights as named tensors, in a fixed order: how they are saved, loaded and disposed of. */
export const namedWeights = ({ policy, moments }: Weights): [string, tf.Tensor2D][] => [
  ['policy', policy],
  ['policy.adam_mean', moments.mean],
  ['policy.adam_square', moments.square],
];

/** The inverse of `namedWeights`. */
export function weightsFrom(tensors: Map<string, tf.Tensor2D>): Weights {
  const get = (name: string) => weightsNamed(tensors, name);
  return {
    policy: get('policy'),
    moments: { mean: get('policy.adam_mean'), square: get('policy.adam_square') },
  };
}

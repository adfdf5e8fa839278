import * as tf from '@tensorflow/tfjs-core';
import { ensembleMlp, ensembleSpecs, toHeads } from '../../nn/ensemble.ts';
import { asPyTorch, mlp, mlpSpecs } from '../../nn/mlp.ts';
import { ParameterLayout } from '../../nn/parameters.ts';
import type { RandomStream } from '../../random/stream.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { freshOptimised, namedOptimised, type Optimised, optimisedFrom } from '../../training/optimise.ts';
import { weightsNamed } from '../../training/weights.ts';
import type { SoftActorCriticSettings } from './settings.ts';

/** Settings that fix the networks. */
type NetworkSettings = Pick<SoftActorCriticSettings, 'actor' | 'critic'>;

/** Where the parameters of the two networks stand. */
export interface Networks {
  actor: ParameterLayout;
  /** All heads together. */
  critic: ParameterLayout;
}

export function networks(
  { actor, critic }: NetworkSettings,
  { observation, actions }: AgentSpaces,
): Networks {
  return {
    actor: new ParameterLayout(mlpSpecs('actor', observation, actor.hidden, 2 * actions, 1, asPyTorch)),
    critic: new ParameterLayout(
      ensembleSpecs(critic.heads, mlpSpecs('critic', observation + actions, critic.hidden, 1, 1, asPyTorch)),
    ),
  };
}

/** The actor's outputs, what the policy is made of: [members, …, observation] -> [members, …, 2 · dimensions]. */
export function policyOutput(
  layout: ParameterLayout,
  actor: tf.Tensor2D,
  { actor: { hidden } }: NetworkSettings,
  observation: tf.Tensor,
): tf.Tensor {
  return mlp(layout.unpack(actor), 'actor', hidden.length, observation, false);
}

/**
 * Q(o, a) of every head, in reward units: [members, batch, …] -> [members, heads, batch].
 *
 * @param action in [−1, 1]: [members, batch, dimensions]
 * @param actionGradient whether the values are differentiated by the actions
 */
export function actionValues(
  layout: ParameterLayout,
  critic: tf.Tensor2D,
  { critic: { heads, hidden } }: NetworkSettings,
  observation: tf.Tensor,
  action: tf.Tensor,
  actionGradient = false,
): tf.Tensor {
  const x = toHeads(tf.concat([observation, action], -1), heads);
  return tf.squeeze(ensembleMlp(layout.unpack(critic), 'critic', hidden.length, x, actionGradient), [-1]);
}

/** Everything an update changes, each tensor `[members, size]`. */
export interface Weights {
  actor: Optimised;
  critic: Optimised;
  /** Moving average of the critics. */
  target: tf.Tensor2D;
  /** log α, [members, 1]; undefined where α is given */
  temperature: Optimised | undefined;
}

/** Fresh weights from each member's streams; the target starts at the critics themselves, a learnt α at 1. */
export function initialWeights(
  { actor, critic }: Networks,
  actorStreams: readonly RandomStream[],
  criticStreams: readonly RandomStream[],
  learnsTemperature: boolean,
): Weights {
  const critics = critic.initialise(criticStreams);
  return {
    actor: freshOptimised(actor.initialise(actorStreams)),
    critic: freshOptimised(critics),
    target: critics.clone(),
    temperature: learnsTemperature ? freshOptimised(tf.zeros([actorStreams.length, 1])) : undefined,
  };
}

/** The weights as named tensors, in a fixed order: how they are saved, loaded and disposed of. */
export const namedWeights = ({ actor, critic, target, temperature }: Weights): [string, tf.Tensor2D][] => [
  ...namedOptimised('actor', actor),
  ...namedOptimised('critic', critic),
  ['critic.target', target],
  ...(temperature ? namedOptimised('temperature', temperature) : []),
];

/** The inverse of `namedWeights`. */
export const weightsFrom = (tensors: Map<string, tf.Tensor2D>): Weights => ({
  actor: optimisedFrom(tensors, 'actor'),
  critic: optimisedFrom(tensors, 'critic'),
  target: weightsNamed(tensors, 'critic.target'),
  temperature: tensors.has('temperature') ? optimisedFrom(tensors, 'temperature') : undefined,
});

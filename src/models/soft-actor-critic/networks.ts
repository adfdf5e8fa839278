import * as tf from '@tensorflow/tfjs-core';
import { zeroMoments } from '../../nn/adam.ts';
import { ensembleMlp, ensembleSpecs, toHeads } from '../../nn/ensemble.ts';
import { asPyTorch, mlp, mlpSpecs } from '../../nn/mlp.ts';
import { ParameterLayout } from '../../nn/parameters.ts';
import type { RandomStream } from '../../random/stream.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Optimised } from '../../training/optimise.ts';
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
  const members = actorStreams.length;
  const fresh = (parameters: tf.Tensor2D): Optimised => ({
    parameters,
    moments: zeroMoments(members, parameters.shape[1]),
  });
  const critics = critic.initialise(criticStreams);
  return {
    actor: fresh(actor.initialise(actorStreams)),
    critic: fresh(critics),
    target: critics.clone(),
    temperature: learnsTemperature ? fresh(tf.zeros([members, 1])) : undefined,
  };
}

const optimised = (name: string, { parameters, moments }: Optimised): [string, tf.Tensor2D][] => [
  [name, parameters],
  [`${name}.adam_mean`, moments.mean],
  [`${name}.adam_square`, moments.square],
];

/** The weights as named tensors, in a fixed order: how they are saved, loaded and disposed of. */
export const namedWeights = ({ actor, critic, target, temperature }: Weights): [string, tf.Tensor2D][] => [
  ...optimised('actor', actor),
  ...optimised('critic', critic),
  ['critic.target', target],
  ...(temperature ? optimised('temperature', temperature) : []),
];

/** The inverse of `namedWeights`. */
export function weightsFrom(tensors: Map<string, tf.Tensor2D>): Weights {
  const get = (name: string) => weightsNamed(tensors, name);
  const found = (name: string): Optimised => ({
    parameters: get(name),
    moments: { mean: get(`${name}.adam_mean`), square: get(`${name}.adam_square`) },
  });
  return {
    actor: found('actor'),
    critic: found('critic'),
    target: get('critic.target'),
    temperature: tensors.has('temperature') ? found('temperature') : undefined,
  };
}

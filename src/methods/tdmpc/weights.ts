import * as tf from '@tensorflow/tfjs-core';
import type { LatentNetworks } from '../../models/latent/networks.ts';
import type { ParameterLayout } from '../../nn/parameters.ts';
import type { RandomStream } from '../../random/stream.ts';
import { freshOptimised, namedOptimised, type Optimised, optimisedFrom } from '../../training/optimise.ts';
import { weightsNamed } from '../../training/weights.ts';
import type { TdmpcSettings } from './settings.ts';

/** What the model's losses are differentiated by, each with moments of its own. */
export const GROUPS = ['encoder', 'model', 'critic'] as const;
export type Group = (typeof GROUPS)[number];
export type ByGroup<T> = Record<Group, T>;

/** Something of every group. */
export const byGroup = <T>(of: (group: Group) => T): ByGroup<T> => ({
  encoder: of('encoder'),
  model: of('model'),
  critic: of('critic'),
});

export const layoutOf = (networks: LatentNetworks): ByGroup<ParameterLayout> => ({
  encoder: networks.encoder,
  model: networks.model,
  critic: networks.criticLayout,
});

/** The weights that act. */
export type ActingWeights = ByGroup<tf.Tensor2D> & { actor?: tf.Tensor2D };

/** Everything an update changes, each tensor `[members, …]`. */
export interface Weights {
  learnt: ByGroup<Optimised>;
  /** Absent where there is no actor. */
  actor?: Optimised;
  /** Moving averages: of the value heads, and of the encoder where it gives targets. */
  target: { critic: tf.Tensor2D; encoder?: tf.Tensor2D };
  /** S, what values are divided by for the actor: [members, 1] */
  scale: tf.Tensor2D;
  /** Moving average of all that acts; absent where evaluation plans in what is trained. */
  average?: ActingWeights;
}

/** What is trained of the weights that act. */
export const actingOf = ({ learnt, actor }: Pick<Weights, 'learnt' | 'actor'>): ActingWeights => ({
  ...byGroup((group) => learnt[group].parameters),
  ...(actor && { actor: actor.parameters }),
});

/** Fresh weights from each member's streams; averages start at the weights themselves, S at 1. */
export function initialWeights(
  networks: LatentNetworks,
  { model: { target }, policyAverage }: TdmpcSettings,
  streams: (name: string) => readonly RandomStream[],
): Weights {
  const fresh = (name: string, layout: ParameterLayout): Optimised =>
    freshOptimised(layout.initialise(streams(`${name}-weights`)));
  const layouts = layoutOf(networks);
  const learnt = byGroup((group) => fresh(group, layouts[group]));
  const optimised = { learnt, ...(networks.actor && { actor: fresh('actor', networks.actor.layout) }) };
  return {
    ...optimised,
    target: {
      critic: learnt.critic.parameters.clone(),
      ...(target === 'averaged' && { encoder: learnt.encoder.parameters.clone() }),
    },
    scale: tf.ones([learnt.model.parameters.shape[0], 1]),
    ...(policyAverage < 1 && { average: mapActing(actingOf(optimised), (weights) => weights.clone()) }),
  };
}

/** Something of each tensor that acts. */
export const mapActing = (
  weights: ActingWeights,
  of: (weights: tf.Tensor2D, name: Group | 'actor') => tf.Tensor2D,
): ActingWeights => ({
  ...byGroup((group) => of(weights[group], group)),
  ...(weights.actor && { actor: of(weights.actor, 'actor') }),
});

/** The weights as named tensors, in a fixed order: how they are saved, loaded and disposed of. */
export const namedWeights = ({ learnt, actor, target, scale, average }: Weights): [string, tf.Tensor2D][] => [
  ...GROUPS.flatMap((group) => namedOptimised(group, learnt[group])),
  ...(actor ? namedOptimised('actor', actor) : []),
  ['target.critic', target.critic],
  ...(target.encoder ? [['target.encoder', target.encoder] satisfies [string, tf.Tensor2D]] : []),
  ['value_scale', scale],
  ...Object.entries(average ?? {}).map(([name, weights]): [string, tf.Tensor2D] => [
    `average.${name}`,
    weights,
  ]),
];

/** The inverse of `namedWeights`. */
export function weightsFrom(tensors: Map<string, tf.Tensor2D>): Weights {
  const get = (name: string) => weightsNamed(tensors, name);
  return {
    learnt: byGroup((group) => optimisedFrom(tensors, group)),
    ...(tensors.has('actor') && { actor: optimisedFrom(tensors, 'actor') }),
    target: {
      critic: get('target.critic'),
      ...(tensors.has('target.encoder') && { encoder: get('target.encoder') }),
    },
    scale: get('value_scale'),
    ...(tensors.has('average.model') && {
      average: {
        ...byGroup((group) => get(`average.${group}`)),
        ...(tensors.has('average.actor') && { actor: get('average.actor') }),
      },
    }),
  };
}

import * as tf from '@tensorflow/tfjs-core';
import { type PolicyHead, policyHead } from '../../models/policy-head.ts';
import { scalarCode, scalarSpecs } from '../../models/rssm/heads.ts';
import { featureSize, type Rssm, rssmModel, rssmSpecs } from '../../models/rssm/model.ts';
import type { RssmSettings } from '../../models/rssm/settings.ts';
import type { ScalarCode } from '../../models/scalar-code.ts';
import { normMlp, normMlpSpecs } from '../../nn/norm-mlp.ts';
import { ParameterLayout, type Parameters } from '../../nn/parameters.ts';
import type { RandomStream } from '../../random/stream.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { freshOptimised, namedOptimised, type Optimised, optimisedFrom } from '../../training/optimise.ts';
import { weightsNamed } from '../../training/weights.ts';
import type { DreamerSettings } from './settings.ts';

/** What learns with a step size of its own. */
export const GROUPS = ['model', 'critic', 'actor'] as const;
export type Group = (typeof GROUPS)[number];
export type ByGroup<T> = Record<Group, T>;

/** The policy starts near uniform. */
const ACTOR_SCALE = 0.01;

/** Where every parameter of the method stands, and how its heads' outputs are read. */
export interface Networks {
  layouts: ByGroup<ParameterLayout>;
  head: PolicyHead;
  reward: ScalarCode;
  value: ScalarCode;
}

export function networks(settings: DreamerSettings, spaces: AgentSpaces): Networks {
  const { model, critic, actor, twoHot } = settings;
  const features = featureSize(model);
  const { unimix, straightThrough, box, spread } = actor;
  const head = policyHead(spaces.actionSpace, { unimix, straightThrough, box, spread });
  const reward = scalarCode(model.rewardHead, twoHot);
  const value = scalarCode(critic.head, twoHot);
  const hidden = (layers: number) => ({ layers, units: model.units });
  return {
    layouts: {
      model: new ParameterLayout(rssmSpecs(rssmOf(settings), spaces, reward)),
      critic: new ParameterLayout(scalarSpecs('critic', features, hidden(critic.layers), value, model)),
      actor: new ParameterLayout(
        normMlpSpecs('actor', features, hidden(actor.layers), head.outputs, model, ACTOR_SCALE),
      ),
    },
    head,
    reward,
    value,
  };
}

/** The world model with its policy and its value, over the parameters of all three. */
export function worldModel(
  { reward, value }: Networks,
  settings: DreamerSettings,
  spaces: AgentSpaces,
  { model, critic, actor }: ByGroup<Parameters>,
): Rssm {
  return rssmModel(model, rssmOf(settings), spaces, reward, {
    actor: { parameters: actor, layers: settings.actor.layers },
    critic: { parameters: critic, layers: settings.critic.layers, code: value },
    valueScale: rewardUnits(settings, spaces) * valueFactor(settings),
  });
}

/** What of the world model its parameters do not say. */
const rssmOf = ({ model, encoder }: DreamerSettings): RssmSettings => ({ ...model, encoder });

/** What rewards are in the model's units, in units of `rewardScale`. */
const rewardUnits = ({ model }: DreamerSettings, { rewardScale }: AgentSpaces): number =>
  model.scaledRewards ? 1 : rewardScale;

/** What values are multiplied by, beside the model's units of rewards. */
export const valueFactor = ({ model, gamma }: DreamerSettings): number =>
  model.scaledRewards ? 1 - gamma : 1;

/**
 * The critic's outputs: [members, …, features] -> [members, …, outputs].
 *
 * @param featureGradient false where the features are constants
 */
export const criticOutput = (
  critic: Parameters,
  features: tf.Tensor,
  { critic: { layers }, model }: DreamerSettings,
  featureGradient: boolean,
): tf.Tensor => normMlp(critic, 'critic', layers, features, model, featureGradient);

/** Everything an update changes, each tensor `[members, …]`. */
export interface Weights {
  learnt: ByGroup<Optimised>;
  /** Moving average of the critic: [members, size] */
  slowCritic: tf.Tensor2D;
  /** Policy average: moving averages of model and actor. */
  averages: Record<'model' | 'actor', tf.Tensor2D>;
  /** The moving P5 and P95 of imagined returns: [members, 2] */
  returnRange: tf.Tensor2D;
}

/** Fresh weights from each member's streams; averages start at the weights themselves, the return range at 0. */
export function initialWeights(
  { layouts }: Networks,
  streams: (name: string) => readonly RandomStream[],
): Weights {
  const learnt = byGroup((group) => freshOptimised(layouts[group].initialise(streams(`${group}-weights`))));
  const { model, critic, actor } = trainedOf({ learnt });
  return {
    learnt,
    slowCritic: critic.clone(),
    averages: { model: model.clone(), actor: actor.clone() },
    returnRange: tf.zeros([model.shape[0], 2]),
  };
}

/** The parameters that learn. */
export const trainedOf = ({ learnt }: Pick<Weights, 'learnt'>): ByGroup<tf.Tensor2D> =>
  byGroup((group) => learnt[group].parameters);

/** Something of every group. */
export const byGroup = <T>(of: (group: Group) => T): ByGroup<T> => ({
  model: of('model'),
  critic: of('critic'),
  actor: of('actor'),
});

/** The weights as named tensors, in a fixed order: how they are saved, loaded and disposed of. */
export const namedWeights = (given: Weights): [string, tf.Tensor2D][] => [
  ...GROUPS.flatMap((group) => namedOptimised(group, given.learnt[group])),
  ['critic.slow', given.slowCritic],
  ['average.model', given.averages.model],
  ['average.actor', given.averages.actor],
  ['return_range', given.returnRange],
];

/** The inverse of `namedWeights`. */
export function weightsFrom(tensors: Map<string, tf.Tensor2D>): Weights {
  const get = (name: string) => weightsNamed(tensors, name);
  return {
    learnt: byGroup((group) => optimisedFrom(tensors, group)),
    slowCritic: get('critic.slow'),
    averages: { model: get('average.model'), actor: get('average.actor') },
    returnRange: get('return_range'),
  };
}

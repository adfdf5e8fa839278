import * as tf from '@tensorflow/tfjs-core';
import { type PolicyHead, policyHead } from '../../models/policy-head.ts';
import { decoderSpecs } from '../../models/vae/decoder.ts';
import { encoderSpecs } from '../../models/vae/encoder.ts';
import { type VaeShape, vaeShape } from '../../models/vae/vae.ts';
import { actorSpecs } from '../../models/vae-lstm/actor.ts';
import { dynamicsSpecs } from '../../models/vae-lstm/dynamics.ts';
import { continueSpecs, criticSpecs, rewardSpecs, value } from '../../models/vae-lstm/heads.ts';
import { type VaeLstm, vaeLstmModel } from '../../models/vae-lstm/model.ts';
import { ParameterLayout, type Parameters } from '../../nn/parameters.ts';
import type { RandomStream } from '../../random/stream.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { freshOptimised, namedOptimised, type Optimised, optimisedFrom } from '../../training/optimise.ts';
import { weightsNamed } from '../../training/weights.ts';
import { balanceSpecs } from './balance.ts';
import { type GradNormState, initialGradNorm } from './gradnorm.ts';
import type { VaeLstmSettings } from './settings.ts';

/** Where every parameter of the method stands: two flat vectors, because model and actor have an optimizer each. */
export interface Networks {
  /** Encoder, decoder, dynamics, reward, continue head and critic, the last two where the arm has them. */
  model: ParameterLayout;
  actor: ParameterLayout;
  /** Of encoder and decoder, the layers. */
  vae: VaeShape;
  /** How the actor's outputs stand for actions. */
  head: PolicyHead;
  /** Least and largest (1 − γ) × value that the environment's rewards allow. */
  valueRange: readonly [number, number];
}

/** Whether the arm learns a critic at all; the baseline does not. */
export function hasCritic({ critic }: VaeLstmSettings): boolean {
  return critic.shapesModel || critic.bootstrapsActor;
}

/** The critic comes last, and behind it what draws no weights, so that all arms start from the same other weights. */
export function networks(settings: VaeLstmSettings, spaces: AgentSpaces): Networks {
  const { model, critic, actor, encoder } = settings;
  const vae = vaeShape(model, spaces, encoder);
  const head = policyHead(spaces.actionSpace);
  return {
    model: new ParameterLayout([
      ...encoderSpecs(vae),
      ...decoderSpecs(vae),
      ...dynamicsSpecs(model.latent, spaces.actions, model.lstm),
      ...rewardSpecs(model.latent),
      ...(model.continueHead ? continueSpecs(model.latent, model.hidden) : []),
      ...(hasCritic(settings) ? criticSpecs(model.latent, critic.hidden) : []),
      ...(critic.balance === 'uncertainty' ? balanceSpecs() : []),
    ]),
    actor: new ParameterLayout(actorSpecs(model.latent, actor.hidden, head.outputs)),
    vae,
    head,
    valueRange: [
      Math.min(0, spaces.rewardRange[0] / spaces.rewardScale),
      Math.max(0, spaces.rewardRange[1] / spaces.rewardScale),
    ],
  };
}

/** The world model with its policy, over the parameters of both; a verb whose parameters are not among them throws. */
export function worldModel(
  { vae }: Pick<Networks, 'vae'>,
  settings: VaeLstmSettings,
  model: Parameters,
  actor: Parameters,
): VaeLstm {
  const { lstm, continueHead, hidden } = settings.model;
  const shape = {
    vae,
    units: lstm,
    continueLayers: continueHead ? hidden.length : undefined,
    criticLayers: hasCritic(settings) ? settings.critic.hidden.length : undefined,
    actorLayers: settings.actor.hidden.length,
    valueScale: 1 - settings.gamma,
  };
  return vaeLstmModel(model, shape, actor);
}

/** Latents [members, …, latent] -> (1 − γ) times their values, [members, …]. */
export type ValueFunction = (latent: tf.Tensor) => tf.Tensor;

/**
 * V̄ as the bootstrap of targets and returns, clipped to the values that the environment's rewards allow, as the targets
 * of hindsight experience replay are (Andrychowicz et al. 2017, appendix A): a bootstrap that learns from bootstraps
 * on imagined states, which no data hold back, otherwise drifts above what there is to get.
 *
 * @param target V̄'s parameters: [members, size]
 */
export function targetCritic(
  { model, valueRange }: Networks,
  target: tf.Tensor2D,
  { critic }: VaeLstmSettings,
): ValueFunction {
  const parameters = model.only('critic').unpack(target);
  return (latent) => {
    const unbounded = value(parameters, critic.hidden.length, latent);
    return critic.boundedTarget ? tf.clipByValue(unbounded, ...valueRange) : unbounded;
  };
}

/** Everything an update changes, each tensor `[members, size]`. */
export interface Weights {
  model: Optimised;
  actor: Optimised;
  /** V̄: moving average of the critic; undefined for an arm without one */
  target: tf.Tensor2D | undefined;
  /** Where the critic's weight is learnt by GradNorm. */
  gradNorm?: GradNormState | undefined;
  /** Policy average: moving averages of encoder and actor */
  averageEncoder: tf.Tensor2D;
  averageActor: tf.Tensor2D;
}

/** Fresh weights from each member's streams; averages start at the weights themselves. */
export function initialWeights(
  { model, actor }: Networks,
  modelStreams: readonly RandomStream[],
  actorStreams: readonly RandomStream[],
  withCritic: boolean,
  withGradNorm = false,
): Weights {
  const modelWeights = model.initialise(modelStreams);
  const actorWeights = actor.initialise(actorStreams);
  return {
    model: freshOptimised(modelWeights),
    actor: freshOptimised(actorWeights),
    target: withCritic ? model.slice(modelWeights, 'critic') : undefined,
    gradNorm: withGradNorm ? initialGradNorm(modelStreams.length) : undefined,
    averageEncoder: model.slice(modelWeights, 'encoder'),
    averageActor: actorWeights.clone(),
  };
}

/** The weights as named tensors, in a fixed order: how they are saved, loaded and disposed of. */
export function namedWeights(weights: Weights): [string, tf.Tensor2D][] {
  const named: [string, tf.Tensor2D][] = [
    ...namedOptimised('model', weights.model),
    ...namedOptimised('actor', weights.actor),
    ['average.encoder', weights.averageEncoder],
    ['average.actor', weights.averageActor],
  ];
  if (weights.target) named.push(['critic.target', weights.target]);
  if (weights.gradNorm) {
    named.push(['balance.log_factor', weights.gradNorm.logFactor]);
    named.push(['balance.initial_loss', weights.gradNorm.initialLoss]);
  }
  return named;
}

/** The inverse of `namedWeights`. */
export function weightsFrom(tensors: Map<string, tf.Tensor2D>): Weights {
  const get = (name: string) => weightsNamed(tensors, name);
  return {
    model: optimisedFrom(tensors, 'model'),
    actor: optimisedFrom(tensors, 'actor'),
    target: tensors.get('critic.target'),
    gradNorm: tensors.has('balance.log_factor')
      ? { logFactor: get('balance.log_factor'), initialLoss: get('balance.initial_loss') }
      : undefined,
    averageEncoder: get('average.encoder'),
    averageActor: get('average.actor'),
  };
}

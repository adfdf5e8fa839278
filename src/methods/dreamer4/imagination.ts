import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../../engine/compiled.ts';
import { sampledAction } from '../../models/policy-likelihood.ts';
import {
  type Absorbed,
  absorbNext,
  absorbWindow,
  type ShortcutModel,
  type ShortcutState,
  sampleNext,
} from '../../models/shortcut/model.ts';
import type { Parameters } from '../../nn/parameters.ts';
import { twoHotMean } from '../../nn/two-hot.ts';
import { latentScale, toLatent } from './latent-scale.ts';
import { type Networks, nearest } from './networks.ts';

/** The weights that imagine, flat: [members, size] each. */
export interface ImaginingWeights {
  world: tf.Tensor2D;
  policy: tf.Tensor2D;
  latent: tf.Tensor2D;
}

/** Frames of the data, as uploaded: observations in raw units, actions with one number more. */
export interface ContextInputs {
  weights: Pick<ImaginingWeights, 'world' | 'latent'>;
  /** [members, batch, time, observation] */
  observation: tf.Tensor;
  /** [members, batch, time, actions + 1] */
  action: tf.Tensor;
  /** [members, batch, time] */
  seen: tf.Tensor;
}

interface StepInputs {
  weights: ImaginingWeights;
  state: ShortcutState;
  /** h: [members, batch, D] */
  agent: tf.Tensor;
  /** Of the policy's head; zeros: the likeliest action */
  actionNoise: tf.Tensor;
  /** z_0: [members, batch, 1, latent] */
  latentNoise: tf.Tensor;
}

/** One imagined step, [members, batch, …] each. */
export interface ImaginedFrame extends Absorbed {
  /** The action, as its likelihood is asked for. */
  taken: tf.Tensor;
  /** r̂ of the frame reached, in the environment's units. */
  reward: tf.Tensor;
  /** ĉ of it, 1 or 0. */
  goesOn: tf.Tensor;
}

/** The dynamics of all members by their flat weights. */
export function modelOf(
  { world, shape, predictsChange }: Networks,
  weights: { world: tf.Tensor2D; latent: tf.Tensor2D },
): ShortcutModel {
  const change = predictsChange ? latentScale(weights.latent).change : undefined;
  return { parameters: world.unpack(weights.world), shape, change };
}

/** An action as frames after it have it: one number more, which is 0. [members, batch, actions] -> [members, batch, 1, …]. */
export const asTaken = (action: tf.Tensor): tf.Tensor => {
  const [members, batch] = action.shape as [number, number];
  return tf.expandDims(tf.concat([action, tf.zeros([members, batch, 1])], 2), 2);
};

/** r̂ and ĉ of frames by what the agent knows there. */
export function judgedFrame(
  networks: Networks,
  parameters: Parameters,
  agent: tf.Tensor,
): { reward: tf.Tensor; goesOn: tf.Tensor } {
  const reward = twoHotMean(nearest(networks, parameters, 'reward', agent), networks.rewardBins);
  const logit = nearest(networks, parameters, 'continue', agent);
  return { reward, goesOn: tf.cast(tf.greater(tf.reshape(logit, logit.shape.slice(0, -1)), 0), 'float32') };
}

/** Imagines step by step, each a program of its own where the engine has programs. */
export class Imagining {
  readonly start: Compiled<ContextInputs, Absorbed>;
  readonly step: Compiled<StepInputs, ImaginedFrame>;

  /** @param samplingSteps K */
  constructor(networks: Networks, samplingSteps: number) {
    this.start = new Compiled(({ weights, observation, action, seen }) => {
      const latent = toLatent(latentScale(weights.latent), observation);
      return absorbWindow(modelOf(networks, weights), latent, action, seen);
    });
    this.step = new Compiled(({ weights, state, agent, actionNoise, latentNoise }) => {
      const model = modelOf(networks, weights);
      const output = nearest(networks, networks.policy.unpack(weights.policy), 'policy', agent);
      const { action, taken } = sampledAction(networks.head, output, actionNoise);
      const next = asTaken(action);
      const latent = sampleNext(model, state, next, latentNoise, samplingSteps);
      const absorbed = absorbNext(model, latent, next, state.memory);
      return { ...absorbed, taken, ...judgedFrame(networks, model.parameters, absorbed.agent) };
    });
  }

  dispose(): void {
    this.start.dispose();
    this.step.dispose();
  }
}

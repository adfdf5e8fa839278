import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../../engine/compiled.ts';
import { sampledAction } from '../../models/policy-likelihood.ts';
import {
  type Absorbed,
  absorbNext,
  absorbWindow,
  foreseeNext,
  type ShortcutModel,
  type ShortcutState,
} from '../../models/shortcut/model.ts';
import { memoryOf } from '../../models/shortcut/networks.ts';
import type { Parameters } from '../../nn/parameters.ts';
import { twoHotMean } from '../../nn/two-hot.ts';
import { latentScale } from './latent-scale.ts';
import { type LatentWeights, latentsOf } from './latents.ts';
import { type Networks, nearest } from './networks.ts';

/** The weights that imagine, flat: [members, size] each. */
export interface ImaginingWeights extends LatentWeights {
  world: tf.Tensor2D;
  policy: tf.Tensor2D;
}

/** Frames of the data, as uploaded: actions with one number more. */
export interface ContextInputs {
  weights: Pick<ImaginingWeights, 'world' | 'latent'>;
  /** z: [members, batch, time, latent] */
  latent: tf.Tensor;
  /** [members, batch, time, actions + 1] */
  action: tf.Tensor;
  /** [members, batch, time] */
  seen: tf.Tensor;
}

interface StepInputs {
  weights: Omit<ImaginingWeights, 'tokenizer'>;
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
  weights: Pick<ImaginingWeights, 'world' | 'latent'>,
): ShortcutModel {
  const change = predictsChange ? latentScale(weights.latent).change : undefined;
  return { parameters: world.unpack(weights.world), shape, change };
}

/** An action as frames after it have it: one number more, which is 0. [members, batch, actions] -> [members, batch, 1, …]. */
export const asTaken = (action: tf.Tensor): tf.Tensor => {
  const [members, batch] = action.shape as [number, number];
  return tf.expandDims(tf.concat([action, tf.zeros([members, batch, 1])], 2), 2);
};

/** A frame as it is observed, and what was before it: [members, environments, …] each. */
interface ObservedFrame {
  /** Raw units. */
  observation: tf.Tensor;
  /** 1, or 0 where an episode starts: action and memory are then 0 too. [members, environments, 1] */
  isGoing: tf.Tensor;
  /** As networks see it. */
  action: tf.Tensor;
  /** As `flatMemory` has it. */
  memory: tf.Tensor;
}

/** Takes in an observed frame, clean. */
export function takeIn(
  networks: Networks,
  weights: Omit<ImaginingWeights, 'policy'>,
  { observation, isGoing, action, memory }: ObservedFrame,
): Absorbed {
  const led = tf.expandDims(tf.concat([action, tf.sub(1, isGoing)], 2), 2);
  const latent = latentsOf(networks, weights, tf.expandDims(observation, 2));
  return absorbNext(modelOf(networks, weights), latent, led, memoryOf(networks.shape, memory));
}

/** r̂ of frames by what the agent knows there, in the environment's units: [members, …]. */
export const expectedReward = (networks: Networks, parameters: Parameters, agent: tf.Tensor): tf.Tensor =>
  twoHotMean(nearest(networks, parameters, 'reward', agent), networks.rewardBins);

/** The logit of ĉ of frames: [members, …]. */
export function continueLogit(networks: Networks, parameters: Parameters, agent: tf.Tensor): tf.Tensor {
  const logit = nearest(networks, parameters, 'continue', agent);
  return tf.reshape(logit, logit.shape.slice(0, -1));
}

/** What was imagined, as policy and value learn from it. */
export interface ImaginedEpisode {
  /** h at every frame: [members, batch, horizon + 1, D] */
  agent: tf.Tensor;
  /** What was done at all but the last: [members, batch, horizon, actions] */
  taken: tf.Tensor;
  /** Of the frame reached: [members, batch, horizon] each */
  reward: tf.Tensor3D;
  goesOn: tf.Tensor3D;
}

/** Imagines step by step, each a program of its own where the engine has programs. */
export class Imagining {
  readonly start: Compiled<ContextInputs, Absorbed>;
  readonly step: Compiled<StepInputs, ImaginedFrame>;

  /** @param samplingSteps K */
  constructor(networks: Networks, samplingSteps: number) {
    this.start = new Compiled(({ weights, latent, action, seen }) =>
      absorbWindow(modelOf(networks, weights), latent, action, seen),
    );
    this.step = new Compiled(({ weights, state, agent, actionNoise, latentNoise }) => {
      const model = modelOf(networks, weights);
      const output = nearest(networks, networks.policy.unpack(weights.policy), 'policy', agent);
      const { action, taken } = sampledAction(networks.head, output, actionNoise);
      const absorbed = foreseeNext(model, state, asTaken(action), latentNoise, samplingSteps);
      const reward = expectedReward(networks, model.parameters, absorbed.agent);
      const goesOn = tf.greater(continueLogit(networks, model.parameters, absorbed.agent), 0);
      return { ...absorbed, taken, reward, goesOn: tf.cast(goesOn, 'float32') };
    });
  }

  /** So many steps of the policy from contexts of the data. @param draw the noise of one more */
  episode(
    weights: ImaginingWeights,
    context: Omit<ContextInputs, 'weights'>,
    horizon: number,
    draw: () => Pick<StepInputs, 'actionNoise' | 'latentNoise'>,
  ): ImaginedEpisode {
    const { world, latent, policy } = weights;
    let { state, agent } = this.start.run({ weights: { world, latent }, ...context });
    const known = [agent];
    const steps: Record<'taken' | 'reward' | 'goesOn', tf.Tensor[]> = { taken: [], reward: [], goesOn: [] };
    for (let t = 0; t < horizon; t++) {
      const step = this.step.run({ weights: { world, latent, policy }, state, agent, ...draw() });
      ({ state, agent } = step);
      known.push(agent);
      for (const name of ['taken', 'reward', 'goesOn'] as const) steps[name].push(step[name]);
    }
    return {
      agent: tf.stack(known, 2),
      taken: tf.stack(steps.taken, 2),
      reward: tf.stack(steps.reward, 2) as tf.Tensor3D,
      goesOn: tf.stack(steps.goesOn, 2) as tf.Tensor3D,
    };
  }

  dispose(): void {
    this.start.dispose();
    this.step.dispose();
  }
}

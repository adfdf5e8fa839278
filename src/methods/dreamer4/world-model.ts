import * as tf from '@tensorflow/tfjs-core';
import { type Absorbed, foreseeNext } from '../../models/shortcut/model.ts';
import { flatMemory, memoryOf, memorySize } from '../../models/shortcut/networks.ts';
import type { Step, WorldModel } from '../../models/world-model.ts';
import { sliceAlong } from '../../nn/slice-along.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import {
  asTaken,
  continueLogit,
  expectedReward,
  type ImaginingWeights,
  modelOf,
  takeIn,
} from './imagination.ts';
import { observationsOf } from './latents.ts';
import { type Networks, nearest } from './networks.ts';

/** What is known at a frame, [members, batch, numbers] each: the frames before it, z, and h, what the agent's lane knows. */
export type FrameState = Record<'memory' | 'latent' | 'agent', tf.Tensor>;

/**
 * The verbs of Dreamer 4's model. Features are h and z side by side. A step is sampled from noise in K steps; without noise it
 * is sampled from the middle of all noise, z_0 = 0.
 *
 * @param samplingSteps K
 */
export function worldModel(
  networks: Networks,
  spaces: AgentSpaces,
  samplingSteps: number,
  weights: ImaginingWeights,
): WorldModel<FrameState> {
  const { shape } = networks;
  const model = modelOf(networks, weights);
  const policy = networks.policy.unpack(weights.policy);
  const scale = [...spaces.observationScale];
  const agentOf = (features: tf.Tensor) => sliceAlong(features, features.rank - 1, 0, shape.width);

  const follow = (before: FrameState, action: tf.Tensor, observation: tf.Tensor, first: tf.Tensor) => {
    const isGoing = tf.expandDims(tf.sub(1, first), 2);
    const frame = {
      ...{ observation: tf.mul(observation, scale), isGoing },
      ...{ action: tf.mul(action, isGoing), memory: tf.mul(before.memory, isGoing) },
    };
    return stateOf(takeIn(networks, weights, frame));
  };
  const start = (observation: tf.Tensor): FrameState => {
    const [members, batch] = observation.shape as [number, number];
    const none = (size: number) => tf.zeros([members, batch, size]);
    const nothing = { memory: none(memorySize(shape)), latent: none(shape.latent), agent: none(shape.width) };
    return follow(nothing, none(shape.actions), observation, tf.ones([members, batch]));
  };
  const step: Step<FrameState> = ({ memory, latent }, action, noise) => {
    const known = { memory: memoryOf(shape, memory), latent: tf.expandDims(latent, 2) };
    const drawn = tf.expandDims(noise ?? tf.zerosLike(latent), 2);
    return stateOf(foreseeNext(model, known, asTaken(action), drawn, samplingSteps));
  };
  const features = ({ agent, latent }: FrameState) => tf.concat([agent, latent], -1);

  return {
    observe: ({ observation, action, first }) => {
      const at = (x: tf.Tensor, t: number) => tf.squeeze(sliceAlong(x, 2, t, 1), [2]);
      const states = [start(at(observation, 0))];
      for (let t = 1; t < first.shape[2]; t++) {
        states.push(follow(states[t - 1]!, at(action, t - 1), at(observation, t), at(first, t)));
      }
      const along = (name: keyof FrameState) =>
        tf.stack(
          states.map((state) => state[name]),
          2,
        );
      return {
        states: { memory: along('memory'), latent: along('latent'), agent: along('agent') },
        predicted: tf.stack(
          states.map((state, t) => features(step(state, at(action, t)))),
          2,
        ),
      };
    },
    ...{ start, follow, features },
    stepNoise: [{ distribution: 'normal', size: shape.latent }],
    stepper: () => step,
    decode: (x) => {
      const latent = sliceAlong(x, x.rank - 1, shape.width, shape.latent);
      return tf.div(observationsOf(networks, weights, latent), scale);
    },
    reward: ({ nextFeatures }) =>
      tf.div(expectedReward(networks, model.parameters, agentOf(nextFeatures)), spaces.rewardScale),
    continues: (x) => continueLogit(networks, model.parameters, agentOf(x)),
    policy: (x) => nearest(networks, policy, 'policy', agentOf(x)),
    valueScale: 1,
  };
}

const stateOf = ({ state: { memory, latent }, agent }: Absorbed): FrameState => ({
  memory: flatMemory(memory),
  latent: tf.squeeze(latent, [2]),
  agent,
});

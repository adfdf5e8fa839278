import * as tf from '@tensorflow/tfjs-core';
import { sliceAlong } from '../nn/slice-along.ts';
import type { Noise } from '../training/acting.ts';
import type { AgentSpaces } from '../training/agent-spaces.ts';
import type { Follower } from './following.ts';
import type { ImaginedStep, Particles, Step, WorldModel } from './world-model.ts';

/**
 * The state of a model without memory is what is seen: õ, with the r̂ and, where ends are learnt, the logit of ĉ that the
 * step came with; 0 where no step did. [members, batch, features].
 */
export type OneStepState = { features: tf.Tensor };

/** The verbs of a model that predicts the next observation itself: it has no memory, and follows by seeing. */
export type OneStepModel = WorldModel<OneStepState> &
  Follower<OneStepState> & {
    decode(features: tf.Tensor): tf.Tensor;
    reward(step: Pick<ImaginedStep, 'nextFeatures'>): tf.Tensor;
  };

/** Numbers of a state: õ, r̂ and the logit of ĉ. */
export const oneStepFeatures = (
  { observation }: Pick<AgentSpaces, 'observation'>,
  continueHead: boolean,
): number => observation + (continueHead ? 2 : 1);

/** What families of such models differ in. */
export interface OneStepDynamics {
  continueHead: boolean;
  stepNoise?: readonly Noise[];
  /** From õ, [members, batch, observation], and a step's action and noise to the features after it. */
  stepper(): (observation: tf.Tensor, action: tf.Tensor, noise?: tf.Tensor) => tf.Tensor;
  particles?: Particles<OneStepState>;
}

/** All verbs of such a model, from how it steps. */
export function oneStepModel(
  spaces: Pick<AgentSpaces, 'observation'>,
  { continueHead, stepNoise, stepper, particles }: OneStepDynamics,
): OneStepModel {
  const { observation: size } = spaces;
  const features = oneStepFeatures(spaces, continueHead);
  const decode = (x: tf.Tensor): tf.Tensor => numbersOf(x, 0, size);
  const start = (observation: tf.Tensor): OneStepState => {
    const nothing = tf.zeros([...observation.shape.slice(0, -1), features - size]);
    return { features: tf.concat([observation, nothing], -1) };
  };
  const steps = (): Step<OneStepState> => {
    const advance = stepper();
    return (state, action, noise) => ({ features: advance(decode(state.features), action, noise) });
  };
  return {
    observe: ({ observation, action, first }) => {
      const [members, batch, time] = first.shape;
      const flat = (x: tf.Tensor) => tf.reshape(x, [members, batch * time, x.shape[3]!]);
      const after = steps()(start(flat(observation)), flat(action));
      return {
        states: start(observation),
        predicted: tf.reshape(after.features, [members, batch, time, features]),
      };
    },
    start,
    follow: (_before, _action, observation) => start(observation),
    stateSizes: { features },
    features: ({ features }) => features,
    ...(stepNoise && { stepNoise }),
    stepper: steps,
    ...(particles && { particles }),
    decode,
    reward: ({ nextFeatures }) => tf.squeeze(numbersOf(nextFeatures, size, 1), [-1]),
    ...(continueHead && { continues: (x) => tf.squeeze(numbersOf(x, size + 1, 1), [-1]) }),
    valueScale: 1,
  };
}

/** Some of the numbers of the last axis. */
const numbersOf = (x: tf.Tensor, from: number, count: number): tf.Tensor =>
  sliceAlong(x, x.rank - 1, from, count);

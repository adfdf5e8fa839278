import * as tf from '@tensorflow/tfjs-core';
import { type States, statesAs, type WorldModel } from './world-model.ts';

/** A model that can stand in for the environment. */
export type SimulatingModel<State extends States> = WorldModel<State> &
  Required<Pick<WorldModel<State>, 'decode' | 'reward'>>;

/** What environments made by a model went through: [members, environments, time, …] each. */
export interface SimulatedRollout {
  /** õ and õ′, where an episode ended its last one: [members, environments, time, observation] */
  observation: tf.Tensor;
  nextObservation: tf.Tensor;
  /** As networks see it: [members, environments, time, actions] */
  action: tf.Tensor;
  /** r̂, in units of `rewardScale` */
  reward: tf.Tensor3D;
  /** 1 where the model foresees the end of the episode: ĉ < ½ */
  terminated: tf.Tensor3D;
  /** 1 where õ is real, and starts an episode */
  first: tf.Tensor3D;
}

/** What roll-outs are sampled with. */
export interface SimulationNoise {
  /** [members, environments, time, numbers that a choice needs] */
  action: tf.Tensor4D;
  /** [members, environments, time, numbers of `stepNoise`]; undefined: the likeliest steps */
  step: tf.Tensor4D | undefined;
}

/**
 * Environments that a world model makes, stepped side by side for a while. Each begins at a real observation, and where the
 * model foresees an episode's end goes on from another one. Nothing else ends an episode: at the roll-out's last step it
 * is cut short, and what would have come is the learner's to value.
 *
 * Forward only: what it gives are constants.
 *
 * @param starts õ of the real observation that an episode begins with, should one begin at that step: [members,
 *   environments, time, observation]
 * @param choose gives the actions at some states, as networks see them: [members, environments, features] and noise ->
 *   [members, environments, actions]
 */
export function simulate<State extends States>(
  model: SimulatingModel<State>,
  starts: tf.Tensor4D,
  choose: (features: tf.Tensor, noise: tf.Tensor) => tf.Tensor,
  noise: SimulationNoise,
): SimulatedRollout {
  const startsAt = tf.unstack(starts, 2) as tf.Tensor3D[];
  const actionNoise = tf.unstack(noise.action, 2);
  const stepNoise = noise.step && tf.unstack(noise.step, 2);
  const step = model.stepper();
  const before: tf.Tensor[] = [];
  const after: tf.Tensor[] = [];
  const actions: tf.Tensor[] = [];
  const ends: tf.Tensor[] = [];
  const [members, environments] = startsAt[0]!.shape;
  const zeros = tf.zeros([members, environments]);
  let state = model.start(startsAt[0]!);
  for (const [t, begun] of startsAt.entries()) {
    if (t > 0) state = statesAs(ends.at(-1)!, model.start(begun), state);
    const features = model.features(state);
    const action = choose(features, actionNoise[t]!);
    state = step(state, action, stepNoise?.[t]);
    const next = model.features(state);
    before.push(features);
    actions.push(action);
    after.push(next);
    ends.push(model.continues ? tf.cast(tf.less(model.continues(next), 0), 'float32') : zeros);
  }
  const [features, action, nextFeatures] = [before, actions, after].map((each) => tf.stack(each, 2)) as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
  ];
  return {
    observation: model.decode(features),
    nextObservation: model.decode(nextFeatures),
    action,
    reward: model.reward({ features, action, nextFeatures }) as tf.Tensor3D,
    terminated: tf.stack(ends, 2) as tf.Tensor3D,
    first: tf.stack([tf.onesLike(zeros), ...ends.slice(0, -1)], 2) as tf.Tensor3D,
  };
}

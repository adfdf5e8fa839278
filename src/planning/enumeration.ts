import * as tf from '@tensorflow/tfjs-core';
import { oneHot } from '../engine/one-hot.ts';
import { imaginedRewards } from '../models/imagined-rewards.ts';
import { repeatRows, repeatStates } from '../models/rows.ts';
import type { States } from '../models/world-model.ts';
import { judgement, WORST, weighted } from './judge.ts';
import type { Ground, Planner } from './planner.ts';
import type { SettingsOf } from './settings.ts';

/**
 * Tries every sequence of choices, as a tree in which sequences share the steps that they begin with: of |A|^H plans,
 * |A| + |A|² + … + |A|^H steps of the model. The first choice of the best is taken, and nothing is random: steps are the
 * likeliest, values those of the likeliest actions.
 */
export function enumeration<State extends States>(
  settings: SettingsOf<'enumeration'>,
  ground: Ground<State>,
): Planner<State> {
  const { horizon, bootstrap, ...ends } = judgement(settings, ground);
  const choices = ground.actions;
  return {
    noise: { sampled: [], greedy: [] },
    memorySize: 0,
    trajectories: choices ** horizon * (ground.model.particles?.number ?? 1),
    plan: ({ model, state: present, first }) => {
      const [members, environments] = first.shape;
      const step = model.stepper();
      const particles = model.particles?.number ?? 1;
      let state = model.particles ? model.particles.spread(present) : present;
      // Of every leaf so far, particle by particle: [members, environments · sequences · particles].
      let sum: tf.Tensor = tf.zeros([members, environments * particles]);
      let weight: tf.Tensor = tf.onesLike(sum);
      for (let t = 0; t < horizon; t++) {
        const batch = environments * particles * choices ** (t + 1);
        const before = repeatStates(state, choices);
        const action = everyChoice(members, batch, choices);
        state = step(before, action);
        const { reward, alive } = weighted(
          imaginedRewards(model, {
            features: alongTime(model.features(before)),
            action: alongTime(action),
            nextFeatures: alongTime(model.features(state)),
          }),
          ends,
        );
        const reached = repeatRows(weight, choices);
        sum = tf.add(repeatRows(sum, choices), tf.mul(reached, tf.squeeze(reward, [2])));
        weight = tf.mul(reached, tf.mul(tf.squeeze(alive, [2]), bootstrap ?? 1));
      }
      if (bootstrap !== undefined) {
        const value = model.value!(model.features(state));
        sum = tf.add(sum, tf.mul(weight, tf.div(value, model.valueScale)));
      }
      const sequences = choices ** horizon;
      const perPlan = tf.mean(tf.reshape(sum, [members * environments, particles, sequences]), 1);
      const judged = tf.where(tf.isFinite(perPlan), perPlan, tf.fill(perPlan.shape, WORST));
      const best = tf.max(tf.reshape(judged, [members, environments, choices, sequences / choices]), 3);
      const index = tf.argMax(best, 2);
      return { action: oneHot(index, choices) as tf.Tensor3D };
    },
  };
}

/** Choice after choice, over and over: [members, batch, choices]. */
const everyChoice = (members: number, batch: number, choices: number): tf.Tensor3D =>
  tf.tile(tf.expandDims(tf.eye(choices)), [members, batch / choices, 1]);

/** One step as trajectories of length 1: [members, batch, …] -> [members, batch, 1, …]. */
const alongTime = (x: tf.Tensor): tf.Tensor => tf.expandDims(x, 2);

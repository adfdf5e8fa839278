import * as tf from '@tensorflow/tfjs-core';
import { oneHot } from '../engine/one-hot.ts';
import type { Space } from '../envs/spaces.ts';
import { pick } from '../models/rows.ts';
import type { States } from '../models/world-model.ts';
import type { Noise } from '../training/acting.ts';
import { judgement, judgingNoise, predictedReturns } from './judge.ts';
import { NoiseDealer } from './noise-dealer.ts';
import type { Ground, Planner } from './planner.ts';
import type { SettingsOf } from './settings.ts';
import { firstStep } from './warm-start.ts';

/** Random shooting: plans are drawn uniformly, and the first action of the best is taken. */
export function shooting<State extends States>(
  settings: SettingsOf<'shooting'>,
  ground: Ground<State>,
): Planner<State> {
  const { horizon, candidates } = settings;
  const { actions, actionSpace, model: verbs } = ground;
  const judged = judgement(settings, ground);
  const drawn = actionSpace.kind === 'discrete' ? 1 : actions;
  const noise: Noise[] = [
    { distribution: 'uniform', size: candidates * horizon * drawn },
    ...judgingNoise(verbs, judged, candidates),
  ];
  return {
    noise: { sampled: noise, greedy: noise },
    memorySize: 0,
    plan: ({ model, state, first }, given) => {
      const [members, environments] = first.shape;
      const rows = members * environments;
      const dealer = new NoiseDealer(given);
      const uniform = tf.reshape(dealer.one(), [rows, candidates, horizon, drawn]) as tf.Tensor4D;
      const plans = anyActions(actionSpace, uniform);
      const returns = predictedReturns(model, judged, state, plans, dealer.many(noise.length - 1));
      const best = pick(plans, tf.expandDims(tf.argMax(returns, 1), 1));
      const next = firstStep(tf.reshape(best, [rows, horizon, actions]));
      return { action: tf.reshape(next, [members, environments, actions]) as tf.Tensor3D };
    },
  };
}

/** Every choice as likely as another, every number of a box as well, as networks see them: [rows, candidates, horizon, …]. */
function anyActions(space: Space, uniform: tf.Tensor4D): tf.Tensor4D {
  if (space.kind === 'box') return tf.sub(tf.mul(uniform, 2), 1);
  // A uniform number is below 1, its product with n may round to n.
  const index = tf.minimum(tf.floor(tf.mul(tf.squeeze(uniform, [3]), space.n)), space.n - 1);
  return oneHot(tf.cast(index, 'int32'), space.n) as tf.Tensor4D;
}

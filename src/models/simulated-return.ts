import * as tf from '@tensorflow/tfjs-core';
import type { RandomStream } from '../random/stream.ts';
import type { AgentSpaces } from '../training/agent-spaces.ts';
import { firstObservations, type Sequences } from '../training/replay.ts';
import { imaginedRewards } from './imagined-rewards.ts';
import { drawNoise } from './noise.ts';
import type { ActionSampler } from './policy-head.ts';
import { rollOut } from './roll-out.ts';
import type { States, WorldModel } from './world-model.ts';

/**
 * What a policy gets in the world that a model makes of it, to be held against what it gets in the real one: the mean
 * undiscounted return of whole episodes played greedily, from the starts of real ones, until the model foresees an end
 * (ĉ < ½) or the time limit cuts them off. Steps are sampled where the model samples any.
 *
 * @param head of the model's policy; without noise it is greedy
 * @param episodes each member's own
 * @param randoms each member's stream
 * @param steps of the time limit
 * @returns in units of the environment's reward: [members]
 */
export function simulatedReturn<State extends States>(
  model: WorldModel<State>,
  head: ActionSampler,
  { observation: size, observationScale, rewardScale }: AgentSpaces,
  episodes: readonly Sequences[],
  randoms: readonly RandomStream[],
  steps: number,
): tf.Tensor1D {
  const { batch } = episodes[0]!;
  const first = episodes.flatMap((own) => firstObservations(own, size));
  const shape: [number, number] = [episodes.length, batch];
  const starts = tf.div(tf.tensor3d(first, [...shape, size]), tf.tensor1d([...observationScale]));
  const greedy = tf.zeros([...shape, steps, head.noise.size]) as tf.Tensor4D;
  const noises = (model.stepNoise ?? []).map((noise) => drawNoise(noise, [batch, steps], randoms));
  const imagined = rollOut(
    model,
    model.start(starts as tf.Tensor3D),
    { head, noise: greedy },
    noises.length > 0 ? (tf.concat(noises, -1) as tf.Tensor4D) : undefined,
  );
  const { reward, continueProbability } = imaginedRewards(model, imagined);
  const goesOn = tf.cast(tf.greaterEqual(continueProbability, 0.5), 'float32');
  const isLived = tf.cumprod(goesOn, 2, true);
  const returns = tf.sum(tf.mul(reward, isLived), 2);
  return tf.mul(tf.mean(returns, 1), rewardScale);
}

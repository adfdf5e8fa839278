import * as tf from '@tensorflow/tfjs-core';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Replay } from '../../training/replay.ts';
import { standardMoments } from '../moments.ts';

type Spaces = Pick<AgentSpaces, 'observation'>;

/** How many numbers a standardisation has: mean and σ of õ, σ of õ′ − õ, mean and σ of r. */
export const standardisationSize = ({ observation }: Spaces): number => 3 * observation + 2;

/** By what a model of some members is standardised, each to be broadcast over [members, rows, numbers]. */
export interface Standardisation {
  /** [members, 1, observation] each */
  mean: tf.Tensor;
  std: tf.Tensor;
  changeStd: tf.Tensor;
  /** [members, 1, 1] each */
  rewardMean: tf.Tensor;
  rewardStd: tf.Tensor;
}

/** The parts of [members, numbers]. */
export function standardisationOf(numbers: tf.Tensor2D, { observation }: Spaces): Standardisation {
  const sizes = [observation, observation, observation, 1, 1];
  const [mean, std, changeStd, rewardMean, rewardStd] = tf.split(tf.expandDims(numbers, 1), sizes, 2);
  return { mean: mean!, std: std!, changeStd: changeStd!, rewardMean: rewardMean!, rewardStd: rewardStd! };
}

/** That which changes nothing: [members, numbers]. */
export function noStandardisation(members: number, { observation }: Spaces): tf.Tensor2D {
  const numbers = [
    ...Array<number>(observation).fill(0),
    ...Array<number>(2 * observation).fill(1),
    ...[0, 1],
  ];
  return tf.tile(tf.tensor2d([numbers]), [members, 1]);
}

/** Writes that of everything that a replay holds, as models see it, into the numbers of one member. */
export function fillStandardisation(
  replay: Replay,
  { observation: size, observationScale, rewardScale }: AgentSpaces,
  out: Float32Array,
): void {
  const before = replay.values('observation');
  const after = replay.values('nextObservation');
  const reward = replay.values('reward');
  for (let i = 0; i < size; i++) {
    const scale = observationScale[i]!;
    const { mean, std } = standardMoments(replay.size, (row) => before[row * size + i]! / scale);
    const change = (row: number) => (after[row * size + i]! - before[row * size + i]!) / scale;
    out[i] = mean;
    out[size + i] = std;
    out[2 * size + i] = standardMoments(replay.size, change).std;
  }
  const rewards = standardMoments(replay.size, (row) => reward[row]! / rewardScale);
  out[3 * size] = rewards.mean;
  out[3 * size + 1] = rewards.std;
}

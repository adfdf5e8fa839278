import * as tf from '@tensorflow/tfjs-core';
import { sliceAlong } from '../nn/slice-along.ts';
import type { RandomStream } from '../random/stream.ts';
import type { Noise } from '../training/acting.ts';
import type { AgentSpaces } from '../training/agent-spaces.ts';
import { memberMean } from '../training/reduce.ts';
import type { Sequences } from '../training/replay.ts';
import { countLit, imagesOf, meanF1 } from './image-diagnostics.ts';
import { drawNoise } from './noise.ts';
import type { ActionSampler } from './policy-head.ts';
import { rollOut } from './roll-out.ts';
import { startsOf, warmedStarts } from './warmed-starts.ts';
import { actionsFrom } from './windows.ts';
import type { Imagination, Observed, States, WorldModel } from './world-model.ts';

/** What an agent makes of imagination. */
export interface Imagined {
  /** Steps. */
  horizon: number;
  /** How the model's policy picks actions. */
  head: ActionSampler;
  /** What the actor is trained on: R of every imagined step, `valueScale` included, [members, starts, horizon]. */
  returns(imagination: Imagination): tf.Tensor3D;
}

/** Warmed starts that are rolled out at once, whatever the members. */
const ROLLED_OUT_AT_ONCE = 256;

/**
 * Adds up by name what `of` gives for some of the starts after others.
 *
 * @param of given also their share of all, and how many came before
 */
function overStarts(
  starts: readonly number[],
  of: (some: readonly number[], share: number, before: number) => Record<string, tf.Tensor>,
): Record<string, tf.Tensor> {
  const parts = Array.from({ length: Math.max(1, Math.ceil(starts.length / ROLLED_OUT_AT_ONCE)) }, (_, i) => {
    const before = i * ROLLED_OUT_AT_ONCE;
    const some = starts.slice(before, before + ROLLED_OUT_AT_ONCE);
    return tf.tidy(() => of(some, some.length / starts.length, before));
  });
  return Object.fromEntries(
    Object.keys(parts[0]!).map((name) => [name, tf.addN(parts.map((part) => part[name]!))]),
  );
}

/** Errors k steps after a warmed start, fed with its own likeliest predictions and the true actions; mean over dimensions, raw units. */
export function openLoop<State extends States>(
  model: WorldModel<State>,
  followed: Observed<State>,
  sequences: Sequences,
  spaces: AgentSpaces,
  steps: readonly number[],
): Record<string, tf.Tensor1D> {
  const { observation, observationScale, actionSpace } = spaces;
  const images = imagesOf(spaces);
  const members = followed.predicted.shape[0]!;
  const longest = Math.max(...steps);
  const decoded = (features: tf.Tensor) =>
    tf.mul(model.decode!(features), tf.tensor1d([...observationScale])) as tf.Tensor4D;
  const sums = overStarts(warmedStarts(sequences, true, longest), (starts, share) => {
    const actions = actionsFrom(sequences, starts, longest, members, actionSpace);
    const { nextFeatures } = rollOut(model, startsOf(followed, starts), { actions });
    const after = (x: tf.Tensor4D, k: number) =>
      tf.slice(x, [0, 0, k - 1, 0], [members, starts.length, 1, x.shape[3]]);
    // Images of all steps would be a hundred times as many numbers as the states that they are decoded of.
    const all = images ? undefined : decoded(nextFeatures);
    return Object.fromEntries(
      steps.flatMap((k) => {
        const predicted = all ? after(all, k) : decoded(after(nextFeatures as tf.Tensor4D, k));
        const actual = new Float32Array(starts.length * observation);
        for (const [i, at] of starts.entries()) {
          const row = (at + k - 1) * observation;
          actual.set(sequences.nextObservation.subarray(row, row + observation), i * observation);
        }
        const observed = tf.tensor4d(actual, [1, starts.length, 1, observation]);
        const ofEach = () => tf.tile(observed, [members, 1, 1, 1]);
        const error = tf.squaredDifference(predicted, observed);
        return [
          [`open_loop_mse_${k}`, memberMean(error, share)],
          ...(images ? [[`open_loop_f1_${k}`, countLit(predicted, ofEach(), images)]] : []),
        ];
      }),
    );
  });
  return Object.fromEntries(
    Object.entries(sums).map(([name, sum]) => [
      name,
      sum.rank === 1 ? (sum as tf.Tensor1D) : meanF1(sum as tf.Tensor3D),
    ]),
  );
}

/** Mean return that the actor would be trained on from the held-out starts, `valueScale` included. */
export function dreamReturn<State extends States>(
  model: WorldModel<State>,
  { horizon, head, returns }: Imagined,
  followed: Observed<State>,
  sequences: Sequences,
  randoms: readonly RandomStream[],
): tf.Tensor1D {
  const members = randoms.length;
  const starts = warmedStarts(sequences, false);
  const draw = (noises: readonly Noise[]) => noiseOf(noises, starts.length, horizon, randoms);
  const noise = draw([head.noise]);
  const stepNoise = model.stepNoise && draw(model.stepNoise);
  const { mean } = overStarts(starts, (some, share, before) => {
    const ofSome = <T extends tf.Tensor>(x: T): T => sliceAlong(x, 1, before, some.length);
    const behaviour = { head, noise: ofSome(noise) };
    const imagined = returns(
      rollOut(model, startsOf(followed, some), behaviour, stepNoise && ofSome(stepNoise)),
    );
    return { mean: memberMean(tf.slice(imagined, [0, 0, 0], [members, some.length, 1]), share) };
  });
  return mean as tf.Tensor1D;
}

/** Each member's noise from its own stream, one after the other: [members, starts, steps, sum of sizes]. */
const noiseOf = (
  noises: readonly Noise[],
  starts: number,
  steps: number,
  randoms: readonly RandomStream[],
): tf.Tensor4D =>
  tf.concat(
    noises.map((noise) => drawNoise(noise, [starts, steps], randoms)),
    -1,
  ) as tf.Tensor4D;

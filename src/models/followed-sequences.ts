import * as tf from '@tensorflow/tfjs-core';
import { sliceAlong } from '../nn/slice-along.ts';
import type { AgentSpaces } from '../training/agent-spaces.ts';
import { memberSum, perMember } from '../training/reduce.ts';
import { rowsOf, type Sequences, stackSequences } from '../training/replay.ts';
import { countLit, imagesOf } from './image-diagnostics.ts';
import { rewardError } from './latent-diagnostics.ts';
import { toWindows, uploadBatch, uploadObservations } from './windows.ts';
import type { Observed, States, WorldModel } from './world-model.ts';

/**
 * Sequences that each member's model follows at once: so many, or as many as have so many numbers in an observation of
 * each, since images make ten times as many of them on the way. How many members there are, and how long sequences are,
 * does not count: a sum's parts are the same for a seed alone as beside others.
 */
const FOLLOWED_AT_ONCE = { sequences: 4, numbers: 2 ** 11 };

/** A model that has followed sequences. */
export type Followed<State extends States> = Observed<State> & {
  /** Mean over the steps taken of (s · dec(predicted) − o′)², raw units: [members, observation]; needs a decoder */
  squaredError?: tf.Tensor2D;
  /** Of predicted images, what `countLit` says: [members, 3, channels] */
  lit?: tf.Tensor3D;
  /** Mean over the steps taken of (r̂ − r)²; needs a reward head: [members] */
  rewardError?: tf.Tensor1D;
};

/**
 * Follows each member's sequences, as many at once as memory is to hold: what following leaves behind is ten times what it
 * gives.
 *
 * @param kept steps of each sequence, from the first on, of which states and predictions are given; default: all
 */
export function followInParts<State extends States>(
  model: WorldModel<State>,
  each: readonly Sequences[],
  spaces: AgentSpaces,
  kept?: number,
): Followed<State> {
  const { batch } = each[0]!;
  const { sequences, numbers } = FOLLOWED_AT_ONCE;
  const rows = Math.max(1, Math.min(sequences, Math.floor(numbers / spaces.observation)));
  const parts = Array.from({ length: Math.ceil(batch / rows) }, (_, i) =>
    tf.tidy(() => {
      const part = each.map((sequences) => rowsOf(sequences, i * rows, Math.min((i + 1) * rows, batch)));
      const stacked = stackSequences(part, spaces);
      const steps = memberSum(tf.tensor3d(stacked.mask, [stacked.members, stacked.batch, stacked.time]));
      const followed = follow(model, stacked, spaces);
      if (kept === undefined) return { steps, followed };
      const begin = (x: tf.Tensor) => sliceAlong(x, 2, 0, kept);
      const states = Object.entries(followed.states).map(([name, x]) => [name, begin(x)]);
      return {
        steps,
        followed: {
          ...followed,
          states: Object.fromEntries(states) as State,
          predicted: begin(followed.predicted),
        },
      };
    }),
  );
  const first = parts[0]!.followed;
  if (parts.length === 1) return first;
  /** Frees the parts as it joins them. */
  const joined = (of: (part: Followed<State>) => tf.Tensor) => {
    const pieces = parts.map(({ followed }) => of(followed));
    const whole = tf.concat(pieces, 1);
    tf.dispose(pieces);
    return whole;
  };
  const taken = tf.addN(parts.map((part) => part.steps));
  /** A mean over the steps taken: [members, …]. */
  const mean = <T extends tf.Tensor>(of: (part: Followed<State>) => T | undefined) =>
    tf.addN(
      parts.map((part) => {
        const x = of(part.followed)!;
        return tf.mul(x, perMember(tf.div(part.steps, taken), x.rank));
      }),
    ) as T;
  return {
    states: Object.fromEntries(
      Object.keys(first.states).map((name) => [name, joined(({ states }) => states[name]!)]),
    ) as State,
    predicted: joined(({ predicted }) => predicted),
    ...(first.squaredError && { squaredError: mean(({ squaredError }) => squaredError) }),
    ...(first.lit && { lit: tf.addN(parts.map(({ followed }) => followed.lit!)) }),
    ...(first.rewardError && { rewardError: mean(({ rewardError }) => rewardError) }),
  };
}

function follow<State extends States>(
  model: WorldModel<State>,
  sequences: Sequences,
  spaces: AgentSpaces,
): Followed<State> {
  const windows = toWindows(uploadBatch(sequences, spaces), spaces);
  const { states, predicted } = model.observe(windows);
  const { members } = sequences;
  const taken = tf.tensor3d(sequences.mask, windows.reward.shape);
  const followed = {
    states,
    predicted,
    ...(model.reward && { rewardError: rewardError(model, windows, { states, predicted }, taken, spaces) }),
  };
  if (!model.decode) return followed;
  const steps = sequences.batch * sequences.time;
  const decoded = tf.mul(model.decode(predicted), tf.tensor1d([...spaces.observationScale]));
  const actual = uploadObservations(sequences.nextObservation, decoded.shape);
  const mask = tf.tensor3d(sequences.mask, [members, steps, 1]);
  const images = imagesOf(spaces);
  const inRows = (x: tf.Tensor) => tf.reshape(x, [members, steps, spaces.observation]);
  const errors = inRows(tf.squaredDifference(decoded, actual));
  return {
    ...followed,
    squaredError: tf.div(tf.sum(tf.mul(errors, mask), 1), tf.sum(mask, 1)),
    ...(images && { lit: countLit(inRows(decoded), inRows(actual), images, mask) }),
  };
}

import * as tf from '@tensorflow/tfjs-core';
import { effectiveRank } from '../effective-rank.ts';
import { linearProbe } from '../linear-probe.ts';
import type { AgentSpaces } from '../training/agent-spaces.ts';
import type { Row } from '../training/events.ts';
import { memberMean, memberSum } from '../training/reduce.ts';
import type { Sequences } from '../training/replay.ts';
import { rollOut } from './roll-out.ts';
import { LONGEST, OPEN_LOOP_STEPS, startsOf, warmedStarts } from './warmed-starts.ts';
import { actionsFrom, type Windows } from './windows.ts';
import type { Imagination, Observed, States, WorldModel } from './world-model.ts';

/** The columns of metrics.csv of a model that decodes nothing, in order; docs/metrics.md defines them. */
export const LATENT_DIAGNOSTICS = [
  'reward_mse',
  'reward_mse_own',
  'value_bias',
  'continue_accuracy',
  'consistency_1',
  'consistency_5',
  'consistency_15',
  'standstill_1',
  'value_equivalence_1',
  'value_equivalence_5',
  'value_equivalence_15',
  'latent_std',
  'latent_std_min',
  'effective_rank',
] as const;

type LatentColumns = Partial<Record<(typeof LATENT_DIAGNOSTICS)[number], tf.Tensor1D>>;

/** Mean over the steps taken of (r̂ − r)², in the environment's units: [members]. */
export function rewardError<State extends States>(
  model: WorldModel<State>,
  { action, reward }: Windows,
  { states, predicted }: Observed<State>,
  mask: tf.Tensor3D,
  { rewardScale }: AgentSpaces,
): tf.Tensor1D {
  const features = model.features(states);
  const expected = model.reward!({ features, action, nextFeatures: predicted });
  const errors = tf.mul(tf.squaredDifference(expected, reward), mask);
  return tf.mul(tf.div(memberSum(errors), memberSum(mask)), rewardScale ** 2);
}

/**
 * How well features predict themselves, and whether they have collapsed. With f* the features at what is observed, f̂
 * those predicted k steps before, from the true actions, by the predictor head where there is one:
 *
 *   consistency_k   mean |f̂_{t+k} − f*_{t+k}|² over warmed starts, over the variance of f*
 *   standstill_1    the same of a prediction that nothing changes
 *   latent_std      standard deviation of each of the features, their mean and the least
 *
 * and, where there are rewards and values, what `valueEquivalence` measures.
 *
 * @param gamma discount of values
 * @returns also the covariance of the features, of which `effectiveRanks` are: [members, features, features]
 */
export function selfPrediction<State extends States>(
  model: WorldModel<State>,
  followed: Observed<State>,
  sequences: Sequences,
  spaces: AgentSpaces,
  gamma: number,
): { columns: LatentColumns; covariance: tf.Tensor3D } {
  const observed = model.features(followed.states);
  const [members, size] = [observed.shape[0]!, observed.shape.at(-1)!];
  const rows = tf.reshape(observed, [members, -1, size]);
  const deviation = tf.sub(rows, tf.mean(rows, 1, true));
  const covariance = tf.div(tf.matMul(deviation, deviation, true), rows.shape[1]!) as tf.Tensor3D;
  const variance = tf.mean(tf.square(deviation), 1);
  const total = tf.sum(variance, 1);
  // The state after the last step must be of the same episode, too.
  const starts = warmedStarts(sequences, true).filter((at) => sequences.first[at + LONGEST] === 0);
  const at = (later: number) =>
    model.features(
      startsOf(
        followed,
        starts.map((start) => start + later),
      ),
    );
  const distance = (from: tf.Tensor, to: tf.Tensor) =>
    tf.div<tf.Tensor1D>(memberMean(tf.sum(tf.squaredDifference(from, to), -1)), total);
  const actions = actionsFrom(sequences, starts, LONGEST, members, spaces.actionSpace);
  const imagined = rollOut(model, startsOf(followed, starts), { actions });
  const predicted = tf.unstack(model.predictor?.(imagined.nextFeatures) ?? imagined.nextFeatures, 2);
  const consistency = OPEN_LOOP_STEPS.map((k) => [`consistency_${k}`, distance(predicted[k - 1]!, at(k))]);
  const std = tf.sqrt(variance);
  return {
    columns: {
      ...Object.fromEntries(consistency),
      standstill_1: distance(at(0), at(1)),
      ...valueEquivalence(model, imagined, at, sequences, starts, spaces, gamma),
      latent_std: memberMean(std),
      latent_std_min: tf.min(std, 1),
    },
    covariance,
  };
}

/**
 * How far what a model makes of k steps is from what came of them, in the eyes of its own value (value equivalence of order k:
 * Grimm et al. 2020, 2021), with the true actions:
 *
 *   value_equivalence_k   mean over starts of |Σ_{j<k} γ^j (r̂_{t+j} − r_{t+j}) + γ^k (V(f̂_{t+k}) − V(f*_{t+k}))|
 *
 * in the environment's rewards.
 *
 * @param observedAt f* so many steps after the starts: [members, starts, features]
 */
function valueEquivalence<State extends States>(
  model: WorldModel<State>,
  imagined: Imagination,
  observedAt: (later: number) => tf.Tensor,
  { reward }: Sequences,
  starts: readonly number[],
  { rewardScale }: AgentSpaces,
  gamma: number,
): LatentColumns {
  const { reward: rewards, value } = model;
  if (!rewards || !value) return {};
  const received = starts.map((at) => Array.from(reward.subarray(at, at + LONGEST), (r) => r / rewardScale));
  const errors = tf.sub(rewards(imagined), tf.tensor2d(received, [starts.length, LONGEST]));
  const predicted = tf.unstack(imagined.nextFeatures, 2);
  return Object.fromEntries(
    OPEN_LOOP_STEPS.map((k) => {
      const powers = tf.tensor1d(Array.from({ length: LONGEST }, (_, j) => (j < k ? gamma ** j : 0)));
      const ofValues = tf.mul(
        tf.sub(value(predicted[k - 1]!), value(observedAt(k))),
        gamma ** k / model.valueScale,
      );
      const error = tf.add(tf.sum(tf.mul(errors, powers), 2), ofValues);
      return [`value_equivalence_${k}`, memberMean(tf.abs(error), rewardScale)];
    }),
  );
}

/** The effective rank of each member's covariance, [members, n, n]. */
export async function effectiveRanks(covariance: tf.Tensor3D): Promise<number[]> {
  const [members, size] = covariance.shape;
  const values = await covariance.data<'float32'>();
  return Array.from({ length: members }, (_, member) =>
    effectiveRank(values.subarray(member * size * size, (member + 1) * size * size), size),
  );
}

/** The columns of what a probe reads of a state, in order; none where what is observed is an image. */
export const probeColumns = ({ ownElements }: Pick<AgentSpaces, 'ownElements'>): string[] =>
  ownElements ? ['probe_r2', ...ownElements.map((name) => `probe_r2_${name}`)] : [];

/** Of the ridge regression, per row that is fitted to: directions along which features spread less than its root tell little. */
const PROBE_PENALTY = 1e-4;

/**
 * How much of the environment's own elements a linear function of the features tells, by `linearProbe`, fitted to every other
 * held-out sequence from the first on and scored on those between, so that both halves have controllers of every kind and
 * no episode in common:
 *
 *   probe_r2_NAME   R² of the element
 *   probe_r2        their mean
 *
 * Elements that do not vary count as not there.
 *
 * @param features of the held-out states: [members, batch, time, features]
 */
export async function probes(
  features: tf.Tensor,
  { observation, batch, time }: Sequences,
  spaces: AgentSpaces,
): Promise<Row[]> {
  const [members, size] = [features.shape[0]!, features.shape.at(-1)!];
  const values = await features.data<'float32'>();
  const targets = spaces.ownElements!.length;
  const half = (member: number, parity: number) => {
    const rows = Math.ceil((batch - parity) / 2) * time;
    const pick = (from: ArrayLike<number>, width: number, count: number) => {
      const picked = new Float64Array(rows * count);
      let at = 0;
      for (let sequence = parity; sequence < batch; sequence += 2) {
        for (let row = sequence * time; row < (sequence + 1) * time; row++) {
          for (let i = 0; i < count; i++) picked[at++] = from[row * width + i]!;
        }
      }
      return picked;
    };
    return {
      x: pick(values.subarray(member * batch * time * size), size, size),
      y: pick(observation, spaces.observation, targets),
      rows,
    };
  };
  const columns = probeColumns(spaces);
  return Array.from({ length: members }, (_, member) => {
    const fit = half(member, 0);
    const told = linearProbe(fit, half(member, 1), size, targets, PROBE_PENALTY * fit.rows);
    const known = told.filter((r2) => r2 !== null);
    const mean = known.length > 0 ? known.reduce((sum, r2) => sum + r2, 0) / known.length : null;
    return Object.fromEntries(columns.map((column, i) => [column, i === 0 ? mean : told[i - 1]!]));
  });
}

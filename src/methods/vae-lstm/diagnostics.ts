import * as tf from '@tensorflow/tfjs-core';
import { scope } from '../../engine/scope.ts';
import { actionSize } from '../../envs/spaces.ts';
import { actionNoise, encodeActions } from '../../models/actor.ts';
import { rollOut } from '../../models/roll-out.ts';
import { decode } from '../../models/vae-lstm/decoder.ts';
import { predictSequence, stateBefore, vaeLstmDynamics } from '../../models/vae-lstm/dynamics.ts';
import { encode } from '../../models/vae-lstm/encoder.ts';
import { continueLogit, type ValueFunction, value } from '../../models/vae-lstm/heads.ts';
import type { Parameters } from '../../nn/parameters.ts';
import type { RandomStream } from '../../random/stream.ts';
import { fillNoise } from '../../training/acting.ts';
import { emptyActions } from '../../training/actions.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Row } from '../../training/events.ts';
import { PendingTerms } from '../../training/pending-terms.ts';
import { memberMean, memberSum } from '../../training/reduce.ts';
import { type Sequences, stackSequences } from '../../training/replay.ts';
import { imaginedReturns } from './imagination.ts';
import { type Networks, targetCritic, type Weights } from './networks.ts';
import type { VaeLstmSettings } from './settings.ts';
import { toWindows, uploadActions, uploadBatch } from './windows.ts';

/** Steps after a warmed start at which the open-loop error is measured. */
const OPEN_LOOP_STEPS = [1, 5, 15] as const;
const LONGEST = Math.max(...OPEN_LOOP_STEPS);
/** Warmed starts stand every 20 steps of a sequence, the first after 10. */
const START_EVERY = 20;
const START_FIRST = 10;

/** The model's own columns of metrics.csv, in order; docs/metrics.md defines them. */
export const DIAGNOSTICS = [
  'prediction_mse',
  'prediction_mse_standardised',
  'prediction_mse_own',
  'prediction_mse_own_standardised',
  'open_loop_mse_1',
  'open_loop_mse_5',
  'open_loop_mse_15',
  'dream_return',
  'value_bias',
  'continue_accuracy',
] as const;

type Diagnosis = Partial<Record<(typeof DIAGNOSTICS)[number], tf.Tensor1D>>;

interface Models {
  model: Parameters;
  actor: Parameters;
  target: ValueFunction | undefined;
}

/**
 * Measures the world models of the members from `from` on, as many as there are own evaluation episodes, on the
 * held-out set and on those episodes.
 *
 * @param own each member's own evaluation episodes
 * @param randoms each member's stream
 */
export async function diagnose(
  networks: Networks,
  weights: Weights,
  from: number,
  settings: VaeLstmSettings,
  spaces: AgentSpaces,
  heldOut: Sequences,
  own: readonly Sequences[],
  randoms: readonly RandomStream[],
): Promise<Row[]> {
  const members = own.length;
  const terms = new PendingTerms(DIAGNOSTICS, members);
  scope(() => {
    const these = (flat: tf.Tensor2D) => tf.slice(flat, [from, 0], [members, flat.shape[1]]);
    const models: Models = {
      model: networks.model.unpack(these(weights.model)),
      actor: networks.actor.unpack(these(weights.actor)),
      target: weights.target && targetCritic(networks, these(weights.target), settings),
    };
    const stack = (each: readonly Sequences[]) => stackSequences(each, spaces);
    const heldOutOfEach = stack(own.map(() => heldOut));
    // What a roll leaves behind is ten times what it gives: one at a time.
    const onHeldOut = tf.tidy(() => roll(models.model, heldOutOfEach, settings, spaces));
    const onOwn = tf.tidy(() => roll(models.model, stack(own), settings, spaces));
    const variance = tf.tensor1d(variances(heldOut.observation, spaces.observation));
    const columns: Diagnosis = {
      prediction_mse: memberMean(onHeldOut.squaredError),
      prediction_mse_standardised: memberMean(tf.div(onHeldOut.squaredError, variance)),
      prediction_mse_own: memberMean(onOwn.squaredError),
      prediction_mse_own_standardised: memberMean(tf.div(onOwn.squaredError, variance)),
      ...openLoop(models.model, onHeldOut, heldOut, settings, spaces),
      dream_return: dreamReturn(models, onHeldOut, heldOut, settings, spaces, randoms),
      ...(models.target && { value_bias: valueBias(models.model, onOwn, own, settings, spaces) }),
      ...(settings.model.continueHead &&
        heldOut.terminated.includes(1) && {
          continue_accuracy: continueAccuracy(models.model, onHeldOut, heldOutOfEach, settings),
        }),
    };
    terms.push(columns);
  });
  const [rows] = await terms.drain();
  return rows!;
}

/** A model run over sequences, teacher-forced from the means μ. */
type Roll = {
  /** μ: [members, batch, time, latent] */
  mean: tf.Tensor;
  /** ẑ′: [members, batch, time, latent] */
  predictedLatent: tf.Tensor;
  /** LSTM state before each step: [members, batch, time, units] */
  hidden: tf.Tensor;
  cell: tf.Tensor;
  /** Mean over the steps taken of (s · dec(ẑ′) − o′)², raw units: [members, observation] */
  squaredError: tf.Tensor2D;
};

function roll(model: Parameters, sequences: Sequences, settings: VaeLstmSettings, spaces: AgentSpaces): Roll {
  const layers = settings.model.hidden.length;
  const windows = toWindows(uploadBatch(sequences, spaces), spaces);
  const [observation] = tf.split(windows.observations, 2, 2) as [tf.Tensor];
  const { mean } = encode(model, layers, observation);
  const { predictedLatent, hidden, cell } = predictSequence(model, mean, windows.action, windows.first);
  const { members } = sequences;
  const steps = sequences.batch * sequences.time;
  const predicted = tf.mul(decode(model, layers, predictedLatent), tf.tensor1d([...spaces.observationScale]));
  const actual = tf.tensor4d(sequences.nextObservation, predicted.shape as [number, number, number, number]);
  const mask = tf.tensor3d(sequences.mask, [members, steps, 1]);
  const errors = tf.reshape(tf.squaredDifference(predicted, actual), [members, steps, spaces.observation]);
  return {
    mean,
    predictedLatent,
    hidden: stateBefore(hidden, windows.first),
    cell: stateBefore(cell, windows.first),
    squaredError: tf.div(tf.sum(tf.mul(errors, mask), 1), tf.sum(mask, 1)),
  };
}

/** Variance over all rows of each column: [rows, columns] -> [columns]. */
function variances(values: Float32Array, columns: number): number[] {
  const rows = values.length / columns;
  return Array.from({ length: columns }, (_, column) => {
    let sum = 0;
    let squares = 0;
    for (let i = column; i < values.length; i += columns) {
      sum += values[i]!;
      squares += values[i]! ** 2;
    }
    return squares / rows - (sum / rows) ** 2;
  });
}

/** Indices into batch × time of the warmed starts; `unbroken`: only those whose next steps cross no episode start. */
function warmedStarts(sequences: Sequences, unbroken: boolean): number[] {
  const starts: number[] = [];
  for (let b = 0; b < sequences.batch; b++) {
    for (let t = START_FIRST; t + LONGEST <= sequences.time; t += START_EVERY) {
      const at = b * sequences.time + t;
      const broken = sequences.first.subarray(at + 1, at + LONGEST).includes(1);
      if (!unbroken || !broken) starts.push(at);
    }
  }
  return starts;
}

/** The state (μ, h, c) of every member at the given steps, indices into batch × time: [members, starts, …]. */
function startAt({ mean, hidden, cell }: Roll, starts: readonly number[]) {
  const [members, batch, time] = mean.shape as [number, number, number];
  const indices = tf.tensor2d(
    Array.from({ length: members }, (_, member) => starts.map((at) => member * batch * time + at)),
    [members, starts.length],
    'int32',
  );
  const pick = (x: tf.Tensor) => {
    const rows = tf.reshape(x, [-1, x.shape.at(-1)!]);
    return tf.gather(rows, indices as tf.Tensor) as tf.Tensor3D;
  };
  return { latent: pick(mean), hidden: pick(hidden), cell: pick(cell) };
}

/** Error k steps after a warmed start, fed with its own predictions and the true actions; mean over dimensions, raw units. */
function openLoop(
  model: Parameters,
  rolled: Roll,
  sequences: Sequences,
  settings: VaeLstmSettings,
  { observation, observationScale, actionSpace }: AgentSpaces,
): Record<string, tf.Tensor1D> {
  const members = rolled.mean.shape[0]!;
  const starts = warmedStarts(sequences, true);
  const width = actionSize(actionSpace);
  const taken = starts.flatMap((at) => [...sequences.action.subarray(at * width, (at + LONGEST) * width)]);
  const actions = emptyActions(actionSpace, members * starts.length * LONGEST);
  for (let member = 0; member < members; member++) actions.set(taken, member * taken.length);
  const shape = [members, starts.length, LONGEST];
  const given = encodeActions(actionSpace, uploadActions(actions, shape, actionSpace)) as tf.Tensor4D;
  const { nextLatent } = rollOut(vaeLstmDynamics(model), startAt(rolled, starts), { actions: given });
  const decoded = tf.mul(
    decode(model, settings.model.hidden.length, nextLatent),
    tf.tensor1d([...observationScale]),
  ) as tf.Tensor4D;
  return Object.fromEntries(
    OPEN_LOOP_STEPS.map((k) => {
      const predicted = tf.slice(decoded, [0, 0, k - 1, 0], [members, starts.length, 1, observation]);
      const actual = starts.flatMap((at) => {
        const row = (at + k - 1) * observation;
        return [...sequences.nextObservation.subarray(row, row + observation)];
      });
      const error = tf.squaredDifference(predicted, tf.tensor4d(actual, [1, starts.length, 1, observation]));
      return [`open_loop_mse_${k}`, memberMean(error)];
    }),
  );
}

/** Mean return, in reward units, that the actor would be trained on from the held-out starts. */
function dreamReturn(
  { model, actor, target }: Models,
  rolled: Roll,
  sequences: Sequences,
  settings: VaeLstmSettings,
  { actionSpace, rewardScale }: AgentSpaces,
  randoms: readonly RandomStream[],
): tf.Tensor1D {
  const starts = warmedStarts(sequences, false);
  const ofAction = actionNoise(actionSpace);
  const shape: [number, number, number] = [starts.length, settings.horizon, ofAction.size];
  const noise = tf.stack(
    randoms.map((random) =>
      tf.tensor3d(fillNoise(random, ofAction, new Float32Array(shape[0] * shape[1] * shape[2])), shape),
    ),
  ) as tf.Tensor4D;
  const behaviour = { actor, layers: settings.actor.hidden.length, actionSpace, noise };
  const imagination = rollOut(vaeLstmDynamics(model), startAt(rolled, starts), behaviour);
  const valueOfLatent = target && value(model, settings.critic.hidden.length, imagination.latent);
  const { returns } = imaginedReturns(model, target, imagination, valueOfLatent, settings);
  return tf.div(
    memberMean(tf.slice(returns, [0, 0, 0], [randoms.length, starts.length, 1])),
    (1 - settings.gamma) / rewardScale,
  );
}

/** Mean over each member's own episodes of V(μ_0) / (1 − γ) − Σ γᵗ r_t, in reward units. */
function valueBias(
  model: Parameters,
  rolled: Roll,
  own: readonly Sequences[],
  { critic, gamma }: VaeLstmSettings,
  { rewardScale }: AgentSpaces,
): tf.Tensor1D {
  const [members, batch, , latents] = rolled.mean.shape as [number, number, number, number];
  const latent = tf.slice(rolled.mean, [0, 0, 0, 0], [members, batch, 1, latents]);
  const predicted = tf.div(memberMean(value(model, critic.hidden.length, latent)), (1 - gamma) / rewardScale);
  const obtained = own.map(({ reward, mask, time }) => {
    let sum = 0;
    for (let at = 0; at < reward.length; at++) sum += mask[at]! * reward[at]! * gamma ** (at % time);
    return sum / batch;
  });
  return tf.sub(predicted, tf.tensor1d(obtained));
}

/** Balanced accuracy of the continue head at threshold 0.5: the mean over terminations and continuations of the share recognised. */
function continueAccuracy(
  model: Parameters,
  rolled: Roll,
  sequences: Sequences,
  settings: VaeLstmSettings,
): tf.Tensor1D {
  const logits = continueLogit(model, settings.model.hidden.length, rolled.predictedLatent);
  const continues = tf.cast(tf.greater(logits, 0), 'float32');
  const terminated = tf.tensor3d(sequences.terminated, logits.shape as [number, number, number]);
  const alive = tf.sub(1, terminated);
  const recognisedAlive = tf.div(memberSum(tf.mul(continues, alive)), memberSum(alive));
  const recognisedEnds = tf.div(memberSum(tf.mul(tf.sub(1, continues), terminated)), memberSum(terminated));
  return tf.mul(0.5, tf.add(recognisedAlive, recognisedEnds));
}

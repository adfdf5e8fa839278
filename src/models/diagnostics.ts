import * as tf from '@tensorflow/tfjs-core';
import { releaseUnusedBuffers } from '../engine/release-unused-buffers.ts';
import { scope } from '../engine/scope.ts';
import { RandomStream } from '../random/stream.ts';
import type { AgentSpaces } from '../training/agent-spaces.ts';
import type { Row } from '../training/events.ts';
import type { Observations } from '../training/observations.ts';
import { PendingTerms, stackTerms } from '../training/pending-terms.ts';
import { memberMean, memberSum } from '../training/reduce.ts';
import type { Sequences } from '../training/replay.ts';
import { type Followed, followInParts } from './followed-sequences.ts';
import { IMAGE_DIAGNOSTICS, imagesOf, meanF1, standstillF1 } from './image-diagnostics.ts';
import {
  effectiveRanks,
  LATENT_DIAGNOSTICS,
  probeColumns,
  probes,
  selfPrediction,
} from './latent-diagnostics.ts';
import { dreamReturn, type Imagined, openLoop } from './roll-out-diagnostics.ts';
import { OPEN_LOOP_STEPS } from './warmed-starts.ts';
import type { States, WorldModel } from './world-model.ts';

/** The columns of metrics.csv of a model that decodes vectors, in order; docs/metrics.md defines them. */
export const DIAGNOSTICS = [
  'prediction_mse',
  'prediction_mse_standardised',
  'prediction_mse_own',
  'prediction_mse_own_standardised',
  'reward_mse',
  'reward_mse_own',
  'open_loop_mse_1',
  'open_loop_mse_5',
  'open_loop_mse_15',
  'dream_return',
  'value_bias',
  'continue_accuracy',
] as const;

/** What of a model is measured. */
interface Measures {
  /** What its observations miss by: of a model that decodes. */
  decodes: boolean;
  /** How it predicts itself, and whether its features have collapsed; of one that decodes nothing in any case. */
  isLatent?: boolean;
  /** What a probe reads of its states. */
  isProbed?: boolean;
}

/** The columns of metrics.csv of such a model, in order. */
export const diagnosticColumns = (
  spaces: Pick<AgentSpaces, 'ownElements' | 'image'>,
  { decodes, isLatent = false, isProbed = false }: Measures,
): string[] => [
  ...new Set<string>([
    ...(decodes ? (spaces.image ? IMAGE_DIAGNOSTICS : DIAGNOSTICS) : []),
    ...(isLatent || !decodes ? LATENT_DIAGNOSTICS : []),
    ...(isProbed ? probeColumns(spaces) : []),
  ]),
];

/** Members whose models are measured in one batch: their memory adds up. */
const MEASURED_AT_ONCE = 4;

/** Models to be measured, and what their agents make of imagination. */
export interface MeasuredModel<State extends States> extends Omit<Measures, 'decodes'> {
  model: WorldModel<State>;
  /** Discount γ per environment step. */
  gamma: number;
  /** Steps after which the open-loop error is measured besides, from starts that as many steps follow. */
  openLoopSteps?: readonly number[];
  /** Absent where no actor learns from imagined rewards. */
  imagined?: Imagined;
}

/**
 * Measures world models on the held-out set and on their own episodes, over the verbs: a model is measured in what it has,
 * one that decodes in its observations, another in how it predicts itself.
 *
 * @param measured the models of `members` members from member `from` on
 * @param own each member's own evaluation episodes
 * @param randoms each member's stream
 */
export async function diagnose<State extends States>(
  measured: (from: number, members: number) => MeasuredModel<State>,
  spaces: AgentSpaces,
  heldOut: Sequences,
  own: readonly Sequences[],
  randoms: readonly RandomStream[],
): Promise<Row[]> {
  const rows: Row[] = [];
  for (let from = 0; from < own.length; from += MEASURED_AT_ONCE) {
    const theirs = own.slice(from, from + MEASURED_AT_ONCE);
    const streams = randoms.slice(from, from + MEASURED_AT_ONCE);
    const { terms, covariance, features } = scope(() => {
      const models = measured(from, theirs.length);
      const found = columns(models, spaces, heldOut, theirs, streams);
      const { openLoopSteps = [], isLatent = false } = models;
      const names = diagnosticColumns(spaces, { decodes: models.model.decode !== undefined, isLatent });
      const terms = new PendingTerms([...names, ...openLoopColumns(openLoopSteps)], theirs.length);
      terms.push(stackTerms(found.columns));
      const { covariance, features } = found;
      return {
        terms,
        covariance: covariance && tf.keep(covariance),
        features: features && tf.keep(features),
      };
    });
    const [drained] = await terms.drain();
    const ranks = covariance && (await effectiveRanks(covariance));
    const probed = features && (await probes(features, heldOut, spaces));
    tf.dispose([covariance, features]);
    for (const [member, row] of drained!.entries()) {
      rows.push({ ...row, ...(ranks && { effective_rank: ranks[member]! }), ...probed?.[member] });
    }
  }
  return rows;
}

/**
 * The same of the members of these seeds after so many environment steps of each, whose streams are the step's own; frees
 * what the long sequences leave behind.
 */
export async function diagnoseAfter<State extends States>(
  steps: readonly number[],
  seeds: readonly number[],
  measured: (from: number, members: number) => MeasuredModel<State>,
  spaces: AgentSpaces,
  heldOut: Sequences,
  own: readonly Sequences[],
): Promise<Row[]> {
  const randoms = seeds.map((seed, member) => RandomStream.named(seed, `diagnosis/${steps[member]}`));
  const rows = await diagnose(measured, spaces, heldOut, own, randoms);
  releaseUnusedBuffers();
  return rows;
}

type Columns = Partial<Record<string, tf.Tensor1D>>;

/** The columns of open-loop errors after so many steps. */
export const openLoopColumns = (steps: readonly number[]): string[] => steps.map((k) => `open_loop_mse_${k}`);

function columns<State extends States>(
  measured: MeasuredModel<State>,
  spaces: AgentSpaces,
  heldOut: Sequences,
  own: readonly Sequences[],
  randoms: readonly RandomStream[],
): { columns: Columns; covariance?: tf.Tensor3D; features?: tf.Tensor } {
  const { model, imagined, isLatent = !model.decode, isProbed } = measured;
  const toReward = model.valueScale / spaces.rewardScale;
  const heldOutOfEach = own.map(() => heldOut);
  const images = imagesOf(spaces);
  // Of images many cells never change, and there are thousands.
  const variance = !images && tf.tensor1d(variances(heldOut.observation, spaces.observation));
  const errors = ({ squaredError, lit }: Followed<State>, suffix: '' | '_own'): Columns => ({
    ...(squaredError && { [`prediction_mse${suffix}`]: memberMean(squaredError) }),
    ...(squaredError &&
      variance && {
        [`prediction_mse${suffix}_standardised`]: memberMean(tf.div(squaredError, variance)),
      }),
    ...(lit && { [`prediction_f1${suffix}`]: meanF1(lit) }),
  });
  // Each in its own scope, the own episodes before the others: what following and rolling out leave behind is many times what
  // they give.
  const ofOwn = tf.tidy((): Columns => {
    const onOwn = followInParts(model, own, spaces, 1);
    return {
      ...errors(onOwn, '_own'),
      ...(onOwn.rewardError && { reward_mse_own: onOwn.rewardError }),
      ...(model.value && { value_bias: valueBias(measured, toReward, onOwn, own) }),
    };
  });
  const onHeldOut = tf.tidy(() => followInParts(model, heldOutOfEach, spaces));
  const inOpenLoop = (steps: readonly number[]) =>
    tf.tidy(() => openLoop(model, onHeldOut, heldOut, spaces, steps));
  const ofLatents = isLatent ? selfPrediction(model, onHeldOut, heldOut, spaces, measured.gamma) : undefined;
  const found: Columns = {
    ...ofOwn,
    ...errors(onHeldOut, ''),
    ...(model.decode && inOpenLoop(OPEN_LOOP_STEPS)),
    ...(model.decode && measured.openLoopSteps && inOpenLoop(measured.openLoopSteps)),
    ...(model.decode && images && { standstill_f1: tf.fill([own.length], standstillF1(heldOut, images)) }),
    ...ofLatents?.columns,
    ...(onHeldOut.rewardError && { reward_mse: onHeldOut.rewardError }),
    ...(imagined && {
      dream_return: tf.tidy(() =>
        tf.div(dreamReturn(model, imagined, onHeldOut, heldOut, randoms), toReward),
      ),
    }),
    ...(model.continues &&
      heldOut.terminated.includes(1) && {
        continue_accuracy: tf.tidy(() => continueAccuracy(model, onHeldOut, heldOut)),
      }),
  };
  return {
    columns: found,
    ...(ofLatents && { covariance: ofLatents.covariance }),
    ...(isProbed && spaces.ownElements && { features: model.features(onHeldOut.states) }),
  };
}

/** Variance over all rows of each column: [rows, columns] -> [columns]. */
function variances(values: Observations, columns: number): number[] {
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

/**
 * Mean over each member's own episodes of V(s_0) − Σ γᵗ r_t, in reward units.
 *
 * @param toReward what values are divided by to be in reward units
 * @param states of the first steps
 */
function valueBias<State extends States>(
  { model, gamma }: MeasuredModel<State>,
  toReward: number,
  { states }: Followed<State>,
  own: readonly Sequences[],
): tf.Tensor1D {
  const predicted = tf.div(memberMean(model.value!(model.features(states))), toReward);
  const obtained = own.map(({ reward, mask, batch, time }) => {
    let sum = 0;
    for (let at = 0; at < reward.length; at++) sum += mask[at]! * reward[at]! * gamma ** (at % time);
    return sum / batch;
  });
  return tf.sub(predicted, tf.tensor1d(obtained));
}

/** Balanced accuracy of the continue head at threshold 0.5: the mean over terminations and continuations of the share recognised. */
function continueAccuracy<State extends States>(
  model: WorldModel<State>,
  { predicted }: Followed<State>,
  { batch, time, terminated: ends }: Sequences,
): tf.Tensor1D {
  const logits = model.continues!(predicted);
  const continues = tf.cast(tf.greater(logits, 0), 'float32');
  const terminated = tf.tile(tf.tensor3d(ends, [1, batch, time]), [logits.shape[0]!, 1, 1]);
  const alive = tf.sub(1, terminated);
  const recognisedAlive = tf.div(memberSum(tf.mul(continues, alive)), memberSum(alive));
  const recognisedEnds = tf.div(memberSum(tf.mul(tf.sub(1, continues), terminated)), memberSum(terminated));
  return tf.mul(0.5, tf.add(recognisedAlive, recognisedEnds));
}

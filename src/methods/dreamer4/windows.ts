import * as tf from '@tensorflow/tfjs-core';
import { encodeActions } from '../../models/action-encoding.ts';
import {
  drawNoiseLevels,
  halfSteps,
  type NoiseLevels,
  rampWeight,
} from '../../models/shortcut/noise-levels.ts';
import { uploadActions } from '../../models/windows.ts';
import type { RandomStream } from '../../random/stream.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Frames } from '../../training/frames.ts';
import type { ForcingInputs, HeadTargets } from './losses.ts';
import { REPORTS, reportWeights } from './reports.ts';
import type { Dreamer4Settings } from './settings.ts';
import { meanWeights, tokenTargets } from './token-targets.ts';

/** Actions before frames as networks see them, with one number more, 1 where there was none: [members, batch, time, actions + 1]. */
export function uploadFrameActions(
  { members, batch, time, action, first }: Pick<Frames, 'members' | 'batch' | 'time' | 'action' | 'first'>,
  { actionSpace }: Pick<AgentSpaces, 'actionSpace'>,
): tf.Tensor {
  const rows = [members, batch, time];
  const none = tf.tensor(first, [...rows, 1]);
  const encoded = encodeActions(actionSpace, uploadActions(action, rows, actionSpace));
  return tf.concat([tf.mul(encoded, tf.sub(1, none)), none], 3);
}

/** What an update of the dynamics is drawn. */
export interface Drawn {
  /** z_0: [members, batch, time, latent] */
  noise: tf.Tensor;
  inputs: Omit<ForcingInputs, 'clean' | 'noise' | 'action'>;
  /** 1 where a frame is shown clean: [members, batch · time] */
  clean: Float32Array;
}

/**
 * Draws how noisy each frame is shown, and its noise.
 *
 * @param size numbers of a latent
 * @param streams of each member
 * @param cleanWindows share of the windows that are shown clean throughout
 */
export function drawForcing(
  { shortcut }: Pick<Dreamer4Settings, 'shortcut'>,
  { members, batch, time, mask }: Pick<Frames, 'members' | 'batch' | 'time' | 'mask'>,
  size: number,
  streams: readonly RandomStream[],
  cleanWindows: number,
): Drawn {
  const { levels, bootstrap, cleanContext } = shortcut;
  const bootstrapRows = Math.floor(batch * bootstrap);
  const cleanRows = Math.min(Math.floor(batch * cleanWindows), batch - bootstrapRows);
  const draw = { rows: batch, time, levels, bootstrapRows, cleanRows, cleanShare: cleanContext };
  const frames = batch * time;
  const all: NoiseLevels = {
    signal: new Int32Array(members * frames),
    step: new Int32Array(members * frames),
  };
  const clean = new Float32Array(members * frames);
  const weight = new Float32Array(members * frames);
  const reports = new Float32Array(members * REPORTS.length * frames);
  const noise = new Float32Array(members * frames * size);
  for (const [member, random] of streams.entries()) {
    const own = drawNoiseLevels(random, draw);
    random.fillNormal(noise.subarray(member * frames * size, (member + 1) * frames * size));
    const begin = member * frames;
    all.signal.set(own.signal, begin);
    all.step.set(own.step, begin);
    const counts = own.signal.map((index, at) => (index < levels ? mask[begin + at]! : 0));
    const counted = counts.reduce((sum, x) => sum + x, 0);
    for (let at = 0; at < frames; at++) {
      clean[begin + at] = Number(own.signal[at] === levels);
      // With nothing to predict there is no loss.
      if (counts[at]) weight[begin + at] = rampWeight(own.signal[at]! / levels) / counted;
    }
    reports.set(reportWeights(own, counts, time, levels), begin * REPORTS.length);
  }
  const rows = [members, batch, time];
  const ofLast = (values: Int32Array) => {
    const part = new Int32Array(members * bootstrapRows * time);
    for (let member = 0; member < members; member++) {
      const end = (member + 1) * frames;
      part.set(values.subarray(end - bootstrapRows * time, end), member * bootstrapRows * time);
    }
    return part;
  };
  const half =
    bootstrapRows > 0 ? halfSteps({ signal: ofLast(all.signal), step: ofLast(all.step) }) : undefined;
  const last = [members, bootstrapRows, time];
  return {
    noise: tf.tensor(noise, [...rows, size]),
    clean,
    inputs: {
      levels: { signal: tf.tensor(all.signal, rows, 'int32'), step: tf.tensor(all.step, rows, 'int32') },
      half: half && {
        step: tf.tensor(half.step, last, 'int32'),
        signal: tf.tensor(half.signal, last, 'int32'),
        moves: tf.tensor(half.moves, last),
      },
      weight: tf.tensor(weight, rows),
      reports: tf.tensor(reports, [members, REPORTS.length, frames]),
    },
  };
}

/**
 * What heads learn at the frames that are shown clean, as all are when acting.
 *
 * @param clean 1 where one is: [members, batch · time]
 */
export function uploadHeadTargets(
  frames: Frames,
  clean: Float32Array,
  distances: number,
  { actionSpace }: Pick<AgentSpaces, 'actionSpace'>,
): HeadTargets {
  const { members, batch, time, mask } = frames;
  const targets = tokenTargets(frames, distances);
  const extents = [members, batch, time, distances];
  const counts = clean.map((x, at) => x * mask[at]!);
  const weights = (own: Float32Array) => tf.tensor(meanWeights(own, counts, members, distances), extents);
  return {
    action: uploadActions(targets.action, extents, actionSpace),
    actionWeight: weights(targets.actionWeight),
    reward: tf.tensor(targets.reward, extents),
    rewardWeight: weights(targets.rewardWeight),
    goesOn: tf.tensor(targets.goesOn, extents),
    goesOnWeight: weights(targets.goesOnWeight),
  };
}

import * as tf from '@tensorflow/tfjs-core';
import type { Parameters } from '../../nn/parameters.ts';
import { sliceAlong } from '../../nn/slice-along.ts';
import { type Predict, sampleLatent } from './forcing.ts';
import {
  type FrameInputs,
  type FrameMemory,
  memoryAfter,
  type Passed,
  passFrames,
  passNext,
  type ShortcutShape,
} from './networks.ts';

/** A dynamics with its parameters. */
export interface ShortcutModel {
  parameters: Parameters;
  shape: ShortcutShape;
  /**
   * σ of how latents change from frame to frame, [members, latent]: after a clean frame z the network predicts the change in
   * this unit, x̂ = z + σ output. Undefined: it predicts latents everywhere.
   */
  change: tf.Tensor | undefined;
}

/** [members, latent] -> [members, 1, 1, latent] */
const ofFrames = (x: tf.Tensor) => tf.reshape(x, [x.shape[0]!, 1, 1, x.shape[1]!]);

/** Of every frame whether the one before it is shown clean, 1 or 0: [members, batch, time] -> [members, batch, time, 1]. */
export function afterClean(signal: tf.Tensor, levels: number): tf.Tensor {
  const clean = tf.cast(tf.equal(signal, levels), 'float32');
  return tf.expandDims(framesBefore(clean), -1);
}

/** Each frame's predecessor, 0 for the first: [members, batch, time, …], shaped as it came. */
function framesBefore(x: tf.Tensor): tf.Tensor {
  const [members, batch, time, ...rest] = x.shape as [number, number, number, ...number[]];
  return tf.concat([tf.zeros([members, batch, 1, ...rest]), sliceAlong(x, 2, 0, time - 1)], 2);
}

/**
 * x̂ along frames, and what their agent's lane knows.
 *
 * @param agent whether there is the agent's lane
 */
export function expectedLatents(
  { parameters, shape, change }: ShortcutModel,
  frames: FrameInputs,
  agent: boolean,
): { latent: tf.Tensor; agent: tf.Tensor | undefined } {
  const passed = passFrames(parameters, shape, frames, agent);
  if (!change) return { latent: passed.output, agent: passed.agent };
  const after = afterClean(frames.signal, shape.levels);
  const changed = tf.mul(tf.sub(ofFrames(change), 1), after);
  // after · (z + σ output) + (1 − after) · output
  const scaled = tf.mul(passed.output, tf.add(changed, 1));
  return {
    latent: tf.add(scaled, tf.mul(after, framesBefore(frames.latent))),
    agent: passed.agent,
  };
}

/** What errors of x̂ are multiplied by: 1 / σ of the change where that is predicted, 1 elsewhere; [members, batch, time, latent]. */
export function errorScale({ change, shape }: ShortcutModel, signal: tf.Tensor): tf.Tensor | undefined {
  if (!change) return undefined;
  return tf.add(tf.mul(afterClean(signal, shape.levels), tf.sub(tf.reciprocal(ofFrames(change)), 1)), 1);
}

/** What a model knows after some frames. */
export interface ShortcutState {
  memory: FrameMemory;
  /** z of the last one: [members, batch, 1, latent] */
  latent: tf.Tensor;
}

/** Frames that were observed, shown clean. */
const shownClean = (latent: tf.Tensor, action: tf.Tensor, levels: number): FrameInputs => {
  const extents = latent.shape.slice(0, 3) as [number, number, number];
  return {
    ...{ latent, action },
    signal: tf.fill(extents, levels, 'int32'),
    step: tf.zeros(extents, 'int32'),
  };
};

/** A frame known, and what its agent's lane knows: [members, batch, D]. */
export interface Absorbed {
  state: ShortcutState;
  agent: tf.Tensor;
}

const lastOf = (x: tf.Tensor): tf.Tensor => sliceAlong(x, 2, x.shape[2]! - 1, 1);

/**
 * Takes in frames from nothing on.
 *
 * @param latent z: [members, batch, time, latent], time at least C − 1
 * @param action before each, with one number more: [members, batch, time, actions + 1]
 * @param seen 0 before an episode's first frame: [members, batch, time]
 */
export function absorbWindow(
  { parameters, shape }: ShortcutModel,
  latent: tf.Tensor,
  action: tf.Tensor,
  seen: tf.Tensor,
): Absorbed {
  const passed = passFrames(parameters, shape, shownClean(latent, action, shape.levels), true, seen);
  return absorbed(passed, memoryAfter(shape, passed.layers, seen), lastOf(latent));
}

/** Takes in one more frame: all extents of time are 1. */
export function absorbNext(
  { parameters, shape }: ShortcutModel,
  latent: tf.Tensor,
  action: tf.Tensor,
  before: FrameMemory,
): Absorbed {
  const passed = passNext(parameters, shape, shownClean(latent, action, shape.levels), true, before);
  const [members, batch] = latent.shape as [number, number];
  const seen = tf.ones([members, batch, 1]);
  return absorbed(passed, memoryAfter(shape, passed.layers, seen, before), latent);
}

function absorbed({ agent }: Passed, memory: FrameMemory, latent: tf.Tensor): Absorbed {
  const last = lastOf(agent!);
  const [members, batch, , size] = last.shape as [number, number, number, number];
  return { state: { memory, latent }, agent: tf.reshape(last, [members, batch, size]) };
}

/**
 * The next frame's latent, sampled: [members, batch, 1, latent].
 *
 * @param action taken, with one number more: [members, batch, 1, actions + 1]
 * @param noise z_0: [members, batch, 1, latent]
 * @param steps K, a divisor of K_max
 */
export function sampleNext(
  { parameters, shape, change }: ShortcutModel,
  { memory, latent: before }: ShortcutState,
  action: tf.Tensor,
  noise: tf.Tensor,
  steps: number,
): tf.Tensor {
  const predict: Predict = (latent, signal, step) => {
    const { output } = passNext(parameters, shape, { latent, action, signal, step }, false, memory);
    return change ? tf.add(before, tf.mul(ofFrames(change), output)) : output;
  };
  return sampleLatent(predict, noise, steps, shape.levels);
}

/** The next frame: sampled as `sampleNext` does, then taken in, clean. */
export const foreseeNext = (
  model: ShortcutModel,
  state: ShortcutState,
  action: tf.Tensor,
  noise: tf.Tensor,
  steps: number,
): Absorbed => absorbNext(model, sampleNext(model, state, action, noise, steps), action, state.memory);

import * as tf from '@tensorflow/tfjs-core';
import { oneHot } from '../../engine/one-hot.ts';
import { attentionMask, blockCausalMask } from '../../nn/attention-mask.ts';
import { gaussian, ones } from '../../nn/initialisers.ts';
import { linear, linearSpecs, product } from '../../nn/linear.ts';
import type { HeadAttention, LayerMemory } from '../../nn/multi-head-attention.ts';
import type { ParameterSpec, Parameters } from '../../nn/parameters.ts';
import { rmsNorm } from '../../nn/rms-norm.ts';
import { sliceAlong } from '../../nn/slice-along.ts';
import { type TransformerShape, transformerLayer, transformerSpecs } from '../../nn/transformer.ts';

/** σ of the initial embeddings. */
const EMBEDDING_SCALE = 0.5;

/** Tokens of a frame besides those of its latent, in the lanes behind them: the action before it, how noisy it is shown, the agent. */
const OTHERS = { withoutAgent: 2, all: 3 } as const;

/** What fixes the dynamics' parameters and how it attends. */
export interface ShortcutShape {
  /** Numbers of a latent. */
  latent: number;
  /** S_z: tokens that a latent is cut into, a divisor of `latent`. */
  tokens: number;
  /** Numbers of an action as networks see it. */
  actions: number;
  /** D, an even number. */
  width: number;
  heads: number;
  /** Hidden numbers of the feed-forward layers. */
  hidden: number;
  /** One letter a layer: S attends over the tokens of a frame, T over the frames of a lane. */
  layers: string;
  /** C: frames that a token sees in a layer over time, its own among them. */
  context: number;
  /** K_max, a power of two: signal levels τ = 0, 1 / K_max, … are told apart, and steps of 1 / K_max, 2 / K_max, … 1 are made. */
  levels: number;
  scoreCap: number;
  rotaryBase: number;
}

/** Frames as the dynamics sees them. */
export interface FrameInputs {
  /** z̃: [members, batch, time, latent] */
  latent: tf.Tensor;
  /** The action before it with one number more, 1 where there was none: [members, batch, time, actions + 1] */
  action: tf.Tensor;
  /** Index of τ, from 0, noise, to K_max, clean: int32 [members, batch, time] */
  signal: tf.Tensor;
  /** i of the step d = 2^i / K_max: int32 [members, batch, time] */
  step: tf.Tensor;
}

/** What frames that were seen leave behind for those to come: the last C − 1 of them. */
export interface FrameMemory {
  /** Of each layer over time, [members, batch, lanes, heads · (C − 1) · head] each. */
  layers: LayerMemory[];
  /** 1 where there was a frame, 0 before the first: [members, batch, C − 1] */
  seen: tf.Tensor;
}

/** What a pass gives. */
export interface Passed {
  /** The outputs of the latents' lane: [members, batch, time, latent] */
  output: tf.Tensor;
  /** h, what the agent's lane knows: [members, batch, time, D]; undefined without it */
  agent: tf.Tensor | undefined;
  /** Of each layer over time, [members, batch · lanes, heads, time, head] each. */
  layers: LayerMemory[];
}

/** Tokens of a frame, with the agent's or without it, which is the last. */
const lanesOf = ({ tokens }: Pick<ShortcutShape, 'tokens'>, agent = true) =>
  tokens + (agent ? OTHERS.all : OTHERS.withoutAgent);

const headOf = ({ width, heads }: ShortcutShape) => width / heads;

const layerShape = (shape: ShortcutShape): TransformerShape => ({
  width: shape.width,
  heads: shape.heads,
  kvHeads: shape.heads,
  head: headOf(shape),
  hidden: shape.hidden,
});

/** Sizes of steps that there are. */
export const stepSizes = (levels: number): number => Math.log2(levels) + 1;

const layersOverTime = ({ layers }: ShortcutShape) => [...layers].filter((kind) => kind === 'T').length;

/** The parameters of the dynamics, `dynamics.…`. */
export function shortcutSpecs(shape: ShortcutShape): ParameterSpec[] {
  const { latent, tokens, actions, width, layers, levels } = shape;
  const embedding = (name: string, count: number, size: number): ParameterSpec => ({
    name: `dynamics.${name}.weight`,
    shape: [count, size],
    initialise: gaussian(count, EMBEDDING_SCALE),
  });
  const gain = (name: string): ParameterSpec => ({
    name: `dynamics.${name}.gain`,
    shape: [width],
    initialise: ones,
  });
  return [
    ...linearSpecs('dynamics.latent', latent / tokens, width),
    embedding('action', actions + 1, width),
    embedding('signal', levels + 1, width / 2),
    embedding('step', stepSizes(levels), width / 2),
    embedding('lane', lanesOf(shape), width),
    ...[...layers].flatMap((_, i) => transformerSpecs(`dynamics.${i}`, layerShape(shape), layers.length)),
    gain('output_norm'),
    gain('agent_norm'),
    ...linearSpecs('dynamics.output', width, latent / tokens),
  ];
}

/** The tokens of frames: [members, batch, time, lanes, D]. */
function tokensOf(
  parameters: Parameters,
  { levels, tokens }: ShortcutShape,
  { latent, action, signal, step }: FrameInputs,
  agent: boolean,
): tf.Tensor {
  const embedded = (name: string, x: tf.Tensor) => product(x, parameters.get(`dynamics.${name}.weight`));
  const shown = [
    embedded('signal', oneHot(signal, levels + 1)),
    embedded('step', oneHot(step, stepSizes(levels))),
  ];
  const others = [embedded('action', action), tf.concat(shown, -1)];
  if (agent) others.push(tf.zerosLike(others[0]!));
  const cut = tf.reshape(latent, [...latent.shape.slice(0, 3), tokens, -1]);
  const all = tf.concat([linear(parameters, 'dynamics.latent', cut), tf.stack(others, 3)], 3);
  const [members, , width] = parameters.get('dynamics.lane.weight').shape as [number, number, number];
  const lanes = all.shape[3]!;
  const named = tf.slice(parameters.get('dynamics.lane.weight'), [0, 0, 0], [members, lanes, width]);
  return tf.add(all, tf.reshape(named, [members, 1, 1, lanes, width]));
}

/**
 * The block-causal transformer (Hafner et al. 2025, section 3.4) along frames that follow each other: layers over the tokens
 * of a frame and layers over the frames of a lane. Nothing sees the agent's lane but itself, so that outputs are the same
 * without it.
 *
 * @param agent whether there is the agent's lane
 * @param seen 1 where there is a frame, 0 before an episode's first: [members, batch, time]; undefined: everywhere
 */
export function passFrames(
  parameters: Parameters,
  shape: ShortcutShape,
  frames: FrameInputs,
  agent: boolean,
  seen?: tf.Tensor,
): Passed {
  const time = frames.signal.shape[2]!;
  const lanes = lanesOf(shape, agent);
  const overTime = {
    mask: blockCausalMask({ time, lanes: 1, window: shape.context }),
    positions: { of: Array.from({ length: time }, (_, t) => t), base: shape.rotaryBase },
    ...(seen && { seen: eachLane(seen, lanes) }),
  };
  return pass(parameters, shape, frames, agent, () => overTime);
}

/** The same of one frame that follows those remembered: all extents of time are 1. */
export function passNext(
  parameters: Parameters,
  shape: ShortcutShape,
  frame: FrameInputs,
  agent: boolean,
  { layers, seen }: FrameMemory,
): Passed {
  const { context } = shape;
  const lanes = lanesOf(shape, agent);
  const [members, batch] = seen.shape as [number, number];
  const overTime = {
    mask: attentionMask(1, context, () => true),
    positions: { of: Array.from({ length: context }, (_, t) => t), base: shape.rotaryBase },
    seen: eachLane(tf.concat([seen, tf.ones([members, batch, 1])], 2), lanes),
  };
  return pass(parameters, shape, frame, agent, (i) => ({
    ...overTime,
    past: remembered(layers[i]!, shape, lanes),
  }));
}

/** @param overTime how the layers over time attend, from the first to the last */
function pass(
  parameters: Parameters,
  shape: ShortcutShape,
  frames: FrameInputs,
  agent: boolean,
  overTime: (layer: number) => Omit<HeadAttention, 'cap'>,
): Passed {
  const { width, scoreCap: cap } = shape;
  const [members, batch, time] = frames.signal.shape as [number, number, number];
  const lanes = lanesOf(shape, agent);
  const form = layerShape(shape);
  const overSpace = { mask: blockCausalMask({ time: 1, lanes, agent }), cap };
  const memories: LayerMemory[] = [];
  let x = tokensOf(parameters, shape, frames, agent);
  for (const [i, kind] of [...shape.layers].entries()) {
    const name = `dynamics.${i}`;
    if (kind === 'S') {
      const rows = tf.reshape(x, [members, batch * time, lanes, width]);
      const { y } = transformerLayer(parameters, name, form, rows, overSpace);
      x = tf.reshape(y, [members, batch, time, lanes, width]);
    } else {
      const turned = tf.reshape(tf.transpose(x, [0, 1, 3, 2, 4]), [members, batch * lanes, time, width]);
      const attends = { ...overTime(memories.length), cap };
      const { y, memory } = transformerLayer(parameters, name, form, turned, attends);
      memories.push(memory);
      x = tf.transpose(tf.reshape(y, [members, batch, lanes, time, width]), [0, 1, 3, 2, 4]);
    }
  }
  const part = (at: number, count: number, norm: string) =>
    rmsNorm(
      tf.slice(x, [0, 0, 0, at, 0], [members, batch, time, count, width]),
      parameters.get(`dynamics.${norm}.gain`),
    );
  const output = linear(parameters, 'dynamics.output', part(0, shape.tokens, 'output_norm'));
  return {
    output: tf.reshape(output, [members, batch, time, shape.latent]),
    agent: agent ? tf.reshape(part(lanes - 1, 1, 'agent_norm'), [members, batch, time, width]) : undefined,
    layers: memories,
  };
}

/** For the rows of each lane: [members, batch, frames] -> [members, batch · lanes, frames]. */
function eachLane(seen: tf.Tensor, lanes: number): tf.Tensor {
  const [members, batch, frames] = seen.shape as [number, number, number];
  const tiled = tf.tile(tf.reshape(seen, [members, batch, 1, frames]), [1, 1, lanes, 1]);
  return tf.reshape(tiled, [members, batch * lanes, frames]);
}

/** The keys and values of the first lanes as a layer takes them. */
function remembered({ keys, values }: LayerMemory, shape: ShortcutShape, lanes: number): LayerMemory {
  const [members, batch, , size] = keys.shape as [number, number, number, number];
  const of = (x: tf.Tensor) =>
    tf.reshape(tf.slice(x, [0, 0, 0, 0], [members, batch, lanes, size]), [
      ...[members, batch * lanes, shape.heads],
      ...[shape.context - 1, headOf(shape)],
    ]);
  return { keys: of(keys), values: of(values) };
}

const memoryExtents = (shape: ShortcutShape) => [lanesOf(shape), shape.width * (shape.context - 1)];

/**
 * The memory after frames that were passed with the agent's lane.
 *
 * @param layers theirs
 * @param seen of theirs: [members, batch, time], time at least C − 1, or with a memory before them any
 * @param before undefined: there was none
 */
export function memoryAfter(
  shape: ShortcutShape,
  layers: readonly LayerMemory[],
  seen: tf.Tensor,
  before?: FrameMemory,
): FrameMemory {
  const [members, batch] = seen.shape as [number, number];
  const kept = shape.context - 1;
  const last = (x: tf.Tensor, axis: number) => sliceAlong(x, axis, x.shape[axis]! - kept, kept);
  const joined = (past: tf.Tensor | undefined, x: tf.Tensor, axis: number) =>
    last(past ? tf.concat([past, x], axis) : x, axis);
  return {
    layers: layers.map(({ keys, values }, i) => {
      const past = before && remembered(before.layers[i]!, shape, lanesOf(shape));
      const rolled = (own: tf.Tensor | undefined, x: tf.Tensor) =>
        tf.reshape(joined(own, x, 3), [members, batch, ...memoryExtents(shape)]);
      return { keys: rolled(past?.keys, keys), values: rolled(past?.values, values) };
    }),
    seen: joined(before?.seen, seen, 2),
  };
}

/** Numbers of a memory in a row. */
export const memorySize = (shape: ShortcutShape): number =>
  shape.context - 1 + 2 * layersOverTime(shape) * lanesOf(shape) * shape.width * (shape.context - 1);

/** A memory as one row of numbers, all 0 before an episode's first frame: [members, batch, memorySize]. */
export function flatMemory({ layers, seen }: FrameMemory): tf.Tensor {
  const [members, batch] = seen.shape as [number, number];
  const rows = layers.flatMap(({ keys, values }) => [keys, values]);
  return tf.concat([seen, ...rows.map((x) => tf.reshape(x, [members, batch, -1]))], 2);
}

/** The inverse of `flatMemory`. */
export function memoryOf(shape: ShortcutShape, flat: tf.Tensor): FrameMemory {
  const [members, batch] = flat.shape as [number, number];
  const extents = memoryExtents(shape);
  const size = extents[0]! * extents[1]!;
  const count = 2 * layersOverTime(shape);
  const [seen, ...rows] = tf.split(flat, [shape.context - 1, ...Array(count).fill(size)], 2);
  const shaped = rows.map((x) => tf.reshape(x, [members, batch, ...extents]));
  return {
    layers: Array.from({ length: count / 2 }, (_, i) => ({
      keys: shaped[2 * i]!,
      values: shaped[2 * i + 1]!,
    })),
    seen: seen!,
  };
}

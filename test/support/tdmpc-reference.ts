import * as tf from '@tensorflow/tfjs-core';
import type { Windows } from '../../src/models/windows.ts';
import type { ParameterLayout } from '../../src/nn/parameters.ts';
import type { AgentSpaces } from '../../src/training/agent-spaces.ts';
import { flat, type Nested, reference, second } from './reference.ts';
import { normals } from './tensors.ts';

/** Weight and bias of a layer, gain and shift where it is normalised; or their gradients. */
export type LayerValues = Record<'w' | 'b', Nested> & Partial<Record<'g' | 's', Nested>>;
/** Networks by name, their layers in order; value heads are networks of their own. */
export type NetworkValues = Record<string, LayerValues[]>;

interface Batch2 {
  observations: Nested;
  actions: Nested;
  rewards: Nested;
  terminated: Nested;
  targetNoise: Nested;
  targetHeads: [number, number];
  policyNoise: Nested;
  policyHeads: [number, number];
}

/** Two updates of TD-MPC2 in a row. */
export const update2 = reference<{
  config: Record<string, number>;
  start: { model: NetworkValues; policy: LayerValues[]; targetQ: NetworkValues };
  updates: {
    batch: Batch2;
    result: Record<'nextLatent' | 'tdTarget' | 'latents' | 'policyScaledEntropy' | 'policyQ', Nested> &
      Record<
        | 'consistencyLoss'
        | 'rewardLoss'
        | 'valueLoss'
        | 'terminationLoss'
        | 'totalLoss'
        | 'gradNorm'
        | 'policyScale'
        | 'policyLoss'
        | 'policyGradNorm',
        number
      >;
    modelGradients?: NetworkValues;
    policyGradients?: LayerValues[];
  }[];
  end: { model: NetworkValues; policy: LayerValues[]; targetQ: NetworkValues; scale: number };
}>('tdmpc2_update.json.gz', 'planning');

/** One update of TD-MPC. */
export const update1 = reference<{
  config: Record<string, number>;
  start: { model: NetworkValues; target: NetworkValues };
  batch: Record<
    'observation' | 'nextObservations' | 'actions' | 'rewards' | 'weights' | 'targetNoise' | 'policyNoise',
    Nested
  >;
  consistencyLoss: number[];
  rewardLoss: number[];
  valueLoss: number[];
  priority: number[];
  weightedLoss: number;
  gradients: NetworkValues;
  gradNorm: number;
  latents: Nested;
  policyLossBeforeStep: number;
  policyGradientsBeforeStep: LayerValues[];
}>('tdmpc1_update.json.gz', 'planning');

const PARTS = { weight: 'w', bias: 'b', gain: 'g', shift: 's' } as const;

/** A reference's values of a parameter of ours; those of value heads one head after the other. */
export function valuesOf(parameter: string, values: NetworkValues): number[] {
  const [network, index, part] = parameter.split('.') as [string, string, keyof typeof PARTS];
  const of = (layers: LayerValues[]) => flat(layers.at(index === 'out' ? -1 : Number(index))![PARTS[part]]!);
  if (network !== 'critic') return of(values[network]!);
  return Object.keys(values)
    .filter((name) => /^q\d/.test(name))
    .sort()
    .flatMap((name) => of(values[name]!));
}

/** Both members' weights, [2, size]: the reference's for the second, random ones for the first. */
export function secondWeights(layout: ParameterLayout, values: NetworkValues): tf.Tensor2D {
  const rows = normals(2, 'weights', [2, layout.size]).data.map((x) => 0.3 * x);
  for (const { name, values: own } of layout.views(rows.subarray(layout.size))) {
    own.set(valuesOf(name, values));
  }
  return tf.tensor2d(rows, [2, layout.size]);
}

/** Axes [time, batch, …] -> [batch, time, …]. */
export function batchFirst(x: Nested): Nested {
  const steps = x as Nested[][];
  return steps[0]!.map((_, b) => steps.map((step) => step[b]!));
}

/** Noise of every step, as a row each: [time, batch, n] -> both members' [2, batch · time, n]. */
export const noiseRows = (x: Nested): tf.Tensor => second((batchFirst(x) as Nested[][]).flat());

/** Uniform numbers by which just these two of so many heads judge. */
export const pairOf = ([one, other]: readonly number[], heads: number): [number, number] => [
  (one! + 0.5) / heads,
  (((other! - one! - 1 + heads) % heads) + 0.5) / (heads - 1),
];

/** The same of the second member, others of the first: [2, 1, 2]. */
export const pairNoise = (pair: readonly number[], heads: number): tf.Tensor =>
  tf.tensor3d([[[0.1, 0.4]], [pairOf(pair, heads)]]);

/** Observations, actions and rewards of a reference, [time, batch, …], as both members' windows, none of which ends. */
export function secondWindows(
  observations: Nested,
  actions: Nested,
  rewards: Nested,
  terminated: Nested,
): Windows {
  const steps = observations as Nested[];
  // Flags are the same for both.
  const flags = (x: Nested) => tf.tensor([flagsOf(x), flagsOf(x)] as tf.TensorLike) as tf.Tensor3D;
  const flagsOf = (x: Nested) => batchFirst(x);
  const none = (terminated as number[][]).map((row) => row.map(() => 0));
  return {
    observation: second(batchFirst(steps.slice(0, -1))) as tf.Tensor4D,
    nextObservation: second(batchFirst(steps.slice(1))) as tf.Tensor4D,
    action: second(batchFirst(actions)),
    reward: second(batchFirst(rewards)) as tf.Tensor3D,
    terminated: flags(terminated),
    first: flags(none),
  };
}

/** An environment of the reference's sizes, in whose units everything is. */
export const spaces: AgentSpaces = {
  observation: 3,
  observationScale: [1, 1, 1],
  rewardRange: [-1, 1],
  rewardScale: 1,
  actionSpace: { kind: 'box', shape: [2], low: [-1, -1], high: [1, 1] },
  actions: 2,
};

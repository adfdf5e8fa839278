import * as tf from '@tensorflow/tfjs-core';
import { type PolicyHead, policyHead } from '../../models/policy-head.ts';
import { type ShortcutShape, shortcutSpecs } from '../../models/shortcut/networks.ts';
import type { ImageShape } from '../../nn/convolution.ts';
import { mlp, mlpSpecs } from '../../nn/mlp.ts';
import { ParameterLayout, type Parameters } from '../../nn/parameters.ts';
import { twoHotBins } from '../../nn/two-hot.ts';
import type { RandomStream } from '../../random/stream.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { freshOptimised, namedOptimised, type Optimised, optimisedFrom } from '../../training/optimise.ts';
import { weightsNamed } from '../../training/weights.ts';
import type { Dreamer4Settings } from './settings.ts';
import { type TokenizerShape, tokenizerSpecs } from './tokenizer.ts';

/** The last layers start near zero: a policy that is uniform at first. */
const LAST_SCALE = 0.01;

/** What makes latents of images. */
export interface Tokenizer {
  shape: TokenizerShape;
  layout: ParameterLayout;
  /** Whether cells are bits; numbers otherwise. */
  ofBits: boolean;
  /** What a cell is divided by to lie in [0, 1]. */
  brightest: number;
}

/** The networks: the dynamics with its heads are one set of parameters, policy and value of imagination one each. */
export interface Networks {
  shape: ShortcutShape;
  /** Whether what is predicted after a clean frame is how the latent changes. */
  predictsChange: boolean;
  /** Undefined where observations are vectors. */
  tokenizer: Tokenizer | undefined;
  head: PolicyHead;
  distances: number;
  hiddenLayers: number;
  /** Dynamics, then the heads `reward`, `continue` and `policy`. */
  world: ParameterLayout;
  policy: ParameterLayout;
  value: ParameterLayout;
  /** What rewards of a step may be, in the environment's units. */
  rewardBins: Float32Array;
  valueBins: Float32Array;
}

/** What the tokenizer is shaped by, of images. */
const tokenizerShape = ({ tokenizer, model }: Dreamer4Settings, image: ImageShape): TokenizerShape => {
  const { patch, latents, channels, width, heads, hidden, layers } = tokenizer;
  return { image, patch, latents, channels, width, heads, hidden, layers, scoreCap: model.scoreCap };
};

/** What the dynamics is shaped by. */
const shortcutShape = (
  { model, shortcut, tokenizer }: Dreamer4Settings,
  { image, observation, actions }: AgentSpaces,
): ShortcutShape => ({
  ...model,
  ...{ levels: shortcut.levels, actions },
  latent: image ? tokenizer.latents * tokenizer.channels : observation,
  tokens: image ? tokenizer.tokens : 1,
});

export function networksOf(settings: Dreamer4Settings, spaces: AgentSpaces): Networks {
  const { hidden, distances, bins } = settings.agent;
  const shape = shortcutShape(settings, spaces);
  const head = policyHead(spaces.actionSpace, { box: 'clipped' });
  const policySpecs = mlpSpecs('policy', shape.width, hidden, distances * head.outputs, LAST_SCALE);
  const largestValue = spaces.rewardScale / (1 - settings.imagination.gamma);
  return {
    ...{ shape, head, distances, hiddenLayers: hidden.length },
    tokenizer: tokenizerOf(settings, spaces),
    predictsChange: settings.shortcut.predict === 'change',
    world: new ParameterLayout([
      ...shortcutSpecs(shape),
      ...mlpSpecs('reward', shape.width, hidden, distances * bins, 0),
      ...mlpSpecs('continue', shape.width, hidden, distances, LAST_SCALE),
      ...policySpecs,
    ]),
    policy: new ParameterLayout(policySpecs),
    value: new ParameterLayout(mlpSpecs('value', shape.width, hidden, bins, 0)),
    rewardBins: twoHotBins(bins, Math.log1p(spaces.rewardScale)),
    valueBins: twoHotBins(bins, Math.log1p(largestValue)),
  };
}

function tokenizerOf(
  settings: Dreamer4Settings,
  { image, bytes = false, observationScale }: AgentSpaces,
): Tokenizer | undefined {
  if (!image) return undefined;
  const shape = tokenizerShape(settings, image);
  const brightest = observationScale[0]!;
  return {
    ...{ shape, brightest },
    layout: new ParameterLayout(tokenizerSpecs(shape)),
    ofBits: bytes && brightest === 1,
  };
}

/** What a head gives for every distance: [members, …, D] -> [members, …, distances, numbers]. */
export function headOutputs(
  { hiddenLayers, distances }: Networks,
  parameters: Parameters,
  name: 'policy' | 'reward' | 'continue',
  agent: tf.Tensor,
): tf.Tensor {
  const output = mlp(parameters, name, hiddenLayers, agent);
  return tf.reshape(output, [...agent.shape.slice(0, -1), distances, -1]);
}

/** What a head says of the nearest: of the action that comes next, or the frame at hand; [members, …, numbers]. */
export function nearest(
  networks: Networks,
  parameters: Parameters,
  name: 'policy' | 'reward' | 'continue',
  agent: tf.Tensor,
): tf.Tensor {
  const outputs = headOutputs(networks, parameters, name, agent);
  const { shape } = outputs;
  const begin = shape.map(() => 0);
  const own = tf.slice(outputs, begin, [...shape.slice(0, -2), 1, shape.at(-1)!]);
  return tf.reshape(own, [...shape.slice(0, -2), shape.at(-1)!]);
}

/** The value's logits over `valueBins`; what the agent knows is a constant to it. */
export const valueLogits = (
  { hiddenLayers }: Networks,
  parameters: Parameters,
  agent: tf.Tensor,
): tf.Tensor => mlp(parameters, 'value', hiddenLayers, agent, false);

/** Everything an update changes, each tensor [members, size]. */
export interface Weights {
  /** Undefined where observations are vectors. */
  tokenizer?: Optimised | undefined;
  world: Optimised;
  policy: Optimised;
  value: Optimised;
  /** Running mean squares of the losses of dynamics and heads. */
  lossSquares: tf.Tensor2D;
  /** What latents are made by: see `latentScale`. */
  latent: tf.Tensor2D;
}

/** The losses whose running mean squares are kept, in order. */
export const SCALED_LOSSES = ['dynamics', 'policy', 'reward', 'continue'] as const;
export type ScaledLoss = (typeof SCALED_LOSSES)[number];

const LEARNT = ['world', 'policy', 'value'] as const;

/** Fresh weights. @param streams the members' stream of a name */
export function initialWeights(
  networks: Networks,
  streams: (name: string) => readonly RandomStream[],
): Weights {
  const members = streams('world-weights').length;
  const learnt = (name: (typeof LEARNT)[number] | 'tokenizer', layout: ParameterLayout): Optimised =>
    freshOptimised(layout.initialise(streams(`${name}-weights`)));
  const { world, policy, value, tokenizer, shape } = networks;
  const { latent } = shape;
  return {
    ...(tokenizer && { tokenizer: learnt('tokenizer', tokenizer.layout) }),
    ...{ world: learnt('world', world), policy: learnt('policy', policy), value: learnt('value', value) },
    lossSquares: tf.zeros([members, SCALED_LOSSES.length]),
    latent: tf.concat([tf.zeros([members, latent]), tf.ones([members, 2 * latent])], 1) as tf.Tensor2D,
  };
}

/** The weights as named tensors, in a fixed order: how they are saved, loaded and disposed of. */
export const namedWeights = (weights: Weights): [string, tf.Tensor2D][] => [
  ...(weights.tokenizer ? namedOptimised('tokenizer', weights.tokenizer) : []),
  ...LEARNT.flatMap((name) => namedOptimised(name, weights[name])),
  ['loss_squares', weights.lossSquares],
  ['latent', weights.latent],
];

/** The inverse of `namedWeights`. */
export function weightsFrom(tensors: Map<string, tf.Tensor2D>): Weights {
  const learnt = (name: string) => optimisedFrom(tensors, name);
  return {
    ...(tensors.has('tokenizer') && { tokenizer: learnt('tokenizer') }),
    ...{ world: learnt('world'), policy: learnt('policy'), value: learnt('value') },
    lossSquares: weightsNamed(tensors, 'loss_squares'),
    latent: weightsNamed(tensors, 'latent'),
  };
}

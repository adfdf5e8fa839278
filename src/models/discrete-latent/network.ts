import * as tf from '@tensorflow/tfjs-core';
import { clip } from '../../nn/distributions.ts';
import { linearSpecs } from '../../nn/linear.ts';
import { mlp, mlpSpecs } from '../../nn/mlp.ts';
import type { ParameterSpec, Parameters } from '../../nn/parameters.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { inject } from './bits.ts';
import { bitPrior } from './prior.ts';
import { type DiscreteLatentSettings, REWARD_CLASSES } from './settings.ts';
import type { Standardisation } from './standardisation.ts';

/** The last layers start near zero: a model that nothing moves in, and whose bits say little. */
const LAST_SCALE = 0.1;

type Spaces = Pick<AgentSpaces, 'observation' | 'actions' | 'actionSpace'>;

/** Numbers that say what a step's reward is: a logit of each class, or r̂ in units of the σ of rewards. */
const rewardSize = ({ rewardHead }: DiscreteLatentSettings): number =>
  rewardHead === 'classes' ? REWARD_CLASSES.length : 1;

/** The parameters of a model. */
export function discreteLatentSpecs(
  settings: DiscreteLatentSettings,
  { observation, actions }: Spaces,
): ParameterSpec[] {
  const { bits, layers, units, continueHead } = settings;
  const seen = observation + actions;
  const hidden = Array<number>(layers - 1).fill(units);
  const outputs = observation + rewardSize(settings) + (continueHead ? 1 : 0);
  return [
    ...mlpSpecs('body', seen, hidden, units),
    ...mlpSpecs('output', units, [units], outputs, LAST_SCALE),
    ...(bits > 0
      ? [
          ...mlpSpecs('inference', seen + observation, Array<number>(layers).fill(units), bits),
          ...linearSpecs('multiply', bits, units, LAST_SCALE),
          ...linearSpecs('add', bits, units, LAST_SCALE),
          ...bitPrior(settings).specs,
        ]
      : []),
  ];
}

/** õ and a as the layers see them; of numbers in a box those beyond it count as the nearest within, as to the environment. */
function seen(
  observation: tf.Tensor,
  action: tf.Tensor,
  { mean, std }: Standardisation,
  { actionSpace }: Spaces,
): tf.Tensor[] {
  const taken = actionSpace.kind === 'box' ? clip(action, -1, 1) : action;
  return [tf.div(tf.sub(observation, mean), std), taken];
}

/**
 * y, the layer that bits are injected into.
 *
 * @param observation õ, a constant: [members, rows, observation]
 * @param action as networks see it, a constant: [members, rows, actions]
 * @returns [members, rows, units]
 */
export function bodyOf(
  parameters: Parameters,
  { layers }: DiscreteLatentSettings,
  spaces: Spaces,
  standardisation: Standardisation,
  observation: tf.Tensor,
  action: tf.Tensor,
): tf.Tensor {
  const x = tf.concat(seen(observation, action, standardisation, spaces), 2);
  return tf.relu(mlp(parameters, 'body', layers - 1, x, false));
}

/**
 * What the bits are inferred from: õ, a and the õ′ that followed, which nothing but training knows.
 *
 * @param change (õ′ − õ) / σ, a constant: [members, rows, observation]
 * @returns the numbers whose signs the bits are: [members, rows, bits]
 */
export function inferred(
  parameters: Parameters,
  { layers }: DiscreteLatentSettings,
  spaces: Spaces,
  standardisation: Standardisation,
  observation: tf.Tensor,
  action: tf.Tensor,
  change: tf.Tensor,
): tf.Tensor {
  const x = tf.concat([...seen(observation, action, standardisation, spaces), change], 2);
  return mlp(parameters, 'inference', layers, x, false);
}

/** What a model says of steps. */
export interface StepOutputs {
  /** (õ′ − õ) / σ: [members, rows, observation] */
  change: tf.Tensor;
  /** Logits of the classes, or (r̂ − mean) / σ: [members, rows, numbers] */
  reward: tf.Tensor;
  /** Logit of ĉ: [members, rows, 1]; undefined without a continue head */
  continues: tf.Tensor | undefined;
}

/**
 * The heads, on y as it is or with bits in it.
 *
 * @param use of each row whether bits are in it, 1 or 0, [members, rows, 1]; undefined: of all
 */
export function outputsOf(
  parameters: Parameters,
  settings: DiscreteLatentSettings,
  { observation }: Spaces,
  y: tf.Tensor,
  bits: tf.Tensor | undefined,
  use?: tf.Tensor,
): StepOutputs {
  const injected = bits ? inject(parameters, y, bits) : y;
  const mixed = use ? tf.add(y, tf.mul(use, tf.sub(injected, y))) : injected;
  const sizes = [observation, rewardSize(settings), ...(settings.continueHead ? [1] : [])];
  const [change, reward, continues] = tf.split(mlp(parameters, 'output', 1, mixed), sizes, 2);
  return { change: change!, reward: reward!, continues };
}

/** r̂, in units of `rewardScale`: that of the head, or the mean over the classes, [members, rows, 1]. */
export function expectedReward(
  { rewardHead }: DiscreteLatentSettings,
  { rewardMean, rewardStd }: Standardisation,
  output: tf.Tensor,
): tf.Tensor {
  if (rewardHead === 'squared') return tf.add(rewardMean, tf.mul(rewardStd, output));
  return tf.sum(tf.mul(tf.softmax(output), tf.tensor1d([...REWARD_CLASSES])), -1, true);
}

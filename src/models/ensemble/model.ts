import * as tf from '@tensorflow/tfjs-core';
import type { Parameters } from '../../nn/parameters.ts';
import type { Noise } from '../../training/acting.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { type OneStepModel, type OneStepState, oneStepModel } from '../one-step-model.ts';
import { repeatStates } from '../rows.ts';
import { continueLogit, predict, targetSize } from './network.ts';
import { type Assignment, dealtAnew, drawnEach, kept, theirMean } from './particles.ts';
import type { EnsembleSettings, TrajectorySampling } from './settings.ts';
import { standardise } from './standardisation.ts';

export type EnsembleState = OneStepState;

/** The verbs of an ensemble. */
export type Ensemble = OneStepModel;

/** Whether a row follows a network that is drawn for it at every step. */
const isDrawnAnew = (sampling?: TrajectorySampling): boolean => sampling?.propagation !== 'ts-infinity';

/** What a step of an ensemble is sampled with: of what its network is unsure by, and which network. */
export const ensembleStepNoise = (
  spaces: Pick<AgentSpaces, 'observation'>,
  sampling?: TrajectorySampling,
): Noise[] => [
  { distribution: 'normal', size: targetSize(spaces) },
  ...(isDrawnAnew(sampling) ? [{ distribution: 'uniform', size: 1 } as const] : []),
];

/**
 * The ensemble over its parameters: K networks, each of which predicts õ′ − õ and r as N(μ, σ) from õ and a.
 *
 * The likeliest step is the mean over networks of their means. A sampled step is that of one network, drawn for each row, or
 * of those that the particles follow where it is rolled out for a planner.
 *
 * @param standardisation of what the networks see: [members, numbers]
 * @param sampling how it is rolled out along plans; undefined: once, and each step follows a network drawn for it
 */
export function ensembleModel(
  parameters: Parameters,
  standardisation: tf.Tensor2D,
  settings: EnsembleSettings,
  spaces: AgentSpaces,
  sampling?: TrajectorySampling,
): Ensemble {
  const { networks, continueHead } = settings;
  const { observation: size, actions } = spaces;
  const targets = targetSize(spaces);
  const isDrawn = isDrawnAnew(sampling);

  const stepper = () => {
    /** Features after a step of each network: [members, networks, rows, features]; the likeliest without noise. */
    const advance = (observation: tf.Tensor, action: tf.Tensor, noise?: tf.Tensor): tf.Tensor => {
      const x = standardise(tf.concat([observation, action], 3), standardisation);
      const { mean, logVariance } = predict(parameters, settings, x);
      const y = noise ? tf.add(mean, tf.mul(tf.exp(tf.mul(logVariance, 0.5)), noise)) : mean;
      const [change, reward] = tf.split(y, [size, 1], 3) as [tf.Tensor, tf.Tensor];
      const next = tf.add(observation, change);
      const ends = continueHead
        ? [continueLogit(parameters, settings, standardise(next, standardisation))]
        : [];
      return tf.concat([next, reward, ...ends], 3);
    };
    const along = (assignment: Assignment, observation: tf.Tensor, action: tf.Tensor, noise?: tf.Tensor) => {
      const sizes = [size, actions, ...(noise ? [targets] : [])];
      const rows = tf.concat([observation, action, ...(noise ? [noise] : [])], 2);
      const [o, a, ε] = tf.split(assignment.toNetworks(rows), sizes, 3) as [tf.Tensor, tf.Tensor, tf.Tensor?];
      return assignment.toRows(advance(o, a, ε));
    };
    return (observation: tf.Tensor, action: tf.Tensor, noise?: tf.Tensor): tf.Tensor => {
      if (!noise) return along(theirMean(networks), observation, action);
      const [normal, uniform] = tf.split(noise, isDrawn ? [targets, 1] : [targets], 2) as [
        tf.Tensor,
        tf.Tensor,
      ];
      if (!sampling) return along(drawnEach(networks, uniform), observation, action, normal);
      const { particles } = sampling;
      const assignment = isDrawn ? dealtAnew(networks, particles, uniform) : kept(networks);
      return along(assignment, observation, action, normal);
    };
  };

  return oneStepModel(spaces, {
    continueHead,
    stepNoise: ensembleStepNoise(spaces, sampling),
    stepper,
    ...(sampling && {
      particles: {
        number: sampling.particles,
        spread: (state: EnsembleState) => repeatStates(state, sampling.particles),
      },
    }),
  });
}

import * as tf from '@tensorflow/tfjs-core';
import type { Parameters } from '../../nn/parameters.ts';
import type { Noise } from '../../training/acting.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Follower } from '../following.ts';
import { repeatStates } from '../rows.ts';
import type { ImaginedStep, WorldModel } from '../world-model.ts';
import { continueLogit, predict, targetSize } from './network.ts';
import { type Assignment, dealtAnew, drawnEach, kept, theirMean } from './particles.ts';
import type { EnsembleSettings, TrajectorySampling } from './settings.ts';
import { standardise } from './standardisation.ts';

/**
 * The state of an ensemble is what is seen: õ, with the r̂ and, where ends are learnt, the logit of ĉ that the step came
 * with; 0 where no step did. [members, batch, features].
 */
export type EnsembleState = { features: tf.Tensor };

/** The verbs of an ensemble: it has no memory, and follows by seeing. */
export type Ensemble = WorldModel<EnsembleState> &
  Follower<EnsembleState> & {
    decode(features: tf.Tensor): tf.Tensor;
    reward(step: Pick<ImaginedStep, 'nextFeatures'>): tf.Tensor;
  };

/** Numbers of a state: õ, r̂ and the logit of ĉ. */
export const featuresOf = (
  { continueHead }: Pick<EnsembleSettings, 'continueHead'>,
  { observation }: Pick<AgentSpaces, 'observation'>,
): number => observation + (continueHead ? 2 : 1);

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
  const features = featuresOf(settings, spaces);
  const isDrawn = sampling?.propagation !== 'ts-infinity';
  const stepNoise: Noise[] = [
    { distribution: 'normal', size: targets },
    ...(isDrawn ? [{ distribution: 'uniform', size: 1 } as const] : []),
  ];

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
      return { features: assignment.toRows(advance(o, a, ε)) };
    };
    return (state: EnsembleState, action: tf.Tensor, noise?: tf.Tensor): EnsembleState => {
      const observation = decode(state.features);
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

  const decode = (x: tf.Tensor): tf.Tensor => numbersOf(x, 0, size);
  const start = (observation: tf.Tensor): EnsembleState => {
    const nothing = tf.zeros([...observation.shape.slice(0, -1), features - size]);
    return { features: tf.concat([observation, nothing], -1) };
  };
  return {
    observe: ({ observation, action, first }) => {
      const [members, batch, time] = first.shape;
      const flat = (x: tf.Tensor) => tf.reshape(x, [members, batch * time, x.shape[3]!]);
      const after = stepper()(start(flat(observation)), flat(action));
      return {
        states: start(observation),
        predicted: tf.reshape(after.features, [members, batch, time, features]),
      };
    },
    start,
    follow: (_before, _action, observation) => start(observation),
    stateSizes: { features },
    features: ({ features }) => features,
    stepNoise,
    stepper,
    ...(sampling && {
      particles: {
        number: sampling.particles,
        spread: (state) => repeatStates(state, sampling.particles),
      },
    }),
    decode,
    reward: ({ nextFeatures }) => tf.squeeze(numbersOf(nextFeatures, size, 1), [-1]),
    ...(continueHead && { continues: (x) => tf.squeeze(numbersOf(x, size + 1, 1), [-1]) }),
    valueScale: 1,
  };
}

/** Some of the numbers of the last axis. */
const numbersOf = (x: tf.Tensor, from: number, count: number): tf.Tensor =>
  tf.slice(x, [...Array(x.rank - 1).fill(0), from], [...x.shape.slice(0, -1), count]);

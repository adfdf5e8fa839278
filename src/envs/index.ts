import { UserError } from '../errors.ts';
import { Acrobot, acrobotDrawing, swing } from './acrobot.ts';
import { balance, CartPole, cartPoleDrawing, terminationCause } from './cartpole.ts';
import { Distractors } from './distractors.ts';
import type { Drawing } from './drawing.ts';
import type { Action, Environment } from './environment.ts';
import { minAtarEntries } from './minatar/index.ts';
import { climb, MountainCar, mountainCarDrawing } from './mountain-car.ts';
import {
  climbGently,
  MountainCarContinuous,
  mountainCarContinuousDrawing,
} from './mountain-car-continuous.ts';
import { Pendulum, pendulumDrawing, swingUp } from './pendulum.ts';
import { isImage } from './spaces.ts';
import { TimeLimit } from './time-limit.ts';

/** The mean return from which a task counts as solved. */
export interface Threshold {
  reward: number;
  /** Where that number stands. */
  source: string;
}

/** An environment as experiments know it. */
export interface EnvironmentEntry {
  make(): Environment;
  /** What each element of an observation is, in order: parts of column names. Of an image, what each channel shows. */
  observationNames: readonly string[];
  /** s: what observations are divided by before a model sees them, one number per element. */
  observationScale: readonly number[];
  /** Least and largest reward of a step, for actions in the action space. */
  rewardRange: readonly [number, number];
  /** What counts as solved. */
  threshold: Threshold;
  /** A hand-written policy that does well: with ε of its actions random, it makes the held-out set. */
  controller(observation: ArrayLike<number>): Action;
  /** In one word, why an episode terminated in this observation. */
  terminationCause(observation: ArrayLike<number>): string;
  /** How it is drawn; absent where it has no picture. */
  drawing?: Drawing;
}

const gymnasiumThreshold = "Gymnasium 1.3.0's reward_threshold";

/** The registry. */
const environments = new Map<string, EnvironmentEntry>([
  [
    'CartPole-v1',
    {
      make: () => new TimeLimit(new CartPole(), 500),
      observationNames: ['x', 'x_dot', 'theta', 'theta_dot'],
      observationScale: [1, 1, 0.1, 1],
      rewardRange: [1, 1],
      threshold: { reward: 475, source: gymnasiumThreshold },
      controller: balance,
      terminationCause,
      drawing: cartPoleDrawing,
    },
  ],
  [
    'Acrobot-v1',
    {
      make: () => new TimeLimit(new Acrobot(), 500),
      observationNames: ['cos_theta1', 'sin_theta1', 'cos_theta2', 'sin_theta2', 'theta1_dot', 'theta2_dot'],
      observationScale: [1, 1, 1, 1, 2, 3],
      rewardRange: [-1, 0],
      threshold: { reward: -100, source: gymnasiumThreshold },
      controller: swing,
      terminationCause: () => 'goal',
      drawing: acrobotDrawing,
    },
  ],
  [
    'MountainCar-v0',
    {
      make: () => new TimeLimit(new MountainCar(), 200),
      observationNames: ['x', 'x_dot'],
      observationScale: [0.5, 0.05],
      rewardRange: [-1, -1],
      threshold: { reward: -110, source: gymnasiumThreshold },
      controller: climb,
      terminationCause: () => 'goal',
      drawing: mountainCarDrawing,
    },
  ],
  [
    'MountainCarContinuous-v0',
    {
      make: () => new TimeLimit(new MountainCarContinuous(), 999),
      observationNames: ['x', 'x_dot'],
      observationScale: [0.5, 0.05],
      rewardRange: [-0.1, 100],
      threshold: { reward: 90, source: gymnasiumThreshold },
      controller: climbGently,
      terminationCause: () => 'goal',
      drawing: mountainCarContinuousDrawing,
    },
  ],
  [
    'Pendulum-v1',
    {
      make: () => new TimeLimit(new Pendulum(), 200),
      observationNames: ['cos_theta', 'sin_theta', 'theta_dot'],
      observationScale: [1, 1, 4],
      rewardRange: [-(Math.PI ** 2 + 0.1 * 8 ** 2 + 0.001 * 2 ** 2), 0],
      threshold: {
        reward: -200,
        source: "no reward_threshold in Gymnasium; rl-baselines3-zoo's agents reach -152 (TD3) to -172 (PPO)",
      },
      controller: swingUp,
      terminationCause: () => 'none',
      drawing: pendulumDrawing,
    },
  ],
  ...minAtarEntries(),
]);

/** The names of an observation's elements; an image's have none. */
export const elementNames = ({ make, observationNames }: EnvironmentEntry): readonly string[] =>
  isImage(make().observationSpace) ? [] : observationNames;

/** The names that a config may give. */
export const environmentNames = [...environments.keys()] as [string, ...string[]];

/**
 * The environment of that name, with so many dimensions appended that no action influences (see `Distractors`); the
 * entry's own functions read the dimensions before them. Throws a UserError that lists the names if there is none.
 */
export function environmentEntry(
  name: string,
  { distractors = 0 }: { distractors?: number } = {},
): EnvironmentEntry {
  const entry = environments.get(name);
  if (!entry) throw new UserError(`unknown environment "${name}": use ${environmentNames.join(', ')}`);
  if (distractors === 0) return entry;
  const indices = Array.from({ length: distractors }, (_, i) => i);
  return {
    ...entry,
    make: () => new Distractors(entry.make(), distractors),
    observationNames: [...entry.observationNames, ...indices.map((i) => `distractor_${i}`)],
    observationScale: [...entry.observationScale, ...indices.map(() => 1)],
  };
}

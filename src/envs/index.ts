import { UserError } from '../errors.ts';
import { Acrobot, acrobotDrawing, swing } from './acrobot.ts';
import { balance, CartPole, cartPoleDrawing, terminationCause } from './cartpole.ts';
import { Distractors } from './distractors.ts';
import type { Drawing } from './drawing.ts';
import type { Action, Environment } from './environment.ts';
import { gridWorldEntry } from './grid/entry.ts';
import { blockingMaze, dynaMaze, shortcutMaze } from './grid/mazes.ts';
import { minAtarEntries } from './minatar/index.ts';
import { climb, MountainCar, mountainCarDrawing } from './mountain-car.ts';
import {
  climbGently,
  MountainCarContinuous,
  mountainCarContinuousDrawing,
} from './mountain-car-continuous.ts';
import { Pendulum, pendulumDrawing, swingUp } from './pendulum.ts';
import { BRIGHTEST, Camera, type PixelSettings, Pixels, pictureDrawing, pixelSpace } from './pixels.ts';
import { isImage, spaceSize } from './spaces.ts';
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
  /** How many of these elements, the last ones, are distractors; absent where there are none. */
  distractors?: number;
  /** s: what observations are divided by before a model sees them, one number per element. */
  observationScale: readonly number[];
  /** Least and largest reward of a step, for actions in the action space. */
  rewardRange: readonly [number, number];
  /** What counts as solved. */
  threshold: Threshold;
  /**
   * A hand-written policy that does well: with ε of its actions random, it makes the held-out set.
   *
   * @param environment what showed the observation: behind a picture it sees what that shows
   */
  controller(observation: ArrayLike<number>, environment?: Environment): Action;
  /** In one word, why an episode terminated in this observation. */
  terminationCause(observation: ArrayLike<number>): string;
  /** Seconds of the environment's own time that a step takes; absent where its steps have no duration. */
  stepSeconds?: number;
  /** Whether no observation ends an episode, which goes on until a time limit cuts it off. */
  endless?: true;
  /** How it is drawn; absent where it has no picture. */
  drawing?: Drawing;
  /** Its states one by one, where they are few and an observation tells which: what a table of values needs. */
  states?: FiniteStates;
  /** Its map as text, where it has one. */
  map?: string;
  /**
   * The environment as it stands after so many steps in it, for good: what a policy is measured in at that step. Absent
   * where it never changes; see `standingAt`.
   */
  standing?(steps: number): EnvironmentEntry;
}

/** Finitely many states. */
export interface FiniteStates {
  count: number;
  /** The index of the state that an observation shows, in [0, count). */
  indexOf(observation: ArrayLike<number>): number;
}

const gymnasiumThreshold = "Gymnasium 1.3.0's reward_threshold";

/** The environment whose cells a config draws, in its key `maze`; by its name alone it is the Dyna Maze. */
export const DRAWN_MAZE = 'Maze';

/** The registry. */
const environments = new Map<string, EnvironmentEntry>([
  [
    'CartPole-v1',
    {
      make: () => new TimeLimit(new CartPole(), 500),
      stepSeconds: 0.02,
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
      stepSeconds: 0.2,
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
      stepSeconds: 0.05,
      observationNames: ['cos_theta', 'sin_theta', 'theta_dot'],
      observationScale: [1, 1, 4],
      rewardRange: [-(Math.PI ** 2 + 0.1 * 8 ** 2 + 0.001 * 2 ** 2), 0],
      threshold: {
        reward: -200,
        source: "no reward_threshold in Gymnasium; rl-baselines3-zoo's agents reach -152 (TD3) to -172 (PPO)",
      },
      controller: swingUp,
      terminationCause: () => 'none',
      endless: true,
      drawing: pendulumDrawing,
    },
  ],
  ['DynaMaze', gridWorldEntry(dynaMaze)],
  ['BlockingMaze', gridWorldEntry(blockingMaze)],
  ['ShortcutMaze', gridWorldEntry(shortcutMaze)],
  [DRAWN_MAZE, gridWorldEntry(dynaMaze)],
  ...minAtarEntries(),
]);

/** The names of an observation's elements; an image's have none. */
export const elementNames = ({ make, observationNames }: EnvironmentEntry): readonly string[] =>
  isImage(make().observationSpace) ? [] : observationNames;

/** The names that a config may give. */
export const environmentNames = [...environments.keys()] as [string, ...string[]];

/** What of an environment a config says besides its name. */
interface EnvironmentOptions {
  /** Dimensions appended that no action influences. */
  distractors?: number | undefined;
  /** The text of the environment `Maze`. */
  maze?: string | undefined;
  /** Pictures in place of its own observations. */
  pixels?: PixelSettings | undefined;
}

/**
 * The environment of that name, with so many dimensions appended that no action influences (see `Distractors`), where it
 * shows vectors and is no table of states; the entry's own functions read the dimensions before them. Or seen as pictures
 * (see `Pixels`), where `pixelsRefusal` says nothing against it. Throws a UserError that lists the names if there is none.
 */
export function environmentEntry(
  name: string,
  { distractors = 0, maze, pixels }: EnvironmentOptions = {},
): EnvironmentEntry {
  const entry = name === DRAWN_MAZE && maze !== undefined ? gridWorldEntry(maze) : environments.get(name);
  if (!entry) throw new UserError(`unknown environment "${name}": use ${environmentNames.join(', ')}`);
  if (pixels) return withPixels(entry, pixels);
  return distractors === 0 ? entry : withDistractors(entry, distractors);
}

/** Why an environment cannot be seen as pictures, as words that follow its name; undefined where it can. */
export function pixelsRefusal({ make, drawing, states }: EnvironmentEntry): string | undefined {
  if (isImage(make().observationSpace)) return 'shows images of its own';
  if (states) return 'is a table of states';
  return drawing ? undefined : 'has no drawing';
}

function withPixels(entry: EnvironmentEntry, settings: PixelSettings): EnvironmentEntry {
  const { make, drawing, controller } = entry;
  if (!drawing) throw new Error('an environment without a drawing has no pictures');
  const camera = new Camera(drawing, settings.size);
  const space = pixelSpace(settings);
  return {
    ...entry,
    make: () => new Pixels(make(), camera, space),
    observationNames: Array.from({ length: settings.frames }, (_, i) => `frame_${i}`),
    observationScale: new Array<number>(spaceSize(space)).fill(BRIGHTEST),
    controller: (_, environment) => {
      if (!(environment instanceof Pixels)) throw new Error('no picture tells a controller what to do');
      return controller(environment.shown, environment);
    },
    terminationCause: () => 'end',
    drawing: pictureDrawing(settings, drawing.stepsPerSecond),
  };
}

function withDistractors(entry: EnvironmentEntry, count: number): EnvironmentEntry {
  const indices = Array.from({ length: count }, (_, i) => i);
  return {
    ...entry,
    make: () => new Distractors(entry.make(), count),
    observationNames: [...entry.observationNames, ...indices.map((i) => `distractor_${i}`)],
    distractors: count,
    observationScale: [...entry.observationScale, ...indices.map(() => 1)],
  };
}

/** An environment as it stands after so many steps in it, for good. */
export const standingAt = (entry: EnvironmentEntry, steps: number): EnvironmentEntry =>
  entry.standing?.(steps) ?? entry;

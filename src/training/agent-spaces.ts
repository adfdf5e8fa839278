import type { EnvironmentEntry, FiniteStates } from '../envs/index.ts';
import { isImage, type Space, spaceSize } from '../envs/spaces.ts';
import { TimeLimit } from '../envs/time-limit.ts';
import type { ImageShape } from '../nn/convolution.ts';

/** What an agent must know of the environment. */
export interface AgentSpaces {
  /** Elements of an observation. */
  observation: number;
  /** Names of those of its elements that are the environment's own, the first ones; absent where it is an image. */
  ownElements?: readonly string[];
  /** Rows, columns and channels, where an observation is an image; absent where it is a vector. */
  image?: ImageShape;
  /** Whether its elements are integers from 0 to 255, which are kept as bytes. */
  bytes?: boolean;
  /** s: observations are divided by it, one number per element. */
  observationScale: readonly number[];
  /** Least and largest reward of a step. */
  rewardRange: readonly [number, number];
  /** The largest |reward| of a step, 1 at least where all are 0: what rewards are divided by before a model sees them. */
  rewardScale: number;
  actionSpace: Space;
  /** Steps after which an episode is cut off, where it is. */
  timeLimit?: number;
  /** The states one by one, where the environment tells them. */
  states?: FiniteStates | undefined;
  /** Numbers that a network sees of an action: one for each choice, or for each dimension of the box. */
  actions: number;
}

/** What an agent must know of an environment. */
export function agentSpaces(entry: EnvironmentEntry): AgentSpaces {
  const { make, observationNames, distractors = 0, observationScale, rewardRange, states } = entry;
  const environment = make();
  const { observationSpace, actionSpace } = environment;
  const { shape } = observationSpace;
  return {
    observation: spaceSize(observationSpace),
    ...(observationSpace.bytes && { bytes: true }),
    ...(isImage(observationSpace)
      ? { image: shape as ImageShape }
      : { ownElements: observationNames.slice(0, observationNames.length - distractors) }),
    observationScale,
    rewardRange,
    rewardScale: Math.max(...rewardRange.map(Math.abs)) || 1,
    actionSpace,
    ...(environment instanceof TimeLimit && { timeLimit: environment.maxSteps }),
    states,
    actions: spaceSize(actionSpace),
  };
}

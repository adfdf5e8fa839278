import type { EnvironmentEntry } from '../envs/index.ts';
import { spaceSize } from '../envs/spaces.ts';

/** What an agent must know of the environment. */
export interface AgentSpaces {
  /** Elements of an observation. */
  observation: number;
  /** s: observations are divided by it, one number per element. */
  observationScale: readonly number[];
  /** Least and largest reward of a step. */
  rewardRange: readonly [number, number];
  /** Number of discrete actions. */
  actions: number;
}

/** What an agent must know of an environment. */
export function agentSpaces({ make, observationScale, rewardRange }: EnvironmentEntry): AgentSpaces {
  const { observationSpace, actionSpace } = make();
  return {
    observation: spaceSize(observationSpace),
    observationScale,
    rewardRange,
    actions: spaceSize(actionSpace),
  };
}

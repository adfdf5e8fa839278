import type { Actor, Situation } from '../../src/training/acting.ts';
import type { Actions } from '../../src/training/actions.ts';
import type { Agent } from '../../src/training/agent.ts';
import type { StepSpaces } from '../../src/training/replay.ts';
import type { ReplayAgent, ReplaySettings } from '../../src/training/replay-learner.ts';
import { learnFromTransitions } from '../../src/training/transitions.ts';

/** Steps of so many numbers and choices. */
export const stepSpaces = (observation: number, n = 2): StepSpaces => ({
  observation,
  actionSpace: { kind: 'discrete', n },
});

/** An agent without memory that chooses between two actions, by Gumbel noise where it samples. */
export const memoryless = (
  choose: (
    situation: Situation,
    ...rest: [policy: Parameters<Actor['act']>[1], mode: Parameters<Actor['act']>[2]]
  ) => Actions,
): Actor => ({
  carrySize: 0,
  noise: { sampled: [{ distribution: 'gumbel', size: 2 }], greedy: [] },
  act: async (situation, policy, mode) => ({
    actions: choose(situation, policy, mode),
    carry: situation.carry,
  }),
});

const FEW_STEPS: ReplaySettings = {
  randomSteps: 10,
  randomHold: 1,
  updateEvery: 2,
  replay: { capacity: 60, batch: 2, length: 3 },
};

/**
 * An agent that learns nothing and remembers: it carries the steps of the episode and the sum of its first observations,
 * and acts by them and by uniform noise, in either mode.
 */
export function recurrentAgent(seeds: readonly number[], settings: ReplaySettings = FEW_STEPS): Agent {
  let updates = 0;
  const agent: ReplayAgent = {
    lossTerms: ['loss'],
    diagnostics: [],
    carrySize: 2,
    noise: {
      sampled: [
        { distribution: 'uniform', size: 1 },
        { distribution: 'normal', size: 2 },
      ],
      greedy: [{ distribution: 'uniform', size: 1 }],
    },
    act: async ({ observations, carry, noise }, _policy, mode) => {
      const rows = carry.length / 2;
      const size = observations.length / rows;
      const width = noise.length / rows;
      const next = carry.map((x, i) => x + (i % 2 === 0 ? 1 : observations[((i - 1) / 2) * size]!));
      const score = (i: number) => Math.sin(7 * next[2 * i + 1]! + next[2 * i]!) + noise[i * width]! - 0.5;
      const sampled = (i: number) => (mode === 'sampled' ? noise[i * width + 1]! + noise[i * width + 2]! : 0);
      return {
        actions: Int32Array.from({ length: rows }, (_, i) => Number(score(i) + sampled(i) > 0)),
        carry: next,
      };
    },
    learner: (environment) => learnFromTransitions(agent, environment, seeds, settings),
    update: () => {
      updates++;
    },
    drainLosses: async () => {
      const rows = Array.from({ length: updates }, () => seeds.map(() => ({ loss: 1 })));
      updates = 0;
      return rows;
    },
    diagnose: async (_heldOut, own) => own.map(() => ({})),
    save: async () => seeds.map(() => ({ arrays: {}, streams: {} })),
    load: () => {},
    dispose: () => {},
  };
  return agent;
}

import * as tf from '@tensorflow/tfjs-core';
import type { Space } from '../../src/envs/spaces.ts';
import type { PolicyHead } from '../../src/models/policy-head.ts';
import type { WorldModel } from '../../src/models/world-model.ts';
import { PlanningActor } from '../../src/planning/planning-actor.ts';
import { type PlannerSettings, plannerSettings, type SettingsOf } from '../../src/planning/settings.ts';
import type { AgentSpaces } from '../../src/training/agent-spaces.ts';
import { FIRM, SHAKE, type Walk, walkModel } from './walk-model.ts';

export const box = (dimensions: number, width = 1): Space => ({
  kind: 'box',
  shape: [dimensions],
  low: Array(dimensions).fill(-width),
  high: Array(dimensions).fill(width),
});
export const choices = (n: number): Space => ({ kind: 'discrete', n });
/** A planner's settings, with its own defaults for what is left open. */
export const settingsOf = <Name extends PlannerSettings['name']>(
  name: Name,
  settings: Partial<SettingsOf<Name>> = {},
) => plannerSettings.parse({ ...settings, name }) as SettingsOf<Name>;

/** A walk of every element on its own, or of choices that push one element by as much. */
export const PUSHES = [-0.5, 0, 0.25];
export const pushesOf = (space: Space): number[][] =>
  space.kind === 'discrete'
    ? PUSHES.map((push) => [push])
    : space.shape.flatMap((n) =>
        Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => Number(i === j))),
      );

/** Goals by member: [members][dimensions]. */
export const walk = (goals: readonly number[][], space: Space) =>
  walkModel(tf.tensor4d(goals.map((goal) => [[goal]])), tf.tensor2d(pushesOf(space)));

export interface PlainState {
  position: number[];
  push: number[];
}

/** How a plain return is reckoned. */
interface PlainJudgement {
  /** Of every step. */
  shakes?: readonly number[][];
  ends: 'soft' | 'hard' | false;
  /** γ, and the value of where the plan ends. */
  bootstrap?: { gamma: number; value: (position: readonly number[]) => number };
}

/** The return of one plan in the walk, in plain numbers. */
export function plainReturn(
  { position, push }: PlainState,
  goal: readonly number[],
  plan: readonly number[][],
  pushes: number[][],
  { shakes, ends, bootstrap }: PlainJudgement,
): number {
  let [at, before, weight, total] = [position, push, 1, 0];
  for (const [t, action] of plan.entries()) {
    const next = at.map((_, d) => action.reduce((sum, a, i) => sum + a * pushes[i]![d]!, 0));
    at = at.map((x, d) => x + next[d]! - before[d]! / 2 + SHAKE * (shakes?.[t]?.[d] ?? 0));
    total -= weight * at.reduce((sum, x, d) => sum + (x - goal[d]!) ** 2, 0);
    if (ends === 'soft') weight /= 1 + Math.exp(at[0]! - FIRM);
    if (ends === 'hard' && at[0]! > FIRM) weight = 0;
    weight *= bootstrap?.gamma ?? 1;
    before = next;
  }
  return total + (bootstrap ? weight * bootstrap.value(at) : 0);
}

/** Observations are twice what the model sees. */
export function spacesOf(actionSpace: Space): AgentSpaces {
  const pushes = pushesOf(actionSpace);
  const observationScale = pushes[0]!.map(() => 2);
  return {
    observation: observationScale.length,
    observationScale,
    rewardRange: [-1, 0],
    rewardScale: 1,
    actionSpace,
    actions: pushes.length,
  };
}

/**
 * Plans in walks that never end, to a goal of each member.
 *
 * @param more what the model has beside, or has otherwise
 */
export function actorFor(
  goals: readonly number[][],
  actionSpace: Space,
  settings: PlannerSettings,
  more: Partial<WorldModel<Walk>> & { head?: PolicyHead } = {},
) {
  const { head, ...verbs } = more;
  const weights = { goal: tf.tensor4d(goals.map((goal) => [[goal]])) };
  const within = {
    members: goals.length,
    spaces: spacesOf(actionSpace),
    weights: () => weights,
    model: ({ goal }: typeof weights): WorldModel<Walk> => {
      const { continues: _, ...endless } = walkModel(goal, tf.tensor2d(pushesOf(actionSpace)));
      return { ...endless, ...verbs };
    },
    ...(head && { head }),
  };
  return new PlanningActor(within, settings);
}

import { z } from 'zod';
import type { PlannerName } from './names.ts';

/** What a method chooses for itself, of whichever planner has the key. */
export interface PlannerDefaults {
  name?: PlannerName;
  horizon?: number;
  termination?: 'soft' | 'hard';
  terminalValue?: boolean | 'auto';
  candidates?: number;
  elites?: number;
  iterations?: number;
  warmStart?: boolean;
  momentum?: number;
  sampling?: 'clipped' | 'truncated';
  temperature?: number;
  policyTrajectories?: number | 'auto';
}

/**
 * How a planner searches: the keys `planner.…`, told apart by `planner.name`. A key that two planners have is the same key
 * to both, but for its default. Searches are smaller than the published ones, because the models are smaller.
 */
export function plannerSettingsWith(defaults: PlannerDefaults = {}) {
  const preset = defaults.name ?? 'cem';
  const size = z.int().min(1).max(100_000);
  const share = z.number().min(0).lt(1);
  const named = <Name extends PlannerName>(name: Name) => {
    const literal = z.literal(name);
    return (name === preset ? literal.default(name as never) : literal).describe(
      'how plans are searched for: by the cross-entropy method (cem), with coloured noise and elites that are kept (icem), as TD-MPC does (mppi), among random plans (shooting), or among all plans (enumeration)',
    );
  };
  const judged = (horizon: number, terminalValue: boolean | 'auto') => ({
    horizon: z
      .int()
      .min(1)
      .max(1000)
      .default(defaults.horizon ?? horizon)
      .describe('steps that a plan looks ahead (PlaNet: 12, TD-MPC2: 3, PETS: 25)'),
    termination: z
      .enum(['soft', 'hard'])
      .default(defaults.termination ?? 'soft')
      .describe(
        'what a foreseen end does: rewards count by the probability of getting there (soft), or until an end is likelier than not (hard, TD-MPC2)',
      ),
    terminalValue: z
      .union([z.boolean(), z.enum(['auto'])])
      .default(defaults.terminalValue ?? terminalValue)
      .describe(
        "whether the value of the last state counts, which discounts the rewards by the method's γ; auto: where the model has one",
      ),
  });
  const candidates = (number: number) =>
    size
      .default(defaults.candidates ?? number)
      .describe('plans that are tried in each iteration (PlaNet: 1000, TD-MPC2: 512, PETS: 400)');
  const elites = size
    .default(defaults.elites ?? 8)
    .describe('best of them, which the next iteration is drawn around (PlaNet: 100, TD-MPC2: 64, PETS: 40)');
  const iterations = (number: number) =>
    z
      .int()
      .min(1)
      .max(1000)
      .default(defaults.iterations ?? number)
      .describe('iterations per decision (PlaNet: 10, TD-MPC2: 6, PETS: 5)');
  const momentum = (amount: number) =>
    share
      .default(defaults.momentum ?? amount)
      .describe(
        'share of what was known before in what is refitted (PlaNet, TD-MPC2: 0; PETS, iCEM, TD-MPC: 0.1)',
      );
  const warmStart = (preset: boolean) =>
    z
      .boolean()
      .default(defaults.warmStart ?? preset)
      .describe('begin with the plan of the step before, moved by one step; off, as in PlaNet: from scratch');
  const planners = z.discriminatedUnion('name', [
    z.strictObject({
      name: named('cem'),
      ...judged(12, false),
      candidates: candidates(64),
      elites,
      iterations: iterations(4),
      warmStart: warmStart(false),
      momentum: momentum(0),
      sampling: z
        .enum(['clipped', 'truncated'])
        .default(defaults.sampling ?? 'clipped')
        .describe(
          'how numbers are kept in a box: clipped to it (PlaNet), or by a σ that its bounds limit (truncated, PETS)',
        ),
      unbiased: z
        .boolean()
        .default(false)
        .describe('whether σ² over the elites is divided by one less than their number (mbrl-lib)'),
      execute: z
        .enum(['mean', 'best'])
        .default('mean')
        .describe(
          'which plan is followed: the last mean, or the best candidate of all iterations (mbrl-lib)',
        ),
    }),
    z.strictObject({
      name: named('icem'),
      ...judged(12, false),
      candidates: candidates(64),
      elites,
      iterations: iterations(3),
      momentum: momentum(0.1),
      initialStd: z
        .number()
        .gt(0)
        .max(10)
        .default(0.5)
        .describe('σ at every decision, in half widths of the box (iCEM: 0.5)'),
      noiseExponent: z
        .number()
        .min(0)
        .max(10)
        .default(2)
        .describe("β of the noise's power spectrum f^−β over a plan's steps; 0: white (iCEM: 0.25 to 3.5)"),
      keptElites: z
        .number()
        .min(0)
        .max(1)
        .default(0.3)
        .describe(
          'share of the elites that stay candidates, moved by one step at the next decision (iCEM: 0.3)',
        ),
      decay: z
        .number()
        .min(1)
        .max(100)
        .default(1.25)
        .describe(
          'what candidates are divided by from iteration to iteration, down to twice the elites (iCEM: 1.25)',
        ),
    }),
    z.strictObject({
      name: named('mppi'),
      ...judged(5, 'auto'),
      candidates: candidates(64),
      elites,
      iterations: iterations(4),
      warmStart: warmStart(true),
      momentum: momentum(0.1),
      temperature: z
        .number()
        .gt(0)
        .default(defaults.temperature ?? 0.5)
        .describe(
          'τ of the weights exp(τ (return − best return)) of the elites, in rewards as the model sees them (TD-MPC2: 0.5)',
        ),
      policyTrajectories: z
        .union([z.int().min(0).max(100_000), z.enum(['auto'])])
        .default(defaults.policyTrajectories ?? 'auto')
        .describe(
          "candidates that follow the model's policy; auto: a twentieth, where the model has one (TD-MPC2: 24)",
        ),
      minStd: z.number().min(0).max(10).default(0.05).describe('least σ in a box (TD-MPC2: 0.05)'),
      maxStd: z
        .number()
        .gt(0)
        .max(10)
        .default(2)
        .describe('σ in a box that each decision begins with, and the largest (TD-MPC2: 2)'),
      floor: share
        .default(0.02)
        .describe('least probability of a choice, before they are made to sum to 1: none is lost for good'),
    }),
    z.strictObject({
      name: named('shooting'),
      ...judged(12, false),
      candidates: candidates(256),
    }),
    z.strictObject({ name: named('enumeration'), ...judged(5, 'auto') }),
  ]);
  return planners.prefault({ name: preset });
}

export const plannerSettings = plannerSettingsWith();

/** A planner's name and how it searches. */
export type PlannerSettings = z.infer<typeof plannerSettings>;

/** The settings of one planner. */
export type SettingsOf<Name extends PlannerName> = Extract<PlannerSettings, { name: Name }>;

interface WithPlanner {
  planner: PlannerSettings;
}

/** What must hold between the keys, for a config that has them under `planner`. */
export const plannerRules = [
  {
    keys: ['planner.elites', 'planner.candidates'] as const,
    holds: ({ planner }: WithPlanner) => !('elites' in planner) || planner.elites <= planner.candidates,
    says: 'planner.elites must not exceed planner.candidates, of which they are the best',
  },
  {
    keys: ['planner.policyTrajectories', 'planner.candidates'] as const,
    holds: ({ planner }: WithPlanner) =>
      planner.name !== 'mppi' ||
      planner.policyTrajectories === 'auto' ||
      planner.policyTrajectories < planner.candidates,
    says: 'planner.policyTrajectories must be below planner.candidates, of which the others are drawn',
  },
  {
    keys: ['planner.minStd', 'planner.maxStd'] as const,
    holds: ({ planner }: WithPlanner) => planner.name !== 'mppi' || planner.minStd <= planner.maxStd,
    says: 'planner.minStd must not exceed planner.maxStd',
  },
];

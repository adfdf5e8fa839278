import { environmentEntry } from '../envs/index.ts';
import type { Space } from '../envs/spaces.ts';
import { UserError } from '../errors.ts';
import type { PlannerSettings } from './settings.ts';

/** Sequences of choices that are tried in every environment at each step, at most. */
export const MOST_SEQUENCES = 1024;

/** What a planner is to plan in. */
export interface Plannable {
  actionSpace: Space;
  /** Whether the model has a value, and a policy. */
  has: { value: boolean; policy: boolean };
}

/** What a planner asks of what it plans in. */
interface Requirement {
  /** The dotted keys concerned, that which asks for it first. */
  keys: readonly [string, ...string[]];
  holds(planner: PlannerSettings, within: Plannable): boolean;
  /** As a sentence without its full stop. */
  says: string;
}

const requirements: readonly Requirement[] = [
  {
    keys: ['planner.name', 'environment'],
    holds: ({ name }, { actionSpace }) => name !== 'enumeration' || actionSpace.kind === 'discrete',
    says: 'planner.name enumeration tries every sequence of choices, and numbers in a box are not choices: mppi, icem or cem search among those',
  },
  {
    keys: ['planner.name', 'environment'],
    holds: ({ name }, { actionSpace }) => name !== 'icem' || actionSpace.kind === 'box',
    says: 'planner.name icem moves numbers in a box by coloured noise, and choices are not numbers: enumeration, mppi or cem search among those',
  },
  {
    keys: ['planner.horizon', 'planner.name', 'environment'],
    holds: ({ name, horizon }, { actionSpace }) =>
      name !== 'enumeration' || actionSpace.kind === 'box' || actionSpace.n ** horizon <= MOST_SEQUENCES,
    says: `planner.horizon asks for more sequences of choices than enumeration tries, which are ${MOST_SEQUENCES}; look less far ahead, or search by mppi`,
  },
  {
    keys: ['planner.sampling', 'environment'],
    holds: (planner, { actionSpace }) =>
      planner.name !== 'cem' || planner.sampling === 'clipped' || actionSpace.kind === 'box',
    says: 'planner.sampling truncated is of numbers in a box, and choices have no bounds; leave it out',
  },
  {
    keys: ['planner.terminalValue'],
    holds: ({ terminalValue }, { has }) => terminalValue !== true || has.value,
    says: 'planner.terminalValue needs a model with a value, and this one has none; leave it out',
  },
  {
    keys: ['planner.policyTrajectories'],
    holds: (planner, { has }) =>
      planner.name !== 'mppi' ||
      planner.policyTrajectories === 'auto' ||
      planner.policyTrajectories === 0 ||
      has.policy,
    says: 'planner.policyTrajectories needs a model with a policy, and this one has none; leave it out',
  },
];

/** A planner that what it would plan in does not suit. */
export class UnsuitedPlanner extends UserError {
  /** The dotted key that asks for what there is not. */
  readonly key: string;

  constructor({ keys, says }: Pick<Requirement, 'keys' | 'says'>) {
    super(says);
    this.key = keys[0];
  }
}

/** @throws UnsuitedPlanner naming the first thing that a planner asks for and that is not there. */
export function requireSuited(planner: PlannerSettings, within: Plannable): void {
  const broken = requirements.find(({ holds }) => !holds(planner, within));
  if (broken) throw new UnsuitedPlanner(broken);
}

/**
 * The same as rules between the keys of a config, for a method that has a planner.
 *
 * @param has what the method's model has
 */
export const plannerSuits = (has: Plannable['has']) =>
  requirements.map(({ keys, holds, says }) => ({
    keys,
    holds: ({ planner, environment }: { planner: PlannerSettings; environment?: string }) =>
      holds(planner, { actionSpace: environmentEntry(environment!).make().actionSpace, has }),
    says,
  }));

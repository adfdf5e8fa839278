import type { EnvironmentEntry } from '../envs/index.ts';
import type { Space } from '../envs/spaces.ts';

/** In what environments a method can act. */
export interface Takes {
  /** Kinds of action spaces. */
  actions: readonly Space['kind'][];
  /** Ranks of observations: 1 for vectors, 3 for images. */
  observations: readonly number[];
  /** Whether it keeps a table over the states: it acts only where they are finitely many. */
  finiteStates?: boolean;
}

/** Vectors of observations, choices or numbers as actions. */
export const vectorsAndAnyAction: Takes = { actions: ['discrete', 'box'], observations: [1] };

/** Vectors or images as observations, and any action. */
export const anyObservationAndAction: Takes = { actions: ['discrete', 'box'], observations: [1, 3] };

const actionsOf: Record<Space['kind'], string> = {
  discrete: 'choices as actions',
  box: 'continuous actions',
};

/** Why a method cannot act in an environment, as a phrase that follows its name; undefined where it can. */
export function refusal(
  { actions, observations, finiteStates = false }: Takes,
  { make, states }: Pick<EnvironmentEntry, 'make' | 'states'>,
): string | undefined {
  const { actionSpace, observationSpace } = make();
  const { shape } = observationSpace;
  if (!actions.includes(actionSpace.kind)) return `takes no ${actionsOf[actionSpace.kind]}`;
  if (!observations.includes(shape.length)) return `takes no observations of shape [${shape.join(', ')}]`;
  if (finiteStates && !states) return 'keeps a table of states and takes no continuous observations';
  return undefined;
}

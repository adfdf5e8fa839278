import { type Experiment, experimentOf } from '../config/schema.ts';
import type { Run } from '../runs/read.ts';
import { counted, grouped } from '../words.ts';
import { paperConditions, paperSettings } from './paper.ts';
import type { Measure } from './samples.ts';

/** What every experiment, and the paper's, is made under. */
export type Conditions = Pick<Experiment, 'environment' | 'maze' | 'distractors' | 'pixels' | 'steps'> & {
  evaluation: { episodes: number };
};

/** What an environment is seen as, after its name: ` in pixels, 64 × 64`. */
export const seenAs = ({ pixels }: Pick<Experiment, 'pixels'>): string =>
  pixels
    ? ` in pixels, ${pixels.size} × ${pixels.size}${pixels.frames > 1 ? ` in ${pixels.frames} frames` : ''}`
    : '';

/** Where it acts; of a maze that a config draws, how, row by row: `Maze S..|.#.|..G`. */
const placeOf = ({ environment, maze }: Pick<Conditions, 'environment' | 'maze'>): string =>
  maze === undefined ? environment : `${environment} ${maze.trim().split(/\s+/).join('|')}`;

/** The environment with what else is seen of it: a task. */
export const TASK = {
  name: 'environment',
  of: ({ distractors, pixels, ...place }: Conditions) =>
    placeOf(place) + (distractors === 0 ? '' : ` with ${distractors} distractors`) + seenAs({ pixels }),
};

export const EPISODES = {
  name: 'episodes per evaluation',
  of: ({ evaluation }: Conditions) => grouped(evaluation.episodes),
};

/** What should be equal for two numbers of the table to be comparable, and the paper states too. */
export const CONDITIONS: { name: string; of: (conditions: Conditions) => string }[] = [
  TASK,
  { name: 'environment steps', of: ({ steps }) => grouped(steps) },
  EPISODES,
];

/** What should be equal besides, of which the paper says nothing: steps to a threshold and last evaluations depend on it. */
export const EVALUATION_INTERVAL = {
  name: 'steps between evaluations',
  of: ({ evaluation }: Experiment) => grouped(evaluation.every),
};

/** When a run's seeds end before its length: `reward 475 in 3 evaluations`, or `never`. */
export function stopWords({ stopWhen }: Experiment): string {
  if (!stopWhen) return 'never';
  const { reward, evaluations } = stopWhen;
  return `reward ${reward} in ${counted(evaluations, 'evaluation')}`;
}

/**
 * Whether no claim of better or worse may be made of two runs' numbers: training of another length or in another
 * environment, or ended early by another rule, which picks good evaluations as the last; of an error, observations of
 * other dimensions; of several evaluations, evaluations further apart.
 */
export function unlike(
  { experiment: a }: Run,
  { experiment: b }: Run,
  { key, unit }: Pick<Measure, 'key' | 'unit'>,
): boolean {
  if (placeOf(a) !== placeOf(b) || a.steps !== b.steps) return true;
  if (stopWords(a) !== stopWords(b)) return true;
  if (unit === 'error' && (a.distractors !== b.distractors || seenAs(a) !== seenAs(b))) return true;
  return key === 'finalRewardLastThree' && a.evaluation.every !== b.evaluation.every;
}

/** In what an experiment of a world model departs from what the paper states, e.g. `environment steps 16,000, not 50,000`. */
export function departures(experiment: Experiment): string[] {
  const conditions = CONDITIONS.map(({ name, of }) => [name, of(experiment), of(paperConditions)] as const);
  const { horizon, gamma, lambda, beta, learningRate } = experimentOf(experiment, 'vae-lstm');
  const end = typeof beta === 'number' ? beta : beta.to;
  const used = { horizon, gamma, lambda, beta: end, learningRate };
  const settings = Object.entries(paperSettings).map(
    ([key, stated]) => [key, `${used[key as keyof typeof used]}`, `${stated}`] as const,
  );
  const stop = ['early end', stopWords(experiment), 'never'] as const;
  return [...conditions, stop, ...settings]
    .filter(([, here, stated]) => here !== stated)
    .map(([name, here, stated]) => `${name} ${here}, not ${stated}`);
}

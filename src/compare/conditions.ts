import { type Experiment, experimentOf } from '../config/schema.ts';
import { paperConditions, paperSettings } from './paper.ts';

/** What every experiment, and the paper's, is made under. */
export type Conditions = Pick<Experiment, 'environment' | 'distractors' | 'steps'> & {
  evaluation: { episodes: number };
};

/** What should be equal for two numbers of the table to be comparable. */
export const CONDITIONS: { name: string; of: (conditions: Conditions) => string }[] = [
  {
    name: 'environment',
    of: ({ environment, distractors }) =>
      distractors === 0 ? environment : `${environment} with ${distractors} distractors`,
  },
  { name: 'environment steps', of: ({ steps }) => steps.toLocaleString('en-US') },
  { name: 'episodes per evaluation', of: ({ evaluation }) => evaluation.episodes.toLocaleString('en-US') },
];

/** In what an experiment of a world model departs from what the paper states, e.g. `environment steps 16,000, not 50,000`. */
export function departures(experiment: Experiment): string[] {
  const conditions = CONDITIONS.map(({ name, of }) => [name, of(experiment), of(paperConditions)] as const);
  const { horizon, gamma, lambda, beta, learningRate } = experimentOf(experiment, 'vae-lstm');
  const end = typeof beta === 'number' ? beta : beta.to;
  const used = { horizon, gamma, lambda, beta: end, learningRate };
  const settings = Object.entries(paperSettings).map(
    ([key, stated]) => [key, `${used[key as keyof typeof used]}`, `${stated}`] as const,
  );
  return [...conditions, ...settings]
    .filter(([, here, stated]) => here !== stated)
    .map(([name, here, stated]) => `${name} ${here}, not ${stated}`);
}

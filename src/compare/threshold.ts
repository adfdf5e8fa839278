import { environmentEntry } from '../envs/index.ts';
import { paperConditions, paperThresholds } from './paper.ts';

/** The reward whose crossing a comparison shows, and where a seed's and a row's steps to it stand. */
export interface ShownThreshold {
  reward: number;
  /** Whose threshold it is, in brackets; empty for the paper's. */
  source: string;
  steps: 'stepsTo400' | 'stepsToThreshold';
  first: 'firstCrossing400' | 'firstCrossing';
  /** What their columns are called in CSV files. */
  columns: {
    steps: 'steps_to_400' | 'steps_to_threshold';
    first: 'first_crossing_400' | 'first_crossing';
  };
}

/** On the paper's environment its 400, on another one the reward that counts as having solved it. */
export function shownThreshold(environment: string): ShownThreshold {
  if (environment === paperConditions.environment) {
    const columns = { steps: 'steps_to_400', first: 'first_crossing_400' } as const;
    return {
      reward: paperThresholds[0]!,
      source: '',
      steps: 'stepsTo400',
      first: 'firstCrossing400',
      columns,
    };
  }
  const { reward, source } = environmentEntry(environment).threshold;
  const columns = { steps: 'steps_to_threshold', first: 'first_crossing' } as const;
  return { reward, source: ` (${source})`, steps: 'stepsToThreshold', first: 'firstCrossing', columns };
}

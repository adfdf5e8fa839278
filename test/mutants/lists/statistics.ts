import type { Group } from '../mutant.ts';
import { source, tests } from '../places.ts';

/** What is told of several seeds. */
export const statistics: readonly Group[] = [
  {
    area: 'Statistics',
    file: source.statistics,
    by: tests.statistics(),
    changes: [
      ['squares / (values.length - 1)', 'squares / values.length', 'the deviation with n'],
      ['(value - center) ** 2', 'Math.abs(value - center)', 'absolute for squared differences'],
      ['center === null || values.length < 2', 'center === null', 'a deviation of one value'],
      ['if (values.every((value) => value === values[0])) return 0;', '', 'equal values with a spread'],
      ['q * (sorted.length - 1)', 'q * (sorted.length - 2)', 'quantiles of one value fewer'],
      ['Math.floor(values.length / 4)', 'Math.ceil(values.length / 4)', 'more trimmed than a quarter'],
      ['(a, b) => a - b', '(a, b) => b - a - a', 'not sorted'],
      ['x === y ? 0.5 : 0', 'x === y ? 1 : 0', 'a tie counts as better'],
      ['x > y ? 1', 'x < y ? 1', 'worse for better'],
    ],
  },
  {
    area: 'Statistics',
    file: source.bootstrap,
    by: tests.statistics('bootstrap'),
    changes: [
      ['values, 0.025', 'values, 0.05', 'a lower end of 90 %'],
      ['values, 0.975', 'values, 0.95', 'an upper end of 90 %'],
      ['stream.integer(bound)', 'stream.integer(bound - 1)', 'the last value never drawn'],
      [
        'j < differences.length; j++) sum',
        'j < differences.length - 1; j++) sum',
        'resamples of one value fewer',
      ],
      [' && values.every(Number.isFinite)', '', 'an interval of what is not finite'],
      ['draws, a.length, both', 'draws, 0, both', 'one sample drawn as the other'],
      [
        'known) return known',
        'known) return known.map((place) => 0 * place)',
        'draws that are kept are lost',
      ],
    ],
  },
  {
    area: 'Statistics',
    file: source.student,
    by: tests.statistics('Welch|printed mean'),
    changes: [
      ['const t = (x.mean - y.mean)', 'const t = (y.mean - x.mean)', 't negated'],
      ['x.std ** 2 / a.length', 'x.std ** 2 / (a.length - 1)', 'n − 1 for n'],
      ['u ** 2 / (a.length - 1)', 'u ** 2 / a.length', 'other degrees of freedom'],
      ['2 * jStat', 'jStat', 'one-sided'],
      ['inv(0.975', 'inv(0.95', 'an interval of 90 %'],
      ['inv(0.975, n - 1)', 'inv(0.975, n)', 'a degree of freedom too many'],
      ['Math.sqrt(n)', 'n', 'the half-width over n'],
    ],
  },
  {
    area: 'Statistics',
    file: source.summary,
    by: tests.runs('summarise'),
    changes: [
      ['reward: 400', 'reward: 401', 'learnt from another reward on'],
      ['>= threshold', '> threshold', 'learnt above the threshold alone'],
      [
        'steps_to_threshold: own.sustained',
        'steps_to_threshold: paper.sustained',
        "the paper's threshold for the environment's",
      ],
      ['rows.slice(-3)', 'rows.slice(-2)', 'the last two for the last three'],
      ['reaches.lastIndexOf(false) + 1', 'reaches.indexOf(true)', 'a dip afterwards forgotten'],
      ['reaches.indexOf(true)', 'reaches.lastIndexOf(true)', 'the last crossing for the first'],
      ['last?.prediction_mse_standardised', 'last?.prediction_mse', 'the raw error for the standardised one'],
    ],
  },
  {
    area: 'Statistics',
    file: source.samples,
    by: tests.compare('a row holds the means'),
    changes: [
      [
        'finalReward: curve.final_reward,',
        'finalReward: curve.final_reward_last_three,',
        'the last three for the final reward',
      ],
      [
        'stepsTo400: curve.steps_to_400,',
        'stepsTo400: curve.first_crossing_400,',
        'the first crossing for the steps to 400',
      ],
    ],
  },
];

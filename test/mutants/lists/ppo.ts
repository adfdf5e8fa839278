import type { Group } from '../mutant.ts';
import { source, tests } from '../places.ts';

const byJax = tests.ppo('equal those of jax');

/** The model-free yardstick. */
export const policyOptimisation: readonly Group[] = [
  {
    area: 'PPO',
    file: source.ppoAdvantage,
    by: tests.ppo('an open episode|a termination|a truncation'),
    changes: [
      ['tf.sub(ended, terminated)', 'ended', 'the value after a termination counts'],
      ['tf.sub(1, ended)', 'tf.sub(1, terminated)', 'the sum goes on after a truncation'],
      ['advantage: tf.sub(returns, value)', 'advantage: returns', 'returns for advantages'],
      ['from(first, 1)', 'from(terminated, 1)', 'ends seen a step early'],
    ],
  },
  {
    area: 'PPO',
    file: source.ppoLosses,
    by: byJax,
    changes: [
      ['return tf.neg(memberMean(gain))', 'return memberMean(gain)', 'the surrogate negated'],
      ['value: tf.minimum(plain, bounded)', 'value: plain', 'the surrogate unclipped'],
      ['tf.lessEqual(plain, bounded)', 'tf.greaterEqual(plain, bounded)', 'the gradient where it is clipped'],
      ['advantage.shape[1]! - 1)', 'advantage.shape[1]!)', 'advantages over the deviation with n'],
      [
        'memberMean(tf.sub(change, logRatio))',
        'memberMean(tf.neg(logRatio))',
        'another estimate of the divergence',
      ],
      [
        'tf.greater(tf.abs(change), clipRange)',
        'tf.greater(change, clipRange)',
        'the share clipped above alone',
      ],
    ],
  },
  {
    area: 'PPO',
    file: source.ppoUpdate,
    by: byJax,
    changes: [
      [
        'tf.sub(tf.mul(valueWeight, valueLoss), tf.mul(entropy, meanEntropy))',
        'tf.add(tf.mul(valueWeight, valueLoss), tf.mul(entropy, meanEntropy))',
        'entropy punished',
      ],
      [
        'const standardised = standardise(advantage)',
        'const standardised = advantage',
        'advantages not standardised',
      ],
    ],
  },
];

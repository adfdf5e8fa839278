import type { Group } from '../mutant.ts';
import { source, tests } from '../places.ts';

const area = 'Planning';
const worth = tests.plannerWalks('plans are worth what plain numbers say, on wasm');
const onWasm = tests.planners('planners on wasm');

/** What a plan is worth, and how each planner searches. */
export const planning: readonly Group[] = [
  {
    area,
    file: source.judge,
    by: worth,
    changes: [
      [
        'tf.greaterEqual(continueProbability, learntGamma / 2)',
        'tf.greaterEqual(continueProbability, learntGamma / 10)',
        'hard ends late',
      ],
      ['gamma ** t', 'gamma ** (t + 1)', 'rewards discounted by a step more'],
      ['bootstrap ** horizon / model.valueScale', 'bootstrap ** horizon', 'a value in units of its own'],
      ['tf.mul(last(weight), last(alive))', 'last(weight)', 'a value where the last step ends the episode'],
      [
        'repeatRows(ofValue, each * particles)',
        'repeatRows(tf.zerosLike(ofValue), each * particles)',
        'shared noise left out',
      ],
      [
        'model.particles ? model.particles.spread(repeated) : repeated',
        'repeatStates(repeated, particles)',
        'particles that begin alike',
      ],
    ],
  },
  {
    area,
    file: source.judge,
    by: tests.plannerWalks('a discount that the continue head has learnt'),
    changes: [
      ['tf.mul(goesOn, learntGamma)', 'goesOn', 'hard ends lose what is learnt of γ'],
      ['learntGamma / 2', '0.5', 'a half of a probability that γ has lowered'],
    ],
  },
  {
    area,
    file: source.judge,
    by: tests.plannerWalks('passes over plans'),
    changes: [
      [
        'tf.where(tf.isFinite(perPlan), perPlan, tf.fill([rows, each], WORST))',
        'perPlan',
        'no number may be the best',
      ],
      ['WORST = -1e30', 'WORST = 0', 'no number counts as 0'],
    ],
  },
  {
    area,
    file: source.proposals,
    by: onWasm,
    changes: [
      [
        'tf.mul(before, momentum), tf.mul(after, 1 - momentum)',
        'tf.mul(before, 1 - momentum), tf.mul(after, momentum)',
        'momentum of the new',
      ],
      ['tf.div(tf.sub(1, tf.abs(mean)), 2)', 'tf.sub(1, tf.abs(mean))', 'σ up to the bound'],
      ['count / Math.max(1, count - 1)', '1', 'σ² biased where unbiased is asked for'],
      ['FIRST_VARIANCE = 0.25', 'FIRST_VARIANCE = 1', 'a first σ of a half width'],
    ],
  },
  {
    area,
    file: source.cem,
    by: onWasm,
    changes: [
      [
        'tf.greater(largest, before.return)',
        'tf.less(largest, before.return)',
        'the worst of all iterations',
      ],
    ],
  },
  {
    area,
    file: source.icem,
    by: onWasm,
    changes: [
      ['Math.floor(sizes.at(-1)! / decay)', 'Math.floor(candidates / decay)', 'candidates that decay once'],
      [
        'const own = isLast ? [around',
        'const own = !isLast ? [around',
        'the mean a candidate in all iterations but the last',
      ],
      ['const returns = stale ?', 'const returns = stale && isLast ?', 'elites kept across episodes'],
      ['tf.mul(lastNoise, initialStd)', 'tf.mul(lastNoise, 1)', 'last actions of kept elites too far'],
    ],
  },
  {
    area,
    file: source.colouredNoise,
    by: tests.planners('coloured noise'),
    changes: [
      ['(-exponent / 2)', '-exponent', 'the amplitude for the power'],
      ['isReal(k) ? 1 : 2', 'k === 0 ? 1 : 2', 'the highest frequency counted twice'],
    ],
  },
  {
    area,
    file: source.mppi,
    by: onWasm,
    changes: [
      [
        'tf.mul(tf.sub(values, best), temperature)',
        'tf.div(tf.sub(values, best), temperature)',
        'temperature as a divisor',
      ],
      ['tf.maximum(mixed, floor)', 'mixed', 'no floor of probabilities'],
      ['tf.div(floored, tf.sum(floored, 2, true))', 'floored', 'probabilities that do not sum to 1'],
      ['tf.concat([others, drawn], 1)', 'tf.concat([drawn, others], 1)', 'policy trajectories last'],
    ],
  },
  {
    area,
    file: source.mppi,
    by: tests.plannerWalks('by path integrals'),
    changes: [['tf.clipByValue(tf.sqrt(variance), minStd, maxStd)', 'tf.sqrt(variance)', 'σ without bounds']],
  },
  {
    area,
    file: source.warmStart,
    by: onWasm,
    changes: [
      [
        'return whereFirst(tf.reshape(first, [rows, 1, 1]), nothing, moved);',
        'return moved;',
        'a plan kept across episodes',
      ],
    ],
  },
  {
    area,
    file: source.enumeration,
    by: tests.plannerWalks('that enumerates'),
    changes: [
      ['tf.mul(reached, tf.squeeze(reward, [2]))', 'tf.squeeze(reward, [2])', 'rewards after an end'],
      [
        'const value = model.value!(model.features(state));',
        'const value = tf.zerosLike(sum);',
        'no value at the end',
      ],
      [
        'tf.mean(tf.reshape(sum, [members * environments, particles, sequences]), 1)',
        'tf.max(tf.reshape(sum, [members * environments, particles, sequences]), 1)',
        'the luckiest particle',
      ],
    ],
  },
];

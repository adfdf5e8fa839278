import type { Group } from '../mutant.ts';
import { source, tests } from '../places.ts';

const sac = tests.sac('those of PyTorch, α given or learnt, on cpu');
const dqn = tests.dqn('those of PyTorch, with every switch, on cpu');

/** The model-free yardsticks that learn from replay. */
export const offPolicy: readonly Group[] = [
  {
    area: 'SAC',
    file: source.sacUpdate,
    by: sac,
    changes: [
      ['tf.sub(tf.min(values, 1), tf.mul', 'tf.add(tf.min(values, 1), tf.mul', 'entropy costs in targets'],
      ['tf.min(values, 1)', 'tf.mean(values, 1)', 'targets by the mean of the critics'],
      ['heads / 2)', 'heads)', "the critics' loss twice as large"],
      ['leastOfHeads(values)', 'tf.mean(values, 1)', 'the actor by the mean of the critics'],
      [
        'before.actor.parameters, critic.parameters)',
        'before.actor.parameters, before.critic.parameters)',
        'the actor by the critics before their step',
      ],
      [
        'tf.sub(tf.expandDims(ofActor.terms.entropy, 1), targetEntropy)',
        'tf.sub(targetEntropy, tf.expandDims(ofActor.terms.entropy, 1))',
        'α falls where there is too little entropy',
      ],
      ['movingAverage(before.target, critic', 'movingAverage(critic.parameters, critic', 'no target network'],
    ],
  },
  {
    area: 'SAC',
    file: source.gaussian,
    by: tests.sac('the density that'),
    changes: [
      ['tf.sum(tf.add(logStd, tf.add(', 'tf.sum(tf.add(0, tf.add(', 'a density without its deviation'],
    ],
  },
  {
    area: 'SAC',
    file: source.sacPolicy,
    by: tests.sac('the density that'),
    changes: [[', logTanhSlope(u))', ', tf.neg(logTanhSlope(u)))', 'the slope of tanh on the wrong side']],
  },
  {
    area: 'SAC',
    file: source.ensemble,
    by: tests.nn('heads of an ensemble'),
    changes: [
      ['[tf.sum(dy, 1)]', '[tf.mean(dy, 1)]', 'the mean gradient of the heads'],
      ['at += size) initialise', 'at += out.length) initialise', 'one head drawn, the others zero'],
    ],
  },
  {
    area: 'DQN',
    file: source.dqnUpdate,
    by: dqn,
    changes: [
      ['if (!double)', 'if (double)', 'double where it is off'],
      ['values.of(critic.parameters, nextO', 'values.of(target, nextO', 'the target chooses and values'],
      ["kind === 'huber' ? clip", "kind !== 'huber' ? clip", 'the losses exchanged'],
      ['tf.mul(target, tf.sub(1, rate))', 'target', 'a target that grows'],
    ],
  },
  {
    area: 'DQN',
    file: source.transitionTensors,
    by: dqn,
    changes: [['tf.mul(tf.sub(1, terminated), next)', 'next', 'terminal states have a value']],
  },
  {
    area: 'DQN',
    file: source.dqnLearner,
    by: tests.dqn('an agent'),
    changes: [['settings.epsilon, this.#collected', 'settings.epsilon, 0', 'ε as at first, for ever']],
  },
];

import type { Group } from '../mutant.ts';
import { source, tests } from '../places.ts';

const area = 'TD-MPC';
const onCpu = tests.tdmpcReference('on cpu');

/** The latent model of TD-MPC, its losses and the order of an update. */
export const latentPlanning: readonly Group[] = [
  {
    area,
    file: source.tdmpcLosses,
    by: onCpu,
    changes: [
      ['rho ** t', 'rho ** (t + 1)', 'every step weighed as the next one'],
      ["sample, 'min')", "sample, 'mean')", 'targets by the mean of two heads'],
      ['tf.sub(1, terminated), gamma', 'tf.sub(1, terminated), 1', 'targets that are not discounted'],
      ['average.encode ? average.encode(nextObservation)', 'false ? arrived', 'no averaged encoder'],
      [
        'tf.mul(binaryCrossEntropy(model.termination(after)',
        'tf.mul(binaryCrossEntropy(model.termination(before)',
        'ends of the state departed from',
      ],
    ],
  },
  {
    area,
    file: source.tdmpcLosses,
    by: tests.tdmpc('after its episode'),
    changes: [['tf.sub(1, starts)', 'tf.onesLike(starts)', 'windows that learn across episodes']],
  },
  {
    area,
    file: source.tdmpcLosses,
    by: tests.tdmpc('reaches encoder and dynamics'),
    changes: [['critic, x, shapesModel)', 'critic, x, true)', "the value's gradient always in the model"]],
  },
  {
    area,
    file: source.tdmpcUpdate,
    by: onCpu,
    changes: [
      ['unpack(learnt.critic.parameters)', 'unpack(learnt.critic.moments.mean)', 'the actor by no heads'],
      ["group === 'encoder' ?", "group !== 'encoder' ?", 'the small step for all but the encoder'],
      ['tf.addN(squares)', 'squares[0]!', "clipped by the encoder's norm alone"],
    ],
  },
  {
    area,
    file: source.tdmpcActorLoss,
    by: onCpu,
    changes: [
      [
        'policyLoss(values, entropy, next',
        'policyLoss(values, entropy, scale',
        'divided by the scale before its step',
      ],
      ['tf.slice(values, [0, 0, 0]', 'tf.slice(values, [0, 0, 1]', "the scale of the windows' second step"],
    ],
  },
  {
    area,
    file: source.latentCritic,
    by: onCpu,
    changes: [['tf.mul(values, mask), 1), 0.5)', 'values, 1), 0.2)', 'all heads judge']],
  },
];

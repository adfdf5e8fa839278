import type { Group } from '../mutant.ts';
import { source, tests } from '../places.ts';

const area = 'TD-MPC';
const onCpu = tests.tdmpcReference('on cpu');
const slopes = tests.selfPrediction('whole slope');

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
      ['model.termination(after,', 'model.termination(before,', 'ends of the state departed from'],
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
    file: source.tdmpcSelfPrediction,
    by: slopes,
    changes: [
      ["target === 'unstopped'", "target === 'averaged'", 'an unstopped target without its gradient'],
    ],
  },
  {
    area,
    file: source.tdmpcSelfPrediction,
    by: tests.selfPrediction("SPR's, and so is its gradient, on cpu"),
    changes: [['tf.sub(unit(x), unit(y))', 'tf.sub(unit(x), y)', 'a target that is not normalised']],
  },
  {
    area,
    file: source.tdmpcUpdate,
    by: slopes,
    changes: [
      [
        "settings.model.target === 'unstopped'",
        "settings.model.target !== 'averaged'",
        'every target with its gradient',
      ],
    ],
  },
  {
    area,
    file: source.tdmpcLosses,
    by: tests.selfPrediction("heads' gradients reach"),
    changes: [
      [
        'model.rewardOutput(before, action, shapedBy.reward)',
        'model.rewardOutput(before, action)',
        "the reward's gradient always in the model",
      ],
      [
        'model.termination(after, shapedBy.continue)',
        'model.termination(after)',
        "the ends' gradient always in the model",
      ],
    ],
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

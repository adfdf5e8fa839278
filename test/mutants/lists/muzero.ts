import type { Group } from '../mutant.ts';
import { source, tests } from '../places.ts';

const area = 'MuZero and tree search';
const onCpu = tests.muzeroReference('on cpu');

/** The search, what a window is trained towards, and the unrolled loss. */
export const treeSearch: readonly Group[] = [
  {
    area,
    file: source.puct,
    by: tests.mcts('pUCT'),
    changes: [
      ['Math.sqrt(visits) *', 'visits *', 'exploration by the visits, not their root'],
      [
        "settings.normalised === 'tree' ? 0 : 1",
        "settings.normalised === 'tree' ? 1 : 0",
        'roots that count the other way',
      ],
      [
        'child < 0 ? 0 : this.#seen.normalised(',
        'this.#seen.normalised(',
        'untried actions looked up in the tree',
      ],
      ['(1 - fraction) * tree.prior', 'tree.prior', 'noise added to the prior, not mixed into it'],
      [
        'Math.log(tried) / temperature',
        'Math.log(tried) * temperature',
        'visits to the power of the temperature',
      ],
    ],
  },
  {
    area,
    file: source.gumbel,
    by: tests.mcts('Gumbel'),
    changes: [
      ['(visitOffset + most)', '(visitOffset + sum)', 'σ by all visits'],
      ['sum * ofTried) / (1 + sum)', 'sum * ofTried) / sum', 'v_mix without the value of the network'],
      ['this.#tried[a]! / (1 + sum)', 'this.#tried[a]! / sum', 'visits over those of the children alone'],
      ['prior * value', 'value', 'tried values not weighed by the prior'],
      [
        'this.#tried[a] === visits ?',
        'this.#tried[a]! >= visits ?',
        'candidates that are dropped searched again',
      ],
    ],
  },
  {
    area,
    file: source.sequentialHalving,
    by: tests.mcts('sequential halving'),
    changes: [
      ['Math.max(2, Math.floor(left / 2))', 'Math.max(1, Math.floor(left / 2))', 'one candidate left'],
    ],
  },
  {
    area,
    file: source.search,
    by: tests.mcts('builds the trees'),
    changes: [
      ['tree.discount[at]! * value', 'value', 'values backed up without a discount'],
      ['(visits + 1);\n    tree.visits', '(visits + 2);\n    tree.visits', 'a mean over one visit too many'],
    ],
  },
  {
    area,
    file: source.muzeroTargets,
    by: tests.muzeroReference("MuZero's targets"),
    changes: [
      [
        'k < end);\n    targets.observed',
        'k <= end);\n    targets.observed',
        'policies past the end of an episode',
      ],
      ['k <= last || isTerminal', 'k <= last', 'values past a termination not trained'],
      ['(k <= end || isTerminal)', '(k <= end)', 'rewards past a termination not trained'],
      ['valuesLast ? end : end - 1', 'valuesLast ? end : end', 'a value of an observation that has none'],
      ['discount *= gamma', 'discount *= 1', 'returns without a discount'],
      ['returnSteps - Math.floor(', 'returnSteps - Math.ceil(', 'returns that shrink at once'],
    ],
  },
  {
    area,
    file: source.muzeroLosses,
    by: onCpu,
    changes: [
      ['k === 0 ? 1 : 1 / unroll', '1 / unroll', 'the first state weighed as the others'],
      ['scaleGradient(latent, 0.5)', 'latent', 'gradients that are not halved'],
      ['k > 0 || halvedAtFirst', 'k > 0', 'the first gradient never halved'],
      ['tf.mul(known, own), tf.expandDims(weight, 2)', 'tf.mul(known, own), 1', 'importance left out'],
      ['tf.neg(alike)', 'tf.abs(alike)', 'latents turned away from those observed'],
    ],
  },
  {
    area,
    file: source.muzeroLosses,
    by: tests.muzero('only where it is to shape'),
    changes: [
      ["given(all, 'policy')", "given(all, 'value')", "the policy's gradient where the value's goes"],
    ],
  },
  {
    area,
    file: source.muzeroReplay,
    by: tests.muzero('a window holds|drawn more often|take the place'),
    changes: [
      [
        "ring.read('next_observation', start + end - 1",
        "ring.read('observation', start + end - 1",
        'the last observation of an episode lost',
      ],
      ["ring.read('action', start + k, 1", "ring.read('action', start + k + 1, 1", 'actions a step late'],
      ['discount[k]! * this.#rootValue[0]!', 'discount[k]!', 'values of the search left out'],
      ['fill(1 / this.#spaces.actions)', 'fill(0)', 'no policy where it acted at random'],
      [
        '>= batch.searched) continue',
        '< batch.searched) continue',
        'the policies of the other windows written back',
      ],
    ],
  },
  {
    area,
    file: source.priorities,
    by: tests.muzeroReference('prioritised'),
    changes: [
      ['priority ** this.#alpha', 'priority', 'priorities without their exponent'],
      ['(count * p) ** -beta', '(count * p) ** beta', 'importance the wrong way round'],
    ],
  },
];

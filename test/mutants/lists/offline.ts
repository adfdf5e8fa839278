import type { Group } from '../mutant.ts';
import { source, tests } from '../places.ts';

/** Data sets, learning from them, and the layers of a transformer that will. */
export const offline: readonly Group[] = [
  {
    area: 'Data sets',
    file: source.dataSet,
    by: tests.dataSet('are the same from memory'),
    changes: [
      [
        '(row + index) * size, (steps + 1)',
        'row * size, (steps + 1)',
        'observations without the last of each',
      ],
      ['if (start === 0) batch.first[at] = 1;', 'batch.first[at] = 1;', 'every window a start'],
      ['batch.terminated.fill(0, at, at + steps);', '', 'ends of the window before'],
    ],
  },
  {
    area: 'Data sets',
    file: source.playEpisodes,
    by: tests.dataSet('a player acts within'),
    changes: [
      ['Math.min(Math.max(x, space.low[i]!), space.high[i]!)', 'x', 'actions beyond the box'],
      ['random.uniform() < noise', 'random.uniform() > noise', 'as much of its own as noise was asked for'],
    ],
  },
  {
    area: 'Learning offline',
    file: source.recordedEpisodes,
    by: tests.cloning('the best episodes'),
    changes: [
      ['returns[b]! - returns[a]!', 'returns[a]! - returns[b]!', 'the worst episodes'],
      ['return held >= steps;', 'return held > steps;', 'an episode too many'],
    ],
  },
  {
    area: 'Learning offline',
    file: source.offlineLearner,
    by: tests.cloning('a run'),
    changes: [
      [
        'streams: { data: this.#streams[member]!.state() }',
        'streams: { data: RandomStream.named(0, "x").state() }',
        'a stream that begins anew',
      ],
      ["RandomStream.named(seed, 'data')", "RandomStream.named(0, 'data')", 'the same steps for every seed'],
    ],
  },
  {
    area: 'Learning offline',
    file: source.cloningUpdate,
    by: tests.cloning('the loss|imitates'),
    changes: [
      [
        'memberMean(policyLogProbability(space, output, action), -1)',
        'memberMean(policyLogProbability(space, output, action))',
        'a policy that flees what it sees',
      ],
    ],
  },
  {
    area: 'Learning offline',
    file: source.policyLikelihood,
    by: tests.cloning('the loss|imitates'),
    changes: [
      ['tf.logSoftmax(output), action', 'tf.softmax(output), action', 'probabilities for their logarithms'],
    ],
  },
  {
    area: 'Transformer',
    file: source.attention,
    by: tests.transformer(),
    changes: [
      ['const scale = 1 / Math.sqrt(n);', 'const scale = 1 / n;', 'scores over n'],
      ['dLogits, tf.sub(1, tf.square(bent))', 'dLogits, tf.square(bent)', 'the slope of the cap'],
    ],
  },
  {
    area: 'Transformer',
    file: source.attentionMask,
    by: tests.transformer(),
    changes: [
      ['key % lanes !== lanes - 1', 'key % lanes !== 0', 'the first lane hidden for the last'],
      ['apart < window', 'apart <= window', 'a frame too many'],
    ],
  },
  {
    area: 'Transformer',
    file: source.rotary,
    by: tests.transformer(),
    changes: [
      ['base ** ((-2 * i) / n)', 'base ** (-i / n)', 'turns that slow down by half'],
      ['tf.sub(tf.mul(dy, cosines!)', 'tf.add(tf.mul(dy, cosines!)', 'a gradient turned on, not back'],
    ],
  },
  {
    area: 'Transformer',
    file: source.rmsNorm,
    by: tests.transformer(),
    changes: [['tf.sub(d, tf.mul(normalised, along))', 'd', 'a gradient along x']],
  },
];

import type { Group } from '../mutant.ts';
import { source, tests } from '../places.ts';

const recordings = tests.minatar('replay what MinAtar recorded');

/** MinAtar's games, and what is made of images. */
export const images: readonly Group[] = [
  {
    area: 'MinAtar',
    file: source.minatarGame,
    by: recordings,
    changes: [['draws.uniform() >= sticky', 'draws.uniform() < sticky', 'nine actions in ten repeated']],
  },
  {
    area: 'MinAtar',
    file: source.breakout,
    by: recordings,
    changes: [
      ['if (!touching) game.striking = false;', '', 'a ball that takes one brick alone'],
      ['if (old.x === game.paddle)', 'if (next.x === game.paddle)', 'the paddle met where the ball will be'],
    ],
  },
  {
    area: 'MinAtar',
    file: source.seaquest,
    by: recordings,
    changes: [
      ['enemy.timer = game.enemyMoveSpeed', 'enemy.timer = ENEMY_MOVE_SPEED', 'enemies that never hurry'],
      ['  game.aboard--;\n', '', 'no diver paid for a surfacing'],
    ],
  },
  {
    area: 'Images',
    file: source.convolution,
    by: tests.convolution('gradients'),
    changes: [
      [
        'along(axis, block, blocks - 1 - block, 5)',
        'along(axis, blocks - 1 - block, block, 5)',
        "a patch's gradient put elsewhere",
      ],
      ['.with(axis + 1, offset % stride)', '', 'every cell between two strides seen as the one before'],
    ],
  },
  {
    area: 'Images',
    file: source.convolution,
    by: tests.convolution('transposed'),
    changes: [
      [
        'scattered(scattered(patches, 1, kernel), 2, kernel)',
        'scattered(scattered(patches, 2, kernel), 1, kernel)',
        'patches turned over',
      ],
    ],
  },
  {
    area: 'Images',
    file: source.rssmObservations,
    by: tests.imageModels('encoded and decoded'),
    changes: [
      ['tf.sub(reshaped(x, ...image), MIDDLE)', 'reshaped(x, ...image)', 'dark patches that are 0'],
      ['return tf.sigmoid(', 'return tf.tanh(', 'cells below 0'],
    ],
  },
  {
    area: 'Images',
    file: source.tower,
    by: tests.imageModels('encoded and decoded'),
    changes: [
      ['transposedConvolution(tf.relu(made), ', 'transposedConvolution(made, ', 'planes without ReLU'],
      ['tf.sigmoid(output)', 'output', 'cells of any size'],
    ],
  },
  {
    area: 'Images',
    file: source.imageDiagnostics,
    by: tests.imageModels('F1'),
    changes: [
      ['tf.mul(2, hits)', 'hits', 'half of F1'],
      ['tf.maximum(tf.sum(present, 1), 1)', 'hits.shape[1]!', 'dark channels count'],
      ['mask ? tf.mul(x, mask) : x', 'x', 'steps that were not taken count'],
      ['before * after;', 'after;', 'what appears counts as having stood still'],
    ],
  },
  {
    area: 'Images',
    file: source.followedSequences,
    by: tests.imageModels('in parts'),
    changes: [
      ['tf.div(part.steps, taken)', 'tf.div(part.steps, part.steps)', 'the errors of parts added up'],
    ],
  },
  {
    area: 'Images',
    file: source.observations,
    by: tests.imageReplay(),
    changes: [['bytes ? new Uint8Array(length)', 'bytes ? new Float32Array(length)', 'no bytes kept']],
  },
];

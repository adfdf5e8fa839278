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
      ['[offset, KERNEL - 1 - offset]', '[KERNEL - 1 - offset, offset]', "a patch's gradient put elsewhere"],
    ],
  },
  {
    area: 'Images',
    file: source.observations,
    by: tests.imageReplay(),
    changes: [['bytes ? new Uint8Array(length)', 'bytes ? new Float32Array(length)', 'no bytes kept']],
  },
];

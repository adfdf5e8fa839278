import type { Ink } from '../drawing.ts';
import type { EnvironmentEntry } from '../index.ts';
import { TimeLimit } from '../time-limit.ts';
import { asterix, gather } from './asterix.ts';
import { SIDE } from './board.ts';
import { breakout, catchBall } from './breakout.ts';
import { boardDrawing } from './drawing.ts';
import { cross, freeway } from './freeway.ts';
import type { Game } from './game.ts';
import { MinAtar } from './minatar.ts';
import { dive, lostTo, seaquest } from './seaquest.ts';
import { shootDown, shotOrInvaded, spaceInvaders } from './space-invaders.ts';

/**
 * Steps of an episode at most. MinAtar has no limit, but an agent that plays Breakout without a mistake would never end.
 * It is Freeway's clock, less its last tick: that ends an episode by time, which no observation shows, and so is a
 * truncation like the others.
 */
const MOST_STEPS = 2500;

/** A game as experiments know it. */
function entryOf<State>(
  game: Game<State>,
  {
    mostReward,
    solved,
    inks,
    ...rest
  }: {
    /** Largest reward of a step. */
    mostReward: number;
    solved: number;
    /** How each channel is drawn, the hindmost first. */
    inks: readonly (readonly [channel: string, ink: Ink])[];
  } & Pick<EnvironmentEntry, 'controller' | 'terminationCause'>,
): EnvironmentEntry {
  const { channels } = game;
  return {
    make: () => new TimeLimit(new MinAtar(game), MOST_STEPS),
    observationNames: channels,
    observationScale: new Array<number>(SIDE * SIDE * channels.length).fill(1),
    rewardRange: [0, mostReward],
    threshold: {
      reward: solved,
      source: 'no reward_threshold in MinAtar; what the hand-written controller reaches here',
    },
    drawing: boardDrawing(
      channels.length,
      inks.map(([channel, ink]) => [channels.indexOf(channel), ink]),
    ),
    ...rest,
  };
}

/** MinAtar's five games (Young and Tian, 2019), by their names in Gymnasium; with all six actions they are version 0. */
export const minAtarEntries = (): [string, EnvironmentEntry][] => [
  [
    'MinAtar/Breakout-v0',
    entryOf(breakout, {
      ...{ mostReward: 1, solved: 8, controller: catchBall, terminationCause: () => 'ball' },
      inks: [
        ['brick', 'goal'],
        ['trail', 'ground'],
        ['ball', 'limb'],
        ['paddle', 'body'],
      ],
    }),
  ],
  [
    'MinAtar/Asterix-v0',
    entryOf(asterix, {
      ...{ mostReward: 1, solved: 28, controller: gather, terminationCause: () => 'enemy' },
      inks: [
        ['trail', 'ground'],
        ['gold', 'goal'],
        ['enemy', 'danger'],
        ['player', 'body'],
      ],
    }),
  ],
  [
    'MinAtar/Freeway-v0',
    entryOf(freeway, {
      ...{ mostReward: 1, solved: 61, controller: cross, terminationCause: () => 'clock' },
      inks: [
        ...([1, 2, 3, 4, 5] as const).map((speed) => [`speed${speed}`, 'ground'] as const),
        ['car', 'danger'],
        ['chicken', 'body'],
      ],
    }),
  ],
  [
    'MinAtar/Seaquest-v0',
    entryOf(seaquest, {
      // Six divers brought up with nearly all oxygen, and what two bullets hit.
      ...{ mostReward: 11, solved: 6, controller: dive, terminationCause: lostTo },
      inks: [
        ['trail', 'ground'],
        ['oxygen_gauge', 'joint'],
        ['diver_gauge', 'goal'],
        ['diver', 'goal'],
        ['friendly_bullet', 'limb'],
        ['enemy_bullet', 'joint'],
        ['enemy_fish', 'danger'],
        ['enemy_sub', 'danger'],
        ['sub_back', 'limb'],
        ['sub_front', 'body'],
      ],
    }),
  ],
  [
    'MinAtar/SpaceInvaders-v0',
    entryOf(spaceInvaders, {
      // Two of the cannon's bullets are on their way at most.
      ...{ mostReward: 2, solved: 21, controller: shootDown, terminationCause: shotOrInvaded },
      inks: [
        ['alien', 'danger'],
        ['friendly_bullet', 'limb'],
        ['enemy_bullet', 'joint'],
        ['cannon', 'body'],
      ],
    }),
  ],
];

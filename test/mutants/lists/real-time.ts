import type { Group } from '../mutant.ts';
import { source, tests } from '../places.ts';

/** Deadlines, the record, and what is counted of them. */
export const realTime: readonly Group[] = [
  {
    area: 'Real time',
    file: source.realTimeActing,
    by: tests.realTime('an answer within the period'),
    changes: [
      ['answered > tick(ticks + 1)', 'answered > tick(ticks + 9)', 'a late answer counts as in time'],
      ['if (ticks === 0) origin = answered;', 'origin = answered;', 'deadlines that move with every answer'],
      [
        'yield take(tick(++ticks), answered - shown);',
        'yield take(tick(++ticks), null);',
        'every step is late',
      ],
    ],
  },
  {
    area: 'Real time',
    file: source.realTimeActing,
    by: tests.realTime('a random action that comes late'),
    changes: [
      [
        'actions: actions.slice(), ...answer }',
        'actions, ...answer }',
        'late steps take the action that is yet to come',
      ],
    ],
  },
  {
    area: 'Real time',
    file: source.realTimeActing,
    by: tests.realTime('of one episode of a game'),
    changes: [
      ['[new FreshEpisodes(environment.make)]', '[environment.make()]', 'a move that outlives its episode'],
    ],
  },
  {
    area: 'Real time',
    file: source.realTimeActing,
    by: tests.realTime('who goes on from recorded steps'),
    changes: [
      ['fork(`${taken}`)', "fork('0')", 'the same noise at every step'],
      [
        'this.taken = setting.taken - open.length;',
        'this.taken = setting.taken;',
        'another start of the open episode',
      ],
      ['this.#acting.carry.set(carry);', '', 'the memory of the open episode is forgotten'],
      [
        'last?.some((x, i) => x !== observations[i])',
        'false',
        'an environment that did otherwise is gone on with',
      ],
    ],
  },
  {
    area: 'Real time',
    file: source.realTimeTally,
    by: tests.realTime('the tally counts'),
    changes: [
      ['kept.late++;', '', 'late steps that nobody counts'],
      ['before !== STEP_OPENS_SITTING && index > 0', 'index > 0', 'the time between two sittings counts'],
      ['if (random) return;', '', 'random actions have an age'],
    ],
  },
  {
    area: 'Real time',
    file: source.realTimeLearner,
    by: tests.realTime('updates are made while no step waits'),
    changes: [
      ['recorded === undefined ? isFree() : recorded === step', 'isFree()', 'a record that is not followed'],
      ['steps.length <= step && ', '', 'updates while steps wait'],
      ['next % publishEvery === 0', 'update % publishEvery === 0', 'weights handed over an update later'],
    ],
  },
];

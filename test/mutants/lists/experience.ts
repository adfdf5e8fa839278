import type { Group } from '../mutant.ts';
import { source, tests } from '../places.ts';

/** How experience is gathered, kept and drawn, and what returns it gives. */
export const experience: readonly Group[] = [
  {
    area: 'Returns',
    file: source.returns,
    by: tests.update('1 stacked on cpu'),
    changes: [
      ['tf.mul(values[t]!, 1 - lambda)', 'tf.mul(values[t]!, lambda)', 'λ for 1 − λ'],
      ['let next = values.at(-1)!', 'let next = values[0]!', 'ends with the first value'],
      [
        'next = tf.add(rewards[t]!, tf.mul(discounts[t]!, mixed))',
        'next = tf.add(rewards[t]!, mixed)',
        'undiscounted',
      ],
    ],
  },
  {
    area: 'Returns',
    file: source.returns,
    by: tests.training('quantileRange'),
    changes: [
      ['(1 - q) * (size - 1)', '(1 - q) * size', 'quantiles of one value more'],
      ['[1 - weight, weight]', '[weight, 1 - weight]', 'interpolated the other way'],
    ],
  },
  {
    area: 'Replay',
    file: source.replay,
    by: tests.training('windows are consecutive|every window'),
    changes: [
      [
        'next_observation: transition.nextObservation',
        'next_observation: transition.observation',
        'the observation for the next one',
      ],
      [
        'terminated: Number(transition.terminated)',
        'terminated: Number(transition.first)',
        'starts for ends',
      ],
      ['first: Number(transition.first)', 'first: 0', 'no starts'],
      [
        'batch[field], window * time)',
        'batch[field], (window % windows) * time)',
        "written over the first member's part",
      ],
    ],
  },
  {
    area: 'Replay',
    file: source.ring,
    by: tests.training('windows are consecutive|every window'),
    changes: [
      ['this.size - length + 1', 'this.size - length', 'the newest window never drawn'],
      ['oldest + random.integer(windows)', 'random.integer(windows)', 'windows across the newest step'],
    ],
  },
  {
    area: 'Replay',
    file: source.ring,
    by: tests.training('goes on from its checkpoint'),
    changes: [
      [
        'this.#values[name].set(arrays[`replay.${name}`]!.data);',
        "if (name !== 'first') this.#values[name].set(arrays[`replay.${name}`]!.data);",
        'starts not loaded',
      ],
      [
        'Float64Array.of(this.#added)',
        'Float64Array.of(rows)',
        'the count of what was added cut to the capacity',
      ],
      ['this.#added = added;', 'this.#added = rows;', 'goes on at the wrong row'],
    ],
  },
  {
    area: 'Replay',
    file: source.replay,
    by: tests.diagnostics(),
    changes: [
      [
        '(member * batch + b) * time',
        '(member * batch + b) * sequences.time',
        'episodes of unequal lengths overlap',
      ],
    ],
  },
  {
    area: 'Replay',
    file: source.replayLearner,
    by: tests.training('drawn from streams of their names'),
    changes: [
      ['step <= randomSteps', 'step < randomSteps', 'one random step fewer'],
      ["'replay')", "'replays')", 'windows from another stream'],
    ],
  },
  {
    area: 'Replay',
    file: source.transitions,
    by: tests.training('drawn from streams of their names'),
    changes: [
      ['replay.sample(randoms[member]!', 'replay.sample(randoms[0]!', "windows by the first member's stream"],
      ['reward: reward[i]!', 'reward: 1 - reward[i]!', 'other rewards remembered'],
    ],
  },
  {
    area: 'Replay',
    file: source.replayLearner,
    by: tests.training('at their multiples|mean over its interval'),
    changes: [
      [
        '#updatesAfter(step - randomSteps)',
        '#updatesAfter(step)',
        'updates before the random steps are over',
      ],
      ['step, update + made)', 'step, update + made - 1)', 'updates counted from 0'],
    ],
  },
  {
    area: 'Replay',
    file: source.replayLearner,
    by: tests.training('come in rows'),
    changes: [
      ['trained === 0) return', 'trained === 1) return', 'pretrains after the first step of the policy'],
      ['=== 0 ? updates : 0', '=== 0 ? 1 : 0', 'one update for many'],
    ],
  },
  {
    area: 'Collecting',
    file: source.collector,
    by: tests.training('drawn from streams of their names'),
    changes: [
      ["'environment')", "'environments')", 'starts from another stream'],
      ["'exploration')", "'environment')", 'random actions from the stream of starts'],
      ["'acting')", "'exploration')", 'sampled actions from the stream of random ones'],
      ["'online', 'sampled'", "'average', 'sampled'", 'collects with the averaged policy'],
      ["'online', 'sampled'", "'online', 'greedy'", 'collects greedily'],
      ['Math.floor(index / this.environments)', '0', "every member's episodes from the first one's stream"],
    ],
  },
  {
    area: 'Collecting',
    file: source.environmentSteps,
    by: tests.training('drawn from streams of their names'),
    changes: [
      ['observation.set(this.vector.observations);', '', 'the first observation for ever'],
      ['first.set(this.starts);', '', 'starts not marked'],
    ],
  },
  {
    area: 'Collecting',
    file: source.environmentSteps,
    by: tests.training('a truncation starts an episode'),
    changes: [
      [
        'terminated.set(this.vector.terminated)',
        'terminated.set(this.vector.truncated)',
        'truncations for terminations',
      ],
    ],
  },
  {
    area: 'Training',
    file: source.train,
    by: tests.training('at their multiples'),
    changes: [
      [
        'step % evaluation.every === 0 || step === steps',
        'step % evaluation.every === 0',
        'no evaluation at the end',
      ],
      [
        'update % plan.logEvery < updates',
        'update % plan.logEvery === 0',
        'a row of losses without an update',
      ],
    ],
  },
  {
    area: 'Training',
    file: source.lossLog,
    by: tests.training('mean over its interval|pending losses'),
    changes: [
      ['over(term, mean)', 'over(term, max)', 'the peak for the mean'],
      ['over(term, max)])', 'over(term, mean)])', 'the mean for the peak'],
      ['pending.splice(0)', 'pending.slice()', 'the mean since the start'],
    ],
  },
  {
    area: 'Training',
    file: source.lossLog,
    by: tests.training('reported within its log interval|total is blamed'),
    changes: [
      ["bad.find((name) => name !== 'loss') ?? bad[0]", 'bad[0]', 'the total blamed for a term'],
      ['row[term] !== null && ', 'row[term] === 0 && ', 'what is not finite passes'],
    ],
  },
];

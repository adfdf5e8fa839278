import type { Group } from '../mutant.ts';
import { source, tests } from '../places.ts';

const resumedAgent = tests.training('resumed at step 26');

/** What a run is gone on with from. */
export const resuming: readonly Group[] = [
  {
    area: 'Resume',
    file: source.trainSeeds,
    by: tests.resume(),
    changes: [
      ['checkpointDue = true', 'checkpointDue = false', 'no checkpoint after an evaluation'],
      ['states.length > 0 ? states : undefined', 'undefined', 'starts again, in the same files'],
      [
        'event.step >= turnEnd && event.step < experiment.steps',
        'event.step >= turnEnd',
        'a turn ends where the run does',
      ],
      [
        'const turnEnd = ended.steps + turn',
        'const turnEnd = turn',
        'turns counted from the start of the run',
      ],
      ['ended = { steps: event.step, updates: event.update };', '', 'ends with the counts it began with'],
    ],
  },
  {
    area: 'Resume',
    file: source.seedRecord,
    by: tests.resume(),
    changes: [
      ['written(at) && isEvaluated(experiment, at)', 'isEvaluated(experiment, at)', 'evaluations twice'],
      ['this.#losses.keep(made);', '', 'rows of losses twice'],
      [
        'Number(row.update) <= update',
        'Number(row.update) < update',
        'the row of losses at the checkpoint cut off',
      ],
      ['(checkpoint?.wallSeconds ?? 0) + seconds()', 'seconds()', 'the time of earlier sittings forgotten'],
      ['wall_seconds: this.#wallSeconds(), ...row', '...row, wall_seconds: 0', 'no time told'],
    ],
  },
  {
    area: 'Resume',
    file: source.train,
    by: resumedAgent,
    changes: [
      ['agent.load(states);', '', 'fresh weights'],
      ['losses.load(member, state);', '', 'pending rows of losses forgotten'],
      ['learner.load(member, state)', 'undefined', 'a fresh replay and environment'],
      [
        '{ ...own.streams, ...learnt.streams }',
        '{ ...learnt.streams, ...own.streams, acting: learnt.streams.exploration! }',
        'one stream saved as another',
      ],
    ],
  },
  {
    area: 'Resume',
    file: source.trainingState,
    by: resumedAgent,
    changes: [
      [
        'fromState(streams[name]!)',
        'fromState(streams.posterior!)',
        "every stream at the posterior's position",
      ],
      [
        'this.#streams[member]![name].state()',
        'this.#streams[0]![name].state()',
        "the first member's positions saved for each",
      ],
    ],
  },
  {
    area: 'Resume',
    file: source.collector,
    by: resumedAgent,
    changes: [
      [
        "this.#steps.starts.set(arrays['environment.first']!.data, from);",
        '',
        'each resumed step starts an episode',
      ],
      [
        'this.#steps.vector.setState(from + i, states.slice(i * size, (i + 1) * size));',
        '',
        'goes on from fresh starts',
      ],
      [
        'const from = member * this.environments;\n    this.#steps.starts',
        'const from = 0;\n    this.#steps.starts',
        "another member's environment",
      ],
    ],
  },
  {
    area: 'Resume',
    file: source.weights,
    by: resumedAgent,
    changes: [['member * shape[1]);', '0);', "every member's weights in the first one's place"]],
  },
  {
    area: 'Resume',
    file: source.lossLog,
    by: tests.training('pending losses'),
    changes: [
      ["this.#updates[member] = arrays['losses.updates']!.data[0]!;", '', 'updates counted from the resume'],
      ['Number.isNaN(value) ? null : value', 'value', 'an absent term becomes NaN'],
    ],
  },
  {
    area: 'Resume',
    file: source.checkpoint,
    by: tests.runs('checkpoint:'),
    changes: [
      ['    moveFile(files.newest, files.previous);', '', 'no previous checkpoint'],
      ['moveFile(files.previous, files.newest);', '', 'a damaged checkpoint kept'],
      ['    permit();', '', 'written by who may no longer write'],
      ['if (!(error instanceof SafetensorsError)) throw error;', '', 'another version taken for damage'],
    ],
  },
  {
    area: 'Resume',
    file: source.csv,
    by: tests.runs('csv log:'),
    changes: [
      [
        'stands(Number(row.env_step), row)',
        '!stands(Number(row.env_step), row)',
        'what stands cut off, the rest kept',
      ],
      [
        'parseCsv(wholeLines(text), this.file)',
        'parseCsv(text, this.file)',
        'a half-written line taken for a row',
      ],
      ['if (cut !== text) replaceFile(this.file, cut);', '', 'nothing cut off'],
      ['header.startsWith(text) && text !== header', 'text === ""', 'a half-written header kept'],
    ],
  },
];

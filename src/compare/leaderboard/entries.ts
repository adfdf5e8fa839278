import { normalisedScore, type ScoreBounds, scoreBounds } from '../../envs/normalisation.ts';
import { UserError } from '../../errors.ts';
import { methods } from '../../methods/index.ts';
import type { ReadRuns, Run } from '../../runs/read.ts';
import { enumeration, grouped } from '../../words.ts';
import { EPISODES, EVALUATION_INTERVAL, stopWords, TASK } from '../conditions.ts';
import { difference, folderNotes } from '../notes.ts';
import { armTitle } from '../samples.ts';
import { type TableRow, tableRows } from '../table.ts';
import { wholeRuns } from '../whole-runs.ts';

/** One method on one task. */
export interface Entry {
  method: string;
  run: Run;
  row: TableRow;
  /** Normalised final rewards, seed by seed. */
  scores: number[];
}

/** A task, and who was measured on it. */
export interface Task {
  name: string;
  environment: string;
  steps: number;
  bounds: ScoreBounds;
  entries: Entry[];
}

/** What a leaderboard is of. */
export interface Field {
  /** In the order in which their runs come. */
  tasks: Task[];
  /** Seeds of every method on every task. */
  seeds: number;
  /** Who is left out, and why: sentences. */
  notes: string[];
}

const taskOf = ({ experiment }: Run) => TASK.of(experiment);

/**
 * The finished runs as a field of methods and tasks. A method is an arm, called the same on every task.
 *
 * @throws UserError where no run is finished, one learns from a data set, a task has no bounds, runs of a task differ in
 *   length, in when they end early or in the number of their seeds, or two are of one arm
 */
export function fieldOf({ runs, passedOver, missing }: ReadRuns): Field {
  const { whole: finished, notes } = wholeRuns(runs, 'a leaderboard');
  const offline = finished.find(({ experiment }) => methods[experiment.method].learnsOffline);
  if (offline) {
    throw new UserError(
      `${offline.dir} is of ${offline.experiment.method}, which learns from a data set: its steps are updates, and a leaderboard is of equal environment steps; leave it out`,
    );
  }
  const names = [...new Set(finished.map(taskOf))];
  const tasks = names.map((name) =>
    task(
      name,
      finished.filter((run) => taskOf(run) === name),
    ),
  );
  const counts = tasks.flatMap(({ entries }) =>
    entries.map(({ scores, run }) => ({ n: scores.length, run })),
  );
  const other = counts.find(({ n }) => n !== counts[0]!.n);
  if (other) {
    throw new UserError(
      `${counts[0]!.run.dir} has ${counts[0]!.n} seeds and ${other.run.dir} has ${other.n}; a leaderboard is of equally many, train or leave out the rest`,
    );
  }
  return {
    tasks,
    seeds: counts[0]!.n,
    notes: [...tasks.flatMap(evaluationNotes), ...folderNotes({ passedOver, missing }), ...notes],
  };
}

/** In what the methods of a task are evaluated otherwise, on which what they reach, and when, depends. */
const evaluationNotes = ({ name, entries }: Task): string[] =>
  [EPISODES, EVALUATION_INTERVAL].flatMap((condition) =>
    difference(
      `${condition.name} on ${name}`,
      entries.map(({ method, run }) => ({ label: method, value: condition.of(run.experiment) })),
    ),
  );

function task(name: string, runs: readonly Run[]): Task {
  const { environment, steps } = runs[0]!.experiment;
  const bounds = scoreBounds(environment);
  if (bounds === undefined) {
    throw new UserError(
      `${runs[0]!.dir} is of ${name}, whose returns have no bounds to be normalised by; leave it out`,
    );
  }
  const longer = runs.find(({ experiment }) => experiment.steps !== steps);
  if (longer) {
    throw new UserError(
      `${runs[0]!.dir} has ${grouped(steps)} environment steps and ${longer.dir} has ${grouped(longer.experiment.steps)}; a leaderboard is of equally many on a task`,
    );
  }
  const rule = (run: Run) => stopWords(run.experiment);
  const otherRule = runs.find((run) => rule(run) !== rule(runs[0]!));
  if (otherRule) {
    throw new UserError(
      `${runs[0]!.dir} ends early ${rule(runs[0]!)} and ${otherRule.dir} ${rule(otherRule)} (stopWhen), and an end at a good evaluation flatters; a leaderboard is of one rule on a task`,
    );
  }
  const rows = tableRows(runs, false, { intervals: false });
  const entries = runs.map((run, index): Entry => {
    const scores = run.seeds.map(({ rows }) => normalisedScore(rows.at(-1)!.reward_mean!, bounds));
    return { method: armTitle(run.info.arm), run, row: rows[index]!, scores };
  });
  const twin = entries.find(({ method }, index) => entries.findIndex((e) => e.method === method) < index);
  if (twin) {
    const both = entries.filter(({ method }) => method === twin.method).map(({ run }) => run.dir);
    throw new UserError(
      `${enumeration(both)} are both ${twin.method} on ${name}; give one of them, or compare the two without --leaderboard`,
    );
  }
  return { name, environment, steps, bounds, entries };
}

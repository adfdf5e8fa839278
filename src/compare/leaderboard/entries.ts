import { normalisedScore, type ScoreBounds, scoreBounds } from '../../envs/normalisation.ts';
import { UserError } from '../../errors.ts';
import { methods } from '../../methods/index.ts';
import type { ReadRuns, Run } from '../../runs/read.ts';
import { enumeration, grouped } from '../../words.ts';
import { CONDITIONS } from '../conditions.ts';
import { folderNotes } from '../notes.ts';
import { armTitle } from '../samples.ts';
import { type TableRow, tableRows } from '../table.ts';

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

const taskOf = ({ experiment }: Run) => CONDITIONS[0]!.of(experiment);

/**
 * The finished runs as a field of methods and tasks. A method is an arm, called the same on every task.
 *
 * @throws UserError where no run is finished, one learns from a data set, a task has no bounds, runs of a task differ in length or in the number of
 *   their seeds, or two are of one arm
 */
export function fieldOf({ runs, passedOver, missing }: ReadRuns): Field {
  const unfinished = runs.filter((run) => run.unfinished.length > 0 || run.faulty.length > 0);
  const finished = runs.filter((run) => !unfinished.includes(run));
  if (finished.length === 0) {
    throw new UserError(
      'none of these runs is finished, and a leaderboard is of finished ones; train them on',
    );
  }
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
    notes: [
      ...folderNotes({ passedOver, missing }),
      ...(unfinished.length > 0
        ? [`Left out, not every seed is finished: ${unfinished.map(({ dir }) => dir).join(', ')}.`]
        : []),
    ],
  };
}

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

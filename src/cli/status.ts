import path from 'node:path';
import type { Experiment } from '../config/schema.ts';
import type { CellSettings, Sweep } from '../config/sweep.ts';
import { UserError } from '../errors.ts';
import { printable } from '../printable.ts';
import { type FoundRun, findRuns } from '../runs/find.ts';
import { holderWords, type LockHolder } from '../runs/lock.ts';
import { type RunInfo, type SeedStatus, sittingsOf } from '../runs/records.ts';
import { type RunStanding, readStanding } from '../runs/status.ts';
import { stepReached } from '../runs/step-reached.ts';
import { submittedExperiment } from '../runs/submission.ts';
import { readSweep, settingsOf } from '../runs/sweep-folder.ts';
import { counted } from '../words.ts';
import { alignColumns } from './align.ts';

/** How a seed stands, as `--json` prints it. */
interface SeedView {
  seed: number;
  status: SeedStatus;
  /** Environment steps of its last row. */
  step: number;
  /** Why it failed. */
  reason: string | null;
  /** Who trains it. */
  holder: LockHolder | null;
  /** ISO 8601, since when it is trained. */
  since: string | null;
}

/** How a run, or a cell of a sweep, stands. */
interface RunView {
  run: string;
  /** Which `--cell` it is, and its settings; null for a run of its own. */
  cell: number | null;
  settings: CellSettings | null;
  status: SeedStatus;
  /** Environment steps of each seed when it is finished. */
  steps: number;
  seeds: SeedView[];
}

const STATUSES = ['done', 'running', 'waiting', 'interrupted', 'failed'] as const;

/** `wm status`: how every cell and seed of a sweep, or of runs, stands. Returns the exit code. */
export function statusCommand(dir: string, { json = false }: { json?: boolean }): number {
  const faults: { dir: string; fault: string }[] = [];
  const runs = viewsOf(dir, faults);
  if (runs.length === 0) {
    throw new UserError(
      faults.length > 0
        ? `${dir} holds no run that can be read: ${faults.map((each) => `${each.dir}: ${each.fault}`).join('; ')}`
        : `${dir} holds no run, up to four folders deep; give a run or sweep folder, or a folder of such folders`,
    );
  }
  const counts = Object.fromEntries(
    STATUSES.map((status) => [
      status,
      runs.flatMap(({ seeds }) => seeds).filter((s) => s.status === status).length,
    ]),
  );
  if (json) {
    process.stdout.write(`${JSON.stringify({ folder: dir, seeds: counts, runs, faults })}\n`);
    return 0;
  }
  const told = STATUSES.filter((status) => counts[status]! > 0).map(
    (status) => `${counts[status]} ${status}`,
  );
  const kind = runs.some(({ cell }) => cell !== null) ? 'cell' : 'run';
  process.stdout.write(`${printable(dir)}: ${counted(runs.length, kind)}; seeds: ${told.join(', ')}\n`);
  process.stdout.write(
    alignColumns([
      [kind, 'status', 'seeds', 'steps', 'where', 'since'],
      ...runs.map((run) => lineOf(run, dir)),
    ]),
  );
  for (const { run, seeds } of runs) {
    for (const { seed, reason } of seeds) {
      if (reason !== null)
        process.stdout.write(`${printable(nameBelow(dir, run))} seed ${seed} failed: ${reason}\n`);
    }
  }
  for (const { dir, fault } of faults) process.stderr.write(`${printable(dir)} is left out: ${fault}\n`);
  return 0;
}

function viewsOf(dir: string, faults: { dir: string; fault: string }[]): RunView[] {
  const sweeps = new Map<string, Sweep | undefined>();
  const found = findRuns([dir], (folder) => {
    const sweep = readSweep(folder);
    sweeps.set(folder, sweep);
    return sweep;
  });
  faults.push(...found.faults);
  const sweep = sweeps.has(dir) ? sweeps.get(dir) : readSweep(dir);
  const there = new Map(found.runs.map((run) => [run.dir, run]));
  if (sweep === undefined) {
    const submitted = found.runs.length === 0 ? submittedExperiment(dir) : undefined;
    if (submitted) return [waitingView(dir, submitted, null, null)];
    return found.runs.flatMap((run) => attempt(run, null, faults));
  }
  return sweep.cells.flatMap(({ experiment }, index) => {
    const cell = path.join(dir, experiment.name);
    const run = there.get(cell);
    return run ? attempt(run, index, faults) : [waitingView(cell, experiment, index, sweep)];
  });
}

function attempt(run: FoundRun, cell: number | null, faults: { dir: string; fault: string }[]): RunView[] {
  try {
    return [viewOf(readStanding(run), cell)];
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    faults.push({ dir: run.dir, fault: error.message });
    return [];
  }
}

/** Of a run that nobody has begun. */
function waitingView(run: string, experiment: Experiment, cell: number | null, sweep: Sweep | null): RunView {
  const view = { status: 'waiting' as const, step: 0, reason: null, holder: null, since: null };
  return {
    ...{
      run,
      cell,
      settings: sweep && settingsOf(experiment, sweep),
      status: 'waiting',
      steps: experiment.steps,
    },
    seeds: experiment.seeds.map((seed) => ({ seed, ...view })),
  };
}

function viewOf(
  { dir, info, experiment, status, seeds, cell: place }: RunStanding,
  cell: number | null,
): RunView {
  return {
    ...{ run: dir, cell, settings: place?.settings ?? null, status, steps: experiment.steps },
    seeds: seeds.map(({ seed, status, reason, done, holder }) => ({
      ...{ seed, status, reason, holder },
      step: done?.steps ?? (status === 'waiting' ? 0 : stepReached(path.join(dir, `seed-${seed}`))),
      since: holder && beginOf(info, holder),
    })),
  };
}

/** When the sitting of a process began: the last that has not ended and was begun on its host, in its job. */
function beginOf(info: RunInfo, { host, job }: LockHolder): string | null {
  const own = sittingsOf(info).findLast(
    (each) => each.end === null && each.host === host && (each.job?.id ?? null) === job,
  );
  return own?.start ?? null;
}

/** A run's path below the folder that was given; that folder's own name where it is the run. */
const nameBelow = (dir: string, run: string): string =>
  path.relative(dir, run) || path.basename(path.resolve(run));

/** A run in a line of the table; where several trained it, the first of them and how many more. */
function lineOf({ run, status, steps, seeds }: RunView, dir: string): string[] {
  const parts = STATUSES.flatMap((each) => {
    const of = seeds.filter((seed) => seed.status === each);
    if (of.length === 0) return [];
    return each === status && of.length === seeds.length ? [`${of.length}`] : [`${of.length} ${each}`];
  });
  const going = seeds.filter(({ status }) => status === 'running' || status === 'interrupted');
  const reached = going.map(({ step }) => step);
  const least = Math.min(...reached);
  const most = Math.max(...reached);
  const holders = [...new Set(seeds.flatMap(({ holder }) => (holder ? [holderWords(holder)] : [])))];
  const begins = seeds.flatMap(({ since }) => since ?? []).sort();
  return [
    printable(nameBelow(dir, run)),
    status,
    parts.join(', '),
    going.length === 0 ? '' : `${least === most ? least : `${least} to ${most}`} of ${steps}`,
    printable(`${holders[0] ?? ''}${holders.length > 1 ? ` and ${holders.length - 1} more` : ''}`),
    begins[0] === undefined ? '' : `${begins[0].slice(0, 19).replace('T', ' ')} UTC`,
  ];
}

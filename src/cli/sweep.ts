import path from 'node:path';
import { formatMean } from '../compare/numbers.ts';
import { type Cell, loadSweep, type Sweep } from '../config/sweep.ts';
import { UserError } from '../errors.ts';
import type { SeedShare } from '../experiment/seed-share.ts';
import { type Sitting, whyNoShares } from '../experiment/sitting.ts';
import type { LapsedLocks } from '../runs/lock.ts';
import { checkSweepFolder, joinSweepFolder, openSweepFolder, readSweep } from '../runs/sweep-folder.ts';
import { counted, seedWords } from '../words.ts';
import { alignColumns } from './align.ts';
import { type ConfigOptions, configInput, refuseWords } from './config-file.ts';
import { blamingVariable, engineOfVariable } from './requested-engine.ts';
import { type RunResult, rewardWords, runResult } from './run-result.ts';
import { engineWords, finishedWords, type SessionOptions, sessionExitCode, trainSession } from './session.ts';
import { refuseMisplacedOptions, type SubmitOptions, submit, type ToSubmit } from './submit.ts';

interface SweepOptions extends ConfigOptions, SessionOptions, SubmitOptions {
  /** The only cell to train, the first is 0. */
  cell?: number;
  seedShare?: SeedShare;
}

/** `wm sweep`; `words` are those that stand by themselves. Returns the exit code. */
export async function sweepCommand(options: SweepOptions, words: readonly string[]): Promise<number> {
  refuseWords(words);
  refuseMisplacedOptions(options);
  const input = configInput(options);
  const sweep = loadSweep(input);
  if (options.submit) return submit(sweepToSubmit(path.join(options.runs, sweep.name), sweep), options);
  const cells = chosenCells(sweep, options.cell);
  const dir = path.join(options.runs, sweep.name);
  const isWhole = options.cell === undefined && options.seedShare === undefined;
  let ended = 0;
  const plan = {
    experiments: cells.map(({ experiment }) => experiment),
    runsDir: dir,
    openParent: (lapsed: LapsedLocks, lost: () => void) => {
      if (isWhole) return openSweepFolder(dir, sweep, { lapsed, lost });
      joinSweepFolder(dir, sweep, lapsed);
      return null;
    },
  };
  const outcomes = await blamingVariable(engineOfVariable(input), () =>
    trainSession(plan, options, {
      seedLabel: ({ name }, seed) => `${name} seed ${seed}`,
      opening: (runs) => {
        ended = runs.filter(({ pending }) => pending.length === 0).length;
        return openingWords(dir, runs, ended, input.shipped ? `; config ${input.file}` : '');
      },
      runEnded: ({ outcome }, progress) => {
        if (outcome.interrupted.length > 0) return;
        ended++;
        const result = runResult(outcome);
        progress.note(
          `${cellWords(result)}; ${ended} of ${cells.length} cells ended; seeds: ${progress.summary()}`,
        );
      },
    }),
  );
  const results = outcomes.map(runResult);
  if (options.json) {
    const rows = cells.map(({ settings }, index) => ({ settings, ...results[index] }));
    process.stdout.write(`${JSON.stringify({ sweep: dir, cells: rows })}\n`);
  } else {
    const lines = results.map((result, index) => [
      cells[index]!.experiment.name,
      formatMean('reward', result.final_reward),
      `${result.seeds.length} of ${cells[index]!.experiment.seeds.length}`,
    ]);
    process.stdout.write(alignColumns([['cell', 'final reward', 'seeds'], ...lines]));
  }
  return sessionExitCode(outcomes);
}

function sweepToSubmit(dir: string, sweep: Sweep): ToSubmit {
  return {
    ...{ command: 'sweep', name: sweep.name, dir, config: path.join(dir, 'sweep.yaml') },
    experiments: sweep.cells.map(({ experiment }) => experiment),
    check: (shares) => {
      const isLonger = checkSweepFolder(dir, sweep);
      if (isLonger && shares > 1) throw new UserError(whyNoShares(dir));
    },
    differs: () => {
      const stored = readSweep(dir);
      return stored !== undefined && stored.text !== sweep.text;
    },
    write: (lapsed) => openSweepFolder(dir, sweep, { lapsed }).close(),
  };
}

/** All cells of a sweep, or the one asked for. @throws UserError where there is no such cell. */
function chosenCells({ cells }: Sweep, index: number | undefined): Cell[] {
  if (index === undefined) return cells;
  const cell = cells[index];
  if (cell) return [cell];
  const there = cells.length === 1 ? 'one cell, 0' : `cells 0 to ${cells.length - 1}`;
  throw new UserError(`--cell ${index}: there is no such cell; this sweep has ${there}`);
}

/** `training runs/sweeps/lambda (6 of 6 cells left, 30 seeds: in each cell seeds 0 to 4) on wasm …` */
function openingWords(dir: string, runs: readonly Sitting[], finished: number, config: string): string {
  const next = runs.find(({ finished }) => !finished);
  if (!next) return finishedWords(dir, runs) + config;
  const verb = runs.some(({ resumed }) => resumed) ? 'resuming' : 'training';
  const count = runs.reduce((sum, { pending }) => sum + pending.length, 0);
  const seedsOf = new Set(runs.map(({ own }) => seedWords(own)));
  const each = seedsOf.size === 1 ? `: in each cell ${[...seedsOf]}` : '';
  const left = `${runs.length - finished} of ${runs.length} cells left, ${counted(count, 'seed')}${each}`;
  return `${verb} ${dir} (${left}${config}) on ${engineWords(next)}`;
}

/** `lambda=0.1: final reward 500.0 ± 0.0 over 5 seeds, 1 failed` */
function cellWords(result: RunResult): string {
  const failed = Object.keys(result.failed).length;
  return `${path.basename(result.run)}: final reward ${rewardWords(result)}${failed > 0 ? `, ${failed} failed` : ''}`;
}

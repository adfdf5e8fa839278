import { keysOfCells } from '../config/sweep.ts';
import { type CsvRow, formatCsv, formatRows } from '../runs/csv.ts';
import type { PairRow } from './pairs.ts';
import { type Measure, measures, measuresOf, type Sample } from './samples.ts';
import type { TableRow } from './table.ts';
import type { ShownThreshold } from './threshold.ts';
import type { Verdict } from './verdicts.ts';

/** Every number in full precision in a column of its own; docs/metrics.md defines the columns. */

/** Table 1, as in table1.csv. */
export function tableCsv(
  rows: readonly TableRow[],
  measures: readonly Measure[],
  { steps, first, columns }: ShownThreshold,
): string {
  const swept = sweptColumns(rows);
  return formatRows(
    rows.map((row) => ({
      ...swept.of(row),
      label: row.label,
      arm: row.arm,
      run: row.run,
      seeds: row.seeds,
      ...Object.assign(
        {},
        ...measures.map(({ key, column }) => ({
          // The column of the last three is older than its deviation.
          [key === 'finalRewardLastThree' ? column : `${column}_mean`]: row[key].mean,
          [`${column}_std`]: row[key].std,
          [`${column}_low`]: row[key].interval?.low ?? null,
          [`${column}_high`]: row[key].interval?.high ?? null,
          [`${column}_interquartile_mean`]: row[key].interquartileMean,
        })),
      ),
      [columns.steps]: row[steps].mean,
      [`${columns.steps}_reached`]: row[steps].reached,
      [columns.first]: row[first].mean,
      [`${columns.first}_reached`]: row[first].reached,
      wall_seconds: row.wallSeconds,
      seconds_per_seed: row.secondsPerSeed,
      seeds_per_worker: row.seedsPerWorker.length > 0 ? row.seedsPerWorker.join(', ') : null,
      workers: row.workers,
      engine: row.engine,
    })),
  );
}

/** The pairs, as in table1-pairs.csv. */
export function pairsCsv(pairs: readonly PairRow[]): string {
  return formatRows(
    pairs.map((pair) => ({
      measure: measures.find(({ key }) => key === pair.measure)!.column,
      label: pair.label,
      run: pair.run,
      against: pair.against,
      against_run: pair.againstRun,
      difference: pair.difference,
      difference_low: pair.interval?.low ?? null,
      difference_high: pair.interval?.high ?? null,
      welch_t: pair.welch?.t ?? null,
      welch_degrees_of_freedom: pair.welch?.degreesOfFreedom ?? null,
      welch_p: pair.welch?.p ?? null,
      welch_p_holm: pair.adjustedP,
      probability_of_improvement: pair.probabilityOfImprovement,
      seen: pair.seen,
    })),
  );
}

/** The verdicts, as in table1-paper.csv. */
export function verdictsCsv(verdicts: readonly Verdict[]): string {
  return formatRows(
    verdicts.map(({ label, against, claim, paper, here, verdict, reason }) => ({
      label,
      against,
      claim,
      paper: paper.value,
      paper_low: paper.interval?.low ?? null,
      paper_high: paper.interval?.high ?? null,
      here: here.value,
      here_low: here.interval?.low ?? null,
      here_high: here.interval?.high ?? null,
      verdict,
      reason,
    })),
  );
}

/** Every seed of every run, as in table1-seeds.csv. */
export function seedsCsv(samples: readonly Sample[], threshold: ShownThreshold): string {
  const swept = sweptColumns(samples);
  const measures = measuresOf(samples);
  const columns = measures.map(({ column }) => column);
  return formatCsv(
    [
      ...[...swept.keys, 'label', 'arm', 'run', 'seed', ...columns],
      ...[threshold.columns.steps, threshold.columns.first, 'wall_seconds', 'seeds_per_worker'],
    ],
    samples.flatMap(({ label, arm, run, cell, seeds }) =>
      seeds.map((seed) => ({
        ...swept.of({ cell }),
        label,
        arm,
        run,
        seed: seed.seed,
        ...Object.fromEntries(measures.map(({ key, column }) => [column, seed[key]])),
        [threshold.columns.steps]: seed[threshold.steps],
        [threshold.columns.first]: seed[threshold.first],
        wall_seconds: seed.wallSeconds,
        seeds_per_worker: seed.seedsPerWorker,
      })),
    ),
  );
}

/** A column per swept key, empty for rows of another sweep or of none. */
function sweptColumns(rows: readonly Pick<Sample, 'cell'>[]): {
  keys: string[];
  of: (row: Pick<Sample, 'cell'>) => CsvRow;
} {
  const keys = keysOfCells(rows.flatMap(({ cell }) => (cell ? [cell.settings] : [])));
  const plain = (value: unknown) => {
    if (value === undefined) return null;
    return typeof value === 'number' || typeof value === 'string' ? value : JSON.stringify(value);
  };
  const of = ({ cell }: Pick<Sample, 'cell'>) =>
    Object.fromEntries(keys.map((key) => [key, plain(cell?.settings[key])]));
  return { keys, of };
}

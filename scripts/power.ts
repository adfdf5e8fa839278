import { measures, samplesOf, valuesOf } from '../src/compare/samples.ts';
import { readRuns } from '../src/runs/read.ts';
import { mean, standardDeviation } from '../src/statistics.ts';
import { effectForPower, samplesForPower } from '../src/student.ts';

/**
 * `node --import tsx scripts/power.ts RUN AGAINST [COMPARISONS]`: what differences between two arms n seeds would show,
 * from how far the seeds of two runs lie apart: docs/study.md. Errors are compared by their logarithms, so that a
 * difference is a factor; a reward is compared as it is. Power 0.8, two-sided, at 0.05 and at the level that Holm's
 * correction holds the least p of so many comparisons against.
 */

const POWER = 0.8;
const LEVEL = 0.05;
const SEEDS = [5, 10, 20, 40];

const [run, against, comparisons = '12'] = process.argv.slice(2);
if (run === undefined || against === undefined) {
  process.stderr.write('give two run folders, e.g. runs/table1/dream-critic runs/table1/bootstrap-only\n');
  process.exit(2);
}
const samples = samplesOf(readRuns([run, against]).runs);
const strict = LEVEL / Number(comparisons);

const columns = ['measure', 'spread', ...SEEDS.map((n) => `n = ${n}`), 'n for a factor of 2', 'of 1.5'];
const rows = measures.flatMap(({ key, name, unit }) => {
  if (unit !== 'error' && unit !== 'reward') return [];
  const isError = unit === 'error';
  const [a, b] = samples.map((sample) =>
    valuesOf(sample, key).map((value) => (isError ? Math.log(value) : value)),
  );
  const [x, y] = [standardDeviation(a!), standardDeviation(b!)];
  if (x === null || y === null) return [];
  const spread = Math.sqrt((x ** 2 + y ** 2) / 2);
  const shown = (n: number, level: number) => {
    const difference = effectForPower(n, POWER, level) * spread;
    return isError ? Math.exp(difference).toFixed(2) : difference.toFixed(1);
  };
  const needed = (factor: number) =>
    isError
      ? [LEVEL, strict].map((level) => samplesForPower(Math.log(factor) / spread, POWER, level)).join(' / ')
      : '–';
  const means = mean([...a!, ...b!]);
  return means === null
    ? []
    : [
        [
          isError ? `${name}, factor` : name,
          spread.toFixed(isError ? 2 : 1),
          ...SEEDS.map((n) => `${shown(n, LEVEL)} / ${shown(n, strict)}`),
          needed(2),
          needed(1.5),
        ],
      ];
});
const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
const table = [line(columns), line(columns.map(() => '---')), ...rows.map(line)];
process.stdout.write(`${table.join('\n')}\n`);

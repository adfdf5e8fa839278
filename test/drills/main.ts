import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type DrillReport, runDrills } from './drill.ts';

/**
 * `npm run drills -- --seed 1 --count 240 --out drills.md`: exit code 1 where anything is not as promised. On wasm, or
 * on the engine that WM_ENGINE names.
 */

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '240' },
    out: { type: 'string' },
  },
});

const row = (cells: (string | number)[]) => `| ${cells.join(' | ')} |\n`;
const say = (text: string) => process.stderr.write(text);

function table(reports: readonly DrillReport[]): string {
  const sum = (of: (report: DrillReport) => number) => reports.reduce((total, each) => total + of(each), 0);
  const columns = ['kind', 'runs', 'faults', 'runs lost', 'bytes that differ', 'broken promises'];
  return [
    row(columns),
    row(columns.map((_, i) => (i === 0 ? '---' : '---:'))),
    ...reports.map(({ kind, runs, faults, lost, differing, complaints, skipped }) =>
      row(
        skipped
          ? [kind, `not tried: ${skipped}`, '', '', '', '']
          : [kind, runs, faults, lost, differing, complaints.length],
      ),
    ),
    row([
      'all',
      sum(({ runs }) => runs),
      sum(({ faults }) => faults),
      sum(({ lost }) => lost),
      sum(({ differing }) => differing),
      sum(({ complaints }) => complaints.length),
    ]),
  ].join('');
}

const begin = performance.now();
const reports = await runDrills(Number(values.seed), Number(values.count), (done) => {
  say(`${done.kind}: ${done.skipped ?? `${done.faults} faults in ${done.runs} runs`}\n`);
  for (const complaint of done.complaints) say(`  ${complaint}\n`);
});
const text = table(reports);
process.stdout.write(text);
say(`${Math.round((performance.now() - begin) / 1000)} s\n`);
if (values.out) writeFileSync(values.out, text);
process.exitCode = reports.some(({ lost, differing, complaints }) => lost + differing + complaints.length > 0)
  ? 1
  : 0;

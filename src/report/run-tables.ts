import type { Table } from '../compare/sections.ts';
import { differingKeys } from '../config/format.ts';
import { valueAt } from '../config/key-path.ts';
import { printable } from '../printable.ts';
import { differencesInWords, wmWords } from '../runs/provenance.ts';
import type { Run } from '../runs/read.ts';
import { sittingsOf } from '../runs/records.ts';
import { grouped, seedRanges } from '../words.ts';

/** A run and what it is called beside the others. */
export interface LabelledRun {
  label: string;
  run: Run;
}

/** What each run trained, and how far it came. */
export function runsTable(runs: readonly LabelledRun[]): Table {
  return {
    head: ['Arm', 'Folder', 'Method', 'Environment', 'Steps', 'Seeds', 'Finished'],
    numeric: [false, false, false, false, true, false, false],
    rows: runs.map(({ label, run: { name, experiment, seeds, faulty } }) => [
      label,
      printable(name),
      experiment.method,
      experiment.environment,
      grouped(experiment.steps),
      seedList(experiment.seeds),
      `${seeds.length + faulty.length} of ${experiment.seeds.length}`,
    ]),
  };
}

/** What became of the seeds that are not finished: `Baseline, seeds 4 to 9: waiting`, `… seed 3: failed: loss is NaN`. */
export function unfinishedSeeds(runs: readonly LabelledRun[]): string[] {
  return runs.flatMap(({ label, run: { unfinished, info } }) => {
    const seedsOf = new Map<string, number[]>();
    for (const seed of unfinished) {
      const status = info.status[seed] ?? 'waiting';
      const reason = info.failures[seed];
      const fate = reason === undefined ? status : `${status}: ${reason}`;
      seedsOf.set(fate, [...(seedsOf.get(fate) ?? []), seed]);
    }
    return [...seedsOf].map(
      ([fate, seeds]) => `${label}, ${seeds.length === 1 ? 'seed' : 'seeds'} ${seedList(seeds)}: ${fate}`,
    );
  });
}

/** Where and with what each run was made: one row per run and origin that its sittings had, in their order. */
export function provenanceTable(runs: readonly LabelledRun[]): Table {
  return {
    head: ['Arm', 'Engine', 'Device', 'wm', 'Node', 'Processor', 'Host', 'Sittings', 'Started', 'Took'],
    numeric: [false, false, false, false, false, false, false, true, false, true],
    rows: runs.flatMap(({ label, run: { info } }) => {
      const origins = new Map<string, { cells: string[]; sittings: number; start: string }>();
      for (const sitting of sittingsOf(info)) {
        const { engine, node, processor, host, platform, cores, start } = sitting;
        const machine = `${host}, ${platform}, ${cores} cores`;
        const cells = [
          ...[`${engine.name} ${engine.version}`, engine.device],
          ...[wmWords(sitting), node, processor ?? '', machine],
        ];
        const key = JSON.stringify(cells);
        const { sittings, start: first } = origins.get(key) ?? { sittings: 0, start };
        origins.set(key, { cells, sittings: sittings + 1, start: first });
      }
      return [...origins.values()].map(({ cells, sittings, start }, i) => [
        ...[label, ...cells, String(sittings)],
        start.replace('T', ' ').replace(/\.\d+Z$/, ' UTC'),
        i === 0 ? `${(info.seconds / 60).toFixed(1)} min` : '',
      ]);
    }),
  };
}

/** In which engines the runs differ; every other difference of their origins stands under Table 1. */
export function engineNotes(runs: readonly LabelledRun[]): string[] {
  return differencesInWords(runs.map(({ label, run }) => ({ label, info: run.info })))
    .filter(({ name }) => name === 'engine')
    .map(({ words }) => `engine differs: ${words}`);
}

/**
 * The config keys in which the runs differ, one row each in the schema's order; a value is empty where the run's method
 * lacks the key. Names of folders are no difference.
 */
export function differencesTable(runs: readonly { label: string; run: Pick<Run, 'experiment'> }[]): Table {
  const first = runs[0]!.run.experiment;
  const keys = new Set(runs.flatMap(({ run }) => differingKeys(first, run.experiment)));
  keys.delete('name');
  return {
    head: ['Key', ...runs.map(({ label }) => label)],
    numeric: [false, ...runs.map(() => false)],
    rows: [...keys].map((key) => [
      key,
      ...runs.map(({ run: { experiment } }) =>
        key === 'seeds' ? seedList(experiment.seeds) : formatValue(valueAt(experiment, key.split('.'))),
      ),
    ]),
  };
}

function formatValue(value: unknown): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value).replaceAll(',', ', ');
}

/** `1000 to 1009, 2000` */
function seedList(seeds: readonly number[]): string {
  return seedRanges(seeds)
    .map(({ first, last }) => (first === last ? `${first}` : `${first} to ${last}`))
    .join(', ');
}

/** A command as it is typed in a POSIX shell: words that the shell would read otherwise stand in single quotes. */
export function shellCommand(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(' ');
}

import { printable } from '../printable.ts';
import { differencesInWords } from '../runs/provenance.ts';
import type { ReadRuns, Run } from '../runs/read.ts';
import { CONDITIONS, type Conditions, EVALUATION_INTERVAL, stopWords } from './conditions.ts';
import { PAPER_NOTE, paperConditions, paperResults } from './paper.ts';
import { measures, type Sample } from './samples.ts';

/**
 * What a reader of the table must know, one sentence each: which folders, seeds and numbers are left out, in what the
 * runs (and the paper, where it stands beside them) differ, and what the paper leaves unsaid.
 */
export function tableNotes(
  { runs, passedOver, missing }: ReadRuns,
  samples: readonly Sample[],
  paper: boolean,
): string[] {
  const besidePaper = paper && runs.some(({ info }) => paperResults.has(info.arm));
  const compared: { label: string; conditions: Conditions }[] = [
    ...runs.map(({ experiment }, index) => ({ label: samples[index]!.label, conditions: experiment })),
    ...(besidePaper ? [{ label: 'the paper', conditions: paperConditions }] : []),
  ];
  return [
    ...folderNotes({ passedOver, missing }),
    ...runs.flatMap((run, index) => seedNotes(run, samples[index]!)),
    ...CONDITIONS.flatMap(({ name, of }) =>
      difference(
        name,
        compared.map(({ label, conditions }) => ({ label, value: of(conditions) })),
      ),
    ),
    ...difference(
      `${EVALUATION_INTERVAL.name}, on which steps to the threshold, first crossing and last three depend`,
      runs.map(({ experiment }, index) => ({
        label: samples[index]!.label,
        value: EVALUATION_INTERVAL.of(experiment),
      })),
    ),
    ...originNotes(runs, samples),
    ...(besidePaper ? [PAPER_NOTE] : []),
  ];
}

/** The folders that were given, or belong to a sweep that was, and hold no run. */
export const folderNotes = ({ passedOver, missing }: Pick<ReadRuns, 'passedOver' | 'missing'>): string[] => [
  ...(passedOver.length > 0 ? [`Passed over, no run folders: ${passedOver.join(', ')}.`] : []),
  ...(missing.length > 0 ? [`Left out, cells of a sweep without a folder: ${missing.join(', ')}.`] : []),
];

/** By what the runs were made, where that differs, sitting after sitting; but for the engine, which has a column. */
function originNotes(runs: readonly Run[], samples: readonly Sample[]): string[] {
  return differencesInWords(runs.map(({ info }, index) => ({ info, label: samples[index]!.label })))
    .filter(({ name }) => name !== 'engine')
    .map(({ name, words }) => `Not the same ${name}: ${printable(words)}.`);
}

/** One sentence where some runs differ in what should be equal, none where they do not. */
export function difference(name: string, values: readonly { label: string; value: string }[]): string[] {
  if (new Set(values.map(({ value }) => value)).size <= 1) return [];
  return [`Not the same ${name}: ${values.map(({ label, value }) => `${label} ${value}`).join('; ')}.`];
}

/** The seeds and numbers of a run that no row or mean holds, and why. */
function seedNotes(
  { info, unfinished, faulty, experiment, seeds: finished }: Run,
  { label, seeds }: Sample,
): string[] {
  const partly = measures.flatMap(({ key, column }) => {
    const lacking = seeds.filter((seed) => seed[key] === null);
    return lacking.length > 0 && lacking.length < seeds.length
      ? [`${column} is of the other seeds, missing: ${listedSeeds(lacking.map(({ seed }) => seed))}`]
      : [];
  });
  const early = finished.filter(({ done }) => done.metStopWhen && done.steps < experiment.steps);
  const unknown = seeds.filter(({ seedsPerWorker }) => seedsPerWorker === null).map(({ seed }) => seed);
  const reasons = new Map<string, number[]>();
  for (const seed of unfinished) {
    const why =
      info.status[seed] === 'failed'
        ? `failed (${printable(info.failures[seed] ?? 'why is not recorded')})`
        : 'not finished';
    reasons.set(why, [...(reasons.get(why) ?? []), seed]);
  }
  return [
    ...[...reasons].map(([why, seeds]) => `left out, ${why}: ${listedSeeds(seeds)}`),
    ...faulty.map(({ seed, fault }) => `left out, ${fault}: ${listedSeeds([seed])}`),
    ...partly,
    ...(early.length > 0
      ? [`ended early by stopWhen (${stopWords(experiment)}): ${listedSeeds(early.map(({ seed }) => seed))}`]
      : []),
    ...(unknown.length > 0
      ? [`seconds per seed unknown, what shared a worker is not recorded or changed: ${listedSeeds(unknown)}`]
      : []),
  ].map((note) => `${label}: ${note}.`);
}

function listedSeeds(seeds: readonly number[]): string {
  return `${seeds.length === 1 ? 'seed' : 'seeds'} ${seeds.join(', ')}`;
}

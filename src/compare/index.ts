import { UserError } from '../errors.ts';
import { type ReadRuns, type Run, readRuns } from '../runs/read.ts';
import { pairsCsv, seedsCsv, tableCsv, verdictsCsv } from './csv.ts';
import { tableNotes } from './notes.ts';
import { type PairRow, pairRows } from './pairs.ts';
import { renderLatex, renderMarkdown, renderText } from './render.ts';
import { measuresOf, type Sample, samplesOf } from './samples.ts';
import { type Section, seedSection, statisticsSection, tableSection, verdictSection } from './sections.ts';
import { type TableRow, tableRows } from './table.ts';
import { shownThreshold } from './threshold.ts';
import { type Verdict, verdicts } from './verdicts.ts';

/** What to compare beside the runs themselves. */
export interface CompareOptions {
  /** Put the paper's printed numbers beside its two arms, and a verdict on each. */
  paper: boolean;
  /** Show each seed's values too. */
  seedValues?: boolean;
}

/** Table 1 of some runs and what it rests on, as data and in every format. */
export interface Comparison {
  runs: Run[];
  rows: TableRow[];
  pairs: PairRow[];
  /** With `paper` only. */
  verdicts?: Verdict[];
  /** With `seedValues` only. */
  samples?: Sample[];
  /** Sentences that belong under the table. */
  notes: string[];
  /** The tables as they are read: Table 1 with any verdicts, how sure it is, and every seed's values. */
  sections: { results: Section[]; statistics: Section; seeds: Section };
  text: string;
  /** Contents by file name, made when they are asked for. */
  files: () => Record<string, string>;
}

/**
 * Compares finished runs by their folders alone; nothing is written.
 *
 * @param dirs run folders, sweep folders, which stand for all their cells, and folders of those; at least one, in the
 *   table's order; files are passed over
 * @throws UserError when a path is none of these or holds a damaged file, two lead to the same run, or the runs are of
 *   several environments
 */
export function compareRuns(dirs: readonly string[], options: CompareOptions): Comparison {
  const read = readRuns(dirs);
  const environments = environmentsOf(read.runs);
  if (environments.length > 1) {
    throw new UserError(
      `the runs are of several environments (${environments.join(', ')}), whose rewards do not compare; give those of one, or have each apart with --by-environment`,
    );
  }
  return comparison(read, options);
}

/** Like `compareRuns`, a comparison of its own for the runs of each environment, in the order in which they come. */
export function compareByEnvironment(
  dirs: readonly string[],
  options: CompareOptions,
): { environment: string; comparison: Comparison }[] {
  const { runs, ...leftOut } = readRuns(dirs);
  return environmentsOf(runs).map((environment) => {
    const ofIt = runs.filter(({ experiment }) => experiment.environment === environment);
    return { environment, comparison: comparison({ runs: ofIt, ...leftOut }, options) };
  });
}

/** Table 1 alone, for the runs of each environment: not how sure it is, which takes long for the pairs of many runs. */
export function resultsByEnvironment({
  runs,
  ...leftOut
}: ReadRuns): { environment: string; results: Section }[] {
  return environmentsOf(runs).map((environment) => {
    const ofIt = runs.filter(({ experiment }) => experiment.environment === environment);
    const notes = tableNotes({ runs: ofIt, ...leftOut }, samplesOf(ofIt), false);
    return {
      environment,
      results: tableSection(tableRows(ofIt, false, { intervals: false }), notes, shownThreshold(environment)),
    };
  });
}

const environmentsOf = (runs: readonly Run[]) => [
  ...new Set(runs.map(({ experiment }) => experiment.environment)),
];

/** @param read runs of one environment */
function comparison(read: ReadRuns, { paper, seedValues = false }: CompareOptions): Comparison {
  const { runs } = read;
  const threshold = shownThreshold(runs[0]!.experiment.environment);
  const samples = samplesOf(runs);
  const rows = tableRows(runs, paper);
  const notes = tableNotes(read, samples, paper);
  const measures = measuresOf(samples);
  const pairs = pairRows(runs, samples);
  const judged = paper ? verdicts(runs) : [];
  const sections = {
    results: [tableSection(rows, notes, threshold), ...(judged.length > 0 ? [verdictSection(judged)] : [])],
    statistics: statisticsSection(rows, pairs, measures),
    seeds: seedSection(samples, threshold),
  };
  const shown = [...sections.results, sections.statistics, ...(seedValues ? [sections.seeds] : [])];
  return {
    runs,
    rows,
    pairs,
    ...(paper ? { verdicts: judged } : {}),
    ...(seedValues ? { samples } : {}),
    notes,
    sections,
    text: renderText(shown),
    files: () => ({
      'table1.csv': tableCsv(rows, measures, threshold),
      'table1.md': renderMarkdown(shown),
      'table1.tex': renderLatex(shown),
      ...(pairs.length > 0 ? { 'table1-pairs.csv': pairsCsv(pairs) } : {}),
      ...(judged.length > 0 ? { 'table1-paper.csv': verdictsCsv(judged) } : {}),
      ...(seedValues ? { 'table1-seeds.csv': seedsCsv(samples, threshold) } : {}),
    }),
  };
}

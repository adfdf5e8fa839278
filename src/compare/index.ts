import { readRun } from '../runs/read.ts';
import { tableNotes } from './notes.ts';
import { renderCsv, renderLatex, renderMarkdown, renderText } from './render.ts';
import { type TableRow, tableRows } from './table.ts';

/** Table 1 of some runs, as data and in every format. */
export interface Comparison {
  rows: TableRow[];
  /** Sentences that belong under the table. */
  notes: string[];
  text: string;
  csv: string;
  markdown: string;
  latex: string;
}

/**
 * Compares finished runs by their folders alone; nothing is written.
 *
 * @param dirs run folders, at least one, in the table's order
 * @param options `paper`: put the paper's printed numbers beside its two arms
 * @throws UserError when a path is no run folder or holds a damaged file
 */
export function compareRuns(dirs: readonly string[], { paper }: { paper: boolean }): Comparison {
  const runs = dirs.map(readRun);
  const rows = tableRows(runs, paper);
  const notes = tableNotes(runs, paper);
  return {
    rows,
    notes,
    text: renderText(rows, notes),
    csv: renderCsv(rows),
    markdown: renderMarkdown(rows, notes),
    latex: renderLatex(rows, notes),
  };
}

import type { Run } from '../runs/read.ts';
import { CONDITIONS, type Conditions } from './conditions.ts';
import { PAPER_NOTE, paperConditions, paperResults } from './paper.ts';
import { runLabels } from './samples.ts';

/**
 * What a reader of the table must know, one sentence each: which seeds are left out, in what the runs (and the paper,
 * where it stands beside them) differ, and what the paper leaves unsaid.
 */
export function tableNotes(runs: readonly Run[], paper: boolean): string[] {
  const labels = runLabels(runs);
  const besidePaper = paper && runs.some(({ info }) => paperResults.has(info.arm));
  const compared: { label: string; conditions: Conditions }[] = [
    ...runs.map(({ experiment }, index) => ({ label: labels[index]!, conditions: experiment })),
    ...(besidePaper ? [{ label: 'the paper', conditions: paperConditions }] : []),
  ];
  return [
    ...runs.flatMap(({ unfinished }, index) => unfinishedNote(labels[index]!, unfinished)),
    ...CONDITIONS.flatMap(({ name, of }) => {
      const values = compared.map(({ conditions }) => of(conditions));
      if (new Set(values).size <= 1) return [];
      const list = compared.map(({ label }, index) => `${label} ${values[index]}`).join('; ');
      return [`Not the same ${name}: ${list}.`];
    }),
    ...(besidePaper ? [PAPER_NOTE] : []),
  ];
}

function unfinishedNote(label: string, unfinished: readonly number[]): string[] {
  if (unfinished.length === 0) return [];
  const seeds = unfinished.length === 1 ? 'seed' : 'seeds';
  return [`${label}: left out, not finished: ${seeds} ${unfinished.join(', ')}.`];
}

import { type Comparison, compareByEnvironment, compareRuns } from '../compare/index.ts';
import { runLabels } from '../compare/samples.ts';
import { figuresOf, renderSvg } from '../figures/index.ts';
import { reportDocument } from './document.ts';

/**
 * The report on some runs, a self-contained page of HTML, from their folders alone; nothing is written.
 *
 * @param dirs run folders, at least one, in the order of Table 1
 * @param options `paper`: put the paper's printed numbers beside its two arms, and a verdict on each
 * @throws UserError when a path is no run folder or holds a damaged file
 */
export async function reportOn(dirs: readonly string[], options: { paper: boolean }): Promise<string> {
  return pageOf(compareRuns(dirs, options));
}

/** Like `reportOn`, a page of its own on the runs of each environment, in the order in which they come. */
export async function reportByEnvironment(
  dirs: readonly string[],
  options: { paper: boolean },
): Promise<{ environment: string; page: string }[]> {
  const pages: { environment: string; page: string }[] = [];
  for (const { environment, comparison } of compareByEnvironment(dirs, options)) {
    pages.push({ environment, page: await pageOf(comparison) });
  }
  return pages;
}

async function pageOf({ runs, sections }: Comparison): Promise<string> {
  const labels = runLabels(runs);
  const pictures = figuresOf(runs).map(async ({ spec, description, ...words }) => ({
    ...words,
    svg: await renderSvg(spec, description),
  }));
  return reportDocument({
    runs: runs.map((run, index) => ({ label: labels[index]!, run })),
    ...sections,
    pictures: await Promise.all(pictures),
  });
}

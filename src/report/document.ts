import type { Section, Table } from '../compare/sections.ts';
import { html, Markup } from '../markup.ts';
import {
  differencesTable,
  engineNotes,
  type LabelledRun,
  provenanceTable,
  runsTable,
  shellCommand,
  unfinishedSeeds,
} from './run-tables.ts';
import { style } from './style.ts';

/** A figure as the report shows it. */
export interface Picture {
  /** `figure1` */
  name: string;
  title: string;
  caption: string;
  /** Whether it takes the whole width. */
  wide: boolean;
  svg: Markup;
}

/** What a report is made of. */
export interface ReportParts {
  runs: readonly LabelledRun[];
  /** Table 1, and the verdicts on the paper's numbers where they were asked for. */
  results: readonly Section[];
  statistics: Section;
  /** Every seed's values. */
  seeds: Section;
  pictures: readonly Picture[];
}

/** The report as one self-contained page of HTML: no script, nothing to load. Equal parts give equal bytes. */
export function reportDocument({ runs, results, statistics, seeds, pictures }: ReportParts): string {
  const title = `Comparison: ${runs.map(({ label }) => label).join(', ')}`;
  const differences = differencesTable(runs);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${part('runs', 'What was run', [
  tableMarkup(runsTable(runs), 'Runs'),
  notes(unfinishedSeeds(runs).map((seed) => `Not finished and left out: ${seed}`)),
])}
${part(
  'table1',
  'Table 1',
  results.map((section) => sectionMarkup(section, 'Table 1')),
)}
${part('figures', 'Figures', [html`<div class="figures">\n${pictures.map(pictureMarkup)}</div>\n`])}
${part('statistics', 'Statistics', [sectionMarkup(statistics, 'Statistics')])}
${part('seeds', 'Every seed', [sectionMarkup(seeds, 'Every seed')])}
${part('differences', 'Differences between the configs', [
  differences.rows.length > 0
    ? tableMarkup(differences, 'Config keys')
    : html`<p>None but the folders’ names.</p>\n`,
])}
${part('provenance', 'Engines, versions and hosts', [
  tableMarkup(provenanceTable(runs), 'Origin'),
  notes(engineNotes(runs)),
])}
${part('commands', 'Commands', [html`<dl>\n${runs.map(commandMarkup)}</dl>\n`])}
</main>
</body>
</html>
`.text;
}

function part(id: string, heading: string, content: readonly (Markup | null)[]): Markup {
  return html`<section aria-labelledby="${id}">\n<h2 id="${id}">${heading}</h2>\n${content}</section>`;
}

function pictureMarkup({ name, title, caption, wide, svg }: Picture): Markup {
  // Some have a number, some a word: a sweep's, a cumulative one.
  const number = /^figure(\d.*)$/.exec(name)?.[1];
  return html`<figure id="${name}"${wide ? new Markup(' class="wide"') : null}>${svg}
<figcaption><b>${number === undefined ? '' : `Figure ${number}. `}${title}.</b> ${caption}</figcaption></figure>\n`;
}

function sectionMarkup(section: Section, name: string): Markup {
  return html`${section.tables.map((table) => tableMarkup(table, name))}${notes(section.notes)}`;
}

/** A table in a box of its own, which scrolls where the page is narrow; a row's first cell names it. */
function tableMarkup({ head, numeric, rows }: Table, name: string): Markup {
  const side = (column: number) => (numeric[column] ? new Markup(' class="number"') : null);
  return html`<div class="scroll" role="region" aria-label="${name}: ${head.join(', ')}" tabindex="0"><table>
<thead><tr>${head.map((cell, i) => html`<th scope="col"${side(i)}>${cell}</th>`)}</tr></thead>
<tbody>
${rows.map(
  ([first, ...cells]) =>
    html`<tr><th scope="row">${first!}</th>${cells.map((cell, i) => html`<td${side(i + 1)}>${cell}</td>`)}</tr>\n`,
)}</tbody>
</table></div>
`;
}

function notes(sentences: readonly string[]): Markup | null {
  if (sentences.length === 0) return null;
  return html`<ul class="notes">\n${sentences.map((sentence) => html`<li>${sentence}</li>\n`)}</ul>\n`;
}

function commandMarkup({ label, run }: LabelledRun): Markup {
  return html`<dt>${label}</dt>\n<dd><pre tabindex="0"><code>${shellCommand(run.info.command)}</code></pre></dd>\n`;
}

import { shorten } from '../words.ts';
import type { Section, Table } from './sections.ts';

/** Columns of a terminal that the text fits in. */
const WIDTH = 100;

/** What is left of a long name at least. */
const SHORTEST = 12;

/**
 * The sections for a terminal, aligned, at most 100 columns wide where that leaves all names apart: long ones lose their
 * middle. Notes are wrapped.
 */
export function renderText(sections: readonly Section[]): string {
  return sections
    .map(({ tables, notes }) => {
      const paragraph = notes.map((note) => `${wrap(note)}\n`).join('');
      return [...tables.map(textTable), paragraph].filter((block) => block !== '').join('\n');
    })
    .join('\n');
}

function textTable({ head, numeric, rows }: Table): string {
  const lines = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...lines.map((cells) => length(cells[i]!))));
  shrinkNames(widths, numeric, lines);
  return lines
    .map((cells) => {
      const padded = cells.map((cell, i) => pad(shorten(cell, widths[i]!), widths[i]!, numeric[i]!));
      return `${padded.join('  ').trimEnd()}\n`;
    })
    .join('');
}

/**
 * Narrows the columns of names, those before the first number, the widest first, until the table fits, but none so far
 * that two names become one, in whichever columns they stand.
 */
function shrinkNames(widths: number[], numeric: readonly boolean[], lines: readonly string[][]): void {
  const total = () => widths.reduce((sum, width) => sum + width, 2 * (widths.length - 1));
  let names = widths.slice(0, numeric.indexOf(true)).map((_, i) => i);
  const all = [...new Set(lines.flatMap((cells) => names.map((column) => cells[column]!)))];
  const canShrink = (column: number) => {
    const narrower = widths[column]! - 1;
    return (
      widths[column]! > SHORTEST && new Set(all.map((name) => shorten(name, narrower))).size === all.length
    );
  };
  while (total() > WIDTH) {
    names = names.filter(canShrink);
    if (names.length === 0) return;
    widths[names.reduce((a, b) => (widths[b]! > widths[a]! ? b : a))]!--;
  }
}

const length = (text: string) => [...text].length;

function pad(text: string, width: number, right: boolean): string {
  const space = ' '.repeat(width - length(text));
  return right ? space + text : text + space;
}

function wrap(text: string): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && length(line) + 1 + length(word) <= WIDTH)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines.join('\n');
}

/** The sections as GitHub-flavoured Markdown, their notes as lists. */
export function renderMarkdown(sections: readonly Section[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  const table = ({ head, numeric, rows }: Table) =>
    [
      line(head.map(escapeMarkdown)),
      line(numeric.map((right) => (right ? '---:' : '---'))),
      ...rows.map((cells) => line(cells.map(escapeMarkdown))),
    ].join('');
  return sections
    .flatMap(({ tables, notes }) => {
      const list = notes.map((note) => `- ${escapeMarkdown(note)}\n`).join('');
      return [...tables.map(table), list].filter((block) => block !== '');
    })
    .join('\n');
}

function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_[\]<>|~&#$]/g, (character) => `\\${character}`);
}

/** The sections as LaTeX that needs no package: `tabular`s and the notes, to be read by `\input`. */
export function renderLatex(sections: readonly Section[]): string {
  const body = sections.flatMap(({ tables, notes }) => [
    ...tables.map((table) => `${latexTable(table)}\\par\\medskip\n`),
    ...notes.map((note) => `\\noindent ${escapeLatex(note)}\\par\n`),
  ]);
  return `{\\footnotesize\\setlength{\\tabcolsep}{3pt}%\n${body.join('')}}\n`;
}

function latexTable({ head, numeric, rows }: Table): string {
  const line = (cells: readonly string[]) => `${cells.join(' & ')} \\\\\n`;
  const alignment = numeric.map((right) => (right ? 'r' : 'l')).join('');
  const body = rows.map((cells) =>
    line(cells.map((cell, i) => (numeric[i] ? latexNumber(cell) : escapeLatex(cell)))),
  );
  return (
    `\\noindent\\begin{tabular}{${alignment}}\n\\hline\n${line(head.map(escapeLatex))}\\hline\n` +
    `${body.join('')}\\hline\n\\end{tabular}`
  );
}

/** `(2.6 ± 0.3)e-4` with a power of ten as it is printed, a minus sign before negative numbers. */
function latexNumber(text: string): string {
  return escapeLatex(text)
    .replace(/(^|\{\[\}| )-(?=\d)/g, (_, before) => `${before}$-$`)
    .replace(/e(-?\d+)$/, (_, exponent) => `$\\cdot 10^{${exponent}}$`);
}

const LATEX: Record<string, string> = {
  '\\': '\\textbackslash{}',
  '{': '\\{',
  '}': '\\}',
  $: '\\$',
  '&': '\\&',
  '#': '\\#',
  '%': '\\%',
  _: '\\_',
  '^': '\\textasciicircum{}',
  '~': '\\textasciitilde{}',
  '<': '\\textless{}',
  '>': '\\textgreater{}',
  '|': '\\textbar{}',
  // After the \\ that ends the row above, these two would be read as its arguments.
  '[': '{[}',
  '*': '{*}',
  '±': '$\\pm$',
  '–': '--',
  '²': '$^2$',
};

/** Escapes what LaTeX reads as a command; other characters beyond ASCII, which may stop it, become `?`. */
function escapeLatex(text: string): string {
  return text.replace(/[\\{}$&#%_^~<>|[*]|[^ -~]/gu, (character) => LATEX[character] ?? '?');
}

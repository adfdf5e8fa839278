import { type CsvRow, formatCsv } from '../runs/csv.ts';
import { armColumn, type Column, furtherColumns, mainColumns } from './columns.ts';
import type { TableRow } from './table.ts';

/** Columns of a terminal that the text fits in. */
const WIDTH = 100;

/** What the numbers are: stands under every rendering but the CSV. */
const CAPTION =
  'Mean ± standard deviation (n - 1) over seeds. Prediction error: one step ahead, on the held-out set, raw units. ' +
  'Steps to 400: environment steps until the reward stays at or above 400; first crossing: until it first is there; ' +
  'both over the seeds that got there.';

interface Part {
  columns: Column[];
  rows: readonly TableRow[];
}

/** Where a page is narrow, the table is two: what the paper's has, and what it lacks. */
function parts(rows: readonly TableRow[]): Part[] {
  return [
    { columns: [armColumn, ...mainColumns], rows },
    { columns: [armColumn, ...furtherColumns], rows: rows.filter(({ run }) => run !== null) },
  ];
}

/** The table for a terminal, aligned, at most 100 columns wide: long labels lose their middle, notes are wrapped. */
export function renderText(rows: readonly TableRow[], notes: readonly string[]): string {
  const tables = parts(rows).map((part) => `${textTable(part)}\n`);
  return `${tables.join('\n')}\n${[CAPTION, ...notes].map((note) => `${wrap(note)}\n`).join('')}`;
}

function textTable({ columns, rows }: Part): string {
  const lines = [columns.map(({ head }) => head), ...rows.map((row) => columns.map(({ cell }) => cell(row)))];
  const widths = columns.map((_, i) => Math.max(...lines.map((cells) => length(cells[i]!))));
  const others = widths.slice(1).reduce((sum, width) => sum + 2 + width, 0);
  widths[0] = Math.min(widths[0]!, Math.max(WIDTH - others, 12));
  return lines
    .map((cells) => {
      const padded = cells.map((cell, i) => pad(shorten(cell, widths[i]!), widths[i]!, columns[i]!.numeric));
      return padded.join('  ').trimEnd();
    })
    .join('\n');
}

const length = (text: string) => [...text].length;

function pad(text: string, width: number, right: boolean): string {
  const space = ' '.repeat(width - length(text));
  return right ? space + text : text + space;
}

/** Cuts out the middle: names of runs tend to differ at their ends. */
function shorten(text: string, width: number): string {
  const letters = [...text];
  if (letters.length <= width) return text;
  const tail = Math.floor((width - 1) / 2);
  return `${letters.slice(0, width - 1 - tail).join('')}…${letters.slice(letters.length - tail).join('')}`;
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

/** The table as CSV, every number in full precision in a column of its own; docs/metrics.md defines the columns. */
export function renderCsv(rows: readonly TableRow[]): string {
  const cells = rows.map(
    (row) =>
      ({
        label: row.label,
        arm: row.arm,
        run: row.run,
        seeds: row.seeds,
        final_reward_mean: row.finalReward.mean,
        final_reward_std: row.finalReward.std,
        final_reward_last_three: row.finalRewardLastThree,
        prediction_mse_mean: row.predictionMse.mean,
        prediction_mse_std: row.predictionMse.std,
        prediction_mse_standardised_mean: row.predictionMseStandardised.mean,
        prediction_mse_standardised_std: row.predictionMseStandardised.std,
        steps_to_400: row.stepsTo400.mean,
        steps_to_400_reached: row.stepsTo400.reached,
        first_crossing_400: row.firstCrossing400.mean,
        first_crossing_400_reached: row.firstCrossing400.reached,
        wall_seconds: row.wallSeconds,
        engine: row.engine,
      }) satisfies CsvRow,
  );
  return formatCsv(Object.keys(cells[0] ?? {}), cells);
}

/** The table as GitHub-flavoured Markdown, the notes as a list under it. */
export function renderMarkdown(rows: readonly TableRow[], notes: readonly string[]): string {
  const columns = [armColumn, ...mainColumns, ...furtherColumns];
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  const table = [
    line(columns.map(({ head }) => head)),
    line(columns.map(({ numeric }) => (numeric ? '---:' : '---'))),
    ...rows.map((row) => line(columns.map(({ cell }) => escapeMarkdown(cell(row))))),
  ];
  const list = [CAPTION, ...notes].map((note) => `- ${escapeMarkdown(note)}\n`);
  return `${table.join('')}\n${list.join('')}`;
}

function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_[\]<>|~&#$]/g, (character) => `\\${character}`);
}

/** The table as LaTeX that needs no package: two `tabular`s and the notes, to be read by `\input`. */
export function renderLatex(rows: readonly TableRow[], notes: readonly string[]): string {
  const tables = parts(rows).map((part) => `${latexTable(part)}\\par\\medskip\n`);
  const lines = [CAPTION, ...notes].map((note) => `\\noindent ${escapeLatex(note)}\\par\n`);
  return `{\\footnotesize\\setlength{\\tabcolsep}{3pt}%\n${tables.join('')}${lines.join('')}}\n`;
}

function latexTable({ columns, rows }: Part): string {
  const line = (cells: readonly string[]) => `${cells.join(' & ')} \\\\\n`;
  const alignment = columns.map(({ numeric }) => (numeric ? 'r' : 'l')).join('');
  const head = line(columns.map((column) => column.head));
  const body = rows.map((row) =>
    line(columns.map(({ numeric, cell }) => (numeric ? latexNumber(cell(row)) : escapeLatex(cell(row))))),
  );
  return (
    `\\noindent\\begin{tabular}{${alignment}}\n\\hline\n${head}\\hline\n` +
    `${body.join('')}\\hline\n\\end{tabular}`
  );
}

/** `(2.6 ± 0.3)e-4` with a power of ten as it is printed. */
function latexNumber(text: string): string {
  return escapeLatex(text)
    .replace(/^-(?=\d)/, () => '$-$')
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
};

/** Escapes what LaTeX reads as a command; other characters beyond ASCII, which may stop it, become `?`. */
function escapeLatex(text: string): string {
  return text.replace(/[\\{}$&#%_^~<>|[*]|[^ -~]/gu, (character) => LATEX[character] ?? '?');
}

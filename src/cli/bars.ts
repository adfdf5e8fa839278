import cliProgress, { type MultiBar, type SingleBar } from 'cli-progress';
import { shorten } from '../words.ts';

/** A stream like `process.stderr`. */
export type ProgressStream = NodeJS.WritableStream & { isTTY?: boolean; columns?: number; rows?: number };

/** What a line says beside its bar. */
export interface Detail {
  text: string;
  /** What a narrow terminal does with it: keeps it, leaves it out, or, of the last one, shows its beginning. */
  kind: 'vital' | 'spare' | 'message';
}

/** What a bar shows. */
export interface BarLine {
  label: string;
  step: number;
  total: number;
  details: readonly Detail[];
}

/** What of their lines there is room for, from the widest to the narrowest. */
const LAYOUTS = [
  { bar: true, count: 'steps', spare: true },
  { bar: false, count: 'steps', spare: true },
  { bar: false, count: 'steps', spare: false },
  { bar: false, count: 'percent', spare: false },
] as const;

type Layout = (typeof LAYOUTS)[number];

/** A line's texts: what stands before the bar, between the bar and the details, and the details. */
interface Texts {
  label: string;
  count: string;
  details: string;
}

/** Characters of a label that a narrow terminal leaves at least. */
const SHORTEST_LABEL = 8;

/**
 * A block of bars at the foot of a terminal, each with a fixed place: `lines(room)` is asked before each redraw for
 * what they show. Cursor and line wrapping stay as they are, so that nothing is left to restore after a crash.
 */
export class Bars {
  readonly #multiBar: MultiBar;
  readonly #bars: SingleBar[];

  constructor(stream: ProgressStream, lines: (room: number) => BarLine[]) {
    const columns = stream.columns || 80;
    // One line for the whole, one for a note, one for the cursor after the end.
    const room = Math.max(1, (stream.rows || 24) - 3);
    const barsize = Math.max(8, Math.min(30, columns - 66));
    /** Never a wider one again, so that the block does not waver. */
    let layout = 0;
    this.#multiBar = new cliProgress.MultiBar({
      stream,
      format: '{label}{bar}  {count}  {details}',
      barsize,
      formatBar: (progress, options) =>
        LAYOUTS[layout]!.bar ? `  ${cliProgress.Format.BarFormat(progress, options)}` : '',
      barCompleteChar: '█',
      barIncompleteChar: '░',
      fps: 10,
      hideCursor: false,
      // Trims each line to the terminal's width.
      linewrap: true,
      // Without it an unchanged bar is not drawn again after a note has moved the block down.
      forceRedraw: true,
      // It would swallow SIGINT.
      gracefulExit: false,
    });
    this.#bars = lines(room).map(({ total }) => this.#multiBar.create(total, 0, {}));
    this.#multiBar.on('update-pre', () => {
      const current = lines(room);
      const needed = (at: number) => widthOf(current, LAYOUTS[at]!, barsize);
      while (layout < LAYOUTS.length - 1 && needed(layout) > columns) layout++;
      const tooMany = Math.max(0, needed(layout) - columns);
      for (const [i, texts] of textsOf(current, LAYOUTS[layout]!, tooMany).entries()) {
        this.#bars[i]!.update(current[i]!.step, texts);
      }
    });
    // However the process ends, the prompt that follows is on a line of its own.
    process.once('exit', this.close);
  }

  // Not a method: it is also the listener of the process's end.
  readonly close = (): void => {
    if (!this.isOpen) return;
    process.removeListener('exit', this.close);
    // One more redraw, for `stop` would drop the lines above that are not drawn yet.
    this.#multiBar.update();
    this.#multiBar.stop();
  };

  get isOpen(): boolean {
    return this.#multiBar.isActive;
  }

  /** Shows the line above the bars at the next redraw. */
  printAbove(line: string): void {
    // The rest of the row may hold an old bar: erase it.
    this.#multiBar.log(`${line}\x1b[K\n`);
  }
}

/** Characters of the longest line, its message aside. */
function widthOf(lines: readonly BarLine[], layout: Layout, barsize: number): number {
  const named = lines.map((line) => ({
    ...line,
    details: line.details.filter(({ kind }) => kind !== 'message'),
  }));
  const bar = layout.bar ? barsize + 2 : 0;
  const lengths = textsOf(named, layout, 0).map(
    ({ label, count, details }) => label.length + bar + 2 + count.length + 2 + details.length,
  );
  return Math.max(...lengths);
}

/** @param tooMany characters by which labels must be shorter, as far as they can be */
function textsOf(lines: readonly BarLine[], { count, spare }: Layout, tooMany: number): Texts[] {
  const longest = Math.max(...lines.map(({ label }) => label.length));
  const labelWidth = Math.max(Math.min(SHORTEST_LABEL, longest), longest - tooMany);
  const countOf = ({ step, total }: BarLine) =>
    count === 'steps' ? `${step}/${total}` : `${Math.floor((100 * step) / total)} %`;
  const countWidth = Math.max(
    ...lines.map((line) => (count === 'steps' ? `${line.total}/${line.total}` : '100 %').length),
  );
  return lines.map((line) => ({
    label: shorten(line.label, labelWidth).padEnd(labelWidth),
    count: countOf(line).padStart(countWidth),
    details: joined(line.details.filter(({ kind }) => spare || kind !== 'spare')),
  }));
}

/** Details side by side; a message follows what it explains. */
function joined(details: readonly Detail[]): string {
  return details.reduce((line, { text, kind }) => {
    if (line === '') return text;
    return `${line}${kind === 'message' ? ': ' : '  '}${text}`;
  }, '');
}

import type { RunView, SeedView } from '../../watch/protocol.ts';
import { formatSeconds } from '../../words.ts';
import { element } from '../dom.ts';
import { shortNumber } from './chart.ts';

/** What the table shows of a run beside what the server says. */
export interface ShownRun {
  run: RunView;
  colour: string;
  shown: boolean;
}

/** The table of runs, each with its seeds below while its row is open. */
export class RunsTable {
  readonly #table: HTMLTableElement;
  readonly #show: (run: RunView, shown: boolean) => void;
  readonly #open = new Set<number>();
  #rows: readonly ShownRun[] = [];
  #now = 0;

  /** @param show told when the reader shows or hides a run */
  constructor(table: HTMLTableElement, show: (run: RunView, shown: boolean) => void) {
    this.#table = table;
    this.#show = show;
  }

  /** @param now the server's clock, in milliseconds since 1970 */
  draw(rows: readonly ShownRun[], now: number): void {
    this.#rows = rows;
    this.#now = now;
    const focused = document.activeElement?.id;
    const head = ['Run', 'Status', 'Seeds', 'Step', 'Left', 'Reward', 'Folder'].map((name) =>
      element('th', { scope: 'col' }, name),
    );
    const bodies = rows.map((row) => element('tbody', {}, this.#row(row), ...this.#seedRows(row)));
    this.#table.replaceChildren(element('thead', {}, element('tr', {}, ...head)), ...bodies);
    if (focused) document.getElementById(focused)?.focus();
  }

  #row({ run, colour, shown }: ShownRun): HTMLTableRowElement {
    const box = element('input', { type: 'checkbox', checked: shown, id: `show-${run.id}` });
    box.addEventListener('change', () => this.#show(run, box.checked));
    const swatch = element('span', { className: 'swatch' });
    swatch.style.background = shown ? colour : 'transparent';
    const seeds = element('button', { type: 'button', id: `seeds-${run.id}` }, this.#seedsWords(run));
    seeds.setAttribute('aria-expanded', `${this.#open.has(run.id)}`);
    seeds.addEventListener('click', () => {
      if (!this.#open.delete(run.id)) this.#open.add(run.id);
      this.draw(this.#rows, this.#now);
    });
    const rewards = run.seeds.flatMap(({ reward }) => reward ?? []);
    const least = Math.min(...run.seeds.map(({ step }) => step));
    const ends = run.seeds.flatMap(({ endsAt }) => endsAt ?? []);
    return element(
      'tr',
      {},
      element('th', { scope: 'row' }, element('label', {}, box, ' ', swatch, run.label)),
      element('td', { className: run.status, title: run.holder ?? '' }, run.status),
      element('td', {}, seeds),
      element('td', { className: 'number' }, `${shortNumber(least)} of ${shortNumber(run.steps)}`),
      element('td', { className: 'number' }, ends.length > 0 ? this.#left(Math.max(...ends)) : ''),
      element('td', { className: 'number' }, rewards.length > 0 ? meanOf(rewards).toFixed(1) : ''),
      element('td', { className: 'folder' }, run.folder),
    );
  }

  #seedsWords({ seeds }: RunView): string {
    const done = seeds.filter(({ status }) => status === 'done').length;
    return `${done} of ${seeds.length} done`;
  }

  #seedRows({ run }: ShownRun): HTMLTableRowElement[] {
    return this.#open.has(run.id) ? run.seeds.map((seed) => this.#seedRow(seed, run.steps)) : [];
  }

  #seedRow({ seed, status, reason, step, reward, endsAt }: SeedView, steps: number): HTMLTableRowElement {
    const progress = element('progress', { max: steps, value: step });
    progress.setAttribute('aria-label', `seed ${seed}`);
    return element(
      'tr',
      { className: 'seeds' },
      element('td', {}, `seed ${seed}`),
      element('td', { className: status }, status),
      element('td', {}, progress),
      element('td', { className: 'number' }, shortNumber(step)),
      element('td', { className: 'number' }, endsAt === null ? '' : this.#left(endsAt)),
      element('td', { className: 'number' }, reward?.toFixed(1) ?? ''),
      element('td', { className: 'reason' }, reason ?? ''),
    );
  }

  #left(endsAt: number): string {
    return formatSeconds(Math.max(0, endsAt - this.#now) / 1000);
  }
}

const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

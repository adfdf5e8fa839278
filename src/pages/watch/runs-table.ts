import { mean } from '../../statistics.ts';
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
  /** The cells of the times left, which go on between two drawings: under a click, rows should stay what they are. */
  #clocks: { cell: HTMLElement; endsAt: number }[] = [];
  #now = 0;

  /** @param show told when the reader shows or hides a run */
  constructor(table: HTMLTableElement, show: (run: RunView, shown: boolean) => void) {
    this.#table = table;
    this.#show = show;
  }

  draw(rows: readonly ShownRun[]): void {
    this.#rows = rows;
    this.#clocks = [];
    const focused = document.activeElement?.id;
    const head = ['Run', 'Status', 'Seeds', 'Step', 'Left', 'Reward', 'Folder'].map((name) =>
      element('th', { scope: 'col' }, name),
    );
    const bodies = rows.map((row) => element('tbody', {}, this.#row(row), ...this.#seedRows(row)));
    this.#table.replaceChildren(element('thead', {}, element('tr', {}, ...head)), ...bodies);
    if (focused) document.getElementById(focused)?.focus();
  }

  /** Says what time is left. @param now the server's clock, in milliseconds since 1970 */
  tick(now: number): void {
    this.#now = now;
    for (const { cell, endsAt } of this.#clocks) {
      cell.textContent = formatSeconds(Math.max(0, endsAt - now) / 1000);
    }
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
      this.draw(this.#rows);
      this.tick(this.#now);
    });
    const rewards = run.seeds.flatMap(({ reward }) => reward ?? []);
    const step = mean(run.seeds.map((seed) => seed.step)) ?? 0;
    return element(
      'tr',
      {},
      element('th', { scope: 'row' }, element('label', {}, box, ' ', swatch, run.label)),
      element('td', { className: run.status, title: run.holder ?? '' }, run.status),
      element('td', {}, seeds),
      element('td', { className: 'number' }, `${shortNumber(step)} of ${shortNumber(run.steps)}`),
      this.#clock(run.endsAt),
      element('td', { className: 'number' }, mean(rewards)?.toFixed(1) ?? ''),
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
      this.#clock(endsAt),
      element('td', { className: 'number' }, reward?.toFixed(1) ?? ''),
      element('td', { className: 'reason' }, reason ?? ''),
    );
  }

  #clock(endsAt: number | null): HTMLElement {
    const cell = element('td', { className: 'number' });
    if (endsAt !== null) this.#clocks.push({ cell, endsAt });
    return cell;
  }
}

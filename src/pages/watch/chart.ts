import uPlot from 'uplot';
import { element } from '../dom.ts';
import type { Curve } from './curves.ts';

/** One curve of a chart, and whose it is. */
export interface Line {
  label: string;
  colour: string;
  dash: number[];
  curve: Curve;
  /** Whether the band from the least to the greatest seed is drawn. */
  band: boolean;
}

const HEIGHT = 230;

/** A chart of one column, in a figure of its own. */
export class Chart {
  readonly figure: HTMLElement;
  readonly #plot = element('div');
  readonly #readings = element('p', { className: 'readings' });
  readonly #logarithmic = element('input', { type: 'checkbox' });
  #chart: uPlot | undefined;
  /** What the chart was made for; other numbers alone are set into it. */
  #made = '';
  #lines: readonly Line[] = [];
  #axis = '';

  constructor(column: string, file: string) {
    this.#logarithmic.checked = /_mse/.test(column);
    this.#logarithmic.addEventListener('change', () => this.draw(this.#lines, this.#axis));
    const log = element('label', { className: 'scale' }, this.#logarithmic, ' logarithmic');
    const title = element('span', { title: `${file}.csv` }, column);
    this.figure = element(
      'figure',
      { className: 'chart' },
      element('figcaption', {}, title, log),
      this.#plot,
      this.#readings,
    );
    this.figure.dataset.column = column;
    new ResizeObserver(() => {
      const width = this.#plot.clientWidth;
      if (this.#chart && width > 0 && width !== this.#chart.width)
        this.#chart.setSize({ width, height: HEIGHT });
    }).observe(this.#plot);
  }

  /** Draws curves, or draws them anew with other numbers. @param axis what stands under the horizontal axis */
  draw(lines: readonly Line[], axis: string): void {
    this.#lines = lines;
    this.#axis = axis;
    const shown = lines.filter(({ curve }) => curve.x.length > 0);
    const positive = this.#logarithmic.checked;
    const data = joined(shown, positive);
    const made = JSON.stringify([
      ...[axis, positive, matchMedia('(prefers-color-scheme: dark)').matches],
      ...shown.map(({ label, colour, band, curve }) => [label, colour, band, curve.x.length === 1]),
    ]);
    if (this.#chart !== undefined && made === this.#made) {
      // Who has zoomed in stays there.
      this.#chart.setData(data, !isZoomed(this.#chart));
    } else {
      this.#chart?.destroy();
      this.#made = made;
      this.#chart =
        shown.length === 0 ? undefined : new uPlot(this.#options(shown, axis, positive), data, this.#plot);
    }
    this.#read(null);
    this.figure.setAttribute('aria-label', `${this.figure.dataset.column}: ${this.#readings.textContent}`);
  }

  /** Takes the chart away. */
  remove(): void {
    this.#chart?.destroy();
    this.figure.remove();
  }

  #options(lines: readonly Line[], axis: string, logarithmic: boolean): uPlot.Options {
    const style = getComputedStyle(document.documentElement);
    const stroke = style.getPropertyValue('--faint');
    const grid = { stroke: style.getPropertyValue('--line'), width: 0.5 };
    const font = '11px system-ui, Helvetica, Arial, sans-serif';
    const axes = { stroke, grid, font, labelFont: font, ticks: grid };
    const series = lines.flatMap(({ label, colour, dash, curve }): uPlot.Series[] => {
      const hidden = { spanGaps: true, points: { show: false }, width: 0 };
      const points = { show: curve.x.length === 1, size: 5, fill: colour };
      return [
        { label, stroke: colour, dash, width: 1.6, spanGaps: true, points },
        { label: `${label}, least`, ...hidden },
        { label: `${label}, greatest`, ...hidden },
      ];
    });
    return {
      width: this.#plot.clientWidth || 300,
      height: HEIGHT,
      legend: { show: false },
      cursor: { sync: { key: axis }, points: { show: false } },
      scales: { x: { time: false }, y: logarithmic ? { distr: 3 } : {} },
      axes: [
        { ...axes, label: axis, labelSize: 18, size: 34, values: (_, ticks) => ticks.map(shortNumber) },
        {
          ...axes,
          size: 58,
          values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : shortNumber(tick))),
        },
      ],
      series: [{}, ...series],
      bands: lines.flatMap(({ colour, band }, i) =>
        band ? [{ series: [3 * i + 3, 3 * i + 2], fill: `${colour}2b` }] : [],
      ),
      hooks: { setCursor: [({ cursor }) => this.#read(cursor.idx ?? null)] },
    };
  }

  /** Says what the curves come to at a place of the joined data; at their ends, where it is null. */
  #read(place: number | null): void {
    const data = this.#chart?.data;
    if (data === undefined) {
      this.#readings.replaceChildren('no numbers yet');
      return;
    }
    const shown = this.#lines.filter(({ curve }) => curve.x.length > 0);
    const [xs] = data;
    const x = xs[place ?? xs.length - 1];
    const values = shown.map(({ label, colour }, i) => {
      const value = before(data[3 * i + 1]!, place);
      const swatch = element('span', { className: 'swatch' });
      swatch.style.background = colour;
      return element('span', {}, swatch, `${label} ${value === null ? '–' : shortNumber(value)}`);
    });
    const head = place === null || x === undefined ? [] : [element('span', {}, `at ${shortNumber(x)}:`)];
    this.#readings.replaceChildren(...head, ...values);
  }
}

/** The last number of a series up to a place, its last one at all where that is null; null where there is none. */
function before(values: ArrayLike<number | null | undefined>, place: number | null): number | null {
  for (let i = place ?? values.length - 1; i >= 0; i--) {
    const value = values[i];
    if (value != null) return value;
  }
  return null;
}

/** All curves on the union of their places: x, then mean, least and greatest of each. */
function joined(lines: readonly Line[], positive: boolean): uPlot.AlignedData {
  // What a logarithmic axis has no place for is left out.
  const drawable = (values: readonly (number | null)[]) =>
    positive ? values.map((value) => (value !== null && value > 0 ? value : null)) : [...values];
  const tables = lines.map(
    ({ curve: { x, mean, low, high } }): uPlot.AlignedData => [x, ...[mean, low, high].map(drawable)],
  );
  return tables.length === 0 ? [[]] : uPlot.join(tables);
}

/** Whether less than all of the horizontal axis is shown. */
function isZoomed({ data: [xs], scales }: uPlot): boolean {
  const { min, max } = scales.x!;
  return min != null && max != null && (min > xs[0]! || max < xs.at(-1)!);
}

const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 4 });

/** `12K`, `0.05`, `3.1e-4` */
export function shortNumber(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && size < 1e-3) return value.toExponential(1).replace('.0e', 'e');
  return size >= 1e4 ? compact.format(value) : `${Number(value.toPrecision(4))}`;
}

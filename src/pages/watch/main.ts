import {
  type CurveFile,
  curveFiles,
  type News,
  type Results,
  type RunCurves,
  type RunView,
} from '../../watch/protocol.ts';
import { byId, element } from '../dom.ts';
import { Chart, type Line } from './chart.ts';
import { overSeeds } from './curves.ts';
import { Gallery } from './gallery.ts';
import { RunsTable } from './runs-table.ts';
import { keepSettings, readSettings } from './settings.ts';
import { resultsElements } from './tables.ts';

/** Okabe and Ito (2008), as in the figures, but grey for black, which is lost on a dark page. */
const COLOURS = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#888888', '#F0E442'];
const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3]];
/** Milliseconds after which a page that hears nothing says so. */
const SILENCE = 5000;

const settings = readSettings();
const runs = new Map<number, RunView>();
let order: number[] = [];
let now = 0;
/** Curves as they were last asked for, by run and chart. */
const curves = new Map<string, RunCurves>();
const charts = new Map<string, Chart>();

const state = byId('state', HTMLElement);
const environments = byId('environment', HTMLSelectElement);
const gallery = new Gallery(byId('gallery', HTMLElement));
const table = new RunsTable(byId('runs', HTMLTableElement), (run, isShown) => {
  const others = shownRuns()
    .map(({ folder }) => folder)
    .filter((folder) => folder !== run.folder);
  settings.shown = isShown ? [...others, run.folder] : others;
  settingsChanged();
});

/** The runs of the chosen environment, in the server's order. */
function listedRuns(): RunView[] {
  const all = order.flatMap((id) => runs.get(id) ?? []);
  const chosen = all.some(({ environment }) => environment === settings.environment)
    ? settings.environment
    : (all.find(({ status }) => status === 'running') ?? all[0])?.environment;
  return all.filter(({ environment }) => environment === chosen);
}

function shownRuns(): RunView[] {
  const listed = listedRuns();
  const { shown } = settings;
  if (shown !== null) return listed.filter(({ folder }) => shown.includes(folder));
  const first = listed.toSorted((a, b) => Number(b.status === 'running') - Number(a.status === 'running'));
  const chosen = new Set(first.slice(0, COLOURS.length));
  return listed.filter((run) => chosen.has(run));
}

/** What a run looks like; as long as the runs stay the same, whatever else is shown. */
function lookOf(run: RunView): { colour: string; dash: number[] } {
  const index = listedRuns().indexOf(run);
  return {
    colour: COLOURS[index % COLOURS.length]!,
    dash: DASHES[Math.floor(index / COLOURS.length) % DASHES.length]!,
  };
}

function drawRuns(): void {
  const shown = new Set(shownRuns());
  table.draw(listedRuns().map((run) => ({ run, colour: lookOf(run).colour, shown: shown.has(run) })));
  table.tick(now);
  byId('pictures', HTMLElement).hidden = !gallery.draw([...shown]);
}

/** The charts that are chosen and can be, with file and column apart. */
function chosenCharts(): { chart: string; file: CurveFile; column: string }[] {
  return settings.charts.flatMap((chart) => {
    const file = curveFiles.find((name) => chart.startsWith(`${name}.`));
    if (file === undefined) return [];
    const column = chart.slice(file.length + 1);
    const isThere = listedRuns().some(({ columns }) => columns[file].includes(column));
    return isThere ? [{ chart, file, column }] : [];
  });
}

function drawCharts(): void {
  const place = byId('charts', HTMLElement);
  const chosen = chosenCharts();
  for (const [name, chart] of charts) {
    if (chosen.some((each) => each.chart === name)) continue;
    chart.remove();
    charts.delete(name);
  }
  for (const { chart: name, file, column } of chosen) {
    let chart = charts.get(name);
    if (chart === undefined) {
      chart = new Chart(column, file);
      charts.set(name, chart);
      place.append(chart.figure);
    }
    // losses.csv has no times.
    const axis = file === 'losses' && settings.axis === 'wall_seconds' ? 'env_step' : settings.axis;
    chart.draw(linesOf(file, column, axis), AXES[axis] ?? axis);
  }
}

/** What stands under each horizontal axis. */
const AXES: Record<string, string> = {
  env_step: 'environment steps',
  update: 'updates',
  wall_seconds: 'seconds',
};

function linesOf(file: CurveFile, column: string, axis: string): Line[] {
  return shownRuns().flatMap((run): Line[] => {
    const { seeds = [] } = curves.get(`${run.id} ${file}`) ?? {};
    const look = lookOf(run);
    const drawn = (chosen: typeof seeds) => overSeeds(chosen, column, axis, Number(settings.smoothing));
    if (settings.seeds === 'each') {
      return seeds.map((seed) => ({
        ...look,
        label: `${run.label} ${seed.seed}`,
        band: false,
        curve: drawn([seed]),
      }));
    }
    return [{ ...look, label: run.label, band: seeds.length > 1, curve: drawn(seeds) }];
  });
}

/** What was last asked of a run's file: the version of its curves and the columns. */
const asked = new Map<string, string>();
/** How many times was asked for curves, and which of these times what is shown of a run's file answers. */
let questions = 0;
const answered = new Map<string, number>();

/** Asks for the curves that are shown and not there yet, and draws them. */
async function fetchCurves(): Promise<void> {
  const chosen = chosenCharts();
  const question = ++questions;
  const due = curveFiles.flatMap((file) => {
    const columns = chosen.filter((chart) => chart.file === file).map(({ column }) => column);
    if (columns.length === 0) return [];
    const places = file === 'metrics' ? ['env_step', 'update', 'wall_seconds'] : ['env_step', 'update'];
    const wanted = [...places, ...columns].join();
    const stale = shownRuns().filter(
      ({ id, version }) => asked.get(`${id} ${file}`) !== `${version} ${wanted}`,
    );
    for (const { id, version } of stale) asked.set(`${id} ${file}`, `${version} ${wanted}`);
    const ids = stale.map(({ id }) => id);
    return ids.length > 0 ? [{ file, ids, query: { file, columns: wanted, runs: `${ids}` } }] : [];
  });
  await Promise.all(
    due.map(async ({ file, ids, query }) => {
      try {
        const found = await fetchJson<RunCurves[]>(`curves?${new URLSearchParams(query)}`);
        for (const run of found) {
          const place = `${run.id} ${file}`;
          // A slow answer to an earlier question is older than what is shown.
          if ((answered.get(place) ?? 0) > question) continue;
          answered.set(place, question);
          curves.set(place, run);
        }
      } catch (error) {
        // The next news ask again.
        for (const id of ids) asked.delete(`${id} ${file}`);
        throw error;
      }
    }),
  );
  drawCharts();
}

async function fetchJson<T>(address: string): Promise<T> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** The choice of environments and of columns, where there are others than before. */
let offered = '';
function drawChoices(): void {
  const names = [...new Set(order.flatMap((id) => runs.get(id)?.environment ?? []))];
  const listed = listedRuns();
  const columns = Object.fromEntries(
    curveFiles.map((file) => [file, [...new Set(listed.flatMap((run) => run.columns[file]))]]),
  );
  const offer = JSON.stringify([names, listed[0]?.environment, columns]);
  if (offer === offered) return;
  offered = offer;
  environments.replaceChildren(...names.map((name) => element('option', { value: name }, name)));
  environments.value = listed[0]?.environment ?? '';
  const boxes = curveFiles.map((file) => {
    const choices = columns[file]!.map((column) => {
      const chart = `${file}.${column}`;
      const box = element('input', { type: 'checkbox', checked: settings.charts.includes(chart) });
      box.addEventListener('change', () => {
        const others = settings.charts.filter((each) => each !== chart);
        settings.charts = box.checked ? [...others, chart] : others;
        settingsChanged();
      });
      return element('label', {}, box, ` ${column}`);
    });
    return element('div', {}, element('strong', {}, `${file}.csv`), ...choices);
  });
  byId('columns', HTMLElement).replaceChildren(...boxes);
}

function settingsChanged(): void {
  keepSettings(settings);
  drawAll();
}

function drawAll(): void {
  drawChoices();
  drawRuns();
  fetchCurves().catch(report);
}

/** What goes wrong is said on the page, and by the browser with its stack. */
function report(error: unknown): void {
  reportError(error);
  say(`${error instanceof Error ? error.message : error}`, true);
}

function say(words: string, isLost: boolean): void {
  state.textContent = words;
  state.className = isLost ? 'lost' : '';
}

const results = byId('results', HTMLDetailsElement);
let resultsOf = '';

/** Table 1, while it is open, where a seed has come to its end since, or another environment is shown. */
async function drawResults(): Promise<void> {
  if (!results.open) return;
  const listed = listedRuns();
  const standing = JSON.stringify(
    listed.map(({ id, label, seeds }) => [id, label, seeds.map(({ status }) => status)]),
  );
  if (standing === resultsOf) return;
  resultsOf = standing;
  const found = await fetchJson<Results[]>('results');
  const shown = found.find(({ environment }) => environment === listed[0]?.environment);
  byId('tables', HTMLElement).replaceChildren(...(shown ? resultsElements(shown) : []));
}

function hear(news: News): void {
  const isOther = news.changed.length > 0 || `${news.order}` !== `${order}`;
  ({ order, now } = news);
  for (const run of news.changed) runs.set(run.id, run);
  const counts = new Map<string, number>();
  for (const id of order) {
    const status = runs.get(id)?.status ?? '';
    counts.set(status, (counts.get(status) ?? 0) + 1);
  }
  const words = [...counts].map(([status, count]) => `${count} ${status}`).join(', ');
  say(words || 'no runs yet', false);
  document.title = `${words || 'no runs yet'} – wm watch`;
  byId('faults', HTMLElement).replaceChildren(
    ...news.faults.map(({ folder, fault }) => element('li', {}, `${folder}: ${fault}`)),
  );
  table.tick(now);
  if (!isOther) return;
  drawAll();
  drawResults().catch(report);
}

for (const key of ['axis', 'seeds', 'smoothing'] as const) {
  const select = byId(key, HTMLSelectElement);
  select.value = settings[key];
  select.addEventListener('change', () => {
    settings[key] = select.value;
    settingsChanged();
  });
}
environments.addEventListener('change', () => {
  settings.environment = environments.value;
  settings.shown = null;
  settingsChanged();
  drawResults().catch(report);
});
byId('all', HTMLButtonElement).addEventListener('click', () => {
  settings.shown = listedRuns().map(({ folder }) => folder);
  settingsChanged();
});
byId('none', HTMLButtonElement).addEventListener('click', () => {
  settings.shown = [];
  settingsChanged();
});
byId('controls', HTMLFormElement).addEventListener('submit', (event) => event.preventDefault());
results.addEventListener('toggle', () => drawResults().catch(report));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawCharts);

let silence: ReturnType<typeof setTimeout> | undefined;
const stream = new EventSource('events');
stream.addEventListener('news', ({ data }) => {
  clearTimeout(silence);
  silence = setTimeout(() => say('the server says nothing; is it still running?', true), SILENCE);
  hear(JSON.parse(data));
});
// The browser tries again by itself; a server that was started anew has other ids.
stream.addEventListener('error', () => say('the connection is lost; trying again', true));
stream.addEventListener('open', () => {
  for (const known of [runs, curves, asked, answered]) known.clear();
});

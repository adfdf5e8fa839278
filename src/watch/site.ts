import { join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { resultsByEnvironment } from '../compare/index.ts';
import { runLabels } from '../compare/samples.ts';
import { UserError } from '../errors.ts';
import { differencesTable } from '../report/run-tables.ts';
import { type ReadRuns, readRuns } from '../runs/read.ts';
import type { EventStream } from '../serve/events.ts';
import { readWithin } from '../serve/files.ts';
import { readPage } from '../serve/page.ts';
import type { Content, Site } from '../serve/server.ts';
import { curveFiles, type Results, type RunCurves } from './protocol.ts';
import type { WatchedRun } from './watched-run.ts';
import type { Watcher } from './watcher.ts';

/** Milliseconds between two news. */
const INTERVAL = 1000;
const LARGEST_PICTURE = 2 ** 24;
const PICTURES: Record<string, string> = { svg: 'image/svg+xml', gif: 'image/gif' };
/** A picture that is opened as a page of its own may be styled, and run nothing. */
const PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/** The site that shows what a watcher sees. */
export function watchSite(watcher: Watcher): Site['answer'] {
  const page = readPage('watch');
  let readers = 0;

  async function tell(events: EventStream): Promise<void> {
    readers++;
    try {
      for (let told = 0; !events.gone.aborted; ) {
        await watcher.look();
        const { news, change } = watcher.news(told);
        await events.send('news', news);
        told = change;
        await setTimeout(INTERVAL, undefined, { signal: events.gone }).catch(() => {});
      }
    } finally {
      readers--;
      if (readers === 0) watcher.rest();
    }
  }

  return async (path, query) => {
    if (path === '/') return page;
    if (path === '/events') return { stream: tell };
    if (path === '/curves') return json(await curves(watcher, query));
    if (path === '/results') return json(await results(watcher));
    if (path === '/picture') return picture(watcher, query);
    return undefined;
  };
}

const json = (value: unknown): Content => ({ type: 'application/json', body: JSON.stringify(value) });

async function curves(watcher: Watcher, query: URLSearchParams): Promise<RunCurves[]> {
  const file = curveFiles.find((name) => name === query.get('file'));
  if (file === undefined) throw new UserError(`curves are of the files ${curveFiles.join(' and ')}`);
  const columns = (query.get('columns') ?? '').split(',');
  const found: RunCurves[] = [];
  for (const id of (query.get('runs') ?? '').split(',')) {
    const run = watcher.run(wholeNumber(id));
    if (run !== undefined) found.push(await run.curves(file, columns));
  }
  return found;
}

async function results(watcher: Watcher): Promise<Results[]> {
  const { runs } = watcher;
  // A sweep is read as one: its cells are called by what they differ in.
  const finished = runs.filter(({ standing }) => standing.seeds.some(({ status }) => status === 'done'));
  const strayed = new Map(
    finished.map(({ run }) => [folderOf(run), run.strayed] as const).filter(([, file]) => file),
  );
  const dirs = new Set(finished.map(({ run }) => folderOf(run)).filter((dir) => !strayed.has(dir)));
  const { read, faults } = await readable([...dirs]);
  faults.push(...[...strayed.values()].map((file) => `Left out: ${file} is out of its run, by a link.`));
  const environments = new Set(runs.map(({ standing }) => standing.experiment.environment));
  const tables = new Map(
    resultsByEnvironment(read).map(({ environment, results }) => [environment, results]),
  );
  const labels = runLabels(runs.map(({ standing }) => standing));
  return [...environments].map((environment) => {
    const ofIt = runs.flatMap(({ standing }, i) =>
      standing.experiment.environment === environment ? [{ label: labels[i]!, run: standing }] : [],
    );
    const { tables: shown = [], notes = [] } = tables.get(environment) ?? {};
    return {
      environment,
      tables: shown,
      notes: [...faults, ...notes],
      differences: differencesTable(ofIt),
    };
  });
}

/** What is read for a run's results: its folder, or its sweep's. */
const folderOf = ({ found }: WatchedRun): string => found.cell?.dir ?? found.dir;

/** The runs in some folders, as far as they can be read, and why the others cannot. */
async function readable(dirs: readonly string[]): Promise<{ read: ReadRuns; faults: string[] }> {
  const read: ReadRuns = { runs: [], passedOver: [], missing: [] };
  const faults: string[] = [];
  for (const dir of dirs) {
    // News go on meanwhile.
    await setImmediate();
    try {
      const { runs, missing } = readRuns([dir]);
      read.runs.push(...runs);
      read.missing.push(...missing);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      faults.push(`Left out: ${error.message}.`);
    }
  }
  return { read, faults };
}

function picture(watcher: Watcher, query: URLSearchParams): Content | undefined {
  const run = watcher.run(wholeNumber(query.get('run')));
  const seed = wholeNumber(query.get('seed'));
  const [, name, kind] = /^(\d+\.(\w+))$/.exec(query.get('file') ?? '') ?? [];
  const type = PICTURES[kind ?? ''];
  if (run === undefined || type === undefined || Number.isNaN(seed)) return undefined;
  const body = readWithin(run.found.dir, join(`seed-${seed}`, 'media', name!), LARGEST_PICTURE);
  return body && { type, body, policy: PICTURE_POLICY };
}

/** What a query means by a number; NaN where it is none. */
const wholeNumber = (text: string | null): number =>
  /^\d{1,15}$/.test(text ?? '') ? Number(text) : Number.NaN;

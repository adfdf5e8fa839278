import assert from 'node:assert/strict';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { reportOn } from '../src/report/index.ts';
import { parseCsv } from '../src/runs/csv.ts';
import { noBrowser, openPage, withBrowser } from './support/browser.ts';
import { type Answered, run, runInTurn } from './support/program.ts';
import { runMaker } from './support/run-folders.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const published = ['dream-critic', 'baseline'].map((name) => join(root, 'runs', 'first', name));
const folder = temporaryFolder('report');

const wm = (...args: string[]) => run(folder, ...args);

/** What is reported of the published runs. */
let reported: Promise<string> | undefined;
function publishedPage(): Promise<string> {
  reported ??= reportOn(published, { paper: true });
  return reported;
}

/** A published run under another name, its run.json changed. */
function variant(name: string, changes: Record<string, unknown>): string {
  const dir = join(folder, name);
  cpSync(published[1]!, dir, { recursive: true });
  const file = join(dir, 'run.json');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...changes }));
  return dir;
}

/** The elements of a page and whatever else could be read as markup, in order. */
const skeleton = (page: string) => page.match(/<[^\s>]*|&(?!(?:amp|lt|gt|quot|#39);)|[^\P{Cc}\n]/gu);

/** The text of a page's cells, row by row. */
function rows(page: string): string[][] {
  return [...page.matchAll(/<tr>(.*?)<\/tr>/gs)].map(([, row]) =>
    [...row!.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/gs)].map(([, cell]) => cell!),
  );
}

test('wm report writes one page with everything that the runs say', async () => {
  const first = await wm('report', ...published, '--paper', '--out', 'sub/first.html');
  assert.deepEqual(first, { code: 0, signal: null, stdout: '', stderr: 'wrote sub/first.html\n' });
  const page = readFileSync(join(folder, 'sub', 'first.html'), 'utf8');
  assert.equal(await publishedPage(), page, 'the same bytes again');
  const cells = rows(page);
  const starting = (...start: string[]) => cells.filter((row) => start.every((cell, i) => row[i] === cell));

  assert.deepEqual(starting('Dream critic', 'dream-critic')[0], [
    'Dream critic',
    'dream-critic',
    'vae-lstm',
    'CartPole-v1',
    '16,000',
    '100 to 104',
    '5 of 5',
  ]);
  assert.equal(starting('Dream critic (paper)', '5', '482.7 ± 8.4').length, 1);
  assert.equal(starting('Final reward', 'Against', 'Difference').length, 1);
  // Each seed of each run, as summary.csv has it.
  for (const run of published) {
    const file = join(run, 'summary.csv');
    for (const { seed, final_reward } of parseCsv(readFileSync(file, 'utf8'), file).rows) {
      const shown = Number(final_reward).toFixed(1);
      assert.ok(starting(`seed ${seed}`, shown).length > 0, `seed ${seed} of ${run} is not at ${shown}`);
    }
  }
  assert.deepEqual(starting('Key'), [['Key', 'Dream critic', 'Baseline']]);
  assert.deepEqual(starting('critic.shapesModel'), [['critic.shapesModel', 'true', 'false']]);
  assert.deepEqual(starting('critic.bootstrapsActor'), [['critic.bootstrapsActor', 'true', 'false']]);
  assert.equal(starting('gamma').length, 0);
  assert.match(
    page,
    /<code>wm train --config configs\/dream\.yaml --steps 16000 --seeds 100,101,102,103,104 /,
  );
  for (const number of [1, 2, 3, 4]) {
    assert.match(
      page,
      new RegExp(`<figure id="figure${number}"[^>]*><svg role="img" aria-label="[^"]*Dream critic ends at`),
    );
  }
  assert.deepEqual(
    [...page.matchAll(/<h(\d)/g)].map(([, level]) => level).join(''),
    '122222222',
    'one first heading, then second ones',
  );
  assert.match(page, /<html lang="en">/);
  assert.match(page, /<meta name="viewport" content="width=device-width, initial-scale=1">/);
});

test('the page refers to nothing outside of itself and has no script', async () => {
  const page = await publishedPage();
  const outside = page.match(
    /https?:[^"\s]*|<(?:script|link|iframe|img|object|base)\b|\b(?:href|src|srcset)=|url\(|@import/g,
  );
  assert.deepEqual([...new Set(outside)].sort(), [
    'http://www.w3.org/1999/xlink',
    'http://www.w3.org/2000/svg',
  ]);
});

test('seeds that are not finished are named with their reason and left out', async () => {
  const dir = variant('unfinished', {
    status: { 100: 'done', 101: 'failed', 102: 'done', 103: 'waiting', 104: 'waiting' },
    failures: { 101: 'the loss is NaN' },
  });
  for (const seed of [101, 103, 104]) rmSync(join(dir, `seed-${seed}`, 'done.json'));
  const page = await reportOn([dir], { paper: false });
  assert.match(page, /<li>Not finished and left out: Baseline, seed 101: failed: the loss is NaN<\/li>/);
  assert.match(page, /<li>Not finished and left out: Baseline, seeds 103 to 104: waiting<\/li>/);
  assert.ok(
    rows(page).some((row) => row.includes('2 of 5')),
    'counts the finished seeds',
  );
  assert.match(page, /<p>None but the folders’ names\.<\/p>/);
  for (const seed of [100, 102]) rmSync(join(dir, `seed-${seed}`, 'done.json'));
  assert.doesNotMatch(await reportOn([dir], { paper: false }), /<figure/);
});

test('where runs were made by other versions, the report says by which', async () => {
  const record = JSON.parse(readFileSync(join(published[1]!, 'run.json'), 'utf8'));
  const { wmVersion, gitCommit, node, engine, host, platform, cores, command, start, end } = record;
  const first = { wmVersion, gitCommit, node, engine, host, platform, cores, command, start, end };
  const then = { ...first, gitChanges: 'f'.repeat(64), start: '2026-11-21T10:00:00.000Z' };
  const page = await reportOn([variant('sittings', { sittings: [first, then, then] })], { paper: false });
  const commit = gitCommit.slice(0, 12);
  const origins = rows(page).filter((row) => row[1] === `wasm ${engine.version}`);
  assert.deepEqual(
    origins.map((row) => [row[3], ...row.slice(7)]),
    [
      [`0.1.0 (${commit})`, '1', '2026-11-20 20:38:21 UTC', '2.3 min'],
      [`0.1.0 (${commit}, changed: ffffffffffff)`, '2', '2026-11-21 10:00:00 UTC', ''],
    ],
  );
  const note = `Baseline 0.1.0 (${commit}), then 0.1.0 (${commit}, changed: ffffffffffff)`;
  assert.ok(page.includes(`<li>Not the same wm: ${note}.</li>`));
  assert.equal(page.split(note).length, 2, 'says so once');
});

test('whatever a run folder says stays text, and its command can be pasted into a shell', async () => {
  const unit = fc.constantFrom(
    '<',
    '>',
    '&',
    '"',
    "'",
    '/',
    '-',
    '!',
    '=',
    ' ',
    'a',
    '\u0000',
    '\u001b',
    '\ud800',
    '{',
  );
  const hostile = fc.oneof(
    fc.string({ unit }),
    fc.constantFrom('__proto__', '</style><script>x</script>', '&lt;', '-->'),
  );
  const dir = variant('hostile', {});
  const record = JSON.parse(readFileSync(join(dir, 'run.json'), 'utf8'));
  // Two seeds of two evaluations are enough, and quick.
  for (const seed of [102, 103, 104]) rmSync(join(dir, `seed-${seed}`, 'done.json'));
  for (const seed of [100, 101]) {
    const file = join(dir, `seed-${seed}`, 'metrics.csv');
    writeFileSync(file, `${readFileSync(file, 'utf8').split('\n').slice(0, 3).join('\n')}\n`);
  }
  const page = (text: string) => {
    const engine = { name: text, version: text, device: text, reason: text };
    const changes = { arm: text, host: text, platform: text, node: text, start: text, engine };
    const failures = { 104: text };
    writeFileSync(
      join(dir, 'run.json'),
      JSON.stringify({ ...record, ...changes, failures, command: [text] }),
    );
    return reportOn([dir], { paper: true });
  };
  /** Of a plain text, by its length. */
  const plain = new Map<number, ReturnType<typeof page>>();
  await fc.assert(
    fc.asyncProperty(hostile, async (text) => {
      const { length } = text;
      if (!plain.has(length)) plain.set(length, page('a'.repeat(length)));
      const wanted = await plain.get(length)!;
      assert.deepEqual(skeleton(await page(text)), skeleton(wanted));
    }),
    { seed: 1, numRuns: 8 },
  );
  assert.match(await page("it's $HOME"), /<code>&#39;it&#39;\\&#39;&#39;s \$HOME&#39;<\/code>/);
});

test('a path that is no run folder is one sentence, and nothing is written; help says what would be', async () => {
  const refused = ['report', published[0]!, 'missing', '--out', 'never/never.html'];
  const commands = [
    ...[refused, ['report', '--help'], ['help', 'report'], ['config', 'help']],
    ...[[], ['help', 'nosuch']],
  ];
  const answers = await runInTurn(commands.map((args) => ({ cwd: folder, args })));
  const [{ code, stdout, stderr }, help, asked] = answers as [Answered, Answered, Answered];
  assert.match(help.stdout, /--out <file> .*\(default: "report\.html"\)/);
  assert.equal(asked.stdout, help.stdout);
  assert.deepEqual(
    answers.map((each) => each.code),
    [2, 0, 0, 0, 2, 2],
    'help that was asked for, and help in place of a command',
  );
  assert.deepEqual([code, stdout], [2, '']);
  assert.equal(stderr, 'wm: missing does not exist; give a run folder, one that wm train made\n');
  assert.ok(!existsSync(join(folder, 'never')), 'no folder is made');
});

test('runs of several environments are refused, or reported each on a page of their own', async () => {
  const make = runMaker(folder);
  const curves = [[-500, -100]];
  const runs = [
    make('poles', { curves: [[20, 500]] }),
    make('links', { curves, overrides: ['environment=Acrobot-v1'] }),
  ];
  const args = ['report', ...runs, '--out', 'apart/page.html'];
  const lines = [args, [...args, '--by-environment']].map((args) => ({ cwd: folder, args }));
  const [refused, written] = (await runInTurn(lines)) as [Answered, Answered];
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /^wm: the runs are of several environments .* --by-environment\n$/);
  const names = ['page-CartPole-v1.html', 'page-Acrobot-v1.html'];
  assert.equal(written.stderr, names.map((name) => `wrote apart/${name}\n`).join(''));
  assert.deepEqual(readdirSync(join(folder, 'apart')), names.toSorted());
  for (const [i, run] of runs.entries()) {
    assert.equal(
      readFileSync(join(folder, 'apart', names[i]!), 'utf8'),
      await reportOn([run], { paper: false }),
    );
  }
});

/** What a report looks like in a browser. */
interface Measured {
  /** Pixels by which it is wider than the screen. */
  overflow: number;
  figures: { width: number; marks: boolean; cut: string[] }[];
}

test('Chromium shows every figure whole and says nothing, on a narrow and on a wide screen', {
  skip: noBrowser,
}, async () => {
  const file = join(folder, 'opened.html');
  writeFileSync(file, await publishedPage());
  const measure = `({
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    figures: [...document.querySelectorAll('figure svg')].map((svg) => {
      const box = svg.getBoundingClientRect();
      const cut = [...svg.querySelectorAll('text')].filter((text) => {
        const { left, right, top, bottom } = text.getBoundingClientRect();
        return left < box.left - 1 || right > box.right + 1 || top < box.top - 1 || bottom > box.bottom + 1;
      });
      return { width: Math.round(box.width), marks: svg.querySelectorAll('path[stroke], path[fill]').length > 10, cut: cut.map((text) => text.textContent) };
    }),
  })`;
  await withBrowser(async (browser) => {
    for (const width of [500, 1200]) {
      const { page, complaints } = await openPage(browser, pathToFileURL(file).href, { width });
      const result = await page.evaluate<Measured>(measure);
      assert.deepEqual(complaints, []);
      assert.equal(result.overflow, 0, `the page is wider than a screen of ${width}`);
      assert.equal(result.figures.length, 4);
      for (const { cut, marks, width: shown } of result.figures) {
        assert.deepEqual(cut, [], 'text beyond the edge of its figure');
        assert.ok(marks && shown > 300, `a figure is ${shown} wide, with marks: ${marks}`);
      }
    }
    const { page, complaints } = await openPage(browser, 'about:blank', { width: 500 });
    await page.evaluate('console.error("told")');
    assert.deepEqual(complaints, ['told'], 'an error on the console is seen');
  });
});

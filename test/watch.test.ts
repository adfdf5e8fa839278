import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { overSeeds } from '../src/pages/watch/curves.ts';
import { acquireLock } from '../src/runs/lock.ts';
import { writeSeedRecord } from '../src/runs/records.ts';
import { startServer } from '../src/serve/server.ts';
import type { News, Results, RunCurves } from '../src/watch/protocol.ts';
import { watchSite } from '../src/watch/site.ts';
import { Watcher } from '../src/watch/watcher.ts';
import { noBrowser, openPage, withBrowser } from './support/browser.ts';
import { start } from './support/program.ts';
import { runMaker } from './support/run-folders.ts';
import { temporaryFolder } from './support/temporary-folder.ts';
import { waitFor } from './support/tiny-run.ts';

const windows = process.platform === 'win32' && 'there are no such links and pipes on Windows';
const root = fileURLToPath(new URL('../', import.meta.url));

/** A site over some folders whose clock goes on by a second whenever it is read, so that every look is one. */
function watched(...dirs: string[]) {
  let now = 0;
  const clock = () => {
    now += 1000;
    return now;
  };
  // That clock of the machine which can be set is set back all the time.
  const watcher = new Watcher(dirs, clock, () => -now);
  const answer = watchSite(watcher);
  let told = 0;
  return {
    answer,
    /** What the page would be told next. */
    next: async (): Promise<News> => {
      await watcher.look();
      const { news, change } = watcher.news(told);
      told = change;
      return news;
    },
    ask: async <T>(path: string, query: Record<string, string> = {}): Promise<T> => {
      const found = await answer(path, new URLSearchParams(query));
      assert.ok(found && 'body' in found);
      return JSON.parse(String(found.body));
    },
  };
}

/** Marks a run's seeds in run.json and takes what makes them finished. */
function unfinish(dir: string, status: Record<number, string>, failures: Record<number, string> = {}): void {
  const file = join(dir, 'run.json');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), status, failures }));
  for (const [seed, now] of Object.entries(status)) {
    if (now !== 'done') rmSync(join(dir, `seed-${seed}`, 'done.json'));
  }
}

describe('wm watch', () => {
  test('tells what is new as a run is written, cut short by a resume, and ended', async () => {
    const folder = temporaryFolder('watch');
    const dir = runMaker(folder)('run', { arm: 'dream-critic', curves: [[10, 20], [30]], seeds: [4, 5] });
    unfinish(dir, { 4: 'running', 5: 'running' });
    const lock = acquireLock(dir);
    const site = watched(folder);
    const first = await site.next();
    const [run] = first.changed;
    assert.deepEqual(
      [first.order, first.faults, run!.label, run!.status],
      [[0], [], 'Dream critic', 'running'],
    );
    assert.equal(run!.holder?.startsWith(`process ${process.pid} on `), true);
    assert.deepEqual(
      run!.seeds.map(({ seed, status, step, reward }) => [seed, status, step, reward]),
      [
        [4, 'running', 4000, 20],
        [5, 'running', 2000, 30],
      ],
    );
    assert.deepEqual(run!.columns.metrics, [
      'reward_mean',
      'reward_std',
      'prediction_mse',
      'prediction_mse_standardised',
    ]);
    const query = { file: 'metrics', columns: 'env_step,reward_mean', runs: '0,7' };
    const curves = async () =>
      (await site.ask<RunCurves[]>('/curves', query)).map(({ seeds }) =>
        seeds.map(({ columns }) => columns.reward_mean),
      );
    assert.deepEqual(await curves(), [[[10, 20], [30]]]);
    assert.deepEqual((await site.next()).changed, [], 'nothing is new');

    const file = join(dir, 'seed-5/metrics.csv');
    appendFileSync(file, '5,4000,77,1,,\n5,6000,8');
    const { changed } = await site.next();
    assert.deepEqual([changed.length, changed[0]!.seeds[1]!.reward], [1, 77]);
    assert.ok(changed[0]!.version > run!.version);
    assert.deepEqual(await curves(), [
      [
        [10, 20],
        [30, 77],
      ],
    ]);
    truncateSync(file, readFileSync(file, 'utf8').indexOf('5,4000'));
    assert.equal((await site.next()).changed[0]!.seeds[1]!.reward, 30);
    assert.deepEqual(await curves(), [[[10, 20], [30]]]);

    // Killed: its lock is nobody's.
    const { pid } = spawnSync(process.execPath, ['--version']);
    const stale = JSON.stringify({
      ...JSON.parse(readFileSync(join(dir, 'run.lock'), 'utf8')),
      pid,
      started: null,
    });
    lock.release();
    writeFileSync(join(dir, 'run.lock'), stale);
    const [killed] = (await site.next()).changed;
    assert.deepEqual(
      [killed!.status, killed!.holder, killed!.seeds[0]!.status],
      ['interrupted', null, 'interrupted'],
    );
    // Moved away, it is gone; another comes.
    renameSync(dir, join(folder, 'x-moved'));
    const come: string[] = [];
    for (let order = [0]; order[0] !== 1; ) {
      const news = await site.next();
      order = news.order;
      come.push(...news.changed.map(({ folder: name }) => name));
    }
    assert.deepEqual(come, [join(folder, 'x-moved')]);
  });

  test('sees what becomes of shares of a run, of an unreadable lock, and of one folder among several', async () => {
    const [folder, other] = [temporaryFolder('watch-shares'), temporaryFolder('watch-others')];
    const dir = runMaker(folder)('run', { curves: [[1], [2]], seeds: [4, 5] });
    const beside = runMaker(other)('beside', { curves: [[1]] });
    unfinish(dir, { 4: 'waiting', 5: 'waiting' });
    const site = watched(folder, other);
    const statuses = ({ changed }: News) =>
      changed
        .filter(({ folder: place }) => place === dir)
        .flatMap(({ seeds }) => seeds.map(({ status }) => status));
    assert.deepEqual(statuses(await site.next()), ['waiting', 'waiting']);
    writeSeedRecord(dir, 5, {
      schemaVersion: 1,
      ...{ status: 'failed', failure: 'the loss is NaN', seconds: 1, end: null, sittings: [] },
    });
    assert.deepEqual(statuses(await site.next()), ['waiting', 'failed']);

    const lock = acquireLock(beside);
    await site.next();
    lock.release();
    mkdirSync(join(beside, 'run.lock'));
    const { faults } = await site.next();
    assert.match(faults[0]!.fault, /run\.lock/, 'that run alone');
    rmSync(join(beside, 'run.lock'), { recursive: true });

    const { order } = await site.next();
    rmSync(other, { recursive: true });
    let after = await site.next();
    while (after.faults.length === 0) after = await site.next();
    assert.deepEqual([after.order, after.faults[0]!.folder], [order.slice(0, 1), other]);
  });

  test('says when a seed will end by the pace of its last evaluations', async () => {
    const folder = temporaryFolder('watch-pace');
    const dir = runMaker(folder)('run', { curves: [[1], [1], [1]], overrides: ['steps=20000'] });
    unfinish(dir, { 0: 'running', 1: 'done', 2: 'waiting' });
    const lock = acquireLock(dir);
    const file = join(dir, 'seed-0/metrics.csv');
    // The first thousand steps took a minute, every one since ten seconds.
    const rows = Array.from({ length: 9 }, (_, i) => `0,${1000 * (i + 1)},${60 + 10 * i}\n`);
    writeFileSync(file, `seed,env_step,wall_seconds\n${rows.join('')}`);
    utimesSync(file, 5000, 5000);
    const [run] = (await watched(dir).next()).changed;
    lock.release();
    assert.equal(run!.seeds[0]!.endsAt, 1000 * (5000 + 11 * 10));
    // The seed that waits has come to 2,000 steps, and will take as long for each.
    assert.equal(run!.endsAt, 1000 * (5000 + (11 + 18) * 10));
    assert.deepEqual([run!.seeds[1]!.endsAt, run!.seeds[2]!.endsAt], [null, null]);
  });

  test('thins long curves alike for all seeds of a run, and reads losses where they are asked for', async () => {
    const folder = temporaryFolder('watch-long');
    const dir = runMaker(folder)('run', { curves: [[1], [2]] });
    const losses = (rows: number) =>
      `seed,env_step,update,loss,kl\n${Array.from({ length: rows }, (_, i) => `0,${i},${i},${i / 2},\n`).join('')}`;
    writeFileSync(join(dir, 'seed-0/losses.csv'), losses(5000));
    writeFileSync(join(dir, 'seed-1/losses.csv'), losses(500));
    const site = watched(folder);
    const [run] = (await site.next()).changed;
    assert.deepEqual(run!.columns.losses, ['loss', 'kl']);
    const ask = (columns: string) => site.ask<RunCurves[]>('/curves', { file: 'losses', columns, runs: '0' });
    const [{ seeds }] = (await ask('env_step,loss')) as [RunCurves];
    const steps = seeds.map(({ columns }) => columns.env_step!);
    assert.deepEqual(
      steps[0],
      Array.from({ length: 625 }, (_, i) => 8 * i),
    );
    assert.deepEqual(
      steps[1],
      steps[0]!.filter((step) => step! < 500),
      'at the same steps',
    );
    assert.deepEqual(
      seeds[0]!.columns.loss,
      steps[0]!.map((step) => step! / 2),
    );
    const [other] = await ask('kl,none');
    assert.deepEqual(other!.seeds[1]!.columns, { kl: steps[1]!.map(() => null), none: [] });
  });

  test('means over seeds are at equal steps, on whatever axis, and smoothed seed by seed', () => {
    const seeds = [
      { seed: 0, columns: { env_step: [1, 2, 3], wall_seconds: [10, 20, 30], y: [1, null, 5] } },
      { seed: 1, columns: { env_step: [1, 2], wall_seconds: [14, 28], y: [3, 9] } },
    ];
    assert.deepEqual(overSeeds(seeds, 'y', 'env_step', 1), {
      x: [1, 2, 3],
      mean: [2, 9, 5],
      low: [1, 9, 5],
      high: [3, 9, 5],
    });
    assert.deepEqual(overSeeds(seeds, 'y', 'wall_seconds', 1).x, [12, 28, 30]);
    assert.deepEqual(overSeeds(seeds, 'y', 'env_step', 2).mean, [2, 6, 5]);
    assert.deepEqual(overSeeds(seeds, 'none', 'env_step', 1).x, []);
  });

  test('rows that share a step count as one value of their seed, and stand apart against updates', () => {
    const seeds = [
      { seed: 0, columns: { env_step: [5, 5, 5], update: [1, 2, 3], y: [9, 6, 3] } },
      { seed: 1, columns: { env_step: [5, 5], update: [1, 2], y: [4, 4] } },
    ];
    assert.deepEqual(overSeeds(seeds, 'y', 'env_step', 1), { x: [5], mean: [5], low: [4], high: [6] });
    assert.deepEqual(overSeeds(seeds.slice(0, 1), 'y', 'env_step', 1).high, [6], 'one seed has no band');
    assert.deepEqual(overSeeds(seeds, 'y', 'update', 1), {
      x: [1, 2, 3],
      mean: [6.5, 5, 3],
      low: [4, 4, 3],
      high: [9, 6, 3],
    });
  });

  test('gives Table 1 of each environment, of what can be read, and in what its runs differ', async () => {
    const folder = temporaryFolder('watch-results');
    const make = runMaker(folder);
    make('a', { arm: 'baseline', curves: [[100], [300]] });
    make('b', {
      arm: 'dream-critic',
      curves: [[500]],
      overrides: ['lambda=0.25', 'critic.shapesModel=true'],
    });
    make('c', { curves: [[-100]], overrides: ['environment=Acrobot-v1'] });
    const damaged = make('d', { curves: [[1]] });
    writeFileSync(join(damaged, 'seed-0/metrics.csv'), 'seed,env_step\n<b>,1\n');
    const site = watched(folder);
    await site.next();
    const found = await site.ask<Results[]>('/results');
    assert.deepEqual(
      found.map(({ environment }) => environment),
      ['CartPole-v1', 'Acrobot-v1'],
    );
    const [{ tables, notes, differences }] = found as [Results];
    assert.deepEqual(
      tables[0]!.rows.map((row) => row.slice(0, 3)),
      [
        ['Baseline', '2', '200.0 ± 141.4'],
        ['Dream critic', '1', '500.0'],
      ],
    );
    assert.match(notes[0]!, /^Left out: .*metrics\.csv:2: seed is not a number/);
    assert.deepEqual(differences.head, ['Key', 'Baseline', 'Dream critic', 'D']);
    assert.deepEqual(
      differences.rows.find(([key]) => key === 'lambda'),
      ['lambda', '0.5', '0.25', '0.5'],
    );
  });

  test('a folder from elsewhere breaks nothing and shows nothing but its own', {
    skip: windows,
  }, async () => {
    const folder = temporaryFolder('watch-hostile');
    const make = runMaker(folder);
    writeFileSync(join(folder, 'secret.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
    const dir = make('a<img src=x onerror=alert(1)>\u001b', {
      arm: '<script>alert(1)</script>',
      curves: [[1], [2], [3]],
    });
    writeFileSync(join(dir, 'seed-0/metrics.csv'), 'seed,env_step,<b>,__proto__\n0,1,<script>,2\n0,"\n');
    truncateSync(join(dir, 'seed-1/metrics.csv'), 2 ** 30);
    rmSync(join(dir, 'seed-2/metrics.csv'));
    assert.equal(spawnSync('mkfifo', [join(dir, 'seed-2/metrics.csv')]).status, 0);
    mkdirSync(join(dir, 'seed-0/media'));
    writeFileSync(join(dir, 'seed-0/media/2000.svg'), '<svg/>');
    writeFileSync(join(dir, 'seed-0/media/999.svg'), '<svg/>');
    writeFileSync(join(dir, 'seed-0/media/9999.html'), '<script>alert(1)</script>');
    symlinkSync('../../../secret.svg', join(dir, 'seed-0/media/3000.svg'));
    symlinkSync('/etc', join(make('b', { curves: [[1]] }), 'etc'));
    rmSync(join(make('c', { curves: [[1]] }), 'run.json'));
    assert.equal(spawnSync('mkfifo', [join(folder, 'c/run.json')]).status, 0);
    symlinkSync('/', join(folder, 'everything'));

    const site = watched(folder);
    const { changed, faults } = await site.next();
    assert.deepEqual(
      changed.map(({ folder: name }) => name),
      [dir],
    );
    const [{ seeds, columns, label }] = changed as [(typeof changed)[0]];
    assert.equal(label, '<script>alert(1)</script>');
    assert.deepEqual(columns.metrics, ['<b>', '__proto__']);
    assert.match(seeds[1]!.reason!, /1073741824 bytes are more than is followed/);
    assert.match(seeds[2]!.reason!, /metrics\.csv: is no file/);
    assert.deepEqual(
      faults.map(({ folder: name }) => name),
      [join(folder, 'b'), join(folder, 'c')],
    );

    const picture = (file: string, seed = '0', run = '0') =>
      site.answer('/picture', new URLSearchParams({ run, seed, file }));
    assert.equal(seeds[0]!.picture, '3000.svg');
    assert.equal(await picture('3000.svg'), undefined, 'a link out of the folder');
    assert.deepEqual(await picture('2000.svg'), {
      type: 'image/svg+xml',
      body: Buffer.from('<svg/>'),
      policy: "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    });
    const wrong = [
      '9999.html',
      '../../../secret.svg',
      '2000.svg/',
      '%2e',
      '',
      '../media/2000.svg',
      '2000.svg\0',
    ];
    for (const file of wrong) assert.equal(await picture(file), undefined, file);
    for (const seed of ['-1', '9', 'x', '../seed-0', '0/../../seed-0']) {
      assert.equal(await picture('2000.svg', seed), undefined, seed);
    }
    for (const run of ['1', '-1', 'x', '']) assert.equal(await picture('2000.svg', '0', run), undefined, run);
    for (const path of ['/watch.html', '/../package.json', '/seed-0/metrics.csv', '//', '/constructor']) {
      assert.equal(await site.answer(path, new URLSearchParams()), undefined, path);
    }
    await assert.rejects(
      site.answer('/curves', new URLSearchParams({ file: '../run' })),
      /curves are of the files/,
    );
  });

  test('a losses.csv that is too large is told beside its seed, until it is smaller', async () => {
    const dir = runMaker(temporaryFolder('watch-large'))('run', { curves: [[1], [2]] });
    const files = [0, 1].map((seed) => join(dir, `seed-${seed}/losses.csv`));
    for (const file of files) writeFileSync(file, 'seed,env_step,update,loss\n0,1,1,5\n');
    truncateSync(files[1]!, 2 ** 30);
    const site = watched(dir);
    const query = { file: 'losses', columns: 'env_step,loss', runs: '0' };
    const reasons: (string | null)[] = [];
    await site.next();
    const losses = async () =>
      (await site.ask<RunCurves[]>('/curves', query))[0]!.seeds.map(({ columns }) => columns.loss);
    assert.deepEqual(await losses(), [[5], []]);
    // By a look for what is new, and by thorough ones.
    for (let i = 0; i < 6; i++) {
      for (const { seeds } of (await site.next()).changed) reasons.push(seeds[1]!.reason);
    }
    assert.equal(reasons.length, 1);
    assert.match(reasons[0]!, /seed-1.losses\.csv: 1073741824 bytes are more than is followed/);
    truncateSync(files[1]!, readFileSync(files[0]!).length);
    let mended = await site.next();
    while (mended.changed.length === 0) mended = await site.next();
    assert.equal(mended.changed[0]!.seeds[1]!.reason, null);
    assert.deepEqual(await losses(), [[5], [5]]);
  });

  test("a seed's folder that becomes a link to elsewhere is not followed", { skip: windows }, async () => {
    const make = runMaker(temporaryFolder('watch-link'));
    const dir = make('run', { curves: [[10], [20]] });
    const elsewhere = make('elsewhere', { curves: [[777, 777]] });
    writeFileSync(join(elsewhere, 'seed-0/losses.csv'), 'seed,env_step,update,loss\n0,1,1,777\n');
    mkdirSync(join(elsewhere, 'seed-0/media'));
    writeFileSync(join(elsewhere, 'seed-0/media/777.svg'), '<svg/>');
    const site = watched(dir);
    await site.next();
    rmSync(join(dir, 'seed-1'), { recursive: true });
    symlinkSync(join(elsewhere, 'seed-0'), join(dir, 'seed-1'));
    const told: unknown[] = [await site.ask<Results[]>('/results')];
    assert.match(JSON.stringify(told), /Left out: \S*seed-1.metrics\.csv is out of its run, by a link/);
    for (let i = 0; i < 6; i++) told.push((await site.next()).changed);
    for (const [file, column] of [
      ['metrics', 'reward_mean'],
      ['losses', 'loss'],
    ] as const) {
      told.push(await site.ask('/curves', { file, columns: `env_step,${column}`, runs: '0' }));
    }
    assert.doesNotMatch(JSON.stringify(told), /777/);
  });

  test('a browser shows curves that move while a file grows, and asks for nothing elsewhere', {
    skip: noBrowser,
  }, async () => {
    const folder = temporaryFolder('watch-browser');
    const dir = join(folder, 'dream-critic');
    cpSync(join(root, 'runs/first/dream-critic'), dir, { recursive: true });
    const make = runMaker(folder);
    const name = '<img src=x onerror=alert(1)>';
    make(name, { arm: '<b>bold</b>', curves: [[100, 200]] });
    mkdirSync(join(dir, 'seed-100/media'));
    writeFileSync(
      join(dir, 'seed-100/media/2000.svg'),
      '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><script>alert(1)</script></svg>',
    );
    const file = join(dir, 'seed-100/metrics.csv');
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    writeFileSync(file, `${lines.slice(0, 3).join('\n')}\n`);
    unfinish(dir, { 100: 'running' });
    const lock = acquireLock(dir);
    const server = await startServer({
      port: 0,
      answer: watchSite(new Watcher([folder], () => performance.now(), Date.now)),
      failed: assert.ifError,
    });
    try {
      await withBrowser(async (browser) => {
        const { page, complaints, requests } = await openPage(browser, server.url, { width: 400 });
        const chart = page.locator('[data-column=reward_mean]');
        const readings = () => chart.locator('.readings').textContent();
        await chart.locator('canvas').waitFor();
        assert.match((await readings())!, /<b>bold<\/b> 200/);
        const picture = () =>
          chart
            .locator('canvas')
            .evaluate((canvas) => (canvas as unknown as { toDataURL(): string }).toDataURL());
        const before = await picture();
        const row = page.locator('tbody tr', { hasText: 'dream-critic' });
        await row.locator('button').click();
        const seed = page.locator('tr.seeds', { hasText: 'seed 100' });
        assert.match((await seed.textContent())!, /running4000/);
        appendFileSync(file, `${lines[3]}\n`);
        await seed.filter({ hasText: '6000' }).waitFor();
        await page.waitForTimeout(200);
        assert.notEqual(await picture(), before, 'the curve has moved');

        await page.locator('#results > summary').click();
        await page.locator('#tables table').first().waitFor();
        assert.match((await page.locator('#tables').textContent())!, /Dream critic4500\.0/);
        await page.locator('#gallery img').waitFor();
        await page.selectOption('#axis', 'wall_seconds');
        await page.selectOption('#seeds', 'each');
        await chart.locator('.readings', { hasText: 'Dream critic 101' }).waitFor();
        for (const width of [400, 1600]) {
          await page.setViewportSize({ width, height: 900 });
          await page.waitForTimeout(100);
          const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
          assert.equal(await page.evaluate(overflow), 0, `wider than a screen of ${width}`);
        }
        assert.match(
          (await page.locator('#runs').textContent())!,
          new RegExp(name.replaceAll(/[()]/g, '\\$&')),
        );
        assert.equal(
          await page.locator('b, img[src=x], #runs script').count(),
          0,
          'what a folder says stays text',
        );
        assert.deepEqual(complaints, []);
        const elsewhere = requests.filter((url) => !url.startsWith(server.url) && !url.startsWith('data:'));
        assert.deepEqual(elsewhere, []);
        await server.close();
        await page.locator('#state.lost').waitFor();
      });
    } finally {
      await server.close();
      lock.release();
    }
  });

  test('prints its address, and is ended by Ctrl-C', {
    skip: windows,
  }, async () => {
    const cwd = temporaryFolder('watch-program');
    mkdirSync(join(cwd, 'runs'));
    const { child, ended } = start(cwd, 'watch', '--port', '0');
    let url = '';
    child.stdout.on('data', (text) => {
      url += text;
    });
    await waitFor('the address', () => url.endsWith('\n'));
    const events = await fetch(new URL('events', url));
    const reader = events.body!.getReader();
    assert.match(
      new TextDecoder().decode((await reader.read()).value),
      /^event: news\ndata: \{"now":\d+,"order":\[\]/,
    );
    assert.match(await (await fetch(url)).text(), /<title>wm watch<\/title>/);
    child.kill('SIGINT');
    await reader.cancel().catch(() => {});
    const { code, stderr } = await ended;
    assert.deepEqual([code, stderr], [0, 'watching runs; Ctrl-C ends it\n']);
    assert.ok(!existsSync(join(cwd, 'runs/run.lock')));
  });
});

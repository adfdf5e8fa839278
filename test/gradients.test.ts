import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { gradientTables } from '../src/compare/gradients/index.ts';
import { gradientFigures } from '../src/figures/gradients.ts';
import { parseCsv } from '../src/runs/csv.ts';
import { SeedFolder } from '../src/runs/seed-folder.ts';
import { FLOW_NAMES, flowColumns } from '../src/training/gradient-flow.ts';
import { run } from './support/program.ts';
import { runMaker, type TestRun } from './support/run-folders.ts';
import { temporaryFolder } from './support/temporary-folder.ts';
import { assertClose } from './support/tensors.ts';

const root = temporaryFolder('gradients');
const makeRun = runMaker(root);

/** Updates that are measured; runs are of 12,250. */
const UPDATES = [1000, 3062, 3063, 6000, 9000, 12_000];

/**
 * A finished run of as many seeds as there are factors, by which the critic's norms are multiplied. In the encoder the
 * model's own norm is 10, the critic's the number of the measured update, from 1, and their cosine a tenth of that.
 */
function measuredRun(
  name: string,
  factors: number[],
  { updates = UPDATES, ...more }: { updates?: number[] } & Partial<TestRun> = {},
) {
  const { overrides = [], ...given } = more;
  const dir = makeRun(name, {
    arm: 'dream-critic',
    curves: factors.map(() => [100]),
    overrides: ['gradients={every: 500}', ...overrides],
    ...given,
  });
  for (const [seed, factor] of factors.entries()) {
    const log = new SeedFolder(dir, seed).openGradients(flowColumns, FLOW_NAMES);
    for (const [i, update] of updates.entries()) {
      const rows: [term: string, module: string, norm: number, cosine: number | null][] = [
        ['kl', 'encoder', 6, -0.5],
        ['kl', 'all', 6, -0.5],
        ['reward', 'encoder', 8, 0.25],
        ['reward', 'reward', 5, null],
        ['reward', 'all', 9, 0.2],
        ['model', 'encoder', 10, (i + 1) / 10],
        ['model', 'reward', 5, null],
        ['model', 'all', 20, -(i + 1) / 10],
        ['critic', 'encoder', factor * (i + 1), null],
        ['critic', 'all', factor * (i + 1), null],
      ];
      log.append(
        ...rows.map(([term, module, norm, cosine]) => ({
          seed,
          env_step: 4 * update,
          update,
          term,
          module,
          norm,
          cosine,
        })),
      );
    }
  }
  return dir;
}

test('tables tell the means over quarters of the training and over seeds', () => {
  const dirs = [
    measuredRun('on', [1, 3]),
    measuredRun('off', [2, 2], { arm: 'bootstrap-only', overrides: ['critic.shapesModel=false'] }),
  ];
  const { text, files, data, runs } = gradientTables(dirs);
  assert.deepEqual(
    runs.map(({ modules }) => modules),
    Array(2).fill(['encoder', 'all']),
  );
  const rows = parseCsv(files['gradient-flow.csv']!, 'x').rows.filter(({ run }) => run === 'on');
  const row = (term: string, module: string, part: number | string) =>
    rows.find((each) => each.term === term && each.module === module && each.part === part)!;
  // The quarters end at 3062, 6125, 9187 and 12,250: they have the updates 1 and 2, 3 and 4, 5, 6.
  const wanted = { 1: 1.5, 2: 3.5, 3: 5, 4: 6, whole: 3.5 };
  for (const [part, place] of Object.entries(wanted)) {
    const of = (term: string, module: string) => row(term, module, part === 'whole' ? part : Number(part));
    assert.equal(of('critic', 'encoder').norm_mean, 2 * place);
    assert.equal(of('critic', 'encoder').share_mean, (2 * place) / 10);
    assertClose(
      [of('critic', 'encoder').share_low, of('critic', 'encoder').share_high].map(Number),
      [place / 10, (3 * place) / 10],
      1e-12,
    );
    assert.equal(of('critic', 'all').share_mean, (2 * place) / 20);
    assert.ok(Math.abs(Number(of('model', 'encoder').cosine_mean) - place / 10) < 1e-12);
    assert.ok(Math.abs(Number(of('model', 'all').cosine_mean) + place / 10) < 1e-12);
    assert.equal(of('model', 'reward').cosine_mean, null);
    assert.equal(of('reward', 'encoder').norm_mean, 8);
  }
  assert.deepEqual(
    [row('kl', 'all', 1).from_update, row('kl', 'all', 1).to_update, row('kl', 'all', 1).seeds],
    [1, 3062, 2],
  );
  assert.match(
    text,
    /^Dream critic +Updates +Critic +Model +Share +95 % interval +Cosine +95 % interval\nencoder +1–3,062 +3\.0 +10 +0\.30 +\[0\.15, 0\.45\] +0\.15 +\[0\.15, 0\.15\]\n/,
  );
  assert.match(text, /\nreward +8\.0 +0\.25 +9\.0 +0\.20\n/);
  assert.match(text, /\nDream critic: CartPole-v1, 2 seeds, measured every 500 of 12,250 updates\.\n/);
  assert.match(
    text,
    /Bootstrap only: [^;]*;\s+the\s+critic.s\s+gradient\s+is\s+cut\s+off\s+in\s+training,\s+and\s+told/,
  );
  assert.deepEqual(
    data.runs.map(({ label, seeds }) => [label, seeds]),
    [
      ['Dream critic', [0, 1]],
      ['Bootstrap only', [0, 1]],
    ],
  );
  const figures = gradientFigures(runs);
  assert.deepEqual(
    figures.map(({ name }) => name),
    ['gradients-cosine', 'gradients-share'],
  );
  assert.match(
    figures[1]!.description,
    /encoder: Dream critic ends at 1\.2 \(interval 0\.6 to 1\.8, seeds: 2\); all: Dream critic ends at 0\.6/,
  );
});

test('what cannot be told is left out by name, and refused where nothing else is there', () => {
  const whole = measuredRun('whole', [1, 2]);
  const cases: [string, string, RegExp][] = [
    [
      'unmeasured',
      makeRun('unmeasured', { arm: 'dream-critic', curves: [[1]] }),
      /trained without gradients: \{every: N\}, so that nothing was measured/,
    ],
    [
      'baseline',
      makeRun('baseline', {
        curves: [[1]],
        overrides: ['critic.shapesModel=false', 'critic.bootstrapsActor=false'],
      }),
      /no critic could shape the model/,
    ],
    ['unfinished', measuredRun('unfinished', [1], { seeds: [0, 1] }), /not every seed is finished/],
    [
      'few',
      measuredRun('few', [1], { updates: [500, 1000] }),
      /too few updates were measured to tell 4 parts of the training/,
    ],
    ['infinite', measuredRun('infinite', [Number.POSITIVE_INFINITY]), /a gradient was not finite/],
  ];
  const uneven = measuredRun('uneven', [1, 1]);
  const file = path.join(uneven, 'seed-1', 'gradients.csv');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^1,4000,.*\n/gm, ''));
  cases.push(['uneven', uneven, /its seeds were measured at different updates/]);
  const longer = measuredRun('longer', [1, 1]);
  const done = path.join(longer, 'seed-1', 'done.json');
  const { updates, ...rest } = JSON.parse(readFileSync(done, 'utf8'));
  writeFileSync(done, JSON.stringify({ ...rest, updates: updates + 10 }));
  cases.push(['longer', longer, /its seeds made different numbers of updates/]);
  for (const [name, dir, why] of cases) {
    assert.throws(
      () => gradientTables([dir]),
      (error: Error) => {
        assert.equal(error.name, 'UserError');
        assert.match(
          error.message,
          /^no run has gradients to tell of \(.*\); train one with gradients: \{every: N\}, so that N updates fit often into its training$/,
        );
        assert.match(error.message, why);
        return error.message.includes(dir);
      },
      name,
    );
    const { runs, data } = gradientTables([whole, dir]);
    assert.deepEqual(
      runs.map(({ run }) => run.name),
      ['whole'],
    );
    assert.ok(
      data.notes.some((note) => note.startsWith('Left out, ') && why.test(note) && note.includes(dir)),
    );
  }
  const { data } = gradientTables([whole, measuredRun('three', [1, 2, 3])]);
  assert.ok(
    data.notes.includes('Not the same number of seeds: Dream critic (whole) 2; Dream critic (three) 3.'),
  );
});

test('a damaged file is named with its line', () => {
  const dir = measuredRun('damaged', [1]);
  const file = path.join(dir, 'seed-0', 'gradients.csv');
  const text = readFileSync(file, 'utf8');
  const throws = (damaged: string | undefined, message: RegExp) => {
    if (damaged === undefined) rmSync(file);
    else writeFileSync(file, damaged);
    assert.throws(() => gradientTables([dir]), { name: 'UserError', message });
  };
  throws(
    text.replace('kl,encoder,6', 'kl,encoder,six'),
    /gradients\.csv:2: norm is not a number \(six\); restore this file$/,
  );
  throws(
    text.replace('kl,encoder,6', '7,encoder,6'),
    /gradients\.csv:2: term is no name \(7\); restore this file$/,
  );
  throws(text.replace('cosine', 'sine'), /gradients\.csv:1: lacks the column cosine; restore/);
  throws(text.replace(/^.*3062,critic,all.*\n/m, ''), /gradients\.csv: lacks rows of update 3062; restore/);
  throws(undefined, /gradients\.csv: missing; restore/);
});

test('the command prints, writes and refuses', async () => {
  const dir = measuredRun('command', [1, 2]);
  const out = path.join(root, 'out');
  const { code, stdout } = await run(root, 'gradients', dir, '--out', out);
  assert.equal(code, 0);
  assert.match(stdout, /^Dream critic +Updates/);
  for (const name of [
    'gradient-flow.csv',
    'gradient-flow.md',
    'gradients-cosine.svg',
    'gradients-share.svg',
    'gradients-cosine.vl.json',
  ]) {
    assert.ok(existsSync(path.join(out, name)), name);
  }
  assert.equal(
    JSON.parse((await run(root, 'gradients', dir, '--json')).stdout).runs[0].label,
    'Dream critic',
  );
  const refused = await run(
    root,
    'gradients',
    makeRun('plain', { arm: 'dream-critic', curves: [[1]] }),
    '--out',
    path.join(root, 'none'),
  );
  assert.deepEqual([refused.code, refused.stdout], [2, '']);
  assert.match(refused.stderr, /^wm: no run has gradients to tell of \(trained without [^\n]*\n$/);
  assert.ok(!existsSync(path.join(root, 'none')));
});

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { type Arm, figures, figuresOf, renderSvg } from '../src/figures/index.ts';
import { type FinishedSeed, readRun, readRuns } from '../src/runs/read.ts';
import { runSync } from './support/program.ts';
import { runMaker } from './support/run-folders.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const done = { steps: 0, updates: 0, engine: 'wasm', device: 'cpu', end: '' };

/** A seed with evaluations every 2,000 steps; a method without a world model has no errors. */
function finished(seed: number, rewards: number[], errors?: (number | null)[], minutes = 1): FinishedSeed {
  const rows = rewards.map((reward, i) => ({
    env_step: 2000 * (i + 1),
    reward_mean: reward,
    ...(errors && {
      prediction_mse: errors[i]!,
      open_loop_mse_1: errors[i]!,
      open_loop_mse_15: errors[i]! * 30,
    }),
  }));
  return { seed, rows, done: { ...done, wallSeconds: 60 * minutes }, worker: [seed] };
}

const dream: Arm = {
  label: 'Dream critic',
  seeds: [
    finished(1, [100, 480, 500], [4e-3, 3e-4, 2e-4], 2),
    finished(2, [40, 500, 500], [2e-3, 5e-4, 4e-4], 3),
    finished(3, [10, 400, 440], [3e-3, 1e-4, 3e-4], 7),
  ],
};
const ppo: Arm = { label: 'PPO', seeds: [finished(1, [20, 30, 60])] };
const thresholds = [{ y: 400, label: 'threshold 400' }];

/** A figure's numbers, and its layers by mark. */
function drawn(arms: readonly Arm[], name: string) {
  const figure = figures(arms, thresholds).find((candidate) => candidate.name === name);
  assert.notEqual(figure, undefined, `${name} is missing`);
  // As an editor would read the file.
  const spec = JSON.parse(JSON.stringify(figure!.spec));
  return { figure: figure!, spec, means: spec.datasets.means, seeds: spec.datasets.seeds };
}

test('the line is the mean over seeds, the band holds it, each seed has its points', () => {
  const { means, seeds } = drawn([dream], 'figure1');
  assert.deepEqual(
    means.map(({ x, mean, seeds }: Record<string, number>) => [x, mean, seeds]),
    // 150 / 3, 1380 / 3, 1440 / 3
    [
      [2000, 50, 3],
      [4000, 460, 3],
      [6000, 480, 3],
    ],
  );
  for (const { low, mean, high } of means) assert.ok(low < mean && mean < high, `${low} ${mean} ${high}`);
  // Of three values every resample's mean is one of ten; the quantiles are the means of the extreme ones.
  assert.deepEqual([means[0].low, means[0].high], [10, 100]);
  assert.deepEqual(
    seeds
      .filter(({ seed }: { seed: number }) => seed === 2)
      .map(({ x, y }: Record<string, number>) => [x, y]),
    [
      [2000, 40],
      [4000, 500],
      [6000, 500],
    ],
  );
});

test('equal values have a band without width, one seed has none', () => {
  const equal = { label: 'Equal', seeds: [finished(1, [500]), finished(2, [500])] };
  for (const [arm, seeds] of [
    [equal, 2],
    [{ label: 'One', seeds: [finished(1, [500])] }, 1],
  ] as const) {
    const [point] = drawn([arm], 'figure1').means;
    assert.deepEqual([point.low, point.mean, point.high, point.seeds], [500, 500, 500, seeds]);
  }
});

test('figure 3 has the last evaluation by horizon, figure 4 the minutes', () => {
  const openLoop = drawn([dream, ppo], 'figure3').means;
  assert.deepEqual(
    openLoop.map(({ arm, x, mean }: Record<string, number>) => [arm, x, mean]),
    [
      ['Dream critic', 1, 3e-4],
      ['Dream critic', 15, 9e-3],
    ],
  );
  const time = drawn([dream, ppo], 'figure4').means;
  assert.deepEqual(
    time.map(({ arm, mean }: Record<string, number>) => [arm, mean]),
    [
      ['Dream critic', 4],
      ['PPO', 1],
    ],
  );
});

test('what an axis cannot show is left out: not a number, infinite, and zero on a logarithmic one', () => {
  const odd = {
    label: 'Odd',
    seeds: [
      finished(1, [Number.NaN, 100, Number.POSITIVE_INFINITY], [0, 1e-3, Number.POSITIVE_INFINITY]),
      finished(2, [-20, 0, 300], [null, 3e-3, -1]),
    ],
  };
  const points = (name: string) =>
    drawn([odd], name).means.map(({ x, mean, seeds }: Record<string, number>) => [x, mean, seeds]);
  assert.deepEqual(points('figure1'), [
    [2000, -20, 1],
    [4000, 50, 2],
    [6000, 300, 1],
  ]);
  assert.deepEqual(points('figure2'), [[4000, 2e-3, 2]]);
});

test('a figure without data is left out; an arm looks the same in every figure', () => {
  assert.deepEqual(
    figures([ppo], []).map(({ name }) => name),
    ['figure1', 'figure4'],
  );
  assert.deepEqual(figures([{ label: 'None', seeds: [] }], []), []);
  const colour = (name: string, arms: readonly Arm[]) => {
    const { spec } = drawn(arms, name);
    const layers = spec.concat ? spec.concat.at(-1).layer : spec.layer;
    const { domain, range } = layers.find(({ encoding }: Layer) => encoding.color).encoding.color.scale;
    return range[domain.indexOf('Dream critic')];
  };
  for (const name of ['figure2', 'figure3', 'figure4']) {
    assert.equal(colour(name, [ppo, dream]), colour('figure1', [ppo, dream]), name);
  }
});

/** A layer of a specification, as far as the tests look. */
interface Layer {
  mark: { type: string; text?: string };
  encoding: Record<string, { scale: { domain: string[]; range: string[]; domainMax: number } }>;
}

test('each arm has a panel of its own, with its name, its note and the others in grey', async () => {
  const arms = [{ ...dream, note: '400 from step 4,000 (1 of 3)' }, ppo, { ...dream, label: 'Third' }];
  const { spec, figure } = drawn(arms, 'figure1');
  const texts = spec.concat.map(({ layer }: { layer: Layer[] }) =>
    layer.flatMap(({ mark }) => (mark.text ? [mark.text] : [])),
  );
  assert.deepEqual(texts, [['Dream critic', '400 from step 4,000 (1 of 3)'], ['PPO'], ['Third']]);
  const { text } = await renderSvg(figure.spec, '');
  assert.equal(text.match(/stroke="#c4c4c4"/g)?.length, 3 * 2);
  // Beyond what a page can tell apart, the rest is named and not drawn.
  const many = Array.from({ length: 30 }, (_, i) => ({ label: `Arm ${i}`, seeds: ppo.seeds }));
  const crowd = drawn(many, 'figure1');
  assert.equal(crowd.spec.concat.length, 24);
  assert.match(crowd.figure.caption, /The first 24 of 30 arms\.$/);
});

test('an arm that was trained for longer than most does not squeeze the others', () => {
  const long = {
    label: 'Long',
    seeds: [
      finished(
        1,
        Array.from({ length: 20 }, (_, i) => i),
      ),
    ],
  };
  const end = (arms: readonly Arm[]) => {
    const [panel] = drawn(arms, 'figure1').spec.concat;
    return panel.layer.find(({ encoding }: Layer) => encoding.x?.scale).encoding.x.scale.domainMax;
  };
  // Of three arms one goes on to step 40,000, of two one is half of them.
  assert.equal(end([dream, ppo, long]), 6000);
  assert.equal(end([dream, long]), 40_000);
  const { spec } = drawn([dream, ppo, long], 'figure1');
  const words = spec.concat[2].layer.flatMap(({ mark }: Layer) => mark.text ?? []);
  assert.deepEqual(words, ['Long', 'on to 40,000: 19']);
});

test('long names keep their ends, and leave room for the data', async () => {
  const name = (end: string) => `Dream critic (${'a-long-name-'.repeat(6)}${end})`;
  const arms = ['1', '2'].map((end) => ({ label: name(end), seeds: dream.seeds }));
  for (const { spec } of figures(arms, [])) {
    const { text } = await renderSvg(spec, '');
    assert.equal(text.match(/>Dream critic \S*…\S*-[12]\)<\/text>/g)?.length, 2);
  }
  const { text } = await renderSvg(drawn(arms, 'figure4').figure.spec, '');
  const bars = [...text.matchAll(/d="M0,[\d.]+h([\d.]+)[^>]*opacity="0.35"/g)].map(([, width]) =>
    Number(width),
  );
  assert.equal(bars.length, 2);
  for (const width of bars) assert.ok(width > 80, `a bar is ${width} wide`);
});

/** The texts of an SVG, what is drawn as one label in several lines as those. */
const texts = (svg: string) => [...svg.matchAll(/<(?:text|tspan)[^>]*>([^<]+)</g)].map(([, text]) => text!);

test('names that are alike when shortened stand in lines, each another one, in no more room', async () => {
  const sets = ['[reward]', '[reward, value, policy]', '[reward, value, policy, self]'];
  const labels = sets.flatMap((set) =>
    [0, 8, 64].map((count) => `model.shapesModel = ${set}, environment.distractors = ${count}`),
  );
  const arms = labels.map((label) => ({ label, seeds: dream.seeds, note: '400 from step 4,000 (1 of 3)' }));
  for (const { name, spec, description } of figures(arms, thresholds)) {
    const { text } = await renderSvg(spec, '');
    const width = Number(/ width="(\d+)"/.exec(text)![1]);
    assert.ok(width <= (name === 'figure1' || name === 'figure2' ? 672 : 336), `${name} is ${width} wide`);
    const shown = texts(text).join(' ');
    for (const set of sets) {
      for (const count of [0, 8, 64]) {
        const label = `shapesModel = ${set}, distractors = ${count}`;
        assert.equal(shown.split(`${label} `).length + Number(shown.endsWith(label)), 2, `${name}: ${label}`);
      }
    }
    assert.match(description, /shapesModel = \[reward, value, policy\], distractors = 8 ends at/);
  }
  // Nothing that there is room for tells these apart.
  const long = ['1', '2'].map((middle) => `${'a'.repeat(60)}${middle}${'b'.repeat(60)}`);
  const [figure] = figures(
    long.map((label) => ({ label, seeds: dream.seeds })),
    [],
  );
  const found = texts((await renderSvg(figure!.spec, '')).text).filter((text) => /a…b/.test(text));
  assert.deepEqual(new Set(found).size, 2);
});

test('a legend of many rows takes room below the plot, not of it', () => {
  const height = (count: number) => {
    const arms = Array.from({ length: count }, (_, i) => ({
      label: `An arm of some length, ${i}`,
      seeds: dream.seeds,
    }));
    return drawn(arms, 'figure3').spec.height;
  };
  // A row of the legend is 17 pixels high.
  assert.equal(height(18) - height(2), 16 * 17);
});

test('values of a sweep stand flat where they fit, upright where they would overlap', async () => {
  const dir = runMaker(temporaryFolder('figure-cells'))('run', { curves: [[1], [2]], errors: [1, 2] });
  const run = readRun(dir);
  const sweep = (values: unknown[]) => {
    const cells = values.map((value) => ({ ...run, cell: { sweep: 'a sweep', settings: { key: value } } }));
    return figuresOf(cells).find(({ name }) => name === 'figure-sweep')!;
  };
  const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);
  const axis = (values: unknown[]) => {
    const [panel] = JSON.parse(JSON.stringify(sweep(values).spec)).vconcat;
    return panel.layer[0].encoding.x.axis;
  };
  assert.equal(axis([0, 0.1, 0.25, 0.5, 1, 2]).labelAngle, 0);
  const long = ['model', 'reward', 'value', 'policy'].map((word) => `predicting the ${word} alone`);
  assert.equal(axis(long).labelAngle, -90);
  assert.equal(axis(numbers(40)).labelOverlap, 'parity');
  const svg = await renderSvg(sweep(long).spec, '');
  assert.ok(Number(/ width="(\d+)"/.exec(svg.text)![1]) <= 336);
  const shown = texts(svg.text);
  for (const value of long) assert.ok(shown.includes(`"${value}"`) || shown.includes(value), value);
});

test('rewards below zero fill the axis, which goes up to zero only where they come near it', () => {
  const zero = (rewards: number[], thresholds: { y: number; label: string }[]) => {
    const [figure] = figures([{ label: 'Costs', seeds: [finished(1, rewards)] }], thresholds);
    const { concat } = JSON.parse(JSON.stringify(figure!.spec));
    return concat[0].layer.find(({ mark }: Layer) => mark.type === 'area').encoding.y.scale.zero;
  };
  // Costs of 105 to 200 would lie in the lower half, those of 120 to 1,600 leave a little room.
  assert.equal(zero([-200, -160, -105], []), false);
  assert.equal(zero([-200, -160, -150], [{ y: -110, label: 'solved' }]), false);
  assert.equal(zero([-1600, -400, -120], []), true);
  assert.equal(zero([-30, 95], []), true);
  assert.equal(zero([20, 500], []), true);
});

test('thresholds are marked in figure 1 alone and named in its caption', async () => {
  const { figure, spec } = drawn([dream], 'figure1');
  assert.deepEqual(spec.datasets.thresholds, thresholds);
  assert.match(figure.caption, /threshold 400/);
  assert.match((await renderSvg(figure.spec, '')).text, />threshold 400<\/text>/);
  assert.deepEqual(drawn([dream], 'figure2').spec.datasets.thresholds, []);
});

test('a rendering is the same bytes each time, in any order, and refers to nothing outside', async () => {
  const all = figures([dream, ppo], thresholds);
  const forwards = await Promise.all(all.map(({ spec }) => renderSvg(spec, 'x')));
  const backwards = await Promise.all([...all].reverse().map(({ spec }) => renderSvg(spec, 'x')));
  assert.deepEqual(
    backwards.reverse().map(({ text }) => text),
    forwards.map(({ text }) => text),
  );
  for (const { text } of forwards) {
    const outside = text.match(/\b(?:href|src|url|id)\b[^>]{0,40}|https?:[^"]*/g) ?? [];
    assert.deepEqual([...new Set(outside)], ['http://www.w3.org/2000/svg', 'http://www.w3.org/1999/xlink']);
    assert.doesNotMatch(text, /NaN|undefined|<script|<style/);
  }
});

/** The elements of an SVG and what else could be read as markup, in order. */
const skeleton = (svg: string) => svg.match(/<[^\s>]*|&(?!(?:amp|lt|gt|quot|#39);)/g);

test('whatever a run is called, it stays text', async () => {
  const hostile = fc.oneof(
    fc.string({
      unit: fc.constantFrom('<', '>', '&', '"', "'", '/', ']', '-', '!', 'a', ' ', '{', '}', '\\'),
    }),
    fc.constantFrom('__proto__', 'constructor', 'null', '', '<script>alert(1)</script>', '&lt;', ']]>', "'}"),
  );
  const render = async (label: string) => {
    const arms = [{ label, seeds: dream.seeds.slice(0, 2) }, ppo];
    const svgs = figures(arms, []).map(({ spec, description }) => renderSvg(spec, description));
    return (await Promise.all(svgs)).map(({ text }) => text);
  };
  /** Of a plain label, by its length. */
  const plain = new Map<number, ReturnType<typeof render>>();
  await fc.assert(
    fc.asyncProperty(hostile, async (label) => {
      const { length } = label;
      if (!plain.has(length)) plain.set(length, render('a'.repeat(length)));
      assert.deepEqual((await render(label)).map(skeleton), (await plain.get(length)!).map(skeleton));
    }),
    { seed: 1, numRuns: 12 },
  );
});

test('the published figures of sweeps are what their folders give', async () => {
  for (const sweep of ['beta', 'dreamer-observations']) {
    const folder = fileURLToPath(new URL(`../runs/sweeps/${sweep}`, import.meta.url));
    const all = figuresOf(readRuns([folder]).runs);
    assert.equal(all.length, 5);
    for (const { name, spec, description } of all) {
      const published = readFileSync(join(folder, `${name}.svg`), 'utf8');
      assert.ok(
        published === `${await renderSvg(spec, description)}\n`,
        `${sweep}/${name}.svg is another one`,
      );
      const data = readFileSync(join(folder, `${name}.vl.json`), 'utf8');
      assert.ok(data === `${JSON.stringify(spec)}\n`, `${sweep}/${name}.vl.json is another one`);
    }
  }
});

test('the published figures are what the published run folders give', () => {
  const first = fileURLToPath(new URL('../runs/first', import.meta.url));
  const out = temporaryFolder('figures');
  const runs = ['dream-critic', 'baseline'].map((name) => join(first, name));
  const { status, stderr } = runSync(['compare', ...runs, '--out', out]);
  assert.equal(status, 0, stderr);
  const drawings = readdirSync(out).filter((name) => name.startsWith('figure'));
  const names = [1, 2, 3, 4].flatMap((number) => [`figure${number}.svg`, `figure${number}.vl.json`]);
  assert.deepEqual(drawings.sort(), names);
  for (const name of names) {
    assert.equal(readFileSync(join(out, name), 'utf8'), readFileSync(join(first, name), 'utf8'), name);
  }
});

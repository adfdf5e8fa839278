import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { figureFiles } from '../src/cli/table-files.ts';
import { effectsOf } from '../src/compare/effect.ts';
import { gradientTables } from '../src/compare/gradients/index.ts';
import { formatInterval, formatNumber } from '../src/compare/numbers.ts';
import { effectFigure } from '../src/figures/effects.ts';
import { gradientFigures } from '../src/figures/gradients.ts';
import { publishedRows, rowsOf } from './support/published.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const page = readFileSync(new URL('../docs/study.md', import.meta.url), 'utf8');

test('docs/study.md shows what its commands print', () => {
  const commands = [...page.matchAll(/^\$ node (.*)\n([\s\S]*?)^```/gm)];
  assert.ok(commands.length > 1);
  for (const [, command, shown] of commands) {
    const printed = execFileSync(process.execPath, command!.split(' '), { cwd: root, encoding: 'utf8' });
    // Notes that come after the tables are left out of the page.
    if (command!.includes(' compare ')) assert.equal(`${printed.slice(0, shown!.length - 1)}\n`, shown);
    else assert.equal(printed, shown);
  }
});

test('runs/bench/shaping is what its runs give', async () => {
  const bench = join(root, 'runs', 'bench');
  const sweeps = readdirSync(bench).filter((name) => name.startsWith('shaping-'));
  const key = 'critic.shapesModel';
  const { files, effects } = effectsOf(
    sweeps.map((name) => join(bench, name)),
    key,
  );
  const figures = await figureFiles([effectFigure(key, effects)]);
  for (const [name, content] of Object.entries({ ...files, ...figures })) {
    assert.equal(
      readFileSync(join(bench, 'shaping', name), 'utf8').replaceAll('runs/bench/', `${bench}/`),
      content,
      name,
    );
  }
  // The README's first screen.
  const factors = effects
    .filter(({ label, measure }) => label.startsWith('Dreamer v3') && measure !== 'reward_mean')
    .map(({ effect, seen }) => {
      assert.equal(seen, 'larger');
      return effect;
    });
  const [least, greatest] = [Math.min(...factors), Math.max(...factors)].map((factor) => factor.toFixed(1));
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  assert.ok(readme.includes(`makes the errors ${least} to ${greatest} times as large`));
  const others = effects.filter(
    ({ label, measure }) => !label.startsWith('Dreamer v3') || measure === 'reward_mean',
  );
  assert.deepEqual(new Set(others.map(({ seen }) => seen)), new Set(['none']));
});

test('docs/study.md and the README tell of gradients what runs/sweeps/gradients holds', async () => {
  const dir = join(root, 'runs', 'sweeps', 'gradients');
  const runs = ['dream', 'dreamer-v3', 'tdmpc-v2'].map((cell) => join(dir, cell));
  const { files, runs: measured } = gradientTables(runs);
  const figures = await figureFiles(gradientFigures(measured));
  for (const [name, content] of Object.entries({ ...files, ...figures })) {
    assert.equal(readFileSync(join(dir, name), 'utf8'), content, name);
  }
  const has = rowsOf('docs/study.md');
  const told = publishedRows('sweeps', 'gradients', 'gradient-flow.csv').filter(
    ({ part }) => part === 'whole',
  );
  // Of the whole model, by family.
  const said: string[] = [];
  for (const critic of told.filter(({ term }) => term === 'critic')) {
    const own = told.find(
      ({ term, label, module }) => term === 'model' && label === critic.label && module === critic.module,
    )!;
    const mean = (row: typeof own, column: string, unit: 'error' | 'pure') => {
      const [low, high] = [row[`${column}_low`], row[`${column}_high`]].map(Number);
      const value = formatNumber(unit, Number(row[`${column}_mean`]));
      return `${value} ${formatInterval(unit, { low: low!, high: high! })}`;
    };
    has(`${critic.label}`, `${critic.module}`, mean(critic, 'share', 'error'), mean(own, 'cosine', 'pure'));
    const percent = 100 * Number(critic.share_mean);
    if (critic.module === 'all') said.push(`${percent.toPrecision(percent < 1 ? 1 : 2)} %`);
  }
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const [dreamCritic, dreamer, tdmpc] = said;
  assert.match(
    readme,
    new RegExp(
      `VAE \\+ LSTM it is ${dreamCritic} of .* Dreamer v3 it is ${dreamer}, .* TD-MPC2 it is ${tdmpc}, `,
    ),
  );
});

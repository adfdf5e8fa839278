import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { formatExperiment } from '../src/config/format.ts';
import { loadExperiment } from '../src/config/load.ts';
import { RunFolder } from '../src/runs/run-folder.ts';
import { runInTurn } from './support/program.ts';
import { runInfo } from './support/run-folders.ts';
import { sitDown } from './support/sitting.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

/** Makes each of them too small to learn. */
const small = {
  seeds: [1],
  pixels: { size: 16 },
  encoder: { channels: [2, 3], strides: 2 },
};

/** A run of a shipped config that was stopped as soon as it began: its checkpoint's networks are as they were drawn. */
async function stoppedRun(root: string, name: string): Promise<string> {
  const text = readFileSync(new URL(`../configs/pixels/${name}-cartpole.yaml`, import.meta.url), 'utf8');
  const keys = parse(text) as { pixels: object };
  const experiment = loadExperiment({
    file: `${name}.yaml`,
    text: JSON.stringify({ ...keys, ...small, pixels: { ...keys.pixels, ...small.pixels }, engine: 'wasm' }),
  });
  const dir = path.join(root, name);
  RunFolder.open(dir, {
    configText: formatExperiment(experiment),
    info: runInfo(experiment.method, 'wasm'),
  }).close();
  await sitDown(experiment, dir, { stopAfter: () => true });
  return dir;
}

test('every config of pictures gives a strip of reality above what its model makes of it, as PNG', async () => {
  const root = temporaryFolder('strips');
  const names = ['dream', 'dreamer-v3', 'ha-schmidhuber'];
  const films: { cwd: string; args: string[] }[] = [];
  for (const name of names) {
    const dir = await stoppedRun(root, name);
    for (const end of ['png', 'svg']) {
      const strip = ['--strip', '5', '--steps', '8', '--dream-from', '4', '--dream-every', '0'];
      films.push({
        cwd: root,
        args: ['film', dir, '--engine', 'wasm', ...strip, '--out', `${name}.${end}`],
      });
    }
  }
  for (const { code, stderr } of await runInTurn(films)) assert.equal(code, 0, stderr);
  for (const name of names) {
    const png = readFileSync(path.join(root, `${name}.png`));
    assert.equal(png.toString('latin1', 1, 4), 'PNG');
    // Five pictures of 84 pixels, reality's and the model's, three times as large.
    const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
    assert.ok(width > 5 * 3 * 84 && height > 2 * 3 * 84, `${width} × ${height}`);
    const svg = readFileSync(path.join(root, `${name}.svg`), 'utf8');
    assert.equal(svg.match(/>step \d/g)!.length, 5);
    // Up to step 4 the model sees reality, and what is shown is its reconstruction; a dream may foresee its end.
    const shown = [...svg.matchAll(/>(end foreseen|\d dreamt)</g)].map(([, label]) => label);
    assert.deepEqual(shown.slice(0, 3), ['0 dreamt', '0 dreamt', '0 dreamt']);
    assert.equal(shown.length, 5);
  }
});

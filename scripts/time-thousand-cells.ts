import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { formatExperiment } from '../src/config/format.ts';
import { loadSweep } from '../src/config/sweep.ts';
import { wm } from '../test/support/program.ts';
import { runMaker } from '../test/support/run-folders.ts';

/**
 * `node --import tsx scripts/time-thousand-cells.ts [CELLS] [SEEDS]`: seconds, of the clock and of the processor, that
 * `wm status`, `wm compare` and `wm sweep --submit slurm --dry-run` take on a sweep's folder of so many finished cells, of
 * so many seeds each.
 */

const cells = Number(process.argv[2] ?? 1000);
const seeds = Array.from({ length: Number(process.argv[3] ?? 1) }, (_, i) => i);
const root = mkdtempSync(path.join(tmpdir(), 'wm-cells-'));
const values = Array.from({ length: cells }, (_, i) => (i + 1) / cells);
const text = `method: vae-lstm\nname: many\nseeds: [${seeds}]\nsweep: {lambda: [${values}]}\n`;
writeFileSync(path.join(root, 'many.yaml'), text);
const sweep = loadSweep({ file: 'many.yaml', text });
const dir = path.join(root, 'runs/sweeps/many');
mkdirSync(dir, { recursive: true });
writeFileSync(path.join(dir, 'sweep.yaml'), sweep.text);
const curves = seeds.map((seed) => Array.from({ length: 25 }, (_, i) => 20 * i + seed));
const errors = seeds.map((seed) => 1e-3 * (1 + seed));
const model = runMaker(root)('model', { arm: 'dream-critic', curves, errors, seeds });
// The first is not begun.
for (const { experiment } of sweep.cells.slice(1)) {
  const cell = path.join(dir, experiment.name);
  cpSync(model, cell, { recursive: true });
  writeFileSync(path.join(cell, 'config.yaml'), formatExperiment(experiment));
}
const commands = {
  status: ['status', 'runs/sweeps/many'],
  compare: ['compare', 'runs/sweeps/many'],
  submit: ['sweep', '--config', 'many.yaml', '--submit', 'slurm', '--dry-run'],
};
for (const [name, args] of Object.entries(commands)) {
  const script = `LC_ALL=C; TIMEFORMAT='%3R %3U %3S'; time "$@" > /dev/null`;
  const { status, stderr } = spawnSync('bash', ['-c', script, 'bash', ...wm, ...args], {
    cwd: root,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  const [clock, user, system] = stderr.trimEnd().split('\n').at(-1)!.split(' ').map(Number);
  process.stdout.write(
    `${name}: ${clock!.toFixed(1)} s, of the processor ${(user! + system!).toFixed(1)} s\n`,
  );
}
rmSync(root, { recursive: true });

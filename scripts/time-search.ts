import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { spacesOf, timedExperiment } from '../src/bench/bench.ts';
import {
  type Entrant,
  engineProgram,
  enter,
  inTurns,
  type Program,
  peerProgram,
} from '../src/bench/entrant.ts';
import type { Setup } from '../src/bench/protocol.ts';
import { median, medianRatio } from '../src/bench/report.ts';
import { alignColumns } from '../src/cli/align.ts';
import { loadExperiment } from '../src/config/load.ts';
import { engineNames } from '../src/engine/names.ts';

/**
 * Tree searches per second by engine, by roots that are searched under at once and by simulations, beside a search in JAX:
 *
 *   npm run build && node --import tsx scripts/time-search.ts configs/muzero/gumbel.yaml --python peers/bin/python
 *
 * In the model of a config as it stands before training: its trees are as even as trees get. Each cell has processes of its
 * own, one thread each, all warmed up, which take turns over `--rounds` rounds as in `wm bench`. Prints medians, and the
 * ratio to JAX's time in each round, in brackets that of processor time. Without `--python` there is no JAX.
 */
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engines: { type: 'string', default: 'native,wasm' },
    roots: { type: 'string', default: '1,25,100' },
    simulations: { type: 'string', default: '16,50' },
    rounds: { type: 'string', default: '20' },
    python: { type: 'string' },
  },
});
const [file] = positionals;
const numbers = (text: string) => text.split(',').map(Number);
const engines = options.engines.split(',').map((word) => engineNames.find((name) => name === word));
if (file === undefined || engines.includes(undefined)) {
  throw new Error(`expected a config and --engines of ${engineNames.join(', ')}`);
}
const programs: Program[] = [
  ...engines.map((engine) => engineProgram(engine!)),
  ...(options.python === undefined ? [] : [peerProgram('jax', options.python)]),
];
const text = readFileSync(file, 'utf8');

const samplesOf = ({ samples }: Entrant) => samples.get('act')!;

/** The lines of one number of roots and of simulations. */
async function lines(roots: number, simulations: number): Promise<string[][]> {
  const overrides = [`search.simulations=${simulations}`];
  const experiment = timedExperiment(loadExperiment({ file: file!, text, overrides }));
  const setup: Setup = {
    ...{ experiment, spaces: spacesOf(experiment), members: 1, environments: roots },
    ...{ measures: ['act'], sgemmSize: 1 },
  };
  const entrants: Entrant[] = [];
  try {
    for (const program of programs) entrants.push(await enter(program, 1, setup));
    await inTurns(entrants, Number(options.rounds), () => ['act']);
    const jax = entrants.find(({ by }) => by === 'jax');
    return entrants.map((one) => {
      const milliseconds = (time: 'seconds' | 'cpuSeconds') =>
        1000 * median(samplesOf(one).map((sample) => sample[time]));
      const ratio = (time: 'seconds' | 'cpuSeconds') =>
        medianRatio(samplesOf(one), samplesOf(jax!), time).toFixed(2);
      const [clock, processor] = [milliseconds('seconds'), milliseconds('cpuSeconds')];
      return [
        ...[`${roots}`, `${simulations}`, one.by, ((1000 * roots) / clock).toFixed(0)],
        ...[clock.toPrecision(3), processor.toPrecision(3)],
        jax && one !== jax ? `${ratio('seconds')} (${ratio('cpuSeconds')})` : '-',
      ];
    });
  } finally {
    for (const { contestant } of entrants) contestant.kill();
  }
}

const rows = [['roots', 'simulations', 'by', 'searches/s', 'ms', 'cpu ms', '× jax']];
for (const simulations of numbers(options.simulations)) {
  for (const roots of numbers(options.roots)) {
    const found = await lines(roots, simulations);
    process.stderr.write(`${found.map((cells) => cells.join(' ')).join('; ')}\n`);
    rows.push(...found);
  }
}
process.stdout.write(alignColumns(rows));

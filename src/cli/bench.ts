import { bench, timedExperiment, withBaseline } from '../bench/bench.ts';
import type { Row } from '../bench/report.ts';
import { loadExperiment } from '../config/load.ts';
import { type EngineName, engineNames } from '../engine/names.ts';
import { UserError } from '../errors.ts';
import { GROUP_SIGNALS } from '../experiment/signals.ts';
import { counted } from '../words.ts';
import { alignColumns } from './align.ts';
import { readConfig } from './config-file.ts';
import { hostInfo, sourceVersion } from './host.ts';
import { leaveOn } from './leave.ts';

interface BenchCommandOptions {
  config?: string;
  set: string[];
  members: string;
  engines?: string;
  rounds: number;
  threads: number;
  peers: boolean;
  python: string;
  json: boolean;
}

/** `wm bench`: times updates, collecting and evaluating. Returns the exit code. */
export async function benchCommand(options: BenchCommandOptions): Promise<number> {
  leaveOn(GROUP_SIGNALS);
  const { config, set, rounds, threads, peers, python, json } = options;
  const members = listOf('--members', options.members, 'whole numbers from 1 to 10000', (text) => {
    const value = Number(text);
    return Number.isInteger(value) && value >= 1 && value <= 10_000 ? value : undefined;
  });
  const engines = options.engines === undefined ? undefined : enginesOf(options.engines);
  const experiment =
    config === undefined
      ? loadExperiment({ file: 'the default config', text: 'method: vae-lstm', overrides: set })
      : readConfig({ config, set });

  const { wmVersion, node, platform, processor, cores } = hostInfo();
  const machine = { processor, cores, platform, node };
  const date = new Date().toISOString().slice(0, 10);
  const { gitCommit, gitChanges } = sourceVersion();
  const about = { date, wm: wmVersion, commit: gitCommit, changes: gitChanges, ...machine, threads, rounds };
  if (json) printLine(about);
  else {
    const commit = about.commit ? ` at ${about.commit.slice(0, 7)}${about.changes ? ', changed' : ''}` : '';
    process.stdout.write(
      `${date}, wm ${wmVersion}${commit}, Node ${node}, ${machine.processor} with ${cores} cores; ${counted(threads, 'thread')} each, median of ${counted(rounds, 'round')}\n`,
    );
  }
  await bench({
    arms: withBaseline(timedExperiment(experiment)),
    // Plain JavaScript is there for checking, not for speed: whoever wants to see it names it.
    engines: engines ?? engineNames.filter((name) => name !== 'cpu'),
    enginesChosen: engines !== undefined,
    members,
    rounds,
    threads,
    peers,
    python,
    note: (sentence) => process.stderr.write(`${sentence}\n`),
    report: (rows) => {
      if (json) rows.forEach(printLine);
      else process.stdout.write(`\n${tables(rows)}`);
    },
  });
  return 0;
}

const printLine = (value: object) => process.stdout.write(`${JSON.stringify(value)}\n`);

const enginesOf = (text: string): EngineName[] =>
  listOf('--engines', text, `names of ${engineNames.join(', ')}`, (word) =>
    engineNames.find((name) => name === word),
  );

/** A comma-separated option, each element once. */
function listOf<T>(
  option: string,
  text: string,
  expected: string,
  parse: (word: string) => T | undefined,
): T[] {
  const values = text.split(',').map((word) => parse(word.trim()));
  if (values.includes(undefined))
    throw new UserError(`${option}: expected ${expected} with commas between them, got "${text}"`);
  return [...new Set(values as T[])];
}

/** The rows of one number of members as two tables: updates, and the rest. */
function tables(rows: readonly Row[]): string {
  const speeds = rows.filter(({ sgemm_gflops }) => sgemm_gflops !== null);
  const updates = rows.filter(({ update_ms }) => update_ms !== null);
  const updateTable = alignColumns([
    [
      'arm',
      'members',
      'by',
      'ms per update',
      'quartiles',
      'cpu ms',
      'share of bound',
      '× baseline',
      '× jax',
      '× torch',
    ],
    ...updates.map((row) => [
      row.arm,
      String(row.members),
      row.by,
      number(row.update_ms),
      `${number(row.update_ms_p25)}-${number(row.update_ms_p75)}`,
      number(row.update_cpu_ms),
      row.bound_share === null ? '-' : `${(row.bound_share * 100).toFixed(0)} %`,
      ratio(row.over_baseline, row.cpu_over_baseline),
      ratio(row.over_jax, row.cpu_over_jax),
      ratio(row.over_torch, row.cpu_over_torch),
    ]),
  ]);
  const partTable = alignColumns([
    [
      'arm',
      'members',
      'by',
      'model',
      'imagination',
      'actor',
      'optimizer',
      'tfjs ops',
      'steps/s',
      'evaluation s',
      'peak MB',
    ],
    ...updates.map((row) => [
      row.arm,
      String(row.members),
      row.by,
      ...[row.model_ms, row.imagination_ms, row.actor_ms, row.optimizer_ms].map(number),
      number(row.operations),
      number(row.steps_per_second),
      number(row.evaluation_seconds),
      number(row.peak_megabytes),
    ]),
  ]);
  const [first] = updates;
  const bound = first?.bound_ms
    ? `bound: ${first.update_gflop?.toFixed(3)} GFLOP per ${first.arm} update, ${number(first.bound_ms)} ms by the best sgemm of ${speeds.map(({ by, sgemm_gflops }) => `${by} ${number(sgemm_gflops)}`).join(', ')} GF/s\n`
    : '';
  const devices = new Map(updates.map(({ by, version, device }) => [by, `${by}: ${version}, ${device}\n`]));
  return `${updateTable}\n${partTable}${bound}${[...devices.values()].join('')}`;
}

/** Three significant digits, whole from 100 on. */
function number(x: number | null): string {
  if (x === null) return '-';
  return x >= 100 ? x.toFixed(0) : x.toPrecision(3);
}

/** A ratio on the clock, and in brackets that of processor time. */
function ratio(clock: number | null, cpu: number | null): string {
  return clock === null || cpu === null ? '-' : `${clock.toFixed(2)} (${cpu.toFixed(2)})`;
}

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { wholeLines } from '../../src/runs/csv.ts';
import { SeedFolder } from '../../src/runs/seed-folder.ts';
import { linesWithoutTime } from '../support/tiny-run.ts';

/** What must be equal, byte for byte, between a run that was disturbed and one that never was. */
export type Results = Map<string, string>;

/** The whole lines that a CSV has so far, without their time. */
export function linesSoFar(file: string): string[] {
  const text = existsSync(file) ? wholeLines(readFileSync(file, 'utf8')) : '';
  return text === '' ? [] : linesWithoutTime(text);
}

/** The CSVs of a run that change from row to row while it goes on, by name. */
export const growing = (seeds: readonly number[]): string[] =>
  seeds.flatMap((seed) => ['metrics.csv', 'losses.csv'].map((name) => `seed-${seed}/${name}`));

/** Every result of a finished run: its CSVs, and all that its last and best checkpoints hold but the time. */
export function resultsOf(dir: string, seeds: readonly number[]): Results {
  const results: Results = new Map();
  for (const name of [...growing(seeds), 'metrics.csv', 'summary.csv']) {
    results.set(name, linesSoFar(path.join(dir, name)).join('\n'));
  }
  for (const seed of seeds) {
    const folder = new SeedFolder(dir, seed);
    for (const [which, checkpoint] of Object.entries({
      last: folder.readCheckpoint(),
      best: folder.readBest(),
    })) {
      const { step, update, streams, arrays } = checkpoint!.state;
      results.set(`seed-${seed} ${which}: counters`, JSON.stringify({ step, update, streams }));
      for (const [name, { shape, data }] of Object.entries(arrays)) {
        const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
        results.set(`seed-${seed} ${which}: ${name} [${shape}]`, bytes.toString('latin1'));
      }
    }
  }
  return results;
}

/** How many bytes differ, those that one has more included. */
export function differingBytes(actual: Results, wanted: Results): number {
  let count = 0;
  for (const name of new Set([...actual.keys(), ...wanted.keys()])) {
    const [a, b] = [actual.get(name) ?? '', wanted.get(name) ?? ''];
    count += Math.abs(a.length - b.length);
    for (let i = 0; i < Math.min(a.length, b.length); i++) count += Number(a[i] !== b[i]);
  }
  return count;
}

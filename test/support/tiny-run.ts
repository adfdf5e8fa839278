import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';

/** A dream critic too small to learn, but with every part of a run: a config to be completed with its length. */
export const tinyDreamCritic = `
method: vae-lstm
name: tiny
engine: wasm
randomSteps: 40
logEvery: 5
imaginationStarts: 4
model: { latent: 4, hidden: [8], lstm: 8 }
critic: { hidden: [8] }
actor: { hidden: [8] }
replay: { batch: 4, length: 4 }
`;

/** The text of a file, by the parts of its path. */
export const text = (...parts: string[]) => readFileSync(path.join(...parts), 'utf8');

/** A CSV's lines without the column `wall_seconds`, the one that differs between equal runs. */
export function linesWithoutTime(csv: string): string[] {
  const lines = csv.trimEnd().split('\n');
  const at = lines[0]!.split(',').indexOf('wall_seconds');
  return lines.map((line) =>
    line
      .split(',')
      .filter((_, i) => i !== at)
      .join(','),
  );
}

interface Event {
  kind: string;
  pid: number;
  seeds: number[];
}

/** A run's events so far. */
export function events(dir: string): Event[] {
  const file = path.join(dir, 'events.jsonl');
  const lines = existsSync(file) ? text(file).split('\n').slice(0, -1) : [];
  return lines.map((line) => JSON.parse(line));
}

/** Waits half a minute at most. */
export async function waitFor(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1200; tries++) {
    if (holds()) return;
    await setTimeout(25);
  }
  assert.fail(`${what} never came`);
}

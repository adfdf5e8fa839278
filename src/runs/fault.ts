import type { EnvironmentEntry } from '../envs/index.ts';
import { returnRange } from '../envs/return-range.ts';
import type { Row } from '../training/events.ts';
import { grouped } from '../words.ts';

/** What summing rewards in another order may change, as a share of a return. */
const ROUNDING = 1e-6;

/**
 * Why a learning curve cannot be what training in this environment gave, in a few words; null where nothing speaks
 * against it. An error may be infinite: the model of a run that diverged has one.
 *
 * @param rows of this seed's metrics.csv, in the order of their steps
 */
export function faultOf(
  seed: number,
  rows: readonly Row[],
  environment: string,
  entry: EnvironmentEntry,
): string | null {
  if (rows.length === 0) return 'metrics.csv has no row';
  const stranger = rows.find((row) => row.seed !== seed);
  if (stranger) return `metrics.csv is of seed ${stranger.seed}`;
  const [least, largest] = returnRange(entry);
  const tolerance = ROUNDING * Math.max(1, ...[least, largest].map(Math.abs).filter(Number.isFinite));
  for (const row of rows) {
    const at = `at step ${grouped(row.env_step!)}`;
    const reward = row.reward_mean ?? null;
    if (reward === null) return `no reward_mean ${at}`;
    if (!(reward >= least - tolerance && reward <= largest + tolerance)) {
      return `reward_mean ${reward} ${at}, ${environment} gives ${least} to ${largest}`;
    }
    const [name, error] =
      Object.entries(row).find(([column, x]) => /_mse(_|$)/.test(column) && x !== null && x < 0) ?? [];
    if (name !== undefined) return `${name} ${error} ${at}, an error has no sign`;
  }
  return null;
}

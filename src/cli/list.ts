import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { printable } from '../printable.ts';
import { findRuns } from '../runs/find.ts';
import { GrowingCsv } from '../runs/growing-csv.ts';
import { type RunStanding, readStanding } from '../runs/status.ts';
import { usageOf } from '../runs/usage.ts';
import { mean } from '../statistics.ts';
import { counted, sizeWords } from '../words.ts';
import { alignColumns } from './align.ts';

interface ListOptions {
  json?: boolean;
}

/** A run as it is listed. */
interface ListedRun extends Pick<RunStanding, 'status' | 'holder' | 'seeds'> {
  run: string;
  arm: string;
  method: string;
  environment: string;
  /** Environment steps of each seed when it is finished. */
  steps: number;
  /** Mean over the seeds of their last evaluations; null before the first. */
  lastReward: number | null;
  bytes: number;
  /** ISO 8601, of the last write. */
  changed: string;
}

/** `wm list`: how each run stands, without opening more of it than it takes. Returns the exit code. */
export async function listCommand(dirs: readonly string[], { json }: ListOptions): Promise<number> {
  const { runs, faults } = findRuns(dirs);
  const listed: ListedRun[] = [];
  for (const found of runs) {
    try {
      listed.push(await listedRun(readStanding(found)));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      faults.push({ dir: found.dir, fault: error.message });
    }
  }
  if (json) {
    process.stdout.write(`${JSON.stringify({ runs: listed, faults })}\n`);
    return 0;
  }
  const now = Date.now();
  const lines = listed.map((run) => [
    printable(run.run),
    run.status,
    printable(run.arm),
    run.environment,
    `${run.seeds.filter(({ status }) => status === 'done').length} of ${run.seeds.length}`,
    run.lastReward?.toFixed(1) ?? '-',
    ageWords((now - Date.parse(run.changed)) / 1000),
    sizeWords(run.bytes),
  ]);
  const head = ['run', 'status', 'arm', 'environment', 'seeds done', 'last reward', 'changed', 'size'];
  if (lines.length > 0) process.stdout.write(alignColumns([head, ...lines]));
  else process.stdout.write(`no runs in ${dirs.map(printable).join(', ')}\n`);
  for (const { dir, fault } of faults) {
    process.stderr.write(`${printable(dir)} is left out: ${fault}\n`);
  }
  return 0;
}

async function listedRun({ dir, info, experiment, status, holder, seeds }: RunStanding): Promise<ListedRun> {
  const rewards: number[] = [];
  for (const { seed } of seeds) {
    const metrics = new GrowingCsv(join(dir, `seed-${seed}`, 'metrics.csv'), {
      wanted: ['reward_mean'],
      most: 1,
    });
    await metrics.read();
    const reward = metrics.last('reward_mean');
    if (Number.isFinite(reward)) rewards.push(reward);
  }
  const { bytes, changed } = usageOf(dir);
  return {
    run: dir,
    status,
    arm: info.arm,
    method: info.method,
    environment: experiment.environment,
    steps: experiment.steps,
    holder,
    seeds,
    lastReward: mean(rewards),
    bytes,
    changed: new Date(changed).toISOString(),
  };
}

const UNITS = [
  { name: 'day', seconds: 86_400 },
  { name: 'hour', seconds: 3600 },
  { name: 'minute', seconds: 60 },
] as const;

/** `3 hours ago` */
function ageWords(seconds: number): string {
  for (const { name, seconds: unit } of UNITS) {
    const count = Math.floor(seconds / unit);
    if (count >= 1) return `${counted(count, name)} ago`;
  }
  return 'just now';
}

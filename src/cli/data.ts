import { DataSet, environmentWords } from '../runs/data-set.ts';
import type { Manifest, RecordedActor } from '../runs/data-set-manifest.ts';
import { counted, grouped, sizeWords } from '../words.ts';
import { alignColumns } from './align.ts';

/** `wm data`: checks a data set from end to end and says what it is. Returns the exit code. */
export function dataCommand(dir: string, { json }: { json?: boolean }): number {
  const { manifest } = new DataSet(dir, 0);
  process.stdout.write(json ? `${JSON.stringify({ dir, ...manifest })}\n` : describeDataSet(dir, manifest));
  return 0;
}

/** A data set as a line and a table of who acted. */
export function describeDataSet(dir: string, manifest: Manifest): string {
  const { seed, episodes, steps, shards, actors, returns } = manifest;
  const bytes = shards.reduce((sum, shard) => sum + shard.bytes, 0);
  const files = counted(shards.length, 'file');
  const line = `${dir}: ${environmentWords(manifest)}, ${grouped(steps)} steps of ${grouped(episodes)} episodes, seed ${seed}, ${sizeWords(bytes)} in ${files}\n`;
  const row = (name: string, of: Pick<RecordedActor, 'episodes' | 'steps' | 'returns'>) => [
    name,
    ((100 * of.steps) / steps).toFixed(1),
    grouped(of.episodes),
    grouped(of.steps),
    `${of.returns.mean.toFixed(1)}${of.returns.std === null ? '' : ` ± ${of.returns.std.toFixed(1)}`}`,
    of.returns.min.toFixed(1),
    of.returns.max.toFixed(1),
  ];
  const head = ['who acted', '% of steps', 'episodes', 'steps', 'return', 'least', 'greatest'];
  const table = alignColumns([
    head,
    ...actors.map((actor) => row(nameOf(actor), actor)),
    row('all', { episodes, steps, returns }),
  ]);
  return line + table;
}

/** `best~0.3 (dqn, seed 0 after 50,000 steps)` */
function nameOf({ name, run }: RecordedActor): string {
  return run === null ? name : `${name} (${run.arm}, seed ${run.seed} after ${grouped(run.step)} steps)`;
}

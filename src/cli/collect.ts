import path from 'node:path';
import { UserError } from '../errors.ts';
import { collectData } from '../experiment/collect-data.ts';
import { parseMix } from '../experiment/mix.ts';
import { describeDataSet } from './data.ts';
import { hostInfo, sourceVersion } from './host.ts';
import { blamingVariable, requestedEngine } from './requested-engine.ts';

interface CollectCommandOptions {
  run: string[];
  environment?: string;
  mix: string[];
  steps: number;
  out: string;
  seed?: number;
  dataSeed: number;
  engine?: string;
  json?: boolean;
}

/** `wm collect`: plays episodes by a mix of policies and writes them as a data set. Returns the exit code. */
export async function collectCommand(options: CollectCommandOptions): Promise<number> {
  const { run: dirs, environment, steps, out, seed, dataSeed, json } = options;
  const runs = byName(dirs);
  if (environment !== undefined && runs.size > 0) {
    throw new UserError(
      `--environment ${environment}: --run says the environment already; leave one of the two out`,
    );
  }
  if (options.mix.length === 0) {
    throw new UserError(
      '--mix: missing; say who acts in which share of the steps, as in --mix random=0.4 best=0.6',
    );
  }
  const mix = parseMix(options.mix, [...runs.keys()]);
  const engine = requestedEngine(options.engine);
  const { wmVersion, node, command } = hostInfo();
  const { gitCommit, gitChanges = null } = sourceVersion();
  const made = { wmVersion, gitCommit, gitChanges, node, command };
  const manifest = await blamingVariable(options.engine === undefined ? engine : undefined, () =>
    collectData(
      { out, mix, runs, environment, steps, seed: dataSeed, policySeed: seed, engine, made },
      (caution) => process.stderr.write(`${caution}\n`),
    ),
  );
  process.stdout.write(
    json ? `${JSON.stringify({ dir: out, ...manifest })}\n` : describeDataSet(out, manifest),
  );
  return 0;
}

/** Run folders by their names. @throws UserError where two have one name. */
function byName(dirs: readonly string[]): Map<string, string> {
  const runs = new Map<string, string>();
  for (const dir of dirs) {
    const name = path.basename(path.resolve(dir));
    const other = runs.get(name);
    if (other !== undefined) {
      throw new UserError(
        `--run ${dir}: ${other} has the same name, by which a mix tells them apart; rename a folder`,
      );
    }
    runs.set(name, dir);
  }
  return runs;
}

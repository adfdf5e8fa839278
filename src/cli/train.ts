import { existsSync } from 'node:fs';
import path from 'node:path';
import { configJsonSchema, describeConfig } from '../config/describe.ts';
import { type ConfigOptions, readConfig } from './config-file.ts';
import { finalRewards, rewardWords, runResult } from './run-result.ts';
import { engineWords, finishedWords, type SessionOptions, sessionExitCode, trainSession } from './session.ts';

interface TrainOptions extends ConfigOptions, SessionOptions {
  helpConfig?: boolean;
}

/** `wm train`. Returns the exit code. */
export async function trainCommand(options: TrainOptions): Promise<number> {
  if (options.helpConfig) {
    process.stdout.write(
      options.json ? `${JSON.stringify(configJsonSchema(), null, 2)}\n` : describeConfig(),
    );
    return 0;
  }
  const experiment = readConfig({ ...runHolding(options), ...options });
  const plan = { experiments: [experiment], runsDir: options.runs };
  const outcomes = await trainSession(plan, options, {
    seedLabel: (_, seed) => `seed ${seed}`,
    opening: ([run]) => {
      const { dir } = run!.outcome;
      if (run!.finished) return finishedWords(dir, [run!]);
      return `${run!.resumed ? 'resuming' : 'training'} ${dir} on ${engineWords(run!)}`;
    },
  });
  const result = runResult(outcomes[0]!);
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else if (result.final_reward.mean !== null) {
    const rewards = finalRewards(result);
    const each = rewards.length > 1 ? `  (${rewards.map((x) => x.toFixed(1)).join(', ')})` : '';
    process.stdout.write(`${result.arm}: final reward ${rewardWords(result)}${each}\n`);
  }
  return sessionExitCode(outcomes);
}

/** A config that stands in a run folder of `--runs` is that run's, whatever name it was made under. */
function runHolding({ config, runs, set }: TrainOptions): { name?: string } {
  if (config === undefined || path.basename(config) !== 'config.yaml') return {};
  const dir = path.dirname(path.resolve(config));
  const renames = set.some((override) => override.trim().startsWith('name='));
  const stands = path.dirname(dir) === path.resolve(runs) && existsSync(path.join(dir, 'run.json'));
  return stands && !renames ? { name: path.basename(dir) } : {};
}

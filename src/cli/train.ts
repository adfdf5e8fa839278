import { configJsonSchema, describeConfig } from '../config/describe.ts';
import { type ConfigOptions, readConfig } from './config-file.ts';
import { finalRewards, rewardWords, runResult } from './run-result.ts';
import { engineWords, type SessionOptions, sessionExitCode, trainSession } from './session.ts';

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
  const plan = { experiments: [readConfig(options)], runsDir: options.runs };
  const outcomes = await trainSession(plan, options, {
    seedLabel: (_, seed) => `seed ${seed}`,
    opening: ([run]) => {
      const { dir } = run!.outcome;
      if (run!.finished) return `${dir} is finished: nothing to do`;
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

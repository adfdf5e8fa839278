import { existsSync } from 'node:fs';
import path from 'node:path';
import { describeConfig } from '../config/describe.ts';
import { formatExperiment } from '../config/format.ts';
import { loadExperiment } from '../config/load.ts';
import { meantMethod, methodNamed } from '../config/method-name.ts';
import { type Experiment, folderName, methodNames } from '../config/schema.ts';
import { UserError } from '../errors.ts';
import type { SeedShare } from '../experiment/seed-share.ts';
import { type Sitting, whyNoShares } from '../experiment/sitting.ts';
import { makeFolder, readText } from '../runs/atomic.ts';
import { extensionOf } from '../runs/extension.ts';
import { refuseOtherFolders } from '../runs/run-folder.ts';
import { readSubmission, requireSameClock, submittedConfig } from '../runs/submission.ts';
import { alternatives, seedWords } from '../words.ts';
import { type ConfigOptions, configInput, refuseWords } from './config-file.ts';
import { blamingVariable, engineOfVariable } from './requested-engine.ts';
import { finalRewards, rewardWords, runResult } from './run-result.ts';
import { schemaCommand } from './schema.ts';
import { engineWords, finishedWords, type SessionOptions, sessionExitCode, trainSession } from './session.ts';
import { refuseMisplacedOptions, type SubmitOptions, submit, type ToSubmit } from './submit.ts';

interface TrainOptions extends ConfigOptions, SessionOptions, SubmitOptions {
  seedShare?: SeedShare;
  helpConfig?: string | true;
}

/** `wm train --help-config`, of the method that is named, else of all. Returns the exit code. */
function helpConfigCommand(name: string | true, { json }: { json?: boolean }): number {
  if (name === true) {
    if (json) return schemaCommand({});
    process.stdout.write(describeConfig());
    return 0;
  }
  const method = methodNamed(name);
  if (method === undefined) {
    throw new UserError(`--help-config ${name}: expected ${alternatives(methodNames)}${meantMethod(name)}`);
  }
  if (json)
    throw new UserError(`--help-config ${name}: --json prints the schema of all methods; leave ${name} out`);
  process.stdout.write(describeConfig([method]));
  return 0;
}

/** `wm train`; `words` are those that stand by themselves. Returns the exit code. */
export async function trainCommand(options: TrainOptions, words: readonly string[]): Promise<number> {
  refuseWords(words);
  if (options.helpConfig !== undefined) return helpConfigCommand(options.helpConfig, options);
  refuseMisplacedOptions(options);
  const input = configInput({ ...runHolding(options), ...options });
  const experiment = loadExperiment(input);
  const dir = path.join(options.runs, experiment.name);
  if (options.submit) return submit(runToSubmit(dir, experiment), options);
  const openParent = () => {
    if (readSubmission(dir) !== undefined) requireSameClock(dir);
    return null;
  };
  const plan = { experiments: [experiment], runsDir: options.runs, openParent };
  const outcomes = await blamingVariable(engineOfVariable(input), () =>
    trainSession(plan, options, {
      seedLabel: (_, seed) => `seed ${seed}`,
      opening: ([run]) => openingWords(run!, input.shipped ? [`config ${input.file}`] : []),
    }),
  );
  const result = runResult(outcomes[0]!);
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else if (result.final_reward.mean !== null) {
    const rewards = finalRewards(result);
    const each = rewards.length > 1 ? `  (${rewards.map((x) => x.toFixed(1)).join(', ')})` : '';
    process.stdout.write(`${result.arm}: final reward ${rewardWords(result)}${each}\n`);
  }
  return sessionExitCode(outcomes);
}

function runToSubmit(dir: string, experiment: Experiment): ToSubmit {
  const configText = formatExperiment(experiment);
  return {
    ...{
      command: 'train',
      name: experiment.name,
      dir,
      config: submittedConfig(dir),
      experiments: [experiment],
    },
    check: (shares) => {
      refuseOtherFolders(dir, 'run', 'run.json');
      const file = path.join(dir, 'config.yaml');
      const text = readText(file);
      const extension =
        text === undefined ? null : extensionOf(dir, 'run', loadExperiment({ file, text }), experiment);
      if (extension !== null && shares > 1) throw new UserError(whyNoShares(dir));
    },
    differs: () => {
      const stored = readText(submittedConfig(dir));
      return stored !== undefined && stored !== configText;
    },
    write: () => makeFolder(dir),
    configText,
  };
}

/** A config that stands in a run folder of `--runs` is that run's, whatever name it was made under. */
function runHolding({ config, runs, set }: TrainOptions): { name?: string } {
  if (config === undefined || path.basename(config) !== 'config.yaml') return {};
  const dir = path.dirname(path.resolve(config));
  const renames = set.some((override) => override.trim().startsWith('name='));
  const stands = path.dirname(dir) === path.resolve(runs) && existsSync(path.join(dir, 'run.json'));
  if (!stands || renames) return {};
  const name = path.basename(dir);
  if (!folderName.safeParse(name).success) {
    throw new UserError(
      `${dir}: the folder's name is none that a run may have, ${folderName.meta()!.title}; rename it to go on with it`,
    );
  }
  return { name };
}

/** `training runs/quick (seeds 0 to 4) on wasm …`, `resuming runs/quick (seeds 3 and 4; 3 done; config …) on wasm …` */
function openingWords(run: Sitting, config: readonly string[]): string {
  const { dir, done } = run.outcome;
  if (run.finished) return [finishedWords(dir, [run]), ...config].join('; ');
  const finished = done.length > 0 ? [`${done.length} done`] : [];
  const about = [...(run.pending.length > 0 ? [seedWords(run.pending)] : []), ...finished, ...config];
  return `${run.resumed ? 'resuming' : 'training'} ${dir} (${about.join('; ')}) on ${engineWords(run)}`;
}

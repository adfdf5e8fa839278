import { constants } from 'node:os';
import { configJsonSchema, describeConfig } from '../config/describe.ts';
import { UserError } from '../errors.ts';
import { type RunOutcome, runExperiment } from '../experiment/run.ts';
import { GROUP_SIGNALS } from '../experiment/signals.ts';
import { readRun } from '../runs/read.ts';
import { summarise } from '../runs/summary.ts';
import { estimate, formatEstimate } from '../statistics.ts';
import { type ConfigOptions, readConfig } from './config-file.ts';
import { gitCommit, hostInfo } from './host.ts';
import { createProgress } from './progress.ts';

interface TrainOptions extends ConfigOptions {
  runs: string;
  workers?: number;
  quiet?: boolean;
  json?: boolean;
  helpConfig?: boolean;
}

const SAVED_AND_STOPPED = 130;

/** `wm train`. Returns the exit code. */
export async function trainCommand(options: TrainOptions): Promise<number> {
  if (options.helpConfig) {
    process.stdout.write(
      options.json ? `${JSON.stringify(configJsonSchema(), null, 2)}\n` : describeConfig(),
    );
    return 0;
  }
  const experiment = readConfig(options);
  const clock = () => performance.now() / 1000;
  const progress = createProgress({
    seeds: experiment.seeds,
    steps: experiment.steps,
    stream: process.stderr,
    quiet: options.quiet ?? false,
    clock: () => performance.now(),
  });
  const stopping = stopOnSignals(
    clock,
    () => progress.note('saving every seed; once more to stop at once'),
    progress.close,
  );
  const stacks: string[] = [];
  let outcome: RunOutcome;
  try {
    outcome = await runExperiment({
      experiment,
      runsDir: options.runs,
      workers: options.workers,
      host: { ...hostInfo(), gitCommit: gitCommit() },
      hangSeconds: hangSeconds(process.env.WM_HANG_SECONDS),
      clock,
      signal: stopping.signal,
      begin: ({ dir, engine, reason, resumed, pending, finished, notes }) => {
        for (const seed of experiment.seeds) if (!pending.includes(seed)) progress.status(seed, 'done');
        progress.note(
          finished
            ? `${dir} is finished: nothing to do`
            : `${resumed ? 'resuming' : 'training'} ${dir} on ${engine.name} ${engine.version} (${engine.device})${reason ? `; ${reason}` : ''}`,
        );
        for (const note of notes) progress.note(note);
      },
      seedStarted: (seed, step) => {
        progress.status(seed, 'running');
        progress.step(seed, step);
      },
      handle: (message) => {
        if (message.kind === 'step') progress.step(message.seed, message.step);
        else if (message.kind === 'evaluation') progress.evaluation(message.seed, message.row);
        else if (message.kind === 'failed') {
          progress.status(message.seed, 'failed', message.reason);
          if (message.stack) stacks.push(message.stack);
        } else progress.status(message.seed, message.kind);
      },
    });
  } finally {
    progress.close();
    stopping.release();
  }
  for (const stack of stacks) process.stderr.write(`${stack}\n`);
  printResults(outcome, options.json);
  if (outcome.interrupted.length > 0) {
    process.stderr.write('stopped after saving; the same command goes on from here\n');
    return SAVED_AND_STOPPED;
  }
  return outcome.failed.size > 0 ? 1 : 0;
}

/** Seconds of silence after which a worker counts as hanging: longer than any evaluation on the slowest engine. */
const HANG_SECONDS = 600;

function hangSeconds(text = ''): number {
  if (text === '') return HANG_SECONDS;
  const value = Number(text);
  if (value >= 1 && value <= 1e6) return value;
  throw new UserError(`WM_HANG_SECONDS: expected a number of seconds from 1 to 1000000, got "${text}"`);
}

/** Seconds within which a second signal is the same wish: `timeout` signals the process and then its group. */
const SAME_WISH = 1;

/** The first signal asks for a stop that saves; a second, later one ends the process at once. */
function stopOnSignals(
  clock: () => number,
  asked: () => void,
  cleanUp: () => void,
): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  let first = Number.POSITIVE_INFINITY;
  const listener = (name: (typeof GROUP_SIGNALS)[number]) => {
    if (controller.signal.aborted) {
      if (clock() - first < SAME_WISH) return;
      cleanUp();
      process.exit(128 + constants.signals[name]);
    }
    first = clock();
    asked();
    controller.abort();
  };
  for (const name of GROUP_SIGNALS) process.on(name, listener);
  return {
    signal: controller.signal,
    release: () => {
      for (const name of GROUP_SIGNALS) process.off(name, listener);
    },
  };
}

/** The finished seeds' final rewards on stdout. */
function printResults({ dir, failed, interrupted }: RunOutcome, json = false): void {
  const { info, seeds } = readRun(dir);
  const finals = seeds.map(({ seed, rows }) => ({ seed, ...summarise(rows) }));
  const rewards = finals.flatMap(({ final_reward }) => final_reward ?? []);
  const reward = estimate(rewards);
  if (json) {
    const result = {
      run: dir,
      arm: info.arm,
      final_reward: reward,
      seeds: finals,
      failed: Object.fromEntries(failed),
      interrupted,
    };
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  if (rewards.length === 0) return;
  const each = rewards.length > 1 ? `  (${rewards.map((x) => x.toFixed(1)).join(', ')})` : '';
  process.stdout.write(
    `${info.arm}: final reward ${formatEstimate(reward, 1)} over ${rewards.length} seed${rewards.length === 1 ? '' : 's'}${each}\n`,
  );
}

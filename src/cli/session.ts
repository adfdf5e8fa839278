import type { Experiment } from '../config/schema.ts';
import { secondsOf } from '../environment-seconds.ts';
import { type OpenParent, runExperiments } from '../experiment/run.ts';
import { type SeedShare, shareOf } from '../experiment/seed-share.ts';
import { GROUP_SIGNALS } from '../experiment/signals.ts';
import type { RunOutcome, Sitting } from '../experiment/sitting.ts';
import { hostInfo, sourceVersion } from './host.ts';
import { endAsInterrupted, exitBy } from './leave.ts';
import { createProgress, type Progress } from './progress.ts';

/** The options of the command line that say where and how to train. */
export interface SessionOptions {
  runs: string;
  workers?: number;
  quiet?: boolean;
  json?: boolean;
  seedShare?: SeedShare;
}

/** What a command shows of its own while it trains. */
export interface SessionNarration {
  /** What progress calls one seed of an experiment. */
  seedLabel: (experiment: Experiment, seed: number) => string;
  /** The line that opens the session. */
  opening: (runs: readonly Sitting[]) => string;
  /** Told when the last seed of a run has ended, one way or the other. */
  runEnded?: (run: Sitting, progress: Progress) => void;
}

/** What is to be trained. */
export interface SessionPlan {
  experiments: readonly Experiment[];
  /** The folder of run folders. */
  runsDir: string;
  /** Opens what keeps the runs together; what it gives is closed in the end, null where others may work there too. */
  openParent?: OpenParent;
}

const SAVED_AND_STOPPED = 130;

/**
 * Trains what is unfinished of some experiments, shows progress on stderr, and saves and stops on a signal.
 *
 * @throws UserError, before anything is trained, when an engine cannot load or a folder is not its experiment's.
 */
export async function trainSession(
  { experiments, runsDir, openParent }: SessionPlan,
  { workers, quiet = false, seedShare }: SessionOptions,
  { seedLabel, opening, runEnded }: SessionNarration,
): Promise<RunOutcome[]> {
  const clock = () => performance.now() / 1000;
  const members = experiments.flatMap((experiment) => {
    const seeds = seedShare ? shareOf(seedShare, experiment) : experiment.seeds;
    return seeds.map((seed) => ({ experiment, seed }));
  });
  const progress = createProgress({
    seeds: members.map(({ experiment, seed }) => ({
      label: seedLabel(experiment, seed),
      steps: experiment.steps,
    })),
    stream: process.stderr,
    quiet,
    // https://no-color.org: no sequences that only a terminal understands.
    plain: process.env.TERM === 'dumb' || Boolean(process.env.NO_COLOR),
    clock: () => performance.now(),
  });
  const indices = new Map(
    members.map(({ experiment, seed }, index) => [`${experiment.name} ${seed}`, index]),
  );
  const indexOf = ({ experiment }: Sitting, seed: number) => indices.get(`${experiment.name} ${seed}`)!;
  const stopping = stopOnSignals(
    clock,
    () => progress.note('saving every seed; once more to stop at once'),
    progress.close,
  );
  const stacks: string[] = [];
  try {
    return await runExperiments({
      experiments,
      runsDir,
      openParent,
      share: seedShare,
      workers,
      hangSeconds: secondsOf('WM_HANG_SECONDS', process.env, HANG_SECONDS),
      host: { ...hostInfo(), ...sourceVersion() },
      clock,
      signal: stopping.signal,
      waiting: progress.note,
      caution: progress.caution,
      begin: (runs) => {
        for (const run of runs) {
          const pending = new Set(run.pending);
          const finished = run.own.filter((seed) => !pending.has(seed));
          for (const seed of finished) progress.status(indexOf(run, seed), 'done');
        }
        progress.note(opening(runs));
        for (const { extension } of runs) if (extension !== null) progress.note(extension);
        // Of a sweep's cells many say the same.
        for (const caution of new Set(runs.flatMap(({ cautions }) => cautions))) progress.caution(caution);
      },
      seedStarted: (run, seed, step) => {
        progress.status(indexOf(run, seed), 'running');
        progress.step(indexOf(run, seed), step);
      },
      handle: (run, message) => {
        const index = indexOf(run, message.seed);
        if (message.kind === 'step') progress.step(index, message.step);
        else if (message.kind === 'evaluation') progress.evaluation(index, message.row);
        else if (message.kind === 'caution') progress.caution(`seed ${message.seed}: ${message.text}`);
        else if (message.kind === 'failed') {
          progress.status(index, 'failed', message.reason);
          if (message.stack) stacks.push(message.stack);
        } else if (message.kind === 'done') progress.status(index, 'done', message.reason);
        else progress.status(index, message.kind);
      },
      runEnded: (run) => runEnded?.(run, progress),
    });
  } finally {
    progress.close();
    stopping.release();
    for (const stack of stacks) process.stderr.write(`${stack}\n`);
  }
}

/** Where runs are computed and why not by a better engine: `wasm 4.22.0 (processor, …); engine native: …`. */
export function engineWords({ used: { engine, reason } }: Sitting): string {
  return `${engine.name} ${engine.version} (${engine.device})${reason ? `; ${reason}` : ''}`;
}

/** That there is nothing to do in a folder of runs, and what there may be to do instead. */
export function finishedWords(dir: string, runs: readonly Sitting[]): string {
  const published = runs.some(({ holdsCheckpoints }) => !holdsCheckpoints);
  const instead =
    '; it holds no checkpoints (published runs come without), another --runs or --name trains anew';
  return `${dir} is finished: nothing to do${published ? instead : ''}`;
}

/** The exit code of a session; says on stderr that it was stopped, where it was. */
export function sessionExitCode(outcomes: readonly RunOutcome[]): number {
  if (outcomes.some(({ interrupted }) => interrupted.length > 0)) {
    process.stderr.write('stopped after saving; the same command goes on from here\n');
    return SAVED_AND_STOPPED;
  }
  return outcomes.some(({ failed }) => failed.size > 0) ? 1 : 0;
}

/** Seconds of silence after which a worker counts as hanging; one that computes says something many times a second. */
const HANG_SECONDS = 600;

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
      exitBy(name);
    }
    if (name === 'SIGINT') endAsInterrupted();
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

import { formatExperiment } from '../config/format.ts';
import { loadExperiment } from '../config/load.ts';
import type { Experiment } from '../config/schema.ts';
import type { EngineName } from '../engine/names.ts';
import { environmentEntry } from '../envs/index.ts';
import { UserError } from '../errors.ts';
import { type MethodName, methods } from '../methods/index.ts';
import { type AgentSpaces, agentSpaces } from '../training/agent-spaces.ts';
import { type UpdateFlops, updateParts } from '../training/update-parts.ts';
import { counted } from '../words.ts';
import { type Entrant, engineProgram, enter, inTurns, type Program, peerProgram } from './entrant.ts';
import { measures, type TimedExperiment } from './protocol.ts';
import { type Row, rowsOf, type Series } from './report.ts';

const SGEMM_SIZE = 512;
/** An evaluation is thousands of calls, itself an average, and can take a minute: it is timed in every tenth round. */
const EVALUATE_EVERY = 10;

/** The peers, and the methods whose update each has. */
const peers: Readonly<Record<string, readonly MethodName[]>> = {
  jax: ['vae-lstm', 'dreamer', 'tdmpc', 'muzero'],
  torch: ['vae-lstm'],
};
/** Multiplies matrices with numpy and nothing else: often the best sgemm at hand. */
const YARDSTICK = 'numpy';

export interface BenchOptions {
  /** The first is measured in full, the others' updates alone, which is where arms differ. */
  arms: ReadonlyMap<string, TimedExperiment>;
  engines: readonly EngineName[];
  /** Whether the user named the engines: then one that cannot start is an error, otherwise it is left out. */
  enginesChosen: boolean;
  members: readonly number[];
  rounds: number;
  /** Threads that each contestant may compute with. */
  threads: number;
  /** Whether JAX and PyTorch take part. */
  peers: boolean;
  /** The Python that runs peers and yardstick. */
  python: string;
  /** Told, in a sentence, what is being done and what is left out. */
  note: (sentence: string) => void;
  /** Given the rows of each number of members as soon as they are there. */
  report: (rows: Row[]) => void;
}

/** A config whose updates can be timed. @throws UserError if its method learns from no replay. */
export function timedExperiment(experiment: Experiment): TimedExperiment {
  if ('replay' in experiment && 'updateEvery' in experiment) return experiment;
  throw new UserError(
    `method: wm bench times updates on replayed windows, and ${experiment.method} makes none; choose a config of another method`,
  );
}

/** An arm and, where its method has one, the baseline, what its cost is compared with; by name. */
export function withBaseline(experiment: TimedExperiment): Map<string, TimedExperiment> {
  const { arm, arms } = methods[experiment.method];
  const overrides = Object.entries(arms.baseline ?? {}).map(([key, on]) => `${key}=${on}`);
  const text = formatExperiment(fixedWeight(experiment));
  const baseline = loadExperiment({ file: 'the baseline', text, overrides });
  return new Map([experiment, timedExperiment(baseline)].map((one) => [arm(one), one]));
}

/** The config with the critic's weight as it is: one is learnt of a critic alone, and the baseline has none. */
function fixedWeight(experiment: TimedExperiment): TimedExperiment {
  if (experiment.method !== 'vae-lstm') return experiment;
  const { gradNorm: _, ...critic } = experiment.critic;
  return { ...experiment, critic: { ...critic, balance: 'fixed' } };
}

/** What agents know of a config's environment. */
export const spacesOf = (experiment: TimedExperiment): AgentSpaces =>
  agentSpaces(environmentEntry(experiment.environment, experiment));

async function flopsOf(experiment: TimedExperiment): Promise<UpdateFlops> {
  const { updateFlops } = await methods[experiment.method].load();
  if (!updateFlops)
    throw new UserError(
      `method: nobody has counted the operations of an update of ${experiment.method}, so wm bench cannot time it; choose a config of another method`,
    );
  return updateFlops(experiment, spacesOf(experiment));
}

/** The peers that have an update of the method; of the others a sentence says that they have not. */
function peersOf({ arms, peers: wanted, note }: BenchOptions): string[] {
  if (!wanted) return [];
  const methods = new Set([...arms.values()].map(({ method }) => method));
  return Object.entries(peers).flatMap(([peer, known]) => {
    const missing = [...methods].find((method) => !known.includes(method));
    if (missing === undefined) return peer;
    note(`left out: ${peer}: it has no update of ${missing}`);
    return [];
  });
}

/** A program, and how its absence is told: null where it must not be absent. */
interface Invited extends Program {
  absent: (why: string) => string | null;
}

function programs(options: BenchOptions): Invited[] {
  const { engines, enginesChosen, python } = options;
  const own = engines.map((engine) => ({
    ...engineProgram(engine),
    absent: (why: string) => (enginesChosen ? null : `left out: ${why}`),
  }));
  const others = [...peersOf(options), YARDSTICK].map((by) => ({
    ...peerProgram(by, python),
    absent: (why: string) =>
      `left out: ${why}; it needs a --python that has bench/requirements.txt installed`,
  }));
  return [...own, ...others];
}

/**
 * Times every arm on every engine and peer. For each number of members all take part at once, each in a process of its
 * own, and take turns sample by sample, so that whatever else the machine does slows all of them alike.
 *
 * @throws UserError when an engine that the user named cannot start, or a contestant's process dies.
 */
export async function bench(options: BenchOptions): Promise<void> {
  const { arms, rounds, threads, note, report } = options;
  const flops = new Map<string, UpdateFlops>();
  for (const [arm, experiment] of arms) flops.set(arm, await flopsOf(experiment));
  const present = new Set(programs(options));
  for (const members of options.members) {
    const entrants: (Entrant & { arm: string })[] = [];
    try {
      note(`warming up with ${counted(members, 'member')}`);
      for (const [place, [arm, experiment]] of [...arms].entries()) {
        // Arms differ in their updates alone, so the rest is measured for the first.
        const wanted = place === 0 ? measures : (['update', ...updateParts] as const);
        const spaces = spacesOf(experiment);
        const setup = { experiment, spaces, members, measures: wanted, sgemmSize: SGEMM_SIZE };
        for (const program of present) {
          if (program.by === YARDSTICK && place > 0) continue;
          try {
            entrants.push({ arm, ...(await enter(program, threads, setup)) });
          } catch (error) {
            const left = error instanceof UserError ? program.absent(error.message) : null;
            if (left === null) throw error;
            note(left);
            present.delete(program);
          }
        }
      }
      note(`timing ${rounds} rounds of ${entrants.length} processes in turn`);
      await inTurns(entrants, rounds, (round) =>
        measures.filter((measure) => measure !== 'evaluate' || round % EVALUATE_EVERY === 0),
      );
      const series: Series[] = [];
      for (const { contestant, ...entrant } of entrants)
        series.push({ ...entrant, peakMegabytes: await contestant.finish() });
      report(rowsOf(series, members, flops, SGEMM_SIZE));
    } finally {
      for (const { contestant } of entrants) contestant.kill();
    }
  }
}

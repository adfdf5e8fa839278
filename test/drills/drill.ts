import { RandomStream } from '../../src/random/stream.ts';
import {
  deleted,
  diskFull,
  fileLimit,
  outputFull,
  readOnly,
  readOnlySystem,
  workingFolderGone,
} from './disks.ts';
import { bothDamaged, clock, everyByte, newestDamaged, staleLock, together } from './files.ts';
import { type Ground, type Model, makeModel } from './ground.ts';
import {
  hang,
  killContinuous,
  killParent,
  killRecurrent,
  killWorker,
  memory,
  phases,
  signals,
  terminal,
} from './processes.ts';

/** One kind of fault. */
export interface Drill {
  kind: string;
  /** How many faults of this kind are tried, relative to the others; 0: one run, whatever the count. */
  weight: number;
  /** Why it cannot be tried here. */
  unavailable?: () => string | undefined;
  /**
   * Disturbs a run up to `faults` times and brings it to its end.
   *
   * @returns how many faults met the run while it was going on
   */
  run(model: Model, random: RandomStream, faults: number): Promise<{ ground: Ground; tried: number }>;
}

/** What came of one kind. */
export interface DrillReport {
  kind: string;
  runs: number;
  faults: number;
  lost: number;
  differing: number;
  /** What was not as promised. */
  complaints: string[];
  /** Why it was not tried. */
  skipped: string | undefined;
}

export const drills: readonly Drill[] = [
  killParent,
  killWorker,
  killContinuous,
  killRecurrent,
  signals,
  phases,
  terminal,
  hang,
  memory,
  diskFull,
  fileLimit,
  readOnly,
  readOnlySystem,
  deleted,
  workingFolderGone,
  outputFull,
  together,
  clock,
  staleLock,
  newestDamaged,
  bothDamaged,
  everyByte,
];

/** Runs at once, of two workers each: more than a small machine has cores, so that faults meet a busy one too. */
const AT_ONCE = 4;

/**
 * Tries about `count` faults in all, at least one of each kind that can be tried here.
 *
 * @param seed of what is random in the drills; when exactly a fault meets a run also depends on the machine
 * @param report told of each kind when it is done
 */
export async function runDrills(
  seed: number,
  count: number,
  report: (done: DrillReport) => void,
): Promise<DrillReport[]> {
  const model = await makeModel(RandomStream.named(seed, 'drills/model'), 3);
  const total = drills.reduce((sum, { weight }) => sum + weight, 0);
  const waiting = [...drills];
  const reports = new Map<Drill, DrillReport>();
  const runner = async () => {
    for (let drill = waiting.shift(); drill; drill = waiting.shift()) {
      const wanted = Math.max(1, Math.round((count * drill.weight) / total));
      const done = await tryDrill(drill, model, seed, wanted);
      reports.set(drill, done);
      report(done);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, runner));
  for (const ground of model.stopped) await ground.clear();
  return drills.map((drill) => reports.get(drill)!);
}

/** Disturbs one run after the other until so many faults have met one. */
export async function tryDrill(
  drill: Drill,
  model: Model,
  seed: number,
  wanted: number,
): Promise<DrillReport> {
  const random = RandomStream.named(seed, `drills/${drill.kind}`);
  const skipped = drill.unavailable?.();
  const report: DrillReport = {
    ...{ kind: drill.kind, runs: 0, faults: 0, lost: 0, differing: 0, complaints: [] },
    skipped,
  };
  // A fault can come too late for its run, but not for ever.
  for (let tries = 0; !skipped && report.faults < wanted && tries < 3 * wanted + 5; tries++) {
    const { ground, tried } = await drill.run(model, random, wanted - report.faults);
    report.runs++;
    report.faults += tried;
    report.lost += Number(ground.lost);
    report.differing += ground.differing;
    report.complaints.push(...ground.complaints);
    if (ground.complaints.length === 0) await ground.clear();
    else report.complaints.push(`(its folder is kept: ${ground.cwd})`);
  }
  return report;
}

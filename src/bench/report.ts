import { quantile } from '../statistics.ts';
import type { UpdateFlops } from '../training/update-parts.ts';
import type { Measure, Prepared, Timed } from './protocol.ts';

/** What one contestant gave in the interleaved rounds of one number of members. */
export interface Series {
  arm: string;
  /** An engine's or a peer's name. */
  by: string;
  prepared: Prepared;
  /** One per round in which the measure was taken. */
  samples: ReadonlyMap<Measure, readonly Timed[]>;
  peakMegabytes: number;
}

/** One line of `wm bench --json`. Times are medians over the rounds; null: not measured by this contestant. */
export interface Row {
  arm: string;
  by: string;
  device: string;
  version: string;
  members: number;
  rounds: number;
  /** Milliseconds per update of all members, with the quartiles over the rounds. */
  update_ms: number | null;
  update_ms_p25: number | null;
  update_ms_p75: number | null;
  /** Processor time of the same updates, all threads together: what a busy machine disturbs less. */
  update_cpu_ms: number | null;
  model_ms: number | null;
  imagination_ms: number | null;
  actor_ms: number | null;
  optimizer_ms: number | null;
  /** 10^9 floating-point operations of that update, counted from the shapes. */
  update_gflop: number | null;
  /** Speed of this contestant's own sgemm, 10^9 operations a second. */
  sgemm_gflops: number | null;
  /** The least milliseconds: `update_gflop` at the speed of the best sgemm of all contestants. */
  bound_ms: number | null;
  /** The share of that bound which the update reaches, `bound_ms / update_ms`. */
  bound_share: number | null;
  /** Median over the rounds of this update's time over the baseline's, over JAX's and over PyTorch's. */
  over_baseline: number | null;
  over_jax: number | null;
  over_torch: number | null;
  /** The same ratios of processor time. */
  cpu_over_baseline: number | null;
  cpu_over_jax: number | null;
  cpu_over_torch: number | null;
  /** tfjs kernels per update. */
  operations: number | null;
  /** Environment steps per second while collecting, of all members together. */
  steps_per_second: number | null;
  /** Seconds of one evaluation of all members whose episodes all last until the time limit. */
  evaluation_seconds: number | null;
  /** Largest resident set of the process, 2^20 bytes. */
  peak_megabytes: number;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Median over the rounds of one series' time over another's, each round's over its own, where both met the same noise. */
export const medianRatio = (own: readonly Timed[], other: readonly Timed[], time: keyof Timed): number =>
  median(own.map((sample, round) => sample[time] / other[round]![time]));

/**
 * The rows of one number of members.
 *
 * @param flops each arm's operations per update of one member
 */
export function rowsOf(
  series: readonly Series[],
  members: number,
  flops: ReadonlyMap<string, UpdateFlops>,
  sgemmSize: number,
): Row[] {
  const secondsOf = ({ samples }: Series, measure: Measure) =>
    samples.get(measure)?.map(({ seconds }) => seconds);
  const speedOf = (one: Series) => {
    const seconds = secondsOf(one, 'sgemm');
    return seconds ? (2 * sgemmSize ** 3) / median(seconds) / 1e9 : null;
  };
  const bestSpeed = Math.max(...series.flatMap((one) => speedOf(one) ?? []));

  return series.map((one): Row => {
    const { arm, by, prepared, samples, peakMegabytes } = one;
    const updates = secondsOf(one, 'update');
    const milliseconds = (measure: Measure, q = 0.5) => {
      const seconds = secondsOf(one, measure);
      return seconds ? quantile(seconds, q) * 1000 : null;
    };
    const over = (other: Series | undefined, time: keyof Timed) => {
      const own = samples.get('update');
      const reference = other && other !== one && other.samples.get('update');
      return own && reference ? medianRatio(own, reference, time) : null;
    };
    const find = (wantedArm: string, wantedBy: string) =>
      series.find((other) => other.arm === wantedArm && other.by === wantedBy);
    const update_ms = milliseconds('update');
    const update_gflop = updates ? (members * flops.get(arm)!.update) / 1e9 : null;
    const bound_ms = update_gflop && Number.isFinite(bestSpeed) ? (update_gflop / bestSpeed) * 1000 : null;
    const collect = secondsOf(one, 'collect');
    const evaluate = secondsOf(one, 'evaluate');
    const cpu = samples.get('update')?.map(({ cpuSeconds }) => cpuSeconds * 1000);
    return {
      arm,
      by,
      device: prepared.device,
      version: prepared.version,
      members,
      rounds: Math.max(...[...samples.values()].map((taken) => taken.length)),
      update_ms,
      update_ms_p25: milliseconds('update', 0.25),
      update_ms_p75: milliseconds('update', 0.75),
      update_cpu_ms: cpu ? median(cpu) : null,
      model_ms: milliseconds('model'),
      imagination_ms: milliseconds('imagination'),
      actor_ms: milliseconds('actor'),
      optimizer_ms: milliseconds('optimizer'),
      update_gflop,
      sgemm_gflops: speedOf(one),
      bound_ms,
      bound_share: bound_ms && update_ms ? bound_ms / update_ms : null,
      over_baseline: over(find('baseline', by), 'seconds'),
      over_jax: over(find(arm, 'jax'), 'seconds'),
      over_torch: over(find(arm, 'torch'), 'seconds'),
      cpu_over_baseline: over(find('baseline', by), 'cpuSeconds'),
      cpu_over_jax: over(find(arm, 'jax'), 'cpuSeconds'),
      cpu_over_torch: over(find(arm, 'torch'), 'cpuSeconds'),
      operations: prepared.operations,
      steps_per_second: collect ? members / median(collect) : null,
      evaluation_seconds: evaluate ? median(evaluate) : null,
      peak_megabytes: peakMegabytes,
    };
  });
}

import type { SeedStatus } from '../runs/records.ts';
import type { Row } from '../training/events.ts';
import { formatSeconds } from '../words.ts';
import { type BarLine, Bars, type Detail, type ProgressStream } from './bars.ts';

/** What shows how far a session is. Seeds are named by their index in what was given to `createProgress`. */
export interface Progress {
  /** A seed has taken `step` environment steps. The first call says where this session starts. */
  step(index: number, step: number): void;
  /** A row of metrics.csv: `env_step`, `reward_mean` and `prediction_mse` are shown. */
  evaluation(index: number, row: Row): void;
  /** Every seed starts as `waiting`. */
  status(index: number, status: SeedStatus, message?: string): void;
  /** One line of text: above the bars where there are bars. */
  note(text: string): void;
  /** A note that who asked for no progress must see too: results may be other than they seem. */
  caution(text: string): void;
  /** The whole in words: `2 running, 3 done  480 steps/s  1:20 left`. */
  summary(): string;
  /** Draws the last state and leaves the terminal to others. Further calls do nothing. */
  close(): void;
}

export interface ProgressOptions {
  /** What each seed is called, and the environment steps that it is to reach. */
  seeds: readonly { label: string; steps: number }[];
  stream: ProgressStream;
  /** Shows cautions and failures only. */
  quiet: boolean;
  /** Plain lines even on a terminal: for one that cannot move its cursor (TERM=dumb), or whose user wants it so. */
  plain: boolean;
  /** Milliseconds from any origin, never going back. */
  clock: () => number;
}

interface Seed {
  readonly label: string;
  readonly steps: number;
  readonly rate: RecentRate;
  status: SeedStatus;
  message: string;
  /** Steps taken in earlier sessions and this one; null until the first report. */
  step: number | null;
  reward: number | null;
}

/**
 * The progress of a session: on a terminal a bar per seed and one for the whole, redrawn ten times a second at most;
 * elsewhere one plain line per evaluation, note and change of status; with `quiet` one line per caution and failure.
 */
export function createProgress({ seeds, stream, quiet, plain, clock }: ProgressOptions): Progress {
  const all = seeds.map(
    ({ label, steps }): Seed => ({
      label,
      steps,
      rate: new RecentRate(),
      status: 'waiting',
      message: '',
      step: null,
      reward: null,
    }),
  );
  const session = new RecentRate();
  let sessionSteps = 0;

  const stateOf = (index: number): Seed => {
    const state = all[index];
    if (!state) throw new RangeError(`there is no seed with the index ${index}`);
    return state;
  };
  const advance = (state: Seed, step: number) => {
    const now = clock();
    // Steps of earlier sessions took none of this one's time: the first report counts for nothing.
    sessionSteps += step - (state.step ?? step);
    state.step = step;
    state.rate.add(now, step);
    session.add(now, sessionSteps);
  };
  const stepOf = (state: Seed) => (state.status === 'done' ? state.steps : (state.step ?? 0));
  const paceOf = (state: Seed) => pace(state.rate.perSecond(clock()), state.steps - stepOf(state));

  const describeSeed = (state: Seed): Detail[] => [
    ...vital(rewardOf(state.reward)),
    ...(state.status === 'running'
      ? paceOf(state)
      : [
          { text: state.status, kind: 'vital' } as const,
          ...(state.message ? [{ text: state.message, kind: 'message' } as const] : []),
        ]),
  ];
  const describeAll = (): Detail[] => {
    const open = all.filter(({ status }) => status === 'running' || status === 'waiting');
    const remaining = open.reduce((sum, state) => sum + state.steps - stepOf(state), 0);
    const counts = displayOrder.map(
      (status) => [all.filter((state) => state.status === status).length, status] as const,
    );
    const text = counts.flatMap(([count, status]) => (count > 0 ? [`${count} ${status}`] : [])).join(', ');
    return [...vital([text]), ...pace(session.perSecond(clock()), remaining)];
  };
  const barLines = (room: number): BarLine[] => [
    ...chooseSeeds(all, room).map((state) => ({
      label: state.label,
      step: stepOf(state),
      total: state.steps,
      details: describeSeed(state),
    })),
    ...(all.length > 1
      ? [
          {
            label: 'all',
            step: all.reduce((sum, state) => sum + stepOf(state), 0),
            total: all.reduce((sum, state) => sum + state.steps, 0),
            details: describeAll(),
          },
        ]
      : []),
  ];

  const bars = stream.isTTY && !quiet && !plain ? new Bars(stream, barLines) : null;
  const print = (text: string) => {
    const line = text.trim().replace(/\s*\n\s*/g, ' ');
    if (bars?.isOpen) bars.printAbove(line);
    else stream.write(`${line}\n`);
  };

  return {
    step: (index, step) => advance(stateOf(index), step),
    evaluation(index, row) {
      const state = stateOf(index);
      if (typeof row.env_step === 'number') advance(state, row.env_step);
      state.reward = row.reward_mean ?? null;
      if (quiet || bars) return;
      const error = row.prediction_mse;
      print(
        [
          state.label,
          `step ${stepOf(state)}/${state.steps}`,
          ...rewardOf(state.reward),
          ...(typeof error === 'number' ? [`prediction error ${error.toExponential(1)}`] : []),
          ...paceOf(state).map(({ text }) => text),
        ].join('  '),
      );
    },
    status(index, status, message = '') {
      const state = stateOf(index);
      if (state.status === status && state.message === message) return;
      // Of those that were trained in this session: a thousand may have been done before it, or not begun in it.
      const isEnd = (status === 'done' || status === 'interrupted') && state.status === 'running';
      state.status = status;
      state.message = message;
      const matters = status === 'failed' || (!quiet && (message !== '' || (isEnd && !bars)));
      if (matters) print(`${state.label}  ${message ? `${status}: ${message}` : status}`);
    },
    note(text) {
      if (!quiet) print(text);
    },
    caution: print,
    summary: () =>
      describeAll()
        .map(({ text }) => text)
        .join('  '),
    close: () => bars?.close(),
  };
}

/** Statuses in the order in which seeds get a bar where not all fit. */
const displayOrder: readonly SeedStatus[] = ['running', 'failed', 'interrupted', 'waiting', 'done'];

/** At most `room` seeds, by `displayOrder`; those chosen keep the order of `seeds`. */
function chooseSeeds(seeds: readonly Seed[], room: number): readonly Seed[] {
  if (seeds.length <= room) return seeds;
  const chosen = new Set(
    displayOrder.flatMap((status) => seeds.filter((seed) => seed.status === status)).slice(0, room),
  );
  return seeds.filter((seed) => chosen.has(seed));
}

function rewardOf(reward: number | null): string[] {
  return reward === null ? [] : [`reward ${reward.toFixed(1)}`];
}

const vital = (texts: readonly string[]) => texts.map((text): Detail => ({ text, kind: 'vital' }));

/** Speed and time left, as far as they are known; of the two, the time left is what a narrow terminal keeps. */
function pace(perSecond: number | null, remaining: number): Detail[] {
  if (perSecond === null) return [];
  const speed = `${perSecond < 10 ? Number(perSecond.toPrecision(2)) : Math.round(perSecond)} steps/s`;
  const left = remaining > 0 ? [`${formatSeconds(remaining / perSecond)} left`] : [];
  return [{ text: speed, kind: 'spare' }, ...vital(left)];
}

/**
 * The rate of a growing count over the last 30 seconds, from one sample a second. It begins with the first growth: what
 * comes before (an engine that loads, a checkpoint that is read) says nothing of the speed to come.
 */
class RecentRate {
  readonly #samples: { time: number; count: number }[] = [];
  #growing = false;

  /** The count at `time`, in milliseconds. */
  add(time: number, count: number): void {
    const samples = this.#samples;
    if (!this.#growing) {
      this.#growing = samples[0] !== undefined && count > samples[0].count;
      samples.length = 0;
    }
    const beforeLast = samples.at(-2);
    // Only the last sample may be closer than a second to the one before it.
    if (beforeLast && time - beforeLast.time < 1000) samples.pop();
    samples.push({ time, count });
    while (samples.length > 2 && samples[1]!.time <= time - 30_000) samples.shift();
  }

  /** Counts per second, up to `now` (so that a standstill shows); null while nothing is known. */
  perSecond(now: number): number | null {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (!first || !last || last.count <= first.count || now <= first.time) return null;
    return (1000 * (last.count - first.count)) / (now - first.time);
  }
}

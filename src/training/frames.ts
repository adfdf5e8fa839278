import type { RandomStream } from '../random/stream.ts';
import { type Actions, emptyActions } from './actions.ts';
import type { ExampleDraw } from './offline-learner.ts';
import type { RecordedEpisodes } from './recorded-episodes.ts';
import { type Batch, emptyBatch, type StepSpaces } from './replay.ts';
import { StepSampler } from './step-sampler.ts';

/**
 * Windows of frames of all members, raw units, row-major. An episode of n steps has n + 1 frames: each is an observation with
 * the step that led to it, of which an episode's first frame has none. Its last one is a frame like any other.
 */
export interface Frames {
  members: number;
  /** Windows per member. */
  batch: number;
  /** Frames per window. */
  time: number;
  /** [members, batch, time, observation] */
  observation: Float32Array;
  /** The action before the observation: [members, batch, time, actionSize] */
  action: Actions;
  /** The reward of the step that led to it: [members, batch, time] */
  reward: Float32Array;
  /** 1 where the observation is terminal; a truncation is not a termination: [members, batch, time] */
  terminated: Float32Array;
  /** 1 where it starts an episode, and action and reward are nothing: [members, batch, time] */
  first: Float32Array;
  /** 1 where there is a frame, 0 beyond an end of the episode: [members, batch, time] */
  mask: Float32Array;
  /** Which of the data's frames it is, one episode's after the other's; −1 where there is none: [members, batch, time] */
  index: Int32Array;
}

/** Which frames of an episode a window holds: those from `from` to `to`, the last excluded, the first at the window's row `at`. */
interface Span {
  episode: number;
  from: number;
  to: number;
  at: number;
}

/** Where the frames of each episode start among those of all, and how many there are. */
export function frameIndices(lengths: Int32Array): { starts: Int32Array; count: number } {
  let count = 0;
  const starts = lengths.map((length) => {
    const start = count;
    count += length + 1;
    return start;
  });
  return { starts, count };
}

/** Windows without a frame. */
export function emptyFrames(members: number, batch: number, time: number, spaces: StepSpaces): Frames {
  const count = members * batch * time;
  return {
    ...{ members, batch, time },
    observation: new Float32Array(count * spaces.observation),
    action: emptyActions(spaces.actionSpace, count),
    reward: new Float32Array(count),
    terminated: new Float32Array(count),
    first: new Float32Array(count),
    mask: new Float32Array(count),
    index: new Int32Array(count).fill(-1),
  };
}

/** Reads windows of recorded episodes into the frames that it keeps. */
export class FrameWindows {
  readonly frames: Frames;
  readonly #data: RecordedEpisodes;
  readonly #steps: Batch;
  readonly #spaces: StepSpaces;
  /** Of each episode's first frame. */
  readonly #indices: Int32Array;

  constructor(data: RecordedEpisodes, members: number, batch: number, time: number, spaces: StepSpaces) {
    this.#data = data;
    this.#spaces = spaces;
    this.#steps = emptyBatch(1, 1, time, spaces);
    this.#indices = frameIndices(data.lengths).starts;
    this.frames = emptyFrames(members, batch, time, spaces);
  }

  /** Fills a window, an index into members × windows, with some frames and nothing before and after them. */
  read(window: number, { episode, from, to, at }: Span): void {
    const { frames } = this;
    const { time } = frames;
    const size = this.#spaces.observation;
    const width = frames.action.length / frames.mask.length;
    for (const name of ['observation', 'action', 'reward', 'terminated', 'first', 'mask'] as const) {
      const each = frames[name].length / frames.mask.length;
      frames[name].fill(0, window * time * each, (window + 1) * time * each);
    }
    const row = window * time + at;
    frames.mask.fill(1, row, row + to - from);
    frames.index.fill(-1, window * time, (window + 1) * time);
    for (let t = from; t < to; t++) frames.index[row + t - from] = this.#indices[episode]! + t;
    // The frame after step i is frame i + 1.
    const [firstStep, steps] = from > 0 ? [from - 1, to - from] : [0, to - 1];
    const before = from > 0 ? 0 : 1;
    const read = this.#steps;
    if (from === 0) {
      this.#data.read(episode, 0, 1, read, 0);
      frames.observation.set(read.observation.subarray(0, size), row * size);
      frames.first[row] = 1;
    }
    if (steps === 0) return;
    this.#data.read(episode, firstStep, steps, read, 0);
    const start = row + before;
    frames.observation.set(read.nextObservation.subarray(0, steps * size), start * size);
    frames.action.set(read.action.subarray(0, steps * width), start * width);
    frames.reward.set(read.reward.subarray(0, steps), start);
    frames.terminated.set(read.terminated.subarray(0, steps), start);
  }
}

/**
 * Every frame of some episodes, one after the other, so many at a time: windows of a single frame, of which the first `count`
 * are filled, overwritten by the next.
 */
export function* everyFrame(
  data: RecordedEpisodes,
  episodes: Int32Array,
  atOnce: number,
  spaces: StepSpaces,
): Iterable<{ frames: Frames; count: number }> {
  const windows = new FrameWindows(data, 1, atOnce, 1, spaces);
  const { frames } = windows;
  let count = 0;
  for (const episode of episodes) {
    for (let t = 0; t <= data.lengths[episode]!; t++) {
      windows.read(count++, { episode, from: t, to: t + 1, at: 0 });
      if (count < atOnce) continue;
      yield { frames, count };
      count = 0;
    }
  }
  if (count > 0) yield { frames, count };
}

/** Of which episodes each member's windows are, and how many of what length. */
interface WindowsOptions {
  /** Of each member, one at least. */
  episodes: readonly Int32Array[];
  /** Windows per update of each. */
  count: number;
  /** Frames of a window. */
  time: number;
}

/**
 * Windows that hold a step drawn uniformly: the window's place around the step is uniform too, and one that would begin
 * before its episode begins with it, so that episodes' starts are seen as often as anything else. Frames beyond the
 * episode's end are masked.
 *
 * @param time two frames at least
 */
export function drawnWindows(
  data: RecordedEpisodes,
  { episodes, count, time }: WindowsOptions,
  spaces: StepSpaces,
): ExampleDraw<Frames> {
  return drawn(data, { episodes, count, time }, spaces, ({ episode, step }, random) => {
    const from = Math.max(0, step - random.integer(time - 1));
    return { episode, from, to: Math.min(from + time, data.lengths[episode]! + 1), at: 0 };
  });
}

/**
 * Windows that end where an action was taken, a step drawn uniformly: what was seen up to there. Those that reach beyond
 * their episode's start have nothing before it.
 */
export function drawnContexts(
  data: RecordedEpisodes,
  { episodes, count, time }: WindowsOptions,
  spaces: StepSpaces,
): ExampleDraw<Frames> {
  return drawn(data, { episodes, count, time }, spaces, ({ episode, step }) => {
    const from = Math.max(0, step + 1 - time);
    return { episode, from, to: step + 1, at: time - (step + 1 - from) };
  });
}

/** Single frames, each equally likely to be drawn. */
export function drawnFrames(
  data: RecordedEpisodes,
  { episodes, count }: Omit<WindowsOptions, 'time'>,
  spaces: StepSpaces,
): ExampleDraw<Frames> {
  const frames = data.lengths.map((length) => length + 1);
  const options = { episodes, count, time: 1 };
  return drawn(
    data,
    options,
    spaces,
    ({ episode, step }) => ({ episode, from: step, to: step + 1, at: 0 }),
    frames,
  );
}

function drawn(
  data: RecordedEpisodes,
  { episodes, count, time }: WindowsOptions,
  spaces: StepSpaces,
  spanOf: (drawn: { episode: number; step: number }, random: RandomStream) => Span,
  lengths = data.lengths,
): ExampleDraw<Frames> {
  const samplers = episodes.map((own) => new StepSampler(lengths, own));
  const windows = new FrameWindows(data, episodes.length, count, time, spaces);
  return {
    examples: windows.frames,
    draw: (member, random) => {
      for (let window = member * count; window < (member + 1) * count; window++) {
        windows.read(window, spanOf(samplers[member]!.draw(random), random));
      }
    },
  };
}

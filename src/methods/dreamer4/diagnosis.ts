import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../../engine/compiled.ts';
import { scope } from '../../engine/scope.ts';
import { countLit, imagesOf, meanF1 } from '../../models/image-diagnostics.ts';
import { drawNoise } from '../../models/noise.ts';
import { foreseeNext, type ShortcutState } from '../../models/shortcut/model.ts';
import { LONGEST, OPEN_LOOP_STEPS } from '../../models/warmed-starts.ts';
import { sliceAlong } from '../../nn/slice-along.ts';
import { RandomStream } from '../../random/stream.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Row } from '../../training/events.ts';
import { type Frames, FrameWindows } from '../../training/frames.ts';
import type { RecordedEpisodes } from '../../training/recorded-episodes.ts';
import { StepSampler } from '../../training/step-sampler.ts';
import { type Imagining, type ImaginingWeights, modelOf } from './imagination.ts';
import { latentsOf, observationsOf } from './latents.ts';
import type { Networks } from './networks.ts';
import { type Dreamer4Settings, PHASES, phaseOf } from './settings.ts';
import { uploadFrameActions } from './windows.ts';

/** Steps from noise to a frame with which it is measured, those that the dynamics can make. */
const samplingSteps = ({ shortcut }: Pick<Dreamer4Settings, 'shortcut'>) =>
  [1, 2, 4].filter((steps) => steps <= shortcut.levels);
/** Windows that it is measured on. */
const WINDOWS = 128;
/** Episodes that are imagined from held-out starts, and how many steps at most. */
const STARTS = 32;
const LONGEST_EPISODE = 500;
/** Steps from one look to the next at whether an imagined episode still goes on. */
const LOOK_EVERY = 25;

/** The columns of metrics.csv, in order. @param ofImages whether observations are images */
export function diagnosisColumns(settings: Pick<Dreamer4Settings, 'shortcut'>, ofImages: boolean): string[] {
  const openLoop = (name: string) =>
    samplingSteps(settings).flatMap((k) => OPEN_LOOP_STEPS.map((steps) => `${name}_${steps}_k${k}`));
  const seen = ['reconstruction_f1', ...openLoop('open_loop_f1'), ...STANDSTILL];
  return ['phase', ...openLoop('open_loop'), ...(ofImages ? seen : []), 'imagined_return'];
}
const STANDSTILL = OPEN_LOOP_STEPS.map((steps) => `standstill_f1_${steps}` as const);

/** Windows on the engine, [members, batch, time, …] each. */
interface SeenFrames extends Record<'observation' | 'action' | 'seen', tf.Tensor> {
  /** z */
  truth: tf.Tensor;
}

interface FollowInputs {
  weights: Pick<ImaginingWeights, 'world' | 'latent'>;
  state: ShortcutState;
  /** [members, batch, 1, actions + 1] */
  action: tf.Tensor;
  latentNoise: tf.Tensor;
}

/** Measures the model on episodes of the data set that nothing is learnt from. */
export class Diagnosis {
  readonly #networks: Networks;
  readonly #imagining: Imagining;
  readonly #spaces: AgentSpaces;
  readonly #settings: Dreamer4Settings;
  readonly #images: ReturnType<typeof imagesOf>;
  /** By steps from noise to a frame: a step along actions that were really taken. */
  readonly #follow: Map<number, Compiled<FollowInputs, ShortcutState>>;
  #windows: Frames | undefined;
  #starts: Frames | undefined;

  constructor(networks: Networks, imagining: Imagining, settings: Dreamer4Settings, spaces: AgentSpaces) {
    this.#networks = networks;
    this.#imagining = imagining;
    this.#settings = settings;
    this.#spaces = spaces;
    this.#images = imagesOf(spaces);
    this.#follow = new Map(
      samplingSteps(settings).map((steps) => [
        steps,
        new Compiled(
          ({ weights, state, action, latentNoise }) =>
            foreseeNext(modelOf(networks, weights), state, action, latentNoise, steps).state,
        ),
      ]),
    );
  }

  /** Takes windows and starts from these episodes; of those that are too short for a window, starts alone. */
  measureOn(data: RecordedEpisodes, episodes: Int32Array): void {
    const { context } = this.#settings.model;
    const time = context + LONGEST;
    const long = episodes.filter((episode) => data.lengths[episode]! + 1 >= time);
    this.#windows = undefined;
    this.#starts = undefined;
    if (long.length > 0) {
      // Where a window can begin are as many steps of a shorter episode.
      const starts = new StepSampler(
        data.lengths.map((length) => length + 2 - time),
        long,
      );
      const random = RandomStream.named(0, 'held-out-windows');
      const windows = new FrameWindows(data, 1, WINDOWS, time, this.#spaces);
      for (let window = 0; window < WINDOWS; window++) {
        const { episode, step } = starts.draw(random);
        windows.read(window, { episode, from: step, to: step + time, at: 0 });
      }
      this.#windows = windows.frames;
    }
    if (episodes.length > 0) {
      const count = Math.min(STARTS, episodes.length);
      const windows = new FrameWindows(data, 1, count, context, this.#spaces);
      for (let i = 0; i < count; i++) {
        const episode = episodes[Math.floor((i * episodes.length) / count)]!;
        windows.read(i, { episode, from: 0, to: 1, at: context - 1 });
      }
      this.#starts = windows.frames;
    }
  }

  /**
   * One row per member; null where nothing is held out, and of what has not begun to learn.
   *
   * @param steps updates behind each member, which tell its phase
   */
  async measure(
    weights: ImaginingWeights,
    seeds: readonly number[],
    steps: readonly number[],
  ): Promise<Row[]> {
    const columns: Record<string, ArrayLike<number | null> | undefined> = {};
    const phases = steps.map((step) => PHASES[phaseOf(this.#settings, step).name]);
    const foresees = phases.map((phase) => phase >= PHASES.dynamics);
    const imagines = phases.map((phase) => phase >= PHASES.agent);
    const windows = this.#windows && this.#seenBy(weights, this.#windows, seeds.length);
    if (windows) {
      Object.assign(columns, await this.#seen(weights, windows));
      for (const k of foresees.includes(true) ? this.#follow.keys() : []) {
        const { errors, f1 } = await this.#openLoop(weights, windows, seeds, k);
        for (const [i, ahead] of OPEN_LOOP_STEPS.entries()) {
          columns[`open_loop_${ahead}_k${k}`] = where(foresees, errors[i]);
          columns[`open_loop_f1_${ahead}_k${k}`] = where(foresees, f1[i]);
        }
      }
      tf.dispose(tensorsIn(windows));
    }
    if (this.#starts && imagines.includes(true)) {
      const streams = seeds.map((seed, i) => RandomStream.named(seed, `diagnosis/imagined/${steps[i]}`));
      columns.imagined_return = where(imagines, await this.#imaginedReturn(weights, this.#starts, streams));
    }
    const names = diagnosisColumns(this.#settings, this.#images !== undefined).slice(1);
    return phases.map((phase, member) => ({
      phase,
      ...Object.fromEntries(names.map((name) => [name, columns[name]?.[member] ?? null])),
    }));
  }

  /** Frames on the engine with their latents, kept. */
  #seenBy(weights: ImaginingWeights, frames: Frames, members: number): SeenFrames {
    return scope(() => {
      const uploaded = this.#upload(frames, members);
      return kept({ ...uploaded, truth: latentsOf(this.#networks, weights, uploaded.observation) });
    });
  }

  /**
   * Of each of `OPEN_LOOP_STEPS` the mean square of z's error along actions that were really taken, and of images the F1 of
   * what they stand for: [members] each.
   */
  async #openLoop(
    weights: ImaginingWeights,
    { observation, action, seen, truth }: SeenFrames,
    seeds: readonly number[],
    steps: number,
  ): Promise<Record<'errors' | 'f1', Float32Array[]>> {
    const { context } = this.#settings.model;
    const [members, batch] = truth.shape as [number, number];
    const streams = seeds.map((seed) => RandomStream.named(seed, 'diagnosis/open-loop'));
    const read: Record<'errors' | 'f1', tf.Tensor[]> = { errors: [], f1: [] };
    scope(() => {
      const { world, latent } = weights;
      const own = { world, latent };
      let { state } = this.#imagining.start.run({
        ...{ weights: own, latent: framesOf(truth, 0, context) },
        ...{ action: framesOf(action, 0, context), seen: framesOf(seen, 0, context) },
      });
      for (let t = 0; t < LONGEST; t++) {
        state = this.#follow.get(steps)!.run({
          ...{ weights: own, state, action: framesOf(action, context + t, 1) },
          latentNoise: this.#latentNoise(batch, streams),
        });
        if (!(OPEN_LOOP_STEPS as readonly number[]).includes(t + 1)) continue;
        const error = tf.squaredDifference(state.latent, framesOf(truth, context + t, 1));
        read.errors.push(tf.keep(tf.mean(tf.reshape(error, [members, -1]), 1)));
        if (!this.#images) continue;
        const pictures = observationsOf(this.#networks, weights, state.latent);
        const f1 = meanF1(countLit(pictures, framesOf(observation, context + t, 1), this.#images));
        read.f1.push(tf.keep(f1));
      }
    });
    return { errors: await take(read.errors), f1: await take(read.f1) };
  }

  /** Of images how well they are made again from their latents, and how little changes from frame to frame: [members] each. */
  async #seen(
    weights: ImaginingWeights,
    { observation, truth }: SeenFrames,
  ): Promise<Record<string, Float32Array>> {
    const images = this.#images;
    if (!images) return {};
    const { context } = this.#settings.model;
    const f1 = scope(() => {
      const again = observationsOf(this.#networks, weights, truth);
      const last = framesOf(observation, context - 1, 1);
      const stood = OPEN_LOOP_STEPS.map((steps) =>
        countLit(last, framesOf(observation, context - 1 + steps, 1), images),
      );
      return [countLit(again, observation, images), ...stood].map((counts) => tf.keep(meanF1(counts)));
    });
    const values = await take(f1);
    return Object.fromEntries(['reconstruction_f1', ...STANDSTILL].map((name, i) => [name, values[i]!]));
  }

  /** The mean undiscounted return of episodes in which the policy acts greedily inside the model: [members]. */
  async #imaginedReturn(
    weights: ImaginingWeights,
    frames: Frames,
    streams: readonly RandomStream[],
  ): Promise<Float32Array> {
    const members = streams.length;
    const { head } = this.#networks;
    let known = scope(() => {
      const { observation, action, seen } = this.#upload(frames, members);
      const { world, latent } = weights;
      const start = this.#imagining.start.run({
        ...{ weights: { world, latent }, action, seen },
        latent: latentsOf(this.#networks, weights, observation),
      });
      const alive = tf.ones([members, frames.batch]);
      return kept({ ...start, alive, total: tf.zeros([members, frames.batch]) });
    });
    const longest = Math.min(this.#spaces.timeLimit ?? LONGEST_EPISODE, LONGEST_EPISODE);
    const { tokenizer: _, ...acting } = weights;
    for (let t = 1; t <= longest; t++) {
      const before = known;
      known = scope(() => {
        const { state, agent, reward, goesOn } = this.#imagining.step.run({
          ...{ weights: acting, state: before.state, agent: before.agent },
          actionNoise: tf.zeros([members, frames.batch, head.noise.size]),
          latentNoise: this.#latentNoise(frames.batch, streams),
        });
        return kept({
          ...{ state, agent },
          total: tf.add(before.total, tf.mul(reward, before.alive)),
          alive: tf.mul(before.alive, goesOn),
        });
      });
      tf.dispose(tensorsIn(before));
      if (t % LOOK_EVERY === 0 && !(await known.alive.data()).includes(1)) break;
    }
    const returns = scope(() => tf.keep(tf.mean(known.total, 1)));
    tf.dispose(tensorsIn(known));
    return (await take([returns]))[0]!;
  }

  #latentNoise(batch: number, streams: readonly RandomStream[]): tf.Tensor {
    return drawNoise({ distribution: 'normal', size: this.#networks.shape.latent }, [batch, 1], streams);
  }

  /** Frames, the same for all members. */
  #upload(frames: Frames, members: number): Record<'observation' | 'action' | 'seen', tf.Tensor> {
    const rows = [1, frames.batch, frames.time];
    const all = (x: tf.Tensor) => tf.tile(x, [members, ...Array(x.rank - 1).fill(1)]);
    return {
      observation: all(tf.tensor(frames.observation, [...rows, this.#spaces.observation])),
      action: all(uploadFrameActions(frames, this.#spaces)),
      seen: all(tf.tensor(frames.mask, rows)),
    };
  }

  dispose(): void {
    for (const follow of this.#follow.values()) follow.dispose();
  }
}

/** Some frames of windows: [members, batch, time, …] -> [members, batch, count, …]. */
const framesOf = (x: tf.Tensor, from: number, count: number): tf.Tensor => sliceAlong(x, 2, from, count);

/** Members' values, null of those that have none. */
const where = (has: readonly boolean[], values: Float32Array | undefined): (number | null)[] =>
  has.map((own, member) => (own ? (values?.[member] ?? null) : null));

/** The values of tensors, which are freed. */
async function take(tensors: readonly tf.Tensor[]): Promise<Float32Array[]> {
  const values = await Promise.all(tensors.map((tensor) => tensor.data<'float32'>()));
  for (const tensor of tensors) tensor.dispose();
  return values;
}

/** Nested objects of tensors, kept beyond the scope they were made in. */
function kept<T extends object>(tree: T): T {
  for (const tensor of tensorsIn(tree)) tf.keep(tensor);
  return tree;
}

/** The tensors of nested objects. */
const tensorsIn = (tree: object): tf.Tensor[] =>
  Object.values(tree).flatMap((value) => (value instanceof tf.Tensor ? [value] : tensorsIn(value as object)));

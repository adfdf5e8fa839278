import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../../engine/compiled.ts';
import { scope } from '../../engine/scope.ts';
import { drawNoise } from '../../models/noise.ts';
import { absorbNext, type ShortcutState, sampleNext } from '../../models/shortcut/model.ts';
import { sliceAlong } from '../../nn/slice-along.ts';
import { RandomStream } from '../../random/stream.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Row } from '../../training/events.ts';
import { type Frames, FrameWindows } from '../../training/frames.ts';
import type { RecordedEpisodes } from '../../training/recorded-episodes.ts';
import { StepSampler } from '../../training/step-sampler.ts';
import { type Imagining, type ImaginingWeights, modelOf } from './imagination.ts';
import { latentScale, toLatent } from './latent-scale.ts';
import type { Networks } from './networks.ts';
import type { Dreamer4Settings } from './settings.ts';
import { uploadFrameActions } from './windows.ts';

/** Steps after which the open-loop error is measured. */
const OPEN_LOOP_STEPS = [1, 5, 15] as const;
const LONGEST = Math.max(...OPEN_LOOP_STEPS);
/** Steps from noise to a frame with which it is measured, those that the dynamics can make. */
const samplingSteps = ({ shortcut }: Pick<Dreamer4Settings, 'shortcut'>) =>
  [1, 2, 4].filter((steps) => steps <= shortcut.levels);
/** Windows that it is measured on. */
const WINDOWS = 128;
/** Episodes that are imagined from held-out starts, and how many steps at most where nothing cuts them off. */
const STARTS = 32;
const LONGEST_EPISODE = 500;
/** Steps from one look to the next at whether an imagined episode still goes on. */
const LOOK_EVERY = 25;

/** The columns of metrics.csv, in order. */
export const diagnosisColumns = (settings: Pick<Dreamer4Settings, 'shortcut'>): string[] => [
  'phase',
  ...samplingSteps(settings).flatMap((k) => OPEN_LOOP_STEPS.map((steps) => `open_loop_${steps}_k${k}`)),
  'imagined_return',
];

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
  /** By steps from noise to a frame: a step along actions that were really taken. */
  readonly #follow: Map<number, Compiled<FollowInputs, ShortcutState>>;
  #windows: Frames | undefined;
  #starts: Frames | undefined;

  constructor(networks: Networks, imagining: Imagining, settings: Dreamer4Settings, spaces: AgentSpaces) {
    this.#networks = networks;
    this.#imagining = imagining;
    this.#settings = settings;
    this.#spaces = spaces;
    this.#follow = new Map(
      samplingSteps(settings).map((steps) => [
        steps,
        new Compiled(({ weights, state, action, latentNoise }) => {
          const model = modelOf(networks, weights);
          const latent = sampleNext(model, state, action, latentNoise, steps);
          return absorbNext(model, latent, action, state.memory).state;
        }),
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

  /** One row per member; null where nothing is held out. */
  async measure(weights: ImaginingWeights, seeds: readonly number[], step: number): Promise<Row[]> {
    const columns: Record<string, Float32Array | undefined> = {};
    for (const steps of this.#follow.keys()) {
      const errors = this.#windows && (await this.#openLoop(weights, seeds, steps));
      for (const [i, ahead] of OPEN_LOOP_STEPS.entries()) {
        columns[`open_loop_${ahead}_k${steps}`] = errors?.[i];
      }
    }
    columns.imagined_return = this.#starts && (await this.#imaginedReturn(weights, seeds, step));
    return seeds.map((_, member) =>
      Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values?.[member] ?? null])),
    );
  }

  /** Of each of `OPEN_LOOP_STEPS` the mean square of z's error along actions that were really taken: [members]. */
  async #openLoop(
    weights: ImaginingWeights,
    seeds: readonly number[],
    steps: number,
  ): Promise<Float32Array[]> {
    const frames = this.#windows!;
    const { context } = this.#settings.model;
    const members = seeds.length;
    const streams = seeds.map((seed) => RandomStream.named(seed, 'diagnosis/open-loop'));
    const read: tf.Tensor[] = [];
    scope(() => {
      const { observation, action, seen } = this.#upload(frames, members);
      const truth = toLatent(latentScale(weights.latent), observation);
      const own = { world: weights.world, latent: weights.latent };
      let { state } = this.#imagining.start.run({
        ...{ weights: own, observation: framesOf(observation, 0, context) },
        ...{ action: framesOf(action, 0, context), seen: framesOf(seen, 0, context) },
      });
      const errors: tf.Tensor[] = [];
      for (let t = 0; t < LONGEST; t++) {
        state = this.#follow.get(steps)!.run({
          ...{ weights: own, state, action: framesOf(action, context + t, 1) },
          latentNoise: this.#latentNoise(frames.batch, streams),
        });
        if (!(OPEN_LOOP_STEPS as readonly number[]).includes(t + 1)) continue;
        const error = tf.squaredDifference(state.latent, framesOf(truth, context + t, 1));
        errors.push(tf.mean(tf.reshape(error, [members, -1]), 1));
      }
      read.push(...errors.map((error) => tf.keep(error)));
    });
    return take(read);
  }

  /** The mean undiscounted return of episodes in which the policy acts greedily inside the model: [members]. */
  async #imaginedReturn(
    weights: ImaginingWeights,
    seeds: readonly number[],
    step: number,
  ): Promise<Float32Array> {
    const frames = this.#starts!;
    const members = seeds.length;
    const streams = seeds.map((seed) => RandomStream.named(seed, `diagnosis/imagined/${step}`));
    const { head } = this.#networks;
    const keepAll = <T extends object>(tree: T): T => {
      for (const tensor of tensorsIn(tree)) tf.keep(tensor);
      return tree;
    };
    let known = scope(() => {
      const { observation, action, seen } = this.#upload(frames, members);
      const own = { world: weights.world, latent: weights.latent };
      const start = this.#imagining.start.run({ weights: own, observation, action, seen });
      const alive = tf.ones([members, frames.batch]);
      return keepAll({ ...start, alive, total: tf.zeros([members, frames.batch]) });
    });
    const longest = this.#spaces.timeLimit ?? LONGEST_EPISODE;
    for (let t = 1; t <= longest; t++) {
      const before = known;
      known = scope(() => {
        const { state, agent, reward, goesOn } = this.#imagining.step.run({
          ...{ weights, state: before.state, agent: before.agent },
          actionNoise: tf.zeros([members, frames.batch, head.noise.size]),
          latentNoise: this.#latentNoise(frames.batch, streams),
        });
        return keepAll({
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
    return drawNoise({ distribution: 'normal', size: this.#spaces.observation }, [batch, 1], streams);
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

/** The values of tensors, which are freed. */
async function take(tensors: readonly tf.Tensor[]): Promise<Float32Array[]> {
  const values = await Promise.all(tensors.map((tensor) => tensor.data<'float32'>()));
  for (const tensor of tensors) tensor.dispose();
  return values;
}

/** The tensors of nested objects. */
const tensorsIn = (tree: object): tf.Tensor[] =>
  Object.values(tree).flatMap((value) => (value instanceof tf.Tensor ? [value] : tensorsIn(value as object)));

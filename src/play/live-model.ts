import * as tf from '@tensorflow/tfjs-core';
import type { Action } from '../envs/environment.ts';
import type { Played } from '../methods/played.ts';
import { encodeActions } from '../models/action-encoding.ts';
import { drawNoise } from '../models/noise.ts';
import { uploadActions } from '../models/windows.ts';
import type { States, Step, WorldModel } from '../models/world-model.ts';
import type { RandomStream } from '../random/stream.ts';
import type { AgentSpaces } from '../training/agent-spaces.ts';

/** What a model makes of the state it is in. */
export interface Seen {
  /** All that heads and policy see of it. */
  features: Float32Array;
  /** The observation that it stands for, raw units; absent in a model that decodes none. */
  observation?: Float32Array;
  /** ĉ, the probability that the episode goes on; absent in a model that foresees no end. */
  continueProbability?: number;
  /** What the policy does there, its likeliest action; absent without a policy. */
  action?: Action;
  /** r̂ of the dreamt step that led here, raw units; absent in reality, and in a model that predicts none. */
  reward?: number;
}

/** One step by one action. */
export interface Move {
  action: Action;
  /** What reality showed after the action; absent where reality stands still. */
  observed?: Float32Array | undefined;
  /** Whether the dream goes on, too. */
  dreams: boolean;
  /** What the dream's step is drawn by; absent: the likeliest step. */
  random?: RandomStream | undefined;
}

/** Where the model stands: what it makes of reality so far, and of the dream. */
interface Standing<State> {
  reality: State;
  dream: State;
}

/**
 * A world model that is stepped through: one state follows reality as an agent follows its episodes, another dreams on
 * from where reality stood. It calls the verbs that training calls, for one member and one environment, and reads one
 * tensor per step. An engine must have been started, and each call waited for before the next. Its weights stay on the
 * engine until the process or the page ends.
 */
export class LiveModel<State extends States = States> {
  readonly #model: WorldModel<State>;
  readonly #head: Played['head'];
  readonly #spaces: AgentSpaces;
  readonly #step: Step<State>;
  #standing: Standing<State> | undefined;
  /** What a state is described by, in the order in which it is read, and how many numbers each part has. */
  #parts: readonly (readonly [part: keyof Seen, size: number])[] = [];

  /** @param weights of one member, by the names of `played.sizes` */
  constructor(
    { sizes, model, head }: Played<State>,
    spaces: AgentSpaces,
    weights: Readonly<Record<string, Float32Array>>,
  ) {
    const named = Object.entries(sizes).map(([name, size]): [string, tf.Tensor2D] => [
      name,
      tf.tensor2d(weights[name]!, [1, size]),
    ]);
    this.#spaces = spaces;
    this.#head = head;
    this.#model = model(Object.fromEntries(named));
    this.#step = this.#model.stepper();
  }

  /** Whether dreamt steps can be drawn, and are not always the same. */
  get isStochastic(): boolean {
    return (this.#model.stepNoise?.length ?? 0) > 0;
  }

  /** Reality and the dream stand where an episode starts. */
  async begin(observation: Float32Array): Promise<Seen> {
    const read = this.#stand(() => {
      const start = this.#model.start(this.#scaled(observation));
      return { reality: start, dream: start, read: this.#describe([start]) };
    });
    const { seen } = await this.#read(read, 1);
    return seen[0]!;
  }

  /** The dream stands where reality stands. */
  dreamFromReality(): void {
    tf.dispose(
      this.#stand(() => ({ ...this.#standing!, dream: this.#standing!.reality, read: tf.zeros([0]) })),
    );
  }

  /** Steps reality, the dream or both. */
  async advance({ action, observed, dreams, random }: Move): Promise<{ reality?: Seen; dream?: Seen }> {
    const read = this.#stand(() => {
      const { reality: before, dream: dreamt } = this.#standing!;
      const taken = this.#encoded(action);
      const reality = observed ? this.#follow(before, taken, observed) : before;
      const dream = dreams ? this.#step(dreamt, taken, this.#noise(random)) : dreamt;
      const described = this.#describe([...(observed ? [reality] : []), ...(dreams ? [dream] : [])]);
      const rewards = dreams ? this.#rewards(dreamt, taken, dream) : [];
      return { reality, dream, read: tf.concat([described, ...rewards]) };
    });
    const { seen, rest } = await this.#read(read, Number(observed !== undefined) + Number(dreams));
    const reward = rest[0];
    return {
      ...(observed && { reality: seen[0]! }),
      ...(dreams && { dream: { ...seen.at(-1)!, ...(reward !== undefined && { reward }) } }),
    };
  }

  /** Moves to where `compute` says, frees where it stood, and gives what is to be read. */
  #stand(compute: () => Standing<State> & { read: tf.Tensor }): tf.Tensor {
    const before = this.#standing;
    const read = tf.tidy(() => {
      const { reality, dream, read } = compute();
      this.#standing = { reality: kept(reality), dream: kept(dream) };
      return read;
    });
    if (before) tf.dispose([before.reality, before.dream]);
    return read;
  }

  /** An observation of the environment, divided by its scale: [1, 1, observation]. */
  #scaled(observation: Float32Array): tf.Tensor3D {
    return tf.div(tf.tensor3d(observation, [1, 1, observation.length]), [...this.#spaces.observationScale]);
  }

  /** As networks see it: [1, 1, actions]. */
  #encoded(action: Action): tf.Tensor3D {
    const { actionSpace } = this.#spaces;
    const numbers = typeof action === 'number' ? Int32Array.of(action) : action;
    return encodeActions(actionSpace, uploadActions(numbers, [1, 1], actionSpace)) as tf.Tensor3D;
  }

  #noise(random: RandomStream | undefined): tf.Tensor | undefined {
    const { stepNoise = [] } = this.#model;
    if (!random || stepNoise.length === 0) return undefined;
    return tf.concat(
      stepNoise.map((noise) => drawNoise(noise, [1], [random])),
      -1,
    );
  }

  #follow(before: State, action: tf.Tensor3D, observed: Float32Array): State {
    const observation = this.#scaled(observed);
    const later = tf.zeros([1, 1]) as tf.Tensor2D;
    return this.#model.follow?.(before, action, observation, later) ?? this.#model.start(observation);
  }

  /** r̂ of one step, [1]; nothing in a model that predicts none. */
  #rewards(before: State, action: tf.Tensor3D, after: State): tf.Tensor[] {
    const { reward, features } = this.#model;
    if (!reward) return [];
    const predicted = reward({ features: features(before), action, nextFeatures: features(after) });
    return [tf.reshape(tf.mul(predicted, this.#spaces.rewardScale), [1])];
  }

  /** All that is to be read of some states, one after the other: [states · numbers]. */
  #describe(states: readonly State[]): tf.Tensor {
    if (states.length === 0) return tf.zeros([0]);
    const { decode, continues, policy } = this.#model;
    const features = tf.concat(
      states.map((state) => this.#model.features(state)),
      1,
    );
    const parts: [keyof Seen, tf.Tensor][] = [['features', features]];
    if (decode) parts.push(['observation', tf.mul(decode(features), [...this.#spaces.observationScale])]);
    if (continues) parts.push(['continueProbability', tf.expandDims(tf.sigmoid(continues(features)), 2)]);
    if (policy && this.#head) {
      const actions = tf.cast(this.#head.decide(policy(features), undefined), 'float32');
      parts.push(['action', tf.reshape(actions, [1, states.length, -1])]);
    }
    this.#parts = parts.map(([part, { shape }]) => [part, shape[2]!]);
    const read = tf.concat(
      parts.map(([, tensor]) => tensor),
      2,
    );
    return tf.reshape(read, [-1]);
  }

  /** Reads and frees what `#describe` gave of so many states, and what stands after it. */
  async #read(tensor: tf.Tensor, states: number): Promise<{ seen: Seen[]; rest: Float32Array }> {
    const values = await tensor.data<'float32'>();
    tensor.dispose();
    let at = 0;
    const take = (size: number) => {
      at += size;
      return values.slice(at - size, at);
    };
    const seen = Array.from({ length: states }, () => {
      const numbers = this.#parts.map(([part, size]) => [part, take(size)] as const);
      return seenOf(Object.fromEntries(numbers), this.#spaces.actionSpace.kind === 'discrete');
    });
    return { seen, rest: values.subarray(at) };
  }
}

/** Tensors that outlive the scope they are computed in, each state its own: one may go while another stays. */
function kept<State extends States>(state: State): State {
  const tensors = Object.entries(state).map(([name, tensor]) => [name, tf.keep(tf.clone(tensor))]);
  return Object.fromEntries(tensors) as State;
}

function seenOf(parts: Partial<Record<keyof Seen, Float32Array>>, isChoice: boolean): Seen {
  const { features, observation, continueProbability, action } = parts;
  return {
    features: features!,
    ...(observation && { observation }),
    ...(continueProbability && { continueProbability: continueProbability[0]! }),
    ...(action && { action: isChoice ? action[0]! : action }),
  };
}

/** A live model of whatever family. */
export type SteppedModel = Pick<LiveModel, 'isStochastic' | 'begin' | 'dreamFromReality' | 'advance'>;

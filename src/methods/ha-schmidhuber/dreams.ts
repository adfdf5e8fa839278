import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../../engine/compiled.ts';
import { scope } from '../../engine/scope.ts';
import type { RememberedState } from '../../models/lstm-memory.ts';
import type { MdnRnn } from '../../models/mdn-rnn/model.ts';
import { drawNoise } from '../../models/noise.ts';
import type { RandomStream } from '../../random/stream.ts';
import type { Noise } from '../../training/acting.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { type ControllerHead, controllerOutput } from './controller.ts';

/** Steps that are dreamt in one call: few enough to be made ready fast, and to notice early that all dreams are over. */
const STEPS_AT_ONCE = 20;

/** How far z goes at most: where no data hold a dream back it may grow at every step, and must stay a number. */
const FURTHEST = 100;

/** What dreams are of. */
export interface DreamingModel<Weights extends object> {
  spaces: AgentSpaces;
  head: ControllerHead;
  /** What a step is sampled with. */
  stepNoise: readonly Noise[];
  /** The model over such weights, with steps at a temperature. */
  model(weights: Weights, temperature: tf.Scalar): MdnRnn;
  /** What of a state's features a controller sees. */
  seen(features: tf.Tensor): tf.Tensor;
}

/** Where some dreams stand, those of a controller side by side: [members, controllers · episodes, …]. */
interface Standing extends RememberedState {
  /** 1 until the model says that the episode is over. */
  alive: tf.Tensor;
  /** Rewards so far, in units of `rewardScale`. */
  return: tf.Tensor;
}

/** Some steps of all dreams. */
interface Stretch<Weights> {
  weights: Weights;
  controllers: tf.Tensor3D;
  standing: Standing;
  /** The same for every controller: [members, episodes, steps, numbers] */
  noise: tf.Tensor4D;
  temperature: tf.Scalar;
}

/** What controllers are tried on. */
export interface Trial<Weights> {
  weights: Weights;
  /** [members, controllers, numbers] */
  controllers: tf.Tensor3D;
  /** First observations of episodes, raw units: [members, episodes, observation] */
  starts: tf.Tensor3D;
  temperature: number;
  steps: number;
  /** Of each member; they are moved. */
  streams: readonly RandomStream[];
}

/** Episodes that are dreamt, all controllers of all members side by side, by the same noise for every controller. */
export class Dreams<Weights extends object> {
  readonly #of: DreamingModel<Weights>;
  readonly #stretch: Compiled<Stretch<Weights>, Standing>;

  constructor(of: DreamingModel<Weights>) {
    this.#of = of;
    this.#stretch = new Compiled((stretch: Stretch<Weights>) => this.#dreamOn(stretch));
  }

  /** The return of each episode in the environment's units: [members, controllers, episodes]. */
  async returns({
    weights,
    controllers,
    starts,
    temperature,
    steps,
    streams,
  }: Trial<Weights>): Promise<Float32Array> {
    const [, episodes] = starts.shape;
    let standing = scope(() => kept(this.#begin(weights, starts, controllers.shape[1])));
    for (let done = 0; done < steps; done += STEPS_AT_ONCE) {
      const count = Math.min(STEPS_AT_ONCE, steps - done);
      const before = standing;
      standing = scope(() => {
        const noise = tf.concat(
          this.#of.stepNoise.map((one) => drawNoise(one, [episodes, count], streams)),
          3,
        ) as tf.Tensor4D;
        const now = { weights, controllers, standing: before, noise, temperature: tf.scalar(temperature) };
        return kept(this.#stretch.run(now));
      });
      tf.dispose(Object.values(before));
      if (!(await standing.alive.data()).includes(1)) break;
    }
    const returns = await standing.return.data<'float32'>();
    tf.dispose(Object.values(standing));
    return returns.map((x) => x * this.#of.spaces.rewardScale);
  }

  /** Frees what the engine keeps of it. */
  dispose(): void {
    this.#stretch.dispose();
  }

  #begin(weights: Weights, starts: tf.Tensor3D, controllers: number): Standing {
    const scaled = tf.div<tf.Tensor3D>(starts, [...this.#of.spaces.observationScale]);
    const state = this.#of.model(weights, tf.scalar(1)).start(scaled);
    const ofEach = (x: tf.Tensor) => tf.tile(x, [1, controllers, 1]);
    const { latent, hidden, cell } = state;
    const alive = tf.ones([starts.shape[0], controllers * starts.shape[1]]);
    return {
      latent: ofEach(latent),
      hidden: ofEach(hidden),
      cell: ofEach(cell),
      alive,
      return: tf.zerosLike(alive),
    };
  }

  #dreamOn({ weights, controllers, standing, noise, temperature }: Stretch<Weights>): Standing {
    const { head, model: modelOf, seen } = this.#of;
    const model = modelOf(weights, temperature);
    const step = model.stepper();
    let { alive, return: sum, ...state } = standing;
    const ofEach = tf.tile(noise, [1, controllers.shape[1], 1, 1]);
    for (const drawn of tf.unstack(ofEach, 2)) {
      const action = head.encode(controllerOutput(controllers, seen(model.features(state))));
      const next = step(state, action, drawn);
      state = { ...next, latent: tf.clipByValue(next.latent, -FURTHEST, FURTHEST) };
      const nextFeatures = model.features(state);
      // The step that ends a dream has its reward, too.
      sum = tf.add(sum, tf.mul(alive, model.reward({ nextFeatures })));
      alive = tf.mul(alive, tf.cast(tf.greater(model.continues(nextFeatures), 0), 'float32'));
    }
    return { ...state, alive, return: sum };
  }
}

/** Tensors that outlive the scope that they are made in, each on its own. */
const kept = (standing: Standing): Standing => {
  const { latent, hidden, cell, alive, return: sum } = standing;
  const keep = (x: tf.Tensor) => tf.keep(tf.clone(x));
  return {
    latent: keep(latent),
    hidden: keep(hidden),
    cell: keep(cell),
    alive: keep(alive),
    return: keep(sum),
  };
};

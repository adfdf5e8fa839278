import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../../engine/compiled.ts';
import { scope } from '../../engine/scope.ts';
import type { DreamsRead } from '../../models/dreams.ts';
import { drawNoise } from '../../models/noise.ts';
import { absorbWindow, foreseeNext, type ShortcutState } from '../../models/shortcut/model.ts';
import { sliceAlong } from '../../nn/slice-along.ts';
import type { RandomStream } from '../../random/stream.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { emptyFrames, type Frames } from '../../training/frames.ts';
import type { Sequences } from '../../training/replay.ts';
import { continueLogit, expectedReward, type ImaginingWeights, modelOf } from './imagination.ts';
import { latentsOf, observationsOf } from './latents.ts';
import type { Networks } from './networks.ts';
import { uploadFrameActions } from './windows.ts';

/** Who dreams, and of what. */
export interface Dreamer {
  networks: Networks;
  spaces: AgentSpaces;
  /** Of all members. */
  weights: ImaginingWeights;
  member: number;
  /** K */
  samplingSteps: number;
  /** What new frames are sampled from. */
  random: RandomStream;
}

interface StepInputs {
  weights: Pick<ImaginingWeights, 'world' | 'latent'>;
  state: ShortcutState;
  action: tf.Tensor;
  noise: tf.Tensor;
}

/**
 * Dreams of one member along real actions: frames up to each start are seen clean, those after it are sampled one by one.
 *
 * @param starts indices into batch × time
 */
export async function dreamFrom(
  { networks, spaces, weights: all, member, samplingSteps, random }: Dreamer,
  episodes: Sequences,
  starts: readonly number[],
  horizon: number,
): Promise<DreamsRead> {
  const before = framesUpTo(episodes, starts, networks.shape.context, spaces);
  const ahead = framesAhead(episodes, starts, horizon, spaces);
  const latentNoise = { distribution: 'normal', size: networks.shape.latent } as const;
  const step = new Compiled(({ weights, state, action, noise }: StepInputs) => {
    const model = modelOf(networks, weights);
    const next = foreseeNext(model, state, action, noise, samplingSteps);
    return {
      state: next.state,
      reward: expectedReward(networks, model.parameters, next.agent),
      goesOn: tf.sigmoid(continueLogit(networks, model.parameters, next.agent)) as tf.Tensor,
    };
  });
  try {
    const { seen, dreamt, rewards, probabilities } = scope(() => {
      const own = (x: tf.Tensor2D) => sliceAlong(x, 0, member, 1);
      const weights = {
        ...(all.tokenizer && { tokenizer: own(all.tokenizer) }),
        ...{ world: own(all.world), latent: own(all.latent) },
      };
      const rows = [1, starts.length, before.time];
      const window = tf.tensor(before.observation, [...rows, spaces.observation]);
      const model = modelOf(networks, weights);
      const shown = latentsOf(networks, weights, window);
      let { state } = absorbWindow(
        model,
        shown,
        uploadFrameActions(before, spaces),
        tf.tensor(before.mask, rows),
      );
      const actions = uploadFrameActions(ahead, spaces);
      const latents: tf.Tensor[] = [];
      const judged: Record<'reward' | 'goesOn', tf.Tensor[]> = { reward: [], goesOn: [] };
      for (let t = 0; t < horizon; t++) {
        const noise = drawNoise(latentNoise, [starts.length, 1], [random]);
        const { world, latent } = weights;
        const next = step.run({
          weights: { world, latent },
          state,
          action: sliceAlong(actions, 2, t, 1),
          noise,
        });
        state = next.state;
        latents.push(state.latent);
        for (const name of ['reward', 'goesOn'] as const) judged[name].push(next[name]);
      }
      const real = tf.tensor(Float32Array.from(episodes.observation), [
        1,
        episodes.mask.length,
        spaces.observation,
      ]);
      const made = {
        // Vectors are seen as they are.
        seen: networks.tokenizer
          ? observationsOf(networks, weights, latentsOf(networks, weights, real))
          : tf.clone(real),
        dreamt: observationsOf(networks, weights, tf.concat(latents, 2)),
        rewards: tf.stack(judged.reward, 2),
        probabilities: tf.stack(judged.goesOn, 2),
      };
      for (const tensor of Object.values(made)) tf.keep(tensor);
      return made;
    });
    const read = (tensor: tf.Tensor) => tensor.data<'float32'>().finally(() => tensor.dispose());
    return {
      ...{ seen: await read(seen), dreamt: await read(dreamt) },
      ...{ rewards: await read(rewards), probabilities: await read(probabilities) },
    };
  } finally {
    step.dispose();
  }
}

/** What was seen up to each start, the last `time` frames of it. */
function framesUpTo(
  { observation, action, mask, time: steps }: Sequences,
  starts: readonly number[],
  time: number,
  spaces: AgentSpaces,
): Frames {
  const frames = emptyFrames(1, starts.length, time, spaces);
  const size = spaces.observation;
  const width = action.length / mask.length;
  for (const [i, start] of starts.entries()) {
    const shown = Math.min(time, (start % steps) + 1);
    for (let back = 0; back < shown; back++) {
      const row = (i + 1) * time - 1 - back;
      const from = start - back;
      frames.observation.set(observation.subarray(from * size, (from + 1) * size), row * size);
      frames.mask[row] = 1;
      if (from % steps === 0) frames.first[row] = 1;
      else frames.action.set(action.subarray((from - 1) * width, from * width), row * width);
    }
  }
  return frames;
}

/** The actions from each start on, 0 beyond an episode's end. */
function framesAhead(
  { action, mask, time: steps }: Sequences,
  starts: readonly number[],
  time: number,
  spaces: AgentSpaces,
): Frames {
  const frames = emptyFrames(1, starts.length, time, spaces);
  const width = action.length / mask.length;
  for (const [i, start] of starts.entries()) {
    const taken = Math.min(time, steps - (start % steps));
    frames.action.set(action.subarray(start * width, (start + taken) * width), i * time * width);
  }
  return frames;
}

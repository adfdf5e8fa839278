import * as tf from '@tensorflow/tfjs-core';
import { scope } from '../engine/scope.ts';
import type { AgentSpaces } from '../training/agent-spaces.ts';
import type { Sequences } from '../training/replay.ts';
import { rollOut } from './roll-out.ts';
import { actionsFrom, toWindows, uploadBatch } from './windows.ts';
import { type States, statesAt, type WorldModel } from './world-model.ts';

/** When dreams leave reality. */
export interface DreamPlan {
  /** The step of an episode at which the first one begins. */
  from: number;
  /** Steps after which another begins, from reality as it then stands; Infinity: the first goes on to the end. */
  every: number;
}

/** What a model makes of one step of an episode. */
export interface DreamedStep {
  /** Raw units: [observation] */
  observation: Float32Array;
  /** r̂ of the step that led here, in the environment's units; null where it was not dreamt, or none is predicted. */
  reward: number | null;
  /** ĉ here; null where it was not dreamt, or no end is foreseen. */
  continueProbability: number | null;
  /** Steps since the model last saw reality; 0 where it does: the observation is then its reconstruction. */
  dreamt: number;
}

/** An agent that may have a world model to dream in. */
export interface MayDream {
  /**
   * What the model of one member, the one that is trained, makes of real episodes: one sequence each, begun at its
   * start. Every dream sees reality up to where it begins, its likeliest state, and from there on the actions alone.
   * Absent where nothing can be decoded.
   *
   * @param episodes of one member
   * @returns of every episode its start and each of its steps
   */
  dream?(member: number, episodes: Sequences, plan: DreamPlan): Promise<DreamedStep[][]>;
}

/** A model whose dreams can be seen. */
type DecodingModel<State extends States> = WorldModel<State> & Required<Pick<WorldModel<State>, 'decode'>>;

/** `MayDream.dream` over the verbs; `model` makes that of the one member. Likeliest steps, nothing is sampled. */
export const dream = <State extends States>(
  model: () => DecodingModel<State>,
  spaces: AgentSpaces,
  episodes: Sequences,
  plan: DreamPlan,
): Promise<DreamedStep[][]> =>
  dreamAlong(spaces, episodes, plan, (starts, horizon) => dreamAll(model, spaces, episodes, starts, horizon));

/**
 * Dreams laid along episodes as a plan has it.
 *
 * @param read what is seen, and dreamt from each start on for so many steps; starts are indices into batch × time
 */
export async function dreamAlong(
  spaces: Pick<AgentSpaces, 'observation'>,
  episodes: Sequences,
  { from, every }: DreamPlan,
  read: (starts: readonly number[], horizon: number) => Promise<DreamsRead>,
): Promise<DreamedStep[][]> {
  const { time, mask } = episodes;
  const spans = Array.from({ length: episodes.batch }, (_, b) => {
    const length = mask.subarray(b * time, (b + 1) * time).reduce((sum, x) => sum + x, 0);
    return { length, first: Math.min(from, length - 1) };
  });
  const horizon = Math.min(every, Math.max(...spans.map(({ length, first }) => length - first)));
  /** Of every episode, where each of its dreams begins: indices into batch × time. */
  const starts = spans.map(({ length, first }, b) =>
    Array.from({ length: Math.ceil((length - first) / horizon) }, (_, i) => b * time + first + i * horizon),
  );
  const { seen, dreamt, rewards, probabilities } = await read(starts.flat(), horizon);
  const row = (values: Float32Array, at: number) =>
    values.slice(at * spaces.observation, (at + 1) * spaces.observation);
  let before = 0;
  return spans.map(({ length, first }, b) => {
    const own = before;
    before += starts[b]!.length;
    return Array.from({ length: length + 1 }, (_, t): DreamedStep => {
      if (t <= first) {
        const observation = row(seen, b * time + t);
        return { observation, reward: null, continueProbability: null, dreamt: 0 };
      }
      const step = t - 1 - first;
      // A dream's last step is shown where the next one begins.
      const at = own * horizon + step;
      return {
        observation: row(dreamt, at),
        reward: rewards?.[at] ?? null,
        continueProbability: probabilities?.[at] ?? null,
        dreamt: (step % horizon) + 1,
      };
    });
  });
}

/** What is seen and what is dreamt, read from the engine. */
export interface DreamsRead {
  /** [batch, time, observation] */
  seen: Float32Array;
  /** [starts, horizon, observation] */
  dreamt: Float32Array;
  /** [starts, horizon] each; undefined where the model has no such head */
  rewards: Float32Array | undefined;
  probabilities: Float32Array | undefined;
}

/** @param starts indices into batch × time */
async function dreamAll<State extends States>(
  model: () => DecodingModel<State>,
  spaces: AgentSpaces,
  episodes: Sequences,
  starts: readonly number[],
  horizon: number,
): Promise<DreamsRead> {
  const tensors = scope(() => {
    const verbs = model();
    const { states } = verbs.observe(toWindows(uploadBatch(episodes, spaces), spaces));
    const begin = statesAt(states, tf.tensor2d([...starts], [1, starts.length], 'int32'));
    const actions = actionsFrom(episodes, starts, horizon, 1, spaces.actionSpace);
    const imagined = rollOut(verbs, begin, { actions });
    const scale = tf.tensor1d([...spaces.observationScale]);
    const decode = (features: tf.Tensor) => tf.keep(tf.mul(verbs.decode(features), scale));
    return {
      seen: decode(verbs.features(states)),
      dreamt: decode(imagined.nextFeatures),
      rewards: verbs.reward && tf.keep(tf.mul(verbs.reward(imagined), spaces.rewardScale)),
      probabilities:
        verbs.continues && tf.keep(tf.sigmoid(verbs.continues(imagined.nextFeatures)) as tf.Tensor),
    };
  });
  const read = (tensor: tf.Tensor) => tensor.data<'float32'>().finally(() => tensor.dispose());
  const { seen, dreamt, rewards, probabilities } = tensors;
  return {
    seen: await read(seen),
    dreamt: await read(dreamt),
    rewards: rewards && (await read(rewards)),
    probabilities: probabilities && (await read(probabilities)),
  };
}

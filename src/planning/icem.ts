import * as tf from '@tensorflow/tfjs-core';
import { firstOf, pick } from '../models/rows.ts';
import type { States } from '../models/world-model.ts';
import type { Noise } from '../training/acting.ts';
import { coloured } from './coloured-noise.ts';
import { judgement, judgingNoise, predictedReturns, WORST } from './judge.ts';
import { NoiseDealer } from './noise-dealer.ts';
import type { Ground, Planner } from './planner.ts';
import { mix, moments } from './proposals.ts';
import type { SettingsOf } from './settings.ts';
import { firstStep, movedOn, whereFirst } from './warm-start.ts';

/**
 * The improved cross-entropy method (Pinneri et al. 2020), over boxes: noise is coloured over a plan's steps, there are
 * fewer candidates from iteration to iteration, some elites stay candidates, at the next decision too, in the last iteration
 * the mean is one, and the best of that iteration is followed.
 */
export function icem<State extends States>(
  settings: SettingsOf<'icem'>,
  ground: Ground<State>,
): Planner<State> {
  const { horizon, noiseExponent } = settings;
  const { actions, model: verbs } = ground;
  const judged = judgement(settings, ground);
  const populations = populationsOf(settings);
  const kept = keptOf(settings);
  const ofPlans = (plans: number): Noise => ({ distribution: 'normal', size: plans * horizon * actions });
  const ofJudging = populations.map((population) => judgingNoise(verbs, judged, population + kept));
  const noise: Noise[] = [
    ...(kept > 0 ? [ofPlans(kept)] : []),
    ...populations.flatMap((population, i) => [ofPlans(population), ...ofJudging[i]!]),
  ];
  return {
    noise: { sampled: noise, greedy: noise },
    memorySize: (1 + kept) * horizon * actions,
    plan: ({ model, state, first, memory }, given) => {
      const [members, environments] = first.shape;
      const rows = members * environments;
      const dealer = new NoiseDealer(given);
      const colour = (plans: number) =>
        coloured(dealer.one(), [rows, plans, horizon, actions], noiseExponent);
      const remembered = tf.reshape(memory!, [rows, 1 + kept, horizon, actions]) as tf.Tensor4D;
      const isFirst: tf.Tensor3D = tf.reshape(first, [rows, 1, 1]);
      let search: Search = begin(settings, remembered, isFirst, kept > 0 ? colour(kept) : undefined);
      let done: Iteration;
      for (const [i, population] of populations.entries()) {
        const drawn = colour(population);
        const ofReturns = dealer.many(ofJudging[i]!.length);
        const isLast = i === populations.length - 1;
        done = iteration(settings, search, drawn, isLast, (plans) =>
          predictedReturns(model, judged, state, plans, ofReturns),
        );
        search = done.next;
      }
      const { mean, kept: moved } = search;
      const best = firstOf(done!.elitePlans);
      const next = tf.concat([tf.expandDims(mean, 1), ...(moved ? [moved] : [])], 1);
      return {
        action: tf.reshape(firstStep(best), [members, environments, actions]) as tf.Tensor3D,
        memory: tf.reshape(next, [members, environments, -1]) as tf.Tensor3D,
      };
    },
  };
}

type Keys<Key extends keyof SettingsOf<'icem'>> = Pick<SettingsOf<'icem'>, Key>;

/** How many candidates each iteration draws: a share less than the one before, down to twice the elites. */
export function populationsOf({
  candidates,
  elites,
  iterations,
  decay,
}: Keys<'candidates' | 'elites' | 'iterations' | 'decay'>): number[] {
  const least = Math.min(candidates, 2 * elites);
  const sizes = [candidates];
  while (sizes.length < iterations) sizes.push(Math.max(least, Math.floor(sizes.at(-1)! / decay)));
  return sizes;
}

/** How many elites stay candidates. */
export const keptOf = ({ elites, keptElites }: Keys<'elites' | 'keptElites'>) =>
  Math.floor(elites * keptElites);

/** Where a search stands between two iterations, for rows of searches that know nothing of each other. */
export interface Search {
  /** [rows, horizon, actions] each */
  mean: tf.Tensor3D;
  std: tf.Tensor3D;
  /** Candidates of the next iteration, beside those that it draws: [rows, kept, horizon, actions]; absent where none are */
  kept?: tf.Tensor4D;
  /** 1 where those are of an episode before, and no candidates: [rows, 1]; absent where they all are */
  stale?: tf.Tensor2D;
}

/** What an iteration came to. */
export interface Iteration {
  /** [rows, drawn + kept] */
  returns: tf.Tensor2D;
  /** The best candidates, the best first: [rows, elites], int32 */
  elites: tf.Tensor2D;
  /** Those: [rows, elites, horizon, actions] */
  elitePlans: tf.Tensor4D;
  next: Search;
}

/**
 * What a decision begins with: the mean and the elites of the one before, moved by one step. The mean's last step stays as
 * it was, that of an elite is drawn.
 *
 * @param remembered the mean, then the elites: [rows, 1 + kept, horizon, actions]
 * @param first 1 where an episode starts, else 0: [rows, 1, 1]
 * @param noise of the elites, of which the last step is used: [rows, kept, horizon, actions]
 */
export function begin(
  { initialStd }: Keys<'initialStd'>,
  remembered: tf.Tensor4D,
  first: tf.Tensor3D,
  noise: tf.Tensor4D | undefined,
): Search {
  const [rows, plans, horizon, actions] = remembered.shape;
  const before = firstOf(remembered);
  const last = tf.slice(before, [0, horizon - 1, 0], [rows, 1, actions]);
  const mean = whereFirst(first, tf.zerosLike(before), movedOn(before, last));
  const std: tf.Tensor3D = tf.fill(mean.shape, initialStd);
  if (!noise) return { mean, std };
  const kept = plans - 1;
  const elites = tf.slice(remembered, [0, 1, 0, 0], [rows, kept, horizon, actions]);
  const lastNoise = tf.slice(noise, [0, 0, horizon - 1, 0], [rows, kept, 1, actions]);
  const drawn = tf.clipByValue(tf.add(tf.expandDims(last, 1), tf.mul(lastNoise, initialStd)), -1, 1);
  const flat = (x: tf.Tensor) => tf.reshape(x, [rows * kept, -1, actions]) as tf.Tensor3D;
  const moved = tf.reshape(movedOn(flat(elites), flat(drawn)), elites.shape) as tf.Tensor4D;
  return { mean, std, kept: moved, stale: tf.reshape(first, [rows, 1]) };
}

/**
 * One iteration: a = clip(μ + σ ε), in the last one the first of them μ; μ and σ are refitted to the elites of these and of
 * what was kept.
 *
 * @param noise coloured: [rows, drawn, horizon, actions]
 * @param judge the return of each candidate: [rows, drawn + kept, horizon, actions] -> [rows, drawn + kept]
 */
export function iteration(
  { elites: count, momentum, keptElites }: Keys<'elites' | 'momentum' | 'keptElites'>,
  { mean, std, kept, stale }: Search,
  noise: tf.Tensor4D,
  isLast: boolean,
  judge: (plans: tf.Tensor4D) => tf.Tensor2D,
): Iteration {
  const [rows, drawn, horizon, actions] = noise.shape;
  const around = tf.expandDims(mean, 1) as tf.Tensor4D;
  const random = tf.clipByValue(tf.add(around, tf.mul(tf.expandDims(std, 1), noise)), -1, 1) as tf.Tensor4D;
  const others = tf.slice(random, [0, 1, 0, 0], [rows, drawn - 1, horizon, actions]);
  const own = isLast ? [around, ...(drawn > 1 ? [others] : [])] : [random];
  const plans = tf.concat([...own, ...(kept ? [kept] : [])], 1) as tf.Tensor4D;
  const predicted = judge(plans);
  const returns = stale ? withoutStale(predicted, stale, drawn) : predicted;
  const { indices } = tf.topk(returns, count);
  const elitePlans = pick(plans, indices) as tf.Tensor4D;
  const refitted = moments(elitePlans);
  const keep = keptOf({ elites: count, keptElites });
  return {
    returns,
    elites: indices,
    elitePlans,
    next: {
      mean: mix(mean, refitted.mean, momentum),
      std: mix(std, tf.sqrt(refitted.variance), momentum),
      ...(keep > 0 && { kept: tf.slice(elitePlans, [0, 0, 0, 0], [rows, keep, horizon, actions]) }),
    },
  };
}

/** Returns of which those behind the first `drawn` are the worst where what was kept is stale. */
function withoutStale(returns: tf.Tensor2D, stale: tf.Tensor2D, drawn: number): tf.Tensor2D {
  const [rows, plans] = returns.shape;
  const isKept = tf.tensor2d([Array.from({ length: plans }, (_, i) => Number(i >= drawn))]);
  const isStale = tf.greater(tf.mul(stale, isKept), 0);
  return tf.where(isStale, tf.fill([rows, plans], WORST), returns);
}

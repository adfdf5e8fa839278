import * as tf from '@tensorflow/tfjs-core';
import { imaginedRewards } from '../models/imagined-rewards.ts';
import { rollOut } from '../models/roll-out.ts';
import type { States, WorldModel } from '../models/world-model.ts';
import type { Noise } from '../training/acting.ts';
import type { Proposal, ProposalFamily } from './proposals.ts';
import type { PlannerSettings } from './settings.ts';

/** What one iteration is random by. */
export interface IterationNoise {
  /** [members, environments, candidates · horizon · actions] */
  candidates: tf.Tensor3D;
  /** Of a model that samples its steps, one noise after the other: [members, environments, candidates · horizon · numbers] */
  steps: readonly tf.Tensor3D[];
}

/** The noise that a decision needs in one environment: that of each iteration, in the order of `IterationNoise`. */
export function searchNoise(
  { horizon, candidates, iterations }: PlannerSettings,
  family: ProposalFamily,
  actions: number,
  stepNoise: readonly Noise[],
): Noise[] {
  const steps = candidates * horizon;
  const each: Noise[] = [
    { distribution: family.noise, size: steps * actions },
    ...stepNoise.map(({ distribution, size }) => ({ distribution, size: steps * size })),
  ];
  return Array.from({ length: iterations }, () => each).flat();
}

/**
 * The cross-entropy method as PlaNet plans with it (Hafner et al. 2019, algorithm 2): in each iteration candidates are
 * drawn from a distribution over plans, the model is rolled out along each from the present state, and the distribution is
 * refitted to those of the largest returns.
 *
 * @param start the present state of every environment: [members, environments, …] each
 * @param mean of the distribution to begin with: [members · environments, horizon, actions]
 * @param noise of each iteration
 * @returns the last mean, the plan: [members · environments, horizon, actions]
 */
export function cem<State extends States>(
  model: WorldModel<State>,
  start: State,
  family: ProposalFamily,
  mean: tf.Tensor3D,
  noise: readonly IterationNoise[],
  { candidates, elites }: PlannerSettings,
): tf.Tensor3D {
  const [rows, horizon, actions] = mean.shape;
  const starts = ofEachCandidate(start, candidates);
  const [members, all] = Object.values(starts)[0]!.shape as [number, number];
  let proposal = family.around(mean);
  for (const { candidates: ofCandidates, steps } of noise) {
    const drawn = tf.reshape(ofCandidates, [rows, candidates, horizon, actions]) as tf.Tensor4D;
    const stepNoise =
      steps.length > 0
        ? (tf.concat(
            steps.map((numbers) => tf.reshape(numbers, [members, all, horizon, -1])),
            3,
          ) as tf.Tensor4D)
        : undefined;
    const judge = (plans: tf.Tensor4D) => {
      const given = tf.reshape(plans, [members, all, horizon, actions]) as tf.Tensor4D;
      return tf.reshape(plannedReturns(model, starts, given, stepNoise), [rows, candidates]) as tf.Tensor2D;
    };
    ({ proposal } = iteration(family, proposal, drawn, elites, judge));
  }
  return proposal.mean;
}

/** What an iteration came to. */
export interface Iteration {
  /** [rows, candidates] */
  returns: tf.Tensor2D;
  /** The best candidates, the best first: [rows, elites], int32 */
  elites: tf.Tensor2D;
  proposal: Proposal;
}

/**
 * One iteration of the cross-entropy method, for rows of searches that know nothing of each other.
 *
 * @param noise [rows, candidates, horizon, actions]
 * @param elites how many
 * @param judge the return of each candidate: [rows, candidates, horizon, actions] -> [rows, candidates]
 */
export function iteration(
  family: ProposalFamily,
  proposal: Proposal,
  noise: tf.Tensor4D,
  elites: number,
  judge: (plans: tf.Tensor4D) => tf.Tensor2D,
): Iteration {
  const [rows, candidates, horizon, actions] = noise.shape;
  const plans = family.sample(proposal, noise);
  const returns = judge(plans);
  const { indices } = tf.topk(returns, elites);
  const firstOfRow = tf.tensor2d(
    Array.from({ length: rows }, (_, row) => row * candidates),
    [rows, 1],
    'int32',
  );
  const flat = tf.reshape(plans, [rows * candidates, horizon * actions]);
  const best = tf.gather(flat, tf.add(indices, firstOfRow));
  const refitted = family.refit(tf.reshape(best, [rows, elites, horizon, actions]) as tf.Tensor4D);
  return { returns, elites: indices, proposal: refitted };
}

/**
 * Σ_t (Π of the continue probabilities before t) r̂_{t+1} along each plan, without a value at the end: a
 * model that foresees an episode's end counts no reward after it.
 *
 * @param start [members, starts, …] each
 * @param actions as networks see them: [members, starts, horizon, actions]
 * @returns [members, starts]
 */
function plannedReturns<State extends States>(
  model: WorldModel<State>,
  start: State,
  actions: tf.Tensor4D,
  stepNoise: tf.Tensor4D | undefined,
): tf.Tensor2D {
  const { reward, weight } = imaginedRewards(model, rollOut(model, start, { actions }, stepNoise));
  return tf.sum(tf.mul(weight, reward), 2);
}

/** Every state as often as there are candidates: [members, environments, …] -> [members, environments · candidates, …]. */
function ofEachCandidate<State extends States>(state: State, candidates: number): State {
  const repeat = (x: tf.Tensor) => {
    const [members, environments, ...numbers] = x.shape as [number, number, ...number[]];
    const rows = tf.tile(tf.reshape(x, [members, environments, -1]), [1, 1, candidates]);
    return tf.reshape(rows, [members, environments * candidates, ...numbers]);
  };
  return Object.fromEntries(Object.entries(state).map(([name, x]) => [name, repeat(x)])) as State;
}

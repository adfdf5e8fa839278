import * as tf from '@tensorflow/tfjs-core';
import { firstOf, pick } from '../models/rows.ts';
import type { States } from '../models/world-model.ts';
import type { Noise } from '../training/acting.ts';
import { judgement, judgingNoise, predictedReturns } from './judge.ts';
import { NoiseDealer } from './noise-dealer.ts';
import type { Ground, Planner } from './planner.ts';
import { type Proposal, type ProposalFamily, proposalFamily } from './proposals.ts';
import type { SettingsOf } from './settings.ts';
import { firstStep, warmStart } from './warm-start.ts';

/**
 * The cross-entropy method as PlaNet plans with it (Hafner et al. 2019, algorithm 2), and PETS: in each iteration candidates
 * are drawn from a distribution over plans, the model is rolled out along each from the present state, and the distribution
 * is refitted to those of the largest returns.
 */
export function cem<State extends States>(
  settings: SettingsOf<'cem'>,
  ground: Ground<State>,
): Planner<State> {
  const { horizon, candidates, elites, iterations, execute } = settings;
  const { actions, actionSpace, model: verbs } = ground;
  const family = proposalFamily(actionSpace, settings);
  const judged = judgement(settings, ground);
  const ofJudging = judgingNoise(verbs, judged, candidates);
  const each: Noise[] = [{ distribution: family.noise, size: candidates * horizon * actions }, ...ofJudging];
  const noise = Array.from({ length: iterations }, () => each).flat();
  return {
    noise: { sampled: noise, greedy: noise },
    memorySize: settings.warmStart ? horizon * actions : 0,
    plan: ({ model, state, first, memory }, given) => {
      const [members, environments] = first.shape;
      const rows = members * environments;
      const dealer = new NoiseDealer(given);
      let proposal = family.around(
        settings.warmStart
          ? warmStart(tf.reshape(memory!, [rows, horizon, actions]), first, family.unknown)
          : tf.fill([rows, horizon, actions], family.unknown),
      );
      let best: BestSoFar | undefined;
      for (let i = 0; i < iterations; i++) {
        const drawn = tf.reshape(dealer.one(), [rows, candidates, horizon, actions]) as tf.Tensor4D;
        const ofReturns = dealer.many(ofJudging.length);
        const done = iteration(family, proposal, drawn, elites, (plans) =>
          predictedReturns(model, judged, state, plans, ofReturns),
        );
        proposal = done.proposal;
        best = better(best, done);
      }
      const plan = execute === 'best' ? best!.plan : proposal.mean;
      const next = family.decide(firstStep(plan));
      return {
        action: tf.reshape(next, [members, environments, actions]) as tf.Tensor3D,
        ...(settings.warmStart && {
          memory: tf.reshape(proposal.mean, [members, environments, horizon * actions]) as tf.Tensor3D,
        }),
      };
    },
  };
}

/** What an iteration came to. */
export interface Iteration {
  /** [rows, candidates] */
  returns: tf.Tensor2D;
  /** The best candidates, the best first: [rows, elites], int32 */
  elites: tf.Tensor2D;
  /** Those: [rows, elites, horizon, actions] */
  elitePlans: tf.Tensor4D;
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
  const plans = family.sample(proposal, noise);
  const returns = judge(plans);
  const { indices } = tf.topk(returns, elites);
  const elitePlans = pick(plans, indices) as tf.Tensor4D;
  return { returns, elites: indices, elitePlans, proposal: family.refit(elitePlans, proposal) };
}

/** The best candidate of some iterations. */
export interface BestSoFar {
  /** [rows, 1] */
  return: tf.Tensor2D;
  /** [rows, horizon, actions] */
  plan: tf.Tensor3D;
}

/** The best candidate of the iterations before and of one more. */
export function better(before: BestSoFar | undefined, { returns, elitePlans }: Iteration): BestSoFar {
  const [rows, , horizon, actions] = elitePlans.shape;
  const largest = tf.max(returns, 1, true) as tf.Tensor2D;
  const plan = firstOf(elitePlans);
  if (!before) return { return: largest, plan };
  const isBetter = tf.greater(largest, before.return);
  const ofPlans = tf.broadcastTo(tf.reshape(isBetter, [rows, 1, 1]), [rows, horizon, actions]);
  return {
    return: tf.where(isBetter, largest, before.return),
    plan: tf.where(ofPlans, plan, before.plan),
  };
}

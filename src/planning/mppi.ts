import * as tf from '@tensorflow/tfjs-core';
import { rollOut } from '../models/roll-out.ts';
import { pick, repeatStates } from '../models/rows.ts';
import type { States } from '../models/world-model.ts';
import type { Noise } from '../training/acting.ts';
import { judgement, judgingNoise, predictedReturns } from './judge.ts';
import { NoiseDealer } from './noise-dealer.ts';
import type { Ground, Planner, Problem } from './planner.ts';
import { mix, type Proposal, sampleChoices } from './proposals.ts';
import type { SettingsOf } from './settings.ts';
import { firstStep, warmStart } from './warm-start.ts';

/** One candidate in so many follows the policy, where the settings leave it open. */
const POLICY_SHARE = 1 / 20;

/**
 * Model predictive path integral control as TD-MPC2 plans with it (Hansen et al. 2024): some candidates follow the model's
 * policy, the others are drawn from a distribution over plans, which in each iteration is refitted to the best ones, each
 * with a weight that grows exponentially with its return. One of those, drawn by the weights, says the action; in a box, σ
 * of the first step says how far actions stray from it while experience is collected. Among choices the distribution is
 * categorical.
 */
export function mppi<State extends States>(
  settings: SettingsOf<'mppi'>,
  ground: Ground<State>,
): Planner<State> {
  const { horizon, candidates, elites, iterations, maxStd } = settings;
  const { actions, actionSpace, model: verbs, head } = ground;
  const isBox = actionSpace.kind === 'box';
  const ofPolicy = policyTrajectories(settings, verbs.policy !== undefined && head !== undefined);
  const ofProposal = candidates - ofPolicy;
  const judged = judgement(settings, ground);
  const ofJudging = judgingNoise(verbs, judged, candidates);
  const perPolicyStep = [head?.noise ?? [], verbs.stepNoise ?? []].flat();
  const followed: Noise[] = ofPolicy > 0 ? times(perPolicyStep, ofPolicy * horizon) : [];
  const each: Noise[] = [
    { distribution: isBox ? 'normal' : 'gumbel', size: ofProposal * horizon * actions },
    ...ofJudging,
  ];
  const greedy: Noise[] = [
    ...followed,
    ...Array.from({ length: iterations }, () => each).flat(),
    { distribution: 'gumbel', size: elites },
  ];
  const straying: Noise[] = isBox ? [{ distribution: 'normal', size: actions }] : [];
  const unknown = isBox ? 0 : 1 / actions;
  return {
    noise: { sampled: [...greedy, ...straying], greedy },
    memorySize: settings.warmStart ? horizon * actions : 0,
    plan: (problem, given) => {
      const { model, state, first, memory } = problem;
      const [members, environments] = first.shape;
      const rows = members * environments;
      const dealer = new NoiseDealer(given);
      const policyPlans =
        ofPolicy > 0
          ? followPolicy(problem, ground, horizon, ofPolicy, dealer.many(followed.length))
          : undefined;
      const mean = settings.warmStart
        ? warmStart(tf.reshape(memory!, [rows, horizon, actions]), first, unknown)
        : (tf.fill([rows, horizon, actions], unknown) as tf.Tensor3D);
      let proposal: Proposal = isBox ? { mean, dispersion: tf.fill(mean.shape, maxStd) } : { mean };
      let weighed: Iteration;
      for (let i = 0; i < iterations; i++) {
        const noise = tf.reshape(dealer.one(), [rows, ofProposal, horizon, actions]) as tf.Tensor4D;
        const ofReturns = dealer.many(ofJudging.length);
        weighed = iteration(settings, proposal, policyPlans, noise, (plans) =>
          predictedReturns(model, judged, state, plans, ofReturns),
        );
        proposal = weighed.proposal;
      }
      const { logWeights, elitePlans } = weighed!;
      const chosen = tf.argMax(tf.add(logWeights, tf.reshape(dealer.one(), [rows, elites])), 1);
      const followedPlan = pick(elitePlans, tf.expandDims(chosen, 1));
      let action = firstStep(tf.reshape(followedPlan, [rows, horizon, actions]));
      if (!dealer.isEmpty) {
        const astray = tf.mul(firstStep(proposal.dispersion!), tf.reshape(dealer.one(), [rows, actions]));
        action = tf.clipByValue(tf.add(action, astray), -1, 1);
      }
      return {
        action: tf.reshape(action, [members, environments, actions]) as tf.Tensor3D,
        ...(settings.warmStart && {
          memory: tf.reshape(proposal.mean, [members, environments, horizon * actions]) as tf.Tensor3D,
        }),
      };
    },
  };
}

/** How many candidates follow the policy. */
export function policyTrajectories(
  { candidates, policyTrajectories: number }: SettingsOf<'mppi'>,
  hasPolicy: boolean,
): number {
  if (number !== 'auto') return number;
  return hasPolicy ? Math.round(candidates * POLICY_SHARE) : 0;
}

const times = (noises: readonly Noise[], number: number): Noise[] =>
  noises.map(({ distribution, size }) => ({ distribution, size: size * number }));

/**
 * Plans that the model's policy makes in the model, sampled.
 *
 * @returns [members · environments, plans, horizon, actions]
 */
function followPolicy<State extends States>(
  { model, state, first }: Problem<State>,
  { head, actions }: Ground<State>,
  horizon: number,
  plans: number,
  [ofPolicy, ...ofSteps]: readonly tf.Tensor3D[],
): tf.Tensor4D {
  const [members, environments] = first.shape;
  const perStep = (x: tf.Tensor3D) =>
    tf.reshape(x, [members, environments * plans, horizon, -1]) as tf.Tensor4D;
  const behaviour = { head: head!, noise: perStep(ofPolicy!) };
  const stepNoise = ofSteps.length > 0 ? (tf.concat(ofSteps.map(perStep), 3) as tf.Tensor4D) : undefined;
  const { action } = rollOut(model, repeatStates(state, plans), behaviour, stepNoise);
  return tf.reshape(action, [members * environments, plans, horizon, actions]);
}

/** What an iteration came to. */
export interface Iteration extends WeighedPlans {
  /** [rows, candidates] */
  returns: tf.Tensor2D;
  proposal: Proposal;
}

/**
 * One iteration, for rows of searches that know nothing of each other.
 *
 * @param proposal with a dispersion over numbers, without over choices
 * @param others candidates that are not drawn, the first ones: [rows, others, horizon, actions]
 * @param noise of those that are: [rows, drawn, horizon, actions]
 * @param judge the return of each candidate: [rows, candidates, horizon, actions] -> [rows, candidates]
 */
export function iteration(
  settings: Pick<SettingsOf<'mppi'>, 'elites' | 'temperature' | 'momentum' | 'minStd' | 'maxStd' | 'floor'>,
  proposal: Proposal,
  others: tf.Tensor4D | undefined,
  noise: tf.Tensor4D,
  judge: (plans: tf.Tensor4D) => tf.Tensor2D,
): Iteration {
  const drawn = sample(proposal, noise);
  const plans = others ? (tf.concat([others, drawn], 1) as tf.Tensor4D) : drawn;
  const returns = judge(plans);
  const weighed = weighBest(plans, returns, settings.elites, settings.temperature);
  const next = proposal.dispersion
    ? refitNumbers(weighed, proposal, settings)
    : { mean: refitChoices(weighed, proposal.mean, settings) };
  return { ...weighed, returns, proposal: next };
}

/** Plans from noise of their shape: numbers clipped to [−1, 1], or one-hot choices. */
const sample = ({ mean, dispersion }: Proposal, noise: tf.Tensor4D): tf.Tensor4D =>
  dispersion
    ? tf.clipByValue(tf.add(tf.expandDims(mean, 1), tf.mul(tf.expandDims(dispersion, 1), noise)), -1, 1)
    : (sampleChoices(tf.expandDims(mean, 1), noise) as tf.Tensor4D);

/** The best plans and what each counts for. */
interface WeighedPlans {
  /** The best candidates, the best first: [rows, elites], int32 */
  elites: tf.Tensor2D;
  /** Those: [rows, elites, horizon, actions] */
  elitePlans: tf.Tensor4D;
  /** τ (return − best return): [rows, elites] */
  logWeights: tf.Tensor2D;
  /** Their exponentials, which sum to 1: [rows, elites] */
  weights: tf.Tensor2D;
}

/** @param candidates [rows, candidates, horizon, actions], of `returns` [rows, candidates] */
function weighBest(
  candidates: tf.Tensor4D,
  returns: tf.Tensor2D,
  elites: number,
  temperature: number,
): WeighedPlans {
  const { values, indices } = tf.topk(returns, elites);
  const best = tf.max(values, 1, true);
  const logWeights = tf.mul(tf.sub(values, best), temperature) as tf.Tensor2D;
  return {
    elites: indices,
    elitePlans: pick(candidates, indices) as tf.Tensor4D,
    logWeights,
    weights: tf.softmax(logWeights),
  };
}

/** Σ_k w_k x_k over the best plans: [rows, elites, horizon, actions] -> [rows, horizon, actions]. */
const weightedMean = (weights: tf.Tensor2D, x: tf.Tensor4D): tf.Tensor3D =>
  tf.sum(tf.mul(x, tf.reshape(weights, [...weights.shape, 1, 1])), 1);

/** μ′ = Σ w a, mixed with the μ before; σ = √(Σ w (a − μ′)²) within its bounds. */
function refitNumbers(
  { weights, elitePlans }: WeighedPlans,
  before: Proposal,
  { momentum, minStd, maxStd }: Pick<SettingsOf<'mppi'>, 'momentum' | 'minStd' | 'maxStd'>,
): Proposal {
  const mean = weightedMean(weights, elitePlans);
  const variance = weightedMean(weights, tf.squaredDifference(elitePlans, tf.expandDims(mean, 1)));
  return {
    mean: mix(before.mean, mean, momentum),
    dispersion: tf.clipByValue(tf.sqrt(variance), minStd, maxStd),
  };
}

/** p = Σ w onehot(a), mixed with the p before, none below the floor, made to sum to 1: [rows, horizon, choices]. */
function refitChoices(
  { weights, elitePlans }: WeighedPlans,
  before: tf.Tensor3D,
  { momentum, floor }: Pick<SettingsOf<'mppi'>, 'momentum' | 'floor'>,
): tf.Tensor3D {
  const mixed = mix(before, weightedMean(weights, elitePlans), momentum);
  const floored = tf.maximum(mixed, floor);
  return tf.div(floored, tf.sum(floored, 2, true));
}

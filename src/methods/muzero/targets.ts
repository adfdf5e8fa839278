/** The steps of one window of experience, in a row; they may cross episodes. */
export interface WindowSteps {
  /** r of each step, so many of them as the window is long. */
  reward: ArrayLike<number>;
  /** 1 where the step ends its episode by termination. */
  terminated: ArrayLike<number>;
  /** 1 where the step starts an episode. */
  first: ArrayLike<number>;
}

/** What a window of K + 1 states is trained towards, of each state k = 0 … K. */
export interface WindowTargets {
  /** Steps until the window's episode is over; Infinity where it goes on beyond. */
  end: number;
  /** Σ_{i<m} γ^i r_{k+i}: the part of the value that was received. */
  received: Float64Array;
  /**
   * The state whose value follows, a number of the window's steps; `end` is the last observation of an episode that was cut.
   * −1: none.
   */
  bootstrap: Int32Array;
  /** What that value is multiplied by, γ^m. */
  discount: Float64Array;
  /** 1 where the state's value is known: past a termination it is 0. */
  valueKnown: Uint8Array;
  /** 1 where the state was acted in. */
  acted: Uint8Array;
  /** r of the step into state k ≥ 1, 0 past a termination. */
  reward: Float64Array;
  rewardKnown: Uint8Array;
  /** 0 from a termination on, else 1; known where the reward is. */
  goesOn: Uint8Array;
  /** 1 where the state was observed, at an episode's end as well. */
  observed: Uint8Array;
}

/**
 * Targets of the K + 1 states from a window's first step on:
 *
 *   z_k = Σ_{i<n} γ^i r_{k+i} + γ^n v(s_{k+n})
 *
 * Where the episode terminates before, nothing follows: the states past it are absorbing, with rewards and values of 0. Where
 * it was cut, v is of its last observation, and of the states past that nothing is known.
 *
 * @param steps at least `unroll` + `returnSteps` + 1 of them
 * @param valuesLast whether the last observation of an episode that was cut has a value; else that of the state before is
 *   taken
 */
export function windowTargets(
  { reward, terminated, first }: WindowSteps,
  unroll: number,
  returnSteps: number,
  gamma: number,
  valuesLast: boolean,
): WindowTargets {
  const length = reward.length;
  let end = 1;
  while (end < length && first[end] !== 1) end++;
  /** Whether it ends by termination. */
  const isTerminal = terminated[end - 1] === 1;
  if (end === length && !isTerminal) end = Number.POSITIVE_INFINITY;
  const states = unroll + 1;
  const targets: WindowTargets = {
    end,
    received: new Float64Array(states),
    bootstrap: new Int32Array(states).fill(-1),
    discount: new Float64Array(states),
    valueKnown: new Uint8Array(states),
    acted: new Uint8Array(states),
    reward: new Float64Array(states),
    rewardKnown: new Uint8Array(states),
    goesOn: new Uint8Array(states),
    observed: new Uint8Array(states),
  };
  /** Where returns stop at the latest: at a termination, or at the last state with a value where the episode was cut. */
  const last = isTerminal || valuesLast ? end : end - 1;
  for (let k = 0; k < states; k++) {
    targets.acted[k] = Number(k < end);
    targets.observed[k] = Number(k <= end);
    targets.rewardKnown[k] = Number(k >= 1 && (k <= end || isTerminal));
    targets.goesOn[k] = Number(!isTerminal || k < end);
    if (k >= 1 && k <= end) targets.reward[k] = reward[k - 1]!;
    targets.valueKnown[k] = Number(k <= last || isTerminal);
    if (k > last || (isTerminal && k === end)) continue;
    const stop = Math.min(k + returnSteps, last);
    let discount = 1;
    for (let t = k; t < stop; t++) {
      targets.received[k]! += discount * reward[t]!;
      discount *= gamma;
    }
    if (isTerminal && stop === end) continue;
    targets.bootstrap[k] = stop;
    targets.discount[k] = discount;
  }
  return targets;
}

/**
 * EfficientZero's off-policy correction: returns of old data are of fewer steps, clip(n − ⌊age / τ⌋, 1, n).
 *
 * @param age steps that have come since
 * @param every τ; 0: never
 */
export const shrunkReturnSteps = (returnSteps: number, age: number, every: number): number =>
  every === 0 ? returnSteps : Math.max(1, returnSteps - Math.floor(age / every));

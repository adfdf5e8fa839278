import type { Noise } from '../../training/acting.ts';

/** What ε-greedy choices need: u decides whether a choice is random, v which one it is. */
export const EPSILON_GREEDY_NOISE: Noise = { distribution: 'uniform', size: 2 };

/**
 * Replaces each choice by a uniformly random one where u < ε.
 *
 * @param greedy [members, environments]
 * @param noise u and v: [members, environments, 2]
 * @param epsilon ε of each member
 * @param choices how many there are
 */
export function epsilonGreedy(
  greedy: Int32Array,
  noise: Float32Array,
  epsilon: readonly number[],
  choices: number,
): Int32Array {
  const environments = greedy.length / epsilon.length;
  return greedy.map((choice, i) => {
    const [u, v] = [noise[2 * i]!, noise[2 * i + 1]!];
    const isRandom = u < epsilon[Math.floor(i / environments)]!;
    return isRandom ? Math.min(Math.floor(v * choices), choices - 1) : choice;
  });
}

/** Share of the step size that is left at the end. */
const LEAST = 0.1;

/**
 * What the step size of a phase's n-th update is multiplied by, 1 for the first: rising to 1 over the warm-up, then falling to a
 * tenth along half a cosine.
 */
export function cosineFactor(n: number, updates: number, warmUp: number): number {
  if (n <= warmUp) return n / (warmUp + 1);
  const progress = Math.min(1, (n - warmUp) / Math.max(1, updates - warmUp));
  return LEAST + ((1 - LEAST) * (1 + Math.cos(Math.PI * progress))) / 2;
}

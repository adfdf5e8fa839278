/** σ below which a number is taken to be always the same, and left as large as it is. */
const CONSTANT = 1e-6;

/** By what a number is standardised: the mean and the σ of `count` of them, at least 1; a σ of 1 where they are all the same. */
export function standardMoments(count: number, of: (row: number) => number): { mean: number; std: number } {
  let sum = 0;
  for (let row = 0; row < count; row++) sum += of(row);
  const mean = sum / count;
  let squares = 0;
  for (let row = 0; row < count; row++) squares += (of(row) - mean) ** 2;
  const std = Math.sqrt(squares / count);
  return { mean, std: standardFrom(std) };
}

/** The σ by which a number is standardised: 1 where it is always the same. */
export const standardFrom = (std: number): number => (std < CONSTANT ? 1 : std);

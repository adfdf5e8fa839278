/** Rows of numbers x, [rows, inputs], and of those that they are to tell, y: [rows, targets]. */
export interface ProbedRows {
  x: ArrayLike<number>;
  y: ArrayLike<number>;
  rows: number;
}

/**
 * How much of y a linear function of x tells (a linear probe: Alain & Bengio 2016): the function that a ridge regression
 * fits to some rows,
 *
 *   B = (Xᵀ X + penalty I)⁻¹ Xᵀ Y,  b = mean y − Bᵀ mean x,   X, Y less their means
 *
 * and the coefficient of determination of each target on other rows,
 *
 *   R² = 1 − Σ (y − b − Bᵀ x)² / Σ (y − mean y)²
 *
 * 1 where it tells all, 0 where it tells as much as the mean does, less than that where it misleads. The intercept has no
 * penalty.
 *
 * @param penalty above 0
 * @returns R² of each target on the rows to score, [targets]; null where the target does not vary there
 */
export function linearProbe(
  fit: ProbedRows,
  score: ProbedRows,
  inputs: number,
  targets: number,
  penalty: number,
): (number | null)[] {
  const xMean = means(fit.x, fit.rows, inputs);
  const yMean = means(fit.y, fit.rows, targets);
  const x = less(fit.x, xMean);
  const gram = squares(x, fit.rows, inputs);
  for (let i = 0; i < inputs; i++) gram[i * inputs + i]! += penalty;
  const weights = products(x, less(fit.y, yMean), fit.rows, inputs, targets);
  solve(gram, weights, inputs, targets);
  const scoredX = less(score.x, xMean);
  const scoredMean = means(score.y, score.rows, targets);
  return Array.from(yMean, (mean, target) => {
    let missed = 0;
    let varied = 0;
    for (let row = 0; row < score.rows; row++) {
      const y = score.y[row * targets + target]!;
      let told = mean;
      for (let i = 0; i < inputs; i++) told += weights[i * targets + target]! * scoredX[row * inputs + i]!;
      missed += (y - told) ** 2;
      varied += (y - scoredMean[target]!) ** 2;
    }
    return varied === 0 ? null : 1 - missed / varied;
  });
}

/** Of each column: [rows, columns] -> [columns]. */
function means(values: ArrayLike<number>, rows: number, columns: number): Float64Array {
  const sums = new Float64Array(columns);
  for (let at = 0; at < rows * columns; at++) sums[at % columns]! += values[at]!;
  return sums.map((sum) => sum / rows);
}

/** Each row less the same numbers. */
function less(values: ArrayLike<number>, mean: Float64Array): Float64Array {
  const differences = new Float64Array(values.length);
  for (let at = 0; at < values.length; at++) differences[at] = values[at]! - mean[at % mean.length]!;
  return differences;
}

/** Xᵀ Y: [rows, n], [rows, m] -> [n, m]. */
function products(x: Float64Array, y: Float64Array, rows: number, n: number, m: number): Float64Array {
  const sums = new Float64Array(n * m);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < n; i++) {
      const factor = x[row * n + i]!;
      for (let j = 0; j < m; j++) sums[i * m + j]! += factor * y[row * m + j]!;
    }
  }
  return sums;
}

/** The lower triangle of Xᵀ X, which tells all of it: [rows, n] -> [n, n]. */
function squares(x: Float64Array, rows: number, n: number): Float64Array {
  const sums = new Float64Array(n * n);
  for (let from = 0; from < rows * n; from += n) {
    for (let i = 0; i < n; i++) {
      const factor = x[from + i]!;
      for (let j = 0; j <= i; j++) sums[i * n + j]! += factor * x[from + j]!;
    }
  }
  return sums;
}

/**
 * Puts A⁻¹ B in the place of B, by Cholesky's A = L Lᵀ (Golub & Van Loan, 4.2), which takes the place of A.
 *
 * @param a symmetric, all eigenvalues above 0, the lower triangle of it: [n, n]
 * @param b [n, m]
 */
function solve(a: Float64Array, b: Float64Array, n: number, m: number): void {
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = a[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= a[i * n + k]! * a[j * n + k]!;
      a[i * n + j] = i === j ? Math.sqrt(sum) : sum / a[j * n + j]!;
    }
  }
  for (let column = 0; column < m; column++) {
    for (let i = 0; i < n; i++) {
      let sum = b[i * m + column]!;
      for (let k = 0; k < i; k++) sum -= a[i * n + k]! * b[k * m + column]!;
      b[i * m + column] = sum / a[i * n + i]!;
    }
    for (let i = n - 1; i >= 0; i--) {
      let sum = b[i * m + column]!;
      for (let k = i + 1; k < n; k++) sum -= a[k * n + i]! * b[k * m + column]!;
      b[i * m + column] = sum / a[i * n + i]!;
    }
  }
}

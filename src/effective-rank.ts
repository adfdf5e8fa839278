/**
 * The effective rank of a covariance (Roy & Vetterli 2007): exp of the entropy of its eigenvalues' shares,
 *
 *   exp(−Σ p_i ln p_i),  p_i = λ_i / Σ λ
 *
 * 1 where everything varies along one direction, n where it does alike along all; 0 where nothing varies.
 *
 * @param covariance symmetric, no eigenvalue below 0 but for rounding: [n, n]
 */
export function effectiveRank(covariance: ArrayLike<number>, n: number): number {
  const eigenvalues = symmetricEigenvalues(covariance, n).map((x) => Math.max(x, 0));
  const sum = eigenvalues.reduce((a, b) => a + b, 0);
  if (sum === 0) return 0;
  const entropy = eigenvalues.reduce((h, x) => h - (x > 0 ? (x / sum) * Math.log(x / sum) : 0), 0);
  return Math.exp(entropy);
}

/** Sweeps over all pairs of rows after which Jacobi's method has long converged. */
const MOST_SWEEPS = 50;

/** The eigenvalues of a symmetric matrix [n, n], in no order, by Jacobi's cyclic rotations (Golub & Van Loan, 8.5). */
function symmetricEigenvalues(matrix: ArrayLike<number>, n: number): number[] {
  const a = Float64Array.from(matrix);
  const scale = a.reduce((sum, x) => sum + x * x, 0);
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
    let off = 0;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) off += a[p * n + q]! ** 2;
    if (off <= Number.EPSILON ** 2 * scale) break;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotate(a, n, p, q);
  }
  return Array.from({ length: n }, (_, i) => a[i * n + i]!);
}

/** Makes the element (p, q) 0 by a rotation of rows and columns p and q. */
function rotate(a: Float64Array, n: number, p: number, q: number): void {
  const apart = a[p * n + q]!;
  if (apart === 0) return;
  const theta = (a[q * n + q]! - a[p * n + p]!) / (2 * apart);
  const tangent = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const cosine = 1 / Math.sqrt(tangent * tangent + 1);
  const sine = tangent * cosine;
  for (let k = 0; k < n; k++) {
    const [x, y] = [a[k * n + p]!, a[k * n + q]!];
    a[k * n + p] = cosine * x - sine * y;
    a[k * n + q] = sine * x + cosine * y;
  }
  for (let k = 0; k < n; k++) {
    const [x, y] = [a[p * n + k]!, a[q * n + k]!];
    a[p * n + k] = cosine * x - sine * y;
    a[q * n + k] = sine * x + cosine * y;
  }
}

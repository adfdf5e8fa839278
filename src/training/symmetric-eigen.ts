/** The eigenvalues of a symmetric matrix, and its eigenvectors. */
export interface Eigen {
  /** [n], in no order */
  values: Float64Array;
  /** Row-major [n, n]: column i is the unit eigenvector of value i. */
  vectors: Float64Array;
}

/** Sweeps over all pairs; convergence is quadratic, and ten do for hundreds of dimensions. */
const MOST_SWEEPS = 60;

/**
 * A = V diag(d) V' by Jacobi's cyclic method: every pair of axes in turn is rotated so that its off-diagonal element
 * vanishes (Golub and Van Loan, *Matrix Computations*, section 8.5), until all are below rounding.
 *
 * @param matrix A, row-major [n, n], symmetric
 * @throws RangeError where A is not finite
 */
export function symmetricEigen(matrix: Float64Array, n: number): Eigen {
  const a = matrix.slice();
  const vectors = new Float64Array(n * n);
  for (let i = 0; i < n; i++) vectors[i * n + i] = 1;
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
    let rotated = false;
    for (let p = 0; p < n - 1; p++) {
      for (let q = p + 1; q < n; q++) {
        const [app, aqq, apq] = [a[p * n + p]!, a[q * n + q]!, a[p * n + q]!];
        // Relative to both diagonal elements, so that small eigenvalues of a positive matrix are found as exactly as large ones.
        if (Math.abs(apq) <= Number.EPSILON * 1e-2 * Math.sqrt(Math.abs(app)) * Math.sqrt(Math.abs(aqq))) {
          continue;
        }
        rotated = true;
        const theta = (aqq - app) / (2 * apq);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
        const cosine = 1 / Math.hypot(t, 1);
        const sine = t * cosine;
        for (let k = 0; k < n; k++) rotate(a, k * n + p, k * n + q, cosine, sine);
        for (let k = 0; k < n; k++) rotate(a, p * n + k, q * n + k, cosine, sine);
        for (let k = 0; k < n; k++) rotate(vectors, k * n + p, k * n + q, cosine, sine);
        a[p * n + q] = 0;
        a[q * n + p] = 0;
      }
    }
    if (!rotated) break;
  }
  const values = Float64Array.from({ length: n }, (_, i) => a[i * n + i]!);
  if (!values.every(Number.isFinite)) throw new RangeError('a matrix that is not finite has no eigenvalues');
  return { values, vectors };
}

function rotate(x: Float64Array, i: number, j: number, cosine: number, sine: number): void {
  const [xi, xj] = [x[i]!, x[j]!];
  x[i] = cosine * xi - sine * xj;
  x[j] = sine * xi + cosine * xj;
}

/** V diag(f(d)) V': the function of the matrix, row-major [n, n]. */
export function matrixFunction({ values, vectors }: Eigen, f: (value: number) => number): Float64Array {
  const n = values.length;
  const scaled = values.map(f);
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = i; j < n; j++) {
      let sum = 0;
      for (let k = 0; k < n; k++) sum += vectors[i * n + k]! * scaled[k]! * vectors[j * n + k]!;
      out[i * n + j] = sum;
      out[j * n + i] = sum;
    }
  }
  return out;
}

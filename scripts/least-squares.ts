/** A straight line y = a + slope x through points, by least squares. */
export interface Line {
  slope: number;
  /** Standard error of the slope, the residuals taken as independent. */
  error: number;
  /** Standard deviation of the residuals (n − 2). */
  residual: number;
}

/** The line through at least three points (x, y) with different x. */
export function leastSquares(x: readonly number[], y: readonly number[]): Line {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(x), mean(y)];
  const sxx = x.reduce((sum, value) => sum + (value - mx) ** 2, 0);
  const sxy = x.reduce((sum, value, i) => sum + (value - mx) * (y[i]! - my), 0);
  const slope = sxy / sxx;
  const squares = y.reduce((sum, value, i) => sum + (value - my - slope * (x[i]! - mx)) ** 2, 0);
  const residual = Math.sqrt(squares / (x.length - 2));
  return { slope, error: residual / Math.sqrt(sxx), residual };
}

/** A number as the unevaluated sum of two doubles, the second at most half a unit in the last place of the first. */
type Pair = readonly [number, number];

/** π as the sum of three doubles, good to 161 bits. */
const pi = [Math.PI, 1.2246467991473532e-16, -2.9947698097183397e-33] as const;

/** (-1)^n / (2n + 1)!, the coefficients of sine's series in x², n = 0 … 17: the first left out is below 2^-110 at π/2. */
const coefficients = seriesCoefficients(18);

/**
 * The double nearest to sin x, for |x| <= 10^5. `Math.sin` is up to one unit in the last place off, on another engine
 * by another unit, and C's differs again. Here x less the nearest multiple of π goes through Taylor's series in pairs of
 * doubles, good to about 100 bits, and is rounded once.
 */
export function sin(x: number): number {
  const k = Math.round(x / pi[0]);
  const near = add(add([x, 0], product(-k, pi[0])), add(product(-k, pi[1]), [-k * pi[2], 0]));
  const square = multiply(near, near);
  let series: Pair = [0, 0];
  for (let n = coefficients.length - 1; n >= 0; n--) series = add(multiply(series, square), coefficients[n]!);
  const [sine] = multiply(near, series);
  return k % 2 === 0 ? sine : -sine;
}

function seriesCoefficients(length: number): Pair[] {
  const values: Pair[] = [[1, 0]];
  for (let n = 1; n < length; n++) values.push(divide(values[n - 1]!, -2 * n * (2 * n + 1)));
  return values;
}

/** The exact sum of two doubles (Knuth). */
function sum(a: number, b: number): Pair {
  const s = a + b;
  const t = s - a;
  return [s, a - (s - t) + (b - t)];
}

/** The same in fewer operations, for |a| >= |b| or a = 0 (Dekker). */
function quickSum(a: number, b: number): Pair {
  const s = a + b;
  return [s, b - (s - a)];
}

/** The exact product of two doubles (Dekker). */
function product(a: number, b: number): Pair {
  const p = a * b;
  const [aHigh, aLow] = halves(a);
  const [bHigh, bLow] = halves(b);
  return [p, aLow * bLow - (p - aHigh * bHigh - aLow * bHigh - aHigh * bLow)];
}

/** A double as the sum of two with half the bits (Veltkamp). */
function halves(a: number): Pair {
  const c = (2 ** 27 + 1) * a;
  const high = c - (c - a);
  return [high, a - high];
}

function add(a: Pair, b: Pair): Pair {
  const [high, highError] = sum(a[0], b[0]);
  const [low, lowError] = sum(a[1], b[1]);
  const [s, error] = quickSum(high, highError + low);
  return quickSum(s, error + lowError);
}

function multiply(a: Pair, b: Pair): Pair {
  const [p, error] = product(a[0], b[0]);
  return quickSum(p, error + (a[0] * b[1] + a[1] * b[0]));
}

function divide(a: Pair, b: number): Pair {
  const quotient = a[0] / b;
  const [p, error] = product(quotient, b);
  return quickSum(quotient, (a[0] - p - error + a[1]) / b);
}

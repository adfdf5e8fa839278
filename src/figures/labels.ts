import { shorten } from '../words.ts';

/** In characters. */
const LONGEST_LABEL = 30;

/** Labels as short as a figure has room for, as long as they differ. */
export function drawableLabels(labels: readonly string[]): string[] {
  const short = labels.map((label) => shorten(label, LONGEST_LABEL));
  const distinct = new Set(short).size === new Set(labels).size ? short : labels;
  // Vega keeps what it draws by name in plain objects, which have one name of their own.
  return distinct.map((label) => (label === '__proto__' ? `${label} ` : label));
}

import { shorten } from '../words.ts';

/** In characters: what a panel of three in a row is wide, and a row's label or one in a legend of several columns may be. */
const LONGEST_LABEL = 30;
/** Lines of a label that is broken. */
const MOST_LINES = 4;

/**
 * Labels as short as a figure has room for, each another one: with their middle cut out where they then differ, else in
 * lines.
 *
 * @param longest in characters
 */
export function drawableLabels(labels: readonly string[], longest = LONGEST_LABEL): string[] {
  const differing = new Set(labels).size;
  const differ = (drawn: readonly string[]) => new Set(drawn).size === differing;
  const short = labels.map((label) => shorten(label, longest));
  const broken = differ(short) ? short : lastNames(labels).map((label) => brokenLabel(label, longest + 1));
  const distinct = differ(broken) ? broken : numbered(labels, longest);
  // Vega keeps what it draws by name in plain objects, which have one name of their own.
  return distinct.map((label) => (label === '__proto__' ? `${label} ` : label));
}

/** The lines of a label. */
export const linesOf = (label: string): string[] => label.split('\n');

/** A label as words have it. */
export const inALine = (label: string): string => label.replaceAll('\n', ' ');

/** The length of the longest line of some labels. */
export const longestLine = (labels: readonly string[]): number =>
  Math.max(...labels.flatMap(linesOf).map((line) => line.length));

/** What has an axis or a legend draw labels in their lines; nothing where each has one. */
export const inLines = (labels: readonly string[]) =>
  labels.some((label) => label.includes('\n')) ? { labelExpr: "split(datum.label, '\\n')" } : {};

/** Swept keys, `model.weights.value = 1`, by the last of their names, where those tell them apart. */
function lastNames(labels: readonly string[]): readonly string[] {
  const key = /(?<=^|, )(?:\w+\.)*(\w+)(?= = )/g;
  const keys = new Map(labels.flatMap((label) => [...label.matchAll(key)].map(([all, last]) => [all, last])));
  const tellApart = new Set(keys.values()).size === keys.size;
  return tellApart ? labels.map((label) => label.replace(key, '$1')) : labels;
}

/** A label in lines, `key = value` together in one; what is longer is broken at its spaces, or after its commas and slashes. */
function brokenLabel(label: string, longest: number): string {
  const fits = (text: string) => text.trimEnd().length <= longest;
  const pieces = [/(?<=(?<!=) )(?!= )/, /(?<= )/, /(?<=[,/])/].reduce(
    (longer, seam) => longer.flatMap((piece) => (fits(piece) ? piece : piece.split(seam))),
    [label],
  );
  const lines: string[] = [];
  for (const piece of pieces) {
    const line = `${lines.at(-1) ?? ''}${piece}`;
    if (lines.length > 0 && (fits(line) || lines.length === MOST_LINES)) lines[lines.length - 1] = line;
    else lines.push(piece);
  }
  return lines.map((line) => shorten(line.trimEnd(), longest)).join('\n');
}

/** Labels that differ in nothing which there is room for, by their place. */
const numbered = (labels: readonly string[], longest: number) => {
  const places = [...new Set(labels)];
  return labels.map((label) => {
    const place = `${places.indexOf(label) + 1}: `;
    return place + shorten(label, longest - place.length);
  });
};

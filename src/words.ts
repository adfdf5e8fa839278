/** `auto, wasm or cpu` */
export function alternatives(names: readonly unknown[]): string {
  return names.length > 1 ? `${names.slice(0, -1).join(', ')} or ${names.at(-1)}` : `${names[0]}`;
}

/** `1 seed`, `5 seeds`, of nouns whose plural ends in s */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** Cuts out the middle: names of runs tend to differ at their ends. */
export function shorten(text: string, width: number): string {
  const letters = [...text];
  if (letters.length <= width) return text;
  const tail = Math.floor((width - 1) / 2);
  return `${letters.slice(0, width - 1 - tail).join('')}…${letters.slice(letters.length - tail).join('')}`;
}

/** `lambda, horizon and gamma` */
export function enumeration(names: readonly unknown[]): string {
  return names.length > 1 ? `${names.slice(0, -1).join(', ')} and ${names.at(-1)}` : `${names[0]}`;
}

/** Ranges of seeds beyond which a line would be too long. */
const MOST_RANGES = 4;

/** The runs of seeds that follow each other, both ends included, in the order given. */
export function seedRanges(seeds: readonly number[]): { first: number; last: number }[] {
  const ranges: { first: number; last: number }[] = [];
  for (const seed of seeds) {
    const range = ranges.at(-1);
    if (range?.last === seed - 1) range.last = seed;
    else ranges.push({ first: seed, last: seed });
  }
  return ranges;
}

/** `seed 5`, `seeds 0 to 9`, `seeds 0, 3 and 7 to 9`; of seeds that lie scattered the first: `seeds 1, 4, 9, 16 and 6 more`. */
export function seedWords(seeds: readonly number[]): string {
  const ranges = seedRanges(seeds.toSorted((a, b) => a - b));
  const told = ranges.slice(0, MOST_RANGES);
  const untold = ranges.slice(MOST_RANGES).reduce((sum, { first, last }) => sum + last - first + 1, 0);
  const words = told.flatMap(({ first, last }) => {
    if (first === last) return [`${first}`];
    return last === first + 1 ? [`${first}`, `${last}`] : [`${first} to ${last}`];
  });
  return `${seeds.length === 1 ? 'seed' : 'seeds'} ${enumeration(untold > 0 ? [...words, `${untold} more`] : words)}`;
}

/** The candidate nearest to `word`, letter case and `_` or `-` aside, if at most two letters differ. */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replaceAll(/[_-]/g, '');
  const most = Math.min(2, 0.4 * word.length);
  const wanted = plain(word);
  const ranked = candidates
    // What differs more in length alone need not be compared letter by letter.
    .filter((candidate) => Math.abs(plain(candidate).length - wanted.length) <= most)
    .map((candidate) => ({ candidate, distance: editDistance(wanted, plain(candidate)) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best && best.distance <= most ? best.candidate : undefined;
}

/** Levenshtein's distance: the least number of letters to insert, delete or replace, row by row. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      next.push(Math.min(row[j + 1]! + 1, next[j]! + 1, row[j]! + (letter === other ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1)!;
}

/** Made at its first use: that takes as long as formatting some hundred numbers. */
let grouping: Intl.NumberFormat | undefined;

/** A number with its thousands apart: `12,345`. */
export function grouped(number: number): string {
  grouping ??= new Intl.NumberFormat('en-US');
  return grouping.format(number);
}

/** `m:ss`, or `h:mm:ss` from an hour on. */
export function formatSeconds(seconds: number): string {
  const whole = Math.ceil(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const digits = (n: number) => String(n).padStart(2, '0');
  return hours > 0 ? `${hours}:${digits(minutes)}:${digits(whole % 60)}` : `${minutes}:${digits(whole % 60)}`;
}

/** `12.3 MB` */
export function sizeWords(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

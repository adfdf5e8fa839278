import { isDeepStrictEqual } from 'node:util';
import { type Origin, type RunInfo, sittingsOf } from './records.ts';

/** What of an origin can change the numbers: in words for readers, and what two origins are compared by. */
interface Aspect {
  /** `wm`, as sentences and tables call it. */
  name: string;
  /** Of the event that says that a run went on under another one. */
  event: string;
  words: (origin: Origin) => string;
  /** Undefined where it was not recorded: then nothing is known to differ. */
  value: (origin: Origin) => unknown;
}

const ASPECTS: readonly Aspect[] = [
  {
    name: 'wm',
    event: 'wm-changed',
    words: wmWords,
    // Where it was not recorded whether the source was changed, it is taken for the commit's.
    value: ({ wmVersion, gitCommit, gitChanges = null }) => ({ wmVersion, gitCommit, gitChanges }),
  },
  { name: 'Node', event: 'node-changed', words: ({ node }) => node, value: ({ node }) => node },
  {
    name: 'engine',
    event: 'engine-changed',
    words: ({ engine: { name, version, device } }) => `${name} ${version} (${device})`,
    value: ({ engine: { name, version, device } }) => ({ name, version, device }),
  },
  {
    name: 'processor',
    event: 'processor-changed',
    words: ({ processor }) => processor ?? 'unknown',
    value: ({ processor }) => processor,
  },
];

/** `0.1.0 (7616ec7d1544, changed: 5f3c9a0b1d2e)`: the version, the commit, and a hash of what the source has beyond it. */
export function wmWords({ wmVersion, gitCommit, gitChanges }: Origin): string {
  if (gitCommit === null) return wmVersion;
  const changes = gitChanges ? `, changed: ${gitChanges.slice(0, 12)}` : '';
  return `${wmVersion} (${gitCommit.slice(0, 12)}${changes})`;
}

/** A change from one origin to another that can change the numbers. */
export interface OriginChange {
  name: string;
  event: string;
  from: unknown;
  to: unknown;
  /** Both in words. */
  words: readonly [from: string, to: string];
}

/** What changed between two sittings and can change the numbers. */
export function originChanges(before: Origin, after: Origin): OriginChange[] {
  return ASPECTS.flatMap(({ name, event, words, value }) => {
    const [from, to] = [value(before), value(after)];
    if (from === undefined || to === undefined || isDeepStrictEqual(from, to)) return [];
    return [{ name, event, from, to, words: [words(before), words(after)] as const }];
  });
}

/** One aspect of several runs in words: who was made by what. */
export interface OriginDifference {
  /** `wm`, `Node`, `engine` or `processor`. */
  name: string;
  /** By run, in the order given: what its sittings had, each once. */
  values: string[][];
}

/** Where runs differ, within one or among them, in what can change their numbers. What was not recorded differs from nothing. */
export function originDifferences(runs: readonly RunInfo[]): OriginDifference[] {
  return ASPECTS.flatMap(({ name, words, value }) => {
    const values = runs.map((info) => {
      const known = sittingsOf(info).filter((sitting) => value(sitting) !== undefined);
      return [...new Set(known.map(words))];
    });
    return new Set(values.flat()).size > 1 ? [{ name, values }] : [];
  });
}

/** The differences of labelled runs: of each its name and `Baseline 0.1.0 (…); Dream critic 0.1.0 (…), then 0.2.0 (…)`. */
export function differencesInWords(
  runs: readonly { label: string; info: RunInfo }[],
): { name: string; words: string }[] {
  return originDifferences(runs.map(({ info }) => info)).map(({ name, values }) => ({
    name,
    words: runs.map(({ label }, i) => `${label} ${values[i]!.join(', then ') || 'unknown'}`).join('; '),
  }));
}

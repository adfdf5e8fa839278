/** Which tests are to notice a change: a file under test/, and a pattern of names where not all of it is needed. */
export interface Check {
  file: string;
  names?: string;
}

/** Mutants of one source file that the same tests are to notice. */
export interface Group {
  area: string;
  /** From the repository's root. */
  file: string;
  by: Check;
  /** What stands in the file exactly once, what takes its place, and what is wrong then. */
  changes: readonly (readonly [text: string, replacement: string, what: string])[];
}

/** One change of one file that at least one test must notice. */
export interface Mutant {
  area: string;
  file: string;
  by: Check;
  text: string;
  replacement: string;
  what: string;
}

export const mutantsOf = (groups: readonly Group[]): Mutant[] =>
  groups.flatMap(({ changes, ...group }) =>
    changes.map(([text, replacement, what]) => ({ ...group, text, replacement, what })),
  );

/** The source with the change made. Throws where the text does not stand in it exactly once. */
export function mutate(source: string, { file, text, replacement, what }: Mutant): string {
  const count = source.split(text).length - 1;
  if (count !== 1) {
    throw new Error(
      `${file}: the text of the mutant "${what}" stands ${count} times in it, not once: ${text}; mend its entry in test/mutants`,
    );
  }
  return source.replace(text, () => replacement);
}

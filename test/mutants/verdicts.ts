import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Mutant } from './mutant.ts';
import { mutantsPage } from './page.ts';

/** Of each mutant that was tried, the test that noticed it first; null where none did. */
export type Verdicts = Map<string, string | null>;

const file = fileURLToPath(new URL('verdicts.json', import.meta.url));
const page = fileURLToPath(new URL('../../docs/mutants.md', import.meta.url));

/** Changed code is another mutant. */
export const keyOf = ({ file, text, replacement }: Mutant) => `${file}: ${text} -> ${replacement}`;

/** What earlier runs found. */
export function readVerdicts(): Verdicts {
  return new Map(existsSync(file) ? Object.entries(JSON.parse(readFileSync(file, 'utf8'))) : []);
}

/** Writes the verdicts on the mutants that are still in the list, and docs/mutants.md. */
export function writeVerdicts(mutants: readonly Mutant[], verdicts: Verdicts): void {
  const kept = mutants.flatMap((mutant) => {
    const verdict = verdicts.get(keyOf(mutant));
    return verdict === undefined ? [] : [[keyOf(mutant), verdict] as const];
  });
  writeFileSync(file, `${JSON.stringify(Object.fromEntries(kept), null, 2)}\n`);
  writeFileSync(
    page,
    mutantsPage(mutants, (mutant) => verdicts.get(keyOf(mutant))),
  );
}

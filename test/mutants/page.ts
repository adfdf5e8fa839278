import type { Mutant } from './mutant.ts';

const escaped = (text: string) => text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ');
/** As code; two backticks, because the code may hold one. */
const code = (text: string) => (text.trim() === '' ? 'nothing' : `\`\` ${escaped(text.trim())} \`\``);
const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;

/**
 * docs/mutants.md: every mutant with the test that noticed it.
 *
 * @param killedBy that test; null where none did, undefined where the mutant was not tried
 */
export function mutantsPage(
  mutants: readonly Mutant[],
  killedBy: (mutant: Mutant) => string | null | undefined,
): string {
  const count = (is: (verdict: string | null | undefined) => boolean) =>
    mutants.filter((mutant) => is(killedBy(mutant))).length;
  const survivors = count((verdict) => verdict === null);
  const untried = count((verdict) => verdict === undefined);
  const killed = mutants.length - survivors - untried;
  const head = `# Mutants

Changes of one place each that would make a result wrong without making the program fail, and the test that notices. \`npm run mutants\` makes each in a copy of the tree, runs the tests meant to notice it, and writes this page; \`npm run mutants -- --only WORD\` tries those whose area, file or description holds the word again, \`-- --untried\` those that no run has tried as they stand. The list is in \`test/mutants/\`. What the tests compare with was computed elsewhere: by numpy, JAX or scipy (\`scripts/*_reference.py\`), by hand, or by another implementation in the test.

Of ${mutants.length} mutants ${killed} are killed, ${survivors} survive, ${untried} were not tried.
`;
  const sections = [...new Set(mutants.map(({ area }) => area))].map((area) => {
    const own = mutants.filter((mutant) => mutant.area === area);
    const tables = [...new Set(own.map(({ file }) => file))].map((file) =>
      [
        `\n[${file}](../${file})\n\n`,
        row(['what is wrong', 'the code', 'becomes', 'killed by']),
        row(['---', '---', '---', '---']),
        ...own
          .filter((mutant) => mutant.file === file)
          .map((mutant) => {
            const { what, text, replacement } = mutant;
            const verdict = killedBy(mutant);
            const told = verdict === undefined ? 'not tried' : (verdict ?? '**survives**');
            return row([escaped(what), code(text), code(replacement), escaped(told)]);
          }),
      ].join(''),
    );
    return `\n## ${area}\n${tables.join('')}`;
  });
  return head + sections.join('');
}

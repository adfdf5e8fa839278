import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { groups } from './groups.ts';
import { type Check, type Mutant, mutantsOf, mutate } from './mutant.ts';
import { type Outcome, Scratch } from './scratch.ts';
import { keyOf, readVerdicts, writeVerdicts } from './verdicts.ts';

/**
 * `npm run mutants`: makes each change of the list in a copy of the tree, runs the tests that are to notice it, and
 * writes docs/mutants.md. Exit code 1 where a mutant survives. `--only WORD,WORD` tries those whose area, file or
 * description holds one of the words, `--untried` those that no run has tried as they stand; the others keep their
 * verdicts. `--jobs N` says how many run at once.
 */

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    untried: { type: 'boolean', default: false },
    jobs: { type: 'string', default: String(availableParallelism()) },
  },
});
const root = fileURLToPath(new URL('../..', import.meta.url));
const say = (text: string) => process.stderr.write(`${text}\n`);

const all = mutantsOf(groups).map((mutant) => ({
  mutant,
  // All at once and first, so that a list that is out of date is seen before hours are spent.
  changed: mutate(readFileSync(path.join(root, mutant.file), 'utf8'), mutant),
}));
const verdicts = readVerdicts();
const chosen = all.filter(
  ({ mutant }) =>
    values.only.split(',').some((word) => `${mutant.area} ${mutant.file} ${mutant.what}`.includes(word)) &&
    !(values.untried && verdicts.has(keyOf(mutant))),
);

const scratches: Scratch[] = [];
const removeAll = () => {
  for (const scratch of scratches) scratch.remove();
};
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    removeAll();
    process.exit(130);
  });
}

// After the signals are heeded, so that no copy stays behind.
while (scratches.length < Number(values.jobs)) scratches.push(new Scratch());

/** Runs a task for each item, as many at once as there are copies of the tree. */
async function each<T, R>(
  items: readonly T[],
  task: (scratch: Scratch, item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  await Promise.all(
    scratches.map(async (scratch) => {
      while (next < items.length) {
        const i = next++;
        results[i] = await task(scratch, items[i]!);
      }
    }),
  );
  return results;
}

const described = ({ file, names }: Check) => (names ? `${file} (${names})` : file);

/** Why an outcome of the unchanged tree makes a check worthless. */
function unsound(outcome: Outcome): string | undefined {
  if (outcome.kind === 'passed') return outcome.tests > 0 ? undefined : 'runs no test';
  if (outcome.kind === 'timeout') return 'takes too long';
  return `fails on the unchanged tree:\n${outcome.output}`;
}

/** The test that noticed a mutant first, or null. Throws where the mutant is no program that a test could judge. */
function killer(mutant: Mutant, outcome: Outcome): string | null {
  if (outcome.kind === 'passed') return null;
  if (outcome.kind === 'timeout') return 'no end within the time';
  if (outcome.test !== undefined) return outcome.test;
  throw new Error(`${mutant.file}: the mutant "${mutant.what}" does not load:\n${outcome.output}`);
}

const begin = performance.now();
try {
  const checks = [...new Map(chosen.map(({ mutant: { by } }) => [described(by), by])).values()];
  const bad = await each(checks, async (scratch, check) => {
    const problem = unsound(await scratch.run(check));
    return problem ? [`${described(check)} ${problem}`] : [];
  });
  if (bad.flat().length > 0) throw new Error(bad.flat().join('\n'));
  say(`${checks.length} checks pass on the unchanged tree`);
  let done = 0;
  let survivors = 0;
  await each(chosen, async (scratch, { mutant, changed }) => {
    const killedBy = killer(mutant, await scratch.runChanged(mutant.file, changed, mutant.by));
    verdicts.set(keyOf(mutant), killedBy);
    // Each time, so that a run that is stopped keeps what it has.
    writeVerdicts(
      all.map(({ mutant }) => mutant),
      verdicts,
    );
    const told =
      killedBy === null ? `SURVIVES: ${mutant.file}: ${mutant.replacement}` : `killed by ${killedBy}`;
    say(`${++done}/${chosen.length} ${mutant.what}: ${told}`);
    survivors += Number(killedBy === null);
  });
  const seconds = Math.round((performance.now() - begin) / 1000);
  say(`${chosen.length - survivors} of ${chosen.length} mutants killed in ${seconds} s`);
  if (survivors > 0) process.exitCode = 1;
} finally {
  removeAll();
}

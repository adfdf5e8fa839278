import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { run } from 'node:test';
import { spec, tap } from 'node:test/reporters';

/**
 * Every test file in a process of its own, one more at once than there are cores: those that start the program wait for
 * it again and again.
 *
 *   npm run test:only
 */

/** What lasts longest begins first: one that began last would have the other cores wait for it. */
const longest = [
  'drills',
  'cli',
  'sweep',
  'native-build',
  'update',
  'dreamer',
  'training',
  'kernels',
  'tensorflow',
  'report',
  'figures',
  'fuzz',
].map((name) => `${name}.test.ts`);
const place = (file: string) => (longest.includes(file) ? longest.indexOf(file) : longest.length);

const files = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.test.ts'))
  .sort((a, b) => place(a) - place(b))
  .map((file) => path.join(import.meta.dirname, file));

run({ files, concurrency: availableParallelism() + 1, timeout: 1_800_000 })
  .on('test:fail', () => {
    process.exitCode = 1;
  })
  .compose(process.stdout.isTTY ? new spec() : tap)
  .pipe(process.stdout);

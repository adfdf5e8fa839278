import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { reprinted } from './study-page.ts';

/**
 * `npm run study` makes what docs/study.md shows anew from the runs in the repository: it runs the page's commands that
 * write tables and figures (`node … --out DIR`), and puts into the page what those print that it shows (`$ node …`).
 * `git diff` then says whether anything has changed.
 */

const root = fileURLToPath(new URL('../', import.meta.url));
const page = new URL('../docs/study.md', import.meta.url);
/** A shell expands the page's `runs/bench/shaping-*`. */
const run = (command: string) =>
  execFileSync('sh', ['-c', `"$0" ${command}`, process.execPath], { cwd: root, encoding: 'utf8' });

const before = readFileSync(page, 'utf8');
for (const [, command, dirs] of before.matchAll(/^node (.*?((?: runs\/[^ ]+)+) --out .*)$/gm)) {
  const missing = dirs!
    .trim()
    .split(' ')
    .find((dir) => !dir.includes('*') && !existsSync(path.join(root, dir)));
  process.stdout.write(`node ${command}${missing ? `: left out, ${missing} is not there yet` : ''}\n`);
  if (!missing) run(command!);
}
const after = reprinted(before, (command) => {
  process.stdout.write(`node ${command}\n`);
  return run(command);
});
writeFileSync(page, after);

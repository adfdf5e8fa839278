import { setMaxListeners } from 'node:events';

/**
 * Runs command lines of wm one after the other in this one process, as `runInTurn` asks: a request on the command line,
 * the answer on stdout, both JSON.
 */

/** @type {{ main: (argv: string[]) => Promise<void> }} */
const { main } = await import(new URL('../../dist/cli/main.js', import.meta.url).href);
/** @type {{ cwd: string, args: string[] }[]} */
const lines = JSON.parse(process.argv[2] ?? '[]');
const answer = process.stdout.write.bind(process.stdout);
// Every one of them listens.
setMaxListeners(0, process, process.stdout, process.stderr);

/** @type {{ code: unknown, stdout: string, stderr: string }[]} */
const ended = [];
for (const { cwd, args } of lines) {
  const said = { stdout: '', stderr: '' };
  for (const name of /** @type {const} */ (['stdout', 'stderr'])) {
    process[name].write = (/** @type {unknown} */ chunk) => {
      said[name] += chunk;
      return true;
    };
  }
  process.chdir(cwd);
  await main(['node', 'wm', ...args]);
  ended.push({ code: process.exitCode, ...said });
}
process.exitCode = 0;
answer(JSON.stringify(ended));

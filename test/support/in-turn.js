import { setMaxListeners } from 'node:events';

/**
 * Runs command lines of wm one after the other in this one process: those that stand on the command line, answered on
 * stdout, all JSON (`runInTurn`), or each as a message asks for it (`session`).
 */

/** @type {{ main: (argv: string[]) => Promise<void> }} */
const { main } = await import(new URL('../../dist/cli/main.js', import.meta.url).href);
const answer = process.stdout.write.bind(process.stdout);
// Every one of them listens.
setMaxListeners(0, process, process.stdout, process.stderr);

/** @param {{ cwd: string, args: string[], env?: Record<string, string> }} line */
async function perform({ cwd, args, env = {} }) {
  const said = { stdout: '', stderr: '' };
  for (const name of /** @type {const} */ (['stdout', 'stderr'])) {
    process[name].write = (/** @type {unknown} */ chunk) => {
      said[name] += chunk;
      return true;
    };
  }
  process.chdir(cwd);
  const before = Object.keys(env).map((name) => /** @type {const} */ ([name, process.env[name]]));
  Object.assign(process.env, env);
  await main(['node', 'wm', ...args]);
  for (const [name, value] of before) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  const { exitCode: code } = process;
  process.exitCode = 0;
  return { code, ...said };
}

if (process.send) {
  // One at a time: who asks waits for the answer.
  process.on('message', async (/** @type {Parameters<typeof perform>[0]} */ line) => {
    const ended = await perform(line);
    process.send?.(ended);
  });
} else {
  const ended = [];
  for (const line of JSON.parse(process.argv[2] ?? '[]')) ended.push(await perform(line));
  answer(JSON.stringify(ended));
}

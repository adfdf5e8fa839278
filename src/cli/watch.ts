import { printable } from '../printable.ts';
import { findRuns } from '../runs/find.ts';
import { startServer } from '../serve/server.ts';
import { watchSite } from '../watch/site.ts';
import { Watcher } from '../watch/watcher.ts';
import { untilStopped } from './until-stopped.ts';

/** `wm watch`: shows runs in a browser as they are written, until it is stopped. Returns the exit code. */
export async function watchCommand(dirs: readonly string[], { port }: { port: number }): Promise<number> {
  // What cannot be watched is told here, not in the browser.
  findRuns(dirs);
  const watcher = new Watcher(dirs, () => performance.now(), Date.now);
  const stopped = untilStopped();
  const server = await startServer({
    port,
    answer: watchSite(watcher),
    failed: (error) => process.stderr.write(`${error instanceof Error ? error.stack : error}\n`),
  });
  process.stdout.write(`${server.url}\n`);
  process.stderr.write(`watching ${dirs.map(printable).join(', ')}; Ctrl-C ends it\n`);
  // Many runs take a second to read: it has passed when the page is opened.
  try {
    await watcher.look();
    await stopped;
  } finally {
    await server.close();
  }
  return 0;
}

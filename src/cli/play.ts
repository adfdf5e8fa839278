import { WEIGHTS_FILE } from '../play/played-run.ts';
import { preparePlay } from '../play/prepare.ts';
import { printable } from '../printable.ts';
import { writeOutputFolder } from '../runs/output-folder.ts';
import type { CheckpointChoice } from '../runs/saved-seeds.ts';
import { readPage } from '../serve/page.ts';
import { type Content, type Site, startServer } from '../serve/server.ts';
import { untilStopped } from './until-stopped.ts';

interface PlayCommandOptions {
  seed?: number;
  checkpoint: CheckpointChoice;
  port: number;
  web?: string;
  replace?: boolean;
}

/** `wm play`: serves a page that plays a run's model until it is stopped, or writes it as a folder. Returns the exit code. */
export async function playCommand(
  dir: string,
  { seed, checkpoint, port, web, replace = false }: PlayCommandOptions,
): Promise<number> {
  const { run, weights, fallback } = preparePlay(dir, { seed, checkpoint });
  const page = readPage('play');
  if (fallback !== null) process.stderr.write(`${fallback}\n`);
  const what = `seed ${run.seed} of ${printable(dir)} after ${run.step} steps`;
  if (web !== undefined) {
    writeOutputFolder(web, { 'index.html': page.body, [WEIGHTS_FILE]: weights }, '--web', replace);
    process.stdout.write(`${web}\n`);
    process.stderr.write(`wrote ${what}, to be served by any web server\n`);
    return 0;
  }
  const stopped = untilStopped();
  const server = await startServer({
    port,
    answer: playSite(page, weights),
    failed: (error) => process.stderr.write(`${error instanceof Error ? error.stack : error}\n`),
  });
  process.stdout.write(`${server.url}\n`);
  process.stderr.write(`playing ${what}; Ctrl-C ends it\n`);
  await stopped;
  await server.close();
  return 0;
}

/** The page at `/`, and beside it what it loads. */
export function playSite(page: Content, weights: Uint8Array): Site['answer'] {
  const site = new Map<string, Content>([
    ['/', page],
    [`/${WEIGHTS_FILE}`, { type: 'application/octet-stream', body: weights }],
  ]);
  return async (path) => site.get(path);
}

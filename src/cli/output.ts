import { fstatSync, writeFileSync } from 'node:fs';
import { whyRefused } from '../runs/on-disk.ts';

type Output = NodeJS.WriteStream & { fd: 1 | 2 };

/**
 * Sees to it that output which is lost is told, in a sentence and by an exit code other than 0. A reader that is gone
 * (`| head`, a closed terminal) loses nothing: it must not end a run before it has saved.
 */
export function watchOutput(): void {
  watch(process.stdout, 'results', 'standard output');
  watch(process.stderr, 'messages', 'standard error');
}

function watch(stream: Output, what: string, where: string): void {
  if (fstatSync(stream.fd).isFile()) writeWhole(stream);
  const readerIsGone = stream.isTTY ? 'EIO' : 'EPIPE';
  let told = false;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (told || error.code === readerIsGone) return;
    told = true;
    process.once('exit', (code) => {
      process.exitCode = code || 1;
    });
    process.stderr.write(`wm: the ${what} could not be written to ${where}: ${whyRefused(error)}\n`);
  });
}

/** Node's own stream takes it for a success when a file that fills its disk takes a part of what is written. */
function writeWhole(stream: Output): void {
  stream._write = (chunk: Uint8Array, _encoding, done) => {
    try {
      writeFileSync(stream.fd, chunk);
      done();
    } catch (error) {
      done(error as Error);
    }
  };
}

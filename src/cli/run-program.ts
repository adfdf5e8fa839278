import { type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';

/** What a program came to. */
export interface Ran {
  /** Null where a signal ended it, or where it did not start. */
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  /** Why it did not start. */
  error?: Error;
}

export interface ProgramOptions extends Pick<SpawnOptions, 'cwd' | 'env' | 'shell'> {
  /** What it reads, made as it reads it; absent: nothing. */
  input?: Iterable<Uint8Array>;
}

/**
 * Runs a program to its end, and meanwhile lets signals in: when this process exits, the program ends too, with whatever
 * it has started (a compiler's passes, a downloader).
 */
export async function runProgram(
  command: string,
  args: readonly string[],
  { input, ...options }: ProgramOptions = {},
): Promise<Ran> {
  const ownGroup = process.platform !== 'win32';
  const stdio: SpawnOptions['stdio'] = [input ? 'pipe' : 'ignore', 'pipe', 'pipe'];
  const child = spawn(command, [...args], { ...options, stdio, detached: ownGroup });
  const kill = () => {
    try {
      if (ownGroup) process.kill(-child.pid!, 'SIGKILL');
      else child.kill('SIGKILL');
    } catch {
      // It has ended by itself.
    }
  };
  process.once('exit', kill);
  try {
    const fed = input && pipeline(Readable.from(input), child.stdin!).catch(unlessClosed);
    const ended = [once(child, 'close'), text(child.stdout!), text(child.stderr!), fed] as const;
    const [[status, signal], stdout, stderr] = await Promise.all(ended);
    return { status, signal, stdout, stderr };
  } catch (error) {
    return { status: null, signal: null, stdout: '', stderr: '', error: error as Error };
  } finally {
    process.off('exit', kill);
  }
}

/** A program that ends early closes its input; what it says then tells more. */
function unlessClosed(error: NodeJS.ErrnoException): void {
  if (!['EPIPE', 'ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE'].includes(error.code ?? '')) throw error;
}

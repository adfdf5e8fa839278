import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Check } from './mutant.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What a check came to. `failed` is the first test that failed, undefined where the file did not even load. */
export type Outcome =
  | { kind: 'passed'; tests: number }
  | { kind: 'failed'; test: string | undefined; output: string }
  | { kind: 'timeout' };

/** Longest that a check may take, in seconds of wall time; a mutant can make a loop endless. */
const LONGEST = 300;

/**
 * A copy of the working tree in a temporary folder, in which files are changed and tests run: whatever happens to this
 * process, the checkout itself is never touched.
 */
export class Scratch {
  readonly dir = mkdtempSync(path.join(tmpdir(), 'wm-mutants-'));
  #child: ChildProcess | undefined;

  constructor() {
    const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });
    for (const file of listed.split('\0').filter((name) => name && !name.startsWith('runs/'))) {
      const to = path.join(this.dir, file);
      mkdirSync(path.dirname(to), { recursive: true });
      cpSync(path.join(root, file), to);
    }
    // The compiled kernels; no test that starts the compiled program is run here.
    cpSync(path.join(root, 'dist'), path.join(this.dir, 'dist'), { recursive: true });
    for (const name of ['node_modules', 'runs'])
      symlinkSync(path.join(root, name), path.join(this.dir, name));
  }

  /** Runs a check with a file changed, and puts the file back. */
  async runChanged(file: string, changed: string, check: Check): Promise<Outcome> {
    const target = path.join(this.dir, file);
    const original = readFileSync(target);
    writeFileSync(target, changed);
    try {
      return await this.run(check);
    } finally {
      writeFileSync(target, original);
    }
  }

  /** Runs a check on the tree as it stands. */
  async run({ file, names }: Check): Promise<Outcome> {
    const flags = [
      '--import',
      'tsx',
      '--test-reporter=tap',
      ...(names ? [`--test-name-pattern=${names}`] : []),
    ];
    // A group of its own, so that what a test has started ends with it.
    const child = spawn(process.execPath, [...flags, file], {
      cwd: this.dir,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text: string) => {
        output += text;
      });
    }
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      this.#kill();
    }, LONGEST * 1000);
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    clearTimeout(timer);
    this.#child = undefined;
    if (timedOut) return { kind: 'timeout' };
    if (code !== 0) return { kind: 'failed', test: firstFailure(output), output };
    return { kind: 'passed', tests: Number(/^# pass (\d+)$/m.exec(output)?.[1] ?? 0) };
  }

  #kill(): void {
    if (this.#child?.pid) process.kill(-this.#child.pid, 'SIGKILL');
  }

  /** Ends what runs and deletes the copy. */
  remove(): void {
    this.#kill();
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** A suite's line comes after those of its tests. */
const firstFailure = (tap: string) => /^ *not ok \d+ - (.*)$/m.exec(tap)?.[1];

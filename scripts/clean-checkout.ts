import assert from 'node:assert/strict';
import { execFileSync, type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The last commit in a folder of its own, which goes when the process ends: what `npm run check:package` tries. */

const NOBODY = 65534;

/** A temporary folder that another user can enter. */
export const root = mkdtempSync(path.join(tmpdir(), 'wm-package-'));
chmodSync(root, 0o755);
process.once('exit', () => {
  allowWriting(root);
  rmSync(root, { recursive: true, force: true });
});

/** What is built there stays there. */
process.env.WM_CACHE = path.join(root, 'cache');

export const checkout = path.join(root, 'checkout');
execFileSync('git', ['clone', '--quiet', fileURLToPath(new URL('../', import.meta.url)), checkout]);

/** For root, who may write anywhere: another user, who owns nothing. */
const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};

/** Who runs what `runAsUser` runs, in words for the end of a sentence. */
export const asUser = user.uid === undefined ? '' : ', as another user than root';

/** An empty folder in `root` that the user owns. */
export function folderOfUser(name: string): string {
  const folder = path.join(root, name);
  mkdirSync(folder);
  if (user.uid !== undefined) execFileSync('chown', [`${user.uid}:${user.gid}`, folder]);
  return folder;
}

/** Runs a program as that user, without HOME, and gives its stdout. @throws AssertionError where it fails. */
export function runAsUser(cwd: string, program: string, ...args: string[]): string {
  const env = { PATH: process.env.PATH };
  return succeeded([program, ...args], spawnSync(program, args, { cwd, env, encoding: 'utf8', ...user }));
}

/** Runs npm and waits for its end. */
export function tryNpm(cwd: string, ...args: string[]): SpawnSyncReturns<string> {
  return spawnSync('npm', [...args, '--no-fund', '--no-audit'], { cwd, encoding: 'utf8' });
}

/** Runs npm and gives its stdout. @throws AssertionError where it fails. */
export function npm(cwd: string, ...args: string[]): string {
  return succeeded(['npm', ...args], tryNpm(cwd, ...args));
}

function succeeded(words: string[], { status, stdout, stderr, error }: SpawnSyncReturns<string>): string {
  assert.equal(status, 0, `${words.join(' ')} ended with ${status ?? error}: ${stderr}`);
  return stdout;
}

/** Takes the permission to write from a folder and all in it. */
export function forbidWriting(folder: string): void {
  execFileSync('chmod', ['-R', 'a-w,a+rX', folder]);
}

/** Gives the owner back what `forbidWriting` took. */
export function allowWriting(folder: string): void {
  execFileSync('chmod', ['-R', 'u+w', folder]);
}

/** Says what a step has shown. */
export function done(line: string): void {
  process.stdout.write(`${line}\n`);
}

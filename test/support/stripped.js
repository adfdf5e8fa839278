import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire, register } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * Has Node load the repository's TypeScript, as `--import tsx` does, for many processes cheaply: the first one blanks the
 * types of all of it into a temporary folder, those that it starts read from there. What is left stands where it stood,
 * so that stacks are true without source maps.
 *
 *   node --import ./test/support/stripped.js test/main.ts
 */

/** Of the environment: the folder, where a process above this one has made it. */
const FOLDER = 'WM_TESTS_STRIPPED';
const root = fileURLToPath(new URL('../../', import.meta.url));
/** AssemblyScript, which only looks like it. */
const ASSEMBLY = path.join(root, 'src/engine/wasm/assembly', path.sep);

/** @returns {string} the folder, which goes with this process */
function strip() {
  /** @type {{ transformSync(source: string, options: { mode: 'strip-only', module: true }): { code: string } }} */
  const { transformSync } = createRequire(import.meta.url)('@swc/wasm-typescript');
  const folder = mkdtempSync(path.join(tmpdir(), 'wm-tests-stripped-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const top of ['src', 'test', 'scripts'].map((name) => path.join(root, name))) {
    for (const name of readdirSync(top, { recursive: true, encoding: 'utf8' })) {
      const file = path.join(top, name);
      if (!file.endsWith('.ts') || file.startsWith(ASSEMBLY)) continue;
      const { code } = transformSync(readFileSync(file, 'utf8'), { mode: 'strip-only', module: true });
      const stripped = path.join(folder, path.relative(root, file));
      mkdirSync(path.dirname(stripped), { recursive: true });
      writeFileSync(stripped, code);
    }
  }
  return folder;
}

process.env[FOLDER] ??= strip();
register('./stripped-hooks.js', import.meta.url, {
  data: { from: pathToFileURL(root).href, to: pathToFileURL(path.join(process.env[FOLDER], path.sep)).href },
});

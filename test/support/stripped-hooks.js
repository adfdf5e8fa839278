import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { moduleName } from '../../scripts/packages.js';

/** The hooks of stripped.js, which Node runs in a thread of their own. */

let from = '';
let to = '';
/** What the build has made of packages, by their names. */
let made = new Set();

/** @param {{ from: string, to: string }} folders of the TypeScript and of what was made of it, URLs that end in a slash */
export function initialize(folders) {
  ({ from, to } = folders);
  const packages = new URL('dist/packages/', from);
  made = new Set(existsSync(packages) ? readdirSync(packages) : []);
}

/**
 * Packages are loaded by the modules that the build has made of them, as dist/ loads them: in half the time.
 *
 * @type {import('node:module').ResolveHook}
 */
export function resolve(specifier, context, nextResolve) {
  if (!context.parentURL?.startsWith(from)) return nextResolve(specifier, context);
  if (specifier.startsWith('.') && specifier.endsWith('.ts')) {
    return { url: new URL(specifier, context.parentURL).href, format: 'module', shortCircuit: true };
  }
  const name = /^[@\w][^:]*$/.test(specifier) ? moduleName(specifier) : '';
  return made.has(`${name}.js`) && !context.parentURL.startsWith(`${from}node_modules/`)
    ? nextResolve(`${from}dist/packages/${name}.js`, context)
    : nextResolve(specifier, context);
}

/** @type {import('node:module').LoadHook} */
export function load(url, context, nextLoad) {
  if (!url.startsWith(from) || !url.endsWith('.ts')) return nextLoad(url, context);
  const source = readFileSync(new URL(url.slice(from.length), to), 'utf8');
  return { format: 'module', source, shortCircuit: true };
}

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { COMMONJS, MANY_FILES, moduleName } from './packages.js';

/**
 * Makes dist/ of src/, unless it is there already:
 *
 *   npm run build
 *
 * It is built in a folder beside, which then takes the place of dist/: commands that start meanwhile find the old one
 * or the new one, whole, and a build that fails or is killed leaves the old one. npm runs this after every `npm ci`
 * (`prepare`), so it is JavaScript that needs no dependency to say what is missing.
 *
 * Then the engine `native` is compiled where it is missing, also beside a dist/ that was there already: whoever has
 * installed a compiler since, or emptied the cache folder, types the same command again.
 */

const root = fileURLToPath(new URL('../', import.meta.url));
const dist = path.join(root, 'dist');
/** What builds. */
const BUILD = ['scripts/build.js', 'scripts/packages.js'];
/** In dist/: the digests of what it was built from and of what came of it. */
const STAMP = 'build.json';
/** Before the id of a process: what it builds, or has put aside. */
const BESIDE = '.dist-';
const KERNELS = 'src/engine/wasm/assembly';
/** What is compiled of it, below dist/. */
const COMPILED_KERNELS = ['kernels', 'kernels-relaxed'].map((target) => ({
  target,
  file: `engine/wasm/${target}.wasm`,
}));
/** C++, below src/ and dist/ alike: it is compiled where it runs. */
const ADDON = 'engine/native/addon';
/** A folder for each page that wm serves to a browser. */
const PAGES = 'src/pages';

/**
 * The files below a folder or the file itself, as paths from `base`, sorted.
 *
 * @param {string} base
 * @param {string} name
 * @returns {string[]}
 */
function filesBelow(base, name) {
  const entries = readdirSync(path.join(base, name), { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => path.relative(base, path.join(entry.parentPath, entry.name))).sort();
}

/**
 * SHA-256 over names and bytes.
 *
 * @param {string} base
 * @param {string[]} files
 */
function digest(base, files) {
  const hash = createHash('sha256');
  for (const file of files) {
    const bytes = readFileSync(path.join(base, file));
    hash.update(`${file}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex');
}

/** What dist/ depends on: the sources, how they are compiled, and by which versions (the lock file's). */
const sourceDigest = () =>
  digest(root, [
    ...filesBelow(root, 'src'),
    'package-lock.json',
    ...BUILD,
    'tsconfig.build.json',
    'tsconfig.json',
  ]);

/** What the kernels for wasm depend on. */
const kernelDigest = () => digest(root, [...filesBelow(root, KERNELS), 'package-lock.json', ...BUILD]);

/** @param {string} folder */
const builtDigest = (folder) =>
  digest(
    folder,
    filesBelow(folder, '.').filter((file) => file !== STAMP),
  );

/** @returns {{ sources?: string, kernels?: string }} what dist/ was built from; nothing where it is not whole */
function builtFrom() {
  try {
    const { built, ...from } = JSON.parse(readFileSync(path.join(dist, STAMP), 'utf8'));
    return built === builtDigest(dist) ? from : {};
  } catch {
    return {};
  }
}

/**
 * Runs a compiler of node_modules to its end.
 *
 * @param {string} script
 * @param {string[]} args
 */
async function compile(script, ...args) {
  const child = spawn(process.execPath, [script, ...args], { cwd: root, stdio: 'inherit' });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${path.basename(script)} ended with ${code}`);
}

/** @returns {{ tsc: string, asc: string } | undefined} undefined where development's dependencies are left out */
function compilers() {
  const require = createRequire(import.meta.url);
  try {
    const typescript = path.dirname(require.resolve('typescript/package.json'));
    const assemblyscript = path.dirname(require.resolve('assemblyscript/package.json'));
    return { tsc: path.join(typescript, 'bin/tsc'), asc: path.join(assemblyscript, 'bin/asc.js') };
  } catch {
    return undefined;
  }
}

/**
 * tfjs's gradients as one module that Node can load: see src/engine/gradients.ts.
 *
 * @param {string} outfile
 */
async function bundleGradients(outfile) {
  const { build } = await import('esbuild');
  await build({
    absWorkingDir: root,
    entryPoints: ['@tensorflow/tfjs-core/dist/register_all_gradients.js'],
    outfile,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    legalComments: 'eof',
  });
}

/**
 * Of each of the CommonJS packages a module that requires it and names its exports: Node then loads tfjs-core in a quarter
 * of the time. It is the copy of the package that the others require.
 *
 * @param {string} folder
 */
function requireCommonJs(folder) {
  const require = createRequire(import.meta.url);
  for (const name of COMMONJS) {
    const names = Object.keys(require(name)).filter((each) => each !== 'default');
    writeFileSync(
      path.join(folder, `${moduleName(name)}.js`),
      `import { createRequire } from 'node:module';\nexport const { ${names.join(', ')} } = createRequire(import.meta.url)('${name}');\n`,
    );
  }
}

/**
 * Of each of the packages of many files one, with its exports and at its end its licence: Node loads zod's 90 in three
 * times the time.
 *
 * @param {string} outdir
 */
async function bundlePackages(outdir) {
  const { build } = await import('esbuild');
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: MANY_FILES.map((name) => ({ in: `entry:${name}`, out: moduleName(name) })),
    outdir,
    write: false,
    metafile: true,
    bundle: true,
    // What two of them share stands once.
    splitting: true,
    minifyWhitespace: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    legalComments: 'none',
    // CommonJS among them requires Node's own modules.
    banner: {
      js: `import { createRequire as requireOf } from 'node:module';const require = requireOf(import.meta.url);`,
    },
    plugins: [{ name: 'packages', setup: entriesAndLocales }],
  });
  for (const { path: file, text } of outputFiles) {
    const inputs = Object.keys(metafile.outputs[path.relative(root, file)]?.inputs ?? {});
    const licences = licencesOf(inputs).map((each) => `/*\n${each.replaceAll('*/', '* /')}\n*/\n`);
    writeFileSync(file, `${text}${licences.join('')}`);
  }
}

/**
 * Makes the entry of a package, which names its exports; and leaves out zod's messages in other languages, half of it.
 *
 * @param {import('esbuild').PluginBuild} build
 */
function entriesAndLocales(build) {
  build.onResolve({ filter: /^entry:/ }, ({ path: entry }) => ({
    path: entry.slice('entry:'.length),
    namespace: 'entry',
  }));
  build.onLoad({ filter: /./, namespace: 'entry' }, async ({ path: name }) => {
    // Node's name for all that a module of CommonJS exports is none to import by.
    const names = Object.keys(await import(name)).filter((each) => each !== 'module.exports');
    return { contents: `export { ${names.join(', ')} } from '${name}';`, resolveDir: root };
  });
  build.onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({ contents: 'export {};' }));
}

/**
 * Has what was compiled import packages by the modules made of them.
 *
 * @param {string} built
 */
function importModules(built) {
  const made = new Set([...COMMONJS, ...MANY_FILES]);
  const files = filesBelow(built, '.').filter((each) => each.endsWith('.js'));
  for (const file of files.filter((each) => !each.startsWith('packages'))) {
    const source = readFileSync(path.join(built, file), 'utf8');
    const there = path.relative(path.dirname(file), 'packages').replaceAll(path.sep, '/');
    const changed = source.replaceAll(/(\bfrom |\bimport\()'([@\w][^']*)'/g, (text, before, name) =>
      made.has(name) ? `${before}'./${there}/${moduleName(name)}.js'` : text,
    );
    if (changed !== source) writeFileSync(path.join(built, file), changed);
  }
}

/**
 * Each page in src/pages/NAME/ as one file, NAME.html, that refers to nothing outside of itself: index.html, with what
 * its `<link rel="stylesheet" href="style.css">` and `<script type="module" src="main.ts">` name, bundled, in their
 * place, and the licences of the packages in it at the end.
 *
 * @param {string} outdir
 */
async function bundlePages(outdir) {
  const { build } = await import('esbuild');
  const entries = readdirSync(path.join(root, PAGES), { withFileTypes: true });
  mkdirSync(outdir);
  for (const { name } of entries.filter((entry) => entry.isDirectory())) {
    const folder = path.join(root, PAGES, name);
    const { outputFiles, metafile } = await build({
      absWorkingDir: root,
      entryPoints: ['main.ts', 'style.css'].map((file) => path.join(folder, file)),
      outdir,
      write: false,
      metafile: true,
      bundle: true,
      minify: true,
      format: 'esm',
      platform: 'browser',
      target: 'es2022',
      legalComments: 'none',
    });
    const bundled = (/** @type {string} */ kind) =>
      outputFiles.find((file) => file.path.endsWith(kind))?.text.trim() ?? '';
    const parts = /** @type {const} */ ([
      ['<link rel="stylesheet" href="style.css">', `<style>${bundled('.css')}</style>`],
      ['<script type="module" src="main.ts"></script>', `<script type="module">${bundled('.js')}</script>`],
    ]);
    let page = readFileSync(path.join(folder, 'index.html'), 'utf8');
    for (const [reference, part] of parts) {
      if (!page.includes(reference)) throw new Error(`${PAGES}/${name}/index.html lacks ${reference}`);
      page = page.replace(reference, () => part);
    }
    writeFileSync(
      path.join(outdir, `${name}.html`),
      `${page}${licencesInMarkup(Object.keys(metafile.inputs))}`,
    );
  }
}

/**
 * The same as comments of HTML.
 *
 * @param {string[]} sources
 */
const licencesInMarkup = (sources) =>
  licencesOf(sources)
    .map((text) => `<!--\n${text.replaceAll('--', '- -')}\n-->\n`)
    .join('');

/**
 * The licences of the packages that some source files are of.
 *
 * @param {string[]} sources
 */
function licencesOf(sources) {
  /** @type {Map<string, string[]>} */
  const byPackage = new Map();
  for (const file of sources) {
    const folder = /^node_modules\/(@[^/]+\/)?[^/]+/.exec(file)?.[0];
    if (folder !== undefined) byPackage.set(folder, [...(byPackage.get(folder) ?? []), file]);
  }
  return [...byPackage].map(([folder, files]) => licence(folder, files));
}

/**
 * A package's name, version and licence: its own file, or where it has none what its source files say at their tops.
 *
 * @param {string} folder
 * @param {string[]} files
 */
function licence(folder, files) {
  const { name, version } = JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8'));
  const file = readdirSync(path.join(root, folder)).find((each) => /^licen[cs]e\b/i.test(each));
  const read = (/** @type {string} */ each) => readFileSync(path.join(root, each), 'utf8');
  const notices = files.map((each) => /^\s*\/\*.*?\*\//s.exec(read(each))?.[0].trim() ?? '');
  const texts = file
    ? [read(path.join(folder, file))]
    : [...new Set(notices.filter((notice) => /licen[cs]e|permission/i.test(notice)))];
  if (texts.length === 0) throw new Error(`${folder} has no licence to put beside its code`);
  return [`${name} ${version}`, ...texts].map((text) => text.trim()).join('\n\n');
}

/**
 * The JSON schemas of configs and sweeps, which the configs name for editors, as the sources just compiled give them.
 *
 * @param {string} built
 */
async function writeSchemas(built) {
  /** @type {typeof import('../src/config/json-schema.ts')} */
  const { configJsonSchema, sweepJsonSchema } = await import(
    pathToFileURL(path.join(built, 'config/json-schema.js')).href
  );
  mkdirSync(path.join(built, 'schema'));
  for (const [name, schema] of Object.entries({ config: configJsonSchema(), sweep: sweepJsonSchema() })) {
    writeFileSync(path.join(built, `schema/${name}.json`), `${JSON.stringify(schema)}\n`);
  }
}

/** Removes what killed builds have left behind. */
function clearLeftovers() {
  for (const name of readdirSync(root)) {
    const pid = name.startsWith(BESIDE) ? Number.parseInt(name.slice(BESIDE.length), 10) : Number.NaN;
    if (!Number.isNaN(pid) && !isAlive(pid)) rmSync(path.join(root, name), { recursive: true, force: true });
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}

/**
 * Puts a built folder where dist/ is. No system call of Node's swaps two folders: for some microseconds there is none.
 *
 * @param {string} built
 */
function putInPlace(built) {
  const aside = `${built}-before`;
  // Between the two renames only a SIGKILL ends the process: for other signals it has to return to its event loop.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));
  for (let tries = 1; ; tries++) {
    try {
      if (existsSync(dist)) renameSync(dist, aside);
      renameSync(built, dist);
      break;
    } catch (error) {
      // Another build has put its own there, or has taken it away, in between.
      const code = /** @type {NodeJS.ErrnoException} */ (error).code ?? '';
      if (tries === 10 || !['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(code)) throw error;
      rmSync(aside, { recursive: true, force: true });
    }
  }
  rmSync(aside, { recursive: true, force: true });
}

/** @returns {Promise<boolean>} whether dist/ is there now; where it is not, it has been said why */
async function buildDist() {
  const from = { sources: sourceDigest(), kernels: kernelDigest() };
  const before = builtFrom();
  if (before.sources === from.sources) return true;
  const found = compilers();
  if (!found) {
    process.stderr.write(
      'wm: dist/ is to be built, and what builds it is a dependency of development; run `npm ci`, then `npm prune --omit=dev` to drop it\n',
    );
    process.exitCode = 2;
    return false;
  }
  clearLeftovers();
  const built = path.join(root, `${BESIDE}${process.pid}`);
  mkdirSync(path.join(built, 'packages'), { recursive: true });
  try {
    const kernels = COMPILED_KERNELS.map(({ target, file }) => {
      // They take longer than all the rest together, and seldom change.
      if (before.kernels === from.kernels) return cpSync(path.join(dist, file), path.join(built, file));
      const outFile = path.join(path.basename(built), file);
      return compile(
        found.asc,
        '--config',
        `${KERNELS}/asconfig.json`,
        '--target',
        target,
        '--outFile',
        outFile,
      );
    });
    await Promise.all([
      compile(found.tsc, '-p', 'tsconfig.build.json', '--checkers', '1', '--outDir', built),
      bundleGradients(path.join(built, 'engine/tfjs-gradients.js')),
      bundlePages(path.join(built, 'pages')),
      bundlePackages(path.join(built, 'packages')),
      ...kernels,
    ]);
    requireCommonJs(path.join(built, 'packages'));
    importModules(built);
    await writeSchemas(built);
    cpSync(path.join(root, 'src', ADDON), path.join(built, ADDON), { recursive: true });
    writeFileSync(path.join(built, STAMP), `${JSON.stringify({ ...from, built: builtDigest(built) })}\n`);
    putInPlace(built);
  } finally {
    rmSync(built, { recursive: true, force: true });
  }
  return true;
}

/** Compiles the engine `native` into the cache folder, where it is missing and can be. */
async function buildEngine() {
  /** @type {typeof import('../src/cli/install-native.ts')} */
  const { buildNativeIfPossible } = await import(
    pathToFileURL(path.join(dist, 'cli/install-native.js')).href
  );
  await buildNativeIfPossible((line) => process.stderr.write(`${line}\n`));
}

// An unpacked package is built already, and has no sources.
if (existsSync(path.join(root, 'src')) && (await buildDist())) await buildEngine();

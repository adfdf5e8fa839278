import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { cacheFolder, RECORD_FILE } from '../engine/cache.ts';
import { packageVersion } from '../engine/description.ts';
import {
  type Binding,
  type InstallationRecord,
  SHARED_PACKAGES,
  TENSORFLOW_PACKAGE,
  TFJS_CORE,
} from '../engine/tensorflow-package.ts';
import { UserError } from '../errors.ts';
import { makeFolder } from '../runs/atomic.ts';
import {
  errorLine,
  type Installed,
  makeInstallation,
  requireCompiler,
  requireHeaders,
  tryOut,
  writeJson,
} from './installation.ts';
import { type Ran, runProgram } from './run-program.ts';

/** Version of Node's C interface that the binding's C++ is written for; part of the path where it looks for its binary. */
const NAPI_VERSION = 8;

/** What a Python package of TensorFlow 2 holds of TensorFlow's C interface. */
const HEADER = 'include/tensorflow/c/eager/c_api.h';
const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
const FIND_DIR = `python3 -c "import importlib.util as u; print(u.find_spec('tensorflow').submodule_search_locations[0])"`;

/**
 * Compiles the binding against an installed TensorFlow, in a folder of its own under the cache folder. It works only
 * as long as that TensorFlow stays where it is.
 *
 * @param library folder of an installed Python package `tensorflow`, 2.x
 * @param say told what is being done
 * @throws UserError for whatever is missing, in one sentence with what mends it; nothing is left behind.
 */
export async function buildTensorflow(library: string, say: (step: string) => void): Promise<Installed> {
  const builtAgainst = path.resolve(library);
  requireTensorflow(builtAgainst);
  const headers = requireHeaders('tensorflow');
  const compiler = await requireCompiler('tensorflow');
  return install({ kind: 'built', builtAgainst, compiler: compiler.version }, say, async (folder) => {
    say(`compiling against ${builtAgainst}`);
    const source = path.join(folder, 'node_modules', TENSORFLOW_PACKAGE);
    const target = path.join(source, 'lib', `napi-v${NAPI_VERSION}`);
    makeFolder(target);
    const compiled = await runProgram(compiler.command, [
      ...['-std=c++17', '-O2', '-fPIC', '-shared', `-DNAPI_VERSION=${NAPI_VERSION}`],
      ...['-I', headers],
      ...['-I', path.join(builtAgainst, 'include')],
      ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((file) => path.join(source, 'binding', file)),
      ...['-o', path.join(target, 'tfjs_binding.node')],
      ...LIBRARIES.map((file) => path.join(builtAgainst, file)),
      // Where they stand now is where they are looked for, and from there what they need in turn (CUDA's, say).
      `-Wl,-rpath,${builtAgainst}`,
    ]);
    if (compiled.status === 0) return;
    throw new UserError(
      `engine tensorflow: the binding does not compile against ${builtAgainst} (${errorLine(compiled)}); try another version of TensorFlow (2.21 is known to work) or of ${compiler.command}`,
      1,
    );
  });
}

/**
 * Downloads the library that the npm package was made for (TensorFlow 2.9, some hundred megabytes) by running the
 * package's own install script, in a folder under the cache folder.
 *
 * @throws UserError for whatever is missing, in one sentence with what mends it; nothing is left behind.
 */
export async function installTensorflow(say: (step: string) => void): Promise<Installed> {
  return install({ kind: 'packaged', builtAgainst: null, compiler: null }, say, async (folder) => {
    say('downloading TensorFlow, some hundred megabytes');
    const ran = await npm(path.join(folder, 'node_modules', TENSORFLOW_PACKAGE), ['run', 'install']);
    if (ran.status === 0) return;
    throw new UserError(
      `engine tensorflow: its library could not be downloaded (${errorLine(ran)}); check the network, or run \`wm engines build --tensorflow DIR\` with the folder of an installed Python tensorflow`,
      1,
    );
  });
}

/**
 * Makes an installation: fetches the package, has `makeLibrary` provide its native part, computes one operation. One of
 * the same version is replaced.
 */
function install(
  origin: Omit<InstallationRecord, 'tensorflow' | 'madeAt'>,
  say: (step: string) => void,
  makeLibrary: (folder: string) => Promise<void>,
): Promise<Installed> {
  return makeInstallation('tensorflow', async (folder) => {
    await fetchPackages(folder, say);
    await makeLibrary(folder);
    say('computing one operation');
    const engine = await tryOut(
      'tensorflow',
      { ...origin, folder } satisfies Binding,
      'try another version of TensorFlow (2.21 is known to work)',
    );
    const record: InstallationRecord = {
      ...origin,
      tensorflow: engine.version,
      madeAt: new Date().toISOString(),
    };
    writeJson(path.join(folder, RECORD_FILE), record);
    return { engine, place: path.join(cacheFolder('tensorflow'), `tensorflow-${engine.version}`) };
  });
}

/** Fetches the binding's JavaScript and C++, with stand-ins for the packages that it shares with wm. */
async function fetchPackages(folder: string, say: (step: string) => void): Promise<void> {
  const version = packageVersion(TFJS_CORE);
  say(`fetching ${TENSORFLOW_PACKAGE} ${version} into ${folder}`);
  const dependencies: Record<string, string> = { [TENSORFLOW_PACKAGE]: version };
  for (const name of SHARED_PACKAGES) {
    const standIn = path.basename(name);
    mkdirSync(path.join(folder, standIn));
    writeJson(path.join(folder, standIn, 'package.json'), { name, version, main: 'index.js' });
    writeFileSync(
      path.join(folder, standIn, 'index.js'),
      "throw new Error('This stands in for the copy that wm has loaded.');\n",
    );
    dependencies[name] = `file:./${standIn}`;
  }
  writeJson(path.join(folder, 'package.json'), { private: true, dependencies });
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const fetched = await npm(folder, ['install', ...options]);
  if (fetched.status === 0) return;
  throw new UserError(
    `engine tensorflow: npm could not fetch ${TENSORFLOW_PACKAGE} ${version} (${errorLine(fetched)}); check the network and npm's registry`,
    1,
  );
}

/** @throws UserError where a folder holds no TensorFlow that can be built against. */
function requireTensorflow(folder: string): void {
  if (process.platform !== 'linux') {
    throw new UserError(
      'engine tensorflow: it can be built on Linux alone; run `wm engines install tensorflow` to download the packaged one',
    );
  }
  if (!existsSync(path.join(folder, HEADER))) {
    throw new UserError(
      `--tensorflow: ${folder} is not the folder of an installed Python tensorflow (it lacks ${HEADER}); give the folder that \`${FIND_DIR}\` prints`,
    );
  }
  const missing = LIBRARIES.find((file) => !existsSync(path.join(folder, file)));
  if (missing) {
    throw new UserError(
      `--tensorflow: the TensorFlow in ${folder} has no ${missing}; install a TensorFlow 2 that ships it (2.21 does)`,
    );
  }
}

/** Runs npm in a folder. @throws UserError where there is no npm. */
async function npm(cwd: string, args: readonly string[]): Promise<Ran> {
  // On Windows npm is a script, which only a shell starts.
  const ran = await runProgram('npm', args, { cwd, shell: process.platform === 'win32' });
  if (!ran.error) return ran;
  throw new UserError(`engine tensorflow: npm does not start (${ran.error.message}); install npm`);
}

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import path from 'node:path';
import { cacheFolder, RECORD_FILE } from './cache.ts';
import { EngineError } from './engine-error.ts';

/** TensorFlow.js's binding to TensorFlow's own library: JavaScript, and the C++ that is compiled against the library. */
export const TENSORFLOW_PACKAGE = '@tensorflow/tfjs-node-gpu';

/** Engines and tensors are in its registry: the binding must share wm's copy. */
export const TFJS_CORE = '@tensorflow/tfjs-core';

/** The packages that the binding asks for and is given by wm. The first is the core and more, of which wm has no copy. */
export const SHARED_PACKAGES = ['@tensorflow/tfjs', TFJS_CORE] as const;

/** A binding to load: where it is, and where it comes from. */
export interface Binding {
  /** Its own folder. */
  folder: string;
  /** `built` against an installed TensorFlow, or `packaged` with the library that the npm package downloads. */
  kind: 'built' | 'packaged';
  /** The folder whose TensorFlow it was built against; null for the packaged one. */
  builtAgainst: string | null;
}

/** What `wm engines build` and `wm engines install` note down about what they set up. */
export interface InstallationRecord extends Omit<Binding, 'folder'> {
  /** Version of TensorFlow's library. */
  tensorflow: string;
  /** What compiled the binding; null for the packaged one. */
  compiler: string | null;
  /** ISO 8601, UTC */
  madeAt: string;
}

/**
 * The bindings in the cache folder, best first: built before packaged, then the newest.
 *
 * @throws EngineError where that folder or a record in it cannot be read
 */
export function installations(): (Binding & InstallationRecord)[] {
  const cache = cacheFolder('tensorflow');
  if (!existsSync(cache)) return [];
  return readable(cache, 'set WM_CACHE to a folder', () => readdirSync(cache))
    .filter((name) => name.startsWith('tensorflow-'))
    .map((name) => path.join(cache, name))
    .filter((folder) => existsSync(path.join(folder, RECORD_FILE)))
    .map(installationIn)
    .sort((a, b) => a.kind.localeCompare(b.kind) || b.madeAt.localeCompare(a.madeAt));
}

function installationIn(folder: string): Binding & InstallationRecord {
  const remedy = 'remove it, and set the engine up again with `wm engines build` or `wm engines install`';
  const record: Partial<InstallationRecord> | null = readable(folder, remedy, () =>
    JSON.parse(readFileSync(path.join(folder, RECORD_FILE), 'utf8')),
  );
  const { kind, madeAt } = record ?? {};
  if ((kind !== 'built' && kind !== 'packaged') || typeof madeAt !== 'string') {
    throw new EngineError('tensorflow', `${folder} is damaged (${RECORD_FILE} says too little); ${remedy}`);
  }
  return { ...(record as InstallationRecord), folder };
}

/** What `read` gives. @throws EngineError that says why it cannot be read, and what mends it */
function readable<T>(place: string, remedy: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const why = (error as Error).message.split('\n')[0];
    throw new EngineError('tensorflow', `${place} cannot be read (${why}); ${remedy}`);
  }
}

/** The `require` of the folder that holds the binding; without one, of wm itself. @throws where there is no package. */
function requireOf(folder: string | undefined): NodeJS.Require {
  const base = createRequire(folder ? path.join(folder, 'package.json') : import.meta.url);
  return createRequire(base.resolve(`${TENSORFLOW_PACKAGE}/package.json`));
}

/** The version of the binding's package. @throws where there is no package. */
export const bindingVersion = (folder: string | undefined): string =>
  requireOf(folder)('./package.json').version;

/**
 * Loads the binding, which registers the backend `tensorflow` with wm's own copy of TensorFlow.js: where the binding
 * asks for its own, Node's module cache answers with ours. (In the folder of an installation there is only a
 * stand-in.)
 *
 * @param folder undefined: the package beside wm
 * @throws whatever the binding throws as it loads
 */
export function loadBinding(folder: string | undefined): void {
  const theirs = requireOf(folder);
  const core = createRequire(import.meta.url)(TFJS_CORE);
  for (const name of SHARED_PACKAGES) {
    const file = theirs.resolve(name);
    const shared = new Module(file);
    shared.exports = name === TFJS_CORE ? core : { ...core, ...layers };
    shared.loaded = true;
    theirs.cache[file] = shared;
  }
  theirs('.');
}

/** What the binding asks of tfjs's layers as it loads, to show the progress of their training: wm has no layers. */
const layers = { CustomCallback: class {}, registerCallbackConstructor: () => {} };

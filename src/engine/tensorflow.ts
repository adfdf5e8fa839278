import { createRequire } from 'node:module';
import { type Engine, packageVersion } from './description.ts';
import { EngineError } from './engine-error.ts';
import { registerGradients } from './gradients.ts';
import type { TensorflowBackend } from './tensorflow/binding.ts';
import {
  type Binding,
  bindingVersion,
  installations,
  loadBinding,
  TENSORFLOW_PACKAGE,
  TFJS_CORE,
} from './tensorflow-package.ts';

/**
 * Loads TensorFlow's own library as the engine of this process.
 *
 * @param given the binding to load; by default the best in the cache folder, and where none is there the package beside wm
 * @throws EngineError that says in one sentence why it cannot, and what mends it.
 */
export async function startTensorflow(given?: Binding): Promise<Engine> {
  restoreUtilFunctions();
  setLibraryDefaults();
  const binding = given ?? installations()[0];
  try {
    requireVersionOfTfjs(binding);
    await registerGradients();
    loadBinding(binding?.folder);
    const tf = await import('@tensorflow/tfjs-core');
    if (!tf.findBackendFactory('tensorflow')) {
      throw new EngineError(
        'tensorflow',
        `${TENSORFLOW_PACKAGE} has a copy of TensorFlow.js of its own; run ${remedy(binding)}`,
      );
    }
    await tf.setBackend('tensorflow');
    tf.tidy(() => tf.add(1, 1).dataSync());
    const backend = tf.backend() as TensorflowBackend;
    const { registerCompiler } = await import('./compiled.ts');
    registerCompiler('tensorflow', (await import('./tensorflow/compile.ts')).compile);
    const { isUsingGpuDevice } = backend;
    return {
      name: 'tensorflow',
      device: isUsingGpuDevice ? 'GPU, CUDA' : 'processor, libtensorflow (no usable GPU found)',
      version: backend.binding.TF_Version,
      isGpu: isUsingGpuDevice,
      stacksMembers: true,
    };
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw new EngineError('tensorflow', explain(error as NodeJS.ErrnoException, binding));
  }
}

/**
 * What `startTensorflow` would start, in a process that will not compute with it. oneDNN, which the others use, says
 * on stderr at every start that it does, and no log level keeps it quiet.
 */
export async function describeTensorflow(): Promise<Engine> {
  const { TF_ENABLE_ONEDNN_OPTS: given } = process.env;
  process.env.TF_ENABLE_ONEDNN_OPTS = '0';
  try {
    return await startTensorflow();
  } finally {
    // Worker processes inherit what stands here.
    if (given === undefined) delete process.env.TF_ENABLE_ONEDNN_OPTS;
    else process.env.TF_ENABLE_ONEDNN_OPTS = given;
  }
}

/**
 * tfjs-node 4.22 calls functions of node:util that Node 23 removed, and of which Node 22 warns: its own are put in
 * their place before it loads.
 */
function restoreUtilFunctions(): void {
  const util: { isNullOrUndefined: (x: unknown) => boolean; isArray: (x: unknown) => boolean } =
    createRequire(import.meta.url)('node:util');
  util.isNullOrUndefined = (x) => x === null || x === undefined;
  util.isArray = Array.isArray;
}

/** The library reads these when it loads; what the user has set stays. */
function setLibraryDefaults(): void {
  // Its banner is noise in a terminal.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  // A worker is one of several, and small networks compute faster on one thread than on two.
  process.env.TF_NUM_INTRAOP_THREADS ??= '1';
  process.env.TF_NUM_INTEROP_THREADS ??= '1';
  // Otherwise each process takes all of the GPU's memory, and the second one gets none.
  process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';
}

/** Each version of TensorFlow.js has its own binding. */
function requireVersionOfTfjs(binding: Binding | undefined): void {
  const wanted = packageVersion(TFJS_CORE);
  const found = bindingVersion(binding?.folder);
  if (found === wanted) return;
  throw new EngineError(
    'tensorflow',
    `${TENSORFLOW_PACKAGE} ${found} does not fit TensorFlow.js ${wanted}; run ${remedy(binding)}`,
  );
}

/** The command that sets a binding up anew. */
const remedy = (binding: Binding | undefined): string =>
  binding?.kind === 'built'
    ? `\`wm engines build --tensorflow ${binding.builtAgainst}\``
    : '`wm engines install tensorflow`';

/** Why, for each way in which the engine can be missing, with what mends it. */
export function explain({ code, message }: NodeJS.ErrnoException, binding: Binding | undefined): string {
  const firstLine = message.split('\n')[0];
  if (code === 'MODULE_NOT_FOUND' && !binding) {
    return 'it is not installed; run `wm engines build --tensorflow DIR` with the folder of an installed Python tensorflow, or `wm engines install tensorflow` to download one';
  }
  if (code === 'MODULE_NOT_FOUND') {
    return `${binding!.folder} is damaged (${firstLine}); run ${remedy(binding)}`;
  }
  if (code === 'ERR_DLOPEN_FAILED') {
    const needs =
      binding?.kind === 'built'
        ? `put back the TensorFlow in ${binding.builtAgainst}, or run \`wm engines build\` with another`
        : 'install CUDA 11.2 and cuDNN 8.1, or run `wm engines build --tensorflow DIR` with the folder of an installed Python tensorflow';
    return `its native library does not load (${firstLine}); ${needs}`;
  }
  if (message.includes('tfjs_binding.node')) {
    return `the native part of ${TENSORFLOW_PACKAGE} is missing because its install script did not run; run ${remedy(binding)}`;
  }
  return `it loads but does not compute (${firstLine}); use --engine wasm`;
}

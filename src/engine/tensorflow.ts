import { createRequire } from 'node:module';
import type { KernelBackend } from '@tensorflow/tfjs';
import { UserError } from '../errors.ts';
import { type Engine, packageVersion } from './engine.ts';

const PACKAGE: string = '@tensorflow/tfjs-node-gpu';

const require = createRequire(import.meta.url);

/** What is used of tfjs-node's backend beyond the common interface. */
interface TensorflowBackend {
  isUsingGpuDevice: boolean;
}

/**
 * Loads TensorFlow's own library as the engine of this process.
 *
 * @throws UserError that says in one sentence why it cannot, and what mends it.
 */
export async function startTensorflow(): Promise<Engine> {
  restoreUtilFunctions();
  // The native library reads its log level when it loads; its banner is noise in a terminal.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  try {
    // A specifier in a variable: the package is optional, and a literal one is a type error where it is absent.
    await import(PACKAGE);
    const tf = await import('@tensorflow/tfjs');
    await tf.setBackend('tensorflow');
    tf.tidy(() => tf.add(1, 1).dataSync());
    const { isUsingGpuDevice } = tf.backend() as KernelBackend & TensorflowBackend;
    return {
      name: 'tensorflow',
      device: isUsingGpuDevice ? 'GPU, CUDA' : 'processor, libtensorflow (no usable GPU found)',
      version: packageVersion(PACKAGE),
      isGpu: isUsingGpuDevice,
    };
  } catch (error) {
    throw new UserError(explain(error as NodeJS.ErrnoException));
  }
}

/** tfjs-node 4.22 calls functions that Node 23 removed from node:util: they are put back before it loads. */
function restoreUtilFunctions(): void {
  const util: { isNullOrUndefined?: (x: unknown) => boolean; isArray?: (x: unknown) => boolean } =
    require('node:util');
  util.isNullOrUndefined ??= (x) => x === null || x === undefined;
  util.isArray ??= Array.isArray;
}

/** One sentence for each way in which the engine can be missing, with what mends it. */
export function explain({ code, message }: NodeJS.ErrnoException): string {
  const firstLine = message.split('\n')[0];
  if (code === 'ERR_MODULE_NOT_FOUND') {
    return `engine tensorflow: ${PACKAGE} is not installed (npm leaves it out where its download fails); run \`npm install ${PACKAGE}\` to try again`;
  }
  if (code === 'ERR_DLOPEN_FAILED') {
    return `engine tensorflow: its native library does not load (${firstLine}); install CUDA 11.2 and cuDNN 8.1, or use --engine wasm`;
  }
  if (message.includes('tfjs_binding.node')) {
    return `engine tensorflow: the native part of ${PACKAGE} is missing because its install script did not run; run \`npm rebuild ${PACKAGE}\``;
  }
  return `engine tensorflow: it loads but does not compute (${firstLine}); use --engine wasm`;
}

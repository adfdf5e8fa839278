import type { KernelBackend, Tensor } from '@tensorflow/tfjs-core';
import { type Engine, packageVersion } from './description.ts';
import { EngineError } from './engine-error.ts';
import { registerGradients } from './gradients.ts';

/** Dawn, the implementation of WebGPU for Node, and tfjs's kernels on it. */
const DAWN: string = 'webgpu';
const BACKEND: string = '@tensorflow/tfjs-backend-webgpu';
/** No dependency of the package: they are 150 MB that only a machine with a GPU has a use for. */
const INSTALL = `npm install --no-save ${DAWN}@0.6.2 ${BACKEND}@4.22.0`;

/** What is used of a GPUAdapter. */
interface Adapter {
  info: {
    /** Name of the device, in lower case with dashes. */
    device: string;
    /** Name and version of the driver. */
    description: string;
    /** Whether it is the processor that computes. */
    isFallbackAdapter: boolean;
  };
}

/** What is used of Dawn's package. */
interface Dawn {
  create(options: string[]): { requestAdapter(options: object): Promise<Adapter | null> };
  globals: object;
}

/** What is used of tfjs's backend beyond the common interface. */
interface WebgpuBackend {
  device: { addEventListener(type: 'uncapturederror', listener: (event: { error: Error }) => void): void };
}

/** Dawn's instance: adapters and devices do not keep it alive, and crash without it. */
let instance: ReturnType<Dawn['create']> | undefined;

/**
 * Looks for an adapter without starting anything on it.
 *
 * @throws EngineError that says in one sentence why there is none, and what mends it.
 */
export async function describeWebgpu(): Promise<Engine> {
  const version = installedVersion();
  const { info } = await findAdapter();
  const { device, description, isFallbackAdapter } = info;
  return {
    name: 'webgpu',
    device: isFallbackAdapter
      ? `processor, software adapter (${description})`
      : `GPU, ${device} (${description})`,
    version,
    isGpu: !isFallbackAdapter,
    stacksMembers: !isFallbackAdapter,
  };
}

/**
 * Makes the GPU the engine of this process, through Dawn. Values can be read back by `await data()` alone; an error
 * that the GPU reports in between is thrown there.
 *
 * @throws EngineError that says in one sentence why it cannot, and what mends it.
 */
export async function startWebgpu(): Promise<Engine> {
  const engine = await describeWebgpu();
  const unusable = `it does not compute on this adapter (${engine.device}); update its driver, or use --engine wasm`;
  // The backend asks the browser's `navigator` for its adapter.
  const navigator = { userAgent: 'node', gpu: instance };
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
  const tf = await import('@tensorflow/tfjs-core');
  await registerGradients();
  await load(BACKEND);
  tf.enableProdMode();
  // Where it cannot start, tfjs goes on with another backend without a word.
  const started = await tf.setBackend('webgpu');
  if (!started || tf.getBackend() !== 'webgpu') throw new EngineError('webgpu', unusable);
  throwDeviceErrorsOnRead(tf.backend() as KernelBackend & WebgpuBackend);
  // Enough elements that the backend does not compute them on the processor.
  const elements = 4096;
  const sum = tf.tidy((): Tensor => tf.sum(tf.ones([elements])));
  const [computed] = await sum.data();
  sum.dispose();
  if (computed !== elements) throw new EngineError('webgpu', unusable);
  return engine;
}

function installedVersion(): string {
  try {
    return `${packageVersion(BACKEND)} on Dawn ${packageVersion(DAWN)}`;
  } catch {
    throw new EngineError(
      'webgpu',
      `its packages are not installed (they are optional, 150 MB); run \`${INSTALL}\``,
    );
  }
}

/** The adapter that the backend will ask for, too. */
async function findAdapter(): Promise<Adapter> {
  if (!instance) {
    const { create, globals } = await load<Dawn>(DAWN);
    Object.assign(globalThis, globals);
    instance = create([]);
  }
  const adapter = await instance.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter) return adapter;
  throw new EngineError(
    'webgpu',
    process.platform === 'linux' && !hasVulkanLoader()
      ? 'the Vulkan loader libvulkan.so.1 is missing; install it (on Debian and Ubuntu: `apt-get install libvulkan1`) and the driver of your GPU'
      : 'no adapter was found; install the driver of your GPU, with Vulkan on Linux, or use --engine wasm',
  );
}

/** Imports an optional package. A specifier in a variable: a literal one is a type error where it is absent. */
async function load<T>(name: string): Promise<T> {
  try {
    return await import(name);
  } catch (error) {
    const [line] = (error as Error).message.split('\n');
    throw new EngineError(
      'webgpu',
      `${name} does not load here (${line}); update this system's libraries, or use --engine wasm`,
    );
  }
}

/** Whether the library through which Vulkan's drivers are found is there. */
function hasVulkanLoader(): boolean {
  try {
    process.dlopen({ exports: {} }, 'libvulkan.so.1');
    return true;
  } catch (error) {
    // A library that does load is no module of Node, which is another message.
    return !(error as Error).message.includes('cannot open shared object file');
  }
}

/**
 * WebGPU reports a failed allocation or an invalid command by an event, and goes on with zeros. This makes the next
 * value read back throw it instead.
 */
function throwDeviceErrorsOnRead(backend: KernelBackend & WebgpuBackend): void {
  let failure: Error | undefined;
  backend.device.addEventListener('uncapturederror', ({ error }) => {
    const detail = error.message.split('\n')[0]!.replace(/\.$/, '');
    failure ??= new EngineError(
      'webgpu',
      `the GPU refused a command (${detail}); train fewer seeds in one run, or use another --engine`,
    );
  });
  const read = backend.read.bind(backend);
  backend.read = async (dataId) => {
    const values = await read(dataId);
    if (failure) throw failure;
    return values;
  };
}

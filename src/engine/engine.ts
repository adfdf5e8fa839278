import { createRequire } from 'node:module';
import path from 'node:path';
import { type Engine, packageVersion } from './description.ts';
import { EngineError } from './engine-error.ts';
import { registerGradients } from './gradients.ts';
import { type EngineName, engineNames } from './names.ts';
import { describeNative, startNative } from './native.ts';
import { describeTensorflow, startTensorflow } from './tensorflow.ts';
import { fusesMultiplyAdd } from './wasm/relaxed-simd.ts';
import { describeWebgpu, startWebgpu } from './webgpu.ts';

const require = createRequire(import.meta.url);

/** The engines that are always there need not be started to be described. tfjs itself loads on demand: it takes a second. */
const embedded: Record<'wasm' | 'cpu', () => Engine> = {
  wasm: () => ({
    name: 'wasm',
    device: `processor, WebAssembly SIMD${fusesMultiplyAdd() ? ' with fused multiply-add' : ''}, 1 thread`,
    version: packageVersion('@tensorflow/tfjs-backend-wasm'),
    isGpu: false,
    stacksMembers: false,
  }),
  cpu: () => ({
    name: 'cpu',
    device: 'processor, plain JavaScript, 1 thread',
    version: packageVersion('@tensorflow/tfjs-backend-cpu'),
    isGpu: false,
    stacksMembers: false,
  }),
};

/**
 * How gladly `auto` takes an engine that works: a GPU before what is fast on a processor. WebGPU on a software adapter
 * comes last: it is there for tests.
 */
function preference({ name, isGpu }: Engine): number {
  return isGpu ? 4 : { native: 3, tensorflow: 2, wasm: 1, cpu: 0, webgpu: -1 }[name];
}

/** The one that `auto` takes of those that work. */
export const preferred = (engines: readonly Engine[]): Engine =>
  engines.toSorted((a, b) => preference(b) - preference(a))[0]!;

/**
 * Decides what computes, before any work is given out. `auto` takes tensorflow or webgpu on a real GPU, else native
 * where it is built, else tensorflow if it loads, else wasm.
 *
 * @returns the engine, and why not the fastest one on a processor: null where it is taken, or where the user chose
 * @throws EngineError when the engine asked for cannot load.
 */
export async function chooseEngine(
  requested: EngineName | 'auto',
): Promise<{ engine: Engine; reason: string | null }> {
  if (requested !== 'auto') return { engine: await describeEngine(requested), reason: null };
  const usable: Engine[] = [];
  const problems = new Map<EngineName, string>();
  for (const name of engineNames) {
    try {
      const engine = await describeEngine(name);
      if (engine.isGpu) return { engine, reason: null };
      usable.push(engine);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      problems.set(name, error.message);
    }
  }
  return { engine: preferred(usable), reason: problems.get('native') ?? null };
}

/** What an engine would compute on. @throws EngineError when it cannot load. */
async function describeEngine(name: EngineName): Promise<Engine> {
  if (name === 'tensorflow') return describeTensorflow();
  if (name === 'webgpu') return describeWebgpu();
  if (name === 'native') return describeNative();
  return embedded[name]();
}

/** Loads an engine and makes it the one tfjs computes with in this process. @throws EngineError when it cannot load. */
export async function startEngine(name: EngineName): Promise<Engine> {
  if (name === 'tensorflow') return startTensorflow();
  if (name === 'webgpu') return startWebgpu();
  if (name === 'native') return startNative();
  const tf = await import('@tensorflow/tfjs-core');
  await registerGradients();
  // Silences its advice to install tfjs-node: `wm engines` says what is there.
  tf.enableProdMode();
  if (name === 'wasm') {
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    const folder = path.dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json'));
    setWasmPaths(path.join(folder, 'dist', path.sep));
  } else {
    await import('@tensorflow/tfjs-backend-cpu');
  }
  const active = await tf.setBackend(name);
  await tf.ready();
  if (!active || tf.getBackend() !== name) {
    throw new EngineError(name, 'tfjs could not start it; choose another --engine');
  }
  if (name === 'wasm') {
    const { registerKernels } = await import('./wasm/kernels.ts');
    registerKernels(fusesMultiplyAdd() ? 'relaxed' : 'plain');
    const { registerCompiler } = await import('./compiled.ts');
    registerCompiler('wasm', (await import('./wasm/compile.ts')).compile);
  }
  return embedded[name]();
}

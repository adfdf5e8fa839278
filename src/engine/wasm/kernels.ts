import * as tf from '@tensorflow/tfjs-core';
import { adam, globalNorm } from './adam.ts';
import { batchMatMul } from './batch-matmul.ts';
import { distributions } from './categorical.ts';
import { overlaidPatches, patches } from './convolution.ts';
import { copies } from './copies.ts';
import { exp } from './exp.ts';
import { gruStep, gruStepGradient } from './gru.ts';
import { type Build, Heap } from './heap.ts';
import { adaptiveClip, laprop } from './laprop.ts';
import { inverseTransform, standardise } from './latent.ts';
import { lstmSequence, lstmSequenceGradient } from './lstm.ts';
import { mlps } from './mlp.ts';
import { normDense, normDenseGradient } from './norm-dense.ts';
import { lambdaReturn } from './returns.ts';
import { rollOut } from './rollout.ts';
import { meanSquaredError, meanSquaredErrorGradient } from './squared-error.ts';
import { sum } from './sum.ts';

/** Our kernels for the wasm backend: those that replace tfjs's own, and those behind the fat operations of src/nn. */
const kernels = [
  batchMatMul,
  sum,
  exp,
  ...copies,
  ...mlps,
  lstmSequence,
  lstmSequenceGradient,
  normDense,
  normDenseGradient,
  patches,
  overlaidPatches,
  gruStep,
  gruStepGradient,
  ...distributions,
  standardise,
  inverseTransform,
  rollOut,
  lambdaReturn,
  meanSquaredError,
  meanSquaredErrorGradient,
  globalNorm,
  adam,
  adaptiveClip,
  laprop,
];

/** tfjs's own kernels that ours have replaced. */
const stock = new Map<string, tf.KernelFunc>();

/**
 * Registers our kernels for the wasm backend, which must be the active one.
 *
 * @throws EngineError where they are not built.
 */
export function registerKernels(build: Build): void {
  const heap = new Heap(build);
  for (const { name, run } of kernels) {
    const replaced = tf.getKernel(name, 'wasm')?.kernelFunc;
    if (replaced) {
      if (!stock.has(name)) stock.set(name, replaced);
      tf.unregisterKernel(name, 'wasm');
    }
    tf.registerKernel({
      kernelName: name,
      backendName: 'wasm',
      kernelFunc: (call) => run(heap, call.inputs, call.attrs ?? {}, () => stock.get(name)!(call)),
    });
  }
}

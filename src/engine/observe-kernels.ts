import * as tf from '@tensorflow/tfjs';

/** A call of a kernel, and what it gave. */
export interface KernelCall {
  name: string;
  /** By name, or in order where the operation takes a list. */
  inputs: tf.NamedTensorInfoMap;
  attributes: tf.NamedAttrMap | undefined;
  outputs: tf.TensorInfo[];
}

/** Tells `observe` of every kernel of the active backend that `f` calls, after the call. */
export async function observeKernels(
  observe: (call: KernelCall) => void,
  f: () => void | Promise<void>,
): Promise<void> {
  const stop = startObserving(observe);
  try {
    await f();
  } finally {
    stop();
  }
}

/** The same for what returns at once. */
export function observeKernelsSync<T>(observe: (call: KernelCall) => void, f: () => T): T {
  const stop = startObserving(observe);
  try {
    return f();
  } finally {
    stop();
  }
}

function startObserving(observe: (call: KernelCall) => void): () => void {
  const kernels = tf.getKernelsForBackend(tf.getBackend());
  const replace = (kernel: tf.KernelConfig) => {
    tf.unregisterKernel(kernel.kernelName, kernel.backendName);
    tf.registerKernel(kernel);
  };
  for (const kernel of kernels) {
    replace({
      ...kernel,
      kernelFunc: (call) => {
        const outputs = kernel.kernelFunc(call);
        observe({
          name: kernel.kernelName,
          inputs: call.inputs,
          attributes: call.attrs,
          outputs: Array.isArray(outputs) ? outputs : [outputs],
        });
        return outputs;
      },
    });
  }
  return () => kernels.forEach(replace);
}

import * as tf from '@tensorflow/tfjs-core';

/** A call of a kernel, and what it gave. */
export interface KernelCall {
  name: string;
  /** By name, or in order where the operation takes a list. */
  inputs: tf.NamedTensorInfoMap;
  attributes: tf.NamedAttrMap | undefined;
  outputs: tf.TensorInfo[];
}

/**
 * Tells `observe` of every call of a kernel of the active backend, after the call.
 *
 * @returns what ends that; observers end in the reverse order of their beginnings
 */
export function observeKernels(observe: (call: KernelCall) => void): () => void {
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

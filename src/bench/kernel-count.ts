import * as tf from '@tensorflow/tfjs';

/** How many kernels of the active backend `f` calls: tfjs's cost on small networks is calls. */
export async function countKernels(f: () => void | Promise<void>): Promise<number> {
  const kernels = tf.getKernelsForBackend(tf.getBackend());
  let count = 0;
  const replace = (kernel: tf.KernelConfig) => {
    tf.unregisterKernel(kernel.kernelName, kernel.backendName);
    tf.registerKernel(kernel);
  };
  for (const kernel of kernels) {
    replace({
      ...kernel,
      kernelFunc: (params) => {
        count++;
        return kernel.kernelFunc(params);
      },
    });
  }
  try {
    await f();
  } finally {
    kernels.forEach(replace);
  }
  return count;
}

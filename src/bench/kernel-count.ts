import { observeKernels } from '../engine/observe-kernels.ts';

/** How many kernels of the active backend `f` calls: tfjs's cost on small networks is calls. */
export async function countKernels(f: () => void | Promise<void>): Promise<number> {
  let count = 0;
  const stop = observeKernels(() => count++);
  try {
    await f();
    return count;
  } finally {
    stop();
  }
}

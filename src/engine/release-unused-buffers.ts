import * as tf from '@tensorflow/tfjs-core';

/** What is used of tfjs's WebGPU backend beyond the common interface. */
interface BufferReuse {
  bufferManager: {
    /** Buffers that no tensor holds any more, by size and usage. */
    freeBuffers: Map<string, { size: number; destroy(): void }[]>;
    numFreeBuffers: number;
    numBytesAllocated: number;
  };
}

/**
 * Frees the memory of tensors long gone. tfjs's WebGPU backend keeps every buffer for the next tensor of the same size,
 * without end: work on tensors whose sizes do not come again, such as episodes of any length, is to be followed by
 * this. Other backends free by themselves.
 */
export function releaseUnusedBuffers(): void {
  if (tf.getBackend() !== 'webgpu') return;
  const { bufferManager } = tf.backend() as tf.KernelBackend & BufferReuse;
  for (const buffers of bufferManager.freeBuffers.values()) {
    for (const { size } of buffers) bufferManager.numBytesAllocated -= size;
    bufferManager.numFreeBuffers -= buffers.length;
    for (const buffer of buffers.splice(0)) buffer.destroy();
  }
}

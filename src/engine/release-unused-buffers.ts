import * as tf from '@tensorflow/tfjs-core';
import type { NativeBackend } from './native/backend.ts';

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
 * Frees the memory of tensors long gone: work on tensors whose sizes do not come again, such as episodes of any length, is
 * to be followed by this. tfjs's WebGPU backend keeps every buffer for the next tensor of the same size, without end, and
 * the C library under the engine native keeps small pieces. Other backends free by themselves.
 */
export function releaseUnusedBuffers(): void {
  const backend = tf.backend();
  if (tf.getBackend() === 'native') (backend as NativeBackend).addon.giveBack();
  if (tf.getBackend() === 'webgpu') destroyUnused(backend as tf.KernelBackend & BufferReuse);
}

function destroyUnused({ bufferManager }: BufferReuse): void {
  for (const buffers of bufferManager.freeBuffers.values()) {
    for (const { size } of buffers) bufferManager.numBytesAllocated -= size;
    bufferManager.numFreeBuffers -= buffers.length;
    for (const buffer of buffers.splice(0)) buffer.destroy();
  }
}

import * as tf from '@tensorflow/tfjs-core';
import type { NativeBackend } from './backend.ts';
import { distributions } from './distributions.ts';
import { elementwise } from './elementwise.ts';
import { type Kernel, ofFloats } from './kernel.ts';
import { movements } from './movement.ts';
import { networks } from './networks.ts';
import { reductions } from './reductions.ts';
import { training } from './training.ts';
import { transformers } from './transformers.ts';

/** Those behind the fat operations of src/nn and src/models, and the product of matrices. */
export const fat: readonly Kernel[] = [...networks, ...transformers, ...distributions, ...training];

/** tfjs's kernels, and the fat ones, by name. */
export const kernels: ReadonlyMap<string, Kernel> = new Map(
  [...elementwise, ...reductions, ...movements, ...fat.map(ofFloats)].map((kernel) => [kernel.name, kernel]),
);

/** Registers them for a backend of that name. */
export function registerKernels(backendName: string): void {
  for (const { name, plan } of kernels.values()) {
    if (tf.getKernel(name, backendName)) tf.unregisterKernel(name, backendName);
    tf.registerKernel({
      kernelName: name,
      backendName,
      kernelFunc: ({ inputs, attrs, backend }) => {
        const native = backend as NativeBackend;
        const planned = plan(inputs as tf.NamedTensorInfoMap, (attrs ?? {}) as tf.NamedAttrMap);
        if ('same' in planned) {
          native.incRef(planned.same.dataId);
          return { dataId: planned.same.dataId, ...planned.output };
        }
        const outputs = native.makeOutputs([planned.outputs].flat(), (outputs) =>
          native.execute(planned, outputs),
        );
        return Array.isArray(planned.outputs) ? outputs : outputs[0]!;
      },
    });
  }
}

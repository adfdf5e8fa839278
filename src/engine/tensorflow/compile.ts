import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type { Compile } from '../compiled.ts';
import { scope } from '../scope.ts';
import type { Binding, Handle, TensorflowBackend } from './binding.ts';
import { Graph, TAG } from './graph.ts';

/**
 * Runs `f` once, writes down what the library is asked to do meanwhile as a graph, and has the library load that: its
 * executor then does in one call what takes thousands from JavaScript, 6 µs each.
 */
export const compile: Compile = (f, inputs) => {
  const backend = tf.backend() as TensorflowBackend;
  const { binding } = backend;
  const graph = new Graph(binding);
  const handles = (tensors: tf.Tensor[]): Handle[] => {
    const ids = backend.getInputTensorIds(tensors);
    return tensors.map(({ shape, dtype }, i) => ({
      id: ids[i]!,
      shape,
      dtype: backend.getDTypeInteger(dtype),
    }));
  };
  const { inputNames, resultNames } = scope(() => {
    // The graph knows a tensor by the library's number for it: two inputs may share one, and have to be told apart.
    const given = handles(inputs).map(({ id, dtype }) => {
      const type = { name: 'T', type: binding.TF_ATTR_TYPE, value: dtype };
      return backend.createOutputTensor(binding.executeOp('Identity', [type], [id], 1)[0]!);
    });
    const inputNames = handles(given).map((handle) => graph.addInput(handle));
    const results = recording(backend, graph, () => f(given));
    const resultNames = handles(results).map((handle) => graph.addResult(handle));
    // Whatever the function has kept of them.
    tf.dispose(results);
    return { inputNames: inputNames.join(), resultNames: resultNames.join() };
  });
  const program = load(binding, graph);
  return {
    run: (inputs) =>
      binding
        .runSavedModel(program, backend.getInputTensorIds(inputs), inputNames, resultNames)
        .map((result) => backend.createOutputTensor(result)),
    dispose: () => binding.deleteSavedModel(program),
  };
};

/** What `f` asks of the library goes into the graph as well. */
function recording<T>(backend: TensorflowBackend, graph: Graph, f: () => T): T {
  const { binding } = backend;
  const recorder: Partial<Binding> = {
    createTensor(shape, dtype, values) {
      const id = binding.createTensor(shape, dtype, values);
      graph.addConstant({ id, shape, dtype }, values);
      return id;
    },
    executeOp(name, attributes, ids, outputs) {
      const results = binding.executeOp(name, attributes, ids, outputs);
      graph.addOperation(name, attributes, ids, results);
      return results;
    },
    tensorDataSync(id) {
      const values = binding.tensorDataSync(id);
      // tfjs-node looks at indices to check them. Any other value read would be a constant of the graph, unseen.
      if (!(values instanceof Int32Array)) throw new Error('a compiled function cannot read values');
      return values;
    },
  };
  // Its own properties cannot be replaced, nor can a proxy's of it.
  backend.binding = new Proxy(Object.create(null) as Binding, {
    get(_, key: keyof Binding) {
      const value = recorder[key] ?? binding[key];
      return typeof value === 'function' ? value.bind(binding) : value;
    },
  });
  try {
    return f();
  } finally {
    backend.binding = binding;
  }
}

/** The library takes graphs from a folder alone; it can go as soon as it is read. @returns the program's number */
function load(binding: Binding, graph: Graph): number {
  const folder = mkdtempSync(path.join(tmpdir(), 'wm-graph-'));
  try {
    writeFileSync(path.join(folder, 'saved_model.pb'), graph.toSavedModel());
    return binding.loadSavedModel(folder, TAG);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

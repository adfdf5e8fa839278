import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
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
  const ids = backend.getInputTensorIds(inputs);
  const handle = ({ shape, dtype }: tf.Tensor, i: number, ids: number[]): Handle => ({
    id: ids[i]!,
    shape,
    dtype: backend.getDTypeInteger(dtype),
  });
  const inputNames = inputs.map((x, i) => graph.addInput(handle(x, i, ids))).join();
  const resultNames = scope(() => {
    // Of clones, so that all results can go, also those that are inputs or that the function has kept.
    const clones = inputs.map((x) => tf.clone(x));
    const results = recording(backend, graph, () => f(clones));
    const ids = backend.getInputTensorIds(results);
    const names = results.map((x, i) => graph.addResult(handle(x, i, ids)));
    tf.dispose(results);
    return names.join();
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

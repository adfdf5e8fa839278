import { numberedInputs, rowsOf } from '../kernel-inputs.ts';
import type { Heap } from './heap.ts';
import type { Kernel } from './kernel.ts';
import { everyRow, multiply, rowMajor, transposed } from './matrix.ts';

/** What follows the sum of a hidden layer, in place, and its gradient from its value y, in place of dy. */
interface Activation {
  /** Whether it is max(0, x), which the product does in passing. */
  relu: boolean;
  forward: (heap: Heap, count: number, x: number) => void;
  gradient: (heap: Heap, count: number, y: number, dy: number) => void;
}

const relu: Activation = {
  relu: true,
  forward: () => {},
  gradient: ({ functions }, count, y, dy) => functions.reluGradient(count, y, dy),
};

const tanh: Activation = {
  relu: false,
  forward: ({ functions }, count, x) => functions.hyperbolicTangent(count, x, x),
  gradient: ({ functions }, count, y, dy) => functions.tanhGradient(count, y, dy),
};

/**
 * A multi-layer perceptron, hidden layers with the activation, the last one linear, and its gradient: one call for all
 * layers. Each member multiplies its own rows by its own weights.
 *
 *   inputs   x [members, …, inputs]; weight0 [members, inputs, outputs], bias0 [members, outputs], weight1, …
 *   outputs  y [members, …, outputs]; then the activations of each hidden layer
 */
const forwardKernel = (name: string, activation: Activation): Kernel => ({
  name,
  run(heap, inputs) {
    const x = inputs.x!;
    const weights = numberedInputs(inputs, 'weight');
    const activations = weights.map(({ shape }) => heap.output(x.shape.with(-1, shape[2]!)));
    for (const [i, weight] of weights.entries()) {
      const [members, depth, columns] = weight.shape as [number, number, number];
      const hidden = i < weights.length - 1;
      for (let m = 0; m < members; m++) {
        multiply(
          heap,
          {
            rows: rowsOf(x),
            columns,
            depth,
            a: rowMajor(heap.at(activations[i - 1] ?? x, m), depth),
            c: rowMajor(heap.at(activations[i]!, m), columns),
            start: everyRow(heap.at(inputs[`bias${i}`]!, m)),
            relu: hidden && activation.relu,
          },
          rowMajor(heap.at(weight, m), columns),
        );
        if (hidden) activation.forward(heap, rowsOf(x) * columns, heap.at(activations[i]!, m));
      }
    }
    return [activations.at(-1)!, ...activations.slice(0, -1)];
  },
});

/**
 *   inputs   dy, x, weight0, weight1, …; hidden0, hidden1, …: the activations from the forward kernel
 *   outputs  dx if the attribute `inputGradient` is set; then, if `weightGradient` is, dweight0, dbias0, dweight1, …
 */
const gradientKernel = (name: string, activation: Activation): Kernel => ({
  name,
  run(heap, inputs, { inputGradient, weightGradient }) {
    const x = inputs.x!;
    const weights = numberedInputs(inputs, 'weight');
    const members = x.shape[0]!;
    const rows = rowsOf(x);
    const dx = inputGradient ? heap.output(x.shape) : undefined;
    const gradients = (weightGradient ? weights : []).map(({ shape }) => ({
      weight: heap.output(shape),
      bias: heap.output([members, shape[2]!]),
    }));
    const space = 4 * rows * Math.max(...weights.map(({ shape }) => shape[1]!));
    heap.borrow(2 * space, (spaces) => {
      for (let m = 0; m < members; m++) {
        let dOut = heap.at(inputs.dy!, m);
        for (let i = weights.length - 1; i >= 0; i--) {
          const [, depth, columns] = weights[i]!.shape as [number, number, number];
          const input = heap.at(i === 0 ? x : inputs[`hidden${i - 1}`]!, m);
          const dSum = rowMajor(dOut, columns);
          if (weightGradient) {
            const dWeight = rowMajor(heap.at(gradients[i]!.weight, m), columns);
            const inputTransposed = transposed(rowMajor(input, depth));
            multiply(heap, { rows: depth, columns, depth: rows, a: inputTransposed, c: dWeight }, dSum);
            heap.functions.sumRows(1, rows, columns, dOut, heap.at(gradients[i]!.bias, m));
          }
          if (i === 0 && !dx) continue;

          const dIn = i === 0 ? heap.at(dx!, m) : spaces + (i % 2) * space;
          const weightTransposed = transposed(rowMajor(heap.at(weights[i]!, m), columns));
          const product = { rows, columns: depth, depth: columns, a: dSum, c: rowMajor(dIn, depth) };
          multiply(heap, product, weightTransposed);
          if (i > 0) activation.gradient(heap, rows * depth, input, dIn);
          dOut = dIn;
        }
      }
    });
    return [...(dx ? [dx] : []), ...gradients.flatMap(({ weight, bias }) => [weight, bias])];
  },
});

/** The kernels of both kinds of MLP, forward and backward. */
export const mlps: Kernel[] = [
  forwardKernel('Mlp', relu),
  gradientKernel('MlpGradient', relu),
  forwardKernel('TanhMlp', tanh),
  gradientKernel('TanhMlpGradient', tanh),
];

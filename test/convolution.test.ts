import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../src/engine/compiled.ts';
import { startEngine } from '../src/engine/engine.ts';
import {
  convolution,
  convolutionSpecs,
  dividing,
  patchSize,
  stagesOf,
  THREE_BY_THREE,
  transposedConvolution,
  transposedConvolutionSpecs,
} from '../src/nn/convolution.ts';
import type { ParameterSpec } from '../src/nn/parameters.ts';
import { engineHere, processorEngines } from './support/engine-here.ts';
import { assertClose, normals, upload } from './support/tensors.ts';

const [members, batch, channels, outputs] = [2, 3, 4, 7] as const;
/** A kernel, how tfjs pads for it, an image and what becomes of that. */
const kernels = [
  { title: 'of 3 × 3', kernel: THREE_BY_THREE, pad: 'valid', image: [6, 5], planes: [4, 3] },
  { title: 'that halves', kernel: dividing(2), pad: 'same', image: [6, 4], planes: [3, 2] },
  { title: 'that quarters', kernel: dividing(4), pad: 'same', image: [8, 12], planes: [2, 3] },
] as const;

const read = (f: () => tf.Tensor[]) => tf.tidy(() => f().map((x) => x.dataSync<'float32'>().slice()));

const engines = [
  ...processorEngines,
  ...(typeof (await engineHere('tensorflow')) === 'string' ? [] : (['tensorflow'] as const)),
];

type Inputs = Record<'x' | 'weight' | 'bias' | 'dy', tf.Tensor>;
type Layer = (x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor) => tf.Tensor;

/** y and the gradients of what it is made of; without that of x where x is data. */
const differentiated =
  (f: Layer, isData = false) =>
  ({ x, weight, bias, dy }: Inputs) => {
    const y = f(x, weight, bias);
    const loss = (x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor) => tf.sum(tf.mul(f(x, weight, bias), dy));
    const gradients = isData
      ? tf.grads(((...of: tf.Tensor[]) => loss(x, of[0]!, of[1]!)) as () => tf.Scalar)([weight, bias])
      : tf.grads(loss as () => tf.Scalar)([x, weight, bias]);
    return Object.fromEntries([y, ...gradients].map((tensor, i) => [`${i}`, tensor]));
  };

/** One member after the other. */
const byMembers =
  (f: (x: tf.Tensor4D, weight: tf.Tensor2D, bias: tf.Tensor1D) => tf.Tensor): Layer =>
  (...operands) => {
    const parts = operands.map((tensor) => tf.unstack(tensor));
    const one = (member: number) => parts.map((each) => each[member]!) as Parameters<typeof f>;
    return tf.stack(Array.from({ length: members }, (_, member) => f(...one(member))));
  };

/** Holds a layer to tfjs's on every engine, recorded or not. */
async function assertStock(
  given: readonly ReturnType<typeof normals>[],
  stock: Layer,
  ours: Layer,
  ourData?: Layer,
): Promise<void> {
  const uploaded = (): Inputs => {
    const [x, weight, bias, dy] = given.map(upload) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    return { x, weight, bias, dy };
  };
  await startEngine('cpu');
  const wanted = read(() => Object.values(differentiated(stock)(uploaded())));
  for (const engine of engines) {
    await startEngine(engine);
    const before = tf.memory().numTensors;
    const program = new Compiled(differentiated(ours));
    const ofData = ourData && new Compiled(differentiated(ourData, true));
    const ways = [differentiated(ours), program.run.bind(program), program.run.bind(program)];
    for (const way of ways) {
      const found = read(() => Object.values(way(uploaded())));
      for (const [i, values] of wanted.entries()) assertClose(found[i]!, values, 1e-4, `${engine}, ${i}`);
    }
    if (ofData) {
      for (let time = 0; time < 2; time++) {
        const found = read(() => Object.values(ofData.run(uploaded())));
        for (const [i, values] of wanted.toSpliced(1, 1).entries()) {
          assertClose(found[i]!, values, 1e-4, `${engine}, of data, ${i}`);
        }
      }
      ofData.dispose();
    }
    program.dispose();
    assert.equal(tf.memory().numTensors, before);
  }
}

for (const { title, kernel, pad, image, planes } of kernels) {
  const { size, stride } = kernel;

  test(`a convolution ${title} and its gradients are tfjs's on ${engines.join(', ')}`, async () => {
    const stock = byMembers((x, weight, bias) => {
      const filter = tf.reshape(weight, [size, size, channels, outputs]) as tf.Tensor4D;
      return tf.relu(tf.add(tf.conv2d(x, filter, stride, pad), bias));
    });
    const given = [
      normals(1, 'x', [members, batch, ...image, channels]),
      normals(1, 'weight', [members, patchSize(kernel, channels), outputs]),
      normals(1, 'bias', [members, outputs]),
      normals(1, 'dy', [members, batch, ...planes, outputs]),
    ];
    const ours =
      (inputGradient: boolean): Layer =>
      (x, weight, bias) =>
        convolution(x, { weight, bias }, kernel, 'relu', inputGradient);
    await assertStock(given, stock, ours(true), ours(false));
  });

  test(`a transposed convolution ${title} and its gradients are tfjs's on ${engines.join(', ')}`, async () => {
    const stock = byMembers((x, weight, bias) => {
      const matrix = tf.reshape(weight, [channels, size, size, outputs]);
      const filter = tf.transpose(matrix, [1, 2, 3, 0]) as tf.Tensor4D;
      return tf.add(tf.conv2dTranspose(x, filter, [batch, ...image, outputs], stride, pad), bias);
    });
    const given = [
      normals(2, 'x', [members, batch, ...planes, channels]),
      normals(2, 'weight', [members, channels, patchSize(kernel, outputs)]),
      normals(2, 'bias', [members, outputs]),
      normals(2, 'dy', [members, batch, ...image, outputs]),
    ];
    await assertStock(given, stock, (x, weight, bias) => transposedConvolution(x, { weight, bias }, kernel));
  });
}

test('stages are one convolution of 3 × 3, or several with strides, and parameters a matrix and a vector each', () => {
  const shapes = (specs: readonly ParameterSpec[]) =>
    specs.map(({ name, shape, uses }) => [name, shape, uses]);
  const [single] = stagesOf([6, 5, channels], { channels: outputs });
  assert.deepEqual(single!.planes, [4, 3, outputs]);
  assert.deepEqual(shapes(convolutionSpecs('net', single!)), [
    ['net.weight', [9 * channels, outputs], 12],
    ['net.bias', [outputs], 12],
  ]);
  assert.deepEqual(shapes(transposedConvolutionSpecs('net', single!)), [
    ['net.weight', [outputs, 9 * channels], 12],
    ['net.bias', [channels], 12],
  ]);
  const stages = stagesOf([64, 32, 1], { channels: [4, 8, 16], strides: [4, 2, 2] });
  assert.deepEqual(
    stages.map(({ image, planes }) => [image, planes]),
    [
      [
        [64, 32, 1],
        [16, 8, 4],
      ],
      [
        [16, 8, 4],
        [8, 4, 8],
      ],
      [
        [8, 4, 8],
        [4, 2, 16],
      ],
    ],
  );
  assert.deepEqual(shapes(convolutionSpecs('net', stages[1]!)), [
    ['net.weight', [64, 8], 32],
    ['net.bias', [8], 32],
  ]);
  assert.throws(() => stagesOf([10, 10, 4], { channels: [8, 8] }), /5 × 5 has no convolution/);
  assert.throws(() => stagesOf([2, 10, 4], { channels: 8 }), RangeError);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../src/engine/compiled.ts';
import { startEngine } from '../src/engine/engine.ts';
import {
  convolution,
  convolutionSpecs,
  convolvedShape,
  transposedConvolution,
  transposedConvolutionSpecs,
} from '../src/nn/convolution.ts';
import { ParameterLayout } from '../src/nn/parameters.ts';
import { engineHere, processorEngines } from './support/engine-here.ts';
import { assertClose, normals, upload } from './support/tensors.ts';

const [members, batch, rows, columns, channels, outputs] = [2, 3, 6, 5, 4, 7] as const;
const [down, across] = [rows - 2, columns - 2];
const operands = [
  normals(1, 'x', [members, batch, rows, columns, channels]),
  normals(1, 'weight', [members, 9 * channels, outputs]),
  normals(1, 'bias', [members, outputs]),
];
const dy = normals(1, 'dy', [members, batch, down, across, outputs]);

/** y and the gradients of x, weight and bias of a convolution with ReLU. */
function results(f: (x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor) => tf.Tensor): tf.Tensor[] {
  const inputs = operands.map(upload) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const loss = (x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor) =>
    tf.sum(tf.mul(f(x, weight, bias), upload(dy))) as tf.Scalar;
  return [f(...inputs), ...tf.grads(loss as (...x: tf.Tensor[]) => tf.Scalar)(inputs)];
}

const read = (f: () => tf.Tensor[]) => tf.tidy(() => f().map((x) => x.dataSync<'float32'>().slice()));

/** tfjs's own convolution, one member after the other. */
function stock(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  const parts = [x, weight, bias].map((tensor) => tf.unstack(tensor));
  return tf.stack(
    Array.from({ length: members }, (_, member) => {
      const [image, matrix, shift] = parts.map((each) => each[member]!) as [
        tf.Tensor4D,
        tf.Tensor,
        tf.Tensor,
      ];
      const kernel = tf.reshape(matrix, [3, 3, channels, outputs]) as tf.Tensor4D;
      return tf.relu(tf.add(tf.conv2d(image, kernel, 1, 'valid'), shift));
    }),
  );
}

const engines = [
  ...processorEngines,
  ...(typeof (await engineHere('tensorflow')) === 'string' ? [] : (['tensorflow'] as const)),
];

test(`a convolution and its gradients are tfjs's on ${engines.join(', ')}, recorded or not`, async () => {
  await startEngine('cpu');
  const wanted = read(() => results(stock));
  for (const engine of engines) {
    await startEngine(engine);
    const before = tf.memory().numTensors;
    const ours = (x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor) =>
      convolution(x, { weight, bias }, 'relu');
    const found = read(() => results(ours));
    for (const [i, values] of wanted.entries()) assertClose(found[i]!, values, 1e-4, `${engine}, ${i}`);

    // As PPO calls it: images are data, and the update is recorded.
    const program = new Compiled(({ x, weight, bias }: Record<'x' | 'weight' | 'bias', tf.Tensor>) => {
      const loss = (weight: tf.Tensor, bias: tf.Tensor) =>
        tf.sum(tf.mul(convolution(x, { weight, bias }, 'relu', false), upload(dy))) as tf.Scalar;
      const [dWeight, dBias] = tf.grads(loss as (...x: tf.Tensor[]) => tf.Scalar)([weight, bias]);
      return { y: convolution(x, { weight, bias }, 'relu', false), dWeight: dWeight!, dBias: dBias! };
    });
    for (let time = 0; time < 2; time++) {
      const [y, dWeight, dBias] = read(() => {
        const [x, weight, bias] = operands.map(upload) as [tf.Tensor, tf.Tensor, tf.Tensor];
        return Object.values(program.run({ x, weight, bias }));
      });
      for (const [i, values] of [y, undefined, dWeight, dBias].entries()) {
        if (values) assertClose(values, wanted[i]!, 1e-4, `${engine}, recorded, ${i}`);
      }
    }
    program.dispose();
    assert.equal(tf.memory().numTensors, before);
  }
});

test(`a transposed convolution and its gradients are tfjs's on ${engines.join(', ')}, recorded or not`, async () => {
  const given = [
    operands[0]!,
    normals(2, 'weight', [members, channels, 9 * outputs]),
    normals(2, 'bias', [members, outputs]),
    normals(2, 'dy', [members, batch, rows + 2, columns + 2, outputs]),
  ];
  type Inputs = Record<'x' | 'weight' | 'bias' | 'dy', tf.Tensor>;
  const differentiated =
    (f: (x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor) => tf.Tensor) =>
    ({ x, weight, bias, dy }: Inputs) => {
      const loss = (...inputs: tf.Tensor[]) =>
        tf.sum(tf.mul(f(...(inputs as [tf.Tensor, tf.Tensor, tf.Tensor])), dy)) as tf.Scalar;
      const [dx, dWeight, dBias] = tf.grads(loss)([x, weight, bias]);
      return { y: f(x, weight, bias), dx: dx!, dWeight: dWeight!, dBias: dBias! };
    };
  const uploaded = (): Inputs => {
    const [x, weight, bias, dy] = given.map(upload) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    return { x, weight, bias, dy };
  };
  const stockMember = (image: tf.Tensor, matrix: tf.Tensor, shift: tf.Tensor) => {
    const kernel = tf.transpose(tf.reshape(matrix, [channels, 3, 3, outputs]), [1, 2, 3, 0]) as tf.Tensor4D;
    const shape: [number, number, number, number] = [batch, rows + 2, columns + 2, outputs];
    return tf.add(tf.conv2dTranspose(image as tf.Tensor4D, kernel, shape, 1, 'valid'), shift);
  };
  const stockTransposed = (x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor) => {
    const parts = [x, weight, bias].map((tensor) => tf.unstack(tensor));
    return tf.stack(parts[0]!.map((image, i) => stockMember(image, parts[1]![i]!, parts[2]![i]!)));
  };
  await startEngine('cpu');
  const wanted = read(() => Object.values(differentiated(stockTransposed)(uploaded())));
  for (const engine of engines) {
    await startEngine(engine);
    const before = tf.memory().numTensors;
    const ours = differentiated((x, weight, bias) => transposedConvolution(x, { weight, bias }));
    const program = new Compiled(ours);
    for (const how of [
      ours,
      (inputs: Inputs) => program.run(inputs),
      (inputs: Inputs) => program.run(inputs),
    ]) {
      const found = read(() => Object.values(how(uploaded())));
      for (const [i, values] of wanted.entries()) assertClose(found[i]!, values, 1e-4, `${engine}, ${i}`);
    }
    program.dispose();
    assert.equal(tf.memory().numTensors, before);
  }
});

test('its parameters are a matrix and a vector, drawn as those of a layer of nine times the channels', () => {
  const layout = new ParameterLayout(convolutionSpecs('net', channels, outputs));
  assert.deepEqual(
    layout.specs.map(({ name, shape }) => [name, shape]),
    [
      ['net.weight', [9 * channels, outputs]],
      ['net.bias', [outputs]],
    ],
  );
  assert.deepEqual(convolvedShape([rows, columns, channels], outputs), [down, across, outputs]);

  assert.deepEqual(
    new ParameterLayout(transposedConvolutionSpecs('net', channels, outputs)).specs.map(({ shape }) => shape),
    [[channels, 9 * outputs], [outputs]],
  );
});

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { Compiled } from '../src/engine/compiled.ts';
import { startEngine } from '../src/engine/engine.ts';
import { attention } from '../src/nn/attention.ts';
import {
  type AttentionMask,
  attentionMask,
  blockCausalMask,
  tokenizerMask,
} from '../src/nn/attention-mask.ts';
import { ParameterLayout, Parameters } from '../src/nn/parameters.ts';
import { rmsNorm } from '../src/nn/rms-norm.ts';
import { rotate } from '../src/nn/rotary.ts';
import { swiGlu } from '../src/nn/swiglu.ts';
import { type TransformerShape, transformerLayer, transformerSpecs } from '../src/nn/transformer.ts';
import { RandomStream } from '../src/random/stream.ts';
import { processorEngines } from './support/engine-here.ts';
import { LAYER_NAMES } from './support/layer-names.ts';
import { flat, type Nested, ofSecond, reference, second } from './support/reference.ts';
import { assertClose, normals, upload } from './support/tensors.ts';

interface MaskReference extends Record<string, Nested | object | number> {
  tokenizer: { encoder_space: Nested; decoder_space: Nested };
}

interface BlockReference {
  params: Record<string, Nested>;
  x: Nested;
  mask: Nested;
  cap: number;
  rope_base: number;
  y: Nested;
  loss: number;
  loss_weights: Nested;
  grad: Record<string, Nested>;
}

test('masks are block-causal, with an agent that nobody sees and a window; latents and patches see what they may', () => {
  const masks = reference<MaskReference>('masks.json', 'dreamer4');
  const size = { time: 4, lanes: 5 };
  const ours: Record<string, AttentionMask> = {
    block_causal: blockCausalMask(size),
    block_causal_agent: blockCausalMask({ ...size, agent: true }),
    block_causal_agent_window: blockCausalMask({ ...size, agent: true, window: 2 }),
    space_agent: blockCausalMask({ time: 1, lanes: 5, agent: true }),
    time_only: blockCausalMask({ time: 4, lanes: 1 }),
    time_only_window: blockCausalMask({ time: 4, lanes: 1, window: 2 }),
  };
  for (const [name, { allowed }] of Object.entries(ours)) {
    assert.deepEqual([...allowed], flat(masks[name] as Nested), name);
  }
  const { encoder_space, decoder_space } = masks.tokenizer;
  assert.deepEqual([...tokenizerMask(2, 3, 'encoder').allowed], flat(encoder_space));
  assert.deepEqual([...tokenizerMask(2, 3, 'decoder').allowed], flat(decoder_space));
  assert.throws(() => attentionMask(2, 2, (query) => query === 0), {
    name: 'RangeError',
    message: 'query 1 may look at nothing',
  });
});

const BLOCK: TransformerShape = { width: 4, heads: 2, kvHeads: 1, head: 4, hidden: 6 };

for (const engine of processorEngines) {
  describe(`on ${engine}`, () => {
    before(async () => {
      await startEngine(engine);
    });

    test('positions turn the halves of a head as the reference does', () => {
      const rope = reference<Record<string, Record<string, Nested>> & { q: Nested; k: Nested }>(
        'rope.json',
        'dreamer4',
      );
      tf.tidy(() => {
        for (const base of [100, 10_000]) {
          const wanted = rope[`half_${base}`]!;
          const [q, k] = [rope.q, rope.k].map((x) => rotate(second(x), [0, 1, 2, 3, 4], base));
          assertClose(ofSecond(q!), flat(wanted.q!), 1e-5);
          assertClose(ofSecond(k!), flat(wanted.k!), 1e-5);
          assertClose(ofSecond(tf.matMul(q!, k!, false, true)), flat(wanted.scores!), 1e-5);
          // What a score knows is how far apart the two stand.
          const [later, key] = [rope.q, rope.k].map((x) => rotate(second(x), [7, 8, 9, 10, 11], base));
          assertClose(ofSecond(tf.matMul(later!, key!, false, true)), flat(wanted.scores!), 1e-4);
        }
      });
    });

    test('a layer and its gradient by every parameter are those of the reference', () => {
      const block = reference<BlockReference>('block.json', 'dreamer4');
      const mask = blockCausalMask({ time: 4, lanes: 1, window: 3 });
      assert.deepEqual([...mask.allowed], flat(block.mask));
      const attends = { mask, cap: block.cap, positions: { of: [0, 1, 2, 3], base: block.rope_base } };
      const { specs } = new ParameterLayout(transformerSpecs('layer', BLOCK, 1));
      const names = specs.map(({ name }) => LAYER_NAMES[name.replace('layer.', '')]!);
      tf.tidy(() => {
        const inputs = [...names.map((name) => second(block.params[name]!)), second(block.x)];
        const layer = (...given: tf.Tensor[]) => {
          const parameters = new Parameters(new Map(specs.map(({ name }, i) => [name, given[i]!])));
          return transformerLayer(parameters, 'layer', BLOCK, tf.expandDims(given.at(-1)!, 1), attends).y;
        };
        assertClose(ofSecond(layer(...inputs)), flat(block.y), 2e-5, 'y');
        const weights = tf.stack([tf.zeros([4, 4]), tf.tensor(block.loss_weights as tf.TensorLike)]);
        const loss = (...given: tf.Tensor[]) =>
          tf.sum(tf.mul(tf.squeeze(layer(...given), [1]), weights)) as tf.Scalar;
        const { value, grads } = tf.valueAndGrads(loss)(inputs);
        assertClose(value.dataSync(), [block.loss], 1e-5, 'loss');
        for (const [i, name] of [...names, 'x'].entries()) {
          assertClose(ofSecond(grads[i]!), flat(block.grad[name]!), 5e-5, name);
        }
      });
    });

    test('a layer is the same recorded, and leaves nothing behind', () => {
      const layout = new ParameterLayout(transformerSpecs('layer', BLOCK, 2));
      const mask = blockCausalMask({ time: 2, lanes: 3, agent: true });
      const compute = ({ flat, x }: { flat: tf.Tensor2D; x: tf.Tensor }) => {
        const loss = (flat: tf.Tensor2D, x: tf.Tensor) =>
          tf.sum(tf.square(transformerLayer(layout.unpack(flat), 'layer', BLOCK, x, { mask, cap: 5 }).y));
        const { value, grads } = tf.valueAndGrads(loss as (...xs: tf.Tensor[]) => tf.Scalar)([flat, x]);
        return { value, dFlat: grads[0]!, dX: grads[1]! };
      };
      const given = {
        flat: layout.initialise([1, 2].map((seed) => RandomStream.named(seed, 'layer'))),
        x: upload(normals(1, 'x', [2, 3, 6, 4])),
      };
      const before = tf.memory().numTensors;
      const compiled = new Compiled(compute);
      for (let call = 0; call < 3; call++) {
        tf.tidy(() => {
          const [wanted, actual] = [compute(given), compiled.run(given)];
          for (const [name, tensor] of Object.entries(wanted)) {
            assertClose(actual[name as keyof typeof actual].dataSync(), tensor.dataSync(), 1e-6, name);
          }
        });
      }
      compiled.dispose();
      assert.equal(tf.memory().numTensors, before);
      tf.dispose(given);
    });
  });
}

describe('gradients', () => {
  before(async () => {
    await startEngine('cpu');
  });

  /** Asserts that along random directions the slope is what central differences say. */
  function assertSlopes(shapes: number[][], f: (...xs: tf.Tensor[]) => tf.Tensor, what: string): void {
    tf.tidy(() => {
      const inputs = shapes.map((shape, i) => upload(normals(i, what, shape)));
      const weights = upload(normals(99, what, f(...inputs).shape));
      const loss = (...xs: tf.Tensor[]) => tf.sum(tf.mul(f(...xs), weights)) as tf.Scalar;
      const grads = tf.grads(loss)(inputs);
      for (const [i, shape] of shapes.entries()) {
        const direction = upload(normals(50 + i, what, shape));
        const at = (step: number) =>
          loss(...inputs.map((x, j) => (j === i ? tf.add(x, tf.mul(direction, step)) : x))).dataSync()[0]!;
        const slope = tf.sum(tf.mul(grads[i]!, direction)).dataSync()[0]!;
        assertClose([(at(0.004) - at(-0.004)) / 0.008], [slope], 1e-2, `${what}, operand ${i}`);
      }
    });
  }

  test('are what finite differences give, whatever the shapes', () => {
    const size = fc.integer({ min: 1, max: 3 });
    fc.assert(
      fc.property(size, size, size, size, fc.boolean(), (batch, kvHeads, group, frames, capped) => {
        const mask = blockCausalMask({ time: frames, lanes: 2, agent: true, window: 2 });
        const own = [2, batch, kvHeads, 2 * frames, 4];
        const queries = [2, batch, kvHeads * group, 2 * frames, 4];
        const attend = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) =>
          attention(q, k, v, mask, capped ? 1.5 : undefined);
        assertSlopes([queries, own, own], attend as (...xs: tf.Tensor[]) => tf.Tensor, 'attention');
        assertSlopes([own, [2, 4]], rmsNorm as (...xs: tf.Tensor[]) => tf.Tensor, 'norm');
        assertSlopes([own, own], swiGlu as (...xs: tf.Tensor[]) => tf.Tensor, 'gate');
        const positions = Array.from({ length: 2 * frames }, (_, i) => 3 * i + batch);
        assertSlopes([own], (x) => rotate(x!, positions, 10), 'positions');
      }),
      { seed: 5, numRuns: 12 },
    );
  });

  test('heads that share keys see what they would with copies of their own', () => {
    tf.tidy(() => {
      const mask = blockCausalMask({ time: 3, lanes: 1 });
      const q = upload(normals(1, 'q', [2, 2, 4, 3, 4]));
      const [k, v] = ['k', 'v'].map((name) => upload(normals(1, name, [2, 2, 2, 3, 4])));
      const copied = [k!, v!].map((x) => tf.gather(x, tf.tensor1d([0, 0, 1, 1], 'int32'), 2));
      const whole = attention(q, copied[0]!, copied[1]!, mask, 3);
      assertClose(attention(q, k!, v!, mask, 3).dataSync(), whole.dataSync(), 1e-6);
      assert.throws(() => attention(q, tf.slice(q, [0, 0, 0, 0, 0], [2, 2, 3, 3, 4]), v!, mask), RangeError);
      assert.throws(() => attention(q, k!, v!, blockCausalMask({ time: 2, lanes: 1 })), RangeError);
    });
  });

  test('what a token may not see changes nothing of it', () => {
    tf.tidy(() => {
      const [time, lanes] = [3, 2];
      const mask = blockCausalMask({ time, lanes, agent: true, window: 2 });
      const layout = new ParameterLayout(transformerSpecs('layer', BLOCK, 1));
      const parameters = layout.unpack(layout.initialise([RandomStream.named(1, 'layer')]));
      const tokens = normals(1, 'tokens', [1, 1, time * lanes, 4]);
      const run = (data: Float32Array) =>
        transformerLayer(parameters, 'layer', BLOCK, tf.tensor(data, tokens.shape), { mask }).y.dataSync();
      const plain = run(tokens.data);
      for (let key = 0; key < time * lanes; key++) {
        const changed = run(tokens.data.map((x, i) => (Math.floor(i / 4) === key ? x + 1 : x)));
        for (let query = 0; query < time * lanes; query++) {
          const same = plain.slice(4 * query, 4 * query + 4).every((x, i) => x === changed[4 * query + i]);
          assert.equal(same, mask.allowed[query * time * lanes + key] === 0, `${query} of ${key}`);
        }
      }
    });
  });
});

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { Compiled } from '../src/engine/compiled.ts';
import { startEngine } from '../src/engine/engine.ts';
import { layOut } from '../src/engine/native/arena.ts';
import { size } from '../src/engine/size.ts';
import { dense } from '../src/nn/linear.ts';
import { testCompiledFunctions } from './support/compiled-functions.ts';
import { engineHere } from './support/engine-here.ts';
import { normals, upload } from './support/tensors.ts';

/** The engine native's programs: functions of tensors that run as one call, in memory planned ahead. */

const native = await engineHere('native');

/** One step of a random function: an operation and numbers that choose its operands and attributes. */
interface Node {
  operation: keyof typeof operations;
  choices: number[];
}

interface Graph {
  inputs: { shape: number[]; isShared: boolean }[];
  nodes: Node[];
  /** Which of the tensors, inputs among them, are results; twice where a number comes twice. */
  results: number[];
  seed: number;
}

/** Takes numbers from a list one after the other, over and over. */
function chooser(choices: readonly number[]) {
  let at = 0;
  const below = (bound: number): number => choices[at++ % choices.length]! % bound;
  return { below, of: <T>(list: readonly T[]): T => list[below(list.length)]! };
}
type Chooser = ReturnType<typeof chooser>;

/** From a tensor, and others that may serve with it, to new ones; none where the operation does not fit. */
type Operation = (x: tf.Tensor, pool: readonly tf.Tensor[], choose: Chooser) => tf.Tensor[];

const isFloat = ({ dtype }: tf.Tensor) => dtype === 'float32';
const float = (x: tf.Tensor): tf.Tensor => (isFloat(x) ? x : tf.cast(x, 'float32'));
const isSmall = (shape: readonly number[]) => shape.length <= 4 && size(shape) <= 96;

/** A tensor of the pool that can be broadcast with x to a small one; x itself where there is no other. */
function partner(x: tf.Tensor, pool: readonly tf.Tensor[], choose: Chooser): tf.Tensor {
  const fits = ({ shape }: tf.Tensor) => {
    const whole = broadcast(x.shape, shape);
    return whole !== undefined && isSmall(whole);
  };
  const fitting = [...pool.filter(fits), x];
  // The latest: what they are made of is not needed any more, so that its memory is given away.
  return float(choose.below(4) > 0 ? choose.of(fitting.slice(-4)) : choose.of(fitting));
}

function broadcast(a: readonly number[], b: readonly number[]): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const extents = Array.from({ length: rank }, (_, i) => [a.at(i - rank) ?? 1, b.at(i - rank) ?? 1] as const);
  return extents.every(([m, n]) => m === n || m === 1 || n === 1)
    ? extents.map(([m, n]) => (m === 1 ? n : m))
    : undefined;
}

/** Tensors of the pool of the same type that differ from x along one axis at most, x among them or not. */
const besides = (x: tf.Tensor, pool: readonly tf.Tensor[], axis: number) =>
  pool.filter(
    ({ shape, dtype }) =>
      dtype === x.dtype &&
      shape.length === x.shape.length &&
      shape.every((n, i) => i === axis || n === x.shape[i]),
  );

const unary: Record<string, (x: tf.Tensor) => tf.Tensor> = {
  tanh: tf.tanh,
  neg: tf.neg,
  relu: tf.relu,
  sigmoid: tf.sigmoid,
  clip: (x) => tf.clipByValue(x, -0.5, 0.5),
};
const binary: Record<string, (x: tf.Tensor, y: tf.Tensor) => tf.Tensor> = {
  add: tf.add,
  sub: tf.sub,
  mul: tf.mul,
  maximum: tf.maximum,
  difference: tf.squaredDifference,
};

const operations = {
  unary: (x, _, choose) => [choose.of(Object.values(unary))(float(x))],
  binary: (x, pool, choose) => {
    const y = partner(x, pool, choose);
    const f = choose.of(Object.values(binary));
    return [choose.below(2) ? f(float(x), y) : f(y, float(x))];
  },
  compare: (x, pool, choose) => [tf.greater(float(x), partner(x, pool, choose))],
  choose: (x, pool, choose) => {
    const y = partner(x, pool, choose);
    // TensorFlow.js's own broadcast of one element to none gives one.
    return x.size * y.size === 0 ? [] : [tf.where(tf.less(float(x), 0.1), y, float(x))];
  },
  addN: (x, pool, choose) => {
    const same = besides(x, pool, -1).map(float);
    return [tf.addN([float(x), choose.of(same), choose.of(same)])];
  },
  cast: (x, _, choose) => [tf.cast(x, choose.of(['float32', 'int32', 'bool']))],
  clone: (x) => [tf.clone(x)],
  slice: (x, _, choose) => {
    if (x.rank === 0) return [];
    const begin = x.shape.map((n) => choose.below(n + 1));
    return [
      tf.slice(
        x,
        begin,
        x.shape.map((n, i) => choose.below(n - begin[i]! + 1)),
      ),
    ];
  },
  rows: (x, _, choose) => {
    if (x.rank === 0) return [];
    // One row can be broadcast with the rest.
    const count = choose.below(2) ? Math.min(1, x.shape[0]!) : choose.below(x.shape[0]! + 1);
    const begin = choose.below(x.shape[0]! - count + 1);
    return [tf.slice(x, [begin, ...x.shape.slice(1).fill(0)], [count, ...x.shape.slice(1)])];
  },
  strided: (x, _, choose) =>
    x.rank === 0 || x.size === 0
      ? []
      : [
          tf.stridedSlice(
            x,
            x.shape.map(() => 0),
            x.shape,
            x.shape.map(() => 1 + choose.below(2)),
          ),
        ],
  split: (x, _, choose) => {
    if (x.rank === 0) return [];
    const axis = choose.below(x.rank);
    const first = choose.below(x.shape[axis]! + 1);
    return tf.split(x, [first, x.shape[axis]! - first], axis);
  },
  unstack: (x, _, choose) => (x.rank === 0 ? [] : tf.unstack(x, choose.below(x.rank))),
  concat: (x, pool, choose) => {
    if (x.rank === 0) return [];
    const axis = choose.below(x.rank);
    const fitting = besides(x, pool, axis);
    const parts = [x, ...Array.from({ length: choose.below(3) }, () => choose.of(fitting))];
    return [tf.concat(choose.below(2) ? parts : parts.reverse(), axis)];
  },
  stack: (x, pool, choose) => {
    const fitting = besides(x, pool, -1);
    const parts = [x, ...Array.from({ length: choose.below(3) }, () => choose.of(fitting))];
    return [tf.stack(parts, choose.below(x.rank + 1))];
  },
  reshape: (x, _, choose) => [
    tf.reshape(x, choose.of([[x.size], [1, x.size], [x.size, 1], x.size % 2 ? [x.size] : [2, x.size / 2]])),
  ],
  transpose: (x) => [tf.transpose(x)],
  reverse: (x, _, choose) => (x.rank === 0 ? [] : [tf.reverse(x, choose.below(x.rank))]),
  tile: (x, _, choose) =>
    x.rank === 0
      ? []
      : [
          tf.tile(
            x,
            x.shape.map(() => 1 + choose.below(2)),
          ),
        ],
  pad: (x, _, choose) =>
    x.rank === 0
      ? []
      : [
          tf.pad(
            x,
            x.shape.map(() => [choose.below(2), choose.below(2)]),
            1,
          ),
        ],
  sum: (x, _, choose) => [
    x.rank === 0 ? tf.sum(float(x)) : tf.sum(float(x), choose.below(x.rank), choose.below(2) > 0),
  ],
  matMul: (x, pool, choose) => {
    if (x.rank < 2) return [];
    const fits = ({ shape }: tf.Tensor) => shape.length === x.rank && shape.at(-2) === x.shape.at(-1);
    const outer = x.shape.slice(0, -2);
    const right = pool.filter((y) => fits(y) && y.shape.slice(0, -2).every((n, i) => n === outer[i]));
    return right.length === 0
      ? [tf.matMul(float(x), float(x), true, false)]
      : [tf.matMul(float(x), float(choose.of(right)))];
  },
  dense: (x) => {
    if (x.rank !== 3) return [];
    // What comes out of the hidden layer nothing needs.
    const weight = tf.transpose(float(x), [0, 2, 1]);
    const bias = tf.sum(float(x), 2);
    const second = { weight: tf.matMul(float(x), weight), bias: tf.tanh(bias) };
    return [dense(float(x), [{ weight, bias }, second], true, 'tanh'), bias];
  },
  topk: (x, _, choose) => {
    if (x.rank === 0 || x.size === 0) return [];
    const { values, indices } = tf.topk(float(x), 1 + choose.below(x.shape.at(-1)!));
    return choose.below(2) ? [values, indices] : [choose.of([values, indices])];
  },
  gather: (x, _, choose) =>
    x.rank === 0 || x.shape[0] === 0
      ? []
      : [
          tf.gather(
            x,
            tf.tensor1d(
              Array.from({ length: 1 + choose.below(3) }, () => choose.below(x.shape[0]!)),
              'int32',
            ),
          ),
        ],
  constant: (x, _, choose) => [tf.fill(x.shape, choose.below(3)), tf.scalar(choose.below(5))],
  zeros: (x) => [tf.zerosLike(x)],
} satisfies Record<string, Operation>;

/** Runs a graph's nodes, each on tensors that are there by then. */
function runGraph({ nodes, results }: Graph, inputs: readonly tf.Tensor[]): tf.Tensor[] {
  const pool = [...inputs];
  for (const { operation, choices } of nodes) {
    const choose = chooser(choices);
    const x = choose.below(3) > 0 ? pool.at(-1 - choose.below(Math.min(4, pool.length)))! : choose.of(pool);
    const made = (operations[operation] as Operation)(x, pool, choose);
    pool.push(...made.filter(({ shape }) => isSmall(shape)));
  }
  return results.map((index) => pool.at(-1 - (index % pool.length))!);
}

const extent = fc.oneof(
  { arbitrary: fc.integer({ min: 1, max: 4 }), weight: 12 },
  { arbitrary: fc.constant(0), weight: 1 },
);
/** Those that share memory come more often. */
const names = Object.keys(operations) as Node['operation'][];
const often: Node['operation'][] = ['unary', 'binary', 'rows', 'concat'];
const operation = fc.oneof(fc.constantFrom(...names), fc.constantFrom(...often));
const graphs = fc.record({
  inputs: fc.array(fc.record({ shape: fc.array(extent, { maxLength: 3 }), isShared: fc.boolean() }), {
    minLength: 1,
    maxLength: 3,
  }),
  nodes: fc.array(fc.record({ operation, choices: fc.array(fc.nat(1000), { minLength: 8, maxLength: 8 }) }), {
    minLength: 1,
    maxLength: 16,
  }),
  results: fc.oneof(fc.constant<number[]>([0]), fc.array(fc.nat(1000), { minLength: 1, maxLength: 6 })),
  seed: fc.nat(1000),
});

interface Bytes {
  shape: number[];
  dtype: string;
  values: string;
}

const bytesOf = (x: tf.Tensor): Bytes => {
  const { buffer, byteOffset, byteLength } = x.dataSync();
  return {
    shape: x.shape,
    dtype: x.dtype,
    values: Buffer.from(buffer, byteOffset, byteLength).toString('hex'),
  };
};

/** Asserts that a compiled graph gives the bytes of its operations one by one, with new inputs at every run. */
function assertEqualsEager(graph: Graph): void {
  const before = { tensors: tf.memory().numTensors, stored: tf.backend().numDataIds() };
  const compiled = new Compiled(({ x }: { x: tf.Tensor[] }) => ({
    y: Object.assign({}, runGraph(graph, Object.values(x))),
  }));
  tf.tidy(() => {
    const kept: { tensors: tf.Tensor[]; bytes: Bytes[] }[] = [];
    for (const run of [0, 1, 2]) {
      const inputs = graph.inputs.map(({ shape }, i) =>
        upload(normals(graph.seed + run, `input ${i}`, shape)),
      );
      // One tensor may be given twice.
      const given = inputs.map((x, i) =>
        graph.inputs[i]!.isShared && tf.util.arraysEqual(x.shape, inputs[0]!.shape) ? inputs[0]! : x,
      );
      const wanted = runGraph(graph, given).map(bytesOf);
      const untouched = given.map(bytesOf);
      const results: tf.Tensor[] = Object.values(compiled.run({ x: given }).y);
      assert.deepEqual(results.map(bytesOf), wanted, `run ${run}`);
      assert.deepEqual(given.map(bytesOf), untouched, 'an input was written to');
      kept.push({ tensors: results, bytes: wanted });
    }
    compiled.dispose();
    for (const { tensors, bytes } of kept)
      assert.deepEqual(tensors.map(bytesOf), bytes, 'a result has changed');
  });
  assert.equal(tf.memory().numTensors, before.tensors, 'tensors leaked');
  assert.equal(tf.backend().numDataIds(), before.stored, 'memory leaked');
}

describe('compiled functions on native', { skip: typeof native === 'string' && `skipped: ${native}` }, () => {
  before(() => startEngine('native'));
  testCompiledFunctions(0);

  /** Of [2, 4] tensors; nothing needs what is made before the last step after it. */
  const shared: Record<string, (x: tf.Tensor, y: tf.Tensor) => tf.Tensor> = {
    'a row that is cut and added to the rest': (x) => {
      const whole = tf.tanh(x);
      return tf.neg(tf.add(whole, tf.slice(whole, [0, 0], [1, 4])));
    },
    'a row that is cut and added to others': (x, y) => {
      const whole = tf.tanh(x);
      return tf.neg(tf.add(tf.slice(whole, [0, 0], [1, 4]), y));
    },
    'numbers whose comparison with many is as large in bytes': (x, y) => {
      const few = tf.tanh(tf.reshape(tf.slice(x, [0, 0], [1, 2]), [1, 2]));
      return tf.logicalNot(tf.less(few, tf.reshape(y, [4, 2])));
    },
  };
  for (const [name, f] of Object.entries(shared)) {
    test(`read before its memory is given away: ${name}`, () => {
      tf.tidy(() => {
        const given = { x: upload(normals(1, 'x', [2, 4])), y: upload(normals(1, 'y', [2, 4])) };
        const compiled = new Compiled(({ x, y }: typeof given) => ({ z: f(x, y) }));
        assert.deepEqual(bytesOf(compiled.run(given).z), bytesOf(f(given.x, given.y)));
        compiled.dispose();
      });
    });
  }

  test('a random function gives the bytes of its operations one by one, whatever its memory is shared with', () => {
    fc.assert(fc.property(graphs, assertEqualsEager), { includeErrorInReport: true, seed: 1, numRuns: 700 });
  });
});

test('no two pieces of an arena overlap in time and memory', () => {
  const step = fc.nat(12);
  const need = fc
    .record({ bytes: fc.oneof(fc.nat(300), fc.nat(4)), begin: step, end: step })
    .map(({ bytes, begin, end }) => ({ bytes, from: Math.min(begin, end), to: Math.max(begin, end) }));
  fc.assert(
    fc.property(fc.array(need, { maxLength: 20 }), (needs) => {
      const { offsets, bytes } = layOut(needs);
      for (const [i, one] of needs.entries()) {
        assert.equal(offsets[i]! % 64, 0, 'not on a cache line');
        assert.ok(offsets[i]! >= 0 && offsets[i]! + one.bytes <= bytes, 'beyond the arena');
        for (const [j, other] of needs.slice(0, i).entries()) {
          const isApartInTime = one.to < other.from || other.to < one.from;
          const isApart = offsets[i]! + one.bytes <= offsets[j]! || offsets[j]! + other.bytes <= offsets[i]!;
          assert.ok(isApartInTime || isApart, `pieces ${j} and ${i} overlap`);
        }
      }
      // Never more than all of them side by side.
      assert.ok(bytes <= needs.reduce((sum, { bytes }) => sum + Math.ceil(bytes / 64) * 64, 0));
    }),
    { seed: 1, numRuns: 1000 },
  );
});

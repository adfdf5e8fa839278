import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import * as tf from '@tensorflow/tfjs-core';
import { normals } from './tensors.ts';

/** Numbers nested as a tensor's axes. */
export type Nested = number | Nested[];

/** Folders of test/fixtures. */
type Folder = 'planning' | 'rssm' | 'muzero' | 'simple' | 'ha-schmidhuber' | 'dreamer4';

/** Values computed in float64 from the equations, and checked against the authors' code: the folder's README.md says how. */
export function reference<T>(name: string, folder: Folder = 'rssm'): T {
  const file = new URL(`../fixtures/${folder}/${name}`, import.meta.url);
  const bytes = readFileSync(file);
  return JSON.parse((name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString());
}

export const flat = (nested: Nested): number[] =>
  typeof nested === 'number' ? [nested] : nested.flatMap(flat);
export const tensor = (nested: Nested): tf.Tensor => tf.tensor(nested as tf.TensorLike, undefined, 'float32');
export const read = (x: tf.Tensor): Float32Array => x.dataSync<'float32'>();

/**
 * Tests give the reference to the second of two members; the first one's numbers are others, which it must not see.
 *
 * @param x the reference's, without a member axis
 */
export const second = (x: Nested): tf.Tensor => {
  const own = tensor(x);
  const other = normals(1, 'other member', own.shape);
  return tf.stack([tf.tensor(other.data, other.shape), own]);
};

/** The second member's numbers. */
export const ofSecond = (x: tf.Tensor): Float32Array => read(x).slice(x.size / 2);

import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import * as tf from '@tensorflow/tfjs-core';

/** Numbers nested as a tensor's axes. */
export type Nested = number | Nested[];

/** Values computed in float64 from the equations, and checked against the authors' code: the folder's README.md says how. */
export function reference<T>(name: string, folder: 'planning' | 'rssm' = 'rssm'): T {
  const file = new URL(`../fixtures/${folder}/${name}`, import.meta.url);
  const bytes = readFileSync(file);
  return JSON.parse((name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString());
}

export const flat = (nested: Nested): number[] =>
  typeof nested === 'number' ? [nested] : nested.flatMap(flat);
export const tensor = (nested: Nested): tf.Tensor => tf.tensor(nested as tf.TensorLike, undefined, 'float32');
export const read = (x: tf.Tensor): Float32Array => x.dataSync<'float32'>();

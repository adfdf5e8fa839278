import * as tf from '@tensorflow/tfjs-core';

/** So many entries along one axis, from one on, all of the other axes: shaped as x but for that axis, `count`. */
export const sliceAlong = (x: tf.Tensor, axis: number, from: number, count: number): tf.Tensor =>
  tf.slice(
    x,
    x.shape.map((_, i) => (i === axis ? from : 0)),
    x.shape.map((extent, i) => (i === axis ? count : extent)),
  );

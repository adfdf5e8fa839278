import * as tf from '@tensorflow/tfjs-core';

/** So many entries along one axis, from one on, all of the other axes: shaped as x but for that axis, `count`. */
export const sliceAlong = <T extends tf.Tensor>(x: T, axis: number, from: number, count: number): T =>
  tf.slice<tf.Rank, T>(
    x,
    x.shape.map((_, i) => (i === axis ? from : 0)),
    x.shape.map((extent, i) => (i === axis ? count : extent)),
  );

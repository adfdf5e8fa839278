import * as tf from '@tensorflow/tfjs-core';
import type { Member } from './agent.ts';

/** Hyper-parameters that may differ from member to member, as tensors. */
export interface ScalarsOf<Settings> {
  /** [members] */
  vector(of: (settings: Settings) => number): tf.Tensor1D;
  /** [members, 1], which multiplies flat weights */
  column(of: (settings: Settings) => number): tf.Tensor2D;
}

/** Makes tensors of one number of each member's settings. */
export function memberScalars<Settings>(members: readonly Member<Settings>[]): ScalarsOf<Settings> {
  const each = (of: (settings: Settings) => number) => members.map(({ settings }) => of(settings));
  return {
    vector: (of) => tf.tensor1d(each(of)),
    column: (of) => tf.tensor2d(each(of), [members.length, 1]),
  };
}

/** A dense array with its shape, row-major: what a checkpoint stores. */
export interface NamedArray {
  shape: number[];
  data: Float32Array | Float64Array | Int32Array | Uint8Array;
}

/**
 * Everything that the future of one member (one seed) depends on. A checkpoint is this value on disk;
 * resuming is handing it back to `train`. Arrays carry no member axis.
 */
export interface MemberState {
  /** Environment steps taken, or rounds made where the method acts in no environment. */
  step: number;
  /** Gradient updates made. */
  update: number;
  /** Whether the evaluation after `step` is still to be made: the run was stopped in the middle of it. */
  evaluationDue: boolean;
  /** Parameters, optimizer moments, targets, replay, environment, pending loss rows, by name. */
  arrays: Record<string, NamedArray>;
  /** Position of each random stream, by name. */
  streams: Record<string, number[]>;
}

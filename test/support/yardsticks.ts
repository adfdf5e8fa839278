import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import * as tf from '@tensorflow/tfjs-core';
import type { TransitionTensors } from '../../src/models/transitions.ts';
import { assertClose } from './tensors.ts';

/** Numbers nested as a tensor's axes. */
type Nested = number | Nested[];

/** What an update of one member is made of and gives. */
export interface ReferenceUpdate {
  transitions: Record<keyof TransitionTensors, Nested>;
  terms: Record<string, number>;
  after: Record<string, number[] | null>;
}

/** One member's own numbers, its weights at first, and what its updates make of them. */
export interface ReferenceMember<Update extends ReferenceUpdate> {
  numbers: Record<string, number>;
  before: Record<string, number[]>;
  updates: Update[];
}

export interface SacUpdate extends ReferenceUpdate {
  noise: Nested;
  nextNoise: Nested;
}

export interface DqnUpdate extends ReferenceUpdate {
  targetRate: number;
}

/** Of scripts/yardsticks_reference.py. */
export const reference: {
  sac: { entropy: number | null; members: ReferenceMember<SacUpdate>[] }[];
  dqn: {
    double: boolean;
    loss: 'huber' | 'squared';
    gradientClip: number;
    members: ReferenceMember<DqnUpdate>[];
  }[];
} = JSON.parse(
  gunzipSync(readFileSync(new URL('../fixtures/yardsticks.json.gz', import.meta.url))).toString(),
);

/** The same number or array of every member, side by side. */
export const together = <Member>(
  members: readonly Member[],
  of: (member: Member) => Nested,
  dtype: 'float32' | 'int32' = 'float32',
): tf.Tensor => tf.tensor(members.map(of) as tf.TensorLike, undefined, dtype);

/** One number of each member: [members, 1]. */
export const column = <Member>(members: readonly Member[], of: (member: Member) => number): tf.Tensor2D =>
  together(members, (member) => [of(member)]) as tf.Tensor2D;

/** Each member's weights of a name at first: [members, size]. */
export const weightsBefore = (members: readonly { before: Record<string, number[]> }[], name: string) =>
  together(members, ({ before }) => before[name]!) as tf.Tensor2D;

/** The transitions of the members' updates, choices as int32. */
export function transitionsOf(updates: readonly ReferenceUpdate[]): TransitionTensors {
  const of = (name: keyof TransitionTensors, dtype?: 'int32') =>
    together(updates, ({ transitions }) => transitions[name], dtype);
  const isChoice = !Array.isArray((updates[0]!.transitions.action as Nested[])[0]);
  return {
    observation: of('observation'),
    action: of('action', isChoice ? 'int32' : undefined),
    reward: of('reward'),
    nextObservation: of('nextObservation'),
    terminated: of('terminated'),
  };
}

/** Asserts that terms, and weights after the update, are those of the reference. */
export function assertUpdated(
  updates: readonly ReferenceUpdate[],
  terms: Readonly<Record<string, tf.Tensor>>,
  after: Readonly<Record<string, tf.Tensor | undefined>>,
  what: string,
): void {
  for (const name of Object.keys(updates[0]!.terms)) {
    const wanted = updates.map(({ terms }) => terms[name]!);
    assertClose(terms[name]!.dataSync(), wanted, 1e-5, `${what}, ${name}`);
  }
  for (const name of Object.keys(updates[0]!.after)) {
    const wanted = updates.flatMap(({ after }) => after[name] ?? []);
    assertClose(after[name]?.dataSync() ?? [], wanted, 2e-5, `${what}, ${name} afterwards`);
  }
}

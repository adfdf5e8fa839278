import * as tf from '@tensorflow/tfjs-core';
import type { InspectedUpdate } from '../../training/agent.ts';
import { memberPart } from '../../training/member-part.ts';
import type { StackedTerms } from '../../training/pending-terms.ts';
import type { Batch } from '../../training/replay.ts';
import type { NamedArray } from '../../training/state.ts';
import type { Networks, Weights } from './networks.ts';
import { type Gradients, LOSS_TERMS, type LossTerm } from './update.ts';

/**
 * Reads what an update of the first member was made of. To be called while its tensors are alive; they are kept until
 * they have been read.
 *
 * @param weights before the update
 */
export async function inspectFirst(
  networks: Networks,
  batch: Batch,
  weights: Weights,
  gradient: Pick<Gradients, 'model' | 'actor'>,
  terms: StackedTerms<LossTerm>,
): Promise<InspectedUpdate> {
  const readAll = async (tensor: tf.Tensor) => {
    const copy = tf.keep(tf.clone(tensor));
    const values = await copy.data<'float32'>();
    copy.dispose();
    return values;
  };
  const read = async (tensor: tf.Tensor) => memberPart(await readAll(tensor), tensor.shape[0]!, 0);
  const parameters = (['model', 'actor'] as const).map(async (name) => {
    const [values, slopes] = await Promise.all([read(weights[name].parameters), read(gradient[name])]);
    const gradients = networks[name].views(slopes);
    return networks[name]
      .views(values)
      .map(({ name, values }, i) => ({ name, weights: values, gradient: gradients[i]!.values }));
  });
  const values = readAll(terms.values);
  return {
    batch: batchArrays(batch),
    parameters: (await Promise.all(parameters)).flat(),
    terms: firstTerms(terms, await values),
  };
}

/** The first member's terms, in the order of losses.csv. */
function firstTerms({ rows, values }: StackedTerms<LossTerm>, numbers: Float32Array): Record<string, number> {
  const members = values.shape[1];
  const present = LOSS_TERMS.filter((name) => rows[name] !== undefined);
  return Object.fromEntries(present.map((name) => [name, numbers[rows[name]! * members]!]));
}

/** Copies of the first member's windows, [batch, time, …]. */
function batchArrays({ members, batch, time, ...arrays }: Batch): Record<string, NamedArray> {
  return Object.fromEntries(
    Object.entries(arrays).map(([name, values]: [string, Float32Array | Int32Array]) => {
      const data = memberPart(values, members, 0).slice();
      const width = data.length / (batch * time);
      return [name, { shape: width === 1 ? [batch, time] : [batch, time, width], data }];
    }),
  );
}

import * as tf from '@tensorflow/tfjs-core';
import type { InspectedUpdate } from '../../training/agent.ts';
import { memberPart } from '../../training/member-part.ts';
import type { Batch } from '../../training/replay.ts';
import type { NamedArray } from '../../training/state.ts';
import type { Networks, Weights } from './networks.ts';
import { type Gradients, LOSS_TERMS, type LossTerms } from './update.ts';

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
  terms: LossTerms,
): Promise<InspectedUpdate> {
  const read = async (tensor: tf.Tensor) => {
    const copy = tf.keep(tf.clone(tensor));
    const values = await copy.data<'float32'>();
    copy.dispose();
    return memberPart(values, tensor.shape[0]!, 0);
  };
  const parameters = (['model', 'actor'] as const).map(async (name) => {
    const [values, slopes] = await Promise.all([read(weights[name]), read(gradient[name])]);
    const gradients = networks[name].views(slopes);
    return networks[name]
      .views(values)
      .map(({ name, values }, i) => ({ name, weights: values, gradient: gradients[i]!.values }));
  });
  const rows = LOSS_TERMS.filter((name) => terms[name]).map(
    async (name) => [name, (await read(terms[name]!))[0]!] as const,
  );
  return {
    batch: batchArrays(batch),
    terms: Object.fromEntries(await Promise.all(rows)),
    parameters: (await Promise.all(parameters)).flat(),
  };
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

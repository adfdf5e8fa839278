import * as tf from '@tensorflow/tfjs-core';
import { gruStep } from '../../nn/gru.ts';
import { layer, linear } from '../../nn/linear.ts';
import { blockLayerSpecs, blockLinear, normDense, normLayer, normLayerSpecs } from '../../nn/norm-dense.ts';
import { hiddenLayers, hiddenSpecs, outSpecs } from '../../nn/norm-mlp.ts';
import type { ParameterSpec, Parameters } from '../../nn/parameters.ts';
import { latentFamily } from './latent.ts';
import type { RssmSettings } from './settings.ts';

/** The recurrent state: deterministic h and stochastic z, [members, …, numbers] each. */
export type RssmState = Record<'deter' | 'stoch', tf.Tensor>;

/**
 * The recurrent state-space model (Hafner et al. 2019):
 *
 *   sequence model   h_t = f(h_{t−1}, z_{t−1}, a_{t−1})
 *   prior            ẑ_t ~ p(z | h_t)
 *   posterior        z_t ~ q(z | h_t, e_t),   e_t the encoded observation
 *
 * The cell `gru` is PlaNet's to DreamerV2's: x = act(W [z, a]), then a GRU of one matrix on [x, h]. The cell `blocks` is
 * DreamerV3's: h, z and a have an input layer each, and the hidden layer and the gates are block-diagonal, block k
 * seeing its own part of h and all three.
 */
export function dynamicsSpecs(settings: RssmSettings, actions: number): ParameterSpec[] {
  const { deter, hidden, cell, blocks, norm, priorLayers, units } = settings;
  const { size, outputs } = latentFamily(settings);
  const cellSpecs =
    cell === 'blocks'
      ? [
          ...normLayerSpecs('rssm.deter', deter, hidden, norm),
          ...normLayerSpecs('rssm.stoch', size, hidden, norm),
          ...normLayerSpecs('rssm.action', actions, hidden, norm),
          ...blockLayerSpecs('rssm.hidden', blocks, deter + blocks * 3 * hidden, deter, norm),
          ...blockLayerSpecs('rssm.gates', blocks, deter, 3 * deter, false),
        ]
      : [
          ...normLayerSpecs('rssm.input', size + actions, hidden, norm),
          ...blockLayerSpecs('rssm.gates', 1, hidden + deter, 3 * deter, false),
        ];
  return [
    ...cellSpecs,
    ...hiddenSpecs('rssm.posterior', deter + units, { layers: 1, units: hidden }, norm),
    ...outSpecs('rssm.posterior', hidden, outputs),
    ...hiddenSpecs('rssm.prior', deter, { layers: priorLayers, units: hidden }, norm),
    ...outSpecs('rssm.prior', hidden, outputs),
  ];
}

/** The networks of the recurrence over their parameters. */
export interface Dynamics {
  /** What the cell sees of actions, of many steps at once: [members, …, actions] -> [members, …, inputs]. */
  actionInput(action: tf.Tensor): tf.Tensor;
  /** h′ = f(h, z, a). */
  sequence(state: RssmState, actionInput: tf.Tensor): tf.Tensor;
  /** Outputs for p(z | h). */
  prior(deter: tf.Tensor): tf.Tensor;
  /** Outputs for q(z | h, e). */
  posterior(deter: tf.Tensor, embedding: tf.Tensor): tf.Tensor;
}

export function dynamics(parameters: Parameters, settings: RssmSettings): Dynamics {
  const { cell, blocks, norm, activation, priorLayers } = settings;
  const named = (name: string) => normLayer(parameters, name, norm);
  const apply = (name: string, x: tf.Tensor, inputGradient?: boolean) =>
    normDense(x, [named(name)], activation, inputGradient);
  const head = (name: string, layers: number, x: tf.Tensor) =>
    linear(parameters, `${name}.out`, hiddenLayers(parameters, name, layers, x, settings));
  const gates = layer(parameters, 'rssm.gates');
  return {
    ...(cell === 'blocks'
      ? {
          actionInput: (action) => apply('rssm.action', action),
          sequence: ({ deter, stoch }, actionInput) => {
            const inputs = tf.concat(
              [apply('rssm.deter', deter), apply('rssm.stoch', stoch), actionInput],
              -1,
            );
            const x = apply('rssm.hidden', besideEachBlock(deter, inputs, blocks));
            return gruStep(blockLinear(x, gates.weight, gates.bias), deter, blocks);
          },
        }
      : {
          actionInput: (action) => action,
          sequence: ({ deter, stoch }, action) => {
            const x = apply('rssm.input', tf.concat([stoch, action], -1));
            return gruStep(blockLinear(tf.concat([x, deter], -1), gates.weight, gates.bias), deter);
          },
        }),
    prior: (deter) => head('rssm.prior', priorLayers, deter),
    posterior: (deter, embedding) => head('rssm.posterior', 1, tf.concat([deter, embedding], -1)),
  };
}

/** Each block of h followed by all of x: [members, …, deter], [members, …, n] -> [members, …, deter + blocks · n]. */
function besideEachBlock(deter: tf.Tensor, x: tf.Tensor, blocks: number): tf.Tensor {
  if (blocks === 1) return tf.concat([deter, x], -1);
  return tf.concat(
    tf.split(deter, blocks, -1).flatMap((block) => [block, x]),
    -1,
  );
}

/** What an RSSM makes of a real sequence, each [members, batch, time, …]. */
export interface ObservedSequence extends RssmState {
  /** The posterior's outputs. */
  posterior: tf.Tensor;
}

/**
 * Follows real sequences: at every step h_t = f(k_t h_{t−1}, k_t z_{t−1}, k_t a_{t−1}) and z_t ~ q(z | h_t, e_t).
 *
 * @param embedding e: [members, batch, time, units]
 * @param action a_{t−1}, which led to each step: [members, batch, time, actions]
 * @param keep k: 0 where an episode starts, else 1: [members, batch, time]
 * @param start the state before the first step
 * @param noise of z, [members, batch, time, numbers]; undefined: the likeliest z
 */
export function observeSequence(
  parameters: Parameters,
  settings: RssmSettings,
  embedding: tf.Tensor,
  action: tf.Tensor,
  keep: tf.Tensor,
  start: RssmState,
  noise: tf.Tensor | undefined,
): ObservedSequence {
  const { actionInput, sequence, posterior } = dynamics(parameters, settings);
  const latent = latentFamily(settings);
  const kept = tf.expandDims(keep, 3);
  const along = (x: tf.Tensor) => tf.unstack(x, 2);
  const [embeddings, inputs, keeps] = [embedding, actionInput(tf.mul(action, kept)), kept].map(along) as [
    tf.Tensor[],
    tf.Tensor[],
    tf.Tensor[],
  ];
  const noises = noise && along(noise);
  const states: RssmState[] = [];
  const posteriors: tf.Tensor[] = [];
  let { deter, stoch } = start;
  for (const [t, embedded] of embeddings.entries()) {
    const before = { deter: tf.mul(deter, keeps[t]!), stoch: tf.mul(stoch, keeps[t]!) };
    deter = sequence(before, inputs[t]!);
    const output = posterior(deter, embedded);
    stoch = latent.sample(output, noises?.[t]);
    states.push({ deter, stoch });
    posteriors.push(output);
  }
  return {
    deter: tf.stack(
      states.map((state) => state.deter),
      2,
    ),
    stoch: tf.stack(
      states.map((state) => state.stoch),
      2,
    ),
    posterior: tf.stack(posteriors, 2),
  };
}

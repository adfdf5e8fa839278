import * as tf from '@tensorflow/tfjs-core';
import { tdmpcSettings } from '../../src/methods/tdmpc/settings.ts';
import { layoutOf } from '../../src/methods/tdmpc/weights.ts';
import { type LatentModel, latentModel } from '../../src/models/latent/model.ts';
import { latentNetworks } from '../../src/models/latent/networks.ts';
import type { LatentPolicy } from '../../src/models/latent/policy.ts';
import type { ParameterLayout, Parameters } from '../../src/nn/parameters.ts';
import { type LayerValues, type NetworkValues, spaces, valuesOf } from './tdmpc-reference.ts';

/** The parameters of a small TD-MPC2 in float64, and what they do not say. */
export interface Tdmpc2Reference {
  model: NetworkValues;
  policy: LayerValues[];
  sizes: Record<'groupSize' | 'bins' | 'high', number>;
}

/** The reference's model, and how its policy is sampled. */
export function tdmpc2Model({ model, policy, sizes }: Tdmpc2Reference): {
  model: LatentModel;
  head: LatentPolicy;
} {
  const settings = tdmpcSettings.parse({
    model: { latent: 8, simNorm: sizes.groupSize, hidden: 6, encoderHidden: 6 },
    twoHot: { bins: sizes.bins, limit: sizes.high },
    critic: { heads: 5 },
  });
  const networks = latentNetworks(settings.model, settings.critic, settings.actor, settings.twoHot, spaces);
  const values: NetworkValues = { ...model, actor: policy };
  const parameters = (layout: ParameterLayout): Parameters => {
    const all = layout.specs.flatMap(({ name }) => valuesOf(name, values));
    return layout.unpack(tf.tensor2d(all, [1, layout.size]));
  };
  const layouts = layoutOf(networks);
  const { encoder, model: ofModel, critic } = layouts;
  const actor = networks.actor!;
  return {
    model: latentModel(
      networks,
      {
        encoder: parameters(encoder),
        model: parameters(ofModel),
        critic: parameters(critic),
        actor: parameters(actor.layout),
      },
      spaces,
    ),
    head: actor.policy,
  };
}

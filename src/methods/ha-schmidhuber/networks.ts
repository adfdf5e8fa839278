import type * as tf from '@tensorflow/tfjs-core';
import { partsOf } from '../../models/mdn-rnn/model.ts';
import { featureSize, latentSize, rnnSpecs, vaeSpecs } from '../../models/mdn-rnn/networks.ts';
import type { MdnRnnSettings } from '../../models/mdn-rnn/settings.ts';
import { ParameterLayout } from '../../nn/parameters.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { type ControllerHead, controllerHead, controllerSize } from './controller.ts';
import type { HaSchmidhuberSettings } from './settings.ts';

/** Where every number of V, M and C stands. */
export interface Networks {
  /** Undefined where z is the observation. */
  vae: ParameterLayout | undefined;
  rnn: ParameterLayout;
  /** How C's outputs stand for actions. */
  head: ControllerHead;
  /** Numbers of C. */
  controllerSize: number;
}

/** What fixes the shapes of V and M. */
export const modelSettings = ({ model, encoder }: HaSchmidhuberSettings): MdnRnnSettings => ({
  ...model,
  images: encoder,
});

export function networks(settings: HaSchmidhuberSettings, spaces: AgentSpaces): Networks {
  const { controller } = settings;
  const model = modelSettings(settings);
  const head = controllerHead(spaces.actionSpace);
  const seen = controller.features === 'z' ? latentSize(model, spaces) : featureSize(model, spaces);
  return {
    vae: model.encoder === 'vae' ? new ParameterLayout(vaeSpecs(model, spaces)) : undefined,
    rnn: new ParameterLayout(rnnSpecs(model, spaces)),
    head,
    controllerSize: controllerSize(seen, head),
  };
}

/** What the controller sees of features: [members, …, features]. */
export const seenBy = (
  features: tf.Tensor,
  settings: HaSchmidhuberSettings,
  spaces: AgentSpaces,
): tf.Tensor =>
  settings.controller.features === 'z' ? partsOf(features, modelSettings(settings), spaces).latent : features;

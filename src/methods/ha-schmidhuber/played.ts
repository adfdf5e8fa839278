import * as tf from '@tensorflow/tfjs-core';
import type { RememberedState } from '../../models/lstm-memory.ts';
import { mdnRnnModel } from '../../models/mdn-rnn/model.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Played } from '../played.ts';
import { controllerOutput } from './controller.ts';
import { modelSettings, networks, seenBy } from './networks.ts';
import type { HaSchmidhuberSettings } from './settings.ts';

/** V, M and the controller that evaluation plays. */
export function playedHaSchmidhuber(
  settings: HaSchmidhuberSettings,
  spaces: AgentSpaces,
): Played<RememberedState> {
  const { vae, rnn, head, controllerSize } = networks(settings, spaces);
  return {
    sizes: { ...(vae && { vae: vae.size }), rnn: rnn.size, controller: controllerSize },
    model: (weights) => {
      const parameters = { vae: vae?.unpack(weights.vae!), rnn: rnn.unpack(weights.rnn!) };
      const policy = (features: tf.Tensor) =>
        controllerOutput(tf.expandDims(weights.controller!, 1), seenBy(features, settings, spaces));
      return mdnRnnModel(parameters, modelSettings(settings), spaces, settings.temperature, policy);
    },
    head,
  };
}

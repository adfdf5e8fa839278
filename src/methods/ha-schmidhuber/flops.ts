import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { perRow, perRowOf, product, trained } from '../../training/flop-counts.ts';
import type { TrainingCost } from '../../training/training-cost.ts';
import { networks } from './networks.ts';
import { updatesBefore } from './phases.ts';
import type { HaSchmidhuberSettings } from './settings.ts';

/**
 * V is trained on single observations, M on windows that V encodes, o and o′. A step of a dream passes C and all of M, an
 * action encoder, LSTM and C. Dreams may be over early: where C is evolved in them it is a bound.
 */
export function trainingCost(settings: HaSchmidhuberSettings, spaces: AgentSpaces): TrainingCost {
  const { randomSteps, vae: ofVae, replay, model, controller } = settings;
  const { vae, rnn, head, controllerSize } = networks(settings, spaces);
  const encoder = vae ? perRow(vae, 'encoder') : 0;
  const remembered = perRow(rnn, 'dynamics');
  const predicted = remembered + perRowOf(rnn, 'mixture', 'reward', 'continue');
  const controlled = product(1, controllerSize / head.outputs - 1, head.outputs);

  const rows = replay.batch * replay.length;
  const onWindows = rows * (2 * encoder + trained(predicted));
  const onObservations = vae ? ofVae.batch * trained(encoder + perRow(vae, 'decoder')) : 0;
  const dreams = controller.population * controller.episodes * controller.dreamSteps;
  const generation = dreams * (controlled + predicted) + controller.episodes * encoder;
  return {
    parameters: (vae?.size ?? 0) + (model.rnn === 'trained' ? rnn.size : 0) + controllerSize,
    flops: ({ steps, updates }) => {
      const made = updatesBefore(settings, updates);
      const acted = Math.max(0, steps - randomSteps) * (encoder + remembered + controlled);
      return acted + made.vae * onObservations + made.rnn * onWindows + made.evolve * generation;
    },
    isBound: controller.in === 'dream' && controller.generations > 0,
  };
}

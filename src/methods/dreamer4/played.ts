import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Played } from '../played.ts';
import { networksOf } from './networks.ts';
import type { Dreamer4Settings } from './settings.ts';
import { type FrameState, worldModel } from './world-model.ts';

/** The model as it is trained, with the policy that acts. */
export function playedDreamer4(settings: Dreamer4Settings, spaces: AgentSpaces): Played<FrameState> {
  const networks = networksOf(settings, spaces);
  const { tokenizer, world, policy, shape, head } = networks;
  return {
    sizes: {
      ...(tokenizer && { tokenizer: tokenizer.layout.size }),
      ...{ world: world.size, policy: policy.size, latent: 3 * shape.latent },
    },
    model: (weights) =>
      worldModel(networks, spaces, settings.imagination.samplingSteps, {
        tokenizer: weights.tokenizer,
        ...{ world: weights.world!, policy: weights.policy!, latent: weights.latent! },
      }),
    head,
  };
}

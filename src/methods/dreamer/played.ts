import type { RssmState } from '../../models/rssm/dynamics.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Played } from '../played.ts';
import { networks, worldModel } from './networks.ts';
import type { DreamerSettings } from './settings.ts';

/** The averages of model and actor, which evaluation plays. */
export function playedDreamer(settings: DreamerSettings, spaces: AgentSpaces): Played<RssmState> {
  const own = networks(settings, spaces);
  const { model, critic, actor } = own.layouts;
  return {
    sizes: { 'average.model': model.size, 'average.actor': actor.size },
    model: (weights) =>
      worldModel(own, settings, spaces, {
        model: model.unpack(weights['average.model']!),
        critic: critic.named([]),
        actor: actor.unpack(weights['average.actor']!),
      }),
    head: own.head,
  };
}

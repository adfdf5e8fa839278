import type { RememberedState } from '../../models/lstm-memory.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Played } from '../played.ts';
import { networks, worldModel } from './networks.ts';
import type { VaeLstmSettings } from './settings.ts';

/** The weights as they are trained: their average has no dynamics. */
export function playedVaeLstm(settings: VaeLstmSettings, spaces: AgentSpaces): Played<RememberedState> {
  const own = networks(settings, spaces);
  const { model, actor, head } = own;
  return {
    sizes: { model: model.size, actor: actor.size },
    model: (weights) => worldModel(own, settings, model.unpack(weights.model!), actor.unpack(weights.actor!)),
    head,
  };
}

import { valueEquivalentNetworks } from '../../models/value-equivalent/networks.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { perRow, perRowOf, trained } from '../../training/flop-counts.ts';
import { steadyCost, type TrainingCost } from '../../training/training-cost.ts';
import type { UpdateFlops } from '../../training/update-parts.ts';
import { extraHeads, type MuzeroSettings } from './settings.ts';

/** The flops of an update's matrix products: the unrolled model is trained, values and latents are looked at besides. */
export function updateFlops(settings: MuzeroSettings, spaces: AgentSpaces): UpdateFlops {
  const { model, encoder, replay, unroll, returns } = settings;
  const extra = extraHeads(settings);
  const { layout } = valueEquivalentNetworks(model, extra, encoder, spaces);
  const of = (name: string) => perRow(layout, name);
  const states = unroll + 1;
  const along = states * (of('value') + of('policy')) + unroll * (of('dynamics') + of('reward'));
  const ended = extra.continue ? unroll * of('continue') : 0;
  const projected = extra.self && model.projection > 0;
  const predicted = projected ? unroll * (of('projector') + of('predictor')) : 0;
  const decoded = extra.observation ? states * of('decoder') : 0;
  const followed = returns.bootstrap === 'average' ? states * (of('encoder') + of('value')) : 0;
  const observed = extra.self ? unroll * (of('encoder') + (projected ? of('projector') : 0)) : 0;
  const learnt = trained(of('encoder') + along + ended + predicted + decoded);
  return { update: replay.batch * (learnt + followed + observed) };
}

/** Acting is a search, and so is each state that an update searches anew. */
export function trainingCost(settings: MuzeroSettings, spaces: AgentSpaces): TrainingCost {
  const { model, encoder, replay, unroll, search, reanalyse } = settings;
  const { layout } = valueEquivalentNetworks(model, extraHeads(settings), encoder, spaces);
  const judged = perRowOf(layout, 'value', 'policy');
  const step = perRowOf(layout, 'dynamics', 'reward', 'continue') + judged;
  const searched = perRow(layout, 'encoder') + judged + search.simulations * step;
  const anew = Math.round(reanalyse * replay.batch) * (unroll + 1);
  const update = updateFlops(settings, spaces).update + anew * searched;
  return steadyCost(layout.size, update, searched, settings);
}

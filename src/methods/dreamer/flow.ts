import { weighedRssmTerms } from '../../models/rssm/losses.ts';
import { CRITIC, type Flow, flowOf } from '../../training/gradient-flow.ts';
import { eachOfTerms, weightedSum } from '../../training/reduce.ts';
import { type LossInputs, parametersOf, updateLosses } from './update.ts';

/**
 * The gradients of an update's losses by the model's parameters, by module. The critic's is of its loss on replayed states,
 * what it is, or would be, with `critic.shapesModel`; what it learns from dreams does not reach the model.
 */
export function modelFlow(
  ...[networks, settings, spaces, before, windows, noise, scalars]: LossInputs
): Flow {
  const shaping = { ...settings, critic: { ...settings.critic, shapesModel: true } };
  const split = parametersOf(networks, before);
  const losses = updateLosses(split, networks, shaping, spaces, before, windows, noise, scalars);
  return flowOf(networks.layouts.model, split.model, () => {
    const { real, replayed } = losses();
    return {
      ...eachOfTerms(weighedRssmTerms(real, settings.model)),
      [CRITIC]: weightedSum(replayed.map((loss) => [loss, scalars.lambda])),
    };
  });
}

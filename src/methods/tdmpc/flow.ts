import type { Windows } from '../../models/windows.ts';
import { ParameterLayout } from '../../nn/parameters.ts';
import { CRITIC, type Flow, flowOf } from '../../training/gradient-flow.ts';
import { eachOfTerms } from '../../training/reduce.ts';
import { weighedTerms } from './losses.ts';
import { modelLosses, parametersOf, type UpdateContext, type UpdateNoise } from './update.ts';
import { layoutOf, type Weights } from './weights.ts';

/**
 * The gradients of an update's losses by the parameters of encoder and model, by module. The critic's, that of the value
 * heads, is what it is, or would be, with `critic.shapesModel`.
 *
 * @param windows with rewards in the units that are learnt
 */
export function modelFlow(
  context: UpdateContext,
  before: Weights,
  windows: Windows,
  noise: UpdateNoise,
): Flow {
  const { settings, networks } = context;
  const shaping = { ...settings, critic: { ...settings.critic, shapesModel: true } };
  const split = parametersOf(context, before);
  const losses = modelLosses(split, { ...context, settings: shaping }, before, windows, noise);
  const { encoder, model } = layoutOf(networks);
  const layout = new ParameterLayout([...encoder.specs, ...model.specs]);
  return flowOf(layout, [...split.encoder, ...split.model], () => {
    const { value, ...own } = eachOfTerms(weighedTerms(losses().losses, settings));
    return { ...own, [CRITIC]: value! };
  });
}

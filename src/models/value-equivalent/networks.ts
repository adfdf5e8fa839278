import type { ImageEncoder } from '../../nn/convolution.ts';
import { mlpSpecs } from '../../nn/mlp.ts';
import { ParameterLayout } from '../../nn/parameters.ts';
import { reluTower, type Tower } from '../../nn/tower.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { ScalarCode } from '../scalar-code.ts';
import { transformedCode } from './scalars.ts';
import type { ExtraHeads, ValueEquivalentSettings } from './settings.ts';

/** Where every parameter of a value-equivalent model stands, and how its outputs are read. */
export interface ValueEquivalentNetworks {
  settings: ValueEquivalentSettings;
  extra: ExtraHeads;
  layout: ParameterLayout;
  /** What observations go through. */
  tower: Tower;
  /** How rewards and values are read, in units of `AgentSpaces.rewardScale`. */
  code: ScalarCode;
}

/** @param encoder what images go through */
export function valueEquivalentNetworks(
  settings: ValueEquivalentSettings,
  extra: ExtraHeads,
  encoder: ImageEncoder,
  spaces: AgentSpaces,
): ValueEquivalentNetworks {
  const { latent, hidden, encoderHidden, support, projection } = settings;
  const code = transformedCode(support);
  const { observation, actions } = spaces;
  const tower = reluTower(spaces, encoder);
  // Heads begin at 0: the first searches see uniform policies, neither rewards nor values, and ends as likely as not.
  const head = (name: string, outputs: number) => mlpSpecs(name, latent, hidden, outputs, 0);
  return {
    settings,
    extra,
    tower,
    code,
    layout: new ParameterLayout([
      ...tower.specs('encoder', encoderHidden, latent, 1),
      ...mlpSpecs('dynamics', latent + actions, hidden, latent),
      ...head('reward', code.outputs),
      ...head('value', code.outputs),
      ...head('policy', actions),
      ...(extra.continue ? head('continue', 1) : []),
      ...(extra.observation ? mlpSpecs('decoder', latent, hidden, observation) : []),
      ...(extra.self && projection > 0
        ? [
            ...mlpSpecs('projector', latent, hidden, projection),
            ...mlpSpecs('predictor', projection, [Math.ceil(projection / 2)], projection),
          ]
        : []),
    ]),
  };
}

import { ensembleSpecs } from '../../nn/ensemble.ts';
import { ParameterLayout } from '../../nn/parameters.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { ScalarCode } from '../scalar-code.ts';
import { HIDDEN_LAYERS, networkSpecs, toLatentSpecs } from './layers.ts';
import { type LatentPolicy, latentPolicy } from './policy.ts';
import { symlogCode } from './scalars.ts';
import type { CriticSettings, LatentSettings, PolicySettings } from './settings.ts';

/** Where every parameter of a latent model with its critic and actor stands, and how outputs are read. */
export interface LatentNetworks {
  settings: LatentSettings;
  critic: CriticSettings;
  encoder: ParameterLayout;
  /** Dynamics, reward head, termination head and predictor. */
  model: ParameterLayout;
  /** All value heads. */
  criticLayout: ParameterLayout;
  /** With the policy that it gives; absent where choices are those of the largest value. */
  actor?: { layout: ParameterLayout; policy: LatentPolicy };
  /** How rewards and values are read, in the units that are learnt. */
  code: ScalarCode;
}

export function latentNetworks(
  settings: LatentSettings,
  critic: CriticSettings,
  policySettings: PolicySettings,
  twoHot: { bins: number; limit: number },
  { observation, actions, actionSpace }: AgentSpaces,
): LatentNetworks {
  const {
    latent,
    layers: kind,
    hidden: units,
    encoderHidden,
    encoderLayers,
    continueHead,
    predictor,
  } = settings;
  const code = symlogCode(settings.scalars, twoHot);
  const hidden = { layers: HIDDEN_LAYERS, units };
  const policy = latentPolicy(actionSpace, policySettings);
  const ofAction = latent + actions;
  const toScalar = (name: string, normedFirst: boolean) =>
    networkSpecs(name, ofAction, hidden, code.outputs, { kind, normedFirst }, true);
  const encoderLayout = { layers: encoderLayers, units: encoderHidden };
  return {
    settings,
    critic,
    encoder: new ParameterLayout(toLatentSpecs('encoder', observation, encoderLayout, settings)),
    model: new ParameterLayout([
      ...toLatentSpecs('dynamics', ofAction, hidden, settings),
      ...toScalar('reward', false),
      ...(continueHead ? networkSpecs('termination', latent, hidden, 1, { kind }) : []),
      ...(predictor ? toLatentSpecs('predictor', latent, hidden, settings) : []),
    ]),
    criticLayout: new ParameterLayout(ensembleSpecs(critic.heads, toScalar('critic', true))),
    ...(policy && {
      actor: {
        layout: new ParameterLayout(networkSpecs('actor', latent, hidden, policy.outputs, { kind })),
        policy,
      },
    }),
    code,
  };
}

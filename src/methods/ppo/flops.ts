import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { perRow, trained } from '../../training/flop-counts.ts';
import type { TrainingCost } from '../../training/training-cost.ts';
import { networks } from './networks.ts';
import type { PpoSettings, PpoUpdateSettings } from './settings.ts';

/** What PPO's networks take: trained numbers, and the flops of matrix products. */
export interface PpoCost {
  parameters: number;
  /** Of an action. */
  action: number;
  /** Of learning from a roll-out of so many transitions: the policy looked at on o, V on o and o′, then both trained, pass by pass. */
  learning(transitions: number): number;
}

export function ppoCost(
  settings: PpoUpdateSettings & Partial<Pick<PpoSettings, 'encoder'>>,
  spaces: AgentSpaces,
): PpoCost {
  const { layout } = networks(settings, spaces);
  const [policy, value] = [perRow(layout, 'actor'), perRow(layout, 'critic')];
  return {
    parameters: layout.size,
    action: policy,
    learning: (transitions) => transitions * (policy + 2 * value + settings.epochs * trained(policy + value)),
  };
}

/** Whole roll-outs are learnt from. */
export function trainingCost(settings: PpoSettings, spaces: AgentSpaces): TrainingCost {
  const { epochs, batch } = settings;
  const { parameters, action, learning } = ppoCost(settings, spaces);
  return {
    parameters,
    flops: ({ steps, updates }) => steps * action + learning((updates * batch) / epochs),
  };
}

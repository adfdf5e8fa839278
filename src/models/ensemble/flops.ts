import { ParameterLayout } from '../../nn/parameters.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { perRowOf } from '../../training/flop-counts.ts';
import { ensembleModelSpecs } from './network.ts';
import type { EnsembleSettings } from './settings.ts';

/** An ensemble's trained numbers, and the flops of the matrix products of a step by all of its networks, ends foreseen. */
export function ensembleCost(
  settings: EnsembleSettings,
  spaces: AgentSpaces,
): { parameters: number; step: number } {
  const layout = new ParameterLayout(ensembleModelSpecs(settings, spaces));
  return { parameters: layout.size, step: perRowOf(layout, 'dynamics', 'continue') };
}

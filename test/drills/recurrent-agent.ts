import type { ReplaySettings } from '../../src/training/replay-learner.ts';
import { recurrentAgent } from '../support/agents.ts';

/**
 * Loaded before wm itself, in parent and workers: puts an agent that remembers in the place of the VAE + LSTM, whose
 * config keys it keeps.
 */
const { methods }: typeof import('../../src/methods/index.ts') = await import(
  new URL('../../dist/methods/index.js', import.meta.url).href
);
methods['vae-lstm'].load = async () => ({
  create: (members) =>
    recurrentAgent(
      members.map(({ seed }) => seed),
      members[0]!.settings as ReplaySettings,
    ),
  updateFlops: undefined,
});

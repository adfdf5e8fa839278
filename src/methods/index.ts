import { arm, rules, type WorldModelSettings, worldModelSettings } from './world-model/settings.ts';

/** The registry: one line per method. Settings load at once (they feed the config schema), agents on demand. */
export const methods = {
  'world-model': {
    title: 'VAE + LSTM world model: baseline, dream critic and the two arms between',
    settings: worldModelSettings,
    rules,
    arm,
    load: async () => (await import('./world-model/agent.ts')).worldModel,
  },
} as const;

export type MethodName = keyof typeof methods;
export type MethodSettings = WorldModelSettings;

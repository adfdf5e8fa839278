import { z } from 'zod';
import type { MayDream } from '../models/dreams.ts';
import type { MayPlan } from '../planning/planning-actor.ts';
import type { Agent, Member, Method } from '../training/agent.ts';
import type { AgentSpaces } from '../training/agent-spaces.ts';
import { cloningArm, cloningSettings } from './behaviour-cloning/settings.ts';
import { type Course, offlineCourse, replayCourse } from './course.ts';
import { deepDynaArm, deepDynaRules, deepDynaSettings } from './deep-dyna/settings.ts';
import { dqnSettings } from './dqn/settings.ts';
import {
  dreamerArm,
  gradientRefusal as dreamerGradientRefusal,
  dreamerRules,
  dreamerSettings,
} from './dreamer/settings.ts';
import { dreamer4DataRefusal, dreamer4Rules, dreamer4Settings } from './dreamer4/settings.ts';
import { dynaArm, dynaCourse, dynaRules, dynaSettings } from './dyna/settings.ts';
import {
  haSchmidhuberArm,
  haSchmidhuberCourse,
  haSchmidhuberRules,
  haSchmidhuberSettings,
} from './ha-schmidhuber/settings.ts';
import { mbpoRules, mbpoSettings } from './mbpo/settings.ts';
import { muzeroArm, muzeroRules, muzeroSettings } from './muzero/settings.ts';
import { petsRules, petsSettings } from './pets/settings.ts';
import { planetRules, planetSettings } from './planet/settings.ts';
import { ppoCourse, ppoRules, ppoSettings } from './ppo/settings.ts';
import { rssmRules } from './rssm-keys.ts';
import { imageRules, type Rule, type RunLength, replayRules, transitionRules } from './rules.ts';
import { sacSettings } from './sac/settings.ts';
import { simpleArm, simpleCourse, simpleRules, simpleSettings } from './simple/settings.ts';
import { anyObservationAndAction, type Takes, vectorsAndAnyAction } from './takes.ts';
import {
  tdmpcArm,
  gradientRefusal as tdmpcGradientRefusal,
  tdmpcRules,
  tdmpcSettings,
} from './tdmpc/settings.ts';
import { arm, arms, balanceRules, gradientRefusal, vaeLstmSettings } from './vae-lstm/settings.ts';

/** The registry: one line per method. Settings load at once (they feed the config schema), agents on demand. */
export const methods = {
  'vae-lstm': defineMethod(vaeLstmSettings, {
    title: 'VAE + LSTM world model: baseline, dream critic and the two arms between',
    arm,
    arms,
    takes: anyObservationAndAction,
    learnsBeside: true,
    rules: [...replayRules, ...imageRules, ...balanceRules],
    gradientRefusal,
    course: replayCourse,
    load: async () => (await import('./vae-lstm/agent.ts')).vaeLstm,
  }),
  dreamer: defineMethod(dreamerSettings, {
    title: 'Dreamer v1 to v3: an actor-critic in the imagination of a recurrent state-space model',
    arm: dreamerArm,
    takes: anyObservationAndAction,
    learnsBeside: true,
    rules: [...dreamerRules, ...rssmRules, ...imageRules],
    gradientRefusal: dreamerGradientRefusal,
    course: replayCourse,
    load: async () => (await import('./dreamer/agent.ts')).dreamer,
  }),
  planet: defineMethod(planetSettings, {
    title: 'PlaNet: planning in a recurrent state-space model, without an actor',
    arm: () => 'planet',
    takes: vectorsAndAnyAction,
    learnsBeside: true,
    rules: planetRules,
    course: replayCourse,
    load: async () => (await import('./planet/agent.ts')).planet,
  }),
  tdmpc: defineMethod(tdmpcSettings, {
    title: 'TD-MPC v1 and v2: planning in a latent model without a decoder, with values at the end of plans',
    arm: tdmpcArm,
    takes: vectorsAndAnyAction,
    learnsBeside: true,
    rules: tdmpcRules,
    gradientRefusal: tdmpcGradientRefusal,
    course: replayCourse,
    load: async () => (await import('./tdmpc/agent.ts')).tdmpc,
  }),
  muzero: defineMethod(muzeroSettings, {
    title:
      'MuZero and Gumbel MuZero: tree search in a model of rewards, values and policies, EfficientZero by a key',
    arm: muzeroArm,
    takes: { ...anyObservationAndAction, actions: ['discrete'] },
    learnsBeside: true,
    rules: [...muzeroRules, ...imageRules],
    course: replayCourse,
    load: async () => (await import('./muzero/agent.ts')).muzero,
  }),
  dyna: defineMethod(dynaSettings, {
    title: 'Tabular Dyna: Q-learning that plans in a table of what it has seen',
    arm: dynaArm,
    takes: { actions: ['discrete'], observations: [1], finiteStates: true },
    environment: 'DynaMaze',
    withoutEngine: true,
    rules: dynaRules,
    course: dynaCourse,
    load: async () => (await import('./dyna/agent.ts')).dyna,
  }),
  'deep-dyna': defineMethod(deepDynaSettings, {
    title: 'Deep Dyna: DQN, with updates on transitions that an ensemble makes',
    arm: deepDynaArm,
    takes: { ...vectorsAndAnyAction, actions: ['discrete'] },
    learnsBeside: true,
    rules: deepDynaRules,
    course: replayCourse,
    load: async () => (await import('./deep-dyna/agent.ts')).deepDyna,
  }),
  pets: defineMethod(petsSettings, {
    title: 'PETS: planning in an ensemble of probabilistic networks, by trajectory sampling',
    arm: () => 'pets',
    takes: vectorsAndAnyAction,
    learnsBeside: true,
    rules: petsRules,
    course: replayCourse,
    load: async () => (await import('./pets/agent.ts')).pets,
  }),
  mbpo: defineMethod(mbpoSettings, {
    title: 'MBPO: soft actor-critic on short roll-outs of an ensemble, for continuous actions',
    arm: () => 'mbpo',
    takes: { ...vectorsAndAnyAction, actions: ['box'] },
    environment: 'Pendulum-v1',
    rules: mbpoRules,
    course: replayCourse,
    load: async () => (await import('./mbpo/agent.ts')).mbpo,
  }),
  'ha-schmidhuber': defineMethod(haSchmidhuberSettings, {
    title: 'World Models of Ha and Schmidhuber: VAE, MDN-RNN and a linear controller evolved in dreams',
    arm: haSchmidhuberArm,
    takes: anyObservationAndAction,
    rules: [...haSchmidhuberRules, ...imageRules],
    course: haSchmidhuberCourse,
    load: async () => (await import('./ha-schmidhuber/agent.ts')).haSchmidhuber,
  }),
  simple: defineMethod(simpleSettings, {
    title: 'SimPLe: PPO in a model of the next observation, with discrete latent variables or without any',
    arm: simpleArm,
    takes: vectorsAndAnyAction,
    rules: simpleRules,
    course: simpleCourse,
    load: async () => (await import('./simple/agent.ts')).simple,
  }),
  ppo: defineMethod(ppoSettings, {
    title: 'PPO, proximal policy optimisation: the model-free yardstick',
    arm: () => 'ppo',
    takes: anyObservationAndAction,
    rules: [...ppoRules, ...imageRules],
    course: ppoCourse,
    load: async () => (await import('./ppo/agent.ts')).ppo,
  }),
  sac: defineMethod(sacSettings, {
    title: 'SAC, soft actor-critic: the model-free yardstick off-policy, for continuous actions',
    arm: () => 'sac',
    takes: { ...vectorsAndAnyAction, actions: ['box'] },
    environment: 'Pendulum-v1',
    learnsBeside: true,
    rules: transitionRules,
    course: replayCourse,
    load: async () => (await import('./sac/agent.ts')).sac,
  }),
  dqn: defineMethod(dqnSettings, {
    title: 'DQN, deep Q-learning: the model-free yardstick off-policy, for choices',
    arm: () => 'dqn',
    takes: { ...anyObservationAndAction, actions: ['discrete'] },
    learnsBeside: true,
    rules: [...transitionRules, ...imageRules],
    course: replayCourse,
    load: async () => (await import('./dqn/agent.ts')).dqn,
  }),
  'behaviour-cloning': defineMethod(cloningSettings, {
    title: 'Behaviour cloning: a policy that imitates a data set, all of it or its best episodes',
    arm: cloningArm,
    takes: anyObservationAndAction,
    learnsOffline: true,
    rules: imageRules,
    course: offlineCourse,
    load: async () => (await import('./behaviour-cloning/agent.ts')).behaviourCloning,
  }),
  dreamer4: defineMethod(dreamer4Settings, {
    title:
      'Dreamer 4: a shortcut transformer learnt from a data set, and reinforcement learning in its imagination',
    arm: () => 'dreamer4',
    takes: anyObservationAndAction,
    learnsOffline: true,
    dataRefusal: dreamer4DataRefusal,
    rules: dreamer4Rules,
    course: offlineCourse,
    load: async () => (await import('./dreamer4/agent.ts')).dreamer4,
  }),
};

export type MethodName = keyof typeof methods;

/** An agent of any method. */
export type MethodAgent = Agent & MayPlan & MayDream;

/** What a method says of itself, in terms of its own settings. */
interface Definition<Settings> {
  title: string;
  /** The arm's name: what tables call a run, and its folder's default name. */
  arm: (settings: Settings) => string;
  /** The arms that a config may name in place of the method: of each, the dotted keys that make it. */
  arms?: Readonly<Record<string, Readonly<Record<string, boolean>>>>;
  /** In what environments it can act. */
  takes: Takes;
  /** Where it acts unless a config says otherwise; default: CartPole-v1. */
  environment?: string;
  /** Whether it learns from a data set, and from nothing else. Default: false. */
  learnsOffline?: boolean;
  /**
   * Whether all it learns from is its replay, and all it does is update: one process may then act while another learns.
   * Default: false.
   */
  learnsBeside?: boolean;
  /** Why it cannot learn from episodes of such lengths, in steps, as a phrase; undefined where it can. Default: it can. */
  dataRefusal?: (settings: Settings, lengths: Int32Array) => string | undefined;
  /**
   * Why no gradient of a critic into a world model can be measured, as a phrase and what to set; undefined where it can.
   * Default: the method has none.
   */
  gradientRefusal?: (settings: Settings) => string | undefined;
  /** Whether no engine computes anything of it: its seeds then ride together in a worker on any. Default: false. */
  withoutEngine?: boolean;
  /** What must hold between its keys. */
  rules: readonly Rule<Settings & RunLength>[];
  course: (config: Settings & RunLength) => Course;
  load: () => Promise<Method<Settings, MethodAgent>>;
}

/**
 * A method as the rest of wm sees it: its functions take any resolved config and read their own keys from it, so that
 * one more method changes no type elsewhere.
 */
function defineMethod<Schema extends z.ZodObject>(settings: Schema, definition: Definition<z.infer<Schema>>) {
  const own = z.object(settings.shape);
  const read = (config: object) => own.parse(config) as z.infer<Schema>;
  return {
    title: definition.title,
    settings,
    takes: definition.takes,
    environment: definition.environment ?? 'CartPole-v1',
    learnsOffline: definition.learnsOffline ?? false,
    learnsBeside: definition.learnsBeside ?? false,
    withoutEngine: definition.withoutEngine ?? false,
    dataRefusal: (config: object, lengths: Int32Array) => definition.dataRefusal?.(read(config), lengths),
    measuresGradients: definition.gradientRefusal !== undefined,
    gradientRefusal: (config: object) => definition.gradientRefusal?.(read(config)),
    arm: (config: object) => definition.arm(read(config)),
    arms: definition.arms ?? {},
    rules: definition.rules.map(
      ({ keys, holds, says }): Rule<RunLength> => ({
        keys,
        // A resolved config holds every key of its method: to check them again for each rule takes long for a sweep.
        holds: (config) => holds(config as z.infer<Schema> & RunLength),
        says: typeof says === 'string' ? says : (config) => says(config as z.infer<Schema> & RunLength),
      }),
    ),
    course: (config: RunLength) => definition.course({ ...read(config), ...config }),
    load: async () => {
      const method = await definition.load();
      return {
        create: (members: readonly Member<object>[], spaces: AgentSpaces): MethodAgent =>
          method.create(
            members.map(({ seed, settings }) => ({ seed, settings: read(settings) })),
            spaces,
          ),
        updateFlops:
          method.updateFlops &&
          ((config: object, spaces: AgentSpaces) => method.updateFlops!(read(config), spaces)),
        trainingCost:
          method.trainingCost &&
          ((config: object, spaces: AgentSpaces) => method.trainingCost!(read(config), spaces)),
      };
    },
  };
}

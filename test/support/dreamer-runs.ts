import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import { type EnvironmentEntry, environmentEntry } from '../../src/envs/index.ts';
import { dreamer } from '../../src/methods/dreamer/agent.ts';
import { type DreamerSettings, dreamerSettings } from '../../src/methods/dreamer/settings.ts';
import type { MayDream } from '../../src/models/dreams.ts';
import type { Agent, AgentState, Member } from '../../src/training/agent.ts';
import { type AgentSpaces, agentSpaces } from '../../src/training/agent-spaces.ts';
import type { RecordedEpisodes } from '../../src/training/recorded-episodes.ts';
import { assertClose } from './tensors.ts';

/** A Dreamer too small to learn, but with every part: keys for a config. */
const tinyDreamerKeys = {
  ...{ randomSteps: 12, updateEvery: 2, horizon: 3, startsPerWindow: 3 },
  replay: { capacity: 40, batch: 3, length: 4 },
  model: {
    ...{ stoch: 2, classes: 3, deter: 8, hidden: 5, blocks: 2, units: 6 },
    ...{ encoderLayers: 1, decoderLayers: 1 },
  },
  twoHot: { bins: 7, limit: 3 },
  critic: { layers: 1 },
  actor: { layers: 1 },
  optimizer: { warmUp: 3 },
};

/** Keys of a config, or changes of some. */
export type Keys = Record<string, object | number | boolean>;

/** Its keys, some of them changed. */
export function tinyKeys(changes: Keys = {}): Keys {
  const keys: Keys = { ...tinyDreamerKeys };
  for (const [name, value] of Object.entries(changes)) {
    keys[name] = typeof value === 'object' ? { ...(keys[name] as object), ...value } : value;
  }
  return keys;
}

export const tinyDreamer = (changes?: Keys): DreamerSettings => dreamerSettings.parse(tinyKeys(changes));

/** A Dreamer and what collects for it. */
export const dreamerIn = (
  environment: string | EnvironmentEntry,
  seeds: readonly number[],
  settings: readonly DreamerSettings[],
) => agentIn<DreamerSettings, Agent & MayDream>(dreamer.create, environment, seeds, settings);

/** An agent and what collects for it, or what it learns from. */
export function agentIn<Settings, Made extends Agent>(
  create: (members: readonly Member<Settings>[], spaces: AgentSpaces) => Made,
  environment: string | EnvironmentEntry,
  seeds: readonly number[],
  settings: readonly Settings[],
  data?: RecordedEpisodes,
) {
  const entry = typeof environment === 'string' ? environmentEntry(environment) : environment;
  const members = seeds.map((seed, i) => ({ seed, settings: settings[i] ?? settings[0]! }));
  const agent = create(members, agentSpaces(entry));
  const learner = agent.learner(entry, data) as ReturnType<Made['learner']>;
  let update = 0;
  return {
    agent,
    learner,
    /** Takes the environment steps from one number to another, the first excluded. */
    async live(from: number, to: number) {
      for (let step = from + 1; step <= to; step++) update += await learner.round(step, update);
      return update;
    },
    /** Each member's whole state. */
    async save(): Promise<{ update: number; agents: AgentState[]; learners: AgentState[] }> {
      const learners = seeds.map((_, member) => learner.save(member));
      return structuredClone({ update, agents: await agent.save(), learners });
    },
    load(state: { update: number; agents: readonly AgentState[]; learners: readonly AgentState[] }) {
      update = state.update;
      agent.load(state.agents);
      for (const [member, own] of state.learners.entries()) learner.load(member, own);
    },
  };
}

/** Asserts that on the active engine a Dreamer that is saved and loaded goes on to the byte, wherever that is. */
export const assertDreamerGoesOn = (environment: string, changes: Keys, cuts: readonly number[]) =>
  assertGoesOn(() => dreamerIn(environment, [3, 4], [tinyDreamer(changes)]), cuts);

type Life = ReturnType<typeof agentIn<unknown, Agent>>;

/** The same of any agent that makes as many updates in these steps as that one does. */
export async function assertGoesOn(make: () => Life, cuts: readonly number[]) {
  const end = 28;
  const whole = make();
  const saved = new Map<number, Awaited<ReturnType<Life['save']>>>();
  for (const [i, cut] of [...cuts, end].entries()) {
    await whole.live(cuts[i - 1] ?? 0, cut);
    saved.set(cut, await whole.save());
  }
  assert.equal(saved.get(end)!.update, 8);
  for (const cut of cuts) {
    const resumed = make();
    resumed.load(structuredClone(saved.get(cut)!));
    await resumed.live(cut, end);
    assert.deepEqual(await resumed.save(), saved.get(end), `from step ${cut}`);
    await resumed.agent.drainLosses();
    resumed.agent.dispose();
  }
  await whole.agent.drainLosses();
  whole.agent.dispose();
}

/**
 * Asserts that a member beside another, each with settings of its own, learns what it learns alone, up to rounding.
 *
 * @param make a life of these seeds with these settings
 */
export async function assertAlone<Settings>(
  make: (seeds: number[], settings: Settings[]) => Life,
  seeds: readonly [number, number],
  settings: readonly [Settings, Settings],
) {
  const lived = async (life: Life) => {
    await life.live(0, 28);
    const { agents, learners } = await life.save();
    await life.agent.drainLosses();
    life.agent.dispose();
    return { agents, learners };
  };
  const both = await lived(make([...seeds], [...settings]));
  for (const [member, seed] of seeds.entries()) {
    const { agents, learners } = await lived(make([seed], [settings[member]!]));
    for (const [name, { data }] of Object.entries(agents[0]!.arrays)) {
      assertClose(both.agents[member]!.arrays[name]!.data, data, 1e-5, `${name} of seed ${seed}`);
    }
    assert.deepEqual(both.learners[member]!.streams, learners[0]!.streams);
  }
}

/** Asserts that updates leave no tensor behind, and an agent that is disposed of none at all. */
export async function assertLeavesNothing(make: () => Life) {
  const before = tf.memory().numTensors;
  const { agent, live } = make();
  await live(0, 18);
  await agent.drainLosses();
  const held = tf.memory().numTensors;
  await live(18, 38);
  await agent.drainLosses();
  assert.equal(tf.memory().numTensors, held);
  agent.dispose();
  assert.equal(tf.memory().numTensors, before);
}

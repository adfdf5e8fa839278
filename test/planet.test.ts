import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { startEngine } from '../src/engine/engine.ts';
import { planet } from '../src/methods/planet/agent.ts';
import { type PlanetSettings, planetSettings } from '../src/methods/planet/settings.ts';
import { agentIn, assertGoesOn, assertLeavesNothing, tinyKeys } from './support/dreamer-runs.ts';

/** A PlaNet too small to plan well, whose carry holds a plan as well as a state. */
function tinyPlanet(changes: Partial<PlanetSettings> = {}): PlanetSettings {
  const { randomSteps, updateEvery, replay, model, twoHot, optimizer } = tinyKeys();
  const planner = { horizon: 3, candidates: 6, elites: 2, iterations: 2, warmStart: true };
  return planetSettings.parse({
    ...{ randomSteps, updateEvery, replay, model, twoHot, optimizer, planner },
    ...changes,
  });
}

const planetIn = (environment: string, seeds: number[], settings: PlanetSettings) =>
  agentIn(planet.create, environment, seeds, [settings]);

describe('PlaNet', () => {
  before(async () => {
    await startEngine('wasm');
  });

  test('saved and loaded it goes on to the byte, its plan with it', async () => {
    await assertGoesOn(() => planetIn('Pendulum-v1', [3, 4], tinyPlanet()), [20]);
  });

  test('explores while it collects, and plays what it has planned', async () => {
    const states = [];
    for (const exploration of [0, 0.3]) {
      const { agent, live, learner } = planetIn('Pendulum-v1', [5], tinyPlanet({ exploration }));
      await live(0, 14);
      states.push([...learner.save(0).arrays['replay.action']!.data]);
      assert.ok(states.at(-1)!.every((action) => action >= -2 && action <= 2));
      const numbers = (noises: readonly { size: number }[]) =>
        noises.reduce((sum, { size }) => sum + size, 0);
      const extra = numbers(agent.noise.sampled) - numbers(agent.noise.greedy);
      assert.equal(extra, exploration > 0 ? 1 : 0);
      await agent.drainLosses();
      agent.dispose();
    }
    const [without, explored] = states as [number[], number[]];
    assert.deepEqual(without.slice(0, 12), explored.slice(0, 12), 'the random steps are the same');
    assert.notDeepEqual(without.slice(12), explored.slice(12));
  });

  test('updates with planning leave no tensor behind', async () => {
    await assertLeavesNothing(() => planetIn('CartPole-v1', [1], tinyPlanet({ updateEvery: 1 })));
  });
});

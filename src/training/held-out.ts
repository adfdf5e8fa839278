import { type EnvironmentEntry, standingAt } from '../envs/index.ts';
import { randomAction } from '../envs/spaces.ts';
import { RandomStream } from '../random/stream.ts';
import { setAction } from './actions.ts';
import { agentSpaces } from './agent-spaces.ts';
import { compactBatch, type Sequences } from './replay.ts';

const CONTROLLERS = 32;
const STEPS = 300;
/** The set is the same for every run: its stream belongs to no run's seed. */
const SEED = 777;

/**
 * The fixed held-out set on which models are compared: 32 controllers, the environment's own with a share ε of random
 * actions from 0 (does well) to 1 (random) in equal steps, 300 steps each over as many episodes as that takes. Of an
 * environment that changes, it shows how it is at first.
 *
 * @param entry as it changes, not as it stands at some step
 */
export function heldOutSet(entry: EnvironmentEntry): Sequences {
  const { make, controller } = standingAt(entry, 0);
  const environment = make();
  const { actionSpace } = environment;
  const spaces = agentSpaces(entry);
  const size = spaces.observation;
  const set = compactBatch(1, CONTROLLERS, STEPS, spaces);
  const random = RandomStream.named(SEED, 'held-out');
  for (let sequence = 0; sequence < CONTROLLERS; sequence++) {
    const epsilon = sequence / (CONTROLLERS - 1);
    let observation = environment.reset(random);
    let first = true;
    for (let t = 0; t < STEPS; t++) {
      const at = sequence * STEPS + t;
      const action =
        random.uniform() < epsilon ? randomAction(actionSpace, random) : controller(observation, environment);
      const result = environment.step(action);
      set.observation.set(observation, at * size);
      set.nextObservation.set(result.observation, at * size);
      setAction(set.action, at, action);
      set.reward[at] = result.reward;
      set.terminated[at] = Number(result.terminated);
      set.first[at] = Number(first);
      first = result.terminated || result.truncated;
      observation = first ? environment.reset(random) : result.observation;
    }
  }
  return { ...set, mask: new Float32Array(CONTROLLERS * STEPS).fill(1) };
}

/** Makes the held-out set when it is first asked for, and keeps it: of pictures it takes seconds. */
export function heldOutOnDemand(entry: EnvironmentEntry): () => Sequences {
  let set: Sequences | undefined;
  return () => (set ??= heldOutSet(entry));
}

import type { Action } from '../envs/environment.ts';
import type { EnvironmentEntry } from '../envs/index.ts';
import { randomAction, type Space } from '../envs/spaces.ts';
import type { RandomStream } from '../random/stream.ts';
import { ActingLoop, type ActingMode, type Actor } from './acting.ts';
import { emptyActions, setAction } from './actions.ts';
import { agentSpaces } from './agent-spaces.ts';
import { emptyObservations } from './observations.ts';
import type { WholeEpisode } from './recorded-episodes.ts';

/** Chooses the actions of one episode after the other. */
export interface Player {
  /** Told that an episode starts. */
  begin(): void;
  act(observation: Float32Array): Promise<Action>;
}

/** Uniformly random actions. */
export const randomPlayer = (space: Space, random: RandomStream): Player => ({
  begin: () => {},
  act: async () => randomAction(space, random),
});

/** A policy that is a function of the observation. */
export const functionPlayer = (policy: (observation: Float32Array) => Action): Player => ({
  begin: () => {},
  act: async (observation) => policy(observation),
});

/** An agent of one member: its online policy, sampled, as in training, or its averaged one, greedy, as in an evaluation. */
export function agentPlayer(agent: Actor, mode: ActingMode, random: RandomStream): Player {
  const loop = new ActingLoop(agent, mode === 'sampled' ? 'online' : 'average', mode, 1, 1);
  return {
    begin: () => loop.forget(0),
    act: async (observation) => {
      const actions = await loop.act(observation, [random]);
      return actions instanceof Int32Array ? actions[0]! : actions;
    },
  };
}

/**
 * The same, with a share of its actions replaced by uniformly random ones. The player is not told, as under sticky actions:
 * an agent that remembers its last action remembers its own.
 */
export const noisyPlayer = (
  { begin, act }: Player,
  noise: number,
  space: Space,
  random: RandomStream,
): Player => ({
  begin,
  act: async (observation) => {
    const own = await act(observation);
    return random.uniform() < noise ? randomAction(space, random) : own;
  },
});

/** Plays whole episodes of an environment, one after the other, and keeps every step of each. */
export class EpisodePlayer {
  readonly #entry: EnvironmentEntry;
  readonly #player: Player;
  readonly #starts: RandomStream;

  /** @param starts where episodes start, and what is random in the environment */
  constructor(entry: EnvironmentEntry, player: Player, starts: RandomStream) {
    this.#entry = entry;
    this.#player = player;
    this.#starts = starts;
  }

  /** The next episode. Numbers in a box are taken, and kept, within its bounds. */
  async play(): Promise<WholeEpisode> {
    const environment = this.#entry.make();
    const spaces = agentSpaces(this.#entry);
    const { actionSpace, observation: size } = spaces;
    const shown = [environment.reset(this.#starts)];
    const taken: Action[] = [];
    const rewards: number[] = [];
    this.#player.begin();
    for (;;) {
      const action = bounded(actionSpace, await this.#player.act(shown.at(-1)!));
      const { observation, reward, terminated, truncated } = environment.step(action);
      shown.push(observation);
      taken.push(action);
      rewards.push(reward);
      if (!terminated && !truncated) continue;
      const observations = emptyObservations(spaces, shown.length);
      for (const [t, each] of shown.entries()) observations.set(each, t * size);
      const actions = emptyActions(actionSpace, taken.length);
      for (const [t, each] of taken.entries()) setAction(actions, t, each);
      return { observations, actions, rewards: Float32Array.from(rewards), terminated, truncated };
    }
  }
}

/** A copy of an action, within the bounds of a box. */
function bounded(space: Space, action: Action): Action {
  if (space.kind === 'discrete' || typeof action === 'number') return action;
  return Float32Array.from(action, (x, i) => Math.min(Math.max(x, space.low[i]!), space.high[i]!));
}

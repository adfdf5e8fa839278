import type { EnvironmentEntry } from '../envs/index.ts';
import { VectorEnvironment } from '../envs/vector.ts';
import type { RandomStream } from '../random/stream.ts';
import { mean, standardDeviation } from '../statistics.ts';
import type { Agent, PolicyName } from './agent.ts';
import { emptyBatch, type Sequences } from './replay.ts';

/** One played episode. */
export interface Episode {
  /** Undiscounted return: the sum of rewards. */
  return: number;
  /** Steps taken. */
  length: number;
  terminated: boolean;
  truncated: boolean;
  /** Where it ended, raw units, [observation]. */
  lastObservation: number[];
}

/** What one member's evaluation gave. */
export interface Evaluation {
  episodes: Episode[];
  /** The first episodes step by step, padded to the longest of them. */
  recorded: Sequences;
}

/** A growing record of one episode. */
interface Trace {
  observations: number[];
  nextObservations: number[];
  actions: number[];
  rewards: number[];
}

/**
 * Plays whole episodes greedily, all members' side by side; the only randomness is where episodes start.
 *
 * @param episodes episodes per member
 * @param record how many of each member's first episodes to record
 * @param streams each member's stream of start states
 */
export async function evaluate(
  agent: Agent,
  { make }: EnvironmentEntry,
  policy: PolicyName,
  episodes: number,
  record: number,
  streams: readonly RandomStream[],
): Promise<Evaluation[]> {
  const members = streams.length;
  const environments = new VectorEnvironment(Array.from({ length: members * episodes }, make));
  const { count, observations, nextObservations, rewards, terminated, truncated } = environments;
  const size = observations.length / count;
  const played: Episode[] = [];
  const traces: Trace[] = [];
  for (let i = 0; i < count; i++) {
    environments.reset(i, streams[Math.floor(i / episodes)]!);
    played.push({ return: 0, length: 0, terminated: false, truncated: false, lastObservation: [] });
    traces.push({ observations: [], nextObservations: [], actions: [], rewards: [] });
  }

  const active = new Uint8Array(count).fill(1);
  for (let open = count; open > 0; ) {
    const actions = await agent.act(observations, policy);
    const before = observations.slice();
    environments.step(actions, active);
    for (let i = 0; i < count; i++) {
      if (!active[i]) continue;
      const episode = played[i]!;
      episode.return += rewards[i]!;
      episode.length++;
      if (i % episodes < record) {
        const trace = traces[i]!;
        trace.observations.push(...before.subarray(i * size, (i + 1) * size));
        trace.nextObservations.push(...nextObservations.subarray(i * size, (i + 1) * size));
        trace.actions.push(actions[i]!);
        trace.rewards.push(rewards[i]!);
      }
      if (terminated[i] || truncated[i]) {
        episode.terminated = terminated[i] === 1;
        episode.truncated = truncated[i] === 1;
        episode.lastObservation = Array.from(nextObservations.subarray(i * size, (i + 1) * size));
        active[i] = 0;
        open--;
      }
    }
  }
  return streams.map((_, member) => {
    const own = played.slice(member * episodes, (member + 1) * episodes);
    const recorded = own.slice(0, record);
    return { episodes: own, recorded: toSequences(recorded, traces.slice(member * episodes), size) };
  });
}

function toSequences(episodes: readonly Episode[], traces: readonly Trace[], size: number): Sequences {
  const time = Math.max(0, ...episodes.map(({ length }) => length));
  const batch = emptyBatch(1, episodes.length, time, size);
  const mask = new Float32Array(episodes.length * time);
  for (const [i, { length, terminated }] of episodes.entries()) {
    const trace = traces[i]!;
    const start = i * time;
    batch.observation.set(trace.observations, start * size);
    batch.nextObservation.set(trace.nextObservations, start * size);
    batch.action.set(trace.actions, start);
    batch.reward.set(trace.rewards, start);
    batch.terminated[start + length - 1] = Number(terminated);
    batch.first[start] = 1;
    mask.fill(1, start, start + length);
  }
  return { ...batch, mask };
}

/** Mean, standard deviation (n − 1; null for one), least and greatest return of some episodes. */
export function returnStatistics(episodes: readonly Pick<Episode, 'return'>[]): {
  reward_mean: number;
  reward_std: number | null;
  reward_min: number;
  reward_max: number;
} {
  const returns = episodes.map((episode) => episode.return);
  return {
    reward_mean: mean(returns)!,
    reward_std: standardDeviation(returns),
    reward_min: returns.reduce((a, b) => Math.min(a, b)),
    reward_max: returns.reduce((a, b) => Math.max(a, b)),
  };
}

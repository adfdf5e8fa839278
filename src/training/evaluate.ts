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

/** Episodes of each member that are played at once: they bound what one step of all costs, in time and memory. */
const AT_ONCE = 1000;

/**
 * Plays whole episodes greedily, those of all members side by side; the only randomness is where episodes start. Yields
 * after every step of the episodes that are played at once, so that its caller may do something else in between.
 *
 * @param episodes episodes per member
 * @param record how many of each member's first episodes to record
 * @param streams each member's stream of start states
 */
export async function* evaluate(
  agent: Agent,
  { make }: EnvironmentEntry,
  policy: PolicyName,
  episodes: number,
  record: number,
  streams: readonly RandomStream[],
): AsyncGenerator<void, Evaluation[], void> {
  const played = streams.map((): Episode[] => []);
  const traces = streams.map((): Trace[] => []);
  let size = 0;
  for (let first = 0; first < episodes; first += AT_ONCE) {
    const each = Math.min(AT_ONCE, episodes - first);
    const environments = new VectorEnvironment(Array.from({ length: streams.length * each }, make));
    const { count, observations, nextObservations, rewards, terminated, truncated } = environments;
    size = observations.length / count;
    const open: Episode[] = [];
    for (let i = 0; i < count; i++) {
      const member = Math.floor(i / each);
      environments.reset(i, streams[member]!);
      open.push({ return: 0, length: 0, terminated: false, truncated: false, lastObservation: [] });
      if (first + (i % each) < record) {
        traces[member]!.push({ observations: [], nextObservations: [], actions: [], rewards: [] });
      }
    }

    const active = new Uint8Array(count).fill(1);
    for (let left = count; left > 0; ) {
      const actions = await agent.act(observations, policy);
      const before = observations.slice();
      environments.step(actions, active);
      for (let i = 0; i < count; i++) {
        if (!active[i]) continue;
        const episode = open[i]!;
        episode.return += rewards[i]!;
        episode.length++;
        const trace = traces[Math.floor(i / each)]![first + (i % each)];
        if (trace) {
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
          left--;
        }
      }
      yield;
    }
    for (const [member, own] of played.entries()) own.push(...open.slice(member * each, (member + 1) * each));
  }
  return played.map((own, member) => ({
    episodes: own,
    recorded: toSequences(own.slice(0, record), traces[member]!, size),
  }));
}

/** Does such work to its end, and something else in between, which may be nothing. */
export async function complete<T>(
  work: AsyncGenerator<void, T, void>,
  between: () => Promise<void> = async () => {},
): Promise<T> {
  for (;;) {
    const { done, value } = await work.next();
    if (done) return value;
    await between();
  }
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

import type { EnvironmentEntry } from '../envs/index.ts';
import { actionSize } from '../envs/spaces.ts';
import { VectorEnvironment } from '../envs/vector.ts';
import { RandomStream } from '../random/stream.ts';
import { mean, standardDeviation } from '../statistics.ts';
import { ActingLoop, type Actor, noiseSize, type PolicyName } from './acting.ts';
import { agentSpaces } from './agent-spaces.ts';
import { memberPart } from './member-part.ts';
import { emptyObservations, type Observations } from './observations.ts';
import { compactBatch, type Sequences, type StepSpaces } from './replay.ts';

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
  /** One of each step. */
  observations: Observations[];
  nextObservations: Observations[];
  actions: number[];
  rewards: number[];
}

/** What is random in an evaluation, one stream per member each. */
export interface EvaluationStreams {
  /** Start states of episodes. */
  starts: readonly RandomStream[];
  /** Noise of an agent that needs some even to act greedily. */
  noise: readonly RandomStream[];
}

/** The streams of an evaluation of that name; each member's are the same wherever it is evaluated. */
export const evaluationStreams = (seeds: readonly number[], name: string): EvaluationStreams => ({
  starts: seeds.map((seed) => RandomStream.named(seed, name)),
  noise: seeds.map((seed) => RandomStream.named(seed, `${name}/acting`)),
});

/** Episodes of each member that are played at once: they bound what one step of all costs, in time and memory. */
const AT_ONCE = 1000;
/** Numbers of noise that a step of all of a member's episodes may take: an agent that plans needs many, and work as much. */
const NOISE_AT_ONCE = 2 ** 22;
/** The same of trajectories that an agent imagines without noise. */
const TRAJECTORIES_AT_ONCE = 2 ** 17;
/**
 * From so many numbers of noise, or trajectories, in one environment it is worth deciding for fewer environments once
 * episodes have ended: an engine may compile a decision for each number of environments.
 */
const WORTH_NARROWING = 1000;

/**
 * Plays whole episodes greedily, those of all members side by side; what is random is where episodes start, and the
 * noise of an agent that needs some to act greedily. Yields after every step of the episodes that are played at once, so
 * that its caller may do something else in between.
 *
 * @param episodes episodes per member
 * @param record how many of each member's first episodes to record
 * @param actor acts greedily
 * @param entries the environment, of each member as it stands
 */
export async function* evaluate(
  actor: Actor,
  entries: readonly EnvironmentEntry[],
  policy: PolicyName,
  episodes: number,
  record: number,
  streams: EvaluationStreams,
): AsyncGenerator<void, Evaluation[], void> {
  const { starts, noise } = streams;
  const spaces = agentSpaces(entries[0]!);
  const [size, width] = [spaces.observation, actionSize(spaces.actionSpace)];
  /** One environment's observation among all, to be remembered. */
  const kept = (all: Float32Array, index: number): Observations => {
    const own = emptyObservations(spaces, 1);
    own.set(all.subarray(index * size, (index + 1) * size));
    return own;
  };
  const played = starts.map((): Episode[] => []);
  const traces = starts.map((): Trace[] => []);
  const [needed, trajectories] = [noiseSize(actor.noise.greedy), actor.trajectories ?? 0];
  const affordable = Math.min(NOISE_AT_ONCE / needed, TRAJECTORIES_AT_ONCE / trajectories);
  const isNarrowed = needed + trajectories >= WORTH_NARROWING;
  const atOnce = Math.max(1, Math.floor(Math.min(AT_ONCE, affordable)));
  for (let first = 0; first < episodes; first += atOnce) {
    const each = Math.min(atOnce, episodes - first);
    // Noise of these episodes alone: how long those before them lasted, other members' too, shifts nothing.
    const ownNoise = noise.map((random) => random.fork(`${first}`));
    const environments = new VectorEnvironment(
      entries.flatMap(({ make }) => Array.from({ length: each }, make)),
    );
    const { count, observations, nextObservations, rewards, terminated, truncated } = environments;
    const acting = new ActingLoop(actor, policy, 'greedy', starts.length, each);
    const open: Episode[] = [];
    for (let i = 0; i < count; i++) {
      const member = Math.floor(i / each);
      environments.reset(i, starts[member]!);
      open.push({ return: 0, length: 0, terminated: false, truncated: false, lastObservation: [] });
      if (first + (i % each) < record) {
        traces[member]!.push({ observations: [], nextObservations: [], actions: [], rewards: [] });
      }
    }

    const active = new Uint8Array(count).fill(1);
    /** Environments of each member that are decided for. */
    let decided = each;
    for (let left = count; left > 0; ) {
      const actions = await acting.act(observations, ownNoise);
      const before = observations.slice();
      environments.step(actions, active);
      for (let i = 0; i < count; i++) {
        if (!active[i]) continue;
        const episode = open[i]!;
        episode.return += rewards[i]!;
        episode.length++;
        const trace = traces[Math.floor(i / each)]![first + (i % each)];
        if (trace) {
          trace.observations.push(kept(before, i));
          trace.nextObservations.push(kept(nextObservations, i));
          trace.actions.push(...actions.subarray(i * width, (i + 1) * width));
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
      if (isNarrowed && left > 0) {
        const fewer = halved(decided, mostOpen(active, starts.length));
        if (fewer < decided) acting.keep(openOnes(active, starts.length, fewer));
        decided = fewer;
      }
      yield;
    }
    for (const [member, own] of played.entries()) own.push(...open.slice(member * each, (member + 1) * each));
  }
  return played.map((own, member) => ({
    episodes: own,
    recorded: toSequences(own.slice(0, record), traces[member]!, spaces),
  }));
}

/** Environments whose episode goes on, of the member of which most do. */
const mostOpen = (active: Uint8Array, members: number): number =>
  Math.max(
    ...Array.from({ length: members }, (_, member) =>
      memberPart(active, members, member).reduce((sum, is) => sum + is, 0),
    ),
  );

/** A number halved as often as leaves room for so many: few numbers, whatever episodes do. */
function halved(number: number, needed: number): number {
  const half = Math.ceil(number / 2);
  return number > 1 && half >= needed ? halved(half, needed) : number;
}

/** So many environments of each member, indices: those whose episode goes on, filled up with others. */
const openOnes = (active: Uint8Array, members: number, number: number): number[] =>
  Array.from({ length: members }, (_, member) => {
    const each = active.length / members;
    const own = Array.from({ length: each }, (_, i) => member * each + i);
    return own.sort((a, b) => active[b]! - active[a]!).slice(0, number);
  }).flat();

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

function toSequences(episodes: readonly Episode[], traces: readonly Trace[], spaces: StepSpaces): Sequences {
  const [size, width] = [spaces.observation, actionSize(spaces.actionSpace)];
  const time = Math.max(0, ...episodes.map(({ length }) => length));
  const batch = compactBatch(1, episodes.length, time, spaces);
  const mask = new Float32Array(episodes.length * time);
  for (const [i, { length, terminated }] of episodes.entries()) {
    const trace = traces[i]!;
    const start = i * time;
    for (let t = 0; t < length; t++) {
      batch.observation.set(trace.observations[t]!, (start + t) * size);
      batch.nextObservation.set(trace.nextObservations[t]!, (start + t) * size);
    }
    batch.action.set(trace.actions, start * width);
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

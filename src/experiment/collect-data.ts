import { setImmediate } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { EngineName } from '../engine/names.ts';
import { type EnvironmentEntry, environmentNames } from '../envs/index.ts';
import type { Space } from '../envs/spaces.ts';
import { UserError } from '../errors.ts';
import { type MethodAgent, methods } from '../methods/index.ts';
import { RandomStream } from '../random/stream.ts';
import { environmentOf } from '../runs/data-set.ts';
import type { DataSetEnvironment, Manifest, RecordedActor } from '../runs/data-set-manifest.ts';
import { DataSetWriter } from '../runs/data-set-writer.ts';
import { readRun } from '../runs/read.ts';
import { agentSpaces } from '../training/agent-spaces.ts';
import { returnStatistics } from '../training/evaluate.ts';
import {
  agentPlayer,
  EpisodePlayer,
  functionPlayer,
  noisyPlayer,
  type Player,
  randomPlayer,
} from '../training/play-episodes.ts';
import { alternatives } from '../words.ts';
import { loadRun } from './load-run.ts';
import type { MixPart } from './mix.ts';
import { dataSetEnvironment } from './recorded-data.ts';

export interface CollectOptions {
  /** The folder to make: one that is not there, or empty. */
  out: string;
  mix: readonly MixPart[];
  /** Run folders, by the names that the mix has for them. */
  runs: ReadonlyMap<string, string>;
  /** Undefined: that of the runs. */
  environment: string | undefined;
  /** Steps, at least: every part of the mix ends with a whole episode. */
  steps: number;
  /** Of the random streams of the episodes. */
  seed: number;
  /** The seed of the runs that acts; undefined: the first of each that has a checkpoint. */
  policySeed: number | undefined;
  engine: EngineName | 'auto';
  made: Omit<Manifest['made'], 'engine'>;
}

/** A run's policy, loaded. */
interface Policy {
  agent: MethodAgent;
  environment: DataSetEnvironment;
  engine: EngineName;
  record: NonNullable<RecordedActor['run']>;
  /** Why it is not the newest checkpoint; null where it is. */
  fallback: string | null;
}

/**
 * Plays whole episodes by every policy of a mix and writes them as a data set. Each part of the mix draws from streams of
 * its own, `collect/NAME/starts`, `/acting` and `/noise`, so that it plays the same whatever the other parts are.
 *
 * @param warn told in a sentence what is other than it seems
 * @throws UserError, before anything is written, where `loadRun` does, the runs are of several environments or of one that
 *   changes, or the folder holds something.
 */
export async function collectData(
  options: CollectOptions,
  warn: (caution: string) => void,
): Promise<Manifest> {
  const { mix, seed, out, steps, made } = options;
  const policies = await loadPolicies(options);
  for (const { fallback } of policies.values()) if (fallback !== null) warn(fallback);
  const environment = environmentOfAll(options, policies);
  const entry = environmentOf(environment);
  if (entry.standing) {
    throw new UserError(
      `${environment.environment} changes with the steps taken in it, so that its episodes are not of one environment; choose another`,
    );
  }
  const spaces = agentSpaces(entry);
  const writer = new DataSetWriter(out, spaces);
  try {
    const actors: RecordedActor[] = [];
    const returns: number[] = [];
    for (const [index, part] of mix.entries()) {
      const streamOf = (what: string) => RandomStream.named(seed, `collect/${part.name}/${what}`);
      const policy = part.from && policies.get(keyOf(part.from))!;
      const player = playerOf(part, policy, entry, spaces.actionSpace, streamOf);
      const episodes = new EpisodePlayer(entry, player, streamOf('starts'));
      const own: number[] = [];
      let taken = 0;
      while (taken < part.share * steps) {
        const episode = await episodes.play();
        taken += episode.rewards.length;
        own.push(episode.rewards.reduce((sum, reward) => sum + reward, 0));
        writer.add(episode, index);
        // Lets signals in.
        await setImmediate();
      }
      returns.push(...own);
      const { name, noise, share } = part;
      const who = { name, policy: part.policy, noise, share, run: policy?.record ?? null };
      actors.push({ ...who, episodes: own.length, steps: taken, returns: statisticsOf(own) });
    }
    const total = (of: (actor: RecordedActor) => number) => actors.reduce((sum, actor) => sum + of(actor), 0);
    const [policy] = policies.values();
    return writer.finish({
      ...environment,
      seed,
      episodes: total((actor) => actor.episodes),
      steps: total((actor) => actor.steps),
      returns: statisticsOf(returns),
      actors,
      made: { ...made, engine: policy?.engine ?? null },
    });
  } catch (error) {
    writer.abandon();
    throw error;
  } finally {
    for (const { agent } of policies.values()) agent.dispose();
  }
}

/** What a manifest says of some returns. */
function statisticsOf(returns: readonly number[]): Manifest['returns'] {
  const { reward_mean, reward_std, reward_min, reward_max } = returnStatistics(
    returns.map((each) => ({ return: each })),
  );
  return { mean: reward_mean, std: reward_std, min: reward_min, max: reward_max };
}

const keyOf = ({ run, checkpoint }: NonNullable<MixPart['from']>) => `${checkpoint} of ${run}`;

/** Every policy that the mix asks for, once. */
async function loadPolicies({ mix, runs, engine, policySeed }: CollectOptions): Promise<Map<string, Policy>> {
  const policies = new Map<string, Policy>();
  for (const { from } of mix) {
    if (!from || policies.has(keyOf(from))) continue;
    const { run: name, checkpoint } = from;
    const loaded = await loadRun(runs.get(name)!, { checkpoint, engine, seeds: policySeed ?? 'first' });
    const { experiment } = loaded.run;
    const { seed, step, fallback } = loaded.seeds[0]!;
    loaded.agent.aboutToCollect?.(step);
    policies.set(keyOf(from), {
      agent: loaded.agent,
      engine: loaded.engine,
      environment: dataSetEnvironment(experiment),
      record: { name, arm: methods[experiment.method].arm(experiment), seed, checkpoint, step },
      fallback,
    });
  }
  return policies;
}

/** @throws UserError where there is no such environment. */
function withoutSettings(name: string): DataSetEnvironment {
  const environment = environmentNames.find((each) => each === name);
  if (environment === undefined)
    throw new UserError(`--environment ${name}: expected ${alternatives(environmentNames)}`);
  return { environment, maze: null, distractors: 0, pixels: null };
}

function environmentOfAll(
  { environment, runs }: CollectOptions,
  policies: ReadonlyMap<string, Policy>,
): DataSetEnvironment {
  const [first, ...others] = [...policies.values()];
  if (!first) {
    if (environment !== undefined) return withoutSettings(environment);
    const [dir] = runs.values();
    if (dir !== undefined) return dataSetEnvironment(readRun(dir).experiment);
    throw new UserError('--run: missing; give a run folder, or the environment with --environment');
  }
  const other = others.find((each) => !isDeepStrictEqual(each.environment, first.environment));
  if (other) {
    throw new UserError(
      `--run: ${first.record.name} acts in ${first.environment.environment} and ${other.record.name} in ${other.environment.environment}, or with other settings of it; give runs of one environment`,
    );
  }
  return first.environment;
}

/** Acts as a part of the mix says. */
function playerOf(
  { policy: kind, noise }: MixPart,
  policy: Policy | undefined,
  { controller }: EnvironmentEntry,
  space: Space,
  streamOf: (what: string) => RandomStream,
): Player {
  const acting = streamOf('acting');
  const own = () => {
    if (kind === 'random') return randomPlayer(space, acting);
    if (kind === 'controller') return functionPlayer(controller);
    return agentPlayer(policy!.agent, kind, acting);
  };
  return noisyPlayer(own(), noise, space, streamOf('noise'));
}

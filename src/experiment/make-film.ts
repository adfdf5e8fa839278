import type { Experiment } from '../config/schema.ts';
import { type EnvironmentEntry, environmentEntry, standingAt } from '../envs/index.ts';
import { UserError } from '../errors.ts';
import { type MethodAgent, methods } from '../methods/index.ts';
import type { DreamPlan } from '../models/dreams.ts';
import type { Film } from '../pictures/film.ts';
import type { FilmedEpisode } from '../pictures/filmed-episode.ts';
import { agentSpaces } from '../training/agent-spaces.ts';
import type { Observations } from '../training/observations.ts';
import { firstOf, type Sequences } from '../training/replay.ts';

/** Dreams of a second or two, all along the episode: where they go wrong is seen, and how soon. */
export const defaultDreams: DreamPlan = { from: 0, every: 50 };

/** How much of recorded episodes is filmed, and how it is dreamt. */
export interface FilmPlan {
  episodes: number;
  /** Of each episode, at most. */
  steps: number;
  dreams: DreamPlan;
}

/** Who acts in a film. */
export interface FilmedMember {
  agent: MethodAgent;
  /** Its index on the leading axis. */
  member: number;
  seed: number;
  /** Environment steps behind it. */
  step: number;
}

/**
 * A film of recorded episodes of one member, with what its model makes of them where it has one that can be seen. Draws
 * nothing random and changes nothing.
 *
 * @param recorded whole episodes of this member
 * @throws UserError where the environment has no picture.
 */
export async function makeFilm(
  experiment: Experiment,
  { agent, member, seed, step }: FilmedMember,
  recorded: Sequences,
  { episodes, steps, dreams }: FilmPlan,
): Promise<Film> {
  const entry = standingAt(environmentEntry(experiment.environment, experiment), step);
  const { drawing } = entry;
  if (!drawing) {
    throw new UserError(`${experiment.environment} has no picture yet, so that nothing of it can be filmed`);
  }
  const cut = firstOf(recorded, episodes, steps, agentSpaces(entry));
  const dreamt = await agent.dream?.(member, cut, dreams);
  return {
    drawing,
    title: `${experiment.environment}, ${methods[experiment.method].arm(experiment)}: seed ${seed} after ${step.toLocaleString('en')} steps`,
    note: dreamt ? noteOn(dreams) : 'Played by the greedy policy.',
    episodes: Array.from({ length: cut.batch }, (_, index) => ({
      ...realEpisode(cut, index, entry),
      dream: dreamt?.[index] ?? null,
    })),
  };
}

function realEpisode(
  { time, mask, observation, nextObservation, reward, terminated }: Sequences,
  index: number,
  entry: EnvironmentEntry,
): Omit<FilmedEpisode, 'dream'> {
  const size = agentSpaces(entry).observation;
  const row = (values: Observations, at: number) => values.slice(at * size, (at + 1) * size);
  const from = index * time;
  const steps = mask.subarray(from, from + time).reduce((sum, x) => sum + x, 0);
  const last = from + steps - 1;
  const end = row(nextObservation, last);
  const real = Array.from({ length: steps + 1 }, (_, t) => ({
    observation: t === steps ? end : row(observation, from + t),
    reward: t === 0 ? null : reward[from + t - 1]!,
  }));
  return { real, ending: terminated[last] === 1 ? entry.terminationCause(end) : null };
}

function noteOn({ from, every }: DreamPlan): string {
  const start = from === 0 ? 'the start' : `step ${from}`;
  const anew = every === Infinity ? '' : `, anew every ${every} steps`;
  return `Dreamt with the same actions from ${start} on${anew}.`;
}

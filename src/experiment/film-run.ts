import { setImmediate } from 'node:timers/promises';
import type { EngineName } from '../engine/names.ts';
import { UserError } from '../errors.ts';
import type { DreamPlan } from '../models/dreams.ts';
import type { Film } from '../pictures/film.ts';
import type { CheckpointChoice } from '../runs/saved-seeds.ts';
import { complete, evaluate, evaluationStreams } from '../training/evaluate.ts';
import { type LoadedSeed, loadRun } from './load-run.ts';
import { defaultDreams, type FilmPlan, makeFilm } from './make-film.ts';

export interface FilmOptions extends Omit<FilmPlan, 'dreams'> {
  checkpoint: CheckpointChoice;
  engine: EngineName | 'auto';
  /** Undefined: the first that has a checkpoint. */
  seed: number | undefined;
  /** Undefined: the default, where the method has a model. */
  dreams: DreamPlan | undefined;
}

/** A film and whose it is. */
export interface FilmOfRun {
  film: Film;
  seed: LoadedSeed;
}

/**
 * Films greedy episodes of one seed's averaged policy, with the dreams of its model beside. What is random comes from the
 * seed's streams `film` and `film/acting`, which nothing else draws from.
 *
 * @throws UserError where `loadRun` or `makeFilm` does, or where dreams are asked of a method that has none.
 */
export async function filmRun(dir: string, options: FilmOptions): Promise<FilmOfRun> {
  const { checkpoint, engine, episodes, steps, dreams } = options;
  const seeds = options.seed ?? 'first';
  const { run, agent, seeds: loaded } = await loadRun(dir, { checkpoint, engine, seeds });
  if (dreams && !agent.dream) {
    throw new UserError(
      `${dir} was trained by ${run.experiment.method}, which has no world model to dream in; leave --dream-from and --dream-every out`,
    );
  }
  const seed = loaded[0]!;
  const streams = evaluationStreams([seed.seed], 'film');
  const playing = evaluate(agent, [seed.entry], 'average', episodes, episodes, streams);
  // Lets signals in.
  const [played] = await complete(playing, () => setImmediate());
  const film = await makeFilm(run.experiment, { agent, member: 0, ...seed }, played!.recorded, {
    ...{ episodes, steps },
    dreams: dreams ?? defaultDreams,
  });
  return { film, seed };
}

import path from 'node:path';
import { UserError } from '../errors.ts';
import { type FilmOfRun, filmRun } from '../experiment/film-run.ts';
import { defaultDreams } from '../experiment/make-film.ts';
import type { DreamPlan } from '../models/dreams.ts';
import { filmScene } from '../pictures/film.ts';
import { sceneSvg } from '../pictures/scene-svg.ts';
import { stripScene } from '../pictures/strip.ts';
import { makeFolder, replaceFile } from '../runs/atomic.ts';
import type { CheckpointChoice } from '../runs/saved-seeds.ts';
import { blamingVariable, requestedEngine } from './requested-engine.ts';

interface FilmCommandOptions {
  seed?: number;
  checkpoint: CheckpointChoice;
  episodes: number;
  steps: number;
  dreamFrom?: number;
  dreamEvery?: number;
  strip?: true | number;
  out?: string;
  engine?: string;
}

/** Pictures of a strip, unless it says how many. */
const STRIP_COLUMNS = 8;

/** `wm film`: plays a run's policy, dreams beside it, and writes what is seen as one SVG. Returns the exit code. */
export async function filmCommand(dir: string, options: FilmCommandOptions): Promise<number> {
  const { seed, checkpoint, episodes, steps, strip } = options;
  const engine = requestedEngine(options.engine);
  const out = options.out ?? path.join(dir, strip ? 'strip.svg' : 'film.svg');
  if (!/\.svg$/i.test(out))
    throw new UserError(`--out ${out}: a film is an SVG; name a file that ends in .svg`);
  const filmed = await blamingVariable(options.engine === undefined ? engine : undefined, () =>
    filmRun(dir, { checkpoint, engine, seed, episodes, steps, dreams: dreamsAskedFor(options) }),
  );
  if (filmed.seed.fallback) process.stderr.write(`${filmed.seed.fallback}\n`);
  const { film } = filmed;
  const scene = strip ? stripScene(film, strip === true ? STRIP_COLUMNS : strip) : filmScene(film);
  const svg = sceneSvg(scene);
  makeFolder(path.dirname(out));
  replaceFile(out, svg);
  process.stdout.write(`${inWords(filmed)}, ${Math.ceil(svg.length / 1024)} KB: ${out}\n`);
  return 0;
}

/** Undefined where the command says nothing of dreams. 0 steps between them: one that goes on to the end. */
function dreamsAskedFor({ dreamFrom, dreamEvery }: FilmCommandOptions): DreamPlan | undefined {
  if (dreamFrom === undefined && dreamEvery === undefined) return undefined;
  return { from: dreamFrom ?? defaultDreams.from, every: (dreamEvery ?? defaultDreams.every) || Infinity };
}

/** `seed 0 after 16000 steps, 1 episode of 200 steps beside what the model dreams` */
function inWords({ film, seed }: FilmOfRun): string {
  const lengths = film.episodes.map(({ real }) => real.length - 1);
  const [shortest, longest] = [Math.min(...lengths), Math.max(...lengths)];
  const episodes = `${lengths.length} episode${lengths.length === 1 ? '' : 's'}`;
  const steps = shortest === longest ? `${longest}` : `${shortest} to ${longest}`;
  const beside = film.episodes[0]!.dream ? ' beside what the model dreams' : '';
  return `seed ${seed.seed} after ${seed.step} steps, ${episodes} of ${steps} steps${beside}`;
}

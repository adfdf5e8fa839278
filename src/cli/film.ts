import path from 'node:path';
import { UserError } from '../errors.ts';
import { type FilmOfRun, filmRun } from '../experiment/film-run.ts';
import { defaultDreams } from '../experiment/make-film.ts';
import { GROUP_SIGNALS } from '../experiment/signals.ts';
import type { DreamPlan } from '../models/dreams.ts';
import { filmScene } from '../pictures/film.ts';
import type { Scene } from '../pictures/scene.ts';
import { sceneSvg } from '../pictures/scene-svg.ts';
import { stripScene } from '../pictures/strip.ts';
import { makeFolder, replaceFile } from '../runs/atomic.ts';
import type { CheckpointChoice } from '../runs/saved-seeds.ts';
import { alternatives, counted } from '../words.ts';
import { leaveOn } from './leave.ts';
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
/** Pixels of a browser in an inch. */
const DOTS_PER_INCH = 96;
/** How often a film or a strip, which is laid out for a browser, is as wide in pixels: a strip is printed. */
const SCALES = { gif: 1, mp4: 2, png: 3 };

/** How each format is made, by the end of the file's name. */
const FILMS = { svg, gif, mp4 };
const STRIPS = { svg, png };

type Maker = (scene: Scene) => Promise<string | Uint8Array>;

/**
 * `wm film`: plays a run's policy, dreams beside it, and writes what is seen as one file, in the format that its name ends
 * in. Returns the exit code.
 */
export async function filmCommand(dir: string, options: FilmCommandOptions): Promise<number> {
  const { seed, checkpoint, episodes, steps, strip } = options;
  const engine = requestedEngine(options.engine);
  const out = options.out ?? path.join(dir, strip ? 'strip.svg' : 'film.svg');
  const make = makerOf(out, strip !== undefined);
  if (make === mp4) {
    leaveOn(GROUP_SIGNALS);
    await (await import('./ffmpeg.ts')).requireFfmpeg();
  }
  const filmed = await blamingVariable(options.engine === undefined ? engine : undefined, () =>
    filmRun(dir, { checkpoint, engine, seed, episodes, steps, dreams: dreamsAskedFor(options) }),
  );
  if (filmed.seed.fallback) process.stderr.write(`${filmed.seed.fallback}\n`);
  const { film } = filmed;
  const scene = strip ? stripScene(film, strip === true ? STRIP_COLUMNS : strip) : filmScene(film);
  const made = await make(scene);
  makeFolder(path.dirname(out));
  replaceFile(out, made);
  process.stdout.write(`${inWords(filmed)}, ${Math.ceil(made.length / 1024)} KB: ${out}\n`);
  return 0;
}

/** @throws UserError where a film, or a strip, is not made in the format that the file's name ends in. */
function makerOf(out: string, strip: boolean): Maker {
  if (/[/\\]$/.test(out)) {
    throw new UserError(`--out ${out}: expected the name of a file, such as ${strip ? 'strip' : 'film'}.svg`);
  }
  const makers: Record<string, Maker> = strip ? STRIPS : FILMS;
  const end = path.extname(out).slice(1).toLowerCase();
  if (Object.hasOwn(makers, end)) return makers[end]!;
  const ends = alternatives(Object.keys(makers).map((each) => `.${each}`));
  throw new UserError(
    `--out ${out}: name a file that ends in ${ends}, which a ${strip ? 'strip' : 'film'} is made as`,
  );
}

async function svg(scene: Scene): Promise<string> {
  return sceneSvg(scene);
}

async function gif(scene: Scene): Promise<Uint8Array> {
  const { gifOf } = await import('../pictures/gif.ts');
  return gifOf(await framesOf(scene, SCALES.gif), scene.clock);
}

async function mp4(scene: Scene): Promise<Uint8Array> {
  const { mp4Of } = await import('./ffmpeg.ts');
  return mp4Of(await framesOf(scene, SCALES.mp4), scene.clock);
}

async function png(scene: Scene): Promise<Uint8Array> {
  const { pngOf } = await import('../pictures/png.ts');
  return pngOf((await framesOf(scene, SCALES.png))(0), SCALES.png * DOTS_PER_INCH);
}

/** A scene's frames as pixels, made when they are asked for. */
async function framesOf(scene: Scene, scale: number) {
  const { scenePixels } = await import('../pictures/scene-pixels.ts');
  return (frame: number) => scenePixels(scene, frame, scale);
}

/** Undefined where the command says nothing of dreams. 0 steps between them: one that goes on to the end. */
function dreamsAskedFor({ dreamFrom, dreamEvery, steps }: FilmCommandOptions): DreamPlan | undefined {
  if (dreamFrom === undefined && dreamEvery === undefined) return undefined;
  if (dreamFrom !== undefined && dreamFrom >= steps) {
    throw new UserError(
      `--dream-from ${dreamFrom}: no dream begins within --steps ${steps}; give a smaller one, or more steps`,
    );
  }
  return { from: dreamFrom ?? defaultDreams.from, every: (dreamEvery ?? defaultDreams.every) || Infinity };
}

/** `seed 0 after 16000 steps, 1 episode of 200 steps beside what the model dreams` */
function inWords({ film, seed }: FilmOfRun): string {
  const lengths = film.episodes.map(({ real }) => real.length - 1);
  const [shortest, longest] = [Math.min(...lengths), Math.max(...lengths)];
  const episodes = counted(lengths.length, 'episode');
  const steps = shortest === longest ? `${longest}` : `${shortest} to ${longest}`;
  const beside = film.episodes[0]!.dream ? ' beside what the model dreams' : '';
  return `seed ${seed.seed} after ${seed.step} steps, ${episodes} of ${steps} steps${beside}`;
}

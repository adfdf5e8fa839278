import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from './atomic.ts';
import { isSystemError, onDisk } from './on-disk.ts';

/** Pictures that a seed keeps at most. */
const MOST_PICTURES = 32;

/** A seed's pictures, `media/STEP.svg`. Making the object touches nothing. */
export class MediaFolder {
  readonly dir: string;
  /** Environment steps between two evaluations. */
  readonly #every: number;

  constructor(seedDir: string, every: number) {
    this.dir = join(seedDir, 'media');
    this.#every = every;
  }

  /** The steps of which there is a picture, in their order. */
  steps(): number[] {
    if (!existsSync(this.dir)) return [];
    const names = onDisk(this.dir, () => readdirSync(this.dir));
    return names
      .flatMap((name) => /^(\d+)\.svg$/.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  }

  /** Drops the pictures of steps that do not stand. */
  keep(stands: (step: number) => boolean): void {
    for (const step of this.steps()) {
      if (!stands(step)) onDisk(this.dir, () => rmSync(this.#file(step), { force: true }));
    }
  }

  /**
   * Writes the picture of an evaluation, the newest. Once there are many, only every second, every fourth … evaluation's
   * stays, and the newest's: which ones depends on its step alone, not on how often the run was stopped.
   *
   * @throws UserError where the operating system refuses.
   */
  write(step: number, svg: string): void {
    onDisk(this.dir, () => {
      if (!existsSync(this.dir)) mkdirSync(this.dir);
    });
    replaceFile(this.#file(step), svg);
    let apart = this.#every;
    while (step / apart >= MOST_PICTURES) apart *= 2;
    this.keep((each) => each === step || each % apart === 0);
  }

  #file(step: number): string {
    return join(this.dir, `${step}.svg`);
  }
}

/** What a seed's media hold of single steps, made in training or by `wm film`: the environment step and the kind. */
const PICTURE = /^\d{1,15}\.(svg|gif)$/;

/** The name of the picture of the latest step in a folder of them; null where there is none. */
export function newestPicture(media: string): string | null {
  try {
    const pictures = readdirSync(media).filter((name) => PICTURE.test(name));
    return pictures.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)).at(-1) ?? null;
  } catch (error) {
    if (isSystemError(error)) return null;
    throw error;
  }
}

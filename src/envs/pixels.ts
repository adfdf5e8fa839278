import type { RandomStream } from '../random/stream.ts';
import { type Drawing, type Ink, rectangle, type Shape } from './drawing.ts';
import type { Action, Environment, StepResult } from './environment.ts';
import { cover, stretched } from './raster.ts';
import { shapeRegion } from './shape-region.ts';
import { type BoxSpace, type Space, spaceSize } from './spaces.ts';

/** What pictures an environment is seen as. */
export interface PixelSettings {
  /** Rows and columns of a picture. */
  size: number;
  /** Pictures of an observation: that of now and those of the steps before. */
  frames: number;
}

/** The brightest pixel; the ground is 0. */
export const BRIGHTEST = 255;

/** How bright each ink is on black: what moves more than what stands still, and what is thin more than what is not. */
const BRIGHTNESS: Record<Ink, number> = {
  ground: 80,
  joint: 120,
  body: 160,
  danger: 200,
  goal: 200,
  limb: BRIGHTEST,
};

/** Whether a shape is the same whatever is observed. */
const isStill = ({ form, at, angle }: Shape): boolean =>
  form.kind !== 'cells' && at === undefined && angle === undefined;

/**
 * Draws observations as grey pictures: the drawing's view fills the square, stretched where it is none, so that no row of
 * pixels is empty; smooth edges, each pixel as bright as the shapes cover it, show moves of less than a pixel. The same
 * bytes everywhere (see raster.ts).
 */
export class Camera {
  readonly size: number;
  readonly #drawing: Drawing;
  /** What stands still behind all that moves, and how many shapes that are. */
  #still: { pixels: Float64Array; shapes: number } | undefined;

  constructor(drawing: Drawing, size: number) {
    this.size = size;
    this.#drawing = drawing;
  }

  /** @param observation raw units. @returns whole numbers, 0 to 255: [size, size], rows from the top */
  picture(observation: ArrayLike<number>): Uint8Array {
    const shapes = this.#drawing.draw(observation);
    this.#still ??= this.#paintStill(shapes);
    const pixels = this.#still.pixels.slice();
    for (const shape of shapes.slice(this.#still.shapes)) this.#paint(pixels, shape);
    const picture = new Uint8Array(pixels.length);
    for (let i = 0; i < pixels.length; i++) picture[i] = Math.floor(pixels[i]! + 0.5);
    return picture;
  }

  #paintStill(shapes: readonly Shape[]): { pixels: Float64Array; shapes: number } {
    const moving = shapes.findIndex((shape) => !isStill(shape));
    const still = moving < 0 ? shapes.length : moving;
    const pixels = new Float64Array(this.size * this.size);
    for (const shape of shapes.slice(0, still)) this.#paint(pixels, shape);
    return { pixels, shapes: still };
  }

  /** Goes the covered share of each pixel's way from its brightness to the ink's. */
  #paint(pixels: Float64Array, shape: Shape): void {
    const { size } = this;
    const { left, bottom, width, height } = this.#drawing.view;
    const inView = shapeRegion(shape, { left: -left, top: bottom + height, scale: 1 });
    const region = stretched(inView, size / width, size / height);
    const brightness = typeof shape.ink === 'number' ? shape.ink : BRIGHTNESS[shape.ink];
    cover(region, { left: 0, top: 0, right: size, bottom: size }, (column, row, share) => {
      const at = row * size + column;
      pixels[at]! += share * (brightness - pixels[at]!);
    });
  }
}

/** Brightnesses that a picture is drawn with; each stands for as many that lie around it. */
const GREYS = 16;

/**
 * How such observations are drawn, a dream's too: the cells of the newest picture, in 16 shades of grey.
 *
 * @param stepsPerSecond as the environment's own drawing has it
 */
export const pictureDrawing = ({ size, frames }: PixelSettings, stepsPerSecond: number): Drawing => {
  const width = (BRIGHTEST + 1) / GREYS;
  return {
    view: { left: 0, bottom: 0, width: size, height: size },
    stepsPerSecond,
    draw: (observation) => {
      const cells = Array.from({ length: GREYS }, (): [number, number][] => []);
      for (let i = 0; i < size * size; i++) {
        const grey = Math.floor(observation[i * frames + frames - 1]! / width);
        // A dream of a broken model is no number; it is as dark as the ground.
        cells[grey]?.push([i % size, size - 1 - Math.floor(i / size)]);
      }
      return cells.map((own, grey) =>
        grey === 0
          ? { form: rectangle([0, 0], [size, size]), ink: 0 }
          : { form: { kind: 'cells', cells: own }, ink: Math.floor(width * (grey + 0.5)) },
      );
    },
  };
};

/** The space of such observations. */
export function pixelSpace({ size, frames }: PixelSettings): BoxSpace {
  const cells = size * size * frames;
  return {
    kind: 'box',
    shape: [size, size, frames],
    low: new Array<number>(cells).fill(0),
    high: new Array<number>(cells).fill(BRIGHTEST),
    bytes: true,
  };
}

/**
 * An environment seen as grey pictures instead of as numbers: observations are images [size, size, frames], whole numbers
 * from 0 to 255, the newest picture last; where an episode starts, the pictures before are its first one. One picture does
 * not tell how fast anything moves: a model with a memory learns it from several steps, a network without one has to be
 * shown several frames.
 */
export class Pixels implements Environment {
  readonly observationSpace: BoxSpace;
  readonly actionSpace: Space;
  readonly #environment: Environment;
  readonly #camera: Camera;
  readonly #frames: number;
  /** The environment's own observations, of which the pictures are, the newest last: [frames] */
  #seen: readonly Float32Array[] = [];
  /** Their pictures. */
  #pictures: readonly Uint8Array[] = [];

  /** @param space as `pixelSpace` gives it: one for all environments of a kind */
  constructor(environment: Environment, camera: Camera, space: BoxSpace) {
    this.observationSpace = space;
    this.actionSpace = environment.actionSpace;
    this.#environment = environment;
    this.#camera = camera;
    this.#frames = space.shape[2]!;
  }

  /** What the newest picture shows, as numbers: the environment's own observation. */
  get shown(): Float32Array {
    const newest = this.#seen.at(-1);
    if (!newest) throw new Error('nothing has been seen yet: reset the environment first');
    return newest;
  }

  reset(random: RandomStream): Float32Array {
    return this.#begin(new Array<Float32Array>(this.#frames).fill(this.#environment.reset(random)));
  }

  step(action: Action): StepResult {
    const result = this.#environment.step(action);
    this.#seen = [...this.#seen.slice(1), result.observation];
    this.#pictures = [...this.#pictures.slice(1), this.#camera.picture(result.observation)];
    return { ...result, observation: this.#observe() };
  }

  /** The environment's state, then its observations of the steps before, of which the other frames are. */
  state(): number[] {
    return [...this.#environment.state(), ...this.#seen.slice(0, -1).flatMap((seen) => [...seen])];
  }

  setState(state: readonly number[]): Float32Array {
    const size = spaceSize(this.#environment.observationSpace);
    const own = state.length - (this.#frames - 1) * size;
    const before = Array.from({ length: this.#frames - 1 }, (_, i) =>
      Float32Array.from(state.slice(own + i * size, own + (i + 1) * size)),
    );
    if (own < 0 || !before.every((seen) => seen.every(Number.isFinite))) {
      throw new RangeError(`expected ${before.length} observations of ${size} finite numbers`);
    }
    return this.#begin([...before, this.#environment.setState(state.slice(0, own))]);
  }

  #begin(seen: readonly Float32Array[]): Float32Array {
    this.#seen = seen;
    const pictures = new Map(seen.map((each) => [each, this.#camera.picture(each)]));
    this.#pictures = seen.map((each) => pictures.get(each)!);
    return this.#observe();
  }

  #observe(): Float32Array {
    const [first, ...others] = this.#pictures as [Uint8Array, ...Uint8Array[]];
    if (others.length === 0) return new Float32Array(first);
    const observation = new Float32Array(first.length * this.#frames);
    for (const [frame, picture] of this.#pictures.entries()) {
      for (let i = 0; i < picture.length; i++) observation[i * this.#frames + frame] = picture[i]!;
    }
    return observation;
  }
}

import { corners, type Position, type Shape } from './drawing.ts';
import { discRegion, lineRegion, polygonRegion, type Region, unionRegion } from './raster.ts';
import { sin } from './sine.ts';

/** Where the world's points lie in a picture: x at `left + scale * x`, y, which points up there, at `top - scale * y`. */
export interface WorldPlace {
  left: number;
  top: number;
  scale: number;
}

/** Where a shape lies in a picture; its place has to be finite. */
export function shapeRegion({ form, at = [0, 0], angle = 0 }: Shape, world: WorldPlace): Region {
  // The project's own sine gives the same on every platform; within a turn it is as near as a double can be.
  const turn = angle % (2 * Math.PI);
  const [cosine, sine] = turn === 0 ? [1, 0] : [sin(turn + Math.PI / 2), sin(turn)];
  const place = ([x, y]: Position): Position => [
    world.left + world.scale * (at[0] + cosine * x - sine * y),
    world.top - world.scale * (at[1] + sine * x + cosine * y),
  ];
  switch (form.kind) {
    case 'circle':
      return discRegion(place(form.centre), world.scale * form.radius);
    case 'polygon':
      return polygonRegion(form.points.map(place));
    case 'line':
      return lineRegion(form.points.map(place), world.scale * form.width);
    case 'cells':
      return unionRegion(
        form.cells.map(([x, y]) => polygonRegion(corners([x, y], [x + 1, y + 1]).map(place))),
      );
  }
}

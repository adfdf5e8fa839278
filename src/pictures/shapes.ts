import type { Form, Position, Shape } from '../envs/drawing.ts';
import { html, type Markup } from '../markup.ts';
import { type Clock, isStill, valuesOverTime } from './animation.ts';
import { inkColour } from './colours.ts';
import { short } from './numbers.ts';

/** Decimals of lengths in the world's units: an environment's view is a few units wide, some hundred pixels. */
const DECIMALS = 3;
const DEGREE_DECIMALS = 1;

const length = (x: number) => short(x, DECIMALS);
/** SVG's y points down. */
const place = ([x, y]: Position) => `${length(x)} ${length(-y)}`;
/** SVG turns clockwise, by degrees. */
const degrees = (angle: number) => short((-angle * 180) / Math.PI, DEGREE_DECIMALS);

/** @param frames a shape's form in every frame: the same, unless it consists of cells */
function formMarkup(frames: readonly Form[], ink: Shape['ink'], clock: Clock): Markup {
  const colour = inkColour(ink);
  const form = frames[0]!;
  if (form.kind === 'cells') {
    const paths = frames.map((each) => cellsPath(each));
    const style = html`stroke="${colour}" stroke-width="1" transform="translate(0 -.5)"`;
    if (isStill(paths)) return html`<path d="${paths[0]!}" ${style}/>`;
    return html`<path ${style}><animate attributeName="d" ${valuesOverTime(paths, clock)}/></path>`;
  }
  if (form.kind === 'circle') {
    const [x, y] = form.centre;
    return html`<circle cx="${length(x)}" cy="${length(-y)}" r="${length(form.radius)}" fill="${colour}"/>`;
  }
  const points = form.points.map(place).join(' ');
  if (form.kind === 'polygon') return html`<polygon points="${points}" fill="${colour}"/>`;
  return html`<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="${length(form.width)}" stroke-linecap="round" stroke-linejoin="round"/>`;
}

/** Cells as lines along their lower edges, one for those side by side: as wide as a cell, moved up by half of that. */
function cellsPath(form: Form): string {
  if (form.kind !== 'cells') throw new Error('a shape of cells has become another one');
  const runs: { from: number; to: number; y: number }[] = [];
  for (const [x, y] of form.cells) {
    const run = runs.at(-1);
    if (run && run.y === y && run.to === x) run.to++;
    else runs.push({ from: x, to: x + 1, y });
  }
  // An animation may have no empty value; a point draws nothing.
  return runs.map(({ from, to, y }) => `M${from} ${0 - y}h${to - from}`).join('') || 'M0 0';
}

/** Where a shape lies in every frame, as SVG writes it; null where it never moves or turns from the world's origin. */
interface Motion {
  moves: string[] | null;
  turns: string[] | null;
}

/** @param frames one shape in every frame, its place finite */
function motionOf(frames: readonly Shape[]): Motion {
  const places = frames.map(({ at = [0, 0], angle = 0 }) => ({ move: place(at), turn: degrees(angle) }));
  const moves = places.map(({ move }) => move);
  const turns = places.map(({ turn }) => turn);
  return {
    moves: moves.every((move) => move === '0 0') ? null : moves,
    turns: turns.every((turn) => turn === '0') ? null : turns,
  };
}

/** Forms that move as one. */
function moved(forms: readonly Markup[], { moves, turns }: Motion, clock: Clock): Markup {
  if (moves === null && turns === null) return html`${forms}`;
  const still = (values: string[] | null, verb: string) =>
    values && isStill(values) ? `${verb}(${values[0]})` : null;
  const [translate, rotate] = [still(moves, 'translate'), still(turns, 'rotate')];
  // An animation of the whole attribute would take the place of what stands in it: each has an element of its own.
  const turned =
    turns === null
      ? html`${forms}`
      : rotate
        ? html`<g transform="${rotate}">${forms}</g>`
        : html`<g><animateTransform attributeName="transform" type="rotate" ${valuesOverTime(turns, clock)}/>${forms}</g>`;
  if (moves === null) return turned;
  return translate
    ? html`<g transform="${translate}">${turned}</g>`
    : html`<g><animateTransform attributeName="transform" type="translate" ${valuesOverTime(moves, clock)}/>${turned}</g>`;
}

/**
 * A drawing over time, in the world's units: as SMIL, without a script, so that a browser plays it in an `<img>` too.
 *
 * @param frames the drawing's shapes in every frame, their places finite; one frame for a still picture
 */
export function shapesMarkup(frames: readonly (readonly Shape[])[], clock: Clock): Markup {
  const groups: { motion: Motion; key: string; forms: Markup[] }[] = [];
  for (const [i, { ink }] of frames[0]!.entries()) {
    const motion = motionOf(frames.map((shapes) => shapes[i]!));
    const key = JSON.stringify(motion);
    const forms = frames.map((shapes) => shapes[i]!.form);
    const markup = formMarkup(forms, ink, clock);
    if (groups.at(-1)?.key === key) groups.at(-1)!.forms.push(markup);
    else groups.push({ motion, key, forms: [markup] });
  }
  return html`${groups.map(({ forms, motion }) => moved(forms, motion, clock))}`;
}

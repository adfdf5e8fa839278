import type { Drawing } from '../envs/drawing.ts';
import { html, type Markup } from '../markup.ts';
import { type Clock, isStill, valuesOverTime } from './animation.ts';
import { counter, counterWidth, wheel } from './counter.ts';
import { type FilmedEpisode, type ShownStep, shown, untilOver } from './filmed-episode.ts';
import { fitted, GAP, LINE, page, textLine, textWidth, wrapped } from './layout.ts';
import { GHOST, type Place, panel, viewWindow } from './panel.ts';
import { shapesMarkup } from './shapes.ts';

/** What a film is of. */
export interface Film {
  drawing: Drawing;
  /** Of the environment and of who acts. */
  title: string;
  /** What is seen, in a sentence. */
  note: string;
  /** One below the other, all playing at once; one at least. */
  episodes: readonly FilmedEpisode[];
}

/** Pixels of a panel at most, and of its width at least: its numbers stand beside its name. */
const WIDEST = 300;
const HIGHEST = 200;
const NARROWEST = 200;
/** Seconds for which the last step stands before the film begins anew. */
const HOLD = 0.6;

/**
 * Reality and, beside it, what the model dreams of it, as an animated SVG of SMIL alone: no script, so that it plays in an
 * `<img>`, on a page that forbids scripts and in a README. Behind the dream reality is seen faintly.
 */
export function filmSvg({ drawing, title, note, episodes }: Film): string {
  const steps = Math.max(...episodes.map(({ real }) => real.length));
  const frames = steps + Math.round(HOLD * drawing.stepsPerSecond);
  const clock: Clock = { frames, seconds: frames / drawing.stepsPerSecond };
  const size = fitted(drawing.view, WIDEST, HIGHEST);
  const column = Math.max(size.width, NARROWEST);
  const columns = episodes.some(({ dream }) => dream) ? 2 : 1;
  const width = GAP + columns * (column + GAP);
  const titles = wrapped(title, width - 2 * GAP);
  const notes = wrapped(note, width - 2 * GAP);
  const row = 2 * LINE + size.height + GAP;
  const top = GAP / 2 + titles.length * LINE + 4;
  const height = top + episodes.length * row + notes.length * LINE;
  const content = html`${titles.map((line, i) => textLine(line, GAP, GAP / 2 + i * LINE, { bold: true }))}${episodes.map(
    (episode, i) => {
      const y = top + i * row;
      const places = [0, 1].map((side) => ({
        x: GAP + side * (column + GAP),
        y: y + LINE,
        width: column,
        height: size.height,
      }));
      return episodeRow(`reality-${i}`, episode, drawing, places as [Place, Place], clock);
    },
  )}${notes.map((line, i) => textLine(line, GAP, top + episodes.length * row - 6 + i * LINE, { faint: true }))}`;
  return page(
    { width, height: height },
    `${title}. ${note}`,
    html`${wheel}${viewWindow(drawing.view)}`,
    content,
  );
}

/** Each frame's, the last one standing until the film ends. */
const stretched = <T>(steps: readonly T[], { frames }: Clock): T[] =>
  Array.from({ length: frames }, (_, frame) => steps[Math.min(frame, steps.length - 1)]!);

function episodeRow(
  id: string,
  { real, dream, ending }: FilmedEpisode,
  drawing: Drawing,
  [left, right]: [Place, Place],
  clock: Clock,
): Markup {
  const steps = stretched(
    real.map((step, index) => ({ ...step, index })),
    clock,
  );
  const shapes = (observed: readonly { observation: ArrayLike<number> }[]) =>
    shapesMarkup(
      observed.map(({ observation }) => drawing.draw(observation)),
      clock,
    );
  const ended = steps.map(({ index }) => index === real.length - 1);
  return html`${textLine('reality', left.x, left.y - LINE, { bold: true })}${labelled(
    'step',
    steps.map(({ index }) => String(index)),
    left.x + left.width,
    left.y - LINE,
    clock,
  )}${panel('reality', drawing.view, left, html`<g id="${id}">${shapes(steps)}</g>`)}${numberBelow(
    'reward',
    steps.map(({ reward }) => shown(reward)),
    left,
    clock,
  )}${
    ending === null
      ? null
      : appearing(
          ended,
          textLine(`ended: ${ending}`, left.x + left.width, below(left), { anchor: 'end' }),
          clock,
        )
  }${dream && dreamColumn(id, stretched(untilOver(dream), clock), shapes, drawing, right, clock)}`;
}

function dreamColumn(
  reality: string,
  steps: readonly ShownStep[],
  shapes: (steps: readonly ShownStep[]) => Markup,
  { view }: Drawing,
  place: Place,
  clock: Clock,
): Markup {
  const over = appearing(
    steps.map(({ over }) => over),
    textLine('end foreseen', place.x + place.width / 2, place.y + 4, { anchor: 'middle', bold: true }),
    clock,
  );
  const foresees = steps.some(({ continueProbability }) => continueProbability !== null);
  return html`${textLine('dream', place.x, place.y - LINE, { bold: true })}${labelled(
    'steps since it saw reality',
    steps.map(({ dreamt }) => String(dreamt)),
    place.x + place.width,
    place.y - LINE,
    clock,
  )}${panel(
    'dream',
    view,
    place,
    html`<use href="#${reality}" opacity="${GHOST}"/>${shapes(steps)}`,
  )}${over}${numberBelow(
    'reward',
    steps.map(({ reward }) => shown(reward)),
    place,
    clock,
  )}${
    foresees
      ? labelled(
          'continue',
          steps.map(({ continueProbability }) => shown(continueProbability)),
          place.x + place.width,
          below(place),
          clock,
        )
      : null
  }`;
}

/** The upper edge of the line below a panel. */
const below = ({ y, height }: Place) => y + height + 1;

/** A number that changes, after its name, its right edge at `right`. */
function labelled(name: string, texts: readonly string[], right: number, y: number, clock: Clock): Markup {
  const x = right - counterWidth(texts);
  return html`${textLine(name, x - 4, y, { anchor: 'end' })}${counter(texts, x, y, clock)}`;
}

/** The same from a panel's left edge on, in the line below it. */
function numberBelow(name: string, texts: readonly string[], place: Place, clock: Clock): Markup {
  return html`${textLine(name, place.x, below(place))}${counter(texts, place.x + textWidth(name), below(place), clock)}`;
}

/** What is seen in some frames only. */
function appearing(seen: readonly boolean[], content: Markup, clock: Clock): Markup | null {
  if (!seen.includes(true)) return null;
  if (isStill(seen)) return content;
  const values = seen.map((each) => (each ? 'visible' : 'hidden'));
  return html`<g visibility="hidden"><animate attributeName="visibility" ${valuesOverTime(values, clock)}/>${content}</g>`;
}

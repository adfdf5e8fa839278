import type { Drawing } from '../envs/drawing.ts';
import type { Clock } from './animation.ts';
import { counterWidth } from './counter.ts';
import { type FilmedEpisode, type ShownStep, shown, untilOver } from './filmed-episode.ts';
import { fitted, GAP, LINE, type Place, textWidth, wrapped } from './layout.ts';
import { type Item, type Layer, type Scene, settled, textItem } from './scene.ts';

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

/** Reality and, beside it, what the model dreams of it. Behind the dream reality is seen faintly. */
export function filmScene({ drawing, title, note, episodes }: Film): Scene {
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
  const below = top + episodes.length * row;
  const rows = episodes.flatMap((episode, i) => {
    const places = [0, 1].map((side) => ({
      x: GAP + side * (column + GAP),
      y: top + i * row + LINE,
      width: column,
      height: size.height,
    }));
    return episodeRow(`reality-${i}`, episode, drawing, places as [Place, Place], clock);
  });
  return {
    ...{ width, height: below + notes.length * LINE, description: `${title}. ${note}`, clock },
    view: drawing.view,
    items: [
      ...titles.map((line, i) => textItem(line, GAP, GAP / 2 + i * LINE, { bold: true })),
      ...rows,
      ...notes.map((line, i) => textItem(line, GAP, below - 6 + i * LINE, { faint: true })),
    ],
  };
}

/** Each frame's, the last one standing until the film ends. */
const stretched = <T>(steps: readonly T[], { frames }: Clock): T[] =>
  Array.from({ length: frames }, (_, frame) => steps[Math.min(frame, steps.length - 1)]!);

function episodeRow(
  name: string,
  { real, dream, ending }: FilmedEpisode,
  drawing: Drawing,
  [left, right]: [Place, Place],
  clock: Clock,
): Item[] {
  const steps = stretched(
    real.map((step, index) => ({ ...step, index })),
    clock,
  );
  const reality: Layer = { name, faint: false, frames: shapesOf(steps, drawing) };
  const items: Item[] = [
    textItem('reality', left.x, left.y - LINE, { bold: true }),
    ...labelled(
      'step',
      steps.map(({ index }) => String(index)),
      left.x + left.width,
      left.y - LINE,
    ),
    { kind: 'panel', ground: 'reality', place: left, layers: [reality] },
    ...numberBelow(
      'reward',
      steps.map(({ reward }) => shown(reward)),
      left,
    ),
  ];
  if (ending !== null) {
    items.push({
      kind: 'appearing',
      seen: steps.map(({ index }) => index === real.length - 1),
      item: textItem(`ended: ${ending}`, left.x + left.width, below(left), { anchor: 'end' }),
    });
  }
  if (dream) items.push(...dreamColumn(reality, stretched(untilOver(dream), clock), drawing, right));
  return items;
}

function dreamColumn(
  reality: Layer,
  steps: readonly ShownStep[],
  drawing: Drawing,
  place: Place,
): readonly Item[] {
  const rewards = steps.map(({ reward }) => shown(reward));
  const items: Item[] = [
    textItem('dream', place.x, place.y - LINE, { bold: true }),
    ...labelled(
      'steps since it saw reality',
      steps.map(({ dreamt }) => String(dreamt)),
      place.x + place.width,
      place.y - LINE,
    ),
    {
      kind: 'panel',
      ground: 'dream',
      place,
      layers: [
        { ...reality, faint: true },
        { faint: false, frames: shapesOf(steps, drawing) },
      ],
    },
    {
      kind: 'appearing',
      seen: steps.map(({ over }) => over),
      item: textItem('end foreseen', place.x + place.width / 2, place.y + 4, {
        anchor: 'middle',
        bold: true,
      }),
    },
    ...numberBelow('reward', rewards, place),
  ];
  if (steps.some(({ continueProbability }) => continueProbability !== null)) {
    const probabilities = steps.map(({ continueProbability }) => shown(continueProbability));
    items.push(...labelled('continue', probabilities, place.x + place.width, below(place)));
  }
  return items;
}

const shapesOf = (steps: readonly { observation: ArrayLike<number> }[], { draw }: Drawing) =>
  settled(steps.map(({ observation }) => draw(observation)));

/** The upper edge of the line below a panel. */
const below = ({ y, height }: Place) => y + height + 1;

/** A number that changes, after its name, its right edge at `right`. */
function labelled(name: string, texts: readonly string[], right: number, y: number): Item[] {
  const x = right - counterWidth(texts);
  return [textItem(name, x - 4, y, { anchor: 'end' }), { kind: 'counter', texts, x, y }];
}

/** The same from a panel's left edge on, in the line below it. */
function numberBelow(name: string, texts: readonly string[], place: Place): Item[] {
  const y = below(place);
  return [textItem(name, place.x, y), { kind: 'counter', texts, x: place.x + textWidth(name), y }];
}

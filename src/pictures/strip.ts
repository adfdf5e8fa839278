import type { Film } from './film.ts';
import { shown, untilOver } from './filmed-episode.ts';
import { fitted, GAP, LINE, textWidth, wrapped } from './layout.ts';
import { type Item, type Scene, settled, textItem } from './scene.ts';

/** Pixels of a picture at most, and of its width at least: its numbers stand below it. */
const WIDEST = 150;
const HIGHEST = 90;
const NARROWEST = 84;
const SPACE = 4;
/** A picture that stands still. */
const STILL = { frames: 1, seconds: 1 };

/**
 * Some steps of each episode side by side, the first and the last among them, and the dream of each below: a film for
 * paper.
 *
 * @param columns steps shown of each episode, of a shorter one all
 */
export function stripScene({ drawing, title, note, episodes }: Film, columns: number): Scene {
  const { view } = drawing;
  const size = fitted(view, WIDEST, HIGHEST);
  const cell = Math.max(size.width, NARROWEST);
  const most = Math.min(columns, Math.max(...episodes.map(({ real }) => real.length)));
  const left = GAP + textWidth('reality') + SPACE;
  const width = left + most * (cell + SPACE) - SPACE + GAP;
  const still = (observation: ArrayLike<number>) => settled([drawing.draw(observation)]);
  const titles = wrapped(title, width - 2 * GAP);
  const notes = wrapped(note, width - 2 * GAP);
  const items: Item[] = titles.map((line, i) => textItem(line, GAP, GAP / 2 + i * LINE, { bold: true }));
  let y = GAP / 2 + titles.length * LINE;
  for (const { real, dream, ending } of episodes) {
    const last = real.length - 1;
    const count = Math.min(columns, real.length);
    const shownSteps = Array.from({ length: count }, (_, i) =>
      count === 1 ? last : Math.round((i * last) / (count - 1)),
    );
    const dreams = dream && untilOver(dream);
    const continues = dreams?.some(({ continueProbability }) => continueProbability !== null);
    // A cell is too narrow for the end beside the step.
    const realTop = y + LINE;
    const endTop = realTop + size.height + LINE;
    const dreamTop = (ending === null ? endTop : endTop + LINE) + 2;
    items.push(textItem('reality', GAP, y + LINE + size.height / 2 - LINE / 2, { bold: true }));
    if (dreams) items.push(textItem('dream', GAP, dreamTop + size.height / 2 - LINE / 2, { bold: true }));
    for (const [column, step] of shownSteps.entries()) {
      const x = left + column * (cell + SPACE);
      const middle = x + cell / 2;
      const centred = { anchor: 'middle' } as const;
      const place = (top: number) => ({ x, y: top, width: cell, height: size.height });
      const { observation, reward } = real[step]!;
      const picture = still(observation);
      items.push(
        textItem(`step ${step}`, middle, y, centred),
        {
          ...{ kind: 'panel', ground: 'reality', place: place(realTop) },
          layers: [{ frames: picture, faint: false }],
        },
        textItem(`reward ${shown(reward)}`, middle, realTop + size.height, centred),
      );
      if (step === last && ending !== null) items.push(textItem(`ended: ${ending}`, middle, endTop, centred));
      if (!dreams) continue;
      const dreamt = dreams[step]!;
      const under = dreamTop + size.height;
      items.push(
        {
          ...{ kind: 'panel', ground: 'dream', place: place(dreamTop) },
          layers: [
            { frames: picture, faint: true },
            { frames: still(dreamt.observation), faint: false },
          ],
        },
        textItem(dreamt.over ? 'end foreseen' : `${dreamt.dreamt} dreamt`, middle, under, centred),
        textItem(`reward ${shown(dreamt.reward)}`, middle, under + LINE, centred),
      );
      if (continues) {
        const probability = shown(dreamt.continueProbability);
        items.push(textItem(`continue ${probability}`, middle, under + 2 * LINE, centred));
      }
    }
    y = dreams ? dreamTop + size.height + (continues ? 3 : 2) * LINE + GAP : dreamTop - 2 + GAP;
  }
  items.push(...notes.map((line, i) => textItem(line, GAP, y - 4 + i * LINE, { faint: true })));
  return {
    ...{ width, height: y + notes.length * LINE, description: `${title}. ${note}` },
    ...{ clock: STILL, view, items },
  };
}

import type { RunView } from '../../watch/protocol.ts';
import { element } from '../dom.ts';

/** Pictures shown at once. */
const MOST = 12;

/** The newest picture of each run, by its address; one that stays the same is not asked for again. */
export class Gallery {
  readonly #place: HTMLElement;
  #figures = new Map<string, HTMLElement>();

  constructor(place: HTMLElement) {
    this.#place = place;
  }

  /** Returns whether there is anything to show. */
  draw(runs: readonly RunView[]): boolean {
    const before = this.#figures;
    this.#figures = new Map();
    for (const { id, label, seeds } of runs) {
      const newest = seeds
        .flatMap(({ seed, picture }) =>
          picture === null ? [] : [{ seed, picture, step: Number.parseInt(picture, 10) }],
        )
        .reduce<{ seed: number; picture: string; step: number } | null>(
          (a, b) => (a && a.step >= b.step ? a : b),
          null,
        );
      if (newest === null || this.#figures.size === MOST) continue;
      const { seed, picture, step } = newest;
      const words = `${label}, seed ${seed}, step ${step}`;
      const address = `picture?${new URLSearchParams({ run: `${id}`, seed: `${seed}`, file: picture })}`;
      const key = `${words} ${address}`;
      this.#figures.set(key, before.get(key) ?? pictureOf(words, address));
    }
    const shown = [...this.#figures.values()];
    // Put in place again, a picture that moves would begin anew.
    if (shown.some((figure, i) => this.#place.children[i] !== figure) || shown.length !== before.size) {
      this.#place.replaceChildren(...shown);
    }
    return shown.length > 0;
  }
}

function pictureOf(words: string, address: string): HTMLElement {
  const image = element('img', { src: address, alt: words, loading: 'lazy' });
  return element('figure', {}, image, element('figcaption', {}, words));
}

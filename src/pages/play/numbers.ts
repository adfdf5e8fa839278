import { type EnvironmentEntry, elementNames } from '../../envs/index.ts';
import type { Game, World } from '../../play/game.ts';
import { element } from '../dom.ts';

/** Features of a state that are shown where a model decodes no observation: the first of them. */
const SHOWN_FEATURES = 32;

/** One row of the table: a number of the dream and of reality. */
interface NumberRow {
  name: string;
  of(world: World): number | undefined;
}

/** The table of what is observed, rewarded and foreseen, in the dream and in reality. The exact number is a cell's title. */
export class Numbers {
  readonly #rows: { row: NumberRow; dream: HTMLElement; reality: HTMLElement }[];

  constructor(place: HTMLElement, entry: EnvironmentEntry, { dream }: Game) {
    this.#rows = [...rowsOf(elementNames(entry), dream)].map((row) => {
      const cells = { dream: element('td'), reality: element('td') };
      place.append(element('tr', {}, element('th', { scope: 'row' }, row.name), cells.dream, cells.reality));
      return { row, ...cells };
    });
  }

  show({ dream, reality }: Game): void {
    for (const { row, ...cells } of this.#rows) {
      write(cells.dream, row.of(dream));
      write(cells.reality, row.of(reality));
    }
  }
}

function rowsOf(observationNames: readonly string[], { observation, seen }: World): NumberRow[] {
  const features = observation ? [] : [...seen.features.slice(0, SHOWN_FEATURES)];
  return [
    ...observationNames.map((name, i) => ({ name, of: (world: World) => world.observation?.[i] })),
    ...features.map((_, i) => ({ name: `feature ${i}`, of: (world: World) => world.seen.features[i] })),
    { name: 'reward', of: ({ reward }) => reward },
    { name: 'sum of rewards', of: ({ total }) => total },
    { name: 'probability to go on', of: ({ seen }) => seen.continueProbability },
    { name: 'steps', of: ({ steps }) => steps },
  ];
}

function write(cell: HTMLElement, x: number | undefined): void {
  cell.textContent = x === undefined ? '–' : rounded(x);
  cell.title = x === undefined ? '' : `${x}`;
}

const rounded = (x: number): string => (Number.isInteger(x) ? `${x}` : fixed(x, 4));

/** So many decimals, and no sign before a zero. */
export const fixed = (x: number, decimals: number): string => Number(x.toFixed(decimals)).toFixed(decimals);

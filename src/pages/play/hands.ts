import type { Action } from '../../envs/environment.ts';
import type { BoxSpace, DiscreteSpace, Space } from '../../envs/spaces.ts';
import { element } from '../dom.ts';

/** What the user's hands ask for, by keys, buttons or sliders: an action of some kind of space. */
export interface Hands {
  /** The action that is asked for now; what rests where nothing is pressed. */
  action(): Action;
  /** Whether a key means something; then it counts as held until it is released. */
  press(key: string): boolean;
  /** @param key undefined: every one */
  release(key?: string): void;
  /** Shows the action that is taken, whoever takes it. */
  show(action: Action): void;
  /** What its keys do, for people. */
  readonly keys: readonly (readonly [keys: string, does: string])[];
}

/**
 * @param place where its buttons or sliders go
 * @param took called when a button or slider is used
 */
export function handsFor(space: Space, place: HTMLElement, took: () => void): Hands {
  return space.kind === 'discrete' ? choosing(space, place, took) : setting(space, place, took);
}

const SIGNS = new Map([
  ['ArrowLeft', '←'],
  ['ArrowRight', '→'],
  ['ArrowUp', '↑'],
  ['ArrowDown', '↓'],
]);

/** The arrow of each choice where there are few; the others have their digit alone. */
function arrowsOf(n: number): readonly string[] {
  if (n === 2) return ['ArrowLeft', 'ArrowRight'];
  if (n === 3) return ['ArrowLeft', 'ArrowDown', 'ArrowRight'];
  return n === 4 ? ['ArrowLeft', 'ArrowDown', 'ArrowUp', 'ArrowRight'] : [];
}

/** A button, an arrow and a digit for each choice. What was pressed last counts; of an odd number the middle one rests. */
function choosing({ n }: DiscreteSpace, place: HTMLElement, took: () => void): Hands {
  const arrows = arrowsOf(n);
  /** The choices that are held, the latest last. */
  let held: number[] = [];
  let last = Math.floor(n / 2);
  const hold = (choice: number) => {
    held = [...held.filter((other) => other !== choice), choice];
    last = choice;
  };
  const letGo = (choice: number) => {
    held = held.filter((other) => other !== choice);
  };
  const choiceOf = (key: string): number => {
    const arrow = arrows.indexOf(key);
    return arrow < 0 && /^\d$/.test(key) && Number(key) < n ? Number(key) : arrow;
  };
  const buttons = Array.from({ length: n }, (_, choice) => {
    const sign = SIGNS.get(arrows[choice] ?? '') ?? '';
    const button = element('button', { type: 'button' }, `${sign} ${choice}`.trim());
    button.addEventListener('pointerdown', () => {
      hold(choice);
      took();
    });
    for (const end of ['pointerup', 'pointercancel', 'pointerleave'] as const) {
      button.addEventListener(end, () => letGo(choice));
    }
    // A press by the keyboard or a screen reader comes without a pointer.
    button.addEventListener('click', () => {
      last = choice;
      took();
    });
    return button;
  });
  place.append(...buttons);
  return {
    action: () => held.at(-1) ?? (n % 2 === 1 ? (n - 1) / 2 : last),
    press: (key) => {
      const choice = choiceOf(key);
      if (choice >= 0) hold(choice);
      return choice >= 0;
    },
    release: (key) => {
      if (key === undefined) held = [];
      else letGo(choiceOf(key));
    },
    show: (action) => {
      for (const [choice, button] of buttons.entries()) button.classList.toggle('taken', choice === action);
    },
    keys: [
      [
        arrows.length > 0 ? arrows.map((arrow) => SIGNS.get(arrow)).join(' ') : `0 … ${Math.min(n, 10) - 1}`,
        n % 2 === 1 ? 'choose an action; the middle one rests' : 'choose an action, which stays',
      ],
    ],
  };
}

/** Left and right of the first number, down and up of the second. */
const BOUNDS: readonly (readonly [low: string, high: string])[] = [
  ['ArrowLeft', 'ArrowRight'],
  ['ArrowDown', 'ArrowUp'],
];

/** A slider for each number of a box; its arrows push it to the ends for as long as they are held. */
function setting({ low, high }: BoxSpace, place: HTMLElement, took: () => void): Hands {
  const held = new Set<string>();
  const rest = low.map((least, i) => Math.min(Math.max(0, least), high[i]!));
  const sliders = low.map((least, i) => {
    const slider = element('input', {
      type: 'range',
      min: `${least}`,
      max: `${high[i]!}`,
      step: 'any',
      value: `${rest[i]!}`,
    });
    const shown = element('output', {}, rest[i]!.toFixed(2));
    slider.addEventListener('input', () => {
      rest[i] = slider.valueAsNumber;
      took();
    });
    place.append(element('label', {}, `action ${i}`, slider, shown));
    return { slider, shown };
  });
  const isBound = (key: string) => BOUNDS.slice(0, low.length).some((keys) => keys.includes(key));
  return {
    action: () =>
      Float32Array.from(rest, (x, i) => {
        const [lower, upper] = BOUNDS[i] ?? ['', ''];
        if (held.has(lower) === held.has(upper)) return x;
        return held.has(lower) ? low[i]! : high[i]!;
      }),
    press: (key) => {
      if (isBound(key)) held.add(key);
      return isBound(key);
    },
    release: (key) => {
      if (key === undefined) held.clear();
      else held.delete(key);
    },
    show: (action) => {
      if (typeof action === 'number') return;
      for (const [i, { slider, shown }] of sliders.entries()) {
        slider.value = `${action[i]!}`;
        shown.textContent = action[i]!.toFixed(2);
      }
    },
    keys: [[low.length > 1 ? '← → ↓ ↑' : '← →', 'the least and the largest action, while held']],
  };
}

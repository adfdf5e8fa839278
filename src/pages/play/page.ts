import type { EnvironmentEntry } from '../../envs/index.ts';
import type { Game, World } from '../../play/game.ts';
import { byId, element } from '../dom.ts';
import { type Hands, handsFor } from './hands.ts';
import { fixed, Numbers } from './numbers.ts';
import { drawPicture } from './picture.ts';
import { drawChart, trustInWords } from './trust.ts';

/** Steps a second of an environment without a picture, which says none. */
const STEPS_PER_SECOND = 30;
/** Milliseconds between two looks at numbers and chart while steps go by faster. */
const DETAILS_EVERY = 100;

/** Runs a game: a clock and the user's commands step it, one at a time, and after each the page shows where it stands. */
export class Page {
  readonly #game: Game;
  readonly #entry: EnvironmentEntry;
  readonly #hands: Hands;
  readonly #numbers: Numbers;
  readonly #pilot = byId('pilot', HTMLSelectElement);
  readonly #view = byId('view', HTMLSelectElement);
  readonly #speed = byId('speed', HTMLSelectElement);
  /** What the user has asked for and is not done yet. */
  readonly #commands: (() => Promise<void> | void)[] = [];
  /** By the user; at the end of what is shown the clock stands still besides. */
  #isPaused = false;
  #wake = () => {};
  /** When steps were taken in the last second, in milliseconds of the page's clock. */
  #stepTimes: number[] = [];
  #detailsShown = -Infinity;

  /** @param game in its first episode */
  constructor(game: Game, entry: EnvironmentEntry) {
    this.#game = game;
    this.#entry = entry;
    byId('game', HTMLElement).hidden = false;
    this.#hands = handsFor(entry.make().actionSpace, byId('actions', HTMLElement), () =>
      this.#takeControls(),
    );
    this.#numbers = new Numbers(byId('numbers', HTMLElement), entry, game);
    if (game.reality.seen.action === undefined) {
      this.#pilot.options[0]!.text = 'hand-written controller';
    }
    byId('drawn-label', HTMLElement).hidden = !game.isStochastic;
    this.#listen();
  }

  /** Goes on until the page is closed. */
  async play(): Promise<never> {
    let due = performance.now();
    this.#show(true);
    for (;;) {
      const isMoving = !this.#isPaused && this.#goesOn;
      // Late or not: only while nothing runs here does the browser paint, and hear the user.
      await this.#rest(isMoving ? Math.max(0, due - performance.now()) : undefined);
      const command = this.#commands.shift();
      if (command) {
        await command();
        this.#show(true);
      } else if (isMoving && performance.now() >= due) {
        // Steps that come late are not caught up with.
        due = Math.max(due + 1000 / (this.#stepsPerSecond * Number(this.#speed.value)), performance.now());
        await this.#step();
        this.#show(!this.#goesOn);
      }
    }
  }

  get #stepsPerSecond(): number {
    return this.#entry.drawing?.stepsPerSecond ?? STEPS_PER_SECOND;
  }

  /** Waits for so many milliseconds, or for ever, or for a command; an instant in any case. */
  #rest(milliseconds: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wait = this.#commands.length > 0 ? 0 : milliseconds;
      const timer = wait === undefined ? undefined : setTimeout(resolve, wait);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #ask(command: () => Promise<void> | void): void {
    this.#commands.push(command);
    this.#wake();
  }

  async #step(): Promise<void> {
    const where = this.#view.value === 'dream' ? 'dream' : 'reality';
    const action = this.#pilot.value === 'agent' ? this.#game.pilotAction(where) : this.#hands.action();
    this.#hands.show(action);
    await this.#game.step(action);
    const now = performance.now();
    this.#stepTimes = [...this.#stepTimes.filter((time) => time > now - 1000), now];
  }

  /** Whether something of what is shown can be stepped. */
  get #goesOn(): boolean {
    const { dream, reality } = this.#game;
    const shown = { dream: [dream], reality: [reality] }[this.#view.value] ?? [dream, reality];
    return shown.some(({ ended }) => ended === undefined);
  }

  readonly #pauseOrGoOn = async () => {
    if (this.#goesOn) {
      this.#isPaused = !this.#isPaused;
    } else {
      this.#isPaused = false;
      await this.#game.newEpisode();
    }
  };

  readonly #stepOnce = async () => {
    this.#isPaused = true;
    await this.#step();
  };

  #takeControls(): void {
    this.#pilot.value = 'keys';
    this.#ask(() => {});
  }

  #listen(): void {
    const game = this.#game;
    const drawn = byId('drawn', HTMLInputElement);
    const other = (select: HTMLSelectElement) => () => {
      select.selectedIndex = (select.selectedIndex + 1) % select.options.length;
    };
    /** By key: the button that does the same, what it does, and in words. */
    const commands: Record<
      string,
      [id: string | undefined, command: () => Promise<void> | void, does: string]
    > = {
      ' ': ['pause', this.#pauseOrGoOn, 'pause or go on'],
      '.': ['single', this.#stepOnce, 'one step, then pause'],
      d: ['again', () => game.dreamFromReality(), 'begin the dream anew where reality stands'],
      n: ['episode', () => game.newEpisode(), 'another episode, with another dream'],
      a: [undefined, other(this.#pilot), 'give the controls to the agent, or take them'],
      v: [undefined, other(this.#view), 'show both, the dream or reality'],
    };
    for (const [id, command] of Object.values(commands)) {
      if (id !== undefined) byId(id, HTMLButtonElement).addEventListener('click', () => this.#ask(command));
    }
    drawn.addEventListener('change', () => {
      game.isDrawn = drawn.checked;
    });
    for (const select of [this.#pilot, this.#view, this.#speed]) {
      select.addEventListener('change', () => this.#ask(() => {}));
    }
    addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || hasKeysOfItsOwn(event)) return;
      const command = commands[event.key.toLowerCase()];
      if (command) this.#ask(command[1]);
      else if (this.#hands.press(event.key)) this.#takeControls();
      else return;
      // Neither scrolled nor found in the page.
      event.preventDefault();
    });
    addEventListener('keyup', ({ key }) => this.#hands.release(key));
    addEventListener('blur', () => this.#hands.release());
    addEventListener('resize', () => this.#ask(() => {}));
    const keys = Object.entries(commands).map(
      ([key, [, , does]]) => [key === ' ' ? 'space' : key, does] as const,
    );
    byId('keys', HTMLElement).append(
      ...[...this.#hands.keys, ...keys].flatMap(([key, does]) => [
        element('dt', {}, key),
        element('dd', {}, does),
      ]),
    );
  }

  /** @param withDetails numbers and chart too, whenever they were last shown */
  #show(withDetails: boolean): void {
    const { dream, reality } = this.#game;
    this.#showWorld('dream', dream);
    this.#showWorld('reality', reality);
    byId('pause', HTMLButtonElement).textContent = !this.#goesOn
      ? 'play again'
      : this.#isPaused
        ? 'go on'
        : 'pause';
    byId('again', HTMLButtonElement).disabled = reality.ended !== undefined;
    const now = performance.now();
    if (!withDetails && now < this.#detailsShown + DETAILS_EVERY) return;
    this.#detailsShown = now;
    this.#numbers.show(this.#game);
    drawChart(byId('chart', HTMLCanvasElement), this.#game);
    const trust = trustInWords(this.#game);
    byId('trust', HTMLElement).textContent = trust;
    byId('chart', HTMLCanvasElement).ariaLabel = trust;
    byId('status', HTMLElement).textContent = this.#statusInWords();
  }

  #statusInWords(): string {
    if (!this.#goesOn) return 'The end. Play again begins another episode.';
    return this.#isPaused ? 'paused' : `${this.#stepTimes.length} steps in the last second`;
  }

  #showWorld(name: 'dream' | 'reality', { steps, observation, reward, ended, seen }: World): void {
    const figure = byId(name, HTMLElement);
    figure.hidden = this.#view.value !== 'both' && this.#view.value !== name;
    figure.classList.toggle('ended', ended !== undefined);
    const goesOn = name === 'dream' ? seen.continueProbability : undefined;
    const words = [
      `step ${steps}`,
      reward === undefined ? '' : `reward ${fixed(reward, 2)}`,
      goesOn === undefined ? '' : `goes on ${fixed(goesOn, 3)}`,
      ended === undefined ? '' : `ended: ${ended}`,
    ];
    figure.querySelector('span')!.textContent = words.filter((word) => word !== '').join(' · ');
    const { drawing } = this.#entry;
    const canvas = figure.querySelector('canvas')!;
    canvas.hidden = !drawing || !observation;
    if (drawing && observation && !figure.hidden) drawPicture(canvas, drawing, observation);
  }
}

/** Whether a key already means something where it is typed: a slider or a list takes arrows, a button takes space. */
function hasKeysOfItsOwn({ target, key }: KeyboardEvent): boolean {
  if (target instanceof HTMLButtonElement) return key === ' ';
  return target instanceof HTMLSelectElement || target instanceof HTMLInputElement;
}

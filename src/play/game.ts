import type { Action, Environment } from '../envs/environment.ts';
import type { EnvironmentEntry } from '../envs/index.ts';
import { RandomStream } from '../random/stream.ts';
import type { Seen, SteppedModel } from './live-model.ts';

/** A dream is believed while its error is at most this: a tenth of the observation's scale. */
export const TRUSTED_ERROR = 0.1;
/** Where the model foresees the episode's end with more than even odds, the dream is over. */
const LEAST_CONTINUE = 0.5;

/** Reality or the dream, as it stands. */
export interface World {
  /** Steps since it began: the episode, or the dream. */
  steps: number;
  /** Raw units; undefined in the dream of a model that decodes none. */
  observation: Float32Array | undefined;
  /** Of the last step, raw units; undefined before the first, and where none is predicted. */
  reward: number | undefined;
  /** Sum of the rewards. */
  total: number;
  /** Why it goes no further, in a word or two; undefined while it does. */
  ended: string | undefined;
  /** What the model makes of it. */
  seen: Seen;
}

/** A dream that was given up for another. */
export interface PastDream {
  trustedSteps: number;
  /** Whether it was no longer to be trusted in the end; else it was given up before. */
  wentAstray: boolean;
}

/**
 * Reality and a dream of it, both stepped by the same actions from the same state: the episode of an environment, and
 * what the model that has seen the episode up to some step makes of the actions since.
 */
export class Game {
  readonly #model: SteppedModel;
  readonly #entry: EnvironmentEntry;
  readonly #environment: Environment;
  /** Of the starts of episodes, and of dreams whose steps are drawn. */
  readonly #starts: RandomStream;
  readonly #draws: RandomStream;
  #reality: World | undefined;
  #dream: World | undefined;
  #errors: number[] = [];
  #earlier: PastDream[] = [];
  /** Whether dreamt steps are drawn instead of the likeliest. */
  isDrawn = false;

  /** @param seed of the episodes: the same seed, the same starts */
  constructor(model: SteppedModel, entry: EnvironmentEntry, seed: number) {
    this.#model = model;
    this.#entry = entry;
    this.#environment = entry.make();
    this.#starts = RandomStream.named(seed, 'play/starts');
    this.#draws = RandomStream.named(seed, 'play/dream');
  }

  /** Whether dreamt steps can be drawn. */
  get isStochastic(): boolean {
    return this.#model.isStochastic;
  }

  /** Of the present episode: `newEpisode` comes first. */
  get reality(): World {
    return this.#reality!;
  }

  get dream(): World {
    return this.#dream!;
  }

  /**
   * How far the dream is from reality after each of its steps, while both went on: the root mean square of what their
   * observations differ by, divided by the observation's scale.
   */
  get errors(): readonly number[] {
    return this.#errors;
  }

  /** Steps for which the present dream's error has been small, from its start on. */
  get trustedSteps(): number {
    const lost = this.#errors.findIndex((error) => !(error <= TRUSTED_ERROR));
    return lost < 0 ? this.#errors.length : lost;
  }

  /** The dreams before the present one. */
  get earlierDreams(): readonly PastDream[] {
    return this.#earlier;
  }

  /** Begins another episode, and a dream with it. */
  async newEpisode(): Promise<void> {
    this.#endDream();
    const observation = this.#environment.reset(this.#starts);
    const seen = await this.#model.begin(observation);
    this.#reality = fresh(observation, seen);
    this.#dream = fresh(seen.observation, seen);
  }

  /** Begins another dream, where reality stands; where that has ended there is nothing to dream. */
  dreamFromReality(): void {
    const { seen, ended } = this.reality;
    if (ended) return;
    this.#endDream();
    this.#model.dreamFromReality();
    this.#dream = fresh(seen.observation, seen);
  }

  /** Steps what has not ended. */
  async step(action: Action): Promise<void> {
    const [realityWas, dreamWas] = [this.reality, this.dream];
    const result = realityWas.ended ? undefined : this.#environment.step(action);
    const dreams = !dreamWas.ended;
    if (!result && !dreams) return;
    const { reality, dream } = await this.#model.advance({
      action,
      observed: result?.observation,
      dreams,
      random: this.isDrawn ? this.#draws : undefined,
    });
    if (result && reality) {
      const cause = result.terminated ? this.#entry.terminationCause(result.observation) : 'time limit';
      const ended = result.terminated || result.truncated ? cause : undefined;
      this.#reality = stepped(realityWas, result.observation, result.reward, ended, reality);
    }
    if (dream) {
      const { observation, reward, continueProbability } = dream;
      const ended = (continueProbability ?? 1) < LEAST_CONTINUE ? 'end foreseen' : undefined;
      this.#dream = stepped(dreamWas, observation, reward, ended, dream);
      if (result && observation) this.#errors.push(this.#error(observation, result.observation));
    }
  }

  /**
   * What the agent does in a world, or in the other where that has ended: the likeliest action of its policy, or without
   * one what the environment's hand-written controller does by the observation.
   */
  pilotAction(where: 'reality' | 'dream'): Action {
    const other = where === 'reality' ? 'dream' : 'reality';
    const { seen, observation } = this[where].ended ? this[other] : this[where];
    return seen.action ?? this.#entry.controller(observation ?? this.reality.observation!, this.#environment);
  }

  #error(dreamt: Float32Array, real: Float32Array): number {
    const scale = this.#entry.observationScale;
    const squares = real.reduce((sum, x, i) => sum + ((dreamt[i]! - x) / scale[i]!) ** 2, 0);
    return Math.sqrt(squares / real.length);
  }

  /** Puts aside what is known of the dream that is given up. */
  #endDream(): void {
    const { trustedSteps } = this;
    const steps = this.#errors.length;
    if (steps > 0) this.#earlier.push({ trustedSteps, wentAstray: trustedSteps < steps });
    this.#errors = [];
  }
}

const fresh = (observation: Float32Array | undefined, seen: Seen): World => ({
  ...{ steps: 0, observation, reward: undefined, total: 0, ended: undefined, seen },
});

const stepped = (
  { steps, total }: World,
  observation: Float32Array | undefined,
  reward: number | undefined,
  ended: string | undefined,
  seen: Seen,
): World => ({
  ...{ steps: steps + 1, observation, reward, total: total + (reward ?? 0), ended, seen },
});

import { RandomStream } from '../../random/stream.ts';
import { mean } from '../../statistics.ts';
import type { AgentState } from '../../training/agent.ts';
import {
  type CmaGeneration,
  type CmaParameters,
  type CmaState,
  cmaParameters,
  cmaStep,
  drawNoise,
  initialCma,
  sampleGeneration,
} from '../../training/cma-es.ts';
import type { HaSchmidhuberSettings } from './settings.ts';

/** What became of a generation: returns in the environment's units. */
export interface GenerationReport {
  /** Mean over the candidates of their mean returns, and that of the best. */
  population: number;
  best: number;
}

/**
 * The evolution of one member's controller. Everything random is of a stream named by the generation, so that a state
 * holds no position in any; what evaluates candidates must do the same.
 */
export class Evolution {
  readonly #seed: number;
  readonly #settings: HaSchmidhuberSettings['controller'];
  readonly #parameters: CmaParameters;
  #state: CmaState;
  /** Generations of all iterations. */
  #generations = 0;
  #isOver = false;
  #report: GenerationReport | undefined;

  /** @param size numbers of a controller */
  constructor(seed: number, size: number, settings: HaSchmidhuberSettings['controller']) {
    this.#seed = seed;
    this.#settings = settings;
    this.#parameters = cmaParameters(size, settings.population, true);
    this.#state = initialCma(new Float64Array(size), settings.sigma);
  }

  /** What acts: the mean of the distribution, which is less a matter of luck than the best candidate there ever was. */
  get mean(): Float64Array {
    return this.#state.mean;
  }

  get sigma(): number {
    return this.#state.sigma;
  }

  get generations(): number {
    return this.#generations;
  }

  /** Of the last generation. */
  get report(): GenerationReport | undefined {
    return this.#report;
  }

  /** Whether this iteration's target is reached, and nothing more is to be tried. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** A new iteration: the mean stays, what was learnt of its surroundings holds no more once the model is another. */
  restart(): void {
    this.#state = initialCma(this.#state.mean, this.#settings.sigma);
    this.#isOver = false;
  }

  /** The candidates of the next generation, the same until `tell`. */
  ask(): CmaGeneration {
    return sampleGeneration(
      this.#state,
      this.#parameters,
      drawNoise(this.#parameters, this.stream('candidates')),
    );
  }

  /** A stream of this generation's, at its start. */
  stream(name: string): RandomStream {
    return RandomStream.named(this.#seed, `evolution/${this.#generations}/${name}`);
  }

  /**
   * Moves on to the next generation.
   *
   * @param returns of each candidate, the mean over its episodes: [population]
   * @param dreamt whether they are of dreams, which may reach the target
   */
  tell(generation: CmaGeneration, returns: ArrayLike<number>, dreamt: boolean): void {
    const values = Array.from(returns);
    this.#state = cmaStep(
      this.#state,
      this.#parameters,
      generation,
      values.map((value) => -value),
    );
    this.#generations++;
    const ranked = values.toSorted((a, b) => b - a);
    this.#report = { population: mean(values)!, best: ranked[0]! };
    const { targetReturn, population } = this.#settings;
    this.#isOver =
      dreamt && targetReturn !== 'none' && ranked[Math.ceil(population / 2) - 1]! >= targetReturn;
  }

  save(): AgentState['arrays'] {
    const { mean, sigma, covariance, stepPath, path, generation } = this.#state;
    const n = mean.length;
    const { population = Number.NaN, best = Number.NaN } = this.#report ?? {};
    return {
      'evolution.mean': { shape: [n], data: mean },
      'evolution.covariance': { shape: [n, n], data: covariance },
      'evolution.step_path': { shape: [n], data: stepPath },
      'evolution.path': { shape: [n], data: path },
      'evolution.sigma': { shape: [1], data: Float64Array.of(sigma) },
      'evolution.generations': {
        shape: [3],
        data: Float64Array.of(generation, this.#generations, Number(this.#isOver)),
      },
      'evolution.report': { shape: [2], data: Float64Array.of(population, best) },
    };
  }

  /** Takes over what `save` gave. */
  load(arrays: AgentState['arrays']): void {
    const numbers = (name: string) => Float64Array.from(arrays[`evolution.${name}`]!.data);
    const [generation, generations, isOver] = numbers('generations') as unknown as [number, number, number];
    const [population, best] = numbers('report') as unknown as [number, number];
    this.#state = {
      mean: numbers('mean'),
      sigma: numbers('sigma')[0]!,
      covariance: numbers('covariance'),
      stepPath: numbers('step_path'),
      path: numbers('path'),
      generation,
    };
    this.#generations = generations;
    this.#isOver = isOver === 1;
    this.#report = Number.isNaN(population) ? undefined : { population, best };
  }
}

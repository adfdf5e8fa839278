import * as tf from '@tensorflow/tfjs-core';
import { scope } from '../engine/scope.ts';
import { RandomStream } from '../random/stream.ts';
import type { AgentState } from './agent.ts';
import type { Row } from './events.ts';
import { PendingTerms, type StackedTerms } from './pending-terms.ts';
import { loadWeights, type NamedWeights, saveWeights } from './weights.ts';

/** How an agent's weights are named: in a fixed order, in which they are saved, loaded and disposed of. */
export interface WeightNames<Weights> {
  named(weights: Weights): NamedWeights;
  /** The inverse of `named`. */
  from(tensors: Map<string, tf.Tensor2D>): Weights;
}

/** What of an agent is not its own: weights, random streams and loss terms, by name. */
interface TrainingStateOptions<Weights, Stream extends string, Term extends string> {
  /** One per member. */
  seeds: readonly number[];
  names: WeightNames<Weights>;
  /** Fresh weights; `streams` gives the members' stream of a name. */
  initial: (streams: (name: string) => RandomStream[]) => Weights;
  /** The streams that updates draw from. */
  streams: readonly Stream[];
  /** Every term that an update may report, in order. */
  lossTerms: readonly Term[];
}

/**
 * What every agent keeps from update to update, for all members: weights on the engine, positions of random streams, and
 * the loss terms that nobody has asked for yet.
 */
export class TrainingState<Weights, Stream extends string, Term extends string> {
  readonly #names: WeightNames<Weights>;
  readonly #streamNames: readonly Stream[];
  readonly #pending: PendingTerms<Term>;
  #weights: Weights;
  /** One per member. */
  #streams: Record<Stream, RandomStream>[];

  constructor(options: TrainingStateOptions<Weights, Stream, Term>) {
    const { seeds, names, initial, streams, lossTerms } = options;
    this.#names = names;
    this.#streamNames = streams;
    this.#pending = new PendingTerms(lossTerms, seeds.length);
    this.#weights = scope(() =>
      this.#keep(initial((name) => seeds.map((seed) => RandomStream.named(seed, name)))),
    );
    this.#streams = seeds.map((seed) => this.#byName((name) => RandomStream.named(seed, name)));
  }

  get weights(): Weights {
    return this.#weights;
  }

  /** The streams of one member. */
  streams(member: number): Readonly<Record<Stream, RandomStream>> {
    return this.#streams[member]!;
  }

  /** The stream of that name of every member. */
  eachStream(name: Stream): RandomStream[] {
    return this.#streams.map((own) => own[name]);
  }

  /**
   * Replaces the weights by what `compute` makes of them, in a scope of its own, and remembers the loss terms. The weights
   * before are freed afterwards, but for those that stay as they are.
   */
  update(
    compute: (weights: Weights) => {
      weights: Weights;
      /** Undefined: nothing that is reported has been learnt. */
      terms: StackedTerms<Term> | undefined;
    },
  ): void {
    const previous = this.#names.named(this.#weights);
    scope(() => {
      const { weights, terms } = compute(this.#weights);
      this.#weights = this.#keep(weights);
      if (terms) this.#pending.push(terms);
    });
    const staying = new Set(this.#names.named(this.#weights).map(([, tensor]) => tensor));
    for (const [, tensor] of previous) if (!staying.has(tensor)) tensor.dispose();
  }

  /** The loss terms of every update since the last call, oldest first: rows[update][member]. */
  drainLosses(): Promise<Row[][]> {
    return this.#pending.drain();
  }

  /** Each member's weights and streams. */
  async save(): Promise<AgentState[]> {
    const arrays = await saveWeights(this.#names.named(this.#weights));
    return arrays.map((own, member) => ({
      arrays: own,
      streams: this.#byName((name) => this.#streams[member]![name].state()),
    }));
  }

  /** Takes over what `save` gave, one state per member. */
  load(states: readonly AgentState[]): void {
    const previous = this.#weights;
    this.#weights = this.#names.from(loadWeights(this.#names.named(previous), states));
    this.#free(previous);
    this.#streams = states.map(({ streams }) =>
      this.#byName((name) => RandomStream.fromState(streams[name]!)),
    );
  }

  dispose(): void {
    this.#pending.dispose();
    this.#free(this.#weights);
  }

  #byName<T>(of: (name: Stream) => T): Record<Stream, T> {
    return Object.fromEntries(this.#streamNames.map((name) => [name, of(name)])) as Record<Stream, T>;
  }

  #keep(weights: Weights): Weights {
    for (const [, tensor] of this.#names.named(weights)) tf.keep(tensor);
    return weights;
  }

  #free(weights: Weights): void {
    for (const [, tensor] of this.#names.named(weights)) tensor.dispose();
  }
}

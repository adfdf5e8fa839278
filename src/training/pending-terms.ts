import * as tf from '@tensorflow/tfjs-core';
import type { Row } from './events.ts';

/** The terms of updates or measurements, kept on the engine until they are asked for: to read back is to wait for it. */
export class PendingTerms<Term extends string> {
  readonly #names: readonly Term[];
  readonly #members: number;
  #pending: Partial<Record<Term, tf.Tensor>>[] = [];

  /** @param names every term that an update may have, in order */
  constructor(names: readonly Term[], members: number) {
    this.#names = names;
    this.#members = members;
  }

  /** Keeps the terms of one update, [members] each, beyond the scope they were made in; every update has the same ones. */
  push(terms: Partial<Record<Term, tf.Tensor>>): void {
    for (const term of Object.values<tf.Tensor | undefined>(terms)) if (term) tf.keep(term);
    this.#pending.push(terms);
  }

  /** The terms of every update since the last call, oldest first: rows[update][member], null where there is none. */
  async drain(): Promise<Row[][]> {
    const pending = this.#pending;
    this.#pending = [];
    const present = this.#names.filter((name) => pending[0]?.[name]);
    const values = present.length === 0 ? [] : await read(pending, present);
    for (const terms of pending) disposeTerms(terms);
    return pending.map((_, update) =>
      Array.from({ length: this.#members }, (_, member) =>
        Object.fromEntries(
          this.#names.map((name) => {
            const at = present.indexOf(name);
            return [name, at < 0 ? null : values[(update * present.length + at) * this.#members + member]!];
          }),
        ),
      ),
    );
  }

  dispose(): void {
    for (const terms of this.#pending) disposeTerms(terms);
    this.#pending = [];
  }
}

/** The values of these terms: [updates, terms, members]. */
async function read<Term extends string>(
  pending: readonly Partial<Record<Term, tf.Tensor>>[],
  names: readonly Term[],
): Promise<ArrayLike<number>> {
  const stacked = tf.tidy(() =>
    tf.stack(pending.map((terms) => tf.stack(names.map((name) => terms[name]!)))),
  );
  const values = await stacked.data();
  stacked.dispose();
  return values;
}

const disposeTerms = (terms: Partial<Record<string, tf.Tensor>>) => tf.dispose(Object.values(terms));

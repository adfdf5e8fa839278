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

  /** Keeps the terms of one update, [members] each, beyond the scope they were made in. */
  push(terms: Partial<Record<Term, tf.Tensor>>): void {
    for (const term of Object.values<tf.Tensor | undefined>(terms)) if (term) tf.keep(term);
    this.#pending.push(terms);
  }

  /** The terms of every update since the last call, oldest first: rows[update][member], null where there is none. */
  async drain(): Promise<Row[][]> {
    const pending = this.#pending;
    this.#pending = [];
    const rows: Row[][] = [];
    for (const run of alike(pending)) rows.push(...(await this.#read(run)));
    for (const terms of pending) disposeTerms(terms);
    return rows;
  }

  /** The rows of updates that have the same terms. */
  async #read(run: readonly Partial<Record<Term, tf.Tensor>>[]): Promise<Row[][]> {
    const present = this.#names.filter((name) => run[0]![name]);
    const values = present.length === 0 ? [] : await read(run, present);
    return run.map((_, update) =>
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

/** Cut where the terms become others: a method that learns in phases has some in each. */
function alike<Terms extends object>(pending: readonly Terms[]): Terms[][] {
  const runs: Terms[][] = [];
  for (const terms of pending) {
    const run = runs.at(-1);
    if (run && Object.keys(run[0]!).join() === Object.keys(terms).join()) run.push(terms);
    else runs.push([terms]);
  }
  return runs;
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

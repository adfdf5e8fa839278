import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../engine/compiled.ts';
import type { Row } from './events.ts';

/** Terms by name, [members] each, where an update has them. */
export type Terms<Term extends string> = Partial<Record<Term, tf.Tensor>>;

/** The terms of an update as one tensor: one thing to give, to keep and to read instead of twenty. */
export interface StackedTerms<Term extends string> {
  /** Which row of `values` each term is. */
  rows: Partial<Record<Term, number>>;
  /** [terms, members] */
  values: tf.Tensor2D;
}

/** Stacks terms and frees them: they may have been kept beyond the tape on which they were seen. */
export function stackTerms<Term extends string>(terms: Terms<Term>): StackedTerms<Term> {
  const present = (Object.keys(terms) as Term[]).filter((name) => terms[name]);
  const values = tf.stack(present.map((name) => terms[name]!)) as tf.Tensor2D;
  tf.dispose(terms);
  return {
    rows: Object.fromEntries(present.map((name, row) => [name, row])) as StackedTerms<Term>['rows'],
    values,
  };
}

/** The same with more terms. */
export function addTerms<Some extends string, More extends string>(
  { rows, values }: StackedTerms<Some>,
  more: Terms<More>,
): StackedTerms<Some | More> {
  const added = stackTerms(more);
  const names = [...Object.keys(rows), ...Object.keys(added.rows)];
  return {
    rows: Object.fromEntries(names.map((name, row) => [name, row])) as StackedTerms<Some | More>['rows'],
    values: tf.concat2d([values, added.values], 0),
  };
}

/** What an update gives, with its terms stacked. */
export type Stacked<Results extends { terms: object }> = Omit<Results, 'terms'> & {
  terms: StackedTerms<Extract<keyof Results['terms'], string>>;
};

/** An update as a program, of which its terms are one result. */
export const compiledUpdate = <Inputs extends object, Results extends { terms: object }>(
  update: (inputs: Inputs) => Results,
) =>
  new Compiled((inputs: Inputs): Stacked<Results> => {
    const { terms, ...results } = update(inputs);
    return { ...results, terms: stackTerms(terms) };
  });

/** The terms of updates or measurements, kept on the engine until they are asked for: to read back is to wait for it. */
export class PendingTerms<Term extends string> {
  readonly #names: readonly Term[];
  readonly #members: number;
  #pending: StackedTerms<Term>[] = [];

  /** @param names every term that an update may have, in order */
  constructor(names: readonly Term[], members: number) {
    this.#names = names;
    this.#members = members;
  }

  /** Keeps the terms of one update beyond the scope they were made in. */
  push(terms: StackedTerms<Term>): void {
    tf.keep(terms.values);
    this.#pending.push(terms);
  }

  /** The terms of every update since the last call, oldest first: rows[update][member], null where there is none. */
  async drain(): Promise<Row[][]> {
    const pending = this.#pending;
    this.#pending = [];
    const rows: Row[][] = [];
    for (const run of alike(pending)) rows.push(...(await this.#read(run)));
    for (const { values } of pending) values.dispose();
    return rows;
  }

  /** The rows of updates that have the same terms. */
  async #read(run: readonly StackedTerms<Term>[]): Promise<Row[][]> {
    const { rows, values: first } = run[0]!;
    const stacked = tf.tidy(() => tf.stack(run.map(({ values }) => values)));
    const values = await stacked.data();
    stacked.dispose();
    const value = (update: number, name: Term, member: number): number | null => {
      const row = rows[name];
      return row === undefined ? null : values[(update * first.shape[0] + row) * this.#members + member]!;
    };
    return run.map((_, update) =>
      Array.from({ length: this.#members }, (_, member) =>
        Object.fromEntries(this.#names.map((name) => [name, value(update, name, member)])),
      ),
    );
  }

  dispose(): void {
    for (const { values } of this.#pending) values.dispose();
    this.#pending = [];
  }
}

/** Cut where the terms become others: a method that learns in phases has some in each. */
function alike<Term extends string>(pending: readonly StackedTerms<Term>[]): StackedTerms<Term>[][] {
  const runs: StackedTerms<Term>[][] = [];
  for (const terms of pending) {
    const run = runs.at(-1);
    if (run && Object.keys(run[0]!.rows).join() === Object.keys(terms.rows).join()) run.push(terms);
    else runs.push([terms]);
  }
  return runs;
}

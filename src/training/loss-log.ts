import { mean } from '../statistics.ts';
import type { Agent } from './agent.ts';
import type { Row } from './events.ts';
import { roundRow } from './round-row.ts';
import type { MemberState } from './state.ts';

/** Terms whose peak within a row's interval says what their mean hides: one exploding gradient among a hundred. */
const peakTerms = (agent: Agent) => agent.lossTerms.filter((term) => term.endsWith('gradient_norm'));

/** Columns of losses.csv: the means of the terms, the peaks, and what is measured once a row. */
export const lossColumns = (agent: Agent): string[] => [
  ...['seed', 'env_step', 'update'],
  ...agent.lossTerms,
  ...peakTerms(agent).map((term) => `${term}_max`),
  ...(agent.latentTerms ?? []),
];

/** The loss terms since the last row of losses.csv, and the first of them that was not finite. */
export class LossLog {
  readonly #agent: Agent;
  /** rows[member][update since the last flush] */
  readonly #pending: Row[][];
  readonly #updates: number[];
  readonly #failures = new Map<number, { update: number; reason: string }>();

  constructor(agent: Agent, members: number) {
    this.#agent = agent;
    this.#pending = Array.from({ length: members }, () => []);
    this.#updates = Array.from({ length: members }, () => 0);
  }

  /** Takes over the terms that the agent has gathered. */
  async drain(): Promise<void> {
    for (const rows of await this.#agent.drainLosses()) {
      for (const [member, row] of rows.entries()) {
        this.#pending[member]!.push(row);
        const update = ++this.#updates[member]!;
        if (!this.#failures.has(member)) this.#check(member, update, row);
      }
    }
  }

  /** Remembers the first term that is not finite; the total only if no other one is to blame. */
  #check(member: number, update: number, row: Row): void {
    const bad = Object.keys(row).filter((term) => row[term] !== null && !Number.isFinite(row[term]));
    const term = bad.find((name) => name !== 'loss') ?? bad[0];
    if (term)
      this.#failures.set(member, { update, reason: `${term} became ${row[term]} at update ${update}` });
  }

  /** Whether a member's losses and weights have been finite so far. */
  isFinite(member: number): boolean {
    return !this.#failures.has(member);
  }

  /** Members whose losses or weights stopped being finite, with the first term that did. */
  *failures(): Generator<{ member: number; update: number; reason: string }> {
    for (const [member, failure] of this.#failures) yield { member, ...failure };
  }

  /** Of every member: the mean (and peak) of each term over the updates since the last flush, and the latents now. */
  async flush(): Promise<Row[]> {
    const latents = await this.#agent.describeLatents?.();
    return this.#pending.map((pending, member) => {
      const rows = pending.splice(0);
      const over = (term: string, reduce: (values: number[]) => number | null) => {
        // Of updates of different kinds, those that have the term.
        const values = rows.flatMap((row) => row[term] ?? []);
        return values.length === 0 ? null : reduce(values);
      };
      const max = (values: number[]) => Math.max(...values);
      return roundRow({
        ...Object.fromEntries(this.#agent.lossTerms.map((term) => [term, over(term, mean)])),
        ...Object.fromEntries(peakTerms(this.#agent).map((term) => [`${term}_max`, over(term, max)])),
        ...latents?.[member],
      });
    });
  }

  /** The pending rows, [updates, terms] with NaN where a term is absent, and how many updates there were. */
  save(member: number): MemberState['arrays'] {
    const terms = this.#agent.lossTerms;
    const rows = this.#pending[member]!;
    const data = Float64Array.from(rows.flatMap((row) => terms.map((term) => row[term] ?? Number.NaN)));
    return {
      'losses.pending': { shape: [rows.length, terms.length], data },
      'losses.updates': { shape: [1], data: Float64Array.of(this.#updates[member]!) },
    };
  }

  /** Takes over what `save` gave. */
  load(member: number, { arrays }: MemberState): void {
    const terms = this.#agent.lossTerms;
    const { data, shape } = arrays['losses.pending']!;
    this.#updates[member] = arrays['losses.updates']!.data[0]!;
    this.#pending[member] = Array.from({ length: shape[0]! }, (_, row) =>
      Object.fromEntries(
        terms.map((term, i) => {
          const value = data[row * terms.length + i]!;
          return [term, Number.isNaN(value) ? null : value];
        }),
      ),
    );
  }
}

import type { AgentState } from './agent.ts';
import type { Step } from './environment-steps.ts';
import type { Row } from './events.ts';
import type { MemberState } from './state.ts';

/** Columns of training-episodes.csv. */
export const episodeColumns = ['seed', 'env_step', 'episode', 'return', 'length'];

/** What a row stores of an episode, in order. */
const STORED = ['env_step', 'episode', 'return', 'length'] as const;

/**
 * The episodes of training, as they were acted, one after the other: how much a learner gets while it learns, which
 * greedy evaluations do not tell.
 */
export class EpisodeLog {
  readonly #environments: number;
  /** Of the open episodes: [members × environments] */
  readonly #return: Float64Array;
  readonly #length: Float64Array;
  /** Episodes that have ended: [members] */
  readonly #ended: Float64Array;
  /** Rows since the last `drain`: [members] */
  readonly #pending: Row[][];
  /** The environment step of each member's last `drain`: [members] */
  readonly #drained: Float64Array;

  /** @param environments of each member */
  constructor(members: number, environments: number) {
    this.#environments = environments;
    this.#return = new Float64Array(members * environments);
    this.#length = new Float64Array(members * environments);
    this.#ended = new Float64Array(members);
    this.#pending = Array.from({ length: members }, () => []);
    this.#drained = new Float64Array(members);
  }

  /** @param step environment steps each member has taken, those of this round included */
  record({ reward, ended }: Step, step: number): void {
    for (let i = 0; i < reward.length; i++) {
      this.#return[i]! += reward[i]!;
      this.#length[i]!++;
      if (!ended[i]) continue;
      const member = Math.floor(i / this.#environments);
      const episode = ++this.#ended[member]!;
      const row = { env_step: step, episode, return: this.#return[i]!, length: this.#length[i]! };
      this.#pending[member]!.push(row);
      this.#return[i] = 0;
      this.#length[i] = 0;
    }
  }

  /** The episodes of each member that have ended since the last call, the first first. */
  drain(step: number): Row[][] {
    this.#drained.fill(step);
    return this.#pending.map((rows) => rows.splice(0));
  }

  save(member: number): AgentState['arrays'] {
    const [from, to] = [member * this.#environments, (member + 1) * this.#environments];
    const rows = this.#pending[member]!;
    const pending = Float64Array.from(rows.flatMap((row) => STORED.map((column) => row[column]!)));
    const one = (values: Float64Array) => ({ shape: [1], data: values.slice(member, member + 1) });
    return {
      'episodes.return': { shape: [this.#environments], data: this.#return.slice(from, to) },
      'episodes.length': { shape: [this.#environments], data: this.#length.slice(from, to) },
      'episodes.pending': { shape: [rows.length, STORED.length], data: pending },
      'episodes.ended': one(this.#ended),
      'episodes.drained': one(this.#drained),
    };
  }

  /** Takes over what `save` gave. */
  load(member: number, arrays: AgentState['arrays']): void {
    const from = member * this.#environments;
    this.#return.set(arrays['episodes.return']!.data, from);
    this.#length.set(arrays['episodes.length']!.data, from);
    this.#ended[member] = arrays['episodes.ended']!.data[0]!;
    this.#drained[member] = arrays['episodes.drained']!.data[0]!;
    const { data, shape } = arrays['episodes.pending']!;
    this.#pending[member] = Array.from({ length: shape[0]! }, (_, row) =>
      Object.fromEntries(STORED.map((column, i) => [column, data[row * STORED.length + i]!])),
    );
  }
}

/** The environment step up to which a saved member's episodes have been drained, and written: 0 at the start. */
export const episodesDrained = (state: MemberState | undefined): number =>
  state?.arrays['episodes.drained']?.data[0] ?? 0;

import { RandomStream } from '../random/stream.ts';
import type { AgentState, Learner } from './agent.ts';
import type { RecordedEpisodes } from './recorded-episodes.ts';

/** An agent that learns from examples of recorded episodes. */
export interface OfflineAgent<Examples> {
  /** One gradient update of every member. @param update number of this update, from 1 */
  update(examples: Examples, update: number): void | Promise<void>;
}

/** What updates learn from, of all members side by side. */
export interface ExampleDraw<Examples> {
  /** Overwritten by every draw. */
  readonly examples: Examples;
  /** Draws one member's. */
  draw(member: number, random: RandomStream): void;
}

/** What tells a checkpoint's data set from others. */
const FINGERPRINT = 'data.fingerprint';

/** Learning from recorded episodes: nothing is acted in, and every round is one update on examples that are drawn anew. */
export class OfflineLearner<Examples> implements Learner {
  readonly environments = 0;
  readonly #agent: OfflineAgent<Examples>;
  readonly #data: RecordedEpisodes;
  readonly #drawFor: (update: number) => ExampleDraw<Examples>;
  /** Per member: what is drawn. */
  readonly #streams: RandomStream[];

  /** @param drawFor what an update learns from, by its number from 1 */
  constructor(
    agent: OfflineAgent<Examples>,
    data: RecordedEpisodes,
    seeds: readonly number[],
    drawFor: (update: number) => ExampleDraw<Examples>,
  ) {
    this.#agent = agent;
    this.#data = data;
    this.#drawFor = drawFor;
    this.#streams = seeds.map((seed) => RandomStream.named(seed, 'data'));
  }

  async round(_step: number, update: number): Promise<number> {
    const draw = this.#drawFor(update + 1);
    for (const [member, random] of this.#streams.entries()) draw.draw(member, random);
    await this.#agent.update(draw.examples, update + 1);
    return 1;
  }

  save(member: number): AgentState {
    return {
      arrays: { [FINGERPRINT]: { shape: [32], data: this.#data.fingerprint } },
      streams: { data: this.#streams[member]!.state() },
    };
  }

  /** Takes over what `save` gave. Throws a RangeError where it learnt from other episodes. */
  load(member: number, state: AgentState): void {
    if (learntFromAnother(state, this.#data.fingerprint))
      throw new RangeError('its data set was another one');
    this.#streams[member] = RandomStream.fromState(state.streams.data!);
  }
}

/** Whether a saved state says that it learnt from another data set than that of a fingerprint. */
export function learntFromAnother({ arrays }: Pick<AgentState, 'arrays'>, fingerprint: Uint8Array): boolean {
  const learntFrom = arrays[FINGERPRINT]?.data;
  return learntFrom !== undefined && !fingerprint.every((byte, i) => byte === learntFrom[i]);
}

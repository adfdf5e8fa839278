import { RandomStream } from '../random/stream.ts';
import type { Agent, AgentState, Learner } from './agent.ts';
import type { RecordedEpisodes } from './recorded-episodes.ts';
import { type Batch, emptyBatch, type StepSpaces } from './replay.ts';

/** An agent that learns from recorded episodes. */
export interface OfflineAgent extends Agent {
  /** One gradient update of every member. @param update number of this update, from 1 */
  update(batch: Batch, update: number): void | Promise<void>;
}

/** The steps of some episodes, each equally likely to be drawn. */
class StepSampler {
  readonly #episodes: Int32Array;
  /** Steps of the episodes up to each, itself included. */
  readonly #ends: Float64Array;

  constructor(lengths: Int32Array, episodes: Int32Array) {
    this.#episodes = episodes;
    let end = 0;
    this.#ends = Float64Array.from(episodes, (episode) => (end += lengths[episode]!));
  }

  draw(random: RandomStream): { episode: number; step: number } {
    const at = random.integer(this.#ends.at(-1)!);
    let [low, high] = [0, this.#ends.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#ends[middle]! > at) high = middle;
      else low = middle + 1;
    }
    return { episode: this.#episodes[low]!, step: at - (this.#ends[low - 1] ?? 0) };
  }
}

/** What tells a checkpoint's data set from others. */
const FINGERPRINT = 'data.fingerprint';

/**
 * Learning from recorded episodes: nothing is acted in, and every round is one update, on single steps drawn uniformly from
 * some of the episodes.
 */
export class OfflineLearner implements Learner {
  readonly environments = 0;
  readonly #agent: Pick<OfflineAgent, 'update'>;
  readonly #data: RecordedEpisodes;
  /** Per member: from which steps, and which are drawn. */
  readonly #members: { steps: StepSampler; random: RandomStream }[];
  readonly #batch: Batch;

  /**
   * @param members each with the indices of the episodes that it learns from, one at least
   * @param steps per update of each
   */
  constructor(
    agent: Pick<OfflineAgent, 'update'>,
    data: RecordedEpisodes,
    members: readonly { seed: number; episodes: Int32Array }[],
    steps: number,
    spaces: StepSpaces,
  ) {
    this.#agent = agent;
    this.#data = data;
    this.#members = members.map(({ seed, episodes }) => ({
      steps: new StepSampler(data.lengths, episodes),
      random: RandomStream.named(seed, 'data'),
    }));
    this.#batch = emptyBatch(members.length, steps, 1, spaces);
  }

  async round(_step: number, update: number): Promise<number> {
    const { batch } = this.#batch;
    for (const [member, { steps, random }] of this.#members.entries()) {
      for (let window = member * batch; window < (member + 1) * batch; window++) {
        const { episode, step } = steps.draw(random);
        this.#data.read(episode, step, this.#batch, window);
      }
    }
    await this.#agent.update(this.#batch, update + 1);
    return 1;
  }

  save(member: number): AgentState {
    return {
      arrays: { [FINGERPRINT]: { shape: [32], data: this.#data.fingerprint } },
      streams: { data: this.#members[member]!.random.state() },
    };
  }

  /** Takes over what `save` gave. Throws a RangeError where it learnt from other episodes. */
  load(member: number, { arrays, streams }: AgentState): void {
    const { data } = arrays[FINGERPRINT]!;
    if (!this.#data.fingerprint.every((byte, i) => byte === data[i])) {
      throw new RangeError('its data set was another one');
    }
    this.#members[member]!.random = RandomStream.fromState(streams.data!);
  }
}

/** What a saved state says of the data set that it learnt from; undefined where it learnt from none. */
export const fingerprintOf = ({ arrays }: Pick<AgentState, 'arrays'>): ArrayLike<number> | undefined =>
  arrays[FINGERPRINT]?.data;

import type { RandomStream } from '../../random/stream.ts';
import type { AgentState } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Step } from '../../training/environment-steps.ts';
import { type Batch, emptyBatch } from '../../training/replay.ts';
import type { Experience } from '../../training/replay-learner.ts';
import { Transitions } from '../../training/transitions.ts';
import { fillStandardisation, standardisationSize } from './standardisation.ts';

/** Transitions for each network of an ensemble, windows of one step: of each member those of the first network, then of the second, … */
export interface EnsembleBatch extends Batch {
  /** Of all that the member has experienced: [members, numbers] */
  standardisation: Float32Array;
}

/** What of a method's settings says which transitions networks learn from. */
export interface BootstrapSettings {
  /** Whether each network has experience of its own. */
  bootstrap: boolean;
  replay: { capacity: number; batch: number };
}

/** What networks learn from until there is more experience. */
interface Drawn {
  /** Per network: which transitions are its own, counted from the oldest one held; undefined: all are. */
  rows: readonly Int32Array[] | undefined;
}

/**
 * Experience that each network of an ensemble has a bootstrap sample of (Chua et al. 2018): as many transitions as there are,
 * drawn with replacement. Where there is new experience the samples are drawn anew; batches are drawn from them.
 */
export class Bootstrap implements Experience<EnsembleBatch> {
  /** All experience, of which the samples are. */
  readonly transitions: Transitions;
  readonly #networks: number;
  readonly #settings: BootstrapSettings;
  readonly #spaces: AgentSpaces;
  readonly #batch: EnsembleBatch;
  /** Per member. */
  readonly #drawn: (Drawn | undefined)[];

  constructor(members: number, networks: number, settings: BootstrapSettings, spaces: AgentSpaces) {
    this.#networks = networks;
    this.#settings = settings;
    this.#spaces = spaces;
    const { capacity, batch } = settings.replay;
    this.transitions = new Transitions(members, { capacity, batch, length: 1 }, spaces);
    this.#batch = {
      ...emptyBatch(members, networks * batch, 1, spaces),
      standardisation: new Float32Array(members * standardisationSize(spaces)),
    };
    this.#drawn = Array.from({ length: members });
  }

  remember(step: Step): void {
    this.transitions.remember(step);
    this.#drawn.fill(undefined);
  }

  sample(randoms: readonly RandomStream[]): EnsembleBatch {
    const { batch } = this.#settings.replay;
    for (const [member, replay] of this.transitions.replays.entries()) {
      const random = randoms[member]!;
      this.#drawn[member] ??= this.#draw(member, random);
      const { rows } = this.#drawn[member];
      for (let window = 0; window < this.#batch.batch; window++) {
        const own = rows?.[Math.floor(window / batch)];
        const any = random.integer(replay.size);
        replay.read(replay.oldest + (own?.[any] ?? any), this.#batch, member * this.#batch.batch + window);
      }
    }
    return this.#batch;
  }

  /** Draws the networks' samples, and takes stock of what there is. */
  #draw(member: number, random: RandomStream): Drawn {
    const replay = this.transitions.replays[member]!;
    const size = standardisationSize(this.#spaces);
    const own = this.#batch.standardisation.subarray(member * size, (member + 1) * size);
    fillStandardisation(replay, this.#spaces, own);
    if (!this.#settings.bootstrap) return { rows: undefined };
    const sample = () => Int32Array.from({ length: replay.size }, () => random.integer(replay.size));
    return { rows: Array.from({ length: this.#networks }, sample) };
  }

  save(member: number): AgentState['arrays'] {
    return this.transitions.save(member);
  }

  load(member: number, arrays: AgentState['arrays']): void {
    this.transitions.load(member, arrays);
    this.#drawn[member] = undefined;
  }
}

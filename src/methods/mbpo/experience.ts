import type { Space } from '../../envs/spaces.ts';
import type { RandomStream } from '../../random/stream.ts';
import { requireActions } from '../../training/actions.ts';
import type { AgentState } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Step } from '../../training/environment-steps.ts';
import { type Batch, emptyBatch, Replay } from '../../training/replay.ts';
import type { Experience } from '../../training/replay-learner.ts';
import type { NamedArray } from '../../training/state.ts';
import { Transitions } from '../../training/transitions.ts';
import type { MbpoSettings } from './settings.ts';

/** What of the settings says what is kept and learnt from. */
type ExperienceSettings = Pick<MbpoSettings, 'replay' | 'realRatio'> & {
  imagination: Pick<MbpoSettings['imagination'], 'capacity'>;
};

/** Real transitions and imagined ones, a replay of each per member; batches have a share of either. */
export class MixedExperience implements Experience<Batch> {
  readonly #transitions: Transitions;
  /** One per member. */
  readonly imagined: readonly Replay[];
  /** Real transitions in a batch; the others are imagined. */
  readonly realRows: number;
  readonly #batch: Batch;
  readonly #actionSpace: Space;

  constructor(members: number, { replay, realRatio, imagination }: ExperienceSettings, spaces: AgentSpaces) {
    this.#transitions = new Transitions(members, replay, spaces);
    this.imagined = Array.from({ length: members }, () => new Replay(imagination.capacity, spaces));
    this.realRows = Math.round(realRatio * replay.batch);
    this.#batch = emptyBatch(members, replay.batch, 1, spaces);
    this.#actionSpace = spaces.actionSpace;
  }

  /** What was really experienced, one replay per member. */
  get real(): readonly Replay[] {
    return this.#transitions.replays;
  }

  remember(step: Step): void {
    this.#transitions.remember(step);
  }

  /** The real transitions of each member first, then the imagined ones. */
  sample(randoms: readonly RandomStream[]): Batch {
    const { batch } = this.#batch;
    for (const [member, random] of randoms.entries()) {
      for (let row = 0; row < batch; row++) {
        const replay = (row < this.realRows ? this.real : this.imagined)[member]!;
        replay.read(replay.oldest + random.integer(replay.size), this.#batch, member * batch + row);
      }
    }
    return this.#batch;
  }

  save(member: number): AgentState['arrays'] {
    return {
      ...this.#transitions.save(member),
      ...renamed(this.imagined[member]!.save(), REPLAY, IMAGINED),
    };
  }

  load(member: number, arrays: AgentState['arrays']): void {
    this.#transitions.load(member, arrays);
    const imagined = renamed(arrays, IMAGINED, REPLAY);
    requireActions(this.#actionSpace, imagined['replay.action']!.data);
    this.imagined[member]!.load(imagined);
  }
}

/** How arrays of a replay are called, and in a checkpoint those of the imagined one. */
const [REPLAY, IMAGINED] = ['replay.', 'imagined.'];

/** The arrays whose names begin with `from`, beginning with `to`. */
const renamed = (arrays: Record<string, NamedArray>, from: string, to: string): Record<string, NamedArray> =>
  Object.fromEntries(
    Object.entries(arrays).flatMap(([name, array]) =>
      name.startsWith(from) ? [[`${to}${name.slice(from.length)}`, array]] : [],
    ),
  );

import type { EnvironmentEntry } from '../envs/index.ts';
import type { RandomStream } from '../random/stream.ts';
import { requireActions } from './actions.ts';
import type { AgentState } from './agent.ts';
import { agentSpaces } from './agent-spaces.ts';
import type { Step } from './environment-steps.ts';
import { memberPart } from './member-part.ts';
import { type Batch, emptyBatch, Replay, type StepSpaces } from './replay.ts';
import { type Experience, type LearningActor, ReplayLearner, type ReplaySettings } from './replay-learner.ts';

/** Experience as transitions (o, a, r, o′), a replay per member. */
export class Transitions implements Experience<Batch> {
  readonly #spaces: StepSpaces;
  /** One per member. */
  readonly replays: readonly Replay[];
  readonly #batch: Batch;

  constructor(
    members: number,
    { capacity, batch, length = 1 }: ReplaySettings['replay'],
    spaces: StepSpaces,
  ) {
    this.#spaces = spaces;
    this.replays = Array.from({ length: members }, () => new Replay(capacity, spaces));
    this.#batch = emptyBatch(members, batch, length, spaces);
  }

  remember({ observation, nextObservation, action, reward, terminated, first }: Step): void {
    for (const [i, replay] of this.replays.entries()) {
      const { observationSize: size, actionSize: width } = replay;
      replay.add({
        observation: observation.subarray(i * size, (i + 1) * size),
        action: action.subarray(i * width, (i + 1) * width),
        reward: reward[i]!,
        nextObservation: nextObservation.subarray(i * size, (i + 1) * size),
        terminated: terminated[i] === 1,
        first: first[i] === 1,
      });
    }
  }

  sample(randoms: readonly RandomStream[]): Batch {
    for (const [member, replay] of this.replays.entries()) {
      replay.sample(randoms[member]!, this.#batch, member);
    }
    return this.#batch;
  }

  save(member: number): AgentState['arrays'] {
    return this.replays[member]!.save();
  }

  load(member: number, arrays: AgentState['arrays']): void {
    requireActions(this.#spaces.actionSpace, arrays['replay.action']!.data);
    this.replays[member]!.load(arrays);
  }
}

/** Learning from replayed windows of transitions. */
export function learnFromTransitions(
  agent: LearningActor,
  environment: EnvironmentEntry,
  seeds: readonly number[],
  settings: ReplaySettings,
): ReplayLearner {
  const transitions = new Transitions(seeds.length, settings.replay, agentSpaces(environment));
  return new ReplayLearner(agent, environment, seeds, settings, transitions);
}

/**
 * Fills `out` with observations drawn uniformly from all that each member has acted in: [members, rows, observation].
 *
 * @param replays each member's
 * @param randoms each member's
 */
export function drawObservations(
  replays: readonly Replay[],
  randoms: readonly RandomStream[],
  out: Float32Array,
): void {
  for (const [member, replay] of replays.entries()) {
    const own = memberPart(out, replays.length, member);
    const { observationSize: size } = replay;
    const seen = replay.values('observation');
    for (let at = 0; at < own.length; at += size) {
      const from = randoms[member]!.integer(replay.size) * size;
      for (let k = 0; k < size; k++) own[at + k] = seen[from + k]!;
    }
  }
}

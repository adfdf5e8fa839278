import type { EnvironmentEntry } from '../../envs/index.ts';
import { uploadTransitions } from '../../models/transitions.ts';
import type { ActingMode, Decision, PolicyName, Situation } from '../../training/acting.ts';
import type { Member, Method } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Batch } from '../../training/replay.ts';
import type { ReplayAgent, ReplayLearner } from '../../training/replay-learner.ts';
import { ModelFreeAgent } from '../../training/stateful-agent.ts';
import type { TrainingState } from '../../training/training-state.ts';
import { learnFromTransitions } from '../../training/transitions.ts';
import { trainingCost, updateFlops } from './flops.ts';
import type { Weights } from './networks.ts';
import type { DqnSettings } from './settings.ts';
import { LOSS_TERMS, type LossTerm } from './update.ts';
import { ValueLearner } from './value-learner.ts';

/** Deep Q-learning (Mnih et al. 2015): the registry's entry. */
export const dqn: Method<DqnSettings> = {
  create: (members, spaces) => new DqnAgent(members, spaces),
  updateFlops,
  trainingCost,
};

class DqnAgent extends ModelFreeAgent<DqnSettings, Weights, never, LossTerm> implements ReplayAgent {
  readonly lossTerms = LOSS_TERMS;
  readonly carrySize = 0;
  readonly noise;

  readonly #learner: ValueLearner;
  protected readonly state: TrainingState<Weights, never, LossTerm>;

  constructor(members: readonly Member<DqnSettings>[], spaces: AgentSpaces) {
    super(members, spaces);
    this.#learner = new ValueLearner(members, spaces);
    this.noise = this.#learner.noise;
    this.state = this.#learner.state;
  }

  aboutToCollect(step: number): void {
    this.#learner.aboutToCollect(step);
  }

  act(situation: Situation, _policy: PolicyName, mode: ActingMode): Promise<Decision> {
    return this.#learner.act(situation, mode);
  }

  learner(environment: EnvironmentEntry): ReplayLearner {
    return learnFromTransitions(this, environment, this.seeds, this.settings);
  }

  update(batch: Batch, _step: number, update: number): void {
    this.#learner.learn(() => uploadTransitions(batch, this.spaces), update);
  }

  override dispose(): void {
    this.#learner.dispose();
    super.dispose();
  }
}

import type { EnvironmentEntry } from '../../envs/index.ts';
import { namedWeights, type Weights, weightsFrom } from '../../models/soft-actor-critic/networks.ts';
import { SoftActorCritic } from '../../models/soft-actor-critic/soft-actor-critic.ts';
import { LOSS_TERMS, type LossTerm } from '../../models/soft-actor-critic/update.ts';
import type { Decision, Situation } from '../../training/acting.ts';
import type { Member, Method } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import type { Batch } from '../../training/replay.ts';
import type { ReplayAgent, ReplayLearner } from '../../training/replay-learner.ts';
import { ModelFreeAgent } from '../../training/stateful-agent.ts';
import { TrainingState } from '../../training/training-state.ts';
import { learnFromTransitions } from '../../training/transitions.ts';
import { trainingCost, updateFlops } from './flops.ts';
import type { SacSettings } from './settings.ts';

/** Soft actor-critic (Haarnoja et al. 2018): the registry's entry. */
export const sac: Method<SacSettings> = {
  create: (members, spaces) => new SacAgent(members, spaces),
  updateFlops,
  trainingCost,
};

class SacAgent extends ModelFreeAgent<SacSettings, Weights, 'actions', LossTerm> implements ReplayAgent {
  readonly lossTerms = LOSS_TERMS;
  readonly carrySize = 0;
  readonly noise;

  readonly #actorCritic: SoftActorCritic;
  protected readonly state: TrainingState<Weights, 'actions', LossTerm>;

  constructor(members: readonly Member<SacSettings>[], spaces: AgentSpaces) {
    super(members, spaces);
    this.#actorCritic = new SoftActorCritic(members, spaces);
    this.noise = this.#actorCritic.noise;
    this.state = new TrainingState({
      seeds: this.seeds,
      names: { named: namedWeights, from: weightsFrom },
      initial: (streams) => this.#actorCritic.initialWeights(streams),
      // Noise of the actions that updates draw.
      streams: ['actions'],
      lossTerms: LOSS_TERMS,
    });
  }

  act(situation: Situation): Promise<Decision> {
    return this.#actorCritic.act(this.state.weights, situation);
  }

  learner(environment: EnvironmentEntry): ReplayLearner {
    return learnFromTransitions(this, environment, this.seeds, this.settings);
  }

  update(batch: Batch, _step: number, update: number): void {
    const streams = this.state.eachStream('actions');
    this.state.update((weights) => this.#actorCritic.update(weights, batch, streams, update));
  }

  override dispose(): void {
    this.#actorCritic.dispose();
    super.dispose();
  }
}

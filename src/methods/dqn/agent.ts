import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../../engine/compiled.ts';
import type { EnvironmentEntry } from '../../envs/index.ts';
import { Acting } from '../../models/acting.ts';
import { encodeActions } from '../../models/action-encoding.ts';
import { type TransitionTensors, uploadTransitions } from '../../models/transitions.ts';
import { type BiasCorrection, biasCorrection } from '../../nn/adam.ts';
import type { ActingMode, Decision, PolicyName, Situation } from '../../training/acting.ts';
import type { Member, Method } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { memberScalars } from '../../training/member-scalars.ts';
import type { Batch } from '../../training/replay.ts';
import type { ReplayAgent, ReplayLearner } from '../../training/replay-learner.ts';
import { scheduleAt } from '../../training/schedule.ts';
import { ModelFreeAgent } from '../../training/stateful-agent.ts';
import { TrainingState } from '../../training/training-state.ts';
import { learnFromTransitions } from '../../training/transitions.ts';
import { EPSILON_GREEDY_NOISE, epsilonGreedy } from './epsilon-greedy.ts';
import { updateFlops } from './flops.ts';
import {
  type ActionValues,
  actionValues,
  initialWeights,
  namedWeights,
  type Weights,
  weightsFrom,
} from './networks.ts';
import type { DqnSettings } from './settings.ts';
import { LOSS_TERMS, type LossTerm, learn, type MemberScalars } from './update.ts';

/** Deep Q-learning (Mnih et al. 2015): the registry's entry. */
export const dqn: Method<DqnSettings> = {
  create: (members, spaces) => new DqnAgent(members, spaces),
  updateFlops,
};

/** Everything that an update is computed from. */
interface UpdateInputs {
  weights: Weights;
  transitions: TransitionTensors;
  scalars: MemberScalars;
  correction: BiasCorrection;
}

const NO_NOISE = new Float32Array();

class DqnAgent extends ModelFreeAgent<DqnSettings, Weights, never, LossTerm> implements ReplayAgent {
  readonly lossTerms = LOSS_TERMS;
  readonly carrySize = 0;
  readonly noise = { sampled: [EPSILON_GREEDY_NOISE], greedy: [] };

  readonly #values: ActionValues;
  protected readonly state: TrainingState<Weights, never, LossTerm>;
  readonly #acting: Acting<{ critic: tf.Tensor2D }>;
  /** Environment steps that each member had taken when it was last about to act; ε goes by them. */
  #collected = 0;

  constructor(members: readonly Member<DqnSettings>[], spaces: AgentSpaces) {
    super(members, spaces);
    this.#values = actionValues(this.settings, spaces);
    this.#acting = new Acting(members.length, spaces.observation, ({ weights, observations }) => ({
      actions: tf.argMax(this.#values.of(weights.critic, observations), -1),
    }));
    this.state = new TrainingState({
      seeds: this.seeds,
      names: { named: namedWeights, from: weightsFrom },
      initial: (streams) => initialWeights(this.#values.layout, streams('critic-weights')),
      streams: [],
      lossTerms: LOSS_TERMS,
    });
  }

  aboutToCollect(step: number): void {
    this.#collected = step;
  }

  async act(situation: Situation, _policy: PolicyName, mode: ActingMode): Promise<Decision> {
    const { critic } = this.state.weights;
    const decision = await this.#acting.decide({ critic }, { ...situation, noise: NO_NOISE });
    if (mode === 'greedy') return decision;
    const epsilon = this.members.map(({ settings }) => scheduleAt(settings.epsilon, this.#collected));
    const greedy = decision.actions as Int32Array;
    return { ...decision, actions: epsilonGreedy(greedy, situation.noise, epsilon, this.spaces.actions) };
  }

  learner(environment: EnvironmentEntry): ReplayLearner {
    return learnFromTransitions(this, environment, this.seeds, this.settings);
  }

  update(batch: Batch, _step: number, update: number): void {
    this.state.update((weights) =>
      this.#update.run({
        weights,
        transitions: uploadTransitions(batch, this.spaces),
        scalars: this.#scalars(update),
        correction: biasCorrection(update),
      }),
    );
  }

  readonly #update = new Compiled(({ weights, transitions, scalars, correction }: UpdateInputs) => {
    const action = encodeActions(this.spaces.actionSpace, transitions.action);
    return learn(this.#values, weights, { ...transitions, action }, correction, scalars, this.settings);
  });

  override dispose(): void {
    this.#acting.dispose();
    this.#update.dispose();
    super.dispose();
  }

  #scalars(update: number): MemberScalars {
    const { column } = memberScalars(this.members);
    return {
      learningRate: column(({ learningRate }) => learningRate),
      gamma: column(({ gamma }) => gamma),
      targetRate: column(({ target }) => (update % target.every === 0 ? target.rate : 0)),
    };
  }
}

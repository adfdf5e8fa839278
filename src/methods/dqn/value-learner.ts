import * as tf from '@tensorflow/tfjs-core';
import { Acting } from '../../models/acting.ts';
import { encodeActions } from '../../models/action-encoding.ts';
import type { TransitionTensors } from '../../models/transitions.ts';
import { type BiasCorrection, biasCorrection } from '../../nn/adam.ts';
import type { ActingMode, Decision, Situation } from '../../training/acting.ts';
import type { Member } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { memberScalars } from '../../training/member-scalars.ts';
import { compiledUpdate } from '../../training/pending-terms.ts';
import { scheduleAt } from '../../training/schedule.ts';
import { TrainingState } from '../../training/training-state.ts';
import { EPSILON_GREEDY_NOISE, epsilonGreedy } from './epsilon-greedy.ts';
import {
  type ActionValues,
  actionValues,
  initialWeights,
  namedWeights,
  type Weights,
  weightsFrom,
} from './networks.ts';
import type { DqnUpdateSettings } from './settings.ts';
import { LOSS_TERMS, type LossTerm, learn, type MemberScalars } from './update.ts';

/** Everything that an update is computed from. */
interface UpdateInputs {
  weights: Weights;
  transitions: TransitionTensors;
  scalars: MemberScalars;
  correction: BiasCorrection;
}

const NO_NOISE = new Float32Array();

/** The values Q of all members, how they act, and DQN's updates of them on transitions of any origin. */
export class ValueLearner {
  readonly noise = { sampled: [EPSILON_GREEDY_NOISE], greedy: [] };
  readonly values: ActionValues;
  readonly state: TrainingState<Weights, never, LossTerm>;

  readonly #members: readonly Member<DqnUpdateSettings>[];
  readonly #spaces: AgentSpaces;
  readonly #acting: Acting<{ critic: tf.Tensor2D }>;
  /** Environment steps that each member had taken when it was last about to act; ε goes by them. */
  #collected = 0;

  constructor(members: readonly Member<DqnUpdateSettings>[], spaces: AgentSpaces) {
    this.#members = members;
    this.#spaces = spaces;
    this.values = actionValues(this.#settings, spaces);
    this.#acting = new Acting(members.length, spaces.observation, ({ weights, observations }) => ({
      actions: tf.argMax(this.values.of(weights.critic, observations), -1),
    }));
    this.state = new TrainingState({
      seeds: members.map(({ seed }) => seed),
      names: { named: namedWeights, from: weightsFrom },
      initial: (streams) => initialWeights(this.values.layout, streams('critic-weights')),
      streams: [],
      lossTerms: LOSS_TERMS,
    });
  }

  /** The first member's: all agree in what fixes a shape. */
  get #settings(): DqnUpdateSettings {
    return this.#members[0]!.settings;
  }

  aboutToCollect(step: number): void {
    this.#collected = step;
  }

  async act(situation: Situation, mode: ActingMode): Promise<Decision> {
    const critic = this.state.weights.critic.parameters;
    const decision = await this.#acting.decide({ critic }, { ...situation, noise: NO_NOISE });
    if (mode === 'greedy') return decision;
    const epsilon = this.#members.map(({ settings }) => scheduleAt(settings.epsilon, this.#collected));
    const greedy = decision.actions as Int32Array;
    return { ...decision, actions: epsilonGreedy(greedy, situation.noise, epsilon, this.#spaces.actions) };
  }

  /**
   * One update.
   *
   * @param transitions makes those to learn from, with a as index, int32, or onehot(a)
   * @param update number of this update of the values, from 1
   */
  learn(transitions: () => TransitionTensors, update: number): void {
    this.state.update((weights) =>
      this.#update.run({
        weights,
        transitions: transitions(),
        scalars: this.#scalars(update),
        correction: biasCorrection(update),
      }),
    );
  }

  readonly #update = compiledUpdate(({ weights, transitions, scalars, correction }: UpdateInputs) => {
    const { action: taken } = transitions;
    const action = taken.dtype === 'int32' ? encodeActions(this.#spaces.actionSpace, taken) : taken;
    return learn(this.values, weights, { ...transitions, action }, correction, scalars, this.#settings);
  });

  /** Frees what the engine keeps of it, but the state. */
  dispose(): void {
    this.#acting.dispose();
    this.#update.dispose();
  }

  #scalars(update: number): MemberScalars {
    const { column } = memberScalars(this.#members);
    return {
      learningRate: column(({ learningRate }) => learningRate),
      gamma: column(({ gamma }) => gamma),
      targetRate: column(({ target }) => (update % target.every === 0 ? target.rate : 0)),
    };
  }
}

import * as tf from '@tensorflow/tfjs-core';
import { scope } from '../engine/scope.ts';
import { UserError } from '../errors.ts';
import { Acting, type DecisionInputs, type DecisionTensors } from '../models/acting.ts';
import { encodeActions, toBox } from '../models/action-encoding.ts';
import type { Exploration } from '../models/exploration.ts';
import { carryStep, followedSize, followStep } from '../models/following.ts';
import type { ActionSampler } from '../models/policy-head.ts';
import type { States, WorldModel } from '../models/world-model.ts';
import {
  type ActingMode,
  type Actor,
  type Decision,
  type Noise,
  noiseSize,
  type PolicyName,
  type Situation,
} from '../training/acting.ts';
import type { AgentSpaces } from '../training/agent-spaces.ts';
import type { PlannableModel, Planner } from './planner.ts';
import { makePlanner } from './planners.ts';
import { requireSuited } from './requirements.ts';
import type { PlannerSettings } from './settings.ts';

/** An actor with something on the engine to be freed. */
export interface DisposableActor extends Actor {
  dispose(): void;
}

/** An agent that may have a world model to plan in. */
export interface MayPlan {
  /**
   * Acts by planning in the model: in its average where there is one and the averaged policy is asked for.
   *
   * @throws UserError where the model lacks what planning needs, UnsuitedPlanner what these settings ask for.
   */
  planningActor?(settings: PlannerSettings): DisposableActor;
}

/** What is planned in: an agent's world model over its weights. */
export interface PlansIn<Weights extends object, State extends States> {
  members: number;
  spaces: AgentSpaces;
  /** The weights as they stand; those that are trained, where the model has no average. */
  weights(policy: PolicyName): Weights;
  /** The model over such weights; what verbs it has does not depend on them. */
  model(weights: Weights): WorldModel<State>;
  /** How the model's policy is sampled, where it has one. */
  head?: ActionSampler;
  /** The discount of the model's value as far as ĉ has not learnt it; default: 1. */
  gamma?: number;
  /** The discount that ĉ has learnt; default: 1. */
  learntGamma?: number;
}

/**
 * Acts by planning in a world model, at every step anew: follows the episode by what is observed, has a planner search for
 * an action, and takes it, or what exploration makes of it where actions are sampled.
 *
 * It carries the state before, the action taken there, and what the planner remembers.
 */
export class PlanningActor<Weights extends object, State extends States> implements DisposableActor {
  readonly carrySize: number;
  readonly noise: Readonly<Record<ActingMode, readonly Noise[]>>;
  readonly trajectories: number;

  readonly #within: PlansIn<Weights, State>;
  readonly #planner: Planner<State>;
  readonly #exploration: Exploration | undefined;
  /** How many noises the model follows an episode with. */
  readonly #followNoises: number;
  /** Numbers of the carry that following needs; what the planner remembers comes after them. */
  readonly #followedSize: number;
  readonly #acting: Acting<Weights>;

  /** @throws UserError where the model lacks what planning needs, UnsuitedPlanner what these settings ask for. */
  constructor(within: PlansIn<Weights, State>, settings: PlannerSettings, exploration?: Exploration) {
    this.#within = within;
    this.#exploration = exploration;
    const { members, spaces, head, gamma = 1, learntGamma = 1 } = within;
    const { actionSpace, actions, observation } = spaces;
    const model = scope(() => plannable(within.model(within.weights('online'))));
    const has = {
      value: model.value !== undefined,
      policy: model.policy !== undefined && head !== undefined,
    };
    requireSuited(settings, { actionSpace, has });
    this.#planner = makePlanner(settings, { actionSpace, actions, model, head, gamma, learntGamma });
    const following = model.followNoise ?? [];
    const { sampled, greedy } = this.#planner.noise;
    this.noise = {
      sampled: [...following, ...sampled, ...(exploration?.noise ?? [])],
      greedy: [...following, ...greedy],
    };
    this.#followNoises = following.length;
    this.#followedSize = followedSize(model, actions);
    this.trajectories = this.#planner.trajectories ?? 0;
    this.carrySize = this.#followedSize + this.#planner.memorySize;
    this.#acting = new Acting(members, observation, (inputs) => this.#decide(inputs));
  }

  act(situation: Situation, policy: PolicyName): Promise<Decision> {
    return this.#acting.decide(this.#within.weights(policy), situation);
  }

  dispose(): void {
    this.#acting.dispose();
  }

  #decide({ weights, observations, carry, noise }: DecisionInputs<Weights>): DecisionTensors {
    const { actionSpace, observationScale } = this.#within.spaces;
    const model = plannable(this.#within.model(weights));
    const { following, planning, exploring } = this.#split(noise);
    const scaled = tf.div<tf.Tensor3D>(observations, [...observationScale]);
    const sizes = [this.#followedSize, this.#planner.memorySize].filter((size) => size > 0);
    const [followed, memory] = tf.split(carry!, sizes, 2) as [tf.Tensor3D, tf.Tensor3D?];
    const { state, first } = followStep(model, followed, scaled, following);
    const planned = this.#planner.plan({ model, state, first, memory }, planning);
    const best =
      actionSpace.kind === 'discrete' ? tf.argMax(planned.action, -1) : toBox(actionSpace, planned.action);
    const taken = exploring ? this.#exploration!.explore(best, exploring) : best;
    const carried = carryStep(model, state, encodeActions(actionSpace, taken) as tf.Tensor3D);
    return { actions: taken, carry: planned.memory ? tf.concat([carried, planned.memory], 2) : carried };
  }

  /** The noise of following, of planning, and where actions are sampled of exploration. */
  #split(noise: tf.Tensor3D | undefined): {
    following: tf.Tensor3D | undefined;
    planning: readonly tf.Tensor3D[];
    exploring: tf.Tensor3D | undefined;
  } {
    const isGreedy = (noise?.shape[2] ?? 0) === noiseSize(this.noise.greedy);
    const mode = isGreedy ? 'greedy' : 'sampled';
    const sizes = this.noise[mode].map(({ size }) => size);
    const parts = noise ? (tf.split(noise, sizes, 2) as tf.Tensor3D[]) : [];
    const joined = (some: tf.Tensor3D[]) =>
      some.length > 0 ? (tf.concat(some, 2) as tf.Tensor3D) : undefined;
    const following = joined(parts.splice(0, this.#followNoises));
    const planning = parts.splice(0, this.#planner.noise[mode].length);
    return { following, planning, exploring: joined(parts) };
  }
}

function plannable<State extends States>(model: WorldModel<State>): PlannableModel<State> {
  if (!model.reward) {
    throw new UserError(
      'the world model predicts no rewards, which a planner adds up; choose a run whose model has a reward head',
    );
  }
  if (!model.follow || !model.stateSizes) {
    throw new UserError(
      'the world model follows no episode step by step, so a planner has nowhere to start; choose another run',
    );
  }
  return model as PlannableModel<State>;
}

import * as tf from '@tensorflow/tfjs-core';
import { scope } from '../engine/scope.ts';
import { UserError } from '../errors.ts';
import { Acting, type DecisionInputs, type DecisionTensors } from '../models/acting.ts';
import { encodeActions, toBox } from '../models/action-encoding.ts';
import type { Exploration } from '../models/exploration.ts';
import { carryStep, followedSize, followStep } from '../models/following.ts';
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
import { cem, type IterationNoise, searchNoise } from './cem.ts';
import { type ProposalFamily, proposalFamily } from './proposals.ts';
import type { PlannerSettings } from './settings.ts';

/** An actor with something on the engine to be freed. */
export interface DisposableActor extends Actor {
  dispose(): void;
}

/** An agent that may have a world model to plan in. */
export interface MayPlan {
  /** Acts by planning in the model: in its average where there is one and the averaged policy is asked for. */
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
}

/** What planning asks of a model beyond what every model has. */
type PlannableModel<State extends States> = WorldModel<State> &
  Required<Pick<WorldModel<State>, 'follow' | 'stateSizes' | 'reward'>>;

/**
 * Acts by planning in a world model, at every step anew: follows the episode by what is observed, searches for the plan
 * of the largest predicted return, and takes its first action, or what exploration makes of it where actions are sampled.
 *
 * It carries the state before, the action taken there, and where the search starts warm the plan.
 */
export class PlanningActor<Weights extends object, State extends States> implements DisposableActor {
  readonly carrySize: number;
  readonly noise: Readonly<Record<ActingMode, readonly Noise[]>>;

  readonly #within: PlansIn<Weights, State>;
  readonly #settings: PlannerSettings;
  readonly #exploration: Exploration | undefined;
  readonly #family: ProposalFamily;
  /** What the model follows and is rolled out with. */
  readonly #followNoise: readonly Noise[];
  readonly #stepNoise: readonly Noise[];
  /** Numbers of the carry that following needs; a plan's come after them. */
  readonly #followedSize: number;
  readonly #acting: Acting<Weights>;

  /** @throws UserError where the model lacks what planning needs. */
  constructor(within: PlansIn<Weights, State>, settings: PlannerSettings, exploration?: Exploration) {
    this.#within = within;
    this.#settings = settings;
    this.#exploration = exploration;
    const { members, spaces } = within;
    const model = scope(() => plannable(within.model(within.weights('online'))));
    this.#family = proposalFamily(spaces.actionSpace);
    this.#followNoise = model.followNoise ?? [];
    this.#stepNoise = model.stepNoise ?? [];
    const search = searchNoise(settings, this.#family, spaces.actions, this.#stepNoise);
    const noise = [...this.#followNoise, ...search];
    this.noise = { sampled: [...noise, ...(exploration?.noise ?? [])], greedy: noise };
    this.#followedSize = followedSize(model, spaces.actions);
    this.carrySize = this.#followedSize + (settings.warmStart ? settings.horizon * spaces.actions : 0);
    this.#acting = new Acting(members, spaces.observation, (inputs) => this.#decide(inputs));
  }

  act(situation: Situation, policy: PolicyName): Promise<Decision> {
    return this.#acting.decide(this.#within.weights(policy), situation);
  }

  dispose(): void {
    this.#acting.dispose();
  }

  #decide({ weights, observations, carry, noise }: DecisionInputs<Weights>): DecisionTensors {
    const { horizon } = this.#settings;
    const { actions, actionSpace, observationScale } = this.#within.spaces;
    const [members, environments] = observations.shape;
    const rows = members * environments;
    const model = plannable(this.#within.model(weights));
    const { following, searching, exploring } = this.#split(noise!);
    const scaled = tf.div<tf.Tensor3D>(observations, [...observationScale]);
    const { state, first } = followStep(model, this.#part(carry!, 0, this.#followedSize), scaled, following);
    const begin = this.#begin(carry!, first);
    const plan = cem(model, state, this.#family, begin, searching, this.#settings);
    const next: tf.Tensor2D = tf.reshape(tf.slice(plan, [0, 0, 0], [rows, 1, actions]), [rows, actions]);
    const best = tf.reshape(this.#family.decide(next), [members, environments, actions]) as tf.Tensor3D;
    const greedy = actionSpace.kind === 'discrete' ? tf.argMax(best, -1) : toBox(actionSpace, best);
    const taken = exploring ? this.#exploration!.explore(greedy, exploring) : greedy;
    const carried = carryStep(model, state, encodeActions(actionSpace, taken) as tf.Tensor3D);
    return {
      actions: taken,
      carry: this.#settings.warmStart
        ? tf.concat([carried, tf.reshape(plan, [members, environments, horizon * actions])], 2)
        : carried,
    };
  }

  /** The part of the carry between two indices of its last axis. */
  #part(carry: tf.Tensor3D, from: number, to: number): tf.Tensor3D {
    const [members, environments] = carry.shape;
    return tf.slice(carry, [0, 0, from], [members, environments, to - from]);
  }

  /**
   * The mean that the search begins with: nothing known, or the plan of the step before without its first step, nothing
   * known of its last: [members · environments, horizon, actions].
   *
   * @param first [members, environments, 1]
   */
  #begin(carry: tf.Tensor3D, first: tf.Tensor3D): tf.Tensor3D {
    const { horizon, warmStart } = this.#settings;
    const { actions } = this.#within.spaces;
    const rows = first.size;
    const unknown: tf.Tensor3D = tf.fill([rows, horizon, actions], this.#family.unknown);
    if (!warmStart) return unknown;
    const plan = tf.reshape(this.#part(carry, this.#followedSize, this.carrySize), [rows, horizon, actions]);
    const longer = tf.concat([plan, tf.slice(unknown, [0, 0, 0], [rows, 1, actions])], 1);
    const moved = tf.slice(longer, [0, 1, 0], [rows, horizon, actions]);
    const starts = tf.reshape(first, [rows, 1, 1]);
    return tf.add(tf.mul(starts, unknown), tf.mul(tf.sub(1, starts), moved));
  }

  /** The noise of following, of each iteration, and where actions are sampled of exploration. */
  #split(noise: tf.Tensor3D): {
    following: tf.Tensor3D | undefined;
    searching: IterationNoise[];
    exploring: tf.Tensor3D | undefined;
  } {
    const isGreedy = noise.shape[2] === noiseSize(this.noise.greedy);
    const sizes = (isGreedy ? this.noise.greedy : this.noise.sampled).map(({ size }) => size);
    const parts = tf.split(noise, sizes, 2) as tf.Tensor3D[];
    const exploring = isGreedy ? [] : parts.splice(this.noise.greedy.length);
    const ofFollowing = parts.splice(0, this.#followNoise.length);
    const each = 1 + this.#stepNoise.length;
    return {
      exploring: exploring.length > 0 ? tf.concat(exploring, 2) : undefined,
      following: ofFollowing.length > 0 ? tf.concat(ofFollowing, 2) : undefined,
      searching: Array.from({ length: this.#settings.iterations }, (_, i) => {
        const [candidates, ...steps] = parts.slice(i * each, (i + 1) * each);
        return { candidates: candidates!, steps };
      }),
    };
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

import * as tf from '@tensorflow/tfjs-core';
import { scope } from '../../engine/scope.ts';
import type { EnvironmentEntry } from '../../envs/index.ts';
import { Acting } from '../../models/actor.ts';
import type { ParameterLayout } from '../../nn/parameters.ts';
import { RandomStream } from '../../random/stream.ts';
import type { AgentSpaces, AgentState, Member, Method, PolicyName } from '../../training/agent.ts';
import type { Row } from '../../training/events.ts';
import { PendingTerms } from '../../training/pending-terms.ts';
import type { Batch, Sequences } from '../../training/replay.ts';
import { scheduleAt } from '../../training/schedule.ts';
import { loadWeights, saveWeights } from '../../training/weights.ts';
import {
  initialWeights,
  namedWeights,
  networks,
  policyLogits,
  type Weights,
  weightsFrom,
} from './networks.ts';
import { type RolloutAgent, RolloutLearner } from './rollout-learner.ts';
import type { PpoSettings } from './settings.ts';
import {
  applyGradients,
  assess,
  gradients,
  LOSS_TERMS,
  type LossTerm,
  type MemberScalars,
  minibatch,
  type Transitions,
} from './update.ts';

/** Proximal policy optimisation (Schulman et al. 2017): the registry's entry. */
export const ppo: Method<PpoSettings> = {
  create: (members, spaces) => new PpoAgent(members, spaces),
};

/** A model-free agent: nothing to diagnose, and the policy that is trained is the one that is evaluated. */
class PpoAgent implements RolloutAgent {
  readonly lossTerms = LOSS_TERMS;
  readonly diagnostics = [];

  readonly #members: readonly Member<PpoSettings>[];
  /** The first member's: all agree in what fixes a shape. */
  readonly #settings: PpoSettings;
  readonly #spaces: AgentSpaces;
  readonly #layout: ParameterLayout;
  readonly #pending: PendingTerms<LossTerm>;
  #weights: Weights;
  readonly #acting: Acting<Pick<Weights, 'parameters'>>;
  /** Per member: which transitions come into which minibatch. */
  #minibatchStreams: RandomStream[];

  constructor(members: readonly Member<PpoSettings>[], spaces: AgentSpaces) {
    this.#members = members;
    this.#settings = members[0]!.settings;
    this.#spaces = spaces;
    this.#layout = networks(this.#settings, spaces);
    this.#pending = new PendingTerms(LOSS_TERMS, members.length);
    this.#acting = new Acting(members.length, spaces.observation, ({ parameters }, observations) =>
      policyLogits(this.#layout.unpack(parameters), this.#settings, observations),
    );
    const streams = (name: string) => members.map(({ seed }) => RandomStream.named(seed, name));
    this.#weights = initialWeights(this.#layout, streams('policy-weights'));
    this.#minibatchStreams = streams('minibatches');
  }

  act(observations: Float32Array, _policy: PolicyName, gumbel?: Float32Array): Promise<Int32Array> {
    return this.#acting.choose({ parameters: this.#weights.parameters }, observations, gumbel);
  }

  learner(environment: EnvironmentEntry): RolloutLearner {
    const { environments, rolloutSteps } = this.#settings;
    const seeds = this.#members.map(({ seed }) => seed);
    return new RolloutLearner(this, environment, seeds, environments, rolloutSteps);
  }

  learn(rollout: Batch, step: number, update: number): number {
    const { epochs, batch } = this.#settings;
    const size = rollout.batch * rollout.time;
    let made = 0;
    tf.tidy(() => {
      const transitions = assess(
        this.#layout.unpack(this.#weights.parameters),
        rollout,
        this.#spaces.actions,
        this.#settings,
      );
      const scalars = this.#scalars(step);
      for (let epoch = 0; epoch < epochs; epoch++) {
        const orders = this.#minibatchStreams.map((random) => random.permutation(size));
        for (let start = 0; start < size; start += batch) {
          const indices = orders.flatMap((order, member) =>
            Array.from(order.subarray(start, start + batch), (i) => member * size + i),
          );
          this.#update(transitions, indices, update + ++made, scalars);
        }
      }
    });
    return made;
  }

  #update(transitions: Transitions, indices: number[], update: number, scalars: MemberScalars): void {
    const previous = this.#weights;
    scope(() => {
      const rows = tf.tensor2d(indices, [this.#members.length, this.#settings.batch], 'int32');
      const { gradient, parts } = gradients(
        this.#layout,
        previous.parameters,
        minibatch(transitions, rows),
        scalars,
        this.#settings,
      );
      const next = applyGradients(previous, gradient, parts, update, scalars, this.#settings);
      for (const [, tensor] of namedWeights(next.weights)) tf.keep(tensor);
      this.#pending.push(next.terms);
      this.#weights = next.weights;
    });
    this.#discard(previous);
  }

  drainLosses(): Promise<Row[][]> {
    return this.#pending.drain();
  }

  async diagnose(_heldOut: Sequences, own: readonly Sequences[]): Promise<Row[]> {
    return own.map(() => ({}));
  }

  async save(): Promise<AgentState[]> {
    const arrays = await saveWeights(namedWeights(this.#weights));
    return arrays.map((own, member) => ({
      arrays: own,
      streams: { minibatches: this.#minibatchStreams[member]!.state() },
    }));
  }

  load(states: readonly AgentState[]): void {
    const previous = this.#weights;
    this.#weights = weightsFrom(loadWeights(namedWeights(previous), states));
    this.#discard(previous);
    this.#minibatchStreams = states.map(({ streams }) => RandomStream.fromState(streams.minibatches!));
  }

  dispose(): void {
    this.#acting.dispose();
    this.#pending.dispose();
    this.#discard(this.#weights);
  }

  #discard(weights: Weights): void {
    for (const [, tensor] of namedWeights(weights)) tensor.dispose();
  }

  #scalars(step: number): MemberScalars {
    const each = (of: (settings: PpoSettings) => number) => this.#members.map(({ settings }) => of(settings));
    const column = (of: (settings: PpoSettings) => number) =>
      tf.tensor2d(each(of), [this.#members.length, 1]);
    return {
      learningRate: column(({ learningRate }) => scheduleAt(learningRate, step)),
      clipRange: column(({ clipRange }) => scheduleAt(clipRange, step)),
      entropy: tf.tensor1d(each(({ entropy }) => entropy)),
      valueWeight: tf.tensor1d(each(({ valueWeight }) => valueWeight)),
    };
  }
}

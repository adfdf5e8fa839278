import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../../engine/compiled.ts';
import type { EnvironmentEntry } from '../../envs/index.ts';
import { Acting } from '../../models/acting.ts';
import { type BiasCorrection, biasCorrection } from '../../nn/adam.ts';
import type { Decision, Situation } from '../../training/acting.ts';
import type { AgentState, Member, Method } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { memberScalars } from '../../training/member-scalars.ts';
import type { Observations } from '../../training/observations.ts';
import type { Batch } from '../../training/replay.ts';
import { scheduleAt } from '../../training/schedule.ts';
import { ModelFreeAgent } from '../../training/stateful-agent.ts';
import { TrainingState } from '../../training/training-state.ts';
import {
  initialWeights,
  type Networks,
  namedWeights,
  networks,
  type Weights,
  weightsFrom,
} from './networks.ts';
import { Normalisation } from './normalisation.ts';
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

/** What an update computes with. */
interface UpdateInputs {
  weights: Weights;
  transitions: Transitions;
  /** Indices of the minibatch's transitions: [members, minibatch]. */
  rows: tf.Tensor2D;
  scalars: MemberScalars;
  correction: BiasCorrection;
}

/** Proximal policy optimisation (Schulman et al. 2017): the registry's entry. */
export const ppo: Method<PpoSettings> = {
  create: (members, spaces) => new PpoAgent(members, spaces),
};

class PpoAgent extends ModelFreeAgent<PpoSettings, Weights, 'minibatches', LossTerm> implements RolloutAgent {
  readonly lossTerms = LOSS_TERMS;
  readonly carrySize = 0;
  readonly noise;

  readonly #networks: Networks;
  protected readonly state: TrainingState<Weights, 'minibatches', LossTerm>;
  readonly #acting: Acting<Pick<Weights, 'parameters'>>;
  readonly #normalisation: Normalisation | undefined;

  constructor(members: readonly Member<PpoSettings>[], spaces: AgentSpaces) {
    super(members, spaces);
    this.#networks = networks(this.settings, spaces);
    const { layout, policy, policyAt } = this.#networks;
    this.noise = { sampled: [policy.noise], greedy: [] };
    this.#acting = new Acting(members.length, spaces.observation, ({ weights, observations, noise }) => {
      const distribution = policyAt(layout.unpack(weights.parameters), observations);
      return { actions: distribution.choose(noise) };
    });
    this.state = new TrainingState({
      seeds: this.seeds,
      names: { named: namedWeights, from: weightsFrom },
      initial: (streams) => initialWeights(layout, streams('policy-weights')),
      // Which transitions come into which minibatch.
      streams: ['minibatches'],
      lossTerms: LOSS_TERMS,
    });
    const { normalise, environments, gamma } = this.settings;
    if (normalise) {
      this.#normalisation = new Normalisation(members.length, environments, spaces.observation, gamma);
    }
  }

  act(situation: Situation): Promise<Decision> {
    const observations = this.#normalisation?.observations(situation.observations) ?? situation.observations;
    return this.#acting.decide({ parameters: this.state.weights.parameters }, { ...situation, observations });
  }

  learner(environment: EnvironmentEntry): RolloutLearner {
    const { environments, rolloutSteps } = this.settings;
    return new RolloutLearner(this, environment, this.seeds, environments, rolloutSteps);
  }

  learn(raw: Batch<Observations>, step: number, update: number): number {
    const rollout = this.#normalisation?.rollout(raw) ?? raw;
    const { epochs, batch } = this.settings;
    const size = rollout.batch * rollout.time;
    let made = 0;
    tf.tidy(() => {
      const transitions = assess(
        this.#networks.layout.unpack(this.state.weights.parameters),
        rollout,
        this.#networks,
        this.settings,
      );
      const scalars = this.#scalars(step);
      for (let epoch = 0; epoch < epochs; epoch++) {
        const orders = this.members.map((_, member) =>
          this.state.streams(member).minibatches.permutation(size),
        );
        for (let start = 0; start < size; start += batch) {
          const indices = orders.flatMap((order, member) =>
            Array.from(order.subarray(start, start + batch), (i) => member * size + i),
          );
          const rows = tf.tensor2d(indices, [this.members.length, batch], 'int32');
          const correction = biasCorrection(update + ++made);
          this.state.update((weights) =>
            this.#update.run({ weights, transitions, rows, scalars, correction }),
          );
        }
      }
    });
    this.#normalisation?.observe(raw);
    return made;
  }

  readonly #update = new Compiled(({ weights, transitions, rows, scalars, correction }: UpdateInputs) => {
    const { gradient, parts } = gradients(
      this.#networks,
      weights.parameters,
      minibatch(transitions, rows),
      scalars,
    );
    return applyGradients(weights, gradient, parts, correction, scalars, this.settings);
  });

  override async save(): Promise<AgentState[]> {
    const states = await super.save();
    return states.map(({ arrays, streams }, member) => ({
      arrays: { ...arrays, ...this.#normalisation?.save(member) },
      streams,
    }));
  }

  override load(states: readonly AgentState[]): void {
    for (const [member, { arrays }] of states.entries()) this.#normalisation?.load(member, arrays);
    super.load(states);
  }

  override dispose(): void {
    this.#acting.dispose();
    this.#update.dispose();
    super.dispose();
  }

  #scalars(step: number): MemberScalars {
    const { vector, column } = memberScalars(this.members);
    return {
      learningRate: column(({ learningRate }) => scheduleAt(learningRate, step)),
      clipRange: column(({ clipRange }) => scheduleAt(clipRange, step)),
      entropy: vector(({ entropy }) => entropy),
      valueWeight: vector(({ valueWeight }) => valueWeight),
    };
  }
}

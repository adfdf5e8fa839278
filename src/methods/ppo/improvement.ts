import * as tf from '@tensorflow/tfjs-core';
import { type BiasCorrection, biasCorrection } from '../../nn/adam.ts';
import type { Member } from '../../training/agent.ts';
import { memberScalars } from '../../training/member-scalars.ts';
import { freshOptimised, type Optimised, optimisedNames } from '../../training/optimise.ts';
import { compiledUpdate } from '../../training/pending-terms.ts';
import { scheduleAt } from '../../training/schedule.ts';
import { TrainingState } from '../../training/training-state.ts';
import type { Networks } from './networks.ts';
import type { PpoUpdateSettings } from './settings.ts';
import {
  applyGradients,
  assess,
  gradients,
  LOSS_TERMS,
  type LossTerm,
  type MemberScalars,
  minibatch,
  type Rollout,
  type Transitions,
} from './update.ts';

/** What an update computes with. */
interface UpdateInputs {
  weights: Optimised;
  transitions: Transitions;
  /** Indices of the minibatch's transitions: [members, minibatch]. */
  rows: tf.Tensor2D;
  scalars: MemberScalars;
  correction: BiasCorrection;
}

/** Actors and critics of all members with their optimizers, improved by PPO on roll-outs of any origin. */
export class Improvement {
  readonly networks: Networks;
  readonly state: TrainingState<Optimised, 'minibatches', LossTerm>;
  readonly #members: readonly Member<PpoUpdateSettings>[];
  /** The first member's: all agree in what fixes a shape. */
  readonly #settings: PpoUpdateSettings;

  constructor(members: readonly Member<PpoUpdateSettings>[], networks: Networks) {
    this.networks = networks;
    this.#members = members;
    this.#settings = members[0]!.settings;
    this.state = new TrainingState({
      seeds: members.map(({ seed }) => seed),
      names: optimisedNames('policy'),
      initial: (streams) => freshOptimised(networks.layout.initialise(streams('policy-weights'))),
      // Which transitions come into which minibatch.
      streams: ['minibatches'],
      lossTerms: LOSS_TERMS,
    });
  }

  /**
   * Some passes over a roll-out in minibatches, a gradient update on each.
   *
   * @param rollout makes one of the present policy
   * @param step environment steps each member has taken
   * @param update updates of the policy made before
   * @returns updates made
   */
  improve(rollout: () => Rollout, step: number, update: number): number {
    const { epochs, batch } = this.#settings;
    let made = 0;
    tf.tidy(() => {
      const transitions = assess(
        this.networks.layout.unpack(this.state.weights.parameters),
        rollout(),
        this.networks,
        this.#settings,
      );
      const size = transitions.returns.shape[1]!;
      const scalars = this.#scalars(step);
      for (let epoch = 0; epoch < epochs; epoch++) {
        const orders = this.#members.map((_, member) =>
          this.state.streams(member).minibatches.permutation(size),
        );
        for (let start = 0; start < size; start += batch) {
          const indices = orders.flatMap((order, member) =>
            Array.from(order.subarray(start, start + batch), (i) => member * size + i),
          );
          const rows = tf.tensor2d(indices, [this.#members.length, batch], 'int32');
          const correction = biasCorrection(update + ++made);
          this.state.update((weights) =>
            this.#update.run({ weights, transitions, rows, scalars, correction }),
          );
        }
      }
    });
    return made;
  }

  readonly #update = compiledUpdate(({ weights, transitions, rows, scalars, correction }: UpdateInputs) => {
    const { gradient, parts } = gradients(
      this.networks,
      weights.parameters,
      minibatch(transitions, rows),
      scalars,
    );
    return applyGradients(weights, gradient, parts, correction, scalars, this.#settings);
  });

  /** Frees what the engine keeps of it, but the state. */
  dispose(): void {
    this.#update.dispose();
  }

  #scalars(step: number): MemberScalars {
    const { vector, column } = memberScalars(this.#members);
    return {
      learningRate: column(({ learningRate }) => scheduleAt(learningRate, step)),
      clipRange: column(({ clipRange }) => scheduleAt(clipRange, step)),
      entropy: vector(({ entropy }) => entropy),
      valueWeight: vector(({ valueWeight }) => valueWeight),
    };
  }
}

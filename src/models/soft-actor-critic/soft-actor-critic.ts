import type * as tf from '@tensorflow/tfjs-core';
import type { Compiled } from '../../engine/compiled.ts';
import type { BoxSpace } from '../../envs/spaces.ts';
import { type BiasCorrection, biasCorrection } from '../../nn/adam.ts';
import type { RandomStream } from '../../random/stream.ts';
import type { Decision, Noise, Situation } from '../../training/acting.ts';
import type { Member } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { memberScalars } from '../../training/member-scalars.ts';
import { compiledUpdate, type Stacked } from '../../training/pending-terms.ts';
import type { Batch } from '../../training/replay.ts';
import { Acting } from '../acting.ts';
import { encodeActions, toBox } from '../action-encoding.ts';
import { drawNoise } from '../noise.ts';
import { actionNoise } from '../policy-head.ts';
import { type TransitionTensors, uploadTransitions } from '../transitions.ts';
import { initialWeights, type Networks, networks, policyOutput, type Weights } from './networks.ts';
import { decide } from './policy.ts';
import type { SoftActorCriticSettings } from './settings.ts';
import { learn, type MemberScalars, type UpdateNoise } from './update.ts';

/** Everything that an update is computed from. */
interface UpdateInputs {
  weights: Weights;
  transitions: TransitionTensors;
  noise: UpdateNoise;
  scalars: MemberScalars;
  correction: BiasCorrection;
}

/** A soft actor-critic of all members over weights that its agent keeps: how it begins, acts and learns. */
export class SoftActorCritic {
  readonly noise: { sampled: Noise[]; greedy: Noise[] };
  readonly #members: readonly Member<SoftActorCriticSettings>[];
  readonly #settings: SoftActorCriticSettings;
  readonly #spaces: AgentSpaces;
  readonly #networks: Networks;
  /** The method takes no other spaces. */
  readonly #box: BoxSpace;
  readonly #acting: Acting<{ actor: tf.Tensor2D }>;
  readonly #update: Compiled<UpdateInputs, Stacked<ReturnType<typeof learn>>>;

  constructor(members: readonly Member<SoftActorCriticSettings>[], spaces: AgentSpaces) {
    this.#members = members;
    this.#settings = members[0]!.settings;
    this.#spaces = spaces;
    this.#networks = networks(this.#settings, spaces);
    this.#box = spaces.actionSpace as BoxSpace;
    this.noise = { sampled: [actionNoise(this.#box)], greedy: [] };
    this.#acting = new Acting(members.length, spaces.observation, ({ weights, observations, noise }) => ({
      actions: this.actions(weights.actor, observations, noise),
    }));
    this.#update = compiledUpdate(({ weights, transitions, noise, scalars, correction }: UpdateInputs) => {
      const action = encodeActions(spaces.actionSpace, transitions.action);
      const encoded = { ...transitions, action };
      return learn(this.#networks, weights, encoded, noise, correction, scalars, this.#settings);
    });
  }

  /** Fresh weights; `streams` gives the members' stream of a name. */
  initialWeights(streams: (name: string) => RandomStream[]): Weights {
    const learnsTemperature = this.#settings.entropy === 'auto';
    return initialWeights(
      this.#networks,
      streams('actor-weights'),
      streams('critic-weights'),
      learnsTemperature,
    );
  }

  act({ actor }: Weights, situation: Situation): Promise<Decision> {
    return this.#acting.decide({ actor: actor.parameters }, situation);
  }

  /**
   * The actions to take, numbers in the box: [members, rows, dimensions].
   *
   * @param observations raw units: [members, rows, observation]
   * @param noise [members, rows, dimensions]; undefined: the policy's mean
   */
  actions(actor: tf.Tensor2D, observations: tf.Tensor, noise: tf.Tensor | undefined): tf.Tensor {
    return toBox(
      this.#box,
      decide(policyOutput(this.#networks.actor, actor, this.#settings, observations), noise),
    );
  }

  /**
   * One update on replayed transitions, windows of one step.
   *
   * @param streams each member's, for the actions that the update draws
   * @param update number of this update, from 1
   */
  update(
    weights: Weights,
    batch: Batch,
    streams: readonly RandomStream[],
    update: number,
  ): Stacked<ReturnType<typeof learn>> {
    const noise = () => drawNoise(actionNoise(this.#box), [batch.batch], streams);
    return this.#update.run({
      weights,
      transitions: uploadTransitions(batch, this.#spaces),
      noise: { action: noise(), nextAction: noise() },
      scalars: this.#scalars(),
      correction: biasCorrection(update),
    });
  }

  dispose(): void {
    this.#acting.dispose();
    this.#update.dispose();
  }

  #scalars(): MemberScalars {
    const { column } = memberScalars(this.#members);
    const { actions } = this.#spaces;
    return {
      learningRate: column(({ learningRate }) => learningRate),
      gamma: column(({ gamma }) => gamma),
      targetRate: column(({ targetRate }) => targetRate),
      temperature: column(({ entropy }) => (entropy === 'auto' ? 1 : entropy)),
      targetEntropy: column(({ targetEntropy }) => (targetEntropy === 'auto' ? -actions : targetEntropy)),
    };
  }
}

import type * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../../engine/compiled.ts';
import type { EnvironmentEntry } from '../../envs/index.ts';
import type { BoxSpace } from '../../envs/spaces.ts';
import { Acting } from '../../models/acting.ts';
import { encodeActions, toBox } from '../../models/action-encoding.ts';
import { drawNoise } from '../../models/noise.ts';
import { actionNoise } from '../../models/policy-head.ts';
import { type TransitionTensors, uploadTransitions } from '../../models/transitions.ts';
import { type BiasCorrection, biasCorrection } from '../../nn/adam.ts';
import type { Decision, Noise, Situation } from '../../training/acting.ts';
import type { Member, Method } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { memberScalars } from '../../training/member-scalars.ts';
import type { Batch } from '../../training/replay.ts';
import type { ReplayAgent, ReplayLearner } from '../../training/replay-learner.ts';
import { ModelFreeAgent } from '../../training/stateful-agent.ts';
import { TrainingState } from '../../training/training-state.ts';
import { learnFromTransitions } from '../../training/transitions.ts';
import { updateFlops } from './flops.ts';
import {
  initialWeights,
  type Networks,
  namedWeights,
  networks,
  policyOutput,
  type Weights,
  weightsFrom,
} from './networks.ts';
import { decide } from './policy.ts';
import type { SacSettings } from './settings.ts';
import { LOSS_TERMS, type LossTerm, learn, type MemberScalars, type UpdateNoise } from './update.ts';

/** Soft actor-critic (Haarnoja et al. 2018): the registry's entry. */
export const sac: Method<SacSettings> = {
  create: (members, spaces) => new SacAgent(members, spaces),
  updateFlops,
};

/** Everything that an update is computed from. */
interface UpdateInputs {
  weights: Weights;
  transitions: TransitionTensors;
  noise: UpdateNoise;
  scalars: MemberScalars;
  correction: BiasCorrection;
}

class SacAgent extends ModelFreeAgent<SacSettings, Weights, 'actions', LossTerm> implements ReplayAgent {
  readonly lossTerms = LOSS_TERMS;
  readonly carrySize = 0;
  readonly noise: { sampled: Noise[]; greedy: Noise[] };

  readonly #networks: Networks;
  protected readonly state: TrainingState<Weights, 'actions', LossTerm>;
  readonly #acting: Acting<{ actor: tf.Tensor2D }>;

  constructor(members: readonly Member<SacSettings>[], spaces: AgentSpaces) {
    super(members, spaces);
    this.#networks = networks(this.settings, spaces);
    // The method takes no other spaces.
    const box = spaces.actionSpace as BoxSpace;
    this.noise = { sampled: [actionNoise(box)], greedy: [] };
    this.#acting = new Acting(members.length, spaces.observation, ({ weights, observations, noise }) => {
      const output = policyOutput(this.#networks.actor, weights.actor, this.settings, observations);
      return { actions: toBox(box, decide(output, noise)) };
    });
    this.state = new TrainingState({
      seeds: this.seeds,
      names: { named: namedWeights, from: weightsFrom },
      initial: (streams) =>
        initialWeights(
          this.#networks,
          streams('actor-weights'),
          streams('critic-weights'),
          this.settings.entropy === 'auto',
        ),
      // Noise of the actions that updates draw.
      streams: ['actions'],
      lossTerms: LOSS_TERMS,
    });
  }

  act(situation: Situation): Promise<Decision> {
    return this.#acting.decide({ actor: this.state.weights.actor.parameters }, situation);
  }

  learner(environment: EnvironmentEntry): ReplayLearner {
    return learnFromTransitions(this, environment, this.seeds, this.settings);
  }

  update(batch: Batch, _step: number, update: number): void {
    this.state.update((weights) =>
      this.#update.run({
        weights,
        transitions: uploadTransitions(batch, this.spaces),
        noise: { action: this.#noise(batch), nextAction: this.#noise(batch) },
        scalars: this.#scalars(),
        correction: biasCorrection(update),
      }),
    );
  }

  readonly #update = new Compiled(({ weights, transitions, noise, scalars, correction }: UpdateInputs) => {
    const action = encodeActions(this.spaces.actionSpace, transitions.action);
    const encoded = { ...transitions, action };
    return learn(this.#networks, weights, encoded, noise, correction, scalars, this.settings);
  });

  override dispose(): void {
    this.#acting.dispose();
    this.#update.dispose();
    super.dispose();
  }

  #noise({ batch }: Batch): tf.Tensor {
    return drawNoise(actionNoise(this.spaces.actionSpace), [batch], this.state.eachStream('actions'));
  }

  #scalars(): MemberScalars {
    const { column } = memberScalars(this.members);
    const { actions } = this.spaces;
    return {
      learningRate: column(({ learningRate }) => learningRate),
      gamma: column(({ gamma }) => gamma),
      targetRate: column(({ targetRate }) => targetRate),
      temperature: column(({ entropy }) => (entropy === 'auto' ? 1 : entropy)),
      targetEntropy: column(({ targetEntropy }) => (targetEntropy === 'auto' ? -actions : targetEntropy)),
    };
  }
}

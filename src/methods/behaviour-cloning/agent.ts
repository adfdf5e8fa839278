import type * as tf from '@tensorflow/tfjs-core';
import type { EnvironmentEntry } from '../../envs/index.ts';
import { Acting } from '../../models/acting.ts';
import { encodeActions } from '../../models/action-encoding.ts';
import { uploadTransitions } from '../../models/transitions.ts';
import { type BiasCorrection, biasCorrection } from '../../nn/adam.ts';
import type { Decision, Situation } from '../../training/acting.ts';
import type { Member, Method } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { drawnSteps } from '../../training/drawn-steps.ts';
import { memberScalars } from '../../training/member-scalars.ts';
import { type OfflineAgent, OfflineLearner } from '../../training/offline-learner.ts';
import { freshOptimised, type Optimised, optimisedNames } from '../../training/optimise.ts';
import { compiledUpdate } from '../../training/pending-terms.ts';
import { bestEpisodes, type RecordedEpisodes } from '../../training/recorded-episodes.ts';
import type { Batch } from '../../training/replay.ts';
import { ModelFreeAgent } from '../../training/stateful-agent.ts';
import { TrainingState } from '../../training/training-state.ts';
import { type Imitator, imitator } from './networks.ts';
import type { CloningSettings } from './settings.ts';
import { type Examples, imitate, LOSS_TERMS, type LossTerm } from './update.ts';

/** Behaviour cloning (Pomerleau 1991), of all episodes or of the best (%BC, Chen et al. 2021): the registry's entry. */
export const behaviourCloning: Method<CloningSettings> = {
  create: (members, spaces) => new CloningAgent(members, spaces),
};

/** Everything that an update is computed from. */
interface UpdateInputs {
  weights: Optimised;
  examples: Examples;
  correction: BiasCorrection;
  /** [members, 1] */
  learningRate: tf.Tensor2D;
}

class CloningAgent
  extends ModelFreeAgent<CloningSettings, Optimised, never, LossTerm>
  implements OfflineAgent<Batch>
{
  readonly lossTerms = LOSS_TERMS;
  readonly carrySize = 0;
  readonly noise;

  readonly #imitator: Imitator;
  readonly #acting: Acting<{ policy: tf.Tensor2D }>;
  protected readonly state: TrainingState<Optimised, never, LossTerm>;

  constructor(members: readonly Member<CloningSettings>[], spaces: AgentSpaces) {
    super(members, spaces);
    this.#imitator = imitator(this.settings, spaces);
    const { layout, head, output } = this.#imitator;
    this.noise = { sampled: [head.noise], greedy: [] };
    this.#acting = new Acting(members.length, spaces.observation, ({ weights, observations, noise }) => ({
      actions: head.decide(output(weights.policy, observations), noise),
    }));
    this.state = new TrainingState({
      seeds: this.seeds,
      names: optimisedNames('policy'),
      initial: (streams) => freshOptimised(layout.initialise(streams('policy-weights'))),
      streams: [],
      lossTerms: LOSS_TERMS,
    });
  }

  act(situation: Situation): Promise<Decision> {
    return this.#acting.decide({ policy: this.state.weights.parameters }, situation);
  }

  learner(_environment: EnvironmentEntry, data?: RecordedEpisodes): OfflineLearner<Batch> {
    if (!data) throw new Error('behaviour cloning learns from recorded episodes');
    const episodes = this.members.map(({ settings }) => bestEpisodes(data, settings.bestShare));
    const draw = drawnSteps(data, episodes, this.settings.batch, this.spaces);
    return new OfflineLearner(this, data, this.seeds, () => draw);
  }

  update(batch: Batch, update: number): void {
    const { column } = memberScalars(this.members);
    this.state.update((weights) => {
      const { observation, action } = uploadTransitions(batch, this.spaces);
      return this.#update.run({
        weights,
        examples: { observation, action },
        correction: biasCorrection(update),
        learningRate: column(({ learningRate }) => learningRate),
      });
    });
  }

  readonly #update = compiledUpdate(({ weights, examples, correction, learningRate }: UpdateInputs) => {
    const action = encodeActions(this.spaces.actionSpace, examples.action);
    const { observation } = examples;
    return imitate(this.#imitator, weights, { observation, action }, correction, learningRate, this.settings);
  });

  override dispose(): void {
    this.#acting.dispose();
    this.#update.dispose();
    super.dispose();
  }
}

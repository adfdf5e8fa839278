import * as tf from '@tensorflow/tfjs-core';
import { type BiasCorrection, biasCorrection } from '../../nn/adam.ts';
import { ParameterLayout } from '../../nn/parameters.ts';
import type { Member } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { memberScalars } from '../../training/member-scalars.ts';
import type { Optimised } from '../../training/optimise.ts';
import { compiledUpdate } from '../../training/pending-terms.ts';
import { TrainingState } from '../../training/training-state.ts';
import { membersOf } from '../../training/weights.ts';
import { type FittedWeights, fittedNames, initialFitted } from '../fitted-weights.ts';
import { type BatchTensors, toWindows, uploadBatch } from '../windows.ts';
import type { EnsembleBatch } from './bootstrap.ts';
import { ENSEMBLE_TERMS, type EnsembleTerm, fitEnsemble, type MemberScalars } from './fit.ts';
import { type Ensemble, ensembleModel } from './model.ts';
import { ensembleModelSpecs } from './network.ts';
import type { EnsembleSettings, TrajectorySampling } from './settings.ts';
import { noStandardisation } from './standardisation.ts';

/** What an ensemble is made of and learns by; the config keys of the same names describe them. */
export interface EnsembleLearnerSettings {
  model: EnsembleSettings;
  learningRate: number;
  weightDecay: number;
}

/** What an ensemble's model is made of. */
export type EnsembleWeights = Record<'model' | 'standardisation', tf.Tensor2D>;

/** Everything that an update is computed from. */
interface UpdateInputs {
  before: Optimised;
  batch: BatchTensors;
  standardisation: tf.Tensor2D;
  scalars: MemberScalars;
  correction: BiasCorrection;
}

/** The ensembles of all members with their optimizers. */
export class EnsembleLearner {
  readonly state: TrainingState<FittedWeights, never, EnsembleTerm>;
  readonly #members: readonly Member<EnsembleLearnerSettings>[];
  /** The first member's: all agree in what fixes a shape. */
  readonly #settings: EnsembleSettings;
  readonly #spaces: AgentSpaces;
  readonly #layout: ParameterLayout;

  constructor(members: readonly Member<EnsembleLearnerSettings>[], spaces: AgentSpaces) {
    this.#members = members;
    this.#settings = members[0]!.settings.model;
    this.#spaces = spaces;
    this.#layout = new ParameterLayout(ensembleModelSpecs(this.#settings, spaces));
    this.state = new TrainingState({
      seeds: members.map(({ seed }) => seed),
      names: fittedNames,
      initial: (streams) =>
        initialFitted(this.#layout, streams('model-weights'), noStandardisation(members.length, spaces)),
      streams: [],
      lossTerms: ENSEMBLE_TERMS,
    });
  }

  /** @param update number of this update, from 1 */
  learn(batch: EnsembleBatch, update: number): void {
    this.state.update(({ model: before }) => {
      const shape: [number, number] = [batch.members, batch.standardisation.length / batch.members];
      const standardisation = tf.tensor2d(batch.standardisation, shape);
      const { learnt: model, terms } = this.#update.run({
        before,
        batch: uploadBatch(batch, this.#spaces),
        standardisation,
        scalars: this.#scalars(),
        correction: biasCorrection(update),
      });
      return { weights: { model, standardisation }, terms };
    });
  }

  readonly #update = compiledUpdate(({ before, batch, standardisation, scalars, correction }: UpdateInputs) =>
    fitEnsemble(
      this.#layout,
      this.#settings,
      this.#spaces,
      before,
      toWindows(batch, this.#spaces),
      standardisation,
      correction,
      scalars,
    ),
  );

  /** The weights of all members as they stand. */
  weights(): EnsembleWeights {
    const { model, standardisation } = this.state.weights;
    return { model: model.parameters, standardisation };
  }

  /** The models of some members as they are trained. */
  trained(from: number, members: number): Ensemble {
    const { model, standardisation } = this.weights();
    return this.model({
      model: membersOf(model, from, members),
      standardisation: membersOf(standardisation, from, members),
    });
  }

  /** The models over such weights. */
  model({ model, standardisation }: EnsembleWeights, sampling?: TrajectorySampling): Ensemble {
    const parameters = this.#layout.unpack(model);
    return ensembleModel(parameters, standardisation, this.#settings, this.#spaces, sampling);
  }

  /** Frees what the engine keeps of it, but the state. */
  dispose(): void {
    this.#update.dispose();
  }

  #scalars(): MemberScalars {
    const { column } = memberScalars(this.#members);
    return {
      learningRate: column(({ learningRate }) => learningRate),
      weightDecay: column(({ weightDecay }) => weightDecay),
    };
  }
}

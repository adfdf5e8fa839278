import * as tf from '@tensorflow/tfjs-core';
import { scope } from '../../engine/scope.ts';
import type { EnvironmentEntry } from '../../envs/index.ts';
import { DIAGNOSTICS, type MeasuredModel } from '../../models/diagnostics.ts';
import { type DreamedStep, type DreamPlan, dream, type MayDream } from '../../models/dreams.ts';
import { type EliteWeights, eliteModel } from '../../models/ensemble/elites.ts';
import type { Ensemble, EnsembleState } from '../../models/ensemble/model.ts';
import { ensembleModelSpecs } from '../../models/ensemble/network.ts';
import type { TrajectorySampling } from '../../models/ensemble/settings.ts';
import { noStandardisation } from '../../models/ensemble/standardisation.ts';
import { initialFitted } from '../../models/fitted-weights.ts';
import { ModelAgent } from '../../models/model-agent.ts';
import { SoftActorCritic } from '../../models/soft-actor-critic/soft-actor-critic.ts';
import { LOSS_TERMS as ACTOR_CRITIC_TERMS } from '../../models/soft-actor-critic/update.ts';
import { ParameterLayout } from '../../nn/parameters.ts';
import { type DisposableActor, type MayPlan, PlanningActor } from '../../planning/planning-actor.ts';
import type { PlannerSettings } from '../../planning/settings.ts';
import type { Decision, Situation } from '../../training/acting.ts';
import type { Member } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { freeOptimised, mapOptimised } from '../../training/optimise.ts';
import { addTerms } from '../../training/pending-terms.ts';
import type { Batch, Sequences } from '../../training/replay.ts';
import type { ReplayAgent } from '../../training/replay-learner.ts';
import { scheduleAt } from '../../training/schedule.ts';
import { TrainingState } from '../../training/training-state.ts';
import { membersOf } from '../../training/weights.ts';
import { Branches } from './branches.ts';
import { MixedExperience } from './experience.ts';
import { EnsembleFit, type Fitted } from './fit.ts';
import { trainingCost } from './flops.ts';
import { type ImaginingActor, MbpoLearner } from './learner.ts';
import type { MbpoSettings } from './settings.ts';
import { FIT_NUMBERS, namedWeights, unfitted, type Weights, weightsFrom } from './weights.ts';

/** MBPO: the registry's entry. */
export const mbpo = {
  create: (members: readonly Member<MbpoSettings>[], spaces: AgentSpaces): MbpoAgent =>
    new MbpoAgent(members, spaces),
  trainingCost,
};

/** The terms of losses.csv, in order. */
const LOSS_TERMS = [...ACTOR_CRITIC_TERMS, 'model_error', 'model_passes', 'roll_out_length'] as const;
type LossTerm = (typeof LOSS_TERMS)[number];

/** Actions of updates, rows of fits, and branches. */
const STREAMS = ['actions', 'fit', 'branches'] as const;
type StreamName = (typeof STREAMS)[number];

/** What imagines, and what acts there. */
type ImaginingWeights = EliteWeights & { actor: tf.Tensor2D };

/**
 * Model-based policy optimisation (Janner et al. 2019): a soft actor-critic that learns mostly from short roll-outs of an
 * ensemble. The policy that is trained is the one that is evaluated.
 */
class MbpoAgent
  extends ModelAgent<MbpoSettings, Weights, StreamName, LossTerm, EnsembleState>
  implements ReplayAgent, ImaginingActor, MayPlan, MayDream
{
  readonly lossTerms = LOSS_TERMS;
  readonly diagnostics = DIAGNOSTICS;
  readonly hasOnePolicy = true;
  readonly carrySize = 0;
  readonly noise;

  readonly #layout: ParameterLayout;
  readonly #actorCritic: SoftActorCritic;
  readonly #fit: EnsembleFit;
  readonly #branches: Branches<ImaginingWeights>;
  protected readonly state: TrainingState<Weights, StreamName, LossTerm>;

  constructor(members: readonly Member<MbpoSettings>[], spaces: AgentSpaces) {
    super(members, spaces);
    const { model } = this.settings;
    this.#layout = new ParameterLayout(ensembleModelSpecs(model, spaces));
    this.#actorCritic = new SoftActorCritic(members, spaces);
    this.noise = this.#actorCritic.noise;
    this.state = new TrainingState({
      seeds: this.seeds,
      names: { named: namedWeights, from: weightsFrom },
      initial: (streams) => ({
        model: initialFitted(
          this.#layout,
          streams('model-weights'),
          noStandardisation(members.length, spaces),
        ),
        ...unfitted(members.length, model.elites),
        actorCritic: this.#actorCritic.initialWeights(streams),
      }),
      streams: STREAMS,
      lossTerms: LOSS_TERMS,
    });
    this.#fit = new EnsembleFit(this.#layout, this.settings, spaces);
    this.#branches = new Branches(
      {
        model: (weights) => this.#model(weights),
        actions: ({ actor }, observations, noise) => this.#actorCritic.actions(actor, observations, noise),
      },
      scope(() => this.#trained(0, 1).stepNoise!),
      spaces,
    );
  }

  act(situation: Situation): Promise<Decision> {
    return this.#actorCritic.act(this.state.weights.actorCritic, situation);
  }

  learner(environment: EnvironmentEntry): MbpoLearner {
    const experience = new MixedExperience(this.seeds.length, this.settings, this.spaces);
    return new MbpoLearner(this, environment, this.seeds, this.settings, experience);
  }

  async imagine({ real, imagined }: MixedExperience, step: number): Promise<void> {
    const { starts, length: schedule } = this.settings.imagination;
    const length = Math.floor(scheduleAt(schedule, step));
    const { model, fit } = this.state.weights;
    const numbers = await fit.data<'float32'>();
    const fitted: Fitted[] = [];
    for (const [member, { settings }] of this.members.entries()) {
      const before = mapOptimised(model.model, (x) => membersOf(x, member, 1));
      const updates = numbers[member * FIT_NUMBERS.length]!;
      const random = this.state.streams(member).fit;
      fitted.push(await this.#fit.run(before, updates, real[member]!, random, settings));
      freeOptimised(before);
    }
    this.#take(fitted, numbers, length);
    const streams = this.state.eachStream('branches');
    await this.#branches.extend(this.#imagining(), real, imagined, starts, length, streams);
  }

  /** Takes over what fits have made of the members' models. */
  #take(fitted: readonly Fitted[], before: Float32Array, length: number): void {
    const joined = (of: (own: Fitted) => tf.Tensor2D) => tf.concat(fitted.map(of), 0) as tf.Tensor2D;
    this.state.update(({ actorCritic }) => ({
      weights: {
        actorCritic,
        model: {
          model: {
            parameters: joined(({ learnt }) => learnt.parameters),
            moments: {
              mean: joined(({ learnt }) => learnt.moments.mean),
              square: joined(({ learnt }) => learnt.moments.square),
            },
          },
          standardisation: joined(({ standardisation }) => standardisation),
        },
        elites: tf.tensor2d(fitted.map(({ elites }) => elites)),
        fit: tf.tensor2d(
          fitted.map(({ updates, passes, heldOutError }, member) => [
            before[member * FIT_NUMBERS.length]! + updates,
            passes,
            heldOutError,
            length,
          ]),
        ),
      },
      terms: undefined,
    }));
    for (const { learnt, standardisation } of fitted) {
      freeOptimised(learnt);
      standardisation.dispose();
    }
  }

  update(batch: Batch, _step: number, update: number): void {
    const streams = this.state.eachStream('actions');
    this.state.update((before) => {
      const { weights, terms } = this.#actorCritic.update(before.actorCritic, batch, streams, update);
      const [, passes, error, length] = tf.unstack(before.fit, 1);
      return {
        weights: { ...before, actorCritic: weights },
        terms: addTerms(terms, { model_error: error!, model_passes: passes!, roll_out_length: length! }),
      };
    });
  }

  dream(member: number, episodes: Sequences, plan: DreamPlan): Promise<DreamedStep[][]> {
    return dream(() => this.#trained(member, 1), this.spaces, episodes, plan);
  }

  planningActor(settings: PlannerSettings): DisposableActor {
    // Each plan follows every elite, as in PETS.
    const sampling = { particles: this.settings.model.elites, propagation: 'ts-infinity' } as const;
    return new PlanningActor(
      {
        members: this.members.length,
        spaces: this.spaces,
        weights: () => this.#imagining(),
        model: (weights: EliteWeights) => this.#model(weights, sampling),
      },
      settings,
    );
  }

  protected measured(from: number, members: number): MeasuredModel<EnsembleState> {
    return { model: this.#trained(from, members), gamma: this.settings.gamma };
  }

  override dispose(): void {
    this.#actorCritic.dispose();
    this.#fit.dispose();
    this.#branches.dispose();
    super.dispose();
  }

  #imagining(): ImaginingWeights {
    const { model, elites, actorCritic } = this.state.weights;
    const { model: flat, standardisation } = model;
    return { model: flat.parameters, standardisation, elites, actor: actorCritic.actor.parameters };
  }

  /** The models of some members. */
  #trained(from: number, members: number): Ensemble {
    const { model, elites } = this.state.weights;
    const own = (x: tf.Tensor2D) => membersOf(x, from, members);
    const { model: flat, standardisation } = model;
    return this.#model({
      model: own(flat.parameters),
      standardisation: own(standardisation),
      elites: own(elites),
    });
  }

  #model(weights: EliteWeights, sampling?: TrajectorySampling): Ensemble {
    return eliteModel(this.#layout, weights, this.settings.model, this.spaces, sampling);
  }
}

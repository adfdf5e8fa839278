import * as tf from '@tensorflow/tfjs-core';
import type { EnvironmentEntry } from '../../envs/index.ts';
import { Acting } from '../../models/acting.ts';
import { diagnosticColumns, type MeasuredModel } from '../../models/diagnostics.ts';
import { ModelAgent } from '../../models/model-agent.ts';
import { policyHead } from '../../models/policy-head.ts';
import {
  type ValueEquivalentModel,
  type ValueEquivalentState,
  valueEquivalentModel,
} from '../../models/value-equivalent/model.ts';
import {
  type ValueEquivalentNetworks,
  valueEquivalentNetworks,
} from '../../models/value-equivalent/networks.ts';
import { type BiasCorrection, biasCorrection } from '../../nn/adam.ts';
import { ModelSearch } from '../../planning/mcts/model-search.ts';
import { searchNoise } from '../../planning/mcts/search.ts';
import { type DisposableActor, type MayPlan, PlanningActor } from '../../planning/planning-actor.ts';
import type { PlannerSettings } from '../../planning/settings.ts';
import {
  type ActingMode,
  type Decision,
  fillNoises,
  noiseSize,
  type PolicyName,
  type Situation,
} from '../../training/acting.ts';
import type { Member, Method } from '../../training/agent.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { memberPart } from '../../training/member-part.ts';
import { memberScalars } from '../../training/member-scalars.ts';
import { compiledUpdate } from '../../training/pending-terms.ts';
import { type ReplayAgent, ReplayLearner } from '../../training/replay-learner.ts';
import { scheduleAt } from '../../training/schedule.ts';
import { TrainingState } from '../../training/training-state.ts';
import { membersOf } from '../../training/weights.ts';
import { trainingCost, updateFlops } from './flops.ts';
import { SearchedSteps, type UnrolledBatch } from './replay.ts';
import { extraHeads, type MuzeroSettings } from './settings.ts';
import {
  type BatchTensors,
  LOSS_TERMS,
  type LossTerm,
  learn,
  type MemberScalars,
  uploadUnrolled,
} from './update.ts';
import { initialWeights, namedWeights, type Weights, weightsFrom } from './weights.ts';

/** MuZero (Schrittwieser et al. 2020): the registry's entry. */
export const muzero: Method<MuzeroSettings, MuzeroAgent> = {
  create: (members: readonly Member<MuzeroSettings>[], spaces: AgentSpaces): MuzeroAgent =>
    new MuzeroAgent(members, spaces),
  updateFlops,
  trainingCost,
};

/** Noise of searches in replayed states. */
const STREAMS = ['reanalysis'] as const;
type StreamName = (typeof STREAMS)[number];

/** Everything that an update is computed from. */
interface UpdateInputs {
  weights: Weights;
  batch: BatchTensors;
  scalars: MemberScalars;
  correction: BiasCorrection;
}

/** The weights that act. */
interface ActingWeights {
  model: tf.Tensor2D;
}

/** What of a model is measured whether it decodes or not. */
const MEASURED = { isLatent: true, isProbed: true } as const;

const NO_NOISE = new Float32Array();

/**
 * Learns a value-equivalent model, and acts by tree search in it, in evaluations too. Played as the `online` policy it
 * takes what its policy head says, without a search.
 *
 * What it carries from a step to the next is what the search found there, the policy and the root's value. Nobody acts by
 * it: it is how these reach the replay.
 */
class MuzeroAgent
  extends ModelAgent<MuzeroSettings, Weights, StreamName, LossTerm, ValueEquivalentState>
  implements ReplayAgent<UnrolledBatch>, MayPlan
{
  readonly lossTerms = LOSS_TERMS;
  readonly diagnostics;
  readonly carrySize;
  readonly noise;
  readonly trajectories;

  readonly #networks: ValueEquivalentNetworks;
  protected readonly state: TrainingState<Weights, StreamName, LossTerm>;
  readonly #search: ModelSearch<ActingWeights, ValueEquivalentState>;
  readonly #unsearched: Acting<ActingWeights>;
  /** Environment steps that each member had taken when it was last about to act; the temperature goes by them. */
  #collected = 0;

  constructor(members: readonly Member<MuzeroSettings>[], spaces: AgentSpaces) {
    super(members, spaces);
    const { model, encoder, search } = this.settings;
    const extra = extraHeads(this.settings);
    this.#networks = valueEquivalentNetworks(model, extra, encoder, spaces);
    this.diagnostics = diagnosticColumns(spaces, { decodes: extra.observation, ...MEASURED });
    this.carrySize = spaces.actions + 1;
    this.noise = { sampled: searchNoise(search, spaces.actions), greedy: [] };
    this.trajectories = search.simulations;
    this.state = new TrainingState({
      seeds: this.seeds,
      names: { named: namedWeights, from: weightsFrom },
      initial: (streams) => initialWeights(this.#networks.layout, streams('model-weights')),
      streams: STREAMS,
      lossTerms: LOSS_TERMS,
    });
    this.#search = new ModelSearch(this.#within(), search);
    this.#unsearched = new Acting(members.length, spaces.observation, ({ weights, observations, carry }) => {
      const model = this.#model(weights);
      const latent = model.encode(tf.div(observations, [...spaces.observationScale]));
      return { actions: tf.argMax(model.policy(latent), 2), carry: tf.clone(carry!) };
    });
  }

  aboutToCollect(step: number): void {
    this.#collected = step;
  }

  async act(situation: Situation, policy: PolicyName, mode: ActingMode): Promise<Decision> {
    const weights = { model: this.state.weights.learnt.parameters };
    if (policy === 'online' && mode === 'greedy') {
      return this.#unsearched.decide(weights, { ...situation, noise: NO_NOISE });
    }
    const found = await this.#search.search(weights, situation.observations, {
      noise: situation.noise,
      temperature: mode === 'greedy' ? 0 : this.#temperature(),
    });
    const { actions } = this.spaces;
    const carry = new Float32Array(situation.carry.length);
    for (const [root, value] of found.value.entries()) {
      const own = found.policy.subarray(root * actions, (root + 1) * actions);
      carry.set(own, root * this.carrySize);
      carry[root * this.carrySize + actions] = value;
    }
    return { actions: found.action.slice(), carry };
  }

  planningActor(settings: PlannerSettings): DisposableActor {
    const head = policyHead(this.spaces.actionSpace);
    const weights = () => ({ model: this.state.weights.learnt.parameters });
    return new PlanningActor({ ...this.#within(), weights, head }, settings);
  }

  learner(environment: EnvironmentEntry): ReplayLearner<UnrolledBatch> {
    const experience = new SearchedSteps(this.members.length, this.settings, this.spaces);
    return new ReplayLearner(this, environment, this.seeds, this.settings, experience);
  }

  async update(batch: UnrolledBatch, step: number, update: number): Promise<void> {
    const { reanalyse, replay } = this.settings;
    batch.searched = Math.round(reanalyse * batch.batch);
    if (batch.searched > 0) await this.#reanalyse(batch);
    let error: tf.Tensor2D | undefined;
    this.state.update((weights) => {
      const next = this.#update.run({
        weights,
        batch: uploadUnrolled(batch, this.settings, this.spaces),
        scalars: this.#scalars(step, update),
        correction: biasCorrection(update),
      });
      if (replay.prioritised) error = tf.keep(next.error);
      return next;
    });
    if (!error) return;
    batch.error.set(await error.data());
    error.dispose();
  }

  readonly #update = compiledUpdate(({ weights, batch, scalars, correction }: UpdateInputs) => {
    const context = { networks: this.#networks, settings: this.settings, spaces: this.spaces };
    return learn(context, weights, batch, correction, scalars);
  });

  /** Searches for the policies of each member's first windows anew, by the averaged network. */
  async #reanalyse({
    members,
    batch,
    states,
    searched,
    observation,
    policy,
    acted,
  }: UnrolledBatch): Promise<void> {
    const { observation: size, actions } = this.spaces;
    const rows = searched * states;
    const roots = new Float32Array(members * rows * size);
    const noise = new Float32Array(members * rows * noiseSize(this.noise.sampled));
    for (let member = 0; member < members; member++) {
      const from = member * batch * states * size;
      roots.set(observation.subarray(from, from + rows * size), member * rows * size);
      const random = this.state.streams(member).reanalysis;
      fillNoises(random, this.noise.sampled, memberPart(noise, members, member));
    }
    const weights = { model: this.state.weights.average };
    const found = await this.#search.search(weights, roots, { noise, temperature: 1 });
    for (let member = 0; member < members; member++) {
      for (let row = 0; row < rows; row++) {
        const at = member * batch * states + row;
        if (acted[at] !== 1) continue;
        const root = member * rows + row;
        policy.set(found.policy.subarray(root * actions, (root + 1) * actions), at * actions);
      }
    }
  }

  protected measured(from: number, members: number): MeasuredModel<ValueEquivalentState> {
    const weights = { model: membersOf(this.state.weights.learnt.parameters, from, members) };
    return { model: this.#model(weights), gamma: this.settings.gamma, ...MEASURED };
  }

  override dispose(): void {
    this.#search.dispose();
    this.#unsearched.dispose();
    this.#update.dispose();
    super.dispose();
  }

  #within() {
    return {
      members: this.members.length,
      spaces: this.spaces,
      model: (weights: ActingWeights) => this.#model(weights),
      gamma: this.settings.gamma,
    };
  }

  #model({ model }: ActingWeights): ValueEquivalentModel {
    return valueEquivalentModel(this.#networks, this.#networks.layout.unpack(model));
  }

  #temperature(): number {
    const { search } = this.settings;
    return search.name === 'puct' ? scheduleAt(search.temperature, this.#collected) : 1;
  }

  #scalars(step: number, update: number): MemberScalars {
    const { column } = memberScalars(this.members);
    const rate = ({ optimizer }: MuzeroSettings) => scheduleAt(optimizer.learningRate, step);
    return {
      learningRate: column(rate),
      decay: column((settings) => rate(settings) * settings.optimizer.weightDecay),
      average: column(({ average }) => (update % average.every === 0 ? average.rate : 0)),
    };
  }
}

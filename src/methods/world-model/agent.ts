import * as tf from '@tensorflow/tfjs';
import { releaseUnusedBuffers } from '../../engine/release-unused-buffers.ts';
import { scope } from '../../engine/scope.ts';
import type { EnvironmentEntry } from '../../envs/index.ts';
import { policyLogits } from '../../models/actor.ts';
import { encode } from '../../models/encoder.ts';
import type { ParameterLayout, Parameters } from '../../nn/parameters.ts';
import { RandomStream } from '../../random/stream.ts';
import type { AgentSpaces, AgentState, Member, PolicyName } from '../../training/agent.ts';
import type { Row } from '../../training/events.ts';
import type { Batch, Sequences } from '../../training/replay.ts';
import { type ReplayAgent, ReplayLearner } from '../../training/replay-learner.ts';
import { scheduleAt } from '../../training/schedule.ts';
import { DIAGNOSTICS, diagnose } from './diagnostics.ts';
import { actorChoice } from './imagination.ts';
import {
  hasCritic,
  initialWeights,
  type Networks,
  namedWeights,
  networks,
  type Weights,
  weightsFrom,
} from './networks.ts';
import type { WorldModelSettings } from './settings.ts';
import {
  applyGradients,
  gradients,
  LOSS_TERMS,
  type LossTerms,
  type MemberScalars,
  type UpdateNoise,
} from './update.ts';
import { toWindows } from './windows.ts';

/** The VAE + LSTM world model with its actor: the registry's entry. */
export const worldModel = {
  create: (members: readonly Member<WorldModelSettings>[], spaces: AgentSpaces): ReplayAgent =>
    new WorldModelAgent(members, spaces),
};

/** Members whose models are measured in one batch: each needs some 700 MB for its long sequences. */
const DIAGNOSED_AT_ONCE = 4;

interface Policy {
  encoder: Parameters;
  actor: Parameters;
}

class WorldModelAgent implements ReplayAgent {
  readonly lossTerms = LOSS_TERMS;
  readonly diagnostics = DIAGNOSTICS;

  readonly #members: readonly Member<WorldModelSettings>[];
  /** The first member's: all agree in what fixes a shape. */
  readonly #settings: WorldModelSettings;
  readonly #spaces: AgentSpaces;
  readonly #networks: Networks;
  readonly #encoderLayout: ParameterLayout;
  #weights: Weights;
  /** Per member: posterior noise, and the imagination's start states and actions. */
  #posteriorStreams: RandomStream[];
  #imaginationStreams: RandomStream[];
  /** Terms of the updates not yet drained, kept on the engine. */
  #pending: LossTerms[] = [];
  readonly #policies = new Map<PolicyName, { policy: Policy; tensors: tf.Tensor[] }>();

  constructor(members: readonly Member<WorldModelSettings>[], spaces: AgentSpaces) {
    this.#members = members;
    this.#settings = members[0]!.settings;
    this.#spaces = spaces;
    this.#networks = networks(this.#settings, spaces);
    this.#encoderLayout = this.#networks.model.only('encoder');
    const streams = (name: string) => members.map(({ seed }) => RandomStream.named(seed, name));
    this.#posteriorStreams = streams('posterior');
    this.#imaginationStreams = streams('imagination');
    this.#weights = scope(() => {
      const weights = initialWeights(
        this.#networks,
        streams('model-weights'),
        streams('actor-weights'),
        hasCritic(this.#settings),
      );
      for (const [, tensor] of namedWeights(weights)) tf.keep(tensor);
      return weights;
    });
  }

  async act(observations: Float32Array, policyName: PolicyName, gumbel?: Float32Array): Promise<Int32Array> {
    const { observation, observationScale, actions } = this.#spaces;
    const members = this.#members.length;
    const environments = observations.length / (members * observation);
    const policy = this.#policy(policyName);
    const chosen = tf.tidy(() => {
      const raw = tf.tensor3d(observations, [members, environments, observation]);
      const posterior = encode(
        policy.encoder,
        this.#settings.model.hidden.length,
        tf.div(raw, [...observationScale]),
      );
      const logits = policyLogits(policy.actor, this.#settings.actor.hidden.length, posterior.mean);
      const scores = gumbel ? tf.add(logits, tf.tensor3d(gumbel, [members, environments, actions])) : logits;
      return tf.argMax(scores, -1);
    });
    const actionsChosen = await chosen.data<'int32'>();
    chosen.dispose();
    return actionsChosen;
  }

  learner(environment: EnvironmentEntry): ReplayLearner {
    const seeds = this.#members.map(({ seed }) => seed);
    return new ReplayLearner(this, environment, seeds, this.#settings);
  }

  update(batch: Batch, step: number, update: number): void {
    const previous = this.#weights;
    const terms = scope(() => {
      const scalars = this.#scalars(step);
      const windows = toWindows(batch, this.#spaces);
      const gradient = gradients(
        this.#networks,
        previous,
        windows,
        this.#noise(batch),
        scalars,
        this.#settings,
      );
      const next = applyGradients(this.#networks, previous, gradient, update, scalars, this.#settings);
      for (const [, tensor] of namedWeights(next.weights)) tf.keep(tensor);
      for (const term of Object.values(next.terms)) tf.keep(term);
      this.#weights = next.weights;
      return next.terms;
    });
    for (const [, tensor] of namedWeights(previous)) tensor.dispose();
    this.#forgetPolicies();
    this.#pending.push(terms);
  }

  async drainLosses(): Promise<Row[][]> {
    const pending = this.#pending;
    this.#pending = [];
    const present = LOSS_TERMS.filter((term) => pending[0]?.[term]);
    if (present.length === 0) return [];
    const stacked = tf.tidy(() =>
      tf.stack(pending.map((terms) => tf.stack(present.map((term) => terms[term]!)))),
    );
    const values = await stacked.data();
    stacked.dispose();
    for (const terms of pending) tf.dispose(terms as Record<string, tf.Tensor>);
    const members = this.#members.length;
    return pending.map((_, update) =>
      this.#members.map((_, member) =>
        Object.fromEntries(
          LOSS_TERMS.map((term) => {
            const at = present.indexOf(term);
            return [term, at < 0 ? null : values[(update * present.length + at) * members + member]!];
          }),
        ),
      ),
    );
  }

  async diagnose(heldOut: Sequences, own: readonly Sequences[], step: number): Promise<Row[]> {
    const randoms = this.#members.map(({ seed }) => RandomStream.named(seed, `diagnosis/${step}`));
    const rows: Row[] = [];
    for (let from = 0; from < own.length; from += DIAGNOSED_AT_ONCE) {
      const to = from + DIAGNOSED_AT_ONCE;
      const measured = await diagnose(
        this.#networks,
        this.#weights,
        from,
        this.#settings,
        this.#spaces,
        heldOut,
        own.slice(from, to),
        randoms.slice(from, to),
      );
      rows.push(...measured);
    }
    releaseUnusedBuffers();
    return rows;
  }

  async save(): Promise<AgentState[]> {
    const states: AgentState[] = this.#members.map((_, member) => ({
      arrays: {},
      streams: {
        posterior: this.#posteriorStreams[member]!.state(),
        imagination: this.#imaginationStreams[member]!.state(),
      },
    }));
    const named = namedWeights(this.#weights);
    const values = await Promise.all(named.map(([, tensor]) => tensor.data<'float32'>()));
    for (const [i, [name, { shape }]] of named.entries()) {
      for (const [member, { arrays }] of states.entries()) {
        arrays[name] = { shape: [shape[1]], data: memberPart(values[i]!, states.length, member).slice() };
      }
    }
    return states;
  }

  load(states: readonly AgentState[]): void {
    const previous = namedWeights(this.#weights);
    this.#weights = weightsFrom(
      new Map(
        previous.map(([name, { shape }]) => {
          const values = new Float32Array(shape[0] * shape[1]);
          for (const [member, { arrays }] of states.entries()) {
            values.set(arrays[name]!.data, member * shape[1]);
          }
          return [name, tf.tensor2d(values, shape)];
        }),
      ),
    );
    for (const [, tensor] of previous) tensor.dispose();
    this.#forgetPolicies();
    this.#posteriorStreams = states.map(({ streams }) => RandomStream.fromState(streams.posterior!));
    this.#imaginationStreams = states.map(({ streams }) => RandomStream.fromState(streams.imagination!));
  }

  dispose(): void {
    this.#forgetPolicies();
    for (const terms of this.#pending) tf.dispose(terms as Record<string, tf.Tensor>);
    for (const [, tensor] of namedWeights(this.#weights)) tensor.dispose();
  }

  /** The unpacked weights that act; kept until the next update because collecting and evaluating act many times. */
  #policy(name: PolicyName): Policy {
    const known = this.#policies.get(name);
    if (known) return known.policy;
    const { model, averageEncoder, actor, averageActor } = this.#weights;
    const tensors: tf.Tensor[] = [];
    const unpack = (layout: ParameterLayout, flat: tf.Tensor2D) => {
      const parameters = layout.unpack(flat);
      for (const { name } of layout.specs) tensors.push(tf.keep(parameters.get(name)));
      return parameters;
    };
    const policy: Policy = scope(() => ({
      encoder: unpack(
        this.#encoderLayout,
        name === 'online' ? this.#networks.model.slice(model, 'encoder') : averageEncoder,
      ),
      actor: unpack(this.#networks.actor, name === 'online' ? actor : averageActor),
    }));
    this.#policies.set(name, { policy, tensors });
    return policy;
  }

  #forgetPolicies(): void {
    for (const { tensors } of this.#policies.values()) tf.dispose(tensors);
    this.#policies.clear();
  }

  #scalars(step: number): MemberScalars {
    const each = (of: (settings: WorldModelSettings) => number) =>
      this.#members.map(({ settings }) => of(settings));
    const column = (of: (settings: WorldModelSettings) => number) =>
      tf.tensor2d(each(of), [this.#members.length, 1]);
    return {
      beta: tf.tensor1d(each(({ beta }) => scheduleAt(beta, step))),
      lambda: tf.tensor1d(each(({ lambda }) => lambda)),
      entropy: tf.tensor1d(each(({ actor }) => actor.entropy)),
      learningRate: column(({ learningRate }) => learningRate),
      actorLearningRate: column(({ actor }) => actor.learningRate),
    };
  }

  #noise({ batch, time }: Batch): UpdateNoise {
    const { model, actor, horizon, imaginationStarts } = this.#settings;
    const members = this.#members.length;
    const rows = batch * time;

    const posterior = new Float32Array(members * 2 * rows * model.latent);
    const starts = new Int32Array(members * imaginationStarts);
    const gumbel = new Float32Array(members * imaginationStarts * horizon * this.#spaces.actions);
    for (let member = 0; member < members; member++) {
      this.#posteriorStreams[member]!.fillNormal(memberPart(posterior, members, member));
      const random = this.#imaginationStreams[member]!;
      const ownStarts = memberPart(starts, members, member);
      for (let i = 0; i < ownStarts.length; i++) ownStarts[i] = member * rows + random.integer(rows);
      random.fillGumbel(memberPart(gumbel, members, member));
    }
    const gumbelTensor = tf.tensor4d(gumbel, [members, imaginationStarts, horizon, this.#spaces.actions]);
    return {
      posterior: tf.tensor4d(posterior, [members, batch, 2 * time, model.latent]),
      starts: tf.tensor2d(starts, [members, imaginationStarts], 'int32'),
      choose: (parameters) => actorChoice(parameters, actor.hidden.length, gumbelTensor),
    };
  }
}

/** One member's view of an array with a leading member axis. */
function memberPart<T extends Float32Array | Int32Array>(array: T, members: number, member: number): T {
  const size = array.length / members;
  return array.subarray(member * size, (member + 1) * size) as T;
}

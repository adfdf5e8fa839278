import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../../src/engine/compiled.ts';
import { oneHot } from '../../src/engine/one-hot.ts';
import { scope } from '../../src/engine/scope.ts';
import { networks, type Weights } from '../../src/methods/vae-lstm/networks.ts';
import { vaeLstmSettings } from '../../src/methods/vae-lstm/settings.ts';
import { applyGradients, gradients, type MemberScalars } from '../../src/methods/vae-lstm/update.ts';
import { toWindows, uploadBatch } from '../../src/models/windows.ts';
import { biasCorrection } from '../../src/nn/adam.ts';
import type { ParameterLayout } from '../../src/nn/parameters.ts';
import type { AgentSpaces } from '../../src/training/agent-spaces.ts';
import { freshOptimised } from '../../src/training/optimise.ts';
import type { Batch } from '../../src/training/replay.ts';

/**
 * One update of the dream critic computed by JAX on fixed weights, batch and noise; `about` in the file says the
 * layout. Arrays are base64 of little-endian float32 or int32.
 */
interface Packed {
  shape: number[];
  f32?: string;
  i32?: string;
}
type Named = Record<string, Packed>;
interface Reference {
  hyper: Record<string, number>;
  model: Named;
  actor: Named;
  critic_target: Named;
  batch: Named;
  imagination: { start: Packed; actions: Packed };
  expected: Record<string, Packed> & {
    total: number;
    terms: Record<string, number>;
    actor_loss: number;
    baseline_actor_loss: number;
    imagined_critic: number;
    model_gradient_norm: number;
    model_gradient: Named;
    actor_gradient: Named;
    baseline_actor_gradient: Named;
    model_after: Named;
    actor_after: Named;
    critic_target_after: Named;
  };
}

const reference: Reference = JSON.parse(
  gunzipSync(readFileSync(new URL('../fixtures/dream-critic-update.json.gz', import.meta.url))).toString(),
);
const { expected, hyper } = reference;

const floats = ({ f32 }: Packed) => new Float32Array(new Uint8Array(Buffer.from(f32!, 'base64')).buffer);
const integers = ({ i32 }: Packed) => new Int32Array(new Uint8Array(Buffer.from(i32!, 'base64')).buffer);

/** The reference bounds no value. */
const rewardRange: [number, number] = [-Infinity, Infinity];
const spaces: AgentSpaces = {
  observation: 4,
  observationScale: [1, 1, 0.1, 1],
  rewardRange,
  rewardScale: 1,
  actionSpace: { kind: 'discrete', n: 2 },
  actions: 2,
};
const dreamCritic = vaeLstmSettings.parse({});
const baselineActor = vaeLstmSettings.parse({ critic: { bootstrapsActor: false } });
const layout = networks(dreamCritic, spaces);

/** Our parameter's name -> the reference's. */
const renamed = (name: string) =>
  name
    .replace('dynamics.input', 'lstm_input')
    .replace('dynamics.recurrent', 'lstm_hidden')
    .replace('dynamics.latent', 'latent_head')
    .replace('actor.', '');

function flat(layout: ParameterLayout, named: Named, rename = renamed): Float32Array {
  return Float32Array.from(layout.specs.flatMap(({ name }) => [...floats(named[rename(name)]!)]));
}

/** `members` copies, one after the other. */
function repeated(values: Float32Array, members: number): Float32Array {
  const copies = new Float32Array(members * values.length);
  for (let member = 0; member < members; member++) copies.set(values, member * values.length);
  return copies;
}

/** `members` copies on the leading axis. */
const stacked = (values: Float32Array, members: number, shape: number[] = [values.length]) =>
  tf.tensor(repeated(values, members), [members, ...shape]);

/** Largest difference over the largest size: the relative error in max-norm. */
function relativeError(actual: ArrayLike<number>, wanted: ArrayLike<number>): number {
  let difference = 0;
  let size = 0;
  for (let i = 0; i < wanted.length; i++) {
    difference = Math.max(difference, Math.abs(actual[i]! - wanted[i]!));
    size = Math.max(size, Math.abs(wanted[i]!));
  }
  assert.equal(actual.length, wanted.length);
  return difference / size;
}

/** Of all the values together. */
function euclideanNorm(...parts: Float32Array[]): number {
  return Math.sqrt(parts.reduce((sum, part) => part.reduce((squares, x) => squares + x * x, sum), 0));
}

function within(limit: number, name: string, actual: ArrayLike<number>, wanted: ArrayLike<number>): void {
  const error = relativeError(actual, wanted);
  assert.ok(error <= limit, `${name}: relative error ${error} > ${limit}`);
}

/** The reference's update computed by us, every member given the same weights, batch and noise. */
function compute(members: number, settings: typeof dreamCritic, gradNorm?: Weights['gradNorm']) {
  const weights: Weights = {
    gradNorm,
    model: freshOptimised(stacked(flat(layout.model, reference.model), members) as tf.Tensor2D),
    actor: freshOptimised(stacked(flat(layout.actor, reference.actor), members) as tf.Tensor2D),
    target: stacked(
      flat(layout.model.only('critic'), reference.critic_target, (name) => name.replace('critic.', '')),
      members,
    ) as tf.Tensor2D,
    averageEncoder: tf.zeros([members, layout.model.only('encoder').size]),
    averageActor: tf.zeros([members, layout.actor.size]),
  };
  const repeat = (values: Float32Array) => repeated(values, members);
  const { batch: given } = reference;
  const batch: Batch = {
    members,
    batch: 32,
    time: 8,
    observation: repeat(floats(given.observation!)),
    nextObservation: repeat(floats(given.next_observation!)),
    action: Int32Array.from(repeat(Float32Array.from(integers(given.action!)))),
    reward: new Float32Array(members * 256).fill(1),
    terminated: repeat(floats(given.terminated!)),
    first: repeat(floats(given.first!)),
  };
  const starts = integers(reference.imagination.start);
  const actions = integers(reference.imagination.actions);
  const column = (x: number) => tf.fill([members, 1], x) as tf.Tensor2D;
  const row = (x: number) => tf.fill([members], x) as tf.Tensor1D;
  const scalars: MemberScalars = {
    beta: row(hyper.beta!),
    lambda: row(hyper.lambda_critic!),
    entropy: row(hyper.entropy!),
    learningRate: column(hyper.learning_rate!),
    actorLearningRate: column(hyper.actor_learning_rate!),
    policyAverage: column(1),
  };
  // The reference stores them step by step.
  const byStart = Array.from({ length: 64 }, (_, start) =>
    Array.from({ length: actions.length / 64 }, (_, step) => actions[step * 64 + start]!),
  );
  const taken = tf.tensor3d(
    Array.from({ length: members }, () => byStart),
    undefined,
    'int32',
  );
  const inputs = {
    weights,
    batch: uploadBatch(batch, spaces),
    noise: {
      posterior: stacked(floats(given.noise!), members, [32, 16, 32]),
      starts: tf.tensor2d(
        Array.from({ length: members }, (_, member) => [...starts].map((at) => member * 256 + at)),
        [members, 64],
        'int32',
      ),
    },
    taken,
    scalars,
    correction: biasCorrection(1),
  };
  const update = new Compiled(({ weights, batch, noise, taken, scalars, correction }: typeof inputs) => {
    let seen: Record<string, tf.Tensor> = {};
    const gradient = gradients(
      layout,
      weights,
      toWindows(batch, spaces),
      { ...noise, behaviour: { actions: oneHot(taken, 2) as tf.Tensor4D } },
      scalars,
      settings,
      (tensors) => {
        for (const tensor of Object.values(tensors)) tf.keep(tensor);
        seen = tensors;
      },
    );
    const after = applyGradients(layout, weights, gradient, correction, scalars, settings);
    return {
      seen,
      terms: after.terms as Record<string, tf.Tensor>,
      gradients: { model: gradient.model, actor: gradient.actor },
      weights: {
        model: after.weights.model.parameters,
        actor: after.weights.actor.parameters,
        target: after.weights.target!,
      },
      gradNorm: { ...after.weights.gradNorm } as Record<string, tf.Tensor>,
    };
  });
  const groups = update.run(inputs);
  update.dispose();
  return groups;
}

/** Every value of a computed update, read back side by side and freed: an engine may be unable to read synchronously. */
async function computedValues(members: number, settings: typeof dreamCritic, of?: () => Weights['gradNorm']) {
  const computed = scope(() => {
    const groups = compute(members, settings, of?.());
    for (const group of Object.values(groups)) for (const tensor of Object.values(group)) tf.keep(tensor);
    return groups;
  });
  const read = async <K extends string>(group: Record<K, tf.Tensor>): Promise<Record<K, Float32Array>> => {
    const names = Object.keys(group) as K[];
    const values = await Promise.all(names.map((name) => group[name].data<'float32'>()));
    tf.dispose(group);
    return Object.fromEntries(names.map((name, i) => [name, values[i]!])) as Record<K, Float32Array>;
  };
  const [seen, terms, gradients, weights, gradNorm] = await Promise.all([
    read(computed.seen),
    read(computed.terms),
    read(computed.gradients),
    read(computed.weights),
    read(computed.gradNorm),
  ]);
  return { seen, terms, gradients, weights, gradNorm };
}

/** Each parameter, under the reference's name, in one member's flat vector. */
function* parametersOf(layout: ParameterLayout, flat: Float32Array): Generator<[string, Float32Array]> {
  let offset = 0;
  for (const { name, shape } of layout.specs) {
    const size = shape.reduce((product, n) => product * n, 1);
    yield [renamed(name), flat.subarray(offset, offset + size)];
    offset += size;
  }
  assert.equal(offset, flat.length);
}

/** The reference keeps time before starts: [horizon, starts, …] -> [starts, horizon, …]. */
function startsFirst(packed: Packed): Float32Array {
  const values = floats(packed);
  const [horizon, starts] = packed.shape as [number, number];
  const size = values.length / (horizon * starts);
  const swapped = new Float32Array(values.length);
  for (let t = 0; t < horizon; t++) {
    for (let i = 0; i < starts; i++) {
      const from = (t * starts + i) * size;
      swapped.set(values.subarray(from, from + size), (i * horizon + t) * size);
    }
  }
  return swapped;
}

/**
 * Computes the reference's update on the active engine with `members` copies of it side by side, and asserts that
 * every member's losses, tensors in between, gradients and new weights are JAX's.
 */
export async function assertUpdateEqualsReference(members: number): Promise<void> {
  const computed = await computedValues(members, dreamCritic);
  const baseline = await computedValues(members, baselineActor);
  const norm = expected.model_gradient_norm;
  for (let member = 0; member < members; member++) {
    const part = (values: Float32Array) => {
      const size = values.length / members;
      return values.subarray(member * size, (member + 1) * size);
    };
    const { terms } = computed;
    for (const [term, wanted] of Object.entries(expected.terms)) {
      within(1e-4, term, part(terms[term]!), [wanted]);
    }
    within(1e-4, 'total', part(terms.loss!), [expected.total]);
    within(1e-4, 'imagined critic', part(terms.imagined_critic!), [expected.imagined_critic]);
    within(1e-4, 'actor', part(terms.actor!), [expected.actor_loss]);
    within(1e-4, 'baseline actor', part(baseline.terms.actor!), [expected.baseline_actor_loss]);
    within(1e-4, 'gradient norm', part(terms.gradient_norm!), [norm]);
    within(1e-4, 'actor gradient norm', part(terms.actor_gradient_norm!), [
      euclideanNorm(...Object.values(expected.actor_gradient).map(floats)),
    ]);
    const meanOf = (packed: Packed) => floats(packed).reduce((sum, x) => sum + x, 0) / floats(packed).length;
    within(1e-4, 'imagined return', part(terms.imagined_return!), [meanOf(expected.lambda_return!)]);
    within(1e-4, 'continue probability', part(terms.continue_probability!), [
      meanOf(expected.continue_probability!),
    ]);
    within(1e-6, 'weight norm', part(terms.weight_norm!), [
      euclideanNorm(part(computed.weights.model), part(computed.weights.actor)),
    ]);

    const compare = (ours: string, theirs: Float32Array, from = computed.seen) =>
      within(1e-3, ours, part(from[ours]!), theirs);
    compare('latent', floats(expected.latent!));
    compare('predictedLatent', floats(expected.predicted_latent!));
    compare('hiddenBefore', floats(expected.hidden_before!));
    compare('cellBefore', floats(expected.cell_before!));
    compare('imaginedLatent', startsFirst(expected.imagined_latent!));
    compare('continueProbability', startsFirst(expected.continue_probability!));
    compare('weight', startsFirst(expected.weight!));
    compare('value', startsFirst(expected.value!));
    compare('returns', startsFirst(expected.lambda_return!));
    compare('advantage', startsFirst(expected.advantage!));
    compare('returns', startsFirst(expected.truncated_return!), baseline.seen);
    compare('advantage', startsFirst(expected.baseline_advantage!), baseline.seen);

    for (const [name, values] of parametersOf(layout.model, part(computed.gradients.model))) {
      within(1e-3, `gradient of ${name}`, values, floats(expected.model_gradient[name]!));
    }
    for (const [name, values] of parametersOf(layout.actor, part(computed.gradients.actor))) {
      within(1e-3, `gradient of actor ${name}`, values, floats(expected.actor_gradient[name]!));
    }
    for (const [name, values] of parametersOf(layout.actor, part(baseline.gradients.actor))) {
      const wanted = floats(expected.baseline_actor_gradient[name]!);
      within(1e-3, `baseline gradient of actor ${name}`, values, wanted);
    }

    const checkWeights = (
      name: string,
      values: Float32Array,
      wanted: Float32Array,
      clipped: Float32Array,
      rate: number,
    ) => {
      values.forEach((value, i) => {
        // Adam's first step is nearly the sign of the gradient: where that is tiny, rounding decides it.
        const limit = Math.abs(clipped[i]!) > 1e-4 ? 1e-5 : 2 * rate;
        const difference = Math.abs(value - wanted[i]!);
        // A message for each of a million weights would take longer than the update.
        if (!(difference <= limit)) assert.fail(`${name}[${i}] after the step: off by ${difference}`);
      });
    };
    const clip = Math.min(1, hyper.clip! / norm);
    const { weights } = computed;
    for (const [name, values] of parametersOf(layout.model, part(weights.model))) {
      const clipped = floats(expected.model_gradient[name]!).map((g) => g * clip);
      checkWeights(name, values, floats(expected.model_after[name]!), clipped, hyper.learning_rate!);
    }
    for (const [name, values] of parametersOf(layout.actor, part(weights.actor))) {
      const clipped = floats(expected.actor_gradient[name]!);
      const wanted = floats(expected.actor_after[name]!);
      checkWeights(`actor ${name}`, values, wanted, clipped, hyper.actor_learning_rate!);
    }
    for (const [name, values] of parametersOf(layout.model.only('critic'), part(weights.target))) {
      const clipped = floats(expected.model_gradient[name]!).map((g) => g * clip);
      const wanted = floats(expected.critic_target_after[name.replace('critic.', '')]!);
      checkWeights(`target ${name}`, values, wanted, clipped, hyper.learning_rate!);
    }
  }
}

/** GradNorm's step in the same update, by JAX: scripts/gradnorm_reference.py. */
interface BalancedReference {
  log_factor: number;
  initial_loss: [number, number];
  losses: [number, number];
  after: number;
}

/**
 * Asserts that with GradNorm the model learns, of every member, from JAX's gradient with the weight that GradNorm has come
 * to, the critic from what it learns from without, and that the weight is stepped as JAX's.
 */
export async function assertBalancedUpdateEqualsReference(
  members: number,
  { log_factor, initial_loss, losses, after }: BalancedReference,
): Promise<void> {
  const balanced = vaeLstmSettings.parse({ critic: { balance: 'gradnorm' } });
  const state = () => ({
    logFactor: tf.fill([members, 1], log_factor) as tf.Tensor2D,
    initialLoss: tf.tensor2d(Array.from({ length: members }, () => initial_loss)),
  });
  const { terms, gradients, gradNorm } = await computedValues(members, balanced, state);
  const fixed = await computedValues(1, dreamCritic);
  const weight = hyper.lambda_critic! * Math.exp(log_factor);
  for (let member = 0; member < members; member++) {
    const part = (values: Float32Array) => {
      const size = values.length / members;
      return values.subarray(member * size, (member + 1) * size);
    };
    within(1e-5, 'log f', part(gradNorm.logFactor!), [after]);
    within(1e-6, 'L(0)', part(gradNorm.initialLoss!), initial_loss);
    within(1e-6, 'effective λ', part(terms.effective_lambda!), [weight]);
    within(1e-4, 'loss', part(terms.loss!), [losses[0] + weight * losses[1]]);
    const critic = layout.model.size - layout.model.only('critic').size;
    within(
      1e-4,
      "the critic's own gradient",
      part(gradients.model).subarray(critic),
      fixed.gradients.model.subarray(critic),
    );
  }
}

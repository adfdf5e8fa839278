import * as tf from '@tensorflow/tfjs-core';
import { rollOut } from '../../models/roll-out.ts';
import { toWindows, uploadBatch } from '../../models/windows.ts';
import { biasCorrection } from '../../nn/adam.ts';
import { RandomStream } from '../../random/stream.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { weightedSum } from '../../training/reduce.ts';
import type { Batch } from '../../training/replay.ts';
import { type TimedParts, timedPart } from '../../training/update-parts.ts';
import { advantages, imaginedReturns } from './imagination.ts';
import { hasCritic, initialWeights, namedWeights, networks, targetCritic, worldModel } from './networks.ts';
import type { VaeLstmSettings } from './settings.ts';
import { applyGradients, imaginedLosses, type MemberScalars, modelLoss } from './update.ts';

/**
 * The parts of an update, each over inputs that stay the same and compiled by itself where the engine compiles. Tensors
 * are kept until the process ends.
 */
export function timedParts(settings: VaeLstmSettings, spaces: AgentSpaces, batch: Batch): TimedParts {
  const { members } = batch;
  const { horizon, imaginationStarts: starts, model: sizes, actor } = settings;
  const random = RandomStream.named(0, 'bench');
  const normal = (...shape: number[]) =>
    tf.tensor(random.fillNormal(new Float32Array(tf.util.sizeFromShape(shape))), shape);
  const row = (x: number) => tf.fill([members], x) as tf.Tensor1D;
  const column = (x: number) => tf.fill([members, 1], x) as tf.Tensor2D;

  const layout = networks(settings, spaces);
  const { head } = layout;
  const criticLayout = layout.model.only('critic');
  const streams = Array.from({ length: members }, (_, member) => RandomStream.named(member, 'bench'));
  const weights = initialWeights(layout, streams, streams, hasCritic(settings));
  const scalars: MemberScalars = {
    beta: row(1),
    lambda: row(settings.lambda),
    entropy: row(actor.entropy),
    learningRate: column(settings.learningRate),
    actorLearningRate: column(actor.learningRate),
    policyAverage: column(settings.policyAverage),
  };
  const imagined = (...widths: number[]) => normal(members, starts, horizon, ...widths);
  const ofAction = imagined(head.noise.size) as tf.Tensor4D;
  const given = {
    weights,
    windows: toWindows(uploadBatch(batch, spaces), spaces),
    posterior: normal(members, batch.batch, 2 * batch.time, sizes.latent),
    scalars,
    start: {
      latent: normal(members, starts, sizes.latent),
      hidden: normal(members, starts, sizes.lstm),
      cell: normal(members, starts, sizes.lstm),
    },
    ofAction,
    imagination: {
      features: imagined(sizes.latent),
      action: tf.tidy(() => head.sample(imagined(head.outputs), ofAction)),
      nextFeatures: imagined(sizes.latent),
    },
    learnt: {
      returns: imagined() as tf.Tensor3D,
      value: imagined() as tf.Tensor3D,
      advantage: imagined() as tf.Tensor3D,
      weight: tf.ones([members, starts, horizon]) as tf.Tensor3D,
    },
    gradient: {
      model: normal(...weights.model.parameters.shape) as tf.Tensor2D,
      actor: normal(...weights.actor.parameters.shape) as tf.Tensor2D,
      terms: {},
    },
    correction: biasCorrection(1),
  };
  type Given = typeof given;

  const target = ({ weights }: Given) => weights.target && targetCritic(layout, weights.target, settings);
  // Differentiated by each parameter, as an update is.
  const gradientsOf = (loss: () => tf.Tensor, split: tf.Tensor[]) =>
    tf.valueAndGrads(() => tf.sum(loss()))(split).grads;

  const part = (compute: (given: Given) => tf.Tensor[]) => timedPart(given, compute);
  return {
    model: part((given) => {
      const { weights, windows, posterior, scalars } = given;
      const split = layout.model.split(weights.model.parameters);
      const parameters = layout.model.named(split);
      const loss = () =>
        modelLoss(parameters, layout.vae, target(given), windows, posterior, scalars, settings).loss;
      return gradientsOf(loss, split);
    }),
    imagination: part((given) => {
      const { weights, start, ofAction, learnt } = given;
      const parameters = layout.model.unpack(weights.model.parameters);
      const policy = layout.actor.unpack(weights.actor.parameters);
      const model = worldModel(layout, settings, parameters, policy);
      const imagination = rollOut(model, start, { head, noise: ofAction });
      const { weight, returns } = imaginedReturns(model, target(given), imagination, settings);
      return [weight, advantages(returns, learnt.value, settings)];
    }),
    actor: part(({ weights, imagination, learnt, ofAction, scalars }) => {
      const ofActor = layout.actor.split(weights.actor.parameters);
      const ofCritic = weights.target ? criticLayout.split(weights.target) : [];
      const model = worldModel(layout, settings, criticLayout.named(ofCritic), layout.actor.named(ofActor));
      const loss = () => {
        const value = model.value?.(imagination.features, undefined, false);
        const imagined = { ...learnt, imagination, value, lambdaReturns: learnt.returns };
        const { losses } = imaginedLosses(model, head, imagined, { head, noise: ofAction }, scalars);
        return weightedSum(losses);
      };
      return gradientsOf(loss, [...ofActor, ...ofCritic]);
    }),
    optimizer: part(({ weights, gradient, scalars, correction }) => {
      const after = applyGradients(layout, weights, gradient, correction, scalars, settings);
      return namedWeights(after.weights).map(([, tensor]) => tensor);
    }),
  };
}

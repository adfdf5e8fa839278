import * as tf from '@tensorflow/tfjs-core';
import { Compiled } from '../engine/compiled.ts';
import { oneHot } from '../engine/one-hot.ts';
import { imaginedReturns } from '../methods/vae-lstm/imagination.ts';
import {
  actorLoss,
  baseLoss,
  baseTerms,
  criticLoss,
  imaginedCriticLoss,
} from '../methods/vae-lstm/losses.ts';
import {
  hasCritic,
  initialWeights,
  namedWeights,
  networks,
  targetCritic,
} from '../methods/vae-lstm/networks.ts';
import type { VaeLstmSettings } from '../methods/vae-lstm/settings.ts';
import { applyGradients, type Gradients, type MemberScalars } from '../methods/vae-lstm/update.ts';
import { toWindows, uploadBatch } from '../methods/vae-lstm/windows.ts';
import { actionNoise, logPolicy } from '../models/actor.ts';
import { rollOut } from '../models/roll-out.ts';
import { vaeLstmDynamics } from '../models/vae-lstm/dynamics.ts';
import { value } from '../models/vae-lstm/heads.ts';
import { biasCorrection } from '../nn/adam.ts';
import { RandomStream } from '../random/stream.ts';
import type { AgentSpaces } from '../training/agent-spaces.ts';
import type { Batch } from '../training/replay.ts';
import type { UpdatePart } from './protocol.ts';

/**
 * The parts of the world model's update, each over inputs that stay the same:
 *
 *   model        L_base + λ L_critic on replayed windows, forward and backward
 *   imagination  the roll-out and its returns, forward only
 *   actor        the losses of actor and critic on imagined states, forward and backward
 *   optimizer    clipping, Adam and the moving averages
 *
 * Each is compiled by itself where the engine compiles. What an update does besides is to sample windows, draw noise and upload both. Tensors are kept until the process ends.
 *
 * @returns by part, a function that does it once and returns a tensor of its last result, the caller's to dispose
 */
export function timedParts(
  settings: VaeLstmSettings,
  spaces: AgentSpaces,
  batch: Batch,
): Record<UpdatePart, () => tf.Tensor> {
  const { members } = batch;
  const { horizon, imaginationStarts, model, critic, actor } = settings;
  const random = RandomStream.named(0, 'bench');
  const normal = (...shape: number[]) =>
    tf.tensor(random.fillNormal(new Float32Array(tf.util.sizeFromShape(shape))), shape);
  const fill = (shape: number[], x: number) => tf.fill(shape, x);

  const layout = networks(settings, spaces);
  const streams = Array.from({ length: members }, (_, member) => RandomStream.named(member, 'bench'));
  const weights = initialWeights(layout, streams, streams, hasCritic(settings));
  const criticLayout = layout.model.only('critic');
  const windows = toWindows(uploadBatch(batch, spaces), spaces);
  const noise = normal(members, batch.batch, 2 * batch.time, model.latent);
  const scalars: MemberScalars = {
    beta: fill([members], 1) as tf.Tensor1D,
    lambda: fill([members], settings.lambda) as tf.Tensor1D,
    entropy: fill([members], actor.entropy) as tf.Tensor1D,
    learningRate: fill([members, 1], settings.learningRate) as tf.Tensor2D,
    actorLearningRate: fill([members, 1], actor.learningRate) as tf.Tensor2D,
    policyAverage: fill([members, 1], settings.policyAverage) as tf.Tensor2D,
  };
  const start = {
    latent: normal(members, imaginationStarts, model.latent) as tf.Tensor3D,
    hidden: normal(members, imaginationStarts, model.lstm) as tf.Tensor3D,
    cell: normal(members, imaginationStarts, model.lstm) as tf.Tensor3D,
  };
  const imaginedShape = [members, imaginationStarts, horizon];
  const { actionSpace } = spaces;
  const ofAction = normal(...imaginedShape, actionNoise(actionSpace).size) as tf.Tensor4D;
  const imagined = {
    latent: normal(...imaginedShape, model.latent),
    action: oneHot(tf.zeros(imaginedShape, 'int32'), spaces.actions),
    value: normal(...imaginedShape),
    returns: normal(...imaginedShape),
    advantage: normal(...imaginedShape),
    weight: tf.ones(imaginedShape),
  };
  const gradient: Gradients = {
    model: normal(...weights.model.shape) as tf.Tensor2D,
    actor: normal(...weights.actor.shape) as tf.Tensor2D,
    terms: {},
  };

  const given = {
    weights,
    windows,
    noise,
    scalars,
    start,
    ofAction,
    imagined,
    gradient,
    correction: biasCorrection(1),
  };
  type Given = typeof given;
  const target = ({ weights }: Given) => weights.target && targetCritic(layout, weights.target, settings);

  const modelLoss =
    (given: Given) =>
    (flat: tf.Tensor): tf.Scalar => {
      const { windows, noise, scalars } = given;
      const parameters = layout.model.unpack(flat as tf.Tensor2D);
      const { terms, inference } = baseTerms(parameters, windows, noise, settings);
      const base = baseLoss(terms as Record<string, tf.Tensor1D>, scalars.beta, settings);
      const slow = target(given);
      if (!slow) return tf.sum(base);
      const shaping = tf.mul(scalars.lambda, criticLoss(parameters, slow, windows, inference, settings));
      return tf.sum(tf.add(base, shaping));
    };

  const imaginedLoss =
    ({ imagined, scalars }: Given) =>
    (flatActor: tf.Tensor, flatCritic?: tf.Tensor): tf.Scalar => {
      const policy = layout.actor.unpack(flatActor as tf.Tensor2D);
      const { loss } = actorLoss(
        logPolicy(policy, actor.hidden.length, imagined.latent),
        imagined.action,
        imagined.weight,
        imagined.advantage,
        scalars.entropy,
      );
      if (!flatCritic) return tf.sum(loss);
      const predicted = value(
        criticLayout.unpack(flatCritic as tf.Tensor2D),
        critic.hidden.length,
        imagined.latent,
      );
      return tf.sum(tf.add(loss, imaginedCriticLoss(imagined.weight, predicted, imagined.returns)));
    };

  const gradientsOf = (loss: (...flat: tf.Tensor[]) => tf.Scalar, ...flat: tf.Tensor[]) =>
    tf.valueAndGrads(loss)(flat).grads;

  // Everything computed is a result: what nobody asks for is not computed where the engine compiles.
  const part = (compute: (given: Given) => tf.Tensor[]) => {
    const compiled = new Compiled(
      (given: Given): Record<string, tf.Tensor> => Object.fromEntries(compute(given).entries()),
    );
    return () => tf.tidy(() => Object.values(compiled.run(given)).at(-1)!);
  };
  return {
    model: part((given) => gradientsOf((flat) => modelLoss(given)(flat!), given.weights.model)),
    imagination: part((given) => {
      const { weights, start, ofAction, imagined } = given;
      const parameters = layout.model.unpack(weights.model);
      const policy = layout.actor.unpack(weights.actor);
      const imagination = rollOut(vaeLstmDynamics(parameters), start, {
        actor: policy,
        layers: actor.hidden.length,
        actionSpace,
        noise: ofAction,
      });
      const ofLatent = weights.target && imagined.value;
      const returns = imaginedReturns(parameters, target(given), imagination, ofLatent, settings);
      return [returns.weight, returns.advantage];
    }),
    actor: part((given) => {
      const loss = imaginedLoss(given);
      const { actor, target } = given.weights;
      return target ? gradientsOf((a, c) => loss(a!, c), actor, target) : gradientsOf((a) => loss(a!), actor);
    }),
    optimizer: part(({ weights, gradient, scalars, correction }) => {
      const after = applyGradients(layout, weights, gradient, correction, scalars, settings);
      return namedWeights(after.weights).map(([, tensor]) => tensor);
    }),
  };
}

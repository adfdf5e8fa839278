import * as tf from '@tensorflow/tfjs-core';
import { stopGradient } from '../../engine/stop-gradient.ts';
import { drawNoise } from '../../models/noise.ts';
import { rssmLoss, rssmTerms } from '../../models/rssm/losses.ts';
import { featureSize } from '../../models/rssm/model.ts';
import { toStepWindows, uploadSteps } from '../../models/rssm/windows.ts';
import { biasCorrection } from '../../nn/adam.ts';
import { RandomStream } from '../../random/stream.ts';
import type { Noise } from '../../training/acting.ts';
import type { AgentSpaces } from '../../training/agent-spaces.ts';
import { weightedSum } from '../../training/reduce.ts';
import type { StepBatch } from '../../training/steps.ts';
import { type TimedParts, timedPart } from '../../training/update-parts.ts';
import { dreamLosses, judge } from './dream-losses.ts';
import { dream, foresee } from './imagination.ts';
import {
  byGroup,
  criticOutput,
  type Group,
  initialWeights,
  namedWeights,
  networks,
  trainedOf,
  worldModel,
} from './networks.ts';
import { type DreamerSettings, reinforceShare } from './settings.ts';
import { applyGradients, continueTarget, type MemberScalars, replayedCritic } from './update.ts';

/**
 * The parts of an update, each over inputs that stay the same and compiled by itself where the engine compiles. Where
 * gradients go through the dynamics, the actor's part dreams anew. Tensors are kept until the process ends.
 */
export function timedParts(settings: DreamerSettings, spaces: AgentSpaces, batch: StepBatch): TimedParts {
  const { members } = batch;
  const { horizon, critic, model: sizes, optimizer } = settings;
  const starts = batch.batch * settings.startsPerWindow;
  const random = RandomStream.named(0, 'bench');
  const normal = (...shape: number[]) =>
    tf.tensor(random.fillNormal(new Float32Array(tf.util.sizeFromShape(shape))), shape);
  const row = (x: number) => tf.fill([members], x) as tf.Tensor1D;
  const column = (x: number) => tf.fill([members, 1], x) as tf.Tensor2D;

  const layout = networks(settings, spaces);
  const { layouts, head, value: code } = layout;
  const rho = reinforceShare(settings, spaces.actionSpace.kind);
  const streams = (name: string) =>
    Array.from({ length: members }, (_, member) => RandomStream.named(member, `bench/${name}`));
  const weights = initialWeights(layout, streams);
  const scalars: MemberScalars = {
    lambda: row(settings.lambda),
    entropy: row(settings.actor.entropy),
    learningRate: {
      model: column(optimizer.learningRate),
      critic: column(optimizer.criticLearningRate),
      actor: column(optimizer.actorLearningRate),
    },
    policyAverage: column(settings.policyAverage),
    slowCritic: column(critic.slowRate),
  };
  const imagined = (...widths: number[]) => normal(members, starts, horizon, ...widths);
  const noiseOf = (noise: Noise, ...shape: number[]) =>
    drawNoise(noise, shape, streams('noise')) as tf.Tensor4D;
  const ofAction = noiseOf(head.noise, starts, horizon);
  const [ofLatent] = worldModel(layout, settings, spaces, unpacked(trainedOf(weights))).stepNoise!;
  const features = featureSize(sizes);
  const given = {
    weights,
    windows: toStepWindows(uploadSteps(batch, spaces), spaces, sizes),
    noise: {
      posterior: noiseOf(ofLatent!, batch.batch, batch.time),
      prediction: noiseOf(ofLatent!, batch.batch, batch.time),
      action: ofAction,
      step: noiseOf(ofLatent!, starts, horizon),
    },
    scalars,
    start: {
      deter: normal(members, starts, sizes.deter),
      stoch: normal(members, starts, features - sizes.deter),
    },
    dreamt: {
      features: imagined(features),
      action: tf.tidy(() => head.sample(imagined(head.outputs), ofAction)),
      nextFeatures: imagined(features),
      states: normal(members, starts, horizon + 1, features),
    },
    learnt: {
      reward: imagined() as tf.Tensor3D,
      discount: tf.ones([members, starts, horizon]) as tf.Tensor3D,
      weight: tf.ones([members, starts, horizon]) as tf.Tensor3D,
      returns: imagined() as tf.Tensor3D,
      lambdaReturns: imagined() as tf.Tensor3D,
      slow: normal(members, starts, horizon + 1) as tf.Tensor3D,
      advantage: imagined() as tf.Tensor3D,
      scale: tf.ones([members, 1, 1]),
      returnRange: weights.returnRange,
    },
    gradient: byGroup((group) => normal(...weights.learnt[group].parameters.shape) as tf.Tensor2D),
    correction: biasCorrection(1),
  };
  type Given = typeof given;

  function unpacked(flat: Record<Group, tf.Tensor2D>) {
    return byGroup((group) => layouts[group].unpack(flat[group]));
  }
  const slowValue = ({ weights }: Given, states: tf.Tensor) =>
    stopGradient(() =>
      code.mean(criticOutput(layouts.critic.unpack(weights.slowCritic), states, settings, false)),
    );
  /** The gradients of a loss by all parameters of some groups, which are given split. */
  const gradientsOf = (
    groups: readonly Group[],
    { weights }: Given,
    loss: (parameters: ReturnType<typeof unpacked>) => tf.Tensor,
  ) => {
    const split = byGroup((group) => layouts[group].split(weights.learnt[group].parameters));
    const parameters = byGroup((group) => layouts[group].named(split[group]));
    const operands = groups.flatMap((group) => split[group]);
    return tf.valueAndGrads(() => tf.sum(loss(parameters)))(operands).grads;
  };

  const part = (compute: (given: Given) => tf.Tensor[]) => timedPart(given, compute);
  return {
    model: part((given) => {
      const { windows, noise, learnt, scalars } = given;
      // The critic on replayed states counts here.
      const learning: Group[] = settings.lambda > 0 ? ['model', 'critic'] : ['model'];
      return gradientsOf(learning, given, (trained) => {
        const model = worldModel(layout, settings, spaces, trained);
        const target = continueTarget(windows.terminal, settings);
        const real = rssmTerms(trained.model, model, layout.reward, windows, target, noise.posterior, sizes);
        const replayed = replayedCritic(
          { trained, windows, features: real.features, deter: real.observed.deter, noise: noise.prediction },
          layout,
          settings,
          learnt.lambdaReturns,
          (states) => slowValue(given, states),
        );
        return weightedSum([
          [rssmLoss(real.terms, sizes), 1],
          ...replayed.losses.map((loss) => [loss, scalars.lambda] as const),
        ]);
      });
    }),
    imagination: part((given) => {
      const { weights, start, noise } = given;
      const model = worldModel(layout, settings, spaces, unpacked(trainedOf(weights)));
      const imagined = dream(model, head, start, noise);
      const slow = slowValue(given, imagined.states) as tf.Tensor3D;
      const value = critic.slowTarget ? slow : (model.value!(imagined.states) as tf.Tensor3D);
      const foreseen = foresee(model, imagined, settings);
      const { advantage, weight, returnRange } = judge(
        foreseen,
        { value, slow },
        weights.returnRange,
        settings,
      );
      return [slow, returnRange, weight, advantage];
    }),
    actor: part((given) => {
      const { weights, start, dreamt: before, learnt, noise, scalars } = given;
      return gradientsOf(['actor', 'critic'], given, (trained) => {
        const model = worldModel(layout, settings, spaces, trained);
        const dreamt = worldModel(layout, settings, spaces, {
          ...unpacked(trainedOf(weights)),
          actor: trained.actor,
        });
        const imagined = rho < 1 ? dream(dreamt, head, start, noise) : before;
        const foreseen = rho < 1 ? foresee(dreamt, imagined, settings) : learnt;
        const states = stopGradient(() => tf.clone(imagined.states));
        const output = criticOutput(trained.critic, states, settings, false);
        const { critic, actor } = dreamLosses(
          { model, dreamt, head, code },
          { imagined, foreseen, output, learnt, noise: noise.action, rho },
          scalars.entropy,
          settings,
        );
        return weightedSum([
          [critic, 1],
          [actor, 1],
        ]);
      });
    }),
    optimizer: part(({ weights, gradient, scalars, correction }) => {
      const found = {
        gradient,
        memory: weights.returnRange,
        returnRange: weights.returnRange,
        terms: {},
      };
      const after = applyGradients(layout, settings, weights, found, correction, scalars);
      return namedWeights(after.weights).map(([, tensor]) => tensor);
    }),
  };
}

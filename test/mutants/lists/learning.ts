import type { Group } from '../mutant.ts';
import { source, tests } from '../places.ts';

/** One update of the dream critic, its terms, gradients and weights after it, by JAX. */
const updateByJax = tests.update('1 stacked on wasm$');
/** The same in tfjs's own operations, where another engine has kernels of its own. */
const portableUpdateByJax = tests.update('1 stacked on cpu');

/** Losses, imagination, gradients and optimizers of the world model. */
export const learning: readonly Group[] = [
  {
    area: 'Losses of the world model',
    file: source.losses,
    by: updateByJax,
    changes: [
      [
        'reconstructionError(vae, decoded, observation, imageLoss)',
        'reconstructionError(vae, decoded, nextObservation, imageLoss)',
        'reconstructs the next observation',
      ],
      [
        'reconstructionError(vae, decodedPrediction, nextObservation, imageLoss)',
        'reconstructionError(vae, decodedPrediction, observation, imageLoss)',
        'predicts the observation it has',
      ],
      [
        'squaredDistance(predictedLatent, nextMean)',
        'squaredDistance(predictedLatent, nextLatent)',
        'consistent with the sample, not the mean',
      ],
      [
        'meanSquaredError(x, y, x.shape.at(-1)!)',
        'meanSquaredError(x, y)',
        'the mean over dimensions for the sum',
      ],
      [
        'tf.concat([alive, alive], 2)), 2)',
        'tf.concat([alive, alive], 2)), 1)',
        'half the loss of the continue head',
      ],
      [
        'const alive = tf.sub(1, windows.terminated)',
        'const alive = windows.terminated',
        'the continue head learns the ends',
      ],
      ['kl: beta,', 'kl: 1,', 'β left out'],
      ['reward: 1,', 'reward: 0.5,', 'half the loss of the reward'],
      [
        'latent_consistency: model.latentWeight',
        'latent_consistency: model.reconstructionWeight',
        'the weight of another term',
      ],
      ['tf.mul(windows.reward, 1 - gamma)', 'windows.reward', "the critic's reward unscaled"],
      ['tf.mul(bootstrap, gamma)', 'bootstrap', "the critic's target undiscounted"],
      ['critic.terminalMask ?', '!critic.terminalMask ?', 'the bootstrap goes on after a termination'],
      [
        'critic.stopGradient ? target(nextMean)',
        'critic.stopGradient ? target(inference.mean)',
        'the value of the observation before as bootstrap',
      ],
      [
        'critic.stopGradient ? target(nextMean)',
        'critic.stopGradient ? value(parameters, layers, nextMean)',
        'the online critic as its own target',
      ],
      [
        'distance(predicted, later(y), unbroken)',
        'distance(predicted, later(y))',
        'predictions compared across episode starts',
      ],
      [
        'tf.div(batch * (time - 1), tf.maximum(memberSum(mask), 1))',
        'tf.onesLike(memberSum(mask))',
        'masked predictions count in the mean',
      ],
      ['[onPrediction, 1]', '[onPrediction, 0.5]', "half the critic's loss on predictions"],
      [
        'return meanSquaredError(predicted, returns, weight)',
        'return meanSquaredError(predicted, returns)',
        'imagined states after the end count in full',
      ],
      [
        'memberMean(klToStandardNormal(posterior.mean, posterior.logVariance))',
        'memberMean(klToStandardNormal(mean, tf.split(posterior.logVariance, 2, 2)[0]!))',
        'no divergence of the next observation',
      ],
    ],
  },
  {
    area: 'Losses of the world model',
    file: source.actorLoss,
    by: updateByJax,
    changes: [
      ['value: memberMean(objective, -1)', 'value: memberMean(objective)', "the actor's loss negated"],
      ['-dy.size / perState[0]!.size', 'dy.size / perState[0]!.size', "the actor's gradient negated"],
      [
        'tf.sub(tf.mul(advantage!, action), bonus)',
        'tf.mul(advantage!, action)',
        'no gradient of the entropy',
      ],
    ],
  },
  {
    area: 'Losses of the world model',
    file: source.losses,
    by: tests.losses('reaches encoder and dynamics'),
    changes: [
      ['critic.shapesModel ? f() : stopGradient(f)', 'f()', 'the critic shapes the model of every arm'],
    ],
  },
  {
    area: 'Losses of the world model',
    file: source.distributions,
    by: tests.nn('distributions equal'),
    changes: [
      [
        'tf.mul(logVariance, 0.5)), noise',
        'logVariance), noise',
        'a sample with the variance for its deviation',
      ],
      ['value: tf.mul(0.5, tf.sub', 'value: tf.mul(1, tf.sub', 'twice the divergence'],
      [
        'value: tf.neg(tf.sum(tf.mul(probabilities',
        'value: (tf.sum(tf.mul(probabilities',
        'the entropy negated',
      ],
    ],
  },
  {
    area: 'Imagination',
    file: source.imagination,
    by: updateByJax,
    changes: [
      ['tf.mul(reward, model.valueScale)', 'reward', 'imagined rewards unscaled'],
      ['tf.mul(continueProbability, gamma)', 'continueProbability', 'imagined returns undiscounted'],
      [
        'target(imagination.nextFeatures) as tf.Tensor3D',
        'target(imagination.features) as tf.Tensor3D',
        'the value a step early',
      ],
      ['critic.returnLambda)', '1)', 'no value but the last one'],
      ['tf.zerosLike(scaled), 1)', 'tf.zerosLike(scaled), 0)', 'the first reward alone, without bootstrap'],
      ['value! : tf.mean(returns, 1, true)', 'value! : 0', 'no baseline, without critic'],
      ['bootstrapsActor ? value!', 'bootstrapsActor ? 0', 'no baseline, with critic'],
      ['0.05, 0.95', '0.25, 0.75', 'advantages over another range'],
      [
        'tf.reshape(returns, [members, -1])',
        'tf.reshape(advantage, [members, -1])',
        'the range of advantages for that of returns',
      ],
    ],
  },
  {
    area: 'Imagination',
    file: source.rollOut,
    by: portableUpdateByJax,
    changes: [
      [
        'features: tf.stack(features.slice(0, -1), 2)',
        'features: tf.stack(features.slice(1), 2)',
        'the state after an action for the one before',
      ],
    ],
  },
  {
    area: 'Imagination',
    file: source.imagination,
    by: tests.losses('imagined returns'),
    changes: [['tf.maximum(range, actor.returnRangeFloor)', 'range', 'no floor of the range']],
  },
  {
    area: 'Imagination',
    file: source.imaginedRewards,
    by: tests.losses('imagined returns'),
    changes: [
      ['tf.onesLike(reward)', 'tf.zerosLike(reward)', 'without continue head everything ends at once'],
    ],
  },
  {
    area: 'Imagination',
    file: source.imaginedRewards,
    by: updateByJax,
    changes: [
      [
        'tf.cumprod(continueProbability, 2, true)',
        'tf.cumprod(continueProbability, 2, false)',
        'the weight of a state counts its own end',
      ],
    ],
  },
  {
    area: 'Imagination',
    file: source.networks,
    by: tests.losses('bootstrap promises'),
    changes: [
      ['critic.boundedTarget ?', '!critic.boundedTarget ?', 'the bootstrap unbounded'],
      [
        'Math.min(0, spaces.rewardRange[0] / spaces.rewardScale)',
        'spaces.rewardRange[0] / spaces.rewardScale',
        'no value below the least reward',
      ],
    ],
  },
  {
    area: 'Updates',
    file: source.update,
    by: updateByJax,
    changes: [
      [
        'sequenceStates(inference.mean,',
        'sequenceStates(inference.latent,',
        'imagination starts from samples',
      ],
      ['weighed(lambda);', 'weighed(1);', 'λ left out on real states'],
      ['losses.push([critic, scalars.lambda])', 'losses.push([critic, 1])', 'λ left out on imagined states'],
      ['losses.push([loss, 1])', 'losses.push([loss, 2])', "twice the actor's loss"],
      ["slice('critic'), settings.critic.targetRate", "slice('critic'), 1", 'no average of the critic'],
      ['scalars.actorLearningRate)', 'scalars.learningRate)', "the model's step size for the actor"],
      [' gradient_norm: ofModel.terms', ' gradient_norm: ofActor.terms', 'the norm of another gradient'],
      [
        'actor_gradient_norm: ofActor.terms',
        'actor_gradient_norm: ofModel.terms',
        "the model's norm for the actor's",
      ],
      [
        'tf.concat([model.parameters, actor.parameters], 1)',
        'tf.concat([weights.model.parameters, weights.actor.parameters], 1)',
        'the norm of the weights before the update',
      ],
      [
        'memberMean(imagined.returns)',
        'memberMean(imagined.advantage)',
        'the mean advantage for the mean return',
      ],
      [
        'memberMean(imagined.continueProbability)',
        'memberMean(imagined.weight)',
        'the mean weight for the continue probability',
      ],
    ],
  },
  {
    area: 'Updates',
    file: source.lstmMemory,
    by: updateByJax,
    changes: [['hidden: stateBefore(hidden, first)', 'hidden', 'imagination starts a step late']],
  },
  {
    area: 'Updates',
    file: source.worldModel,
    by: updateByJax,
    changes: [
      [
        'x.shape.slice(3)]), steps)',
        'x.shape.slice(3)]), tf.zerosLike(steps))',
        'all starts at the first step',
      ],
    ],
  },
  {
    area: 'Updates',
    file: source.update,
    by: tests.vaeLstm('averages'),
    changes: [
      ["slice('encoder'), policyAverage", "slice('encoder'), 1", 'no average of the encoder'],
      [
        'actor.parameters, policyAverage',
        'weights.actor.parameters, policyAverage',
        'the average of the actor an update late',
      ],
    ],
  },
  {
    area: 'Updates',
    file: source.vaeLstmAgent,
    by: tests.vaeLstm('an update'),
    changes: [
      ['scheduleAt(beta, step)', 'scheduleAt(beta, update)', 'β by updates, not steps'],
      [
        'polynomialDecayRate(update, policyAverage)',
        'polynomialDecayRate(step, policyAverage)',
        'the rate of the average by steps, not updates',
      ],
      ['biasCorrection(update)', 'biasCorrection(update + 1)', "Adam's correction an update late"],
      ['random.integer(rows)', 'random.integer(rows - 1)', 'no imagination from the last state'],
      ["eachStream('posterior')", "eachStream('imagination')", 'posterior noise from another stream'],
      [
        "const imagination = this.state.eachStream('imagination')",
        "const imagination = this.state.eachStream('posterior')",
        'imagination from another stream',
      ],
      ["streams('model-weights')", "streams('weights')", 'initial weights from another stream'],
      [
        "streams('actor-weights')",
        "streams('model-weights-2')",
        "the actor's initial weights from another stream",
      ],
      [
        'vector(({ actor }) => actor.entropy)',
        'vector(({ lambda }) => lambda)',
        'λ for the weight of the entropy',
      ],
      [
        'tf.div(observations, [...observationScale])',
        'observations',
        'latent terms of unscaled observations',
      ],
    ],
  },
  {
    area: 'Updates',
    file: source.trainingState,
    by: tests.vaeLstm('begins with|an update'),
    changes: [
      [
        'this.#byName((name) => RandomStream.named(seed, name))',
        'this.#byName((name) => RandomStream.named(seeds[0]!, name))',
        "every member's noise from the first one's streams",
      ],
      [
        'seeds.map((seed) => RandomStream.named(seed, name))',
        'seeds.map(() => RandomStream.named(seeds[0]!, name))',
        'all members begin alike',
      ],
    ],
  },
  {
    area: 'Optimizers and averages',
    file: source.adam,
    by: tests.nn('adam takes'),
    changes: [
      ['BETA1 = 0.9;', 'BETA1 = 0.99;', 'a longer average of the gradient'],
      ['BETA2 = 0.999;', 'BETA2 = 0.99;', 'a shorter average of its square'],
      ['mean: tf.scalar(1 / (1 - BETA1 ** update))', 'mean: tf.scalar(1)', 'no correction of the average'],
      ['square: tf.scalar(1 / (1 - BETA2 ** update))', 'square: tf.scalar(1)', 'no correction of the square'],
      ['tf.minimum(1, tf.div(clip', 'tf.maximum(1, tf.div(clip', 'small gradients scaled up to the clip'],
      [
        'tf.square(clipped), 1 - BETA2',
        'tf.square(gradient), 1 - BETA2',
        'the square of the unclipped gradient',
      ],
      [
        'tf.add(tf.sqrt(tf.mul(square, correction.square)), epsilon)',
        'tf.mul(square, correction.square)',
        'no root of the square',
      ],
      ['epsilon = 1e-8', 'epsilon = 1e-2', 'a larger ε'],
    ],
  },
  {
    area: 'Optimizers and averages',
    file: source.movingAverage,
    by: tests.nn('movingAverage moves|polynomial-decay'),
    changes: [
      ['tf.sub(value, average)', 'tf.sub(average, value)', 'the average moves away'],
      ['FORGETTING = 8', 'FORGETTING = 9', 'another share of the past'],
      ['(update + FORGETTING)', '(update + FORGETTING + 1)', 'a rate of one update later'],
      ['Math.max(least', 'Math.min(least', 'the least rate from the start'],
    ],
  },
  {
    area: 'Optimizers and averages',
    file: source.schedule,
    by: tests.training('scheduleAt'),
    changes: [
      ['Math.min(1, step / schedule.over)', 'step / schedule.over', 'the line goes on beyond its end'],
      ['(schedule.to - schedule.from)', '(schedule.from - schedule.to)', 'the line goes the other way'],
    ],
  },
];

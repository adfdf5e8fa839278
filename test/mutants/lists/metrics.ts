import type { Group } from '../mutant.ts';
import { source, tests } from '../places.ts';

const evaluation = tests.metrics('step 6000');
const measurement = tests.metrics('wm eval');

/** What evaluation plays and what is measured of a model. */
export const metrics: readonly Group[] = [
  {
    area: 'Metrics of the model',
    file: source.warmedStarts,
    by: measurement,
    changes: [
      ['START_FIRST = 10', 'START_FIRST = 11', 'warmed starts a step later'],
      ['START_EVERY = 20', 'START_EVERY = 10', 'warmed starts twice as often'],
      [
        'subarray(at + 1, at + steps).includes',
        'subarray(at + 1, at + steps + 1).includes',
        'one episode start too many breaks a start',
      ],
      ['if (!unbroken || !broken)', 'if (true)', 'open loop across episode starts'],
    ],
  },
  {
    area: 'Metrics of the model',
    file: source.followedSequences,
    by: measurement,
    changes: [
      [
        'model.decode(predicted), tf.tensor1d([...spaces.observationScale])',
        'model.decode(predicted), 1',
        'scale dropped',
      ],
      [
        'model.decode(predicted)',
        'model.decode(model.features(states))',
        'the reconstruction for the prediction',
      ],
      ['tf.sum(mask, 1)', 'steps', 'padding counted as steps'],
    ],
  },
  {
    area: 'Metrics of the model',
    file: source.diagnostics,
    by: measurement,
    changes: [
      [
        'tf.div(squaredError, variance)',
        'tf.div(squaredError, tf.sqrt(variance))',
        'standardised by the deviation',
      ],
      [
        'followInParts(model, own,',
        'followInParts(model, heldOutOfEach,',
        'own error measured on the held-out set',
      ],
      ['squares / rows - (sum / rows) ** 2', 'squares / rows', 'the mean square for the variance'],
      [
        'variances(heldOut.observation,',
        'variances(own[0]!.observation,',
        'standardised by the own episodes',
      ],
      ['heldOut, randoms), toReward)', 'heldOut, randoms), 1)', 'dream return unscaled'],
      [
        'tf.sub(predicted, tf.tensor1d(obtained))',
        'tf.sub(tf.tensor1d(obtained), predicted)',
        'value bias negated',
      ],
      ['gamma ** (at % time)', '1', 'value bias against the undiscounted return'],
      ['sum / batch', 'sum', 'value bias against the sum over episodes'],
      [
        '(model.features(states))), toReward)',
        '(model.features(states))), 1)',
        'value bias of the scaled value',
      ],
      ['tf.greater(logits, 0)', 'tf.greater(logits, 0.5)', 'threshold of the continue accuracy moved'],
      [
        '{ predicted }: Followed',
        '{ states: { latent: predicted } }: Followed',
        'continue accuracy from the latent before',
      ],
      [
        'tf.mul(0.5, tf.add(recognisedAlive, recognisedEnds))',
        'recognisedAlive',
        'accuracy on continuations alone',
      ],
    ],
  },
  {
    area: 'Metrics of the model',
    file: source.rollOutDiagnostics,
    by: measurement,
    changes: [
      ['(at + k - 1) * observation', '(at + k) * observation', 'open loop compared a step late'],
      ['[0, 0, k - 1, 0]', '[0, 0, k, 0]', 'open loop a step too long'],
      [
        'warmedStarts(sequences, false)',
        'warmedStarts(sequences, true)',
        'dream return from unbroken starts alone',
      ],
      [
        'tf.slice(imagined, [0, 0, 0], [members, some.length, 1])',
        'imagined',
        'dream return averaged over the horizon',
      ],
      ['memberMean(error, share)', 'memberMean(error)', 'parts of the open loop added up unweighted'],
    ],
  },
  {
    area: 'Metrics of the model',
    file: source.windows,
    by: measurement,
    changes: [
      [
        'subarray(at * width, end * width)',
        'subarray((at + 1) * width, (end + 1) * width)',
        'actions of the open loop shifted by one',
      ],
    ],
  },
  {
    area: 'Dreams',
    file: source.dreams,
    by: tests.film('begin where'),
    changes: [
      ['Math.min(from, length - 1)', 'from', 'a dream begun after the episode'],
      ['first + i * horizon', 'first + i', 'dreams that begin too early'],
      ['(step % horizon) + 1', 'step + 1', 'steps since reality counted over dreams'],
      ['verbs.reward(imagined), spaces.rewardScale', 'verbs.reward(imagined), 1', 'rewards unscaled'],
    ],
  },
  {
    area: 'Metrics of the model',
    file: source.lstmMemory,
    by: measurement,
    changes: [
      ['hidden: stateBefore(hidden, first)', 'hidden: hidden', 'the state after the step for the one before'],
      ['cell: stateBefore(cell, first)', 'cell', 'the cell after the step for the one before'],
    ],
  },
  {
    area: 'Metrics of the model',
    file: source.networks,
    by: measurement,
    changes: [['valueScale: 1 - settings.gamma', 'valueScale: 1', 'values and returns unscaled']],
  },
  {
    area: 'Metrics of the model',
    file: source.vaeLstmAgent,
    by: measurement,
    changes: [
      [
        'membersOf(flat, from, members)',
        'tf.zerosLike(membersOf(flat, from, members))',
        'dream return without a value at its end',
      ],
    ],
  },
  {
    area: 'Metrics of the model',
    file: source.latents,
    by: tests.failure('latent terms'),
    changes: [
      ['ACTIVE_VARIANCE = 0.01', 'ACTIVE_VARIANCE = 0.1', 'active from a greater variance on'],
      ['perDimension(mean), 1)', 'perDimension(logVariance), 1)', 'the spread of the log-variance'],
      ['tf.sqrt(variance)', 'variance', 'the variance for the deviation'],
      [
        'tf.min(kl, 1), tf.max(kl, 1)',
        'tf.max(kl, 1), tf.min(kl, 1)',
        'least and greatest divergence exchanged',
      ],
    ],
  },
  {
    area: 'Evaluation',
    file: source.train,
    by: evaluation,
    changes: [
      [
        "'average', episodes, RECORDED_EPISODES",
        "'online', episodes, RECORDED_EPISODES",
        'the online policy in place of the averaged one',
      ],
      ["'online', episodes, 0", "'average', episodes, 0", 'the averaged policy in place of the online one'],
      ['`evaluation/${step}`', "'evaluation'", 'every evaluation from the same starts'],
      ['RECORDED_EPISODES = 20', 'RECORDED_EPISODES = 22', 'more episodes recorded'],
      [
        '...returnStatistics(average[member]!.episodes)',
        '...returnStatistics(average[0]!.episodes.slice(1))',
        'an episode left out of the mean',
      ],
    ],
  },
  {
    area: 'Evaluation',
    file: source.vaeLstmAgent,
    by: evaluation,
    changes: [
      ["policyName === 'online' ?", "policyName === 'average' ?", 'the two policies exchanged'],
      ['actor: averageActor }', 'actor }', "the online actor on the average's encoder"],
      ['{ encoder: averageEncoder,', '{ model,', "the average's actor on the online encoder"],
    ],
  },
  {
    area: 'Evaluation',
    file: source.diagnostics,
    by: evaluation,
    changes: [['`diagnosis/${steps[member]}`', "'diagnosis'", 'the same noise at every measurement']],
  },
  {
    area: 'Evaluation',
    file: source.evaluateRun,
    by: tests.metrics('wm eval'),
    changes: [
      ["'average', episodes", "'online', episodes", 'wm eval plays the online policy'],
      ["(seeds, 'eval')", "(seeds, 'evaluation/0')", 'wm eval from other starts'],
      ['(data ? step : 0)', '(data ? step : 1)', 'wm eval with other noise'],
    ],
  },
  {
    area: 'Evaluation',
    file: source.evaluate,
    by: evaluation,
    changes: [
      [
        'starts: seeds.map((seed) => RandomStream.named(seed, name))',
        'starts: seeds.map(() => RandomStream.named(0, name))',
        'every seed from the same starts',
      ],
    ],
  },
  {
    area: 'Evaluation',
    file: source.evaluate,
    by: tests.training('plays whole episodes greedily'),
    changes: [
      [
        'environments.reset(i, starts[member]!)',
        'environments.reset(i, starts[0]!)',
        "every member from the first one's starts",
      ],
      ['episode.return += rewards[i]!', 'episode.return = rewards[i]!', 'the last reward for the return'],
      [
        'trace.observations.push(kept(before, i))',
        'trace.observations.push(kept(observations, i))',
        'the next observation recorded for the one before',
      ],
      ['own.slice(0, record)', 'own.slice(0, record + 1)', 'an episode too many recorded'],
      [
        'batch.terminated[start + length - 1] = Number(terminated)',
        'batch.terminated[start + length - 1] = 1',
        'a truncation recorded as a termination',
      ],
      [
        'episode.truncated = truncated[i] === 1',
        'episode.truncated = terminated[i] === 1',
        'a termination taken for a truncation',
      ],
    ],
  },
  {
    area: 'Evaluation',
    file: source.evaluate,
    by: tests.training('returnStatistics'),
    changes: [['Math.max(a, b)', 'Math.min(a, b)', 'the least return for the greatest']],
  },
  {
    area: 'Evaluation',
    file: source.heldOut,
    by: tests.training('held-out set'),
    changes: [
      ['SEED = 777', 'SEED = 778', 'another held-out set'],
      ['sequence / (CONTROLLERS - 1)', 'sequence / CONTROLLERS', 'no controller that acts at random'],
      [
        'set.terminated[at] = Number(result.terminated)',
        'set.terminated[at] = Number(result.truncated)',
        'terminations not marked',
      ],
    ],
  },
];

/** Where the code and the tests stand that the lists of mutants speak of: the one place to change when files move. */

const vaeLstm = 'src/methods/vae-lstm';
const ppo = 'src/methods/ppo';
const training = 'src/training';

export const source = {
  losses: `${vaeLstm}/losses.ts`,
  imagination: `${vaeLstm}/imagination.ts`,
  update: `${vaeLstm}/update.ts`,
  vaeLstmAgent: `${vaeLstm}/agent.ts`,
  latents: `${vaeLstm}/latents.ts`,
  networks: `${vaeLstm}/networks.ts`,
  ppoAdvantage: `${ppo}/advantage.ts`,
  ppoLosses: `${ppo}/losses.ts`,
  ppoUpdate: `${ppo}/update.ts`,
  ppoAgent: `${ppo}/agent.ts`,
  returns: `${training}/returns.ts`,
  replay: `${training}/replay.ts`,
  ring: `${training}/ring.ts`,
  transitions: `${training}/transitions.ts`,
  replayLearner: `${training}/replay-learner.ts`,
  collector: `${training}/collector.ts`,
  evaluate: `${training}/evaluate.ts`,
  heldOut: `${training}/held-out.ts`,
  lossLog: `${training}/loss-log.ts`,
  schedule: `${training}/schedule.ts`,
  trainingState: `${training}/training-state.ts`,
  train: `${training}/train.ts`,
  weights: `${training}/weights.ts`,
  actorLoss: 'src/models/actor-loss.ts',
  diagnostics: 'src/models/diagnostics.ts',
  dreams: 'src/models/dreams.ts',
  imaginedRewards: 'src/models/imagined-rewards.ts',
  rollOut: 'src/models/roll-out.ts',
  windows: 'src/models/windows.ts',
  worldModel: 'src/models/world-model.ts',
  vaeLstmModel: 'src/models/vae-lstm/model.ts',
  dynamics: 'src/models/vae-lstm/dynamics.ts',
  distributions: 'src/nn/distributions.ts',
  adam: 'src/nn/adam.ts',
  movingAverage: 'src/nn/moving-average.ts',
  statistics: 'src/statistics.ts',
  student: 'src/student.ts',
  samples: 'src/compare/samples.ts',
  evaluateRun: 'src/experiment/evaluate-run.ts',
  trainSeeds: 'src/experiment/train-seeds.ts',
  seedRecord: 'src/experiment/seed-record.ts',
  checkpoint: 'src/runs/checkpoint.ts',
  csv: 'src/runs/csv.ts',
  summary: 'src/runs/summary.ts',
} as const;

const test = (file: string) => (names?: string) => ({
  file: `test/${file}.test.ts`,
  ...(names && { names }),
});

export const tests = {
  vaeLstm: test('vae-lstm'),
  compare: test('compare'),
  diagnostics: test('diagnostics'),
  failure: test('failure'),
  film: test('film'),
  losses: test('losses'),
  metrics: test('model-metrics'),
  nn: test('nn'),
  ppo: test('ppo'),
  resume: test('resume'),
  runs: test('runs'),
  statistics: test('statistics'),
  training: test('training'),
  update: test('update'),
};

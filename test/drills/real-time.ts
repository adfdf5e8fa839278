import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadExperiment } from '../../src/config/load.ts';
import { environmentEntry } from '../../src/envs/index.ts';
import { rateOf } from '../../src/experiment/real-time.ts';
import { readCsv } from '../../src/runs/csv.ts';
import { ExperienceLog } from '../../src/runs/experience-log.ts';
import { SeedFolder } from '../../src/runs/seed-folder.ts';
import { agentSpaces } from '../../src/training/agent-spaces.ts';
import { STEP_AFTER_OUTAGE } from '../../src/training/real-time/acted-step.ts';
import { events, linesWithoutTime, text } from '../support/tiny-run.ts';

/**
 * `npm run drills:real-time -- --config configs/real-time/cartpole.yaml --runs DIR --learn-again`: trains in real time,
 * kills the learner at a third of the steps and the actor at two thirds, and holds what the columns say to the record.
 * Exit code 1 where anything is not as promised.
 */

const { values } = parseArgs({
  options: {
    config: { type: 'string', default: 'configs/real-time/cartpole.yaml' },
    runs: { type: 'string', default: 'runs' },
    steps: { type: 'string' },
    'learn-again': { type: 'boolean', default: false },
  },
});

const file = values.config;
const flags = { steps: values.steps };
const experiment = loadExperiment({ file, text: readFileSync(file, 'utf8'), flags });
const dir = path.join(values.runs, experiment.name);
const seedDir = path.join(dir, 'seed-0');
const entry = environmentEntry(experiment.environment, experiment);
const rate = rateOf(experiment)!;
const wm = fileURLToPath(new URL('../../bin/wm.js', import.meta.url));

function train(runs: string): Promise<number | null> {
  const args = [
    wm,
    'train',
    '--config',
    file,
    '--seeds',
    '0',
    '--runs',
    runs,
    '--steps',
    `${experiment.steps}`,
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  return new Promise((resolve) => child.once('close', resolve));
}

const experience = (): ExperienceLog | undefined => {
  const log = path.join(seedDir, 'experience.records');
  if (!existsSync(log)) return undefined;
  const { carry } = JSON.parse(readFileSync(log).toString('latin1').split('\n')[0]!);
  return new ExperienceLog(seedDir, agentSpaces(entry), carry / 4);
};

/** Kills a part once so many steps are recorded; gives how many there were. */
async function killAt(steps: number, part: string): Promise<number> {
  let log: ExperienceLog | undefined;
  while ((log?.length ?? 0) < steps) {
    await setTimeout(100);
    log ??= experience();
  }
  const { pid } = events(dir).findLast((event) => 'part' in event && event.part === part)!;
  const now = log!.length;
  process.kill(pid, 'SIGKILL');
  process.stderr.write(`killed the ${part} process ${pid} at step ${now}\n`);
  return now;
}

const training = train(values.runs);
const learnerKilledAt = await killAt(Math.floor(experiment.steps / 3), 'learning');
const actorKilledAt = await killAt(Math.floor((2 * experiment.steps) / 3), 'acting');
assert.equal(await training, 0, 'the run comes to its end');

const log = experience()!;
assert.equal(log.length, experiment.steps, 'no step is missing');
const late = { all: 0, withoutLearner: 0 };
/** The first step of each update's policy that is newer than when the learner died. */
let learnerBack = Number.NaN;
const outages: number[] = [];
let before = log.at(0);
const newest = { update: 0, atKill: 0 };
for (let index = 1; index < log.length; index++) {
  const step = log.at(index);
  assert.equal(step.first[0], before.ended[0], `step ${index} goes on where the one before has led`);
  if (!step.first[0]) assert.deepEqual(step.observation, before.nextObservation, `step ${index}`);
  if (step.before === STEP_AFTER_OUTAGE) outages.push(index);
  else assert.ok(Math.abs(step.time - before.time - 1 / rate) < 1e-6, `step ${index} is taken at its tick`);
  late.all += step.late;
  newest.update = Math.max(newest.update, step.policy.update);
  if (index === learnerKilledAt) newest.atKill = newest.update;
  if (index > learnerKilledAt && Number.isNaN(learnerBack)) {
    late.withoutLearner += step.late;
    if (step.policy.update > newest.atKill) learnerBack = index;
  }
  before = step;
}
late.all += log.at(0).late;
assert.equal(outages.length, 1, 'the actor died once');
assert.ok(outages[0]! >= actorKilledAt);
const { rows } = readCsv(path.join(seedDir, 'metrics.csv'))!;
const counted = rows.reduce((sum, { late_actions }) => sum + Number(late_actions), 0);
assert.equal(counted, late.all, 'the columns count every late step');

const row = (cells: readonly (string | number | null | undefined)[]) => `| ${cells.join(' | ')} |\n`;
const columns = ['env_step', 'reward_mean', 'steps_per_second', 'late_actions', 'response_ms_mean'];
columns.push('response_ms_max', 'outage_seconds', 'policy_age_steps_mean', 'policy_age_steps_max');
columns.push('update', 'updates_per_second');
process.stdout.write(
  row(columns) +
    row(columns.map(() => '---:')) +
    rows.map((each) => row(columns.map((c) => each[c]))).join(''),
);
const share = (count: number, of: number) => `${count} of ${of} (${((100 * count) / of).toFixed(2)} %)`;
process.stdout.write(
  [
    `late actions: ${share(late.all, log.length)}`,
    `without a learner, steps ${learnerKilledAt} to ${learnerBack}: every tick taken, late ${share(late.withoutLearner, learnerBack - learnerKilledAt)}`,
    `actor killed at step ${actorKilledAt}: went on with step ${outages[0]}, ${(log.at(outages[0]!).time - log.at(outages[0]! - 1).time).toFixed(2)} s later`,
    '',
  ].join('\n'),
);

if (values['learn-again']) {
  const runs = `${values.runs}-again`;
  cpSync(dir, path.join(runs, experiment.name), { recursive: true });
  const again = path.join(runs, experiment.name, 'seed-0');
  const gone = ['metrics.csv', 'losses.csv', 'done.json', 'policy.safetensors'];
  const checkpoints = ['', '.previous', '.best'].map((which) => `checkpoint${which}.safetensors`);
  for (const name of [...gone, ...checkpoints]) rmSync(path.join(again, name), { force: true });
  assert.equal(await train(runs), 0);
  const result = (folder: string) => ({
    state: new SeedFolder(path.dirname(folder), 0).readCheckpoint()!.state,
    metrics: linesWithoutTime(text(folder, 'metrics.csv')),
    losses: text(folder, 'losses.csv'),
  });
  assert.deepEqual(result(again), result(seedDir), 'what is learnt again is the same to the byte');
  process.stdout.write('learnt again from the record: the same to the byte\n');
}

import assert from 'node:assert/strict';
import { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { loadExperiment } from '../src/config/load.ts';
import { methodNames } from '../src/config/schema.ts';
import { startEngine } from '../src/engine/engine.ts';
import { type EnvironmentEntry, environmentEntry } from '../src/envs/index.ts';
import { createAgent } from '../src/experiment/create-agent.ts';
import { type MethodName, methods } from '../src/methods/index.ts';
import { readCsv } from '../src/runs/csv.ts';
import { cutDamagedRecords } from '../src/runs/damaged-records.ts';
import { ExperienceLog } from '../src/runs/experience-log.ts';
import { RecordLog } from '../src/runs/record-log.ts';
import { SeedFolder } from '../src/runs/seed-folder.ts';
import type { Agent } from '../src/training/agent.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import {
  type ActedStep,
  STEP_AFTER_OUTAGE,
  STEP_OPENS_SITTING,
} from '../src/training/real-time/acted-step.ts';
import { actInRealTime, type Policy, type RealTimeActing } from '../src/training/real-time/acting.ts';
import { clockOf } from '../src/training/real-time/clock.ts';
import { type Experience, realTimeLearner } from '../src/training/real-time/learner.ts';
import { RealTimeTally } from '../src/training/real-time/tally.ts';
import { recurrentAgent } from './support/agents.ts';
import { type CommandLine, runInTurn, start } from './support/program.ts';
import { result } from './support/sitting.ts';
import { temporaryFolder } from './support/temporary-folder.ts';
import { events, tinyDreamCritic, waitFor } from './support/tiny-run.ts';

const root = temporaryFolder('real-time');
const cartPole = environmentEntry('CartPole-v1');

/** A copy of a step, whose arrays the next one overwrites. */
const copyOf = (step: ActedStep): ActedStep => structuredClone(step);

/** A clock that goes on as decisions take their time, the agent whose they are, and what it was told. */
function slowAgent(seconds: (decision: number) => number) {
  const agent = recurrentAgent([3]);
  let now = 100;
  let decisions = -1;
  const clock = {
    now: () => now,
    until: async (time: number) => {
      now = Math.max(now, time);
    },
  };
  const slow: Agent = {
    ...agent,
    act: (...args) => {
      // The first is the rehearsal.
      now += decisions < 0 ? 1 : seconds(decisions);
      decisions++;
      return agent.act(...args);
    },
  };
  return { agent: slow, clock, decisions: () => decisions };
}

async function act(changes: Partial<RealTimeActing> & Pick<RealTimeActing, 'agent' | 'clock'>) {
  const steps: ActedStep[] = [];
  const setting = {
    ...{ environment: cartPole, seed: 3, steps: 12, randomSteps: 0, randomHold: 1, rate: 10 },
    ...{ newest: () => undefined, taken: 0, open: [], isReplacing: false, ...changes },
  };
  for await (const step of actInRealTime(setting)) steps.push(copyOf(step));
  return steps;
}

const near = (found: readonly number[], expected: readonly number[]) => {
  assert.equal(found.length, expected.length);
  for (const [i, x] of found.entries()) assert.ok(Math.abs(x - expected[i]!) < 1e-6, `${found} ${expected}`);
};

test('an answer within the period is in time, and one that takes longer lets the environment go on without', async () => {
  // A tenth of a second is the period: the third answer takes 0.25 s.
  const { agent, clock, decisions } = slowAgent((decision) => (decision === 2 ? 0.25 : 0.03));
  const steps = await act({ agent, clock });
  assert.deepEqual(
    steps.map(({ late }) => late),
    [0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0],
  );
  // The clock starts with the first action, after a rehearsal of 1 s, and no deadline moves.
  near(
    steps.map(({ time }) => time - 101.03),
    steps.map((_, i) => (i + 1) / 10),
  );
  assert.equal(decisions(), 10);
  // Late steps keep to the action before, and the late answer is then acted by.
  const actions = steps.map(({ action }) => action[0]);
  assert.deepEqual([actions[2], actions[3]], [actions[1], actions[1]]);
  near([steps[1]!.response, steps[4]!.response, steps[5]!.response], [0.03, 0.25, 0.03]);
});

test('a random action that comes late lets the environment keep to the one before', async () => {
  const { agent } = slowAgent(() => 0);
  let [now, asked] = [100, 0];
  // Of a process that is held up now and then.
  const clock = {
    now: () => {
      now += asked++ % 7 === 3 ? 0.25 : 0.001;
      return now;
    },
    until: async (time: number) => {
      now = Math.max(now, time);
    },
  };
  const steps = await act({ agent, clock, steps: 60, randomSteps: 60 });
  const late = [...steps.keys()].filter((t) => steps[t]!.late);
  for (const t of late) assert.equal(steps[t]!.action[0], steps[t - 1]!.action[0]);
  const changing = late.filter((t) => steps[t + 1] && steps[t + 1]!.action[0] !== steps[t]!.action[0]);
  assert.ok(changing.length > 3);
});

test('a wait ends at its time or later, though timers end early and take whole milliseconds', async () => {
  let now = 100;
  const asked: number[] = [];
  const clock = clockOf(
    () => now,
    async (milliseconds) => {
      asked.push(milliseconds);
      now += asked.length === 1 ? 0.02 : milliseconds / 1000;
    },
  );
  await clock.until(100.0205);
  assert.deepEqual(asked, [21, 1]);
  assert.ok(now >= 100.0205);
  await clock.until(99);
  assert.equal(asked.length, 2);
  const late = now + 3e6;
  await clock.until(late);
  assert.equal(asked[2], 2 ** 31 - 1);
  assert.ok(now >= late);
});

test('each step starts where the one before has led, late or not, and an episode follows the next', async () => {
  const { agent, clock } = slowAgent((decision) => (decision % 5 === 4 ? 0.33 : 0.05));
  const steps = await act({ agent, clock, steps: 200 });
  assert.ok(steps.some(({ ended }) => ended[0] === 1));
  assert.ok(steps.filter(({ late }) => late).length > 50);
  assertContinuous(steps);
});

test('an environment that waits has no deadline: nothing is late however long an answer takes', async () => {
  const { agent, clock } = slowAgent(() => 7);
  const steps = await act({ agent, clock, rate: undefined });
  assert.deepEqual(new Set(steps.map(({ late }) => late)), new Set([0]));
  near([steps[1]!.time - steps[0]!.time, steps[1]!.response], [7, 7]);
});

test('who goes on from recorded steps does what would have been done', async () => {
  const whole = await act({ ...slowAgent(() => 0.01), steps: 90, randomSteps: 20 });
  // Each step draws anew.
  assert.deepEqual([...new Set(whole.slice(0, 20).map(({ action }) => action[0]))].sort(), [0, 1]);
  for (const taken of [7, 20, 33, 64]) {
    const before = whole.slice(0, taken);
    const from = before.findLastIndex(({ first }) => first[0] === 1);
    const open = before.at(-1)!.ended[0] ? [] : before.slice(from);
    const rest = await act({
      ...slowAgent(() => 0.01),
      ...{ steps: 90, randomSteps: 20, taken, open, isReplacing: true },
    });
    assert.deepEqual(rest.map(timeless), whole.slice(taken).map(timeless));
    assert.equal(rest[0]!.before, STEP_AFTER_OUTAGE);
  }
  // What happened otherwise is not gone on from.
  const open = whole
    .slice(0, 3)
    .map((step) => ({ ...step, nextObservation: step.nextObservation.map(() => 9) }));
  await assert.rejects(act({ ...slowAgent(() => 0.01), taken: 3, open }), /^RangeError: the environment/);
});

const timeless = ({ time: _, before: __, response: ___, ...step }: ActedStep) => step;

test('the tally counts every late step, and no outage as a step kept', () => {
  const step = (time: number, changes: Partial<ActedStep> = {}) =>
    ({
      time,
      before: 0,
      late: 0,
      response: 0.002,
      random: 0,
      policy: { update: 8, step: 1 },
      ...changes,
    }) as ActedStep;
  const tally = new RealTimeTally(10);
  const steps = [
    step(1, { before: STEP_OPENS_SITTING, random: 1 }),
    step(1.1),
    step(1.2, { late: 1, response: Number.NaN }),
    step(3.2, { before: STEP_AFTER_OUTAGE, response: 0.006 }),
    step(50, { before: STEP_OPENS_SITTING }),
  ];
  for (const [i, each] of steps.entries()) tally.add(each, i);
  tally.countUpdate();
  const saved = tally.save();
  const again = new RealTimeTally(10);
  again.load(saved);
  const row = {
    steps_per_second: 1.3636364,
    late_actions: 1,
    response_ms_mean: 3,
    response_ms_max: 6,
    outage_seconds: 2,
    policy_age_steps_mean: 1.6666667,
    policy_age_steps_max: 3,
    updates_per_second: 0.45454545,
  };
  assert.deepEqual(tally.drain(), row);
  assert.deepEqual(again.drain(), row);
  assert.equal(tally.drain().steps_per_second, null);
});

/** Updates that `learnBeside` makes where none is recorded, by the steps behind them. */
const freely = [66, 66, 66, 66, 67, 68, 69, 70];

/**
 * Learns from 70 recorded steps: 66 have come, the 67th comes during the fourth update, and from then on one with each.
 *
 * @param made the steps behind each update, added to; with them, all steps have come
 */
async function learnBeside(
  agent: Agent,
  environment: EnvironmentEntry,
  steps: readonly ActedStep[],
  made: number[],
  policies: Policy[],
) {
  let come = made.length > 0 ? 70 : 66;
  const experience: Experience = {
    steps: {
      at: (index) => copyOf(steps[index]!),
      get length() {
        return come;
      },
    },
    updates: { stepsBefore: (update) => made[update - 1], add: (step) => made.push(step) },
    ...{ rate: 20, total: 90, updateLimit: undefined, publishEvery: 2, wait: async () => {} },
    publish: async (update, step) => {
      policies.push({ state: (await agent.save())[0]!, update, step });
    },
  };
  const learner = realTimeLearner(agent.learner(environment), experience);
  let update = 0;
  for (let step = 1; step <= 70 && (await learner.hasStep!(step)); step++) {
    assert.equal(await learner.round(step, update), 0);
    for (; learner.phases!.isDue(step, update); update++) {
      if (update >= 3) come = Math.max(come, step + 1);
      await learner.phases!.learn(step, update);
    }
  }
  return { update, agent: (await agent.save())[0], learner: learner.save(0) };
}

test('updates are made while no step waits, each recorded before it is made, and by the record where there is one', async () => {
  const settings = {
    randomSteps: 10,
    randomHold: 1,
    updateEvery: 2,
    replay: { capacity: 60, batch: 2, length: 3 },
  };
  const { agent, clock } = slowAgent(() => 0.01);
  const steps = await act({ agent, clock, steps: 70 });
  const made: number[] = [];
  const policies: Policy[] = [];
  const learn = () => learnBeside(recurrentAgent([3], settings), cartPole, steps, made, policies);
  const first = await learn();
  assert.deepEqual(made, freely);
  const handedOver = policies.map(({ update, step }) => [update, step]);
  assert.deepEqual(handedOver.join(' '), '2,66 4,66 6,68 8,70');
  assert.deepEqual(await learn(), first);
  assert.deepEqual(made, freely);
});

test('every method that learns beside an actor learns from its record, again to the byte, and hands over what acts', async () => {
  await startEngine('wasm');
  for (const method of methodNames.filter((name) => methods[name].learnsBeside)) {
    const text = `method: ${method}\nrealTime: {publishEvery: 2}\nrandomSteps: 60\nsteps: 1000\nreplay: {batch: 4}\n`;
    const experiment = loadExperiment({ file: 'c.yaml', text: text + (smaller[method] ?? '') });
    const environment = environmentEntry(experiment.environment);
    const clock = { now: () => 0, until: async () => {} };
    const acting = await createAgent(experiment, [0]);
    const random = { agent: acting, clock, environment, seed: 0, steps: 70, randomSteps: 70, rate: 20 };
    const steps = await act(random);
    const made: number[] = [];
    const policies: Policy[] = [];
    const learn = async () => {
      const agent = await createAgent(experiment, [0]);
      const learnt = await learnBeside(agent, environment, steps, made, policies);
      agent.dispose();
      return learnt;
    };
    const first = await learn();
    assert.deepEqual(made, freely, method);
    assert.deepEqual(await learn(), first, method);

    const begun = steps.slice(steps.findLastIndex((step) => step.first[0] === 1));
    const open = begun.at(-1)!.ended[0] ? [] : begun;
    const goingOn = { steps: 71, randomSteps: 60, taken: 70, newest: () => policies.at(-1), open };
    for (const step of await act({ ...random, ...goingOn })) {
      assert.deepEqual([step.random, step.policy], [0, { update: 8, step: 70 }], method);
      assert.ok(step.action.every(Number.isFinite));
    }
    acting.dispose();
  }
});

/** Of methods that would take long. */
const smaller: Partial<Record<MethodName, string>> = {
  pets: 'planner: {candidates: 8, iterations: 1, horizon: 2}\n',
};

const config = `${tinyDreamCritic}
steps: 700
evaluation: { every: 200, episodes: 2 }
realTime: { rate: 120, updateLimit: 2, publishEvery: 3 }
`;

/** What a run has recorded so far; the first line says how many numbers were carried. */
function experience(dir: string): ExperienceLog {
  const file = path.join(dir, 'seed-0', 'experience.records');
  const { carry } = JSON.parse(readFileSync(file).toString('latin1').split('\n')[0]!);
  return new ExperienceLog(path.join(dir, 'seed-0'), agentSpaces(cartPole), carry / 4);
}

function recorded(dir: string): ActedStep[] {
  const log = experience(dir);
  return Array.from({ length: log.length }, (_, i) => log.at(i));
}

function folder(name: string, text: string): string {
  const dir = path.join(root, name);
  mkdirSync(dir);
  writeFileSync(path.join(dir, 'c.yaml'), text);
  return dir;
}

const train = (cwd: string, ...more: string[]) =>
  start(cwd, 'train', '--config', 'c.yaml', '--quiet', ...more);

/** Whether each step is what the environment makes of the one before, from whatever start. */
function assertContinuous(steps: readonly ActedStep[]): void {
  for (const [i, { first, observation }] of steps.entries()) {
    if (i === 0) continue;
    const before = steps[i - 1]!;
    assert.equal(first[0], before.ended[0], `step ${i}`);
    if (!first[0]) assert.deepEqual(observation, before.nextObservation, `step ${i}`);
  }
}

test('learner and actor may die in the middle: no step is missing, and what is learnt is learnt again from the record', async () => {
  const cwd = folder('killed', config);
  const dir = path.join(cwd, 'runs', 'tiny');
  const { ended } = train(cwd);
  const pid = (part: string) => events(dir).findLast((event) => 'part' in event && event.part === part)?.pid;
  const steps = () => experience(dir).length;
  await waitFor('a policy', () => existsSync(path.join(dir, 'seed-0', 'policy.safetensors')));
  process.kill(pid('learning')!, 'SIGKILL');
  const atKill = steps();
  await waitFor('another learner', () => events(dir).filter(({ kind }) => kind === 'caution').length === 1);
  await waitFor('more steps', () => steps() > atKill + 60);
  process.kill(pid('acting')!, 'SIGKILL');
  const { code, stderr } = await ended;
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^seed 0: its learning process \d+ was ended by SIGKILL; another goes on$/m);
  assert.match(stderr, /^seed 0: its acting process \d+ was ended by SIGKILL; another goes on$/m);

  const acted = recorded(dir);
  assert.equal(acted.length, 700);
  assertContinuous(acted);
  // While the learner was away the ticks went on: the actor's own outage is the only one.
  assert.deepEqual(
    acted.flatMap(({ before }, i) => (before === 0 || i === 0 ? [] : [before])),
    [STEP_AFTER_OUTAGE],
  );
  const outage = acted.findIndex(({ before }) => before === STEP_AFTER_OUTAGE);
  for (const [i, { time }] of acted.entries()) {
    if (i === 0 || i === outage) continue;
    assert.ok(Math.abs(time - acted[i - 1]!.time - 1 / 120) < 1e-6, `step ${i} stands at a tick of its own`);
  }
  assert.ok(atKill < outage - 60);

  const { rows } = readCsv(path.join(dir, 'seed-0', 'metrics.csv'))!;
  assert.deepEqual(
    rows.map(({ env_step }) => env_step),
    [200, 400, 600, 700],
  );
  const late = acted.filter((step) => step.late).length;
  assert.equal(
    rows.reduce((sum, { late_actions }) => sum + Number(late_actions), 0),
    late,
  );
  assert.ok(rows.some(({ updates_per_second }) => Number(updates_per_second) > 0));
  assert.equal(rows.filter(({ outage_seconds }) => Number(outage_seconds) > 0).length, 1);
  const policies = new Set(acted.map(({ policy }) => policy.update));
  assert.ok(policies.size > 2 && [...policies].every((update) => update % 3 === 0));

  // The record alone, in another folder: nobody acts, and all is learnt again to the byte.
  const before = result(dir, 0);
  const other = folder('again', config);
  const again = path.join(other, 'runs', 'tiny');
  cpSync(path.join(cwd, 'runs'), path.join(other, 'runs'), { recursive: true });
  const left = ['experience.records', 'updates.records'];
  for (const file of ['metrics.csv', 'losses.csv', 'done.json', 'policy.safetensors', ...checkpoints]) {
    assert.ok(!left.includes(file));
    rmSync(path.join(again, 'seed-0', file), { force: true });
  }
  const second = await train(other).ended;
  assert.equal(second.code, 0, second.stderr);
  assert.deepEqual(result(again, 0), before);
  assert.equal(recorded(again).length, 700);
});

const checkpoints = ['', '.previous', '.best'].map((which) => `checkpoint${which}.safetensors`);

test('stopped and gone on with, it acts on from its last step, and the time between is nobody’s', async () => {
  const cwd = folder('stopped', config);
  const dir = path.join(cwd, 'runs', 'tiny');
  const { child, ended } = train(cwd);
  await waitFor('a checkpoint', () => new SeedFolder(dir, 0).hasCheckpoint());
  child.kill('SIGINT');
  const { code, stderr } = await ended;
  assert.equal(code, 130, stderr);
  const before = recorded(dir);
  const { state } = new SeedFolder(dir, 0).readCheckpoint()!;
  assert.ok(before.length < 700 && state.step <= before.length && state.step >= 200);
  // What a learner that was killed a moment after its checkpoint leaves: a row of an update that is made again.
  const losses = path.join(dir, 'seed-0', 'losses.csv');
  const columns = readCsv(losses)!.rows.at(-1)!;
  const unsaved = { ...columns, env_step: state.step, update: state.update + 7 };
  appendFileSync(losses, `${Object.values(unsaved).join(',')}\n`);
  assert.equal((await train(cwd).ended).code, 0);
  const made = readCsv(losses)!.rows.map(({ update }) => Number(update));
  assert.ok(
    made.every((update, i) => i === 0 || update > made[i - 1]!),
    `${made}`,
  );
  const acted = recorded(dir);
  assert.deepEqual(acted.slice(0, before.length), before);
  assert.equal(acted[before.length]!.before, STEP_OPENS_SITTING);
  assertContinuous(acted);
  const { rows } = readCsv(path.join(dir, 'seed-0', 'metrics.csv'))!;
  assert.ok(rows.every(({ outage_seconds }) => outage_seconds === 0));
});

test('a learner that dies again and again without a step fails its seed, and the actor ends with it', async () => {
  const cwd = folder('dying', config);
  const dir = path.join(cwd, 'runs', 'tiny');
  const { ended } = train(cwd);
  const learners = () => events(dir).filter((event) => 'part' in event && event.part === 'learning');
  for (let deaths = 1; deaths <= 3; deaths++) {
    await waitFor(`learner ${deaths}`, () => learners().length === deaths);
    process.kill(learners().at(-1)!.pid, 'SIGKILL');
  }
  const { code, stderr } = await ended;
  assert.equal(code, 1);
  assert.match(stderr, /^seed 0 {2}failed: its learning process \d+ was ended by SIGKILL$/m);
  assert.equal(learners().length, 3);
  const acting = events(dir).filter((event) => 'part' in event && event.part === 'acting');
  assert.deepEqual(
    acting.map(({ pid }) => isAlive(pid)),
    [false],
  );
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('as fast as both can: the environment waits for every action, and the columns say so', async () => {
  const small = config.replace('length: 4 }', 'length: 4, capacity: 100 }');
  const cwd = folder('fast', small.replace('rate: 120', 'rate: none'));
  const { code, stderr } = await train(cwd, '--steps', '400').ended;
  assert.equal(code, 0, stderr);
  const { rows } = readCsv(path.join(cwd, 'runs', 'tiny', 'seed-0', 'metrics.csv'))!;
  assert.deepEqual(
    rows.map(({ late_actions }) => late_actions),
    [null, null],
  );
  assert.equal(recorded(path.join(cwd, 'runs', 'tiny')).length, 400);
});

test('steps that wait in vain, a damaged record and a file of something else are one sentence each', async () => {
  const cwd = path.join(root, 'fast');
  const dir = path.join(cwd, 'runs', 'tiny', 'seed-0');
  for (const file of ['done.json', 'updates.records', ...checkpoints])
    rmSync(path.join(dir, file), { force: true });
  // Without a record of its updates the learner finds all steps waiting.
  const behind = await train(cwd, '--steps', '400').ended;
  assert.equal(behind.code, 0);
  assert.match(
    behind.stderr,
    /^seed 0: \d+ steps wait to be learnt from, and replay\.capacity keeps 100: some will /m,
  );
  for (const file of ['done.json', ...checkpoints]) rmSync(path.join(dir, file), { force: true });
  const log = path.join(dir, 'experience.records');
  const bytes = readFileSync(log);
  bytes[5000]! ^= 1;
  const cases: [Buffer, RegExp][] = [
    [
      bytes,
      /experience\.records: record \d+ is damaged \(its checksum does not match\); move this seed's folder/,
    ],
    [
      Buffer.from('mine\n'),
      /experience\.records: is of another config or version of wm, or damaged; use the wm/,
    ],
  ];
  for (const [content, says] of cases) {
    writeFileSync(log, content);
    const { code, stderr } = await train(cwd, '--steps', '400').ended;
    assert.equal(code, 1);
    assert.match(stderr, says);
    assert.deepEqual(readFileSync(log), content);
  }
});

test('records that a cut of the power left unwritten at the end are cut off, and none before them', () => {
  const folder = new SeedFolder(path.join(root, 'cut'), 0);
  mkdirSync(folder.dir, { recursive: true });
  assert.deepEqual(cutDamagedRecords(folder), []);
  const file = path.join(folder.dir, 'experience.records');
  const log = new RecordLog(file, { what: 'experience' }, 20);
  log.openToAppend();
  for (let i = 1; i <= 4; i++) log.append(new Uint8Array(20).fill(i));
  log.close();
  const whole = readFileSync(file);
  assert.deepEqual(cutDamagedRecords(folder), []);
  writeFileSync(file, Buffer.concat([whole, Buffer.alloc(72)]));
  assert.deepEqual(cutDamagedRecords(folder), [
    `${file}: the last 3 records are damaged and cut off; no checkpoint needs them`,
  ]);
  assert.deepEqual(readFileSync(file), whole);
  const damaged = Buffer.from(whole);
  damaged[whole.length - 30]! ^= 1;
  for (const other of [damaged, Buffer.from('mine\n')]) {
    writeFileSync(file, other);
    assert.deepEqual(cutDamagedRecords(folder), []);
    assert.deepEqual(readFileSync(file), other);
  }
});

test('of one episode of a game nothing reaches the next, so that who goes on in it does what would have been done', async () => {
  const environment = environmentEntry('MinAtar/Breakout-v0');
  const games = { environment, steps: 3000, randomSteps: 3000 };
  const whole = await act({ ...slowAgent(() => 0), ...games });
  const starts = [...whole.keys()].filter((t) => whole[t]!.first[0] === 1 && t + 5 <= whole.length);
  assert.ok(starts.length > 100);
  for (const from of starts) {
    const taken = from + 2;
    const open = whole.slice(from, taken);
    const rest = await act({ ...slowAgent(() => 0), ...games, taken, open, steps: taken + 3 });
    assert.deepEqual(rest.map(timeless), whole.slice(taken, taken + 3).map(timeless));
  }
});

test('what cannot be in real time is refused with its place, and nothing is written', async () => {
  const cases: [string, RegExp][] = [
    [
      'method: ppo\nrealTime: true\n',
      /^wm: c\d\.yaml:2:11: realTime: method ppo does not learn from replay alone, /,
    ],
    [
      'method: mbpo\nrealTime: {rate: 10}\n',
      /^wm: c\d\.yaml:2:11: realTime: method mbpo does not learn from replay/,
    ],
    [
      'method: dqn\nenvironment: MountainCar-v0\nrealTime: true\n',
      /^wm: c\d\.yaml:3:11: realTime: the steps of MountainCar-v0 have no duration; give a rate, .*CartPole-v1/,
    ],
    [
      'method: dqn\nrealTime: {rate: 0}\n',
      /^wm: c\d\.yaml:2:18: realTime\.rate: expected own or none or a number/,
    ],
    [
      'method: dqn\nenvironment: BlockingMaze\nrealTime: {rate: 20}\n',
      /^wm: c\d\.yaml:3:11: realTime: BlockingMaze changes with its steps, .*; leave realTime out or choose/,
    ],
    ['method: dqn\nrealTime: 50\n', /^wm: c\d\.yaml:2:11: realTime: expected true or false or \{rate, /],
  ];
  const cwd = folder('refused', '');
  const lines = cases.map(([yaml], i): CommandLine => {
    writeFileSync(path.join(cwd, `c${i}.yaml`), yaml);
    return { cwd, args: ['train', '--config', `c${i}.yaml`] };
  });
  for (const [i, { code, stderr }] of (await runInTurn(lines)).entries()) {
    assert.equal(code, 2);
    assert.match(stderr, cases[i]![1]);
  }
  assert.ok(!new SeedFolder(path.join(cwd, 'runs', 'ppo'), 0).hasCheckpoint());
});

test('true is every default, false is nothing, and both are written out', () => {
  const load = (realTime: string) =>
    loadExperiment({ file: 'c.yaml', text: `method: vae-lstm\nrealTime: ${realTime}\n` }).realTime;
  const defaults = { rate: 'own', updateLimit: 8, publishEvery: 10 };
  assert.deepEqual(load('true'), defaults);
  assert.deepEqual(load('{}'), defaults);
  assert.equal(load('false'), undefined);
});

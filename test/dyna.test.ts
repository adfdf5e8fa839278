import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { loadExperiment } from '../src/config/load.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { figures } from '../src/figures/index.ts';
import { dyna } from '../src/methods/dyna/agent.ts';
import { type DynaSettings, dynaSettings } from '../src/methods/dyna/settings.ts';
import { TableLearner } from '../src/methods/dyna/table-learner.ts';
import { RandomStream } from '../src/random/stream.ts';
import { readRuns } from '../src/runs/read.ts';
import { SeedFolder } from '../src/runs/seed-folder.ts';
import { mean as meanOf, standardDeviation } from '../src/statistics.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { EpisodeLog } from '../src/training/episode-log.ts';
import { dynaReference, mulberry32, type Trace } from './support/dyna-reference.ts';
import { result, type Sitting, sitDown } from './support/sitting.ts';
import { temporaryFolder } from './support/temporary-folder.ts';
import { text } from './support/tiny-run.ts';

const settingsOf = (own: Partial<DynaSettings>): DynaSettings => dynaSettings.parse(own);

test('the generator of the reference is mulberry32', () => {
  const { seed, uniforms } = dynaReference.mulberry32;
  const { uniform } = mulberry32(seed);
  assert.deepEqual(uniforms.map(uniform), uniforms);
});

/** Replays a trace draw for draw; gives Q at the end and the steps of the episodes. */
function replay(kind: DynaSettings['kind'], { n, maze, seed, lengths, trace, ...rest }: Trace) {
  const { alpha, gamma, epsilon, kappa: bonus = 0 } = rest;
  const { make, states } = environmentEntry({ dyna: 'DynaMaze', blocking: 'BlockingMaze' }[maze]);
  const environment = make();
  const learner = new TableLearner(
    settingsOf({ kind, planningSteps: n, alpha, gamma, epsilon, bonus }),
    states!.count,
    4,
  );
  const [behaviour, planning] = [mulberry32(seed), mulberry32(seed + 1_000_000)];
  const recorded = new Map(trace.map((step) => [step.t, step]));
  const stepsInAll = maze === 'dyna' ? lengths.reduce((sum, length) => sum + length, 0) : 1500;
  const none = RandomStream.named(0, 'none');
  const found: number[] = [];
  let compared = 0;
  let began = 0;
  let state = states!.indexOf(environment.reset(none));
  for (let t = 1; t <= stepsInAll; t++) {
    const [chance, which] = [behaviour.uniform(), behaviour.uniform()];
    const action = learner.explore(state, chance, which);
    const { observation, reward, terminated } = environment.step(action);
    const next = states!.indexOf(observation);
    const planned: [number, number][] = [];
    learner.learn({ state, action, reward, next, terminated }, planning, (pair) =>
      planned.push([Math.floor(pair / 4), pair % 4]),
    );
    const expected = recorded.get(t);
    if (expected) {
      const { s, a, r, next: s2, u, planned: pairs, sumQ } = expected;
      assert.deepEqual(
        { state, action, reward, next, u: [chance, which], planned },
        { state: s, action: a, reward: r, next: s2, u, planned: pairs },
        `step ${t}`,
      );
      const sum = learner.values.reduce((total, value) => total + value, 0);
      assert.ok(Math.abs(sum - sumQ) <= 1e-12 * Math.max(1, sumQ), `step ${t}: ${sum} for ${sumQ}`);
      compared++;
    }
    if (terminated) {
      found.push(t - began);
      began = t;
    }
    state = terminated ? states!.indexOf(environment.reset(none)) : next;
  }
  assert.equal(compared, trace.length);
  return { lengths: found, Q: learner.values };
}

for (const [arm, trace] of Object.entries(dynaReference.traces)) {
  test(`${arm} acts, plans and learns as the reference, draw for draw`, () => {
    const kind = arm === 'q-learning' ? 'dyna-q' : (arm as DynaSettings['kind']);
    const { lengths, Q } = replay(kind, trace);
    assert.deepEqual(lengths, trace.lengths.slice(0, lengths.length));
    assert.ok(lengths.length >= trace.lengths.length - 1);
    // To the bit.
    assert.deepEqual([...Q], trace.Q.flat());
  });
}

/** A corridor of so many cells, walked to the right (action 1) into the goal, then learnt from backwards. */
function corridor(settings: Partial<DynaSettings>, cells: number) {
  const learner = new TableLearner(settingsOf({ kind: 'prioritized-sweeping', ...settings }), cells, 2);
  const planned: number[][] = [];
  for (let state = 0; state < cells - 1; state++) {
    const pairs: number[] = [];
    const terminated = state === cells - 2;
    learner.learn(
      { state, action: 1, reward: Number(terminated), next: state + 1, terminated },
      RandomStream.named(0, 'unused'),
      (pair) => pairs.push(pair),
    );
    planned.push(pairs);
  }
  return { learner, planned };
}

test('prioritized sweeping carries a reward back along the way, as far as n and θ let it', () => {
  const cells = 7;
  const whole = corridor({ alpha: 1, gamma: 0.5, planningSteps: 10, theta: 0.05 }, cells);
  // Nothing changes before the goal; then each pair (s, 1) in turn, backwards, until the change γ^k is below θ.
  assert.deepEqual(whole.planned, [[], [], [], [], [], [11, 9, 7, 5, 3]]);
  assert.deepEqual([...whole.learner.values], [0, 0, 0, 0.0625, 0, 0.125, 0, 0.25, 0, 0.5, 0, 1, 0, 0]);
  const short = corridor({ alpha: 1, gamma: 0.5, planningSteps: 2, theta: 0.05 }, cells);
  assert.deepEqual(short.planned.at(-1), [11, 9]);
  // With α = ½ an update leaves half of the error, but only another proposal brings the pair back.
  const half = corridor({ alpha: 0.5, gamma: 0.5, planningSteps: 10, theta: 0.2 }, cells);
  assert.deepEqual(half.planned.at(-1), [11, 9]);
  assert.deepEqual([...half.learner.values.subarray(8)], [0, 0.125, 0, 0.5, 0, 0]);
});

test('every kind of planning finds a way of 14 to 16 steps through the Dyna Maze within 40 episodes', () => {
  for (const [kind, planningSteps, alpha, bonus] of [
    ['dyna-q', 20, 0.5, 0],
    ['dyna-q-plus', 20, 1, 1e-5],
    ['bonus-in-action', 20, 0.5, 1e-5],
    ['prioritized-sweeping', 5, 0.5, 0],
  ] as const) {
    const { make, states } = environmentEntry('DynaMaze');
    const settings = settingsOf({ kind, planningSteps, alpha, bonus });
    const learner = new TableLearner(settings, states!.count, 4);
    const [behaviour, planning] = ['behaviour', 'planning'].map((name) => RandomStream.named(3, name));
    const play = (act: (state: number) => number, learn: boolean) => {
      const environment = make();
      let state = states!.indexOf(environment.reset(behaviour!));
      for (let steps = 1; ; steps++) {
        const action = act(state);
        const { observation, reward, terminated } = environment.step(action);
        const next = states!.indexOf(observation);
        if (learn) learner.learn({ state, action, reward, next, terminated }, planning!);
        if (terminated) return steps;
        state = next;
      }
    };
    for (let episode = 0; episode < 40; episode++) {
      play((state) => learner.explore(state, behaviour!.uniform(), behaviour!.uniform()), true);
    }
    const steps = play((state) => learner.exploit(state, behaviour!.uniform()), false);
    assert.ok(steps >= 14 && steps <= 16, `${kind}: ${steps}`);
  }
});

test('a learner goes on from what it saved as if it had not been saved', () => {
  const kinds = dynaSettings.shape.kind.unwrap().options;
  fc.assert(
    fc.property(
      fc.constantFrom(...kinds),
      fc.nat(),
      fc.integer({ min: 0, max: 60 }),
      (kind, seed, saveAt) => {
        const make = () => new TableLearner(settingsOf({ kind, planningSteps: 3 }), 6, 3);
        const random = RandomStream.named(seed, 'steps');
        const planning = RandomStream.named(seed, 'planning');
        const first = make();
        let second: TableLearner | undefined;
        let planningToo: RandomStream | undefined;
        for (let t = 0; t < 90; t++) {
          if (t === saveAt) {
            second = make();
            second.load(first.save());
            planningToo = RandomStream.fromState(planning.state());
          }
          const state = random.integer(6);
          const action = first.explore(state, random.uniform(), random.uniform());
          const step = { state, action, reward: random.normal(), next: random.integer(6) };
          const transition = { ...step, terminated: random.uniform() < 0.2 };
          const row = first.learn(transition, planning);
          if (second) assert.deepEqual(second.learn(transition, planningToo!), row);
        }
        assert.deepEqual(second!.save(), first.save());
        assert.ok(first.model.pairs <= 18);
      },
    ),
    { seed: 1, numRuns: 40 },
  );
});

test('members act by their own tables, greedily or with noise, and break ties by it', async () => {
  const entry = environmentEntry('DynaMaze');
  const members = [0, 1].map((seed) => ({ seed, settings: dynaSettings.parse({ epsilon: 0.25 }) }));
  const agent = dyna.create(members, agentSpaces(entry));
  agent.learner(entry);
  const start = [2, 0, 2, 0, 2, 0, 2, 0];
  const act = async (mode: 'greedy' | 'sampled', noise: number[]) => {
    const situation = { observations: Float32Array.from(start), carry: new Float32Array(0) };
    return [...(await agent.act({ ...situation, noise: Float32Array.from(noise) }, 'online', mode)).actions];
  };
  assert.deepEqual(await act('greedy', [0, 0.3, 0.6, 0.99]), [0, 1, 2, 3]);
  // Below ε at random, else among the best, which all are.
  assert.deepEqual(await act('sampled', [0.2, 0.3, 0.3, 0.3, 0.9, 0.8, 0.1, 0]), [1, 1, 3, 0]);
  // The second member alone learns that to the left is worth something: S has state 18.
  const states = await agent.save();
  const values = states[1]!.arrays.values!;
  values.data[18 * 4 + 2] = 1;
  agent.load(states);
  assert.deepEqual(await act('greedy', [0, 0.3, 0.6, 0.99]), [0, 1, 2, 2]);
  assert.deepEqual(await act('sampled', [0.2, 0.3, 0.3, 0.3, 0.9, 0.8, 0.1, 0]), [1, 1, 2, 0]);
});

test('an episode log tells the episodes of each member, and goes on from what it saved', () => {
  const step = (reward: number[], ended: number[]) =>
    ({ reward: Float32Array.from(reward), ended: Uint8Array.from(ended) }) as unknown as Parameters<
      EpisodeLog['record']
    >[0];
  const log = new EpisodeLog(2, 1);
  log.record(step([1, 0], [0, 1]), 1);
  log.record(step([2, 5], [1, 0]), 2);
  assert.deepEqual(log.drain(2), [
    [{ env_step: 2, episode: 1, return: 3, length: 2 }],
    [{ env_step: 1, episode: 1, return: 0, length: 1 }],
  ]);
  log.record(step([4, 7], [1, 1]), 3);
  log.record(step([8, 9], [0, 0]), 4);
  const other = new EpisodeLog(2, 1);
  for (const member of [0, 1]) other.load(member, log.save(member));
  other.record(step([16, 0], [1, 0]), 5);
  assert.deepEqual(other.drain(5), [
    [
      { env_step: 3, episode: 2, return: 4, length: 1 },
      { env_step: 5, episode: 3, return: 24, length: 2 },
    ],
    [{ env_step: 3, episode: 2, return: 12, length: 2 }],
  ]);
});

describe('a run', () => {
  const config = (kind: string) =>
    loadExperiment({
      file: 'c.yaml',
      text: `
method: dyna
engine: wasm
environment: Maze
maze: |
  S...
  .##.
  ...G
  after 150
  S.#.
  .##.
  ...G
kind: ${kind}
seeds: [1, 2, 3]
steps: 400
logEvery: 30
planningSteps: 4
evaluation: { every: 200, episodes: 3 }
`,
    });
  const root = temporaryFolder('dyna');
  const folder = (name: string) => {
    const dir = path.join(root, name);
    mkdirSync(dir);
    return dir;
  };
  const all = (dir: string, seed: number) => ({
    ...result(dir, seed),
    episodes: text(dir, `seed-${seed}`, 'training-episodes.csv'),
  });

  for (const kind of ['dyna-q-plus', 'prioritized-sweeping']) {
    test(`of ${kind} comes to the same bytes, stopped and killed or not`, async () => {
      const experiment = config(kind);
      const whole = folder(`${kind}-whole`);
      await sitDown(experiment, whole);
      const stopped = folder(`${kind}-stopped`);
      let writes = 0;
      const sittings: Sitting[] = [
        // Stopped at once, before a row is written; killed at some write after; then to the end.
        { stopAfter: () => true },
        { killAfter: () => ++writes > 12 },
        { killAfter: (messages) => messages.filter((message) => message.kind === 'evaluation').length === 4 },
      ];
      for (const sitting of sittings) {
        await sitDown(experiment, stopped, sitting).catch((error: Error) =>
          assert.equal(error.message, 'killed'),
        );
      }
      assert.ok(!existsSync(path.join(stopped, 'seed-1', 'done.json')));
      await sitDown(experiment, stopped);
      for (const seed of [1, 2, 3]) {
        assert.deepEqual(all(stopped, seed), all(whole, seed));
        const { state, episodes } = all(whole, seed);
        const rows = episodes
          .trim()
          .split('\n')
          .slice(1)
          .map((line) => line.split(',').map(Number));
        assert.deepEqual(
          rows.map(([, , episode]) => episode),
          rows.map((_, i) => i + 1),
        );
        // Every reward is 1, and the steps of the episodes are those of the run, but for the open one's.
        assert.ok(rows.every(([, , , reward]) => reward === 1));
        const steps = rows.reduce((sum, [, , , , length]) => sum + length!, 0);
        assert.equal(steps, rows.at(-1)![1]);
        assert.equal(steps + state.arrays['episodes.length']!.data[0]!, 400);
        // The environment's own clock.
        assert.deepEqual(state.arrays['environment.state']!.data[1], 400);
      }
      const lengths = text(whole, 'seed-1', 'metrics.csv').trim().split('\n');
      assert.match(lengths[0]!, /,episode_length$/);
      assert.match(lengths[2]!, /,5$/, 'the way that is left');
    });
  }

  test('has seeds that ride together as they ride alone', async () => {
    const experiment = config('dyna-q');
    const together = folder('together');
    await sitDown(experiment, together);
    const alone = folder('alone');
    await sitDown({ ...experiment, seeds: [2] }, alone);
    assert.deepEqual(all(alone, 2), all(together, 2));
    assert.ok(new SeedFolder(alone, 2).done());
  });
});

test('Dyna is refused where there is no table to keep, and where a bonus has nothing to plan', () => {
  const load = (own: string) => loadExperiment({ file: 'c.yaml', text: `method: dyna\n${own}` });
  assert.throws(() => load('environment: CartPole-v1'), {
    message:
      'c.yaml:2:14: environment: method dyna keeps a table of states and takes no continuous observations, which CartPole-v1 asks for; choose another environment or method',
  });
  assert.throws(() => load('environment: Pendulum-v1'), /method dyna takes no continuous actions/);
  assert.throws(() => load('kind: dyna-q-plus\nplanningSteps: 0'), {
    message:
      'c.yaml:3:16: planningSteps must be at least 1 where what a kind adds is in planning (planningSteps is 0, kind is dyna-q-plus)',
  });
  assert.equal(load('').environment, 'DynaMaze');
  assert.deepEqual(
    ['', 'planningSteps: 0', 'kind: dyna-q-plus'].map((own) => load(own).name),
    ['dyna-q', 'q-learning', 'dyna-q-plus'],
  );
});

/** The published runs of a sweep by what it sweeps, and the summed returns of each seed by some steps. */
function published(name: string, key: string) {
  const { runs } = readRuns([fileURLToPath(new URL(`../runs/dyna/${name}`, import.meta.url))]);
  return new Map(
    runs.map((run) => {
      assert.equal(run.seeds.length, 30);
      const rewardBy = (step: number) =>
        run.seeds.map(({ episodes }) =>
          episodes!.filter((row) => row.env_step! <= step).reduce((sum, row) => sum + row.return!, 0),
        );
      return [`${run.cell!.settings[key]}`, { seeds: run.seeds, rewardBy }];
    }),
  );
}

/** That two samples could have one mean: it is 3.3 standard errors of their difference once in a thousand. */
function assertSameMean(found: readonly number[], mean: number, deviation: number, what: string): void {
  const error = Math.hypot(standardDeviation(found)!, deviation) / Math.sqrt(30);
  const difference = meanOf(found)! - mean;
  assert.ok(Math.abs(difference) < 3.3 * error, `${what}: ${meanOf(found)} for ${mean} ± ${error}`);
}

test('the published runs of the Dyna Maze have the means of the reference', () => {
  const { curves } = dynaReference.curves;
  const found = published('dyna-maze', 'planningSteps');
  assert.deepEqual([...found.keys()], ['0', '5', '50']);
  for (const [n, { seeds }] of found) {
    const lengths = seeds.map(({ episodes }) => episodes!.map((row) => row.length!));
    const total = lengths.map((own) => own.slice(0, 50).reduce((sum, length) => sum + length, 0));
    const { perSeedTotal, mean } = curves[n]!;
    assertSameMean(total, meanOf(perSeedTotal)!, standardDeviation(perSeedTotal)!, `n = ${n}: 50 episodes`);
    for (const episode of [1, 2, 4, 10, 25, 50]) {
      const own = lengths.map((each) => each[episode - 1]!);
      assertSameMean(own, mean[episode - 1]!, standardDeviation(own)!, `n = ${n}: episode ${episode}`);
    }
    // A random walk's first episode, from a linear system: mean 868.7, deviation 789.
    const first = lengths.map(([length]) => length!);
    assert.ok(Math.abs(meanOf(first)! - 868.7) < (3.3 * 789) / Math.sqrt(30), `${meanOf(first)}`);
    // Planning shifts no draw of acting.
    assert.deepEqual(
      first,
      found.get('0')!.seeds.map(({ episodes }) => episodes![0]!.length!),
    );
  }
});

for (const { name, setting, change, end } of [
  { name: 'blocking-maze', setting: 'blocking_n10_alpha1_kappa0.0001', change: 1000, end: 3000 },
  { name: 'shortcut-maze', setting: 'shortcut_n50_alpha1_kappa0.001', change: 3000, end: 6000 },
]) {
  test(`the published runs of ${name} have the means of the reference, before and after the change`, () => {
    const found = published(name, 'kind');
    const kinds = { 'dyna-q': 'dynaQ', 'dyna-q-plus': 'dynaQplus', 'bonus-in-action': 'bonusInAction' };
    assert.deepEqual([...found.keys()], Object.keys(kinds));
    for (const [kind, theirs] of Object.entries(kinds)) {
      const { meanEvery100, final } = dynaReference.changing.runs[`${setting}_${theirs}`]!;
      const { rewardBy } = found.get(kind)!;
      assertSameMean(rewardBy(end), meanOf(final)!, standardDeviation(final)!, `${kind} at the end`);
      for (const step of [change / 2, change, (change + end) / 2]) {
        const own = rewardBy(step);
        assertSameMean(own, meanEvery100[step / 100 - 1]!, standardDeviation(own)!, `${kind} after ${step}`);
      }
    }
    // What the book's figures say.
    const mean = (kind: string) => meanOf(found.get(kind)!.rewardBy(end))!;
    assert.ok(mean('dyna-q-plus') > 1.2 * mean('dyna-q'));
  });
}

test('figures of training draw the episodes that every seed has, and rewards as episodes end', () => {
  const seed = (number: number, lengths: number[]) => {
    let step = 0;
    const episodes = lengths.map((length, i) => {
      step += length;
      return { seed: number, env_step: step, episode: i + 1, return: 2, length };
    });
    const done = { steps: 60, updates: 60, wallSeconds: 1, engine: 'cpu', device: '', end: '' };
    return { seed: number, rows: [], episodes, done, worker: null };
  };
  const arms = [
    { label: 'a', seeds: [seed(1, [30, 10, 10]), seed(2, [20, 20])] },
    { label: 'b', seeds: [{ ...seed(1, []), episodes: undefined }] },
  ];
  const drawn = figures(arms, []);
  assert.deepEqual(
    drawn.map(({ name }) => name),
    ['figure-episodes', 'figure-cumulative'],
  );
  const data = (name: string) =>
    (drawn.find((figure) => figure.name === name)!.spec as unknown as { datasets: Record<string, unknown[]> })
      .datasets.means as { arm: string; x: number; mean: number; seeds: number }[];
  assert.deepEqual(
    data('figure-episodes').map(({ arm, x, mean, seeds }) => [arm, x, mean, seeds]),
    [
      ['a', 1, 25, 2],
      ['a', 2, 15, 2],
    ],
  );
  const cumulative = new Map(data('figure-cumulative').map(({ x, mean }) => [x, mean]));
  assert.deepEqual(
    [0, 19, 20, 29, 30, 40, 50, 60].map((x) => cumulative.get(x)),
    [0, 0, 1, 1, 2, 4, 5, 5],
  );
});

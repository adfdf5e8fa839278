import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { spacesOf, timedExperiment, withBaseline } from '../src/bench/bench.ts';
import { fullLength } from '../src/bench/endless.ts';
import { countKernels } from '../src/bench/kernel-count.ts';
import { type Measure, measures, type Setup } from '../src/bench/protocol.ts';
import { type Row, rowsOf, type Series } from '../src/bench/report.ts';
import { createWorkload, type Workload } from '../src/bench/workload.ts';
import { loadExperiment } from '../src/config/load.ts';
import { experimentOf } from '../src/config/schema.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { updateFlops as dreamerFlops } from '../src/methods/dreamer/flops.ts';
import { methods } from '../src/methods/index.ts';
import { updateFlops } from '../src/methods/vae-lstm/flops.ts';
import { RandomStream } from '../src/random/stream.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { type UpdateFlops, updateParts } from '../src/training/update-parts.ts';
import { runInTurn, runSync } from './support/program.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

/** Small, and with a different width wherever two could be mixed up. */
const config = `
method: vae-lstm
randomSteps: 40
horizon: 3
imaginationStarts: 2
evaluation: { episodes: 2 }
model: { latent: 3, hidden: [5], lstm: 7 }
critic: { hidden: [6] }
actor: { hidden: [4] }
replay: { batch: 1, length: 2 }
`;
const dreamCritic = experimentOf(loadExperiment({ file: 'tiny.yaml', text: config }), 'vae-lstm');
const arms = withBaseline(dreamCritic);
const spaces = agentSpaces(environmentEntry('CartPole-v1'));
const flops = new Map(
  [...arms].map(([arm, experiment]) => [arm, updateFlops(experimentOf(experiment, 'vae-lstm'), spaces)]),
);

describe('the flops of an update', () => {
  // Multiplications per row: encoder 4·5 + 5·6 = 50, decoder 3·5 + 5·4 = 35, LSTM and latent head 5·28 + 7·28 + 7·3 =
  // 357, reward 3, continue head 3·5 + 5 = 20, critic 3·6 + 6 = 24, actor 3·4 + 4·2 = 20. A window has 2 rows, 6 are
  // imagined. A multiplication with its addition is 2 flops, 6 with gradients.
  test('are those counted by hand', () => {
    const model = 6 * (4 * 50 + 4 * 35 + 2 * 357 + 2 * 3 + 4 * 20 + 3 * 24) + 2 * (2 * 24);
    const imagination = 2 * 6 * (20 + 357 + 3 + 20 + 24);
    const actor = 6 * 6 * (20 + 24);
    assert.deepEqual(flops.get('dream-critic'), { model, imagination, actor, update: 14_040 });
    assert.equal(model + imagination + actor, 14_040);
  });

  test('have no critic in the baseline', () => {
    const model = 6 * (4 * 50 + 4 * 35 + 2 * 357 + 2 * 3 + 4 * 20);
    const imagination = 2 * 6 * (20 + 357 + 3 + 20);
    assert.deepEqual(flops.get('baseline'), { model, imagination, actor: 720, update: 12_360 });
  });
});

/** Small likewise. */
const dreamerConfig = `
method: dreamer
randomSteps: 40
horizon: 3
startsPerWindow: 2
evaluation: { episodes: 2 }
model: { stoch: 2, classes: 3, deter: 4, hidden: 5, units: 6, blocks: 2, encoderLayers: 1, decoderLayers: 1 }
twoHot: { bins: 7 }
critic: { layers: 1 }
actor: { layers: 1 }
replay: { batch: 1, length: 4 }
`;
const dreamerOf = (text: string, ...overrides: string[]) =>
  experimentOf(loadExperiment({ file: 'dreamer.yaml', text, overrides }), 'dreamer');
const throughDynamics = ['actor.reinforce=0', 'actor.straightThrough=true', 'critic.slowRegulariser=0'];

describe("the flops of Dreamer's update", () => {
  // Multiplications per row: encoder 4·6 = 24; cell 4·5 + 6·5 + 2·5 = 60 for h, z and a, two blocks of (2 + 15)·2 and two
  // of 2·6, together 152; posterior 10·5 + 5·6 = 80, prior 4·5 + 5·5 + 5·6 = 75, decoder 10·6 + 6·4 = 84, continue
  // head 10·6 + 6 = 66, reward head and critic 10·6 + 6·7 = 102, actor 10·6 + 6·2 = 72. A window has 4 rows, of which 1
  // is valued by both critics, and 2 dreams of 3 steps start.
  const real = 6 * 4 * (24 + 152 + 80 + 75 + 84 + 66 + 102);
  const imagination = 2 * 6 * (72 + 152 + 75 + 102 + 66) + 2 * 2 * 66 + 2 * 8 * 102;

  test('are those counted by hand', () => {
    const model = real + 6 * 102 + 2 * 102;
    const actor = 6 * 6 * (72 + 102);
    const update = model + imagination + actor;
    assert.deepEqual(dreamerFlops(dreamerOf(dreamerConfig), spaces), { model, imagination, actor, update });
  });

  test('go back through dreams and heads, once each, where gradients do', () => {
    const model = real + 6 * 102;
    // The critic's forward pass is that of the targets.
    const actor = 6 * (6 * 72 + 4 * 102 + 2 * (152 + 75 + 102 + 66 + 102));
    const update = model + imagination + actor;
    const settings = dreamerOf(dreamerConfig, ...throughDynamics);
    assert.deepEqual(dreamerFlops(settings, spaces), { model, imagination, actor, update });
  });

  test('of the default config are 0.88 GFLOP', () => {
    assert.equal((dreamerFlops(dreamerOf('method: dreamer'), spaces).update / 1e9).toFixed(2), '0.88');
  });
});

test('the flops of a convolution are those of every cell, and so are those of its way back', () => {
  const [games, images] = ['MinAtar/Breakout-v0', 'encoder: {channels: 2}'];
  const of = (text: string) =>
    loadExperiment({ file: 'c.yaml', text: `${text}environment: ${games}\n${images}` });
  const game = agentSpaces(environmentEntry(games));
  const vae = experimentOf(of(config), 'vae-lstm');
  const dream = experimentOf(of(dreamerConfig), 'dreamer');
  // 8·8 cells of 9·4 numbers to 2, then 128 to 5 and so on as above; back over 128 numbers, each cell of 2 to 9·4.
  const [there, back] = [64 * 36 * 2, 64 * 2 * 36];
  const vector = { ...game, observation: 1, observationScale: [1], actions: 6 };
  const { image: _, ...withoutImage } = vector;
  const differ = (large: UpdateFlops, small: UpdateFlops) => large.model! - small.model!;
  assert.equal(
    differ(updateFlops(vae, game), updateFlops(vae, withoutImage)),
    6 * 4 * (there + 127 * 5 + 127 * 5 + back),
  );
  assert.equal(
    differ(dreamerFlops(dream, game), dreamerFlops(dream, withoutImage)),
    // The decoder has a layer more: 6 to 128 behind its hidden one in place of that to the vector.
    6 * 4 * (there + 127 * 6 + 127 * 6 + back),
  );
});

async function flopsOf(text: string): Promise<UpdateFlops> {
  const experiment = timedExperiment(loadExperiment({ file: 'c.yaml', text }));
  const { updateFlops } = await methods[experiment.method].load();
  return updateFlops!(experiment, spacesOf(experiment));
}

test("the flops of SAC's and DQN's updates are those counted by hand", async () => {
  // Multiplications per transition: actor 3·5 + 5·2 = 25, three critics of (3 + 1)·6 + 6 = 30. At o′ both are looked at,
  // at o both trained, and the critics passed forward and backward with their weights as constants.
  const sac = 'method: sac\nenvironment: Pendulum-v1\nactor: {hidden: [5]}\ncritic: {heads: 3, hidden: [6]}';
  const perTransition = 2 * (25 + 90) + 6 * (25 + 90) + 4 * 90;
  assert.deepEqual(await flopsOf(`${sac}\nreplay: {batch: 7}`), { update: 7 * perTransition });
  // 4·5 + 5·2 = 30, trained at o, looked at at o′, twice where it chooses there.
  const dqn = 'method: dqn\ncritic: {hidden: [5]}\nreplay: {batch: 7}';
  assert.deepEqual(await flopsOf(dqn), { update: 7 * 8 * 30 });
  assert.deepEqual(await flopsOf(`${dqn}\ndouble: true`), { update: 7 * 10 * 30 });
});

test("the flops of TD-MPC's and PlaNet's updates are those counted by hand", async () => {
  // Multiplications per row: encoder 3·5 + 5·4 = 35, dynamics (4 + 1)·6 + 6·6 + 6·4 = 90, reward and each of three
  // heads (4 + 1)·6 + 6·6 + 6·7 = 108, actor 4·6 + 6·6 + 6·2 = 72. Windows of 2 steps, 7 of them.
  const tdmpc = [
    'method: tdmpc\nenvironment: Pendulum-v1\nreplay: {batch: 7, length: 2}\ntwoHot: {bins: 7, limit: 3}',
    'model: {latent: 4, simNorm: 2, hidden: 6, encoderHidden: 5, encoderLayers: 1, continueHead: false}',
    'critic: {heads: 3}',
  ].join('\n');
  const model = 6 * (7 * 35 + 14 * (90 + 108 + 3 * 108));
  const targets = 2 * 14 * (35 + 72 + 2 * 108);
  const actor = 21 * (6 * 72 + 4 * 2 * 108);
  assert.deepEqual(await flopsOf(tdmpc), { update: model + targets + actor });
  // The same encoder is trained on what comes after, too.
  const unstopped = tdmpc.replace('model: {', 'model: {target: unstopped, ');
  assert.deepEqual(await flopsOf(unstopped), { update: model + targets + actor + 4 * 14 * 35 });
  // The model is Dreamer's: 4 steps, counted above.
  const shared = dreamerConfig.split('\n').filter((line) => /^(model|twoHot|replay):/.test(line));
  const perStep = 24 + 152 + 80 + 75 + 84 + 66 + 102;
  assert.deepEqual(await flopsOf(['method: planet', ...shared].join('\n')), { update: 6 * 4 * perStep });
});

test('an arm that is the baseline has no other arm beside it', () => {
  assert.deepEqual([...arms.keys()], ['dream-critic', 'baseline']);
  assert.deepEqual([...withBaseline(arms.get('baseline')!).keys()], ['baseline']);
  for (const balance of ['uncertainty', 'gradnorm']) {
    const overrides = [`critic.balance=${balance}`];
    const balanced = loadExperiment({ file: 'tiny.yaml', text: config, overrides });
    assert.deepEqual(
      [...withBaseline(timedExperiment(balanced)).keys()],
      [`dream-critic-${balance}`, 'baseline'],
    );
  }
});

test('rows hold medians, and ratios taken within each round', () => {
  const series = (arm: string, by: string, samples: Partial<Record<Measure, number[]>>): Series => ({
    arm,
    by,
    prepared: { device: 'd', version: 'v', operations: null, measures: [] },
    samples: new Map(
      Object.entries(samples).map(([measure, taken]) => [
        measure as Measure,
        taken.map((seconds) => ({ seconds, cpuSeconds: arm === 'baseline' ? seconds : seconds / 2 })),
      ]),
    ),
    peakMegabytes: 1,
  });
  const [own, base, jax, numpy] = rowsOf(
    [
      series('dream-critic', 'wasm', { update: [4, 1, 9], collect: [0.5, 0.25, 1], sgemm: [2, 2, 2] }),
      series('baseline', 'wasm', { update: [2, 1, 3] }),
      series('dream-critic', 'jax', { update: [1, 1, 1] }),
      series('dream-critic', 'numpy', { sgemm: [1, 1, 1] }),
    ],
    2,
    flops,
    1000,
  ) as [Row, Row, Row, Row];
  assert.equal(own.update_ms, 4000);
  assert.equal(own.update_ms_p25, 2500);
  assert.equal(own.update_cpu_ms, 2000);
  assert.equal(own.over_baseline, 2);
  assert.equal(own.cpu_over_baseline, 1);
  assert.equal(own.over_jax, 4);
  assert.equal(own.over_torch, null);
  assert.equal(own.steps_per_second, 4);
  assert.equal(own.evaluation_seconds, null);
  assert.equal(own.sgemm_gflops, 1);
  assert.equal(own.update_gflop, (2 * 14_040) / 1e9);
  // numpy multiplies at 2 GF/s, the fastest of all.
  assert.ok(Math.abs(own.bound_ms! - 0.01404) < 1e-12);
  assert.equal(own.bound_share, own.bound_ms! / 4000);
  assert.equal(base.over_baseline, null);
  assert.equal(jax.over_baseline, null);
  assert.deepEqual([numpy.update_ms, numpy.bound_ms, numpy.sgemm_gflops], [null, null, 2]);
});

test('an episode of full length ends by its limit alone', () => {
  const { make } = fullLength(environmentEntry('CartPole-v1'), 60);
  const environment = make();
  environment.reset(RandomStream.named(0, 'start'));
  const results = Array.from({ length: 60 }, () => environment.step(1));
  assert.ok(results.every(({ terminated }) => !terminated));
  assert.deepEqual(
    results.map(({ truncated }) => truncated),
    results.map((_, step) => step === 59),
  );
});

describe('in one process', () => {
  const setup: Setup = { experiment: dreamCritic, spaces, members: 2, measures, sgemmSize: 8 };
  let workload: Workload;

  before(async () => {
    workload = await createWorkload('cpu', setup);
  });

  test('kernels are counted, and the backend is as before afterwards', async () => {
    const add = tf.getKernel('Add', 'cpu');
    assert.equal(await countKernels(() => tf.tidy(() => void tf.add(tf.matMul([[1]], [[2]]), 1))), 2);
    assert.equal(tf.getKernel('Add', 'cpu'), add);
  });

  const timed: Record<string, () => Promise<Workload>> = {
    'the dream critic': async () => workload,
    Dreamer: () => createWorkload('cpu', { ...setup, experiment: dreamerOf(dreamerConfig) }),
    'Dreamer through the dynamics': () => {
      const critic = ['critic.onPrediction=true', 'critic.slowTarget=true'];
      return createWorkload('cpu', {
        ...setup,
        experiment: dreamerOf(dreamerConfig, ...throughDynamics, ...critic),
      });
    },
  };
  for (const [name, create] of Object.entries(timed)) {
    test(`the parts make up most of an update: ${name}`, async () => {
      const workload = await create();
      let sum = 0;
      for (const part of updateParts) {
        const kernels = await countKernels(() => workload.run[part]!(1));
        assert.ok(kernels > 10, `${part}: ${kernels} kernels`);
        sum += kernels;
      }
      const share = sum / workload.operations;
      // What goes through the dynamics is dreamt twice: by itself, and for the actor.
      const largest = name.includes('dynamics') ? 1.3 : 1.1;
      assert.ok(share > 0.75 && share < largest, `${sum} kernels of ${workload.operations}`);
    });
  }

  test('an update without parts, from no random steps, is timed as a whole', async () => {
    const text = 'method: dqn\nrandomSteps: 0\ncritic: {hidden: [5]}\nreplay: {batch: 7}';
    const experiment = timedExperiment(loadExperiment({ file: 'c.yaml', text }));
    const workload = await createWorkload('cpu', { ...setup, experiment });
    assert.ok(workload.operations > 10 && !('model' in workload.run));
    await workload.run.update!(2);
  });

  test('collecting and evaluating run, and leave no tensor behind', async () => {
    // Episodes of full length take long on cpu.
    const workload = await createWorkload('wasm', { ...setup, environments: 3 });
    // The first evaluation keeps the weights that act.
    await workload.run.evaluate!(1);
    const before = tf.memory().numTensors;
    for (const measure of ['evaluate', 'collect', 'act', 'sgemm', ...updateParts] as const) {
      await workload.run[measure]!(2);
      assert.equal(tf.memory().numTensors, before, measure);
    }
  });
});

describe('wm bench', () => {
  const dir = temporaryFolder('bench');
  const run = (...args: string[]) => runSync(['bench', ...args], { cwd: dir });
  writeFileSync(path.join(dir, 'tiny.yaml'), config);

  test('prints a line for the machine, then one per arm', () => {
    const { status, stdout, stderr } = run(
      ...['--config', 'tiny.yaml', '--engines', 'wasm', '--members', '2', '--rounds', '1'],
      ...['--json', '--peers', '--python', 'no-such-python'],
    );
    assert.equal(status, 0, stderr);
    for (const left of ['jax', 'torch', 'numpy']) {
      const sentence = `left out: ${left}: its process ended \\(spawn no-such-python ENOENT\\); it needs a --python`;
      assert.equal(stderr.match(new RegExp(sentence, 'g'))?.length, 1, stderr);
    }
    const [machine, ...rows] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.equal(machine.node, process.version);
    assert.equal(machine.rounds, 1);
    assert.deepEqual(
      rows.map(({ arm, by, members }: Row) => `${arm} ${by} ${members}`),
      ['dream-critic wasm 2', 'baseline wasm 2'],
    );
    for (const row of rows as Row[]) {
      const dream = row.arm === 'dream-critic';
      const timed = [
        'update_ms',
        'model_ms',
        'imagination_ms',
        'actor_ms',
        'optimizer_ms',
        'bound_ms',
      ] as const;
      for (const key of timed) assert.ok(row[key]! > 0, `${key} ${row[key]}`);
      assert.ok(row.update_ms_p25! <= row.update_ms! && row.update_ms! <= row.update_ms_p75!);
      assert.equal(row.update_gflop, (row.members * (dream ? 14_040 : 12_360)) / 1e9);
      assert.ok(row.bound_share! > 0 && row.bound_share! < 1);
      assert.ok(row.operations! > 100 && row.operations! < 5000, `${row.operations} operations`);
      assert.ok(row.peak_megabytes > 50 && row.peak_megabytes < 2000, `${row.peak_megabytes} MB`);
      for (const key of [
        'over_baseline',
        'steps_per_second',
        'evaluation_seconds',
        'sgemm_gflops',
      ] as const) {
        if (dream) assert.ok(row[key]! > 0, `${key} ${row[key]}`);
        else assert.equal(row[key], null, key);
      }
      assert.equal(row.over_jax, null);
    }
    assert.ok(rows[0].operations > rows[1].operations);
  });

  test('each number of members has its tables, of what the method has', () => {
    const text =
      'method: dqn\nrandomSteps: 0\ncritic: {hidden: [5]}\nreplay: {batch: 7}\nevaluation: {episodes: 1}';
    writeFileSync(path.join(dir, 'dqn.yaml'), text);
    const { status, stdout, stderr } = run(
      ...['--config', 'dqn.yaml', '--engines', 'wasm', '--members', '1,2', '--rounds', '1'],
    );
    assert.equal(status, 0, stderr);
    assert.match(stdout, /, median of 1 round\n/);
    const numbers = [...stdout.matchAll(/^dqn +(\d) +wasm /gm)].map(([, members]) => members);
    assert.deepEqual([...new Set(numbers)], ['1', '2'], stdout);
  });

  const mistakes: [string[], RegExp][] = [
    [['--engines', 'wasm,fast'], /^wm: --engines: expected names of .*wasm.* got "wasm,fast"\n$/],
    [['--members', '1,0'], /^wm: --members: expected whole numbers .* got "1,0"\n$/],
    [['--rounds', 'few'], /--rounds/],
    [['--config', 'none.yaml'], /^wm: none.yaml: no such file/],
    [['--set', 'horizon=x'], /^wm: --set horizon=x: horizon: /],
  ];
  test('refuses each mistake in one sentence', async () => {
    const refused = await runInTurn(mistakes.map(([args]) => ({ cwd: dir, args: ['bench', ...args] })));
    for (const [i, { code, stdout, stderr }] of refused.entries()) {
      assert.equal(code, 2);
      assert.equal(stdout, '');
      assert.match(stderr, mistakes[i]![1]);
    }
  });
});

describe("a peer's update equals the reference", () => {
  const python = process.env.WM_PYTHON ?? 'python3';
  for (const peer of ['jax', 'torch']) {
    test(peer, (context) => {
      const file = fileURLToPath(new URL(`../bench/${peer}_peer.py`, import.meta.url));
      const { status, stdout, stderr, error } = spawnSync(python, [file, 'check'], { encoding: 'utf8' });
      if (error || stderr.includes('ModuleNotFoundError')) {
        context.skip(`skipped: ${python} does not run ${peer}; name one that does with WM_PYTHON`);
        return;
      }
      assert.equal(status, 0, stdout + stderr);
    });
  }
});

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { loadExperiment } from '../src/config/load.ts';
import { startEngine } from '../src/engine/engine.ts';
import { environmentEntry } from '../src/envs/index.ts';
import type { WorkerMessage } from '../src/experiment/messages.ts';
import { modelFlow } from '../src/methods/vae-lstm/flow.ts';
import { initialWeights, networks } from '../src/methods/vae-lstm/networks.ts';
import { vaeLstmSettings } from '../src/methods/vae-lstm/settings.ts';
import { gradients } from '../src/methods/vae-lstm/update.ts';
import type { Windows } from '../src/models/windows.ts';
import { ParameterLayout } from '../src/nn/parameters.ts';
import { RandomStream } from '../src/random/stream.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { flowOf, GradientFlow } from '../src/training/gradient-flow.ts';
import { result, type Sitting, sitDown } from './support/sitting.ts';
import { temporaryFolder } from './support/temporary-folder.ts';
import { assertClose, normals, upload } from './support/tensors.ts';
import { tinyDreamCritic } from './support/tiny-run.ts';

before(() => startEngine('wasm'));

const near = (actual: number, wanted: number, what: string, limit = 1e-3) =>
  assert.ok(
    Math.abs(actual - wanted) <= limit * Math.max(1e-6, Math.abs(wanted)),
    `${what}: ${actual}, not ${wanted}`,
  );

/** What is measured, by term and module, of every member. */
async function measured<I extends object>(
  members: number,
  inputs: I,
  measure: (inputs: I) => ReturnType<typeof flowOf>,
) {
  const flow = new GradientFlow(members, measure);
  flow.start(3);
  tf.tidy(() => {
    for (let update = 1; update <= 5; update++) flow.measure(update, inputs);
  });
  const rows = await flow.drain();
  assert.deepEqual([...new Set(rows.flat().map(({ update }) => update))], [3]);
  assert.deepEqual(
    await flow.drain(),
    rows.map(() => []),
  );
  flow.dispose();
  return rows.map((own) => new Map(own.map((row) => [`${row.term} ${row.module}`, row])));
}

test('norms and cosines are those of finite differences, member by member, and leave out what a loss cannot reach', async () => {
  const layout = new ParameterLayout([
    { name: 'encoder.weight', shape: [2], initialise: () => {} },
    { name: 'head.weight', shape: [1], initialise: () => {} },
  ]);
  // Of x, y in the encoder and z in the head.
  const plain: Record<string, (x: number, y: number, z: number) => number> = {
    first: (x, y) => x * x * y,
    second: (x, _, z) => 3 * x * z,
    critic: (x, y) => x - 2 * y * y,
  };
  const points = [
    [1, 2, 3],
    [-0.5, 1.5, 0.25],
  ];
  const found = await measured(2, { flat: tf.tensor2d(points) }, ({ flat }) => {
    const parts = layout.split(flat);
    const named = layout.named(parts);
    return flowOf(layout, parts, () => {
      const [x, y] = tf.unstack(named.get('encoder.weight'), 1) as [tf.Tensor1D, tf.Tensor1D];
      const z = tf.squeeze(named.get('head.weight'), [1]) as tf.Tensor1D;
      return {
        first: tf.mul(tf.square(x), y),
        second: tf.mul(tf.mul(x, z), 3),
        critic: tf.sub(x, tf.mul(tf.square(y), 2)),
      };
    });
  });
  assert.ok(!found[0]!.has('first head') && !found[0]!.has('critic head') && found[0]!.has('critic all'));
  for (const [member, at] of points.entries()) {
    const slopes = (f: (x: number, y: number, z: number) => number) =>
      [0, 1, 2].map((i) => {
        const shifted = (h: number) =>
          at.map((value, j) => (i === j ? value + h : value)) as [number, number, number];
        return (f(...shifted(1e-5)) - f(...shifted(-1e-5))) / 2e-5;
      });
    const own = (x: number, y: number, z: number) => plain.first!(x, y, z) + plain.second!(x, y, z);
    for (const [term, f] of [...Object.entries(plain), ['model', own] as const]) {
      const [slope, critic] = [slopes(f), slopes(plain.critic!)];
      for (const [module, places] of Object.entries({ encoder: [0, 1], head: [2], all: [0, 1, 2] })) {
        const row = found[member]!.get(`${term} ${module}`);
        if (!row) continue;
        const product = (a: number[], b: number[]) => places.reduce((sum, i) => sum + a[i]! * b[i]!, 0);
        const norm = Math.sqrt(product(slope, slope));
        near(row.norm, norm, `${term} ${module}`);
        const other = Math.sqrt(product(critic, critic));
        if (term === 'critic' || other < 1e-9) assert.equal(row.cosine, null);
        else near(row.cosine!, product(slope, critic) / (norm * other), `cosine of ${term} ${module}`);
      }
    }
  }
});

const spaces = agentSpaces(environmentEntry('CartPole-v1'));
const settings = vaeLstmSettings.parse({
  model: { latent: 4, hidden: [8], lstm: 8 },
  critic: { hidden: [8] },
  actor: { hidden: [8] },
});
const layouts = networks(settings, spaces);

/** Windows, noise and weights of so many members, of which the first ones are the same whatever their number. */
function drawn(members: number) {
  const [batch, time] = [3, 4];
  const of = (name: string, shape: number[]) =>
    tf.concat(
      Array.from({ length: members }, (_, member) => upload(normals(member, name, [1, batch, ...shape]))),
    );
  const flags = (name: string) => tf.cast(tf.greater(of(name, [time]), 1), 'float32') as tf.Tensor3D;
  const windows: Windows = {
    observation: of('o', [time, 4]) as tf.Tensor4D,
    nextObservation: of('next', [time, 4]) as tf.Tensor4D,
    action: tf.oneHot(tf.cast(tf.greater(of('a', [time]), 0), 'int32'), 2) as tf.Tensor4D,
    reward: of('r', [time]) as tf.Tensor3D,
    terminated: flags('end'),
    first: flags('first'),
  };
  const streams = (name: string) => Array.from({ length: members }, (_, i) => RandomStream.named(i, name));
  const weights = initialWeights(layouts, streams('model-weights'), streams('actor-weights'), true);
  const starts = tf.tensor2d(
    Array.from({ length: members }, (_, i) => [i * batch * time, i * batch * time + 5]),
    undefined,
    'int32',
  );
  const noise = {
    posterior: of('noise', [2 * time, 4]),
    starts,
    behaviour: {
      head: layouts.head,
      noise: tf.concat(
        Array.from({ length: members }, (_, i) => upload(normals(i, 'action', [1, 2, settings.horizon, 2]))),
      ) as tf.Tensor4D,
    },
  };
  const scalars = (beta: number, lambda: number) => ({
    beta: tf.fill([members], beta) as tf.Tensor1D,
    lambda: tf.fill([members], lambda) as tf.Tensor1D,
    entropy: tf.fill([members], 0.001) as tf.Tensor1D,
    learningRate: tf.fill([members, 1], 0.001) as tf.Tensor2D,
    actorLearningRate: tf.fill([members, 1], 0.001) as tf.Tensor2D,
    policyAverage: tf.fill([members, 1], 0.1) as tf.Tensor2D,
  });
  return { windows, weights, noise, scalars };
}
const values = (of: tf.Tensor) => of.dataSync<'float32'>();

test("the dream critic's terms are the differences that their weights make in training's own gradient", async () => {
  const [beta, lambda] = [0.7, 400];
  const { windows, weights, noise, scalars } = drawn(1);
  const model = layouts.model.without(['critic']);
  /** Training's gradient by the world model's parameters. */
  const whole = (change: { beta?: number; lambda?: number; model?: Partial<(typeof settings)['model']> }) => {
    const given = { ...settings, model: { ...settings.model, ...change.model } };
    const of = gradients(
      layouts,
      weights,
      windows,
      noise,
      scalars(change.beta ?? beta, change.lambda ?? lambda),
      given,
    );
    return values(of.model).slice(0, model.size);
  };
  const at = whole({});
  const less = (without: Float32Array) => at.map((x, i) => x - without[i]!);
  const expected: Record<string, Float32Array> = {
    critic: less(whole({ lambda: 0 })),
    model: whole({ lambda: 0 }),
    kl: less(whole({ beta: 0 })),
    latent_consistency: less(whole({ model: { latentWeight: 0 } })),
  };
  const inputs = { weights, windows, posterior: noise.posterior, scalars: scalars(beta, lambda) };
  const measure = (given: typeof settings) =>
    measured(1, inputs, ({ weights, windows, posterior, scalars }) =>
      modelFlow(layouts, weights, windows, posterior, scalars, given),
    );
  const [found] = await measure(settings);
  const parts = (layout: ParameterLayout, flat: Float32Array) => layout.views(flat);
  const inner = (a: Float32Array, b: Float32Array, module: string) => {
    const [one, other] = [parts(model, a), parts(model, b)];
    return one.reduce(
      (sum, { name, values }, i) =>
        module === 'all' || name.startsWith(`${module}.`)
          ? values.reduce((inside, x, j) => inside + x * other[i]!.values[j]!, sum)
          : sum,
      0,
    );
  };
  for (const [term, gradient] of Object.entries(expected)) {
    for (const module of ['encoder', 'dynamics', 'all']) {
      const row = found!.get(`${term} ${module}`);
      const norm = Math.sqrt(inner(gradient, gradient, module));
      if (!row) {
        assert.ok(term === 'kl' && module === 'dynamics', `${term} ${module} is missing`);
        continue;
      }
      near(row.norm, norm, `${term} ${module}`, 2e-3);
      if (term === 'critic') continue;
      const critic = expected.critic!;
      const cosine = inner(gradient, critic, module) / (norm * Math.sqrt(inner(critic, critic, module)));
      assert.ok(
        Math.abs(row.cosine! - cosine) < 2e-3,
        `cosine of ${term} ${module}: ${row.cosine}, not ${cosine}`,
      );
    }
  }
  assert.ok(!found!.has('reward decoder') && !found!.has('critic decoder') && found!.has('reward reward'));
  // What is cut off in training is measured as what it would be.
  const [cut] = await measure({ ...settings, critic: { ...settings.critic, shapesModel: false } });
  assert.deepEqual([...cut!], [...found!]);
});

test('a member is measured alike alone and beside another, balanced or not', async () => {
  const of = async (members: number, balance: 'fixed' | 'uncertainty') => {
    const given = { ...settings, critic: { ...settings.critic, balance } };
    const own = networks(given, spaces);
    const { windows, noise, scalars, weights } = drawn(members);
    // Where balancing begins with the weights 1 and λ.
    const balances = tf.fill([members, own.model.size - layouts.model.size], -Math.LN2);
    const model = tf.concat([weights.model, balances], 1) as tf.Tensor2D;
    const inputs = {
      windows,
      posterior: noise.posterior,
      scalars: scalars(1, 0.5),
      model,
      target: weights.target,
    };
    return measured(members, inputs, ({ windows, posterior, scalars, ...weights }) =>
      modelFlow(own, weights, windows, posterior, scalars, given),
    );
  };
  const [[alone], beside, balanced] = [
    await of(1, 'fixed'),
    await of(2, 'fixed'),
    await of(2, 'uncertainty'),
  ];
  for (const members of [beside, balanced]) {
    assert.deepEqual([...members[0]!.keys()], [...alone!.keys()]);
    assertClose(
      [...members[0]!.values()].flatMap(({ norm, cosine }) => [norm, cosine ?? 2]),
      [...alone!.values()].flatMap(({ norm, cosine }) => [norm, cosine ?? 2]),
    );
  }
  assert.notDeepEqual([...beside[1]!.values()], [...alone!.values()]);
});

const seeds = [1, 2];
const tiny = (more: string) =>
  loadExperiment({
    file: 'tiny.yaml',
    text: `${tinyDreamCritic.replace('randomSteps: 40', 'randomSteps: 20')}seeds: [${seeds}]
steps: 80
updateEvery: 2
horizon: 3
evaluation: { every: 40, episodes: 2 }
${more}`,
  });
const root = temporaryFolder('gradient-flow');
const sit = async (name: string, more: string, sitting?: Sitting) => {
  const dir = path.join(root, name);
  mkdirSync(dir, { recursive: true });
  await sitDown(tiny(more), dir, sitting);
  return dir;
};
const csv = (dir: string, seed: number) =>
  readFileSync(path.join(dir, `seed-${seed}`, 'gradients.csv'), 'utf8');

test('measuring changes nothing that is learnt, and is taken up where a run was killed or stopped', async () => {
  const on = 'gradients: { every: 4 }\n';
  const [off, whole] = [await sit('off', ''), await sit('on', on)];
  for (const seed of seeds) {
    assert.deepEqual(result(whole, seed), result(off, seed));
    const lines = csv(whole, seed)
      .trimEnd()
      .split('\n')
      .map((line) => line.split(','));
    assert.deepEqual(lines[0], ['seed', 'env_step', 'update', 'term', 'module', 'norm', 'cosine']);
    // An update every second step after 20, of which every fourth is measured.
    const moments = [...new Set(lines.slice(1).map((cells) => cells.slice(0, 3).join()))];
    assert.deepEqual(
      moments,
      [4, 8, 12, 16, 20, 24, 28].map((update) => `${seed},${20 + 2 * update},${update}`),
    );
  }
  const killAfter = (messages: readonly WorkerMessage[]) => messages.length === 4;
  await assert.rejects(sit('killed', on, { killAfter }), /^Error: killed$/);
  await sit('stopped', on, { stopAfter: (messages) => messages.length > 1 });
  for (const dir of [await sit('killed', on), await sit('stopped', on)]) {
    for (const seed of seeds) assert.equal(csv(dir, seed), csv(whole, seed));
  }
});

test('a method or an arm without a critic in its model is refused where it is asked for', () => {
  const read = (text: string) => () => loadExperiment({ file: 'c.yaml', text });
  assert.throws(read('method: ppo\ngradients: {}\n'), {
    message:
      /^c\.yaml:2:12: gradients: method ppo has no critic that could shape a world model; choose method vae-lstm.*, or leave gradients out$/,
  });
  assert.throws(read('method: baseline\ngradients: {}\n'), {
    message: 'c.yaml:2:12: gradients: this arm has no critic; set a switch of it, or leave gradients out',
  });
  assert.throws(
    read('method: dream-critic\nlambda: 0\ngradients: {}\n'),
    /gradients: lambda 0 leaves nothing of the critic/,
  );
  assert.throws(
    read('method: dream-critic\ngradients: { every: 0 }\n'),
    /c\.yaml:2:21: gradients\.every: expected/,
  );
  assert.deepEqual(
    loadExperiment({ file: 'c.yaml', text: 'method: dream-critic\ngradients: {}\n' }).gradients,
    { every: 100 },
  );
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { loadExperiment } from '../src/config/load.ts';
import { startEngine } from '../src/engine/engine.ts';
import { environmentEntry } from '../src/envs/index.ts';
import type { WorkerMessage } from '../src/experiment/messages.ts';
import { modelFlow as latentFlow } from '../src/methods/tdmpc/flow.ts';
import { tdmpcSettings } from '../src/methods/tdmpc/settings.ts';
import { modelGradients } from '../src/methods/tdmpc/update.ts';
import { initialWeights as initialLatentWeights } from '../src/methods/tdmpc/weights.ts';
import { modelFlow } from '../src/methods/vae-lstm/flow.ts';
import { initialWeights, networks } from '../src/methods/vae-lstm/networks.ts';
import { vaeLstmSettings } from '../src/methods/vae-lstm/settings.ts';
import { gradients } from '../src/methods/vae-lstm/update.ts';
import { latentNetworks } from '../src/models/latent/networks.ts';
import type { Windows } from '../src/models/windows.ts';
import { ParameterLayout } from '../src/nn/parameters.ts';
import { RandomStream } from '../src/random/stream.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { flowOf } from '../src/training/gradient-flow.ts';
import { freshOptimised } from '../src/training/optimise.ts';
import { assertMeasured, measured } from './support/measured-flow.ts';
import { result, type Sitting, sitIn } from './support/sitting.ts';
import { temporaryFolder } from './support/temporary-folder.ts';
import { assertClose, normals, upload } from './support/tensors.ts';

before(() => startEngine('wasm'));

const near = (actual: number, wanted: number, what: string, limit = 1e-3) =>
  assert.ok(
    Math.abs(actual - wanted) <= limit * Math.max(1e-6, Math.abs(wanted)),
    `${what}: ${actual}, not ${wanted}`,
  );

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
    action: tf.oneHot(tf.cast(tf.greater(of('a', [time]), 0), 'int32'), 2, 1, 0, 'float32') as tf.Tensor4D,
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
  return { windows, weights, noise, scalars, streams };
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
  assertMeasured(found!, model, expected);
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
    const model = tf.concat([weights.model.parameters, balances], 1) as tf.Tensor2D;
    const inputs = {
      windows,
      posterior: noise.posterior,
      scalars: scalars(1, 0.5),
      model,
      target: weights.target,
    };
    return measured(members, inputs, ({ windows, posterior, scalars, model, target }) =>
      modelFlow(own, { model: freshOptimised(model), target }, windows, posterior, scalars, given),
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

test("with GradNorm the critic's gradient is measured with the weight that it has come to", async () => {
  const { windows, noise, scalars, weights } = drawn(1);
  const of = async (gradNorm?: typeof weights.gradNorm) => {
    const inputs = { windows, posterior: noise.posterior, scalars: scalars(1, 0.5), ...weights, gradNorm };
    const [found] = await measured(1, inputs, ({ windows, posterior, scalars, ...weights }) =>
      modelFlow(layouts, weights, windows, posterior, scalars, settings),
    );
    return found!;
  };
  const fixed = await of();
  const thrice = await of({ logFactor: tf.tensor2d([[Math.log(3)]]), initialLoss: tf.tensor2d([[1, 1]]) });
  for (const [name, { term, norm }] of fixed) {
    near(thrice.get(name)!.norm, norm * (term === 'critic' ? 3 : 1), name);
  }
});

test("TD-MPC's terms are the differences that their weights make in training's own gradient", async () => {
  for (const [name, keys] of Object.entries({
    v2: { simNorm: 2, layers: 'normed', scalars: 'two-hot' },
    v1: { simNorm: 0, layers: 'plain', scalars: 'squared', target: 'averaged' },
  } as const)) {
    const size = { latent: 4, hidden: 6, encoderHidden: 6 };
    const given = tdmpcSettings.parse({ model: { ...size, ...keys }, critic: { heads: 2 } });
    const own = latentNetworks(given.model, given.critic, given.actor, given.twoHot, spaces);
    const { windows, streams } = drawn(1);
    const weights = initialLatentWeights(own, given, streams);
    const pair = tf.tensor3d([[[0.3, 0.8]]]);
    const noise = { targetPair: pair, actorPair: pair };
    const context = { networks: own, settings: given, spaces };
    const layout = new ParameterLayout([...own.encoder.specs, ...own.model.specs]);
    const whole = (changed: object) => {
      const model = { ...given.model, weights: { ...given.model.weights, ...changed } };
      const of = modelGradients({ ...context, settings: { ...given, model } }, weights, windows, noise);
      return values(tf.concat([of.gradient.encoder, of.gradient.model], 1));
    };
    const at = whole({});
    const less = (without: Float32Array) => at.map((x, i) => x - without[i]!);
    const expected = {
      consistency: less(whole({ consistency: 0 })),
      reward: less(whole({ reward: 0 })),
      continue: less(whole({ continue: 0 })),
      model: whole({ value: 0 }),
      critic: less(whole({ value: 0 })),
    };
    const measure = (settings: typeof given) =>
      measured(1, { weights, windows, noise }, (inputs) =>
        latentFlow({ ...context, settings }, inputs.weights, inputs.windows, inputs.noise),
      );
    const [found] = await measure(given);
    assertMeasured(found!, layout, expected);
    assert.ok(found!.has('critic dynamics') && !found!.has('critic reward'), name);
    const [cut] = await measure({ ...given, critic: { ...given.critic, shapesModel: false } });
    assert.deepEqual([...cut!], [...found!]);
  }
});

const seeds = [1, 2];
const common = `engine: wasm
logEvery: 5
randomSteps: 20
updateEvery: 2
seeds: [${seeds}]
steps: 50
evaluation: { every: 50, episodes: 1 }
`;
/** A config of each family, too small to learn. */
const tiny = {
  'vae-lstm': `method: vae-lstm
imaginationStarts: 4
horizon: 3
model: { latent: 4, hidden: [8], lstm: 8 }
critic: { hidden: [8] }
actor: { hidden: [8] }
replay: { batch: 4, length: 4 }
`,
  dreamer: `method: dreamer
horizon: 3
startsPerWindow: 2
model: { stoch: 2, classes: 3, deter: 8, hidden: 8, units: 8 }
replay: { batch: 2, length: 4 }
`,
  tdmpc: `method: tdmpc
pretraining: 7
model: { latent: 8, hidden: 8, encoderHidden: 8 }
planner: { candidates: 8, elites: 2, iterations: 1 }
replay: { batch: 4, length: 3 }
`,
};
const root = temporaryFolder('gradient-flow');
const sit = async (name: string, config: string, sitting?: Sitting) => {
  const dir = path.join(root, name);
  await sitIn(dir, config, sitting);
  return dir;
};
const csv = (dir: string, seed: number) =>
  readFileSync(path.join(dir, `seed-${seed}`, 'gradients.csv'), 'utf8');

for (const [method, keys] of Object.entries(tiny)) {
  test(`measuring ${method} changes nothing that is learnt, and goes on where a run was`, async () => {
    const off = `${keys}${common}`;
    const on = `${off}gradients: { every: 4 }\n`;
    const [without, whole] = [await sit(`${method}-off`, off), await sit(`${method}-on`, on)];
    await sit(`${method}-turns`, on, { turn: 35 });
    const turns = await sit(`${method}-turns`, on);
    for (const seed of seeds) {
      assert.deepEqual(result(whole, seed), result(without, seed));
      const lines = csv(whole, seed).trimEnd().split('\n');
      assert.equal(lines[0], 'seed,env_step,update,term,module,norm,cosine');
      const updates = [...new Set(lines.slice(1).map((line) => Number(line.split(',')[2])))];
      // An update every second step after 20, and in TD-MPC seven before.
      assert.deepEqual(updates, method === 'tdmpc' ? [4, 8, 12, 16, 20] : [4, 8, 12]);
      assert.equal(csv(turns, seed), csv(whole, seed));
    }
  });
}

test('rows beyond the checkpoint of a killed run are written again, and once', async () => {
  const config = `${tiny['vae-lstm']}${common.replace('every: 50', 'every: 25')}gradients: { every: 4 }\n`;
  const whole = await sit('whole', config);
  // After the last evaluation of each seed the next write is a checkpoint.
  const killAfter = (messages: readonly WorkerMessage[]) => messages.length === 2 * seeds.length;
  await assert.rejects(sit('killed', config, { killAfter }), /^Error: killed$/);
  const rows = csv(path.join(root, 'killed'), 1);
  assert.equal(rows, csv(whole, 1));
  await sit('killed', config);
  for (const seed of seeds) assert.equal(csv(path.join(root, 'killed'), seed), csv(whole, seed));
});

test('a method or an arm without a critic in its model is refused where it is asked for', () => {
  const read = (text: string) => () => loadExperiment({ file: 'c.yaml', text });
  assert.throws(read('method: ppo\ngradients: {}\n'), {
    message:
      /^c\.yaml:2:12: gradients: they are not measured of method ppo; choose method vae-lstm, dreamer or tdmpc, or leave gradients out$/,
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

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { loadExperiment } from '../src/config/load.ts';
import { startEngine } from '../src/engine/engine.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { methods } from '../src/methods/index.ts';
import { tdmpc } from '../src/methods/tdmpc/agent.ts';
import { normalisedDistance } from '../src/methods/tdmpc/self-prediction.ts';
import { type TdmpcSettings, tdmpcSettings } from '../src/methods/tdmpc/settings.ts';
import { modelGradients } from '../src/methods/tdmpc/update.ts';
import { initialWeights, type Weights } from '../src/methods/tdmpc/weights.ts';
import { latentNetworks } from '../src/models/latent/networks.ts';
import { RandomStream } from '../src/random/stream.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { agentIn, assertAlone, assertGoesOn } from './support/dreamer-runs.ts';
import { processorEngines } from './support/engine-here.ts';
import { flat, type Nested, ofSecond, read, reference, second } from './support/reference.ts';
import { assertClose, normals, upload } from './support/tensors.ts';

const normalised = reference<
  Record<'prediction' | 'target' | 'predictionGradientOfMean', Nested> & { loss: number[] }
>('self_prediction.json', 'planning');

type ModelKeys = Record<string, unknown>;

/** A latent that nothing but its prediction of itself shapes, too small to learn a task. */
const selfPredicting = (model: ModelKeys = {}, rest: object = {}): TdmpcSettings =>
  tdmpcSettings.parse({
    ...{ randomSteps: 12, updateEvery: 2, pretraining: 0, exploration: 0.3 },
    replay: { capacity: 400, batch: 3, length: 3 },
    model: {
      ...{ latent: 6, simNorm: 0, hidden: 7, encoderHidden: 5 },
      shapedBy: { reward: false, continue: false },
      ...model,
    },
    twoHot: { bins: 7, limit: 3 },
    critic: { heads: 2, shapesModel: false },
    planner: { name: 'enumeration', horizon: 2 },
    ...rest,
  });

const lifeOf = (seeds: number[], settings: TdmpcSettings[]) =>
  agentIn(tdmpc.create, 'CartPole-v1', seeds, settings);

const spaces = agentSpaces(environmentEntry('CartPole-v1'));
const networksOf = ({ model, critic, actor, twoHot }: TdmpcSettings) =>
  latentNetworks(model, critic, actor, twoHot, spaces);

/** One update of one member on random windows: the loss and its gradient, with the encoder's weights moved by some amount. */
function updateOf(settings: TdmpcSettings, moved?: tf.Tensor2D) {
  const networks = networksOf(settings);
  const fresh = initialWeights(networks, settings, (name) => [RandomStream.named(3, name)]);
  const stir = (x: tf.Tensor2D, name: string) =>
    tf.add(x, tf.mul(upload(normals(4, name, x.shape)), 0.3)) as tf.Tensor2D;
  const { encoder, model, critic } = fresh.learnt;
  const stirred = stir(encoder.parameters, 'encoder');
  const weights: Weights = {
    ...fresh,
    learnt: {
      encoder: { ...encoder, parameters: moved ? tf.add(stirred, moved) : stirred },
      model: { ...model, parameters: stir(model.parameters, 'model') },
      critic: { ...critic, parameters: stir(critic.parameters, 'critic') },
    },
    target: {
      ...fresh.target,
      ...(fresh.target.encoder && { encoder: stir(encoder.parameters, 'average') }),
    },
  };
  const random = (name: string, ...rest: number[]) => upload(normals(1, name, [1, 3, 3, ...rest]));
  const windows = {
    observation: random('o', spaces.observation) as tf.Tensor4D,
    nextObservation: random('next', spaces.observation) as tf.Tensor4D,
    action: random('a', spaces.actions),
    reward: random('r') as tf.Tensor3D,
    terminated: tf.tensor3d([0, 0, 0, 0, 0, 1, 0, 0, 0], [1, 3, 3]),
    first: tf.zeros([1, 3, 3]) as tf.Tensor3D,
  };
  const pair = tf.tensor3d([[[0.2, 0.7]]]);
  const noise = { targetPair: pair, actorPair: pair };
  return modelGradients({ networks, settings, spaces }, weights, windows, noise);
}

const only = (term: string) =>
  Object.fromEntries(
    ['consistency', 'reward', 'value', 'continue'].map((name) => [name, Number(name === term)]),
  );

for (const engine of processorEngines) {
  test(`the distance of normalised latents is SPR's, and so is its gradient, on ${engine}`, async () => {
    await startEngine(engine);
    tf.tidy(() => {
      const [x, y] = [second(normalised.prediction), second(normalised.target)];
      assertClose(ofSecond(normalisedDistance(x, y)), normalised.loss, 1e-6);
      const share = tf.fill([2, normalised.loss.length], 1 / normalised.loss.length);
      const gradient = tf.grad((x) => normalisedDistance(x, y))(x, share);
      assertClose(ofSecond(gradient), flat(normalised.predictionGradientOfMean), 1e-6);
      // Of nothing there is no direction, and nowhere to go.
      const none = tf.zerosLike(x);
      assertClose(
        read(normalisedDistance(none, y)),
        new Float32Array(2 * normalised.loss.length).fill(1),
        1e-6,
      );
      assert.ok(read(tf.grad((x) => normalisedDistance(x, y))(none)).every(Number.isFinite));
    });
  });
}

describe('self-prediction', () => {
  test('follows the whole slope of its loss but where its target is a constant', async () => {
    await startEngine('cpu');
    const arms: [ModelKeys, boolean][] = [
      [{ target: 'unstopped' }, true],
      [{ target: 'unstopped', distance: 'cosine', predictor: true }, true],
      [{ target: 'averaged', predictor: true }, true],
      [{ target: 'averaged', distance: 'cosine' }, true],
      [{ target: 'stopped' }, false],
      [{ target: 'stopped', distance: 'cosine' }, false],
    ];
    for (const [keys, isWhole] of arms) {
      tf.tidy(() => {
        const settings = selfPredicting({ ...keys, weights: only('consistency') });
        const { gradient } = updateOf(settings);
        const norm = tf.norm(gradient.encoder);
        // The way up from where it stands: what the gradient says is what the loss does.
        const direction = tf.div(gradient.encoder, norm) as tf.Tensor2D;
        const step = 1e-2;
        const [ahead, behind] = [step, -step].map(
          (h) => read(updateOf(settings, tf.mul(direction, h)).terms.loss!)[0]!,
        );
        const [slope] = read(norm) as unknown as [number];
        const ratio = (ahead! - behind!) / (2 * step) / slope;
        assert.equal(Math.abs(ratio - 1) < 0.02, isWhole, `${JSON.stringify(keys)}: ${ratio}`);
      });
    }
  });

  test("heads' gradients reach encoder and dynamics where they are to shape them, each by its key", async () => {
    await startEngine('cpu');
    for (const term of ['reward', 'continue'] as const) {
      for (const shapes of [true, false]) {
        const shapedBy = { reward: term !== 'reward', continue: term !== 'continue', [term]: shapes };
        tf.tidy(() => {
          const settings = selfPredicting({ shapedBy, weights: only(term) });
          const { gradient } = updateOf(settings);
          const { model } = networksOf(settings);
          const moved = [...model.views(read(gradient.model) as Float32Array)]
            .filter(({ values }) => values.some((x) => x !== 0))
            .map(({ name }) => name.split('.')[0]);
          const head = term === 'reward' ? 'reward' : 'termination';
          assert.deepEqual(new Set(moved), new Set(shapes ? ['dynamics', head] : [head]));
          assert.equal(
            read(gradient.encoder).some((x) => x !== 0),
            shapes,
          );
        });
      }
    }
  });

  test('a predictor learns, and stands between the latent and what is predicted', async () => {
    await startEngine('cpu');
    tf.tidy(() => {
      const keys = { target: 'averaged', weights: only('consistency') };
      const [without, with_] = [keys, { ...keys, predictor: true }].map((own) =>
        updateOf(selfPredicting(own)),
      );
      assert.notEqual(read(without!.terms.consistency!)[0], read(with_!.terms.consistency!)[0]);
      const { model } = networksOf(selfPredicting({ predictor: true }));
      const own = [...model.views(read(with_!.gradient.model) as Float32Array)].filter(({ name }) =>
        name.startsWith('predictor'),
      );
      assert.ok(own.length > 0 && own.every(({ values }) => values.some((x) => x !== 0)));
    });
  });

  test('saved and loaded it goes on to the byte, and a member learns beside another what it learns alone', async () => {
    await startEngine('wasm');
    const settings = selfPredicting({ target: 'averaged', predictor: true, distance: 'cosine' });
    await assertGoesOn(() => lifeOf([3, 4], [settings]), [20]);
    const faster = { ...settings, optimizer: { ...settings.optimizer, learningRate: 0.01 } };
    await assertAlone(lifeOf, [5, 6], [settings, faster]);
    const unstopped = selfPredicting({ target: 'unstopped' });
    await assertGoesOn(() => lifeOf([3, 4], [unstopped]), [20]);
  });

  test('collapses where the target learns to be predicted, and not where it is a constant', async () => {
    await startEngine('wasm');
    const spreadOf = async (target: string) => {
      const settings = selfPredicting(
        { target, hidden: 16, encoderHidden: 16 },
        {
          ...{ randomSteps: 100, pretraining: 150, replay: { capacity: 100, batch: 16, length: 3 } },
          optimizer: { learningRate: 3e-3, encoderScale: 1 },
        },
      );
      const { agent, live } = lifeOf([1], [settings]);
      await live(0, 100);
      const rows = await agent.drainLosses();
      agent.dispose();
      return rows.at(-1)![0]!.latent_std!;
    };
    const [stopped, unstopped] = [await spreadOf('stopped'), await spreadOf('unstopped')];
    assert.ok(unstopped < stopped / 5, `${unstopped} is not far below ${stopped}`);
  });

  test('an arm is named for how it predicts itself where nothing else shapes it', () => {
    const { arm } = methods.tdmpc;
    const cases: [object, string][] = [
      [selfPredicting(), 'self-prediction-stopped'],
      [selfPredicting({ target: 'unstopped' }), 'self-prediction-unstopped'],
      [
        selfPredicting({ target: 'averaged', predictor: true, distance: 'cosine' }),
        'self-prediction-averaged-predictor-cosine',
      ],
      [selfPredicting({ shapedBy: { reward: true } }), 'tdmpc-v2-unshaped'],
      [selfPredicting({ shapedBy: { reward: false } }), 'tdmpc-v2-unshaped'],
      [selfPredicting({ shapedBy: { reward: false }, continueHead: false }), 'self-prediction-stopped'],
      [selfPredicting({}, { critic: { shapesModel: true } }), 'tdmpc-v2'],
    ];
    for (const [settings, name] of cases) assert.equal(arm(settings), name);
  });

  test('wrong values are named with their place', () => {
    const cases: [string, RegExp][] = [
      ['model: { target: frozen }', /c\.yaml:2:18: model\.target: .*stopped, averaged or unstopped/],
      ['model: { distance: l1 }', /c\.yaml:2:20: model\.distance: .*squared or cosine/],
      ['model: { predictor: linear }', /c\.yaml:2:21: model\.predictor: /],
      ['model: { shapedBy: { value: false } }', /c\.yaml:2:22: model\.shapedBy\.value: unknown key/],
    ];
    for (const [keys, message] of cases) {
      const text = `method: tdmpc\n${keys}\n`;
      assert.throws(() => loadExperiment({ file: 'c.yaml', text }), message, keys);
    }
  });
});

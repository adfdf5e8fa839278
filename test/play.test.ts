import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import * as tf from '@tensorflow/tfjs-core';
import { playCommand, playSite } from '../src/cli/play.ts';
import { formatExperiment } from '../src/config/format.ts';
import { loadExperiment } from '../src/config/load.ts';
import type { Experiment } from '../src/config/schema.ts';
import { startEngine } from '../src/engine/engine.ts';
import type { Action } from '../src/envs/environment.ts';
import { environmentEntry } from '../src/envs/index.ts';
import { UserError } from '../src/errors.ts';
import { encodeActions } from '../src/models/action-encoding.ts';
import { rollOut } from '../src/models/roll-out.ts';
import { uploadActions } from '../src/models/windows.ts';
import type { States, WorldModel } from '../src/models/world-model.ts';
import { Game } from '../src/play/game.ts';
import { LiveModel, type Seen, type SteppedModel } from '../src/play/live-model.ts';
import { spacesOf, withPlayed } from '../src/play/played-run.ts';
import { preparePlay } from '../src/play/prepare.ts';
import { RandomStream } from '../src/random/stream.ts';
import { RunFolder } from '../src/runs/run-folder.ts';
import { decodeSafetensors } from '../src/runs/safetensors.ts';
import { readPage } from '../src/serve/page.ts';
import { type Server, type Site, startServer } from '../src/serve/server.ts';
import { emptyActions, setAction } from '../src/training/actions.ts';
import type { AgentSpaces } from '../src/training/agent-spaces.ts';
import { noBrowser, openPage, withBrowser } from './support/browser.ts';
import { runInfo } from './support/run-folders.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const root = temporaryFolder('play');

const small = `
seeds: [3, 4]
model: { deter: 8, hidden: 8, units: 8 }
replay: { length: 4 }
startsPerWindow: 4`;
const gaussian = `
seeds: [3]
environment: Pendulum-v1
model: { latent: gaussian, cell: gru, deter: 8, hidden: 8, units: 8, norm: false, activation: elu, rewardHead: squared`;

const frames = `
data: d
seeds: [3]
steps: 16
evaluation: { every: 4 }
model: { width: 8, heads: 2, hidden: 8, layers: ST, context: 3 }
agent: { hidden: [8], bins: 5 }`;

/** A run of each family, with discrete actions and with a box; the first as large as it comes. */
const configs = {
  'dream-critic': 'method: vae-lstm',
  baseline:
    'method: baseline\nenvironment: Pendulum-v1\nmodel: { latent: 4, hidden: [8], lstm: 8, continueHead: false }',
  'dreamer-v3': `method: dreamer${small}`,
  'dreamer-v1': `method: dreamer${gaussian} }`,
  'dreamer4-box': `method: dreamer4\nenvironment: Pendulum-v1\nphases: { dynamics: 4, agent: 4 }${frames}`,
  'dreamer4-images': `method: dreamer4\nenvironment: MinAtar/Breakout-v0\nphases: { tokenizer: 4, dynamics: 4, agent: 4 }\ntokenizer: { patch: 5, latents: 3, channels: 2, tokens: 2, width: 4, heads: 1, hidden: 4, layers: 1 }${frames}`,
  planet: `method: planet${gaussian}, continueHead: false }`,
  simple: 'method: simple\nseeds: [3]\nmodel: { units: 8, prior: lstm, priorUnits: 4 }',
  'model-only':
    'method: simple\nseeds: [3]\nenvironment: Pendulum-v1\nmodel: { bits: 0, rewardHead: squared, continueHead: false }',
  'ha-schmidhuber': 'method: ha-schmidhuber\nseeds: [3]\nmodel: { latent: 3, hidden: [8], lstm: 8 }',
  pets: 'method: pets\nseeds: [3]\nmodel: { networks: 3, units: 8 }\nparticles: 3',
  mbpo: 'method: mbpo\nseeds: [3]\nmodel: { networks: 3, elites: 2, units: 8 }',
};
type Name = keyof typeof configs;

const experimentOf = (name: Name): Experiment =>
  loadExperiment({ file: name, text: `${configs[name]}\nname: ${name}\n` });

/** Weights as if they had been trained: no number of a state is always the same. */
function weightsOf(experiment: Experiment): Record<string, Float32Array> {
  const sizes = withPlayed(experiment, spacesOf(experiment), (played) => played.sizes)!;
  const random = RandomStream.named(1, 'weights');
  return Object.fromEntries(
    Object.entries(sizes).map(([name, size]) => [
      name,
      random.fillNormal(new Float32Array(size)).map((x) => 0.15 * x),
    ]),
  );
}

/** A run folder with a checkpoint of its last seed, without any training. */
function savedRun(experiment: Experiment): string {
  const dir = path.join(root, experiment.name);
  if (existsSync(dir)) return dir;
  const configText = formatExperiment(experiment);
  const folder = RunFolder.open(dir, { configText, info: runInfo(experiment.name, 'cpu') });
  const arrays = Object.fromEntries(
    Object.entries(weightsOf(experiment)).map(([name, data]) => [name, { shape: [data.length], data }]),
  );
  const replay = { 'replay.reward': { shape: [3], data: Float32Array.of(7, 7, 7) } };
  const state = {
    ...{ step: 1234, update: 100, evaluationDue: false, streams: {} },
    arrays: { ...arrays, ...replay },
  };
  const seed = folder.seed(experiment.seeds.at(-1)!);
  mkdirSync(seed.dir);
  seed.writeCheckpoint({ state, wallSeconds: 1 }, () => {});
  folder.close();
  return dir;
}

before(() => startEngine('cpu'));

/** The model of a run by its verbs, and those of the observations that its steps stand for. */
function verbs<State extends States>(
  experiment: Experiment,
  use: (model: WorldModel<States>, spaces: AgentSpaces) => State,
): State {
  const spaces = spacesOf(experiment);
  const weights = weightsOf(experiment);
  return withPlayed(experiment, spaces, (played) => {
    const named = Object.entries(played.sizes).map(([name, size]) => [
      name,
      tf.tensor2d(weights[name]!, [1, size]),
    ]);
    return use(played.model(Object.fromEntries(named)) as unknown as WorldModel<States>, spaces);
  })!;
}

/** What one call of a roll-out decodes and foresees, steps by steps: observations in raw units, rewards, continue. */
function rolledOut(experiment: Experiment, start: ArrayLike<number>, actions: readonly Action[]) {
  const tensors = verbs(experiment, (model, spaces) =>
    tf.tidy(() => {
      const { actionSpace, observationScale } = spaces;
      const taken = emptyActions(actionSpace, actions.length);
      for (const [i, action] of actions.entries()) setAction(taken, i, action);
      const given = encodeActions(actionSpace, uploadActions(taken, [1, 1, actions.length], actionSpace));
      const scaled = Array.from(start, (x, i) => x / observationScale[i]!);
      const state = model.start(tf.tensor3d(scaled, [1, 1, scaled.length]));
      const imagined = rollOut(model, state, { actions: given as tf.Tensor4D });
      const next = imagined.nextFeatures;
      return {
        observation: tf.mul(model.decode!(next), tf.tensor1d([...observationScale])),
        reward: tf.mul(model.reward!(imagined), spaces.rewardScale),
        ...(model.continues && { continueProbability: tf.sigmoid(model.continues(next)) }),
      };
    }),
  );
  const { observation, reward, continueProbability } = tensors as Record<string, tf.Tensor>;
  const rows = (observation!.arraySync() as number[][][][])[0]![0]!;
  return rows.map((observed, i) => ({
    observation: observed,
    reward: reward!.dataSync()[i]!,
    continueProbability: continueProbability?.dataSync()[i],
  }));
}

const liveModel = (experiment: Experiment): SteppedModel =>
  withPlayed<SteppedModel>(
    experiment,
    spacesOf(experiment),
    (played) => new LiveModel(played, spacesOf(experiment), weightsOf(experiment)),
  )!;

/** What a model that has observed a whole episode at once knows at its end. */
function observedAtOnce(
  experiment: Experiment,
  observations: readonly Float32Array[],
  actions: readonly Action[],
) {
  const { features } = verbs(experiment, (model, spaces) =>
    tf.tidy(() => {
      const { actionSpace, observationScale, observation } = spaces;
      const time = observations.length;
      const taken = emptyActions(actionSpace, time);
      for (const [i, action] of actions.entries()) setAction(taken, i, action);
      const flat = observations.flatMap((each) => Array.from(each, (x, i) => x / observationScale[i]!));
      const seen = tf.tensor4d(flat, [1, 1, time, observation]);
      const none = tf.zeros([1, 1, time]) as tf.Tensor3D;
      const { states } = model.observe({
        ...{ observation: seen, nextObservation: seen, reward: none, terminated: none },
        action: encodeActions(actionSpace, uploadActions(taken, [1, 1, time], actionSpace)),
        first: tf.oneHot(tf.tensor2d([[0]], [1, 1], 'int32'), time) as tf.Tensor3D,
      });
      return { features: tf.squeeze(tf.slice(model.features(states), [0, 0, time - 1])) };
    }),
  );
  return features!.dataSync();
}

/** Actions that change from step to step. */
const someActions = (experiment: Experiment, count: number): Action[] => {
  const { actionSpace } = spacesOf(experiment);
  return Array.from({ length: count }, (_, i) =>
    actionSpace.kind === 'discrete'
      ? (i * 7 + (i >> 2)) % actionSpace.n
      : Float32Array.from(actionSpace.low, (low, k) => low + (actionSpace.high[k]! - low) * ((i * 0.37) % 1)),
  );
};

function assertNear(actual: number | undefined, expected: number | undefined, what: string): void {
  if (expected === undefined) assert.equal(actual, undefined, what);
  // Written so that NaN fails.
  else if (!(Math.abs(actual! - expected) <= 1e-6 * Math.max(1, Math.abs(expected))))
    assert.fail(`${what}: ${actual} is not ${expected}`);
}

/** What is seen of a dream, read from the engine or from a page. */
interface Dreamt {
  observation?: ArrayLike<number | undefined>;
  reward?: number | undefined;
  continueProbability?: number | undefined;
}

function assertDream(seen: Dreamt, expected: ReturnType<typeof rolledOut>[number], step: number): void {
  for (const [i, x] of expected.observation.entries()) {
    assertNear(seen.observation?.[i], x, `observation ${i} of step ${step}`);
  }
  assertNear(seen.reward, expected.reward, `reward of step ${step}`);
  assertNear(seen.continueProbability, expected.continueProbability, `continue probability of step ${step}`);
}

for (const name of Object.keys(configs) as Name[]) {
  test(`${name}: dreamt step by step is what a roll-out dreams, reality is what is observed, nothing leaks`, async () => {
    const experiment = experimentOf(name);
    const environment = environmentEntry(experiment.environment).make();
    const start = environment.reset(RandomStream.named(5, 'start'));
    const actions = someActions(experiment, 15);
    const model = liveModel(experiment);
    const first = await model.begin(start);
    const expected = rolledOut(experiment, start, actions);
    const before = tf.memory().numTensors;
    const observations = [start];
    let reality = first;
    for (const [step, action] of actions.entries()) {
      const observed = environment.step(action).observation;
      observations.push(observed);
      const seen = await model.advance({ action, observed, dreams: true });
      assertDream(seen.dream!, expected[step]!, step);
      assert.notDeepEqual(seen.reality!.features, seen.dream!.features);
      reality = seen.reality!;
      assert.equal(tf.memory().numTensors, before, `step ${step} leaks`);
    }
    for (const [i, x] of observedAtOnce(experiment, observations, actions).entries()) {
      assertNear(reality.features[i], x, `feature ${i} of reality`);
    }
    const after = tf.memory().numTensors;
    const dreamOn = async (random?: RandomStream) => {
      model.dreamFromReality();
      return (await model.advance({ action: actions[0]!, dreams: true, random })).dream!.features;
    };
    assert.deepEqual(await dreamOn(), await dreamOn(), 'the likeliest step from where reality stands');
    const random = RandomStream.named(1, 'draws');
    const drawn = [await dreamOn(random), await dreamOn(random)];
    assert.equal(model.isStochastic, !['dream-critic', 'baseline', 'model-only'].includes(name));
    if (model.isStochastic) assert.notDeepEqual(drawn[0], drawn[1]);
    assert.equal(
      reality.action === undefined,
      name === 'planet' || name === 'pets' || name === 'mbpo',
      'planners have no policy, and that of MBPO is no part of its model',
    );
    assert.equal(tf.memory().numTensors, after);
  });
}

/** A model of CartPole that dreams of one number more at every step and foresees the end at the fourth. */
function countingModel(): SteppedModel & { dreamt: number[] } {
  let at = 0;
  let reality = 0;
  const seen = (count: number): Seen => ({
    features: Float32Array.of(count),
    observation: Float32Array.of(0.04 * count, 0, 0, 0),
    continueProbability: count < 4 ? 0.5 : 0.499,
    action: 0,
    reward: 0.5,
  });
  const model = {
    isStochastic: false,
    dreamt: [] as number[],
    begin: async () => {
      [at, reality] = [0, 0];
      return seen(0);
    },
    dreamFromReality: () => {
      at = 0;
    },
    advance: async ({ observed, dreams }: Parameters<SteppedModel['advance']>[0]) => {
      if (observed) reality++;
      if (dreams) model.dreamt.push(++at);
      return {
        ...(observed && { reality: { ...seen(0), features: Float32Array.of(reality) } }),
        ...(dreams && { dream: seen(at) }),
      };
    },
  };
  return model;
}

test('a game steps both, measures how far they part, and ends a dream where its end is foreseen', async () => {
  const entry = environmentEntry('CartPole-v1');
  const model = countingModel();
  const game = new Game(model, entry, 3);
  await game.newEpisode();
  const start = game.reality.observation!;
  assert.deepEqual(start, entry.make().reset(RandomStream.named(3, 'play/starts')));
  for (let i = 0; i < 6; i++) await game.step(game.pilotAction('reality'));
  assert.deepEqual(model.dreamt, [1, 2, 3, 4], 'no step after the end that was foreseen');
  const { dream, reality } = game;
  assert.deepEqual([dream.steps, dream.total, dream.ended], [4, 2, 'end foreseen']);
  assert.deepEqual([reality.steps, reality.total, reality.ended], [6, 6, undefined]);
  const real = entry.make();
  real.reset(RandomStream.named(3, 'play/starts'));
  const scale = entry.observationScale;
  const expected = [1, 2, 3, 4].map((count) => {
    const observed = real.step(0).observation;
    const differences = [0.04 * count, 0, 0, 0].map((x, i) => (Math.fround(x) - observed[i]!) / scale[i]!);
    return Math.sqrt(differences.reduce((sum, x) => sum + x * x, 0) / 4);
  });
  assert.equal(game.errors.length, 4);
  for (const [i, error] of game.errors.entries()) assertNear(error, expected[i], `error ${i}`);
  const trusted = expected.findIndex((error) => error > 0.1);
  assert.equal(game.trustedSteps, trusted);

  game.dreamFromReality();
  assert.deepEqual([game.dream.steps, game.errors.length], [0, 0]);
  assert.deepEqual(game.earlierDreams, [{ trustedSteps: trusted, wentAstray: true }]);
  while (!game.reality.ended) await game.step(0);
  assert.equal(game.reality.ended, 'pole');
  const steps = game.reality.steps;
  await game.step(0);
  game.dreamFromReality();
  assert.deepEqual(
    [game.reality.steps, game.dream.steps],
    [steps, 4],
    'nothing goes on, and nothing is dreamt',
  );
  await game.newEpisode();
  assert.deepEqual([game.reality.steps, game.reality.ended, game.dream.ended], [0, undefined, undefined]);
});

async function serve(answer: Site['answer']): Promise<Server> {
  const server = await startServer({ port: 0, answer, failed: assert.ifError });
  after(() => server.close());
  return server;
}

const play = { seed: undefined, checkpoint: 'last' } as const;
const refused = (message: RegExp) => (error: unknown) =>
  error instanceof UserError && error.exitCode === 2 && message.test(error.message);

test('what cannot be played is refused in one sentence, and nothing is written', async () => {
  const dir = savedRun(experimentOf('dreamer-v3'));
  assert.throws(() => preparePlay(path.join(root, 'none'), play), refused(/does not exist/));
  assert.throws(() => preparePlay(root, play), refused(/is no run folder/));
  assert.throws(() => preparePlay(dir, { ...play, seed: 9 }), refused(/has no seed 9; choose one of 3, 4$/));
  assert.throws(
    () => preparePlay(dir, { ...play, seed: 3 }),
    refused(/^seed 3 of .* holds no checkpoint .*wm train/),
  );
  assert.throws(() => preparePlay(dir, { ...play, checkpoint: 'best' }), refused(/best.*--checkpoint last$/));
  const ppo = loadExperiment({ file: 'ppo', text: 'method: ppo' });
  const without = path.join(root, 'ppo');
  RunFolder.open(without, { configText: formatExperiment(ppo), info: runInfo('ppo', 'cpu') }).close();
  assert.throws(
    () => preparePlay(without, play),
    refused(/by ppo, which wm play has no dream of: it learns no world model/),
  );

  const other = savedRun({ ...experimentOf('dreamer-v3'), name: 'other' });
  const config = path.join(other, 'config.yaml');
  const text = readFileSync(config, 'utf8');
  writeFileSync(config, text.replace('deter: 8', 'deter: 16'));
  assert.throws(
    () => preparePlay(other, play),
    refused(/seed 4 is of another config.* average.model is float32 \[/),
  );
  const info = path.join(other, 'run.json');
  writeFileSync(info, readFileSync(info, 'utf8').replace('"schemaVersion": 1', '"schemaVersion": 99'));
  assert.throws(() => preparePlay(other, play), refused(/newer/));

  const web = path.join(root, 'web-taken');
  mkdirSync(web);
  writeFileSync(path.join(web, 'mine.txt'), 'mine');
  const options = { checkpoint: 'last', port: 0, web } as const;
  await assert.rejects(
    () => playCommand(dir, options),
    refused(/--web .*holds mine\.txt already.*--replace$/),
  );
  assert.deepEqual(readdirSync(web), ['mine.txt']);
  const taken = await serve(async () => undefined);
  await assert.rejects(
    () => playCommand(dir, { checkpoint: 'last', port: taken.port }),
    refused(/^port \d+ is in use; choose another --port/),
  );
});

test('wm play --web writes a page and weights alone, and the page is small', async () => {
  const experiment = experimentOf('dreamer-v3');
  const dir = savedRun(experiment);
  const web = path.join(root, 'web');
  assert.equal(await playCommand(dir, { checkpoint: 'last', port: 0, web }), 0);
  assert.deepEqual(readdirSync(web).sort(), ['index.html', 'model.safetensors']);
  const page = readFileSync(path.join(web, 'index.html'));
  assert.ok(gzipSync(page).length < 200_000, `${gzipSync(page).length} bytes`);
  assert.doesNotMatch(page.toString(), /Zod/);
  const { arrays, metadata } = decodeSafetensors(readFileSync(path.join(web, 'model.safetensors')));
  assert.deepEqual(Object.keys(arrays).sort(), ['average.actor', 'average.model']);
  const run = JSON.parse(metadata.run!);
  assert.deepEqual([run.seed, run.step, run.arm], [4, 1234, 'dreamer-v3']);
  assert.deepEqual(run.experiment, experiment);
});

test('in Chromium: keys steer the dream, which is that of Node, and nothing comes from elsewhere', {
  skip: noBrowser,
}, async () => {
  const experiment = experimentOf('dream-critic');
  const { weights } = preparePlay(savedRun(experiment), play);
  const server = await serve(playSite(readPage('play'), weights));
  await withBrowser(async (browser) => {
    const { page, complaints, requests } = await openPage(browser, server.url, { width: 400 });
    page.setDefaultTimeout(20_000);
    await page.locator('#game').waitFor();
    const shown = async (world: 1 | 2) => {
      const cells = await page.locator(`#numbers td:nth-of-type(${world})`).all();
      const titles = await Promise.all(cells.map((cell) => cell.getAttribute('title')));
      const [x, xDot, theta, thetaDot, reward, , continueProbability] = titles.map(Number);
      return { observation: [x, xDot, theta, thetaDot] as number[], reward: reward!, continueProbability };
    };
    await page.keyboard.press('Space');
    await page.getByText('paused', { exact: true }).waitFor();
    await page.keyboard.press('n');
    await page.getByText('The dream has just begun.').waitFor();
    const start = (await shown(2)).observation;
    // Both choices, so that a key that does nothing would be seen.
    const choices = [1, 1, 0, 1, 0, 0, 1, 0, 1, 1, 0, 0, 1, 1, 0];
    const expected = rolledOut(experiment, start, choices);
    const otherwise = rolledOut(experiment, start, choices.toSpliced(5, 1, 1));
    assert.ok(Math.abs(otherwise[5]!.observation[0]! - expected[5]!.observation[0]!) > 1e-5);
    for (const [step, choice] of choices.entries()) {
      await page.keyboard.press(choice === 1 ? 'ArrowRight' : 'ArrowLeft');
      await page.keyboard.press('.');
      await page
        .getByText(`step ${step + 1} `)
        .first()
        .waitFor();
      assertDream(await shown(1), expected[step]!, step);
    }
    assert.equal(await page.locator('#pilot').inputValue(), 'keys');
    await page.keyboard.press('d');
    await page.getByText('The dream has just begun.').waitFor();
    assert.deepEqual(complaints, []);
    assert.deepEqual(requests, [server.url, `${server.url}model.safetensors`]);

    const damaged = weights.slice();
    damaged[damaged.length - 1]! ^= 1;
    const broken = await serve(playSite(readPage('play'), damaged));
    const { page: other } = await openPage(browser, broken.url, { width: 400 });
    await other.getByRole('alert').getByText('model.safetensors is damaged').waitFor();
  });
});

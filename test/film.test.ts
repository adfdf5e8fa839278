import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { parse } from 'yaml';
import { formatExperiment } from '../src/config/format.ts';
import { loadExperiment } from '../src/config/load.ts';
import { startEngine } from '../src/engine/engine.ts';
import { environmentEntry, environmentNames } from '../src/envs/index.ts';
import { isImage } from '../src/envs/spaces.ts';
import { filmRun } from '../src/experiment/film-run.ts';
import { loadRun } from '../src/experiment/load-run.ts';
import { haSchmidhuber } from '../src/methods/ha-schmidhuber/agent.ts';
import { haSchmidhuberSettings } from '../src/methods/ha-schmidhuber/settings.ts';
import { mbpo } from '../src/methods/mbpo/agent.ts';
import { mbpoSettings } from '../src/methods/mbpo/settings.ts';
import { pets } from '../src/methods/pets/agent.ts';
import { petsSettings } from '../src/methods/pets/settings.ts';
import { planet } from '../src/methods/planet/agent.ts';
import { planetSettings } from '../src/methods/planet/settings.ts';
import { simple } from '../src/methods/simple/agent.ts';
import { simpleSettings } from '../src/methods/simple/settings.ts';
import { dream } from '../src/models/dreams.ts';
import { type Film, filmScene } from '../src/pictures/film.ts';
import { sceneSvg } from '../src/pictures/scene-svg.ts';
import { stripScene } from '../src/pictures/strip.ts';
import { RandomStream } from '../src/random/stream.ts';
import { MediaFolder } from '../src/runs/media-folder.ts';
import { RunFolder } from '../src/runs/run-folder.ts';
import { type AgentSpaces, agentSpaces } from '../src/training/agent-spaces.ts';
import { complete, evaluate, evaluationStreams } from '../src/training/evaluate.ts';
import { heldOutSet } from '../src/training/held-out.ts';
import { emptyBatch, firstOf } from '../src/training/replay.ts';
import { noBrowser, openPage, withBrowser } from './support/browser.ts';
import { agentIn, dreamerIn, tinyDreamer, tinyKeys } from './support/dreamer-runs.ts';
import { AGEING, driftModel, PUSH } from './support/drift-model.ts';
import { runInTurn } from './support/program.ts';
import { randomFilm } from './support/random-film.ts';
import { runInfo } from './support/run-folders.ts';
import { type Sitting, sitDown } from './support/sitting.ts';
import { temporaryFolder } from './support/temporary-folder.ts';
import { tinyDreamCritic } from './support/tiny-run.ts';

const root = temporaryFolder('film');
const fixture = fileURLToPath(new URL('fixtures/small-agent/', import.meta.url));

before(async () => {
  await startEngine('wasm');
});

/** A run folder of the small trained agent. */
function smallRun(): string {
  const dir = path.join(root, 'small');
  if (existsSync(dir)) return dir;
  const text = readFileSync(path.join(fixture, 'config.yaml'), 'utf8');
  const experiment = loadExperiment({ file: 'config.yaml', text });
  const folder = RunFolder.open(dir, {
    configText: formatExperiment(experiment),
    info: runInfo('dream-critic', 'wasm'),
  });
  const seed = folder.seed(6);
  seed.make();
  cpSync(path.join(fixture, 'weights.safetensors'), path.join(seed.dir, 'checkpoint.safetensors'));
  folder.close();
  return dir;
}

describe('dreams', () => {
  test('begin where they are asked to, see reality up to there, and then the actions alone', async () => {
    const spaces: AgentSpaces = {
      ...{ observation: 2, observationScale: [1, 4], rewardRange: [0, 8] as const, rewardScale: 8 },
      ...{ actionSpace: { kind: 'discrete', n: 2 }, actions: 2 },
    };
    const plans = fc.record({
      lengths: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 }),
      from: fc.integer({ min: 0, max: 10 }),
      every: fc.oneof(fc.integer({ min: 1, max: 10 }), fc.constant(Infinity)),
      seed: fc.nat(1000),
    });
    await fc.assert(
      fc.asyncProperty(plans, async ({ lengths, from, every, seed }) => {
        const time = Math.max(...lengths) + 1;
        const batch = lengths.length;
        const episodes = {
          ...emptyBatch(1, batch, time, spaces),
          mask: new Float32Array(batch * time),
        };
        const random = RandomStream.named(seed, 'episodes');
        random.fillUniform(episodes.observation);
        for (const [b, length] of lengths.entries()) {
          episodes.mask.fill(1, b * time, b * time + length);
          episodes.first[b * time] = 1;
        }
        for (let i = 0; i < episodes.action.length; i++) episodes.action[i] = random.integer(2);
        const tensors = tf.memory().numTensors;
        const dreams = await dream(() => driftModel, spaces, episodes, { from, every });
        assert.equal(tf.memory().numTensors, tensors, 'tensors leaked');
        assert.deepEqual(
          dreams.map(({ length }) => length),
          lengths.map((length) => length + 1),
        );
        for (const [b, length] of lengths.entries()) {
          const first = Math.min(from, length - 1);
          let position = [0, 0];
          let dreamt = 0;
          for (let t = 0; t <= length; t++) {
            const shown = dreams[b]![t]!;
            if (t > first) {
              // The step from t − 1, where the position is reality's if a dream begins there.
              const begins = t - 1 === first || dreamt === every;
              const at = b * time + t - 1;
              const real = [...episodes.observation.subarray(2 * at, 2 * at + 2)].map(
                (x, i) => x / spaces.observationScale[i]!,
              );
              if (begins) dreamt = 0;
              const push = (episodes.action[at]! - 0.5) * PUSH + AGEING * (t - 1);
              position = (begins ? real : position).map((x) => x + push);
              dreamt++;
              const reward = 8 * (position[0]! + position[1]!);
              assert.ok(Math.abs(shown.reward! - reward) < 1e-4, `${shown.reward}, not ${reward}`);
            } else {
              const at = b * time + t;
              position = [episodes.observation[2 * at]!, episodes.observation[2 * at + 1]! / 4];
              assert.equal(shown.reward, null);
            }
            assert.equal(shown.dreamt, dreamt);
            assert.equal(shown.continueProbability, null, 'the model foresees no end');
            for (const [i, scale] of spaces.observationScale.entries()) {
              assert.ok(Math.abs(shown.observation[i]! - scale * position[i]!) < 1e-5);
            }
          }
        }
      }),
      { seed: 1, numRuns: 25 },
    );
  });

  test("of a trained agent's own episodes miss by what its metrics say", async () => {
    const { agent, seeds } = await loadRun(smallRun(), { checkpoint: 'last', engine: 'wasm', seeds: 'all' });
    const { entry } = seeds[0]!;
    const streams = evaluationStreams([6], 'film');
    const [played] = await complete(evaluate(agent, [entry], 'average', 1, 1, streams));
    const [measured] = await agent.diagnose(() => heldOutSet(entry), [played!.recorded], [0]);
    const { film } = await filmRun(smallRun(), {
      ...{ checkpoint: 'last', engine: 'wasm', seed: undefined, episodes: 1, steps: 500 },
      dreams: { from: 0, every: 1 },
    });
    const lengths = film.episodes.map(({ real }) => real.length - 1);
    assert.deepEqual(
      lengths,
      played!.episodes.map(({ length }) => length),
    );
    const errors = film.episodes.flatMap(({ real, dream }) =>
      real.slice(1).flatMap(({ observation }, t) => {
        const { observation: dreamt, continueProbability } = dream![t + 1]!;
        assert.ok(continueProbability! > 0 && continueProbability! < 1);
        return Array.from(observation, (x, i) => (x - dreamt[i]!) ** 2);
      }),
    );
    const error = errors.reduce((sum, x) => sum + x, 0) / errors.length;
    assert.ok(Math.abs(error / measured!.prediction_mse_own! - 1) < 1e-4, `${error}`);
    agent.dispose();
  });
});

const filmSvg = (film: Film) => sceneSvg(filmScene(film));
const stripSvg = (film: Film, columns: number) => sceneSvg(stripScene(film, columns));

/** The values of a SMIL element, one of each frame. */
function valuesOf(element: string, frames: number): string[] {
  const attribute = (name: string) => new RegExp(` ${name}="([^"]*)"`).exec(element)?.[1];
  const values = attribute('values')!.split(';');
  const times = attribute('keyTimes')?.split(';').map(Number);
  if (!times) {
    assert.equal(values.length, frames);
    return values;
  }
  assert.equal(times[0], 0);
  return Array.from({ length: frames }, (_, frame) => {
    // In the middle of the frame, wherever its edges are rounded to.
    const at = (frame + 0.5) / frames;
    return values[times.findLastIndex((time) => time <= at)]!;
  });
}

describe('dreams', () => {
  const planner = { horizon: 2, candidates: 4, elites: 2, iterations: 1 };
  const { randomSteps, updateEvery, replay, model, twoHot, optimizer } = tinyKeys();
  const settings = planetSettings.parse({
    randomSteps,
    updateEvery,
    replay,
    model,
    twoHot,
    optimizer,
    planner,
  });
  const ensembleSettings = petsSettings.parse({
    ...{ randomSteps, updateEvery, updates: 1, pretraining: 0, particles: 2, planner },
    model: { networks: 2, units: 6 },
  });
  const simulationSettings = simpleSettings.parse({
    ...{ collect: 7, firstUpdates: 1, updates: 1, replay: { batch: 3, length: 3 } },
    model: { units: 6, rewardHead: 'squared', continueHead: false },
    simulation: { environments: 2, steps: 4, rollouts: 1 },
    ppo: { batch: 8 },
  });
  const linearSettings = haSchmidhuberSettings.parse({ randomSteps: 12, replay: { length: 4 } });
  const imaginingSettings = mbpoSettings.parse({
    ...{ randomSteps, updateEvery, updates: 1, actor: { hidden: [6] }, critic: { hidden: [6] } },
    model: { networks: 2, elites: 1, units: 6 },
    imagination: { starts: 5, capacity: 10 },
    fit: { batch: 4, passes: 1 },
  });
  const agents = {
    dreamer: (seeds: number[]) => dreamerIn('Pendulum-v1', seeds, [tinyDreamer()]),
    'dreamer, images': (seeds: number[]) => dreamerIn('MinAtar/Freeway-v0', seeds, [tinyDreamer()]),
    planet: (seeds: number[]) => agentIn(planet.create, 'Pendulum-v1', seeds, [settings]),
    simple: (seeds: number[]) => agentIn(simple.create, 'Pendulum-v1', seeds, [simulationSettings]),
    'ha-schmidhuber': (seeds: number[]) =>
      agentIn(haSchmidhuber.create, 'Pendulum-v1', seeds, [linearSettings]),
    mbpo: (seeds: number[]) => agentIn(mbpo.create, 'Pendulum-v1', seeds, [imaginingSettings]),
    pets: (seeds: number[]) => agentIn(pets.create, 'Pendulum-v1', seeds, [ensembleSettings]),
  };
  for (const [name, make] of Object.entries(agents)) {
    test(`are the member's own in ${name}, and move nothing that training uses`, async () => {
      const entry = environmentEntry(name.endsWith('images') ? 'MinAtar/Freeway-v0' : 'Pendulum-v1');
      const episodes = firstOf(heldOutSet(entry), 2, 12, agentSpaces(entry));
      const { agent, live, save } = make([3, 4]);
      await live(0, 14);
      const state = await save();
      const tensors = tf.memory().numTensors;
      const plan = { from: 2, every: 4 };
      const [first, second] = [await agent.dream!(0, episodes, plan), await agent.dream!(1, episodes, plan)];
      assert.equal(tf.memory().numTensors, tensors, 'tensors leaked');
      assert.deepEqual(await save(), state);
      assert.notDeepEqual(first, second);
      assert.deepEqual(
        first[0]!.map(({ dreamt }) => dreamt),
        [0, 0, 0, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2],
      );
      const alone = make([4]);
      alone.agent.load([state.agents[1]!]);
      const own = await alone.agent.dream!(0, episodes, plan);
      const numbers = (dreams: typeof own) =>
        dreams
          .flat()
          .flatMap(({ observation, reward, continueProbability }) => [
            ...observation,
            reward ?? 0,
            continueProbability ?? 0,
          ]);
      const [wanted, found] = [numbers(second), numbers(own)];
      for (const [i, x] of wanted.entries()) assert.ok(Math.abs(x - found[i]!) < 1e-5 * (1 + Math.abs(x)));
      for (const each of [agent, alone.agent]) {
        await each.drainLosses();
        each.dispose();
      }
    });
  }
});

describe('a film', () => {
  test('moves each shape as it is drawn, in reality and in the dream', () => {
    for (const name of ['Pendulum-v1', 'CartPole-v1']) {
      const film = randomFilm(name, 30);
      const { stepsPerSecond, draw } = film.drawing;
      const svg = filmSvg(film);
      const frames = 31 + Math.round(0.6 * stepsPerSecond);
      assert.match(svg, new RegExp(`dur="${String(frames / stepsPerSecond).slice(0, 4)}`));
      const { real, dream } = film.episodes[0]!;
      const turning = [...svg.matchAll(/<animateTransform [^>]*type="rotate"[^>]*>/g)].map(([x]) => x);
      assert.equal(turning.length, 2, 'one limb in reality and one in the dream');
      for (const [i, steps] of [real, dream!].entries()) {
        for (const [frame, value] of valuesOf(turning[i]!, frames).entries()) {
          const limb = draw(steps[Math.min(frame, 30)]!.observation).find(({ ink }) => ink === 'limb')!;
          assert.ok(Math.abs(Number(value) + (limb.angle! * 180) / Math.PI) <= 0.0501, `${name}, ${frame}`);
        }
      }
    }
    const film = randomFilm('MountainCar-v0', 30);
    const [moving] = /<animateTransform [^>]*type="translate"[^>]*>/.exec(filmSvg(film))!;
    for (const [frame, value] of valuesOf(moving, 49).entries()) {
      const [x] = film.episodes[0]!.real[Math.min(frame, 30)]!.observation as unknown as [number];
      const [left, top] = value.split(' ').map(Number);
      assert.ok(Math.abs(left! - x) < 6e-4);
      assert.ok(Math.abs(-top! - (0.45 * Math.sin(3 * x) + 0.55)) < 6e-4);
    }
  });

  test('of a dream that is no number, or over, stands still, and is a picture all the same', () => {
    const film = randomFilm('CartPole-v1', 12);
    const { real, dream } = film.episodes[0]!;
    const steps = dream!.map((step, t) => ({
      ...step,
      ...(t >= 8 && {
        observation: Float32Array.of(NaN, Infinity, NaN, 0),
        reward: Number.POSITIVE_INFINITY,
      }),
      dreamt: t < 6 ? t : t - 5,
      continueProbability: t === 3 ? 0.4 : 0.9,
    }));
    const svg = filmSvg({ ...film, episodes: [{ real, dream: steps, ending: null }] });
    assert.doesNotMatch(svg, /NaN|Infinity|ended/);
    const poles = [...svg.matchAll(/<animateTransform [^>]*type="rotate"[^>]*>/g)].map(([x]) =>
      valuesOf(x, 43),
    );
    const dreamt = poles[1]!;
    assert.equal(new Set(dreamt.slice(3, 6)).size, 1, 'the end was foreseen at step 3');
    assert.notEqual(dreamt[6], dreamt[5], 'then another dream began');
    assert.equal(new Set(dreamt.slice(7)).size, 1, 'no number from step 8 on');
    const hidden = /<g visibility="hidden"><animate [^>]*>(?=<text[^>]*>end foreseen)/.exec(svg)![0];
    const seen = valuesOf(hidden, 43).map((value) => value === 'visible');
    assert.deepEqual(seen.slice(0, 8), [false, false, false, true, true, true, false, false]);
  });

  test('of 200 steps takes some 30 KB, of a board 55 at most, with as many episodes as are asked for and without a dream too', () => {
    for (const name of environmentNames) {
      const svg = filmSvg(randomFilm(name, 200));
      const most = isImage(environmentEntry(name).make().observationSpace) ? 55_000 : 45_000;
      assert.ok(svg.length < most, `${name}: ${svg.length}`);
      assert.doesNotMatch(svg, /<script|javascript|http:\/\/(?!www\.w3\.org\/2000\/svg)|https:/);
      assert.match(svg, /&lt;&amp;&gt;/);
    }
    const three = randomFilm('Acrobot-v1', 5, 3);
    assert.equal(filmSvg(three).match(/>reality</g)!.length, 3);
    const alone = { ...three, episodes: three.episodes.map((episode) => ({ ...episode, dream: null })) };
    assert.doesNotMatch(filmSvg(alone), />dream</);
    assert.doesNotMatch(stripSvg(alone, 4), />dream</);
    const strip = stripSvg(three, 4);
    assert.deepEqual(strip.match(/(?<=>)step \d[^<]*/g)!.slice(0, 4), [
      'step 0',
      'step 2',
      'step 3',
      'step 5',
    ]);
    assert.equal(strip.match(/>ended: pole</g)!.length, 3);
    assert.match(strip, />continue 0\.\d\d</);
    const endless = three.episodes.map(({ dream, ...episode }) => ({
      ...episode,
      ending: null,
      dream: dream!.map((step) => ({ ...step, continueProbability: null })),
    }));
    const without = stripSvg({ ...three, episodes: endless }, 4);
    assert.doesNotMatch(without, />continue |>ended/, 'of a model that predicts none, and no end');
    const height = (svg: string) => Number(/ height="(\d+)"/.exec(svg)![1]);
    assert.equal(height(strip) - height(without), 3 * 2 * 14, 'their lines go with them');
    assert.doesNotMatch(strip, /<animate/);
  });

  test('plays in Chromium from an image, asks for nothing, and counts its steps', {
    skip: noBrowser,
  }, async () => {
    const file = path.join(root, 'film.svg');
    writeFileSync(file, filmSvg(randomFilm('Acrobot-v1', 120)));
    writeFileSync(path.join(root, 'page.html'), '<!doctype html><img src="film.svg">');
    await withBrowser(async (browser) => {
      const opened = await openPage(browser, pathToFileURL(path.join(root, 'page.html')).href, {
        width: 600,
      });
      await opened.page.waitForFunction("document.querySelector('img').naturalWidth > 300");
      assert.deepEqual(
        opened.requests.map((url) => path.basename(url)),
        ['page.html', 'film.svg'],
      );
      const { page, complaints } = await openPage(browser, pathToFileURL(file).href, { width: 600 });
      // The digits of the first counter: how far each window has turned its wheel.
      const counted = await page.evaluate<number[]>(`(async () => {
        const svg = document.documentElement;
        svg.pauseAnimations();
        svg.setCurrentTime(100.5 / 15);
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
        return [...svg.querySelectorAll('g > use')].slice(0, 3).map((use) => Math.abs(use.y.animVal.value / 14));
      })()`);
      assert.deepEqual(counted, [1, 0, 0]);
      assert.deepEqual([...complaints, ...opened.complaints], []);
    });
  });
});

/** Configs too small to learn, of a method with a model and of one without. */
const methods: Record<string, object> = {
  'vae-lstm': { ...parse(tinyDreamCritic), randomSteps: 10 },
  ppo: { environments: 2, rolloutSteps: 10, batch: 20, environment: 'MountainCar-v0' },
};

const tiny = (method: string, film: boolean, steps = 40) =>
  loadExperiment({
    file: 'tiny.yaml',
    text: JSON.stringify({
      ...{ engine: 'wasm', ...methods[method] },
      ...{ method, name: method, film, steps, seeds: [1], logEvery: 2 },
      evaluation: { every: 20, episodes: 2 },
    }),
  });

const sit = async (name: string, experiment: ReturnType<typeof loadExperiment>, sitting?: Sitting) => {
  const dir = path.join(root, name);
  await sitDown(experiment, dir, sitting);
  return dir;
};

/** The same run of a method, filmed at its evaluations. */
const filmedRuns = new Map<string, Promise<string>>();
function filmedRun(method: string): Promise<string> {
  const made = filmedRuns.get(method) ?? sit(`${method}-filmed`, tiny(method, true));
  filmedRuns.set(method, made);
  return made;
}

describe('film: true', () => {
  const media = (dir: string) => path.join(dir, 'seed-1', 'media');
  const pictures = (dir: string) =>
    Object.fromEntries(
      readdirSync(media(dir)).map((name) => [name, readFileSync(path.join(media(dir), name), 'utf8')]),
    );
  const bytes = (dir: string) =>
    ['metrics.csv', 'losses.csv', 'checkpoint.safetensors', 'checkpoint.best.safetensors'].map((name) =>
      readFileSync(path.join(dir, 'seed-1', name)).toString('base64'),
    );

  for (const method of Object.keys(methods)) {
    test(`leaves a run of ${method} as it would be without, to the byte`, async () => {
      const filmed = await filmedRun(method);
      const plain = await sit(`${method}-plain`, tiny(method, false));
      assert.deepEqual(bytes(filmed), bytes(plain));
      assert.ok(!existsSync(media(plain)));
      const made = pictures(filmed);
      assert.deepEqual(Object.keys(made), ['20.svg', '40.svg']);
      for (const [name, svg] of Object.entries(made)) {
        assert.match(svg, new RegExp(`seed 1 after ${path.parse(name).name} steps`));
        assert.equal(/>dream</.test(svg), method !== 'ppo');
      }
    });
  }

  test('neither loses nor doubles a picture where a run is killed, goes on and is made longer', async () => {
    const whole = await filmedRun('vae-lstm');
    const experiment = tiny('vae-lstm', true);
    const killed = sit('killed', experiment, { killAfter: ({ length }) => length === 2 });
    await assert.rejects(killed, /^Error: killed$/);
    const dir = path.join(root, 'killed');
    assert.deepEqual(pictures(dir), pictures(whole));
    writeFileSync(path.join(media(dir), '40.svg'), 'what the killed one left');
    await sit('killed', experiment);
    assert.deepEqual([pictures(dir), bytes(dir)], [pictures(whole), bytes(whole)]);
    // An evaluation at the end of a shorter run does not stand in the longer one, and nor does its picture.
    const shorter = await sit('longer', tiny('vae-lstm', true, 30));
    assert.deepEqual(Object.keys(pictures(shorter)), ['20.svg', '30.svg']);
    assert.deepEqual(pictures(await sit('longer', experiment)), pictures(whole));
  });

  test('keeps 32 pictures at most, spread over the run, the newest among them, however often it stopped', () => {
    const dir = path.join(root, 'many');
    mkdirSync(dir);
    const folder = new MediaFolder(dir, 10);
    for (let evaluation = 1; evaluation <= 100; evaluation++) {
      folder.write(10 * evaluation, '<svg/>');
      const steps = folder.steps();
      assert.ok(steps.length <= 32 && steps.at(-1) === 10 * evaluation);
    }
    folder.write(1005, '<svg/>');
    assert.deepEqual(folder.steps(), [...Array.from({ length: 25 }, (_, i) => 40 * (i + 1)), 1005]);
    folder.keep((step) => step % 10 === 0);
    assert.equal(folder.steps().at(-1), 1000);
  });
});

test('what cannot be filmed is refused in one sentence, and nothing is written', async () => {
  const small = smallRun();
  const table1 = fileURLToPath(new URL('../runs/table1/ppo', import.meta.url));
  const newer = path.join(root, 'newer');
  cpSync(small, newer, { recursive: true });
  const info = JSON.parse(readFileSync(path.join(newer, 'run.json'), 'utf8'));
  writeFileSync(path.join(newer, 'run.json'), JSON.stringify({ ...info, schemaVersion: 99 }));
  // The model-free run of above, in a run folder.
  const ppo = path.join(root, 'ppo');
  RunFolder.open(ppo, {
    configText: formatExperiment(tiny('ppo', true)),
    info: runInfo('ppo', 'wasm'),
  }).close();
  cpSync(path.join(await filmedRun('ppo'), 'seed-1'), path.join(ppo, 'seed-1'), { recursive: true });
  const place = path.join(root, 'place');
  mkdirSync(place);
  const refused: [string[], RegExp][] = [
    [[root], /^wm: \S+ is no run folder, but holds/],
    [[table1], /holds no checkpoint \(published runs come without\)/],
    [[newer], /newer/],
    [[ppo, '--dream-every', '5'], /was trained by ppo, which has no world model to dream in/],
    [[small, '--seed', '7'], /has no seed 7; choose one of 6/],
    [[small, '--checkpoint', 'best'], /holds no checkpoint of a best evaluation/],
    [[small, '--out', 'film.png'], /--out film\.png: name a file that ends in \.svg, \.gif or \.mp4, which/],
    [[small, '--strip', '--out', 'film.gif'], /ends in \.svg or \.png, which a strip/],
    [[small, '--out', 'f.svg/'], /--out f\.svg\/: expected the name of a file, such as film\.svg\n$/],
    [[small, '--steps', '0'], /expected a whole number from 1/],
  ];
  const lines = refused.map(([args]) => ({ cwd: place, args: ['film', ...args, '--engine', 'wasm'] }));
  const films = [
    ['film', small, '--out', 'sub/film.svg', '--steps', '20', '--engine', 'wasm'],
    ['film', ppo, '--out', 'strip.png', '--strip', '3', '--engine', 'wasm'],
    ['film', ppo, '--out', 'film.GIF', '--steps', '2', '--engine', 'wasm'],
  ].map((args) => ({ cwd: place, args }));
  const before = readdirSync(small, { recursive: true });
  const answers = await runInTurn([...lines, ...films]);
  for (const [i, [args, message]] of refused.entries()) {
    const { code, stdout, stderr } = answers[i]!;
    assert.deepEqual([code, stdout], [2, ''], `${args}: ${stderr}`);
    assert.match(stderr, message);
    assert.equal(stderr.trimEnd().split('\n').length, 1);
  }
  const [film, strip, gif] = answers.slice(refused.length);
  assert.match(
    film!.stdout,
    /^seed 6 after \d+ steps, 1 episode of 20 steps beside what the model dreams, \d+ KB: sub\/film\.svg\n$/,
  );
  assert.match(strip!.stdout, /^seed 1 after 40 steps, 1 episode of \d+ steps, \d+ KB: strip\.png\n$/);
  assert.match(gif!.stdout, /, 1 episode of 2 steps, \d+ KB: film\.GIF\n$/);
  for (const [name, begin] of Object.entries({ 'strip.png': '\x89PNG\r\n', 'film.GIF': 'GIF89a' })) {
    assert.equal(readFileSync(path.join(place, name), 'latin1').slice(0, 6), begin);
  }
  assert.deepEqual(readdirSync(place, { recursive: true }).sort(), [
    'film.GIF',
    'strip.png',
    'sub',
    path.join('sub', 'film.svg'),
  ]);
  assert.deepEqual(readdirSync(small, { recursive: true }), before);
});

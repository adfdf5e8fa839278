import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import fc from 'fast-check';
import { environmentEntry } from '../src/envs/index.ts';
import { type CollectOptions, collectData } from '../src/experiment/collect-data.ts';
import { parseMix } from '../src/experiment/mix.ts';
import { RandomStream } from '../src/random/stream.ts';
import { DataSet } from '../src/runs/data-set.ts';
import type { Manifest } from '../src/runs/data-set-manifest.ts';
import { DataSetWriter } from '../src/runs/data-set-writer.ts';
import { agentSpaces } from '../src/training/agent-spaces.ts';
import { EpisodePlayer, functionPlayer, noisyPlayer } from '../src/training/play-episodes.ts';
import type { WholeEpisode } from '../src/training/recorded-episodes.ts';
import { BATCH_FIELDS, emptyBatch } from '../src/training/replay.ts';
import { type CommandLine, runInTurn } from './support/program.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const root = temporaryFolder('data-set');
const made = { wmVersion: '0', gitCommit: null, gitChanges: null, node: 'v0', command: ['wm'] };

/** Collects without any run, and gives the folder. */
async function collect(name: string, mix: string[], rest: Partial<CollectOptions> = {}): Promise<string> {
  const out = path.join(root, name);
  const parts = parseMix(mix, []);
  const options: CollectOptions = {
    ...{ out, mix: parts, runs: new Map(), environment: 'CartPole-v1', steps: 200, seed: 0 },
    ...{ policySeed: undefined, engine: 'wasm', made },
    ...rest,
  };
  await collectData(options, assert.fail);
  return out;
}

const MIX = ['random=0.5', 'controller~0.5=0.5'];
let cartpole: string;

before(async () => {
  cartpole = await collect('cartpole', MIX);
});

/** The steps of an episode, read in one window. */
function episodeOf(data: DataSet, episode: number) {
  const spaces = agentSpaces(environmentEntry(data.manifest.environment));
  const batch = emptyBatch(1, 1, data.lengths[episode]!, spaces);
  data.read(episode, 0, batch.time, batch, 0);
  return batch;
}

describe('a mix', () => {
  test('says who acts, whose policy it is, with how much noise and in which share', () => {
    const run = (checkpoint: 'last' | 'best', name = 'dqn') => ({ run: name, checkpoint });
    assert.deepEqual(parseMix(['random=0.25', 'best~0.5=0.5', 'last-greedy=0.25'], ['dqn']), [
      { name: 'random', policy: 'random', from: undefined, noise: 0, share: 0.25 },
      { name: 'best~0.5', policy: 'sampled', from: run('best'), noise: 0.5, share: 0.5 },
      { name: 'last-greedy', policy: 'greedy', from: run('last'), noise: 0, share: 0.25 },
    ]);
    // The names of a sweep's cells hold the signs that part a mix.
    const cell = 'lambda=0.1,beta=1~2';
    const [part] = parseMix([`${cell}/last~1e-1=1`], ['dqn', cell]);
    assert.deepEqual([part!.from, part!.noise, part!.share], [run('last', cell), 0.1, 1]);
  });

  const bad: [mix: string[], runs: string[], message: string][] = [
    [['random'], [], '--mix random: expected [RUN/]POLICY[~NOISE]=SHARE with a share above 0'],
    [['random=0'], [], '--mix random=0: expected [RUN/]POLICY[~NOISE]=SHARE with a share above 0'],
    [['random=0.5', 'controller=0.4'], [], '--mix: the shares add up to 0.9; make them 1'],
    [['random=0.5', 'random=0.5'], [], '--mix random: stands twice; add the two shares up'],
    [['random~=1'], [], '--mix random~=1: the noise is a share of actions from 0 to 1, got '],
    [['random~1.1=1'], [], '--mix random~1.1=1: the noise is a share of actions from 0 to 1, got 1.1'],
    [['controler=1'], [], '--mix controler=1: there is no policy "controler", did you mean controller?'],
    [['expert=1'], ['a'], '--mix expert=1: there is no policy "expert", use random, controller, last'],
    [['best=1'], [], "--mix best=1: best is a run's policy, and there is none; give one with --run"],
    [['best=1'], ['a', 'b'], '--mix best=1: say whose: a/best or b/best'],
    [['c/best=1'], ['a', 'b'], '--mix c/best=1: no --run is called c; the names are a or b'],
    [['a/random=1'], ['a'], "--mix a/random=1: random is no run's policy; leave a/ out"],
  ];
  test('that is none is refused in one sentence', () => {
    for (const [mix, runs, message] of bad) {
      assert.throws(
        () => parseMix(mix, runs),
        (error: Error) => error.name === 'UserError' && error.message.startsWith(message),
        message,
      );
    }
  });
});

describe('a data set', () => {
  test('holds whole episodes of each part until its share of the steps is there', () => {
    const { manifest, lengths, returns, actors } = new DataSet(cartpole);
    assert.equal(manifest.actors.length, 2);
    for (const [i, actor] of manifest.actors.entries()) {
      const own = [...lengths].filter((_, episode) => actors[episode] === i);
      const steps = own.reduce((sum, length) => sum + length, 0);
      assert.deepEqual([actor.steps, actor.episodes], [steps, own.length]);
      assert.ok(steps >= 100 && steps - own.at(-1)! < 100, `${steps} steps`);
    }
    // CartPole gives 1 for each step.
    assert.deepEqual([...returns], [...lengths]);
    assert.equal(manifest.returns.max, Math.max(...lengths));
  });

  test('replays in the environment: every step leads where it says, and only the last ends', () => {
    const data = new DataSet(cartpole);
    const entry = environmentEntry('CartPole-v1');
    for (let episode = 0; episode < data.lengths.length; episode++) {
      const length = data.lengths[episode]!;
      const { observation, nextObservation, action, terminated, first } = episodeOf(data, episode);
      assert.deepEqual([...first], [1, ...Array(length - 1).fill(0)]);
      assert.deepEqual(observation.slice(4), nextObservation.slice(0, -4));
      const cause = entry.terminationCause(nextObservation.slice(-4));
      assert.deepEqual([...terminated].slice(0, -1), Array(length - 1).fill(0));
      assert.equal(terminated.at(-1), Number(length < 500), cause);
      assert.ok(action.every((choice) => choice === 0 || choice === 1));
    }
  });

  test('is the same to the byte again, and each part whatever the others are', async () => {
    const again = await collect('again', MIX);
    const shard = (dir: string) => readFileSync(path.join(dir, 'shard-00000.safetensors'));
    assert.deepEqual(shard(again), shard(cartpole));
    const other = new DataSet(await collect('other', ['controller~0.5=0.5', 'random=0.5']));
    const data = new DataSet(cartpole);
    const own = (set: DataSet, actor: number) =>
      [...set.lengths.keys()]
        .filter((episode) => set.actors[episode] === actor)
        .map((e) => episodeOf(set, e));
    assert.deepEqual(own(other, 1), own(data, 0));
    assert.deepEqual(own(other, 0), own(data, 1));
    const elsewhere = new DataSet(await collect('elsewhere', MIX, { seed: 1 }));
    assert.notDeepEqual(elsewhere.lengths, data.lengths);
    assert.notDeepEqual(elsewhere.fingerprint, data.fingerprint);
  });

  test('keeps numbers in a box within its bounds, and images as bytes', async () => {
    const pendulum = new DataSet(
      await collect('pendulum', ['controller=1'], { environment: 'Pendulum-v1', steps: 1 }),
    );
    const swing = episodeOf(pendulum, 0);
    assert.equal(swing.action.length, 200);
    assert.ok(swing.action.every((torque) => Math.abs(torque) <= 2));
    // Cut off at the limit, which is no end.
    assert.equal(swing.terminated.at(-1), 0);
    const environment = 'MinAtar/Breakout-v0';
    const breakout = await collect('breakout', ['random=1'], { environment, steps: 1 });
    const { observation } = episodeOf(new DataSet(breakout), 0);
    assert.deepEqual([...new Set(observation)].sort(), [0, 1]);
    const shard = readFileSync(path.join(breakout, 'shard-00000.safetensors')).subarray(8, 400).toString();
    assert.match(shard, /"observations":\{"dtype":"U8"/);
  });
});

test('a player acts within the bounds of a box, with as much noise as was asked for', async () => {
  const entry = environmentEntry('Pendulum-v1');
  const { actionSpace } = entry.make();
  const stream = (name: string) => RandomStream.named(1, name);
  const beyond = noisyPlayer(
    functionPlayer(() => Float32Array.of(5)),
    0.25,
    actionSpace,
    stream('noise'),
  );
  const { actions, rewards } = await new EpisodePlayer(entry, beyond, stream('starts')).play();
  assert.equal(rewards.length, 200);
  const own = actions.filter((torque) => torque === 2).length;
  assert.ok(own > 130 && own < 170, `${own} of 200 actions are its own`);
  assert.ok(actions.every((torque) => torque >= -2 && torque <= 2));
});

describe('windows', () => {
  const spaces = agentSpaces(environmentEntry('Pendulum-v1'));
  const lengths = [3, 1, 5, 2, 4];
  /** An episode whose every number says which it is and where. */
  const episode = (index: number, length: number): WholeEpisode => ({
    observations: Float32Array.from({ length: 3 * (length + 1) }, (_, i) => 100 * index + i),
    actions: Float32Array.from({ length }, (_, t) => index / 10 + t / 100),
    rewards: Float32Array.from({ length }, (_, t) => 10 * index + t),
    terminated: index % 2 === 0,
    truncated: index % 2 === 1,
  });
  let dir: string;

  before(() => {
    dir = path.join(root, 'windows');
    // Two episodes or so in each file.
    const writer = new DataSetWriter(dir, spaces, 100);
    for (const [i, length] of lengths.entries()) writer.add(episode(i, length), 0);
    writer.finish(aboutOf(lengths));
  });

  test('an episode that no file holds is refused before it is written', () => {
    const writer = new DataSetWriter(path.join(root, 'long'), spaces);
    const observations = new Float32Array(2 ** 24);
    assert.throws(() => writer.add({ ...episode(0, 3), observations }, 0), {
      name: 'UserError',
      message: /^an episode of 3 steps takes 65 MB, and a file of a data set holds 64 at most; /,
    });
  });

  test('are the same from memory and from the disk, and what was written', () => {
    const sets = [new DataSet(dir), new DataSet(dir, 0), new DataSet(dir, 900)];
    assert.ok(sets[0]!.manifest.shards.length > 2);
    assert.deepEqual([...sets[0]!.lengths], lengths);
    const window = fc
      .integer({ min: 0, max: lengths.length - 1 })
      .chain((e) => fc.tuple(fc.constant(e), fc.nat(lengths[e]! - 1), fc.nat(lengths[e]! - 1)))
      .map(([e, a, b]): [number, number, number] => [e, Math.min(a, b), Math.abs(a - b) + 1]);
    fc.assert(
      fc.property(window, ([index, start, time]) => {
        const written = episode(index, lengths[index]!);
        for (const data of sets) {
          const batch = emptyBatch(2, 1, time, spaces);
          // As the window before may leave them.
          for (const flags of [batch.terminated, batch.first]) flags.fill(1, time);
          data.read(index, start, time, batch, time);
          const rows = (values: ArrayLike<number>, width: number, from = 0) =>
            Array.from(values).slice((start + from) * width, (start + from + time) * width);
          const last = start + time === lengths[index];
          const expected = {
            observation: rows(written.observations, 3),
            nextObservation: rows(written.observations, 3, 1),
            action: rows(written.actions, 1),
            reward: rows(written.rewards, 1),
            terminated: Array.from({ length: time }, (_, t) =>
              Number(last && t === time - 1 && written.terminated),
            ),
            first: Array.from({ length: time }, (_, t) => Number(start + t === 0)),
          };
          for (const field of BATCH_FIELDS) {
            const half = batch[field].length / 2;
            assert.deepEqual([...batch[field].slice(half)], expected[field], field);
            assert.ok(batch[field].slice(0, half).every((x) => x === 0));
          }
        }
      }),
      { seed: 4, numRuns: 60 },
    );
    assert.throws(() => sets[0]!.read(1, 0, 2, emptyBatch(1, 1, 2, spaces), 0), RangeError);
  });
});

/** What a manifest says of these episodes of Pendulum-v1. */
function aboutOf(lengths: readonly number[]): Omit<Manifest, 'dataSetVersion' | 'shards'> {
  const counted = {
    episodes: lengths.length,
    steps: lengths.reduce((sum, length) => sum + length, 0),
    returns: { mean: 0, std: null, min: 0, max: 0 },
  };
  const actor = { name: 'random', policy: 'random', noise: 0, share: 1, run: null, ...counted } as const;
  return {
    ...{ environment: 'Pendulum-v1', maze: null, distractors: 0, pixels: null, seed: 0, ...counted },
    ...{ actors: [actor], made: { ...made, engine: null } },
  };
}

/** Makes a data set of these episodes of Pendulum-v1, with actor 0 unless said. */
function write(dir: string, episodes: readonly WholeEpisode[], actor = 0): string {
  const writer = new DataSetWriter(dir, agentSpaces(environmentEntry('Pendulum-v1')));
  for (const episode of episodes) writer.add(episode, actor);
  writer.finish(aboutOf(episodes.map(({ rewards }) => rewards.length)));
  return dir;
}

const still = (length: number, reward = 0, action = 0): WholeEpisode => ({
  observations: new Float32Array(3 * (length + 1)),
  actions: new Float32Array(length).fill(action),
  rewards: new Float32Array(length).fill(reward),
  terminated: false,
  truncated: true,
});

describe('a data set that is none', () => {
  /** What is done to a good one, or what is made; then the message, after the folder's path. */
  const bad: [name: string, make: (dir: string) => void, message: string][] = [
    ['missing', () => {}, ' does not exist; give a folder that wm collect made'],
    [
      'empty',
      (dir) => mkdirSync(dir),
      ' is no data set: it holds no data.json; give a folder that wm collect made',
    ],
    ['no-json', (dir) => edit(dir, () => '{'), '/data.json: damaged (Invalid input: '],
    [
      'newer',
      (dir) => editValues(dir, { dataSetVersion: 2 }),
      "/data.json: of version 2, newer than this wm's 1; use the wm that made it or a later one",
    ],
    ['wrong', (dir) => editValues(dir, { episodes: 'two' }), '/data.json: damaged (episodes: '],
    ['out', (dir) => editShard(dir, { file: '../x' }), '/data.json: damaged (shards.0.file: '],
    [
      'empty',
      (dir) => void write(dir, []),
      '/data.json: holds no episode, so that nothing can be learnt from it; collect anew',
    ],
    [
      'no-step',
      (dir) => void write(dir, [still(2), still(0)]),
      '/shard-00000.safetensors: its episode 1 has no step; restore the data set from a copy or collect anew',
    ],
    [
      'damaged',
      (dir) => {
        const file = path.join(write(dir, [still(2)]), 'shard-00000.safetensors');
        const bytes = readFileSync(file);
        bytes[bytes.length - 1]! ^= 1;
        writeFileSync(file, bytes);
      },
      '/shard-00000.safetensors: its checksum is not the one in data.json; restore',
    ],
    [
      'gone',
      (dir) => rmSync(path.join(write(dir, [still(2)]), 'shard-00000.safetensors')),
      '/shard-00000.safetensors: missing; restore',
    ],
    [
      'other-shape',
      (dir) => editValues(dir, { environment: 'CartPole-v1' }),
      '/shard-00000.safetensors: its array observations is not of shape [3, 4], or of another kind; restore',
    ],
    [
      'infinite',
      (dir) => void write(dir, [still(1, Number.NaN)]),
      '/shard-00000.safetensors: an observation or a reward is not finite; restore',
    ],
    [
      'no-action',
      (dir) => void write(dir, [still(1, 0, Number.NaN)]),
      '/shard-00000.safetensors: there is no action NaN; restore',
    ],
    [
      'nobody',
      (dir) => void write(dir, [still(1)], 1),
      '/shard-00000.safetensors: an episode is of an actor that data.json does not name; restore',
    ],
    [
      'more',
      (dir) => editValues(dir, { steps: 3 }),
      '/data.json: says 1 episodes of 3 steps, and its shards hold 1 of 2; restore',
    ],
  ];

  function edit(dir: string, change: (text: string) => string): void {
    const file = path.join(write(dir, [still(2)]), 'data.json');
    writeFileSync(file, change(readFileSync(file, 'utf8')));
  }
  const editValues = (dir: string, values: object) =>
    edit(dir, (text) => JSON.stringify({ ...JSON.parse(text), ...values }));
  const editShard = (dir: string, values: object) =>
    edit(dir, (text) => {
      const manifest = JSON.parse(text);
      return JSON.stringify({ ...manifest, shards: [{ ...manifest.shards[0], ...values }] });
    });

  test('is refused in one sentence with the place', () => {
    for (const [name, make, message] of bad) {
      const dir = path.join(root, `bad-${name}`);
      make(dir);
      assert.throws(
        () => new DataSet(dir),
        (error: Error) => error.name === 'UserError' && error.message.startsWith(dir + message),
        name,
      );
    }
  });

  test('for one of another environment', () => {
    const data = new DataSet(cartpole);
    const own = { environment: 'CartPole-v1', maze: null, distractors: 0, pixels: null } as const;
    data.requireEnvironment(own);
    for (const [wanted, words] of [
      [{ ...own, environment: 'Acrobot-v1' as const }, 'Acrobot-v1'],
      [{ ...own, distractors: 3 }, 'CartPole-v1 with 3 distractors'],
      [{ ...own, pixels: { size: 16, frames: 2 } }, 'CartPole-v1 with 2 pictures of 16 × 16 pixels'],
    ] as const) {
      assert.throws(() => data.requireEnvironment(wanted), {
        name: 'UserError',
        message: `${path.join(cartpole, 'data.json')}: the episodes are of CartPole-v1, and the config's environment is ${words}; choose a data set of that environment, or the environment of this one`,
      });
    }
  });
});

test('wm collect refuses in one sentence and writes nothing; wm data says what there is', async () => {
  const cwd = path.join(root, 'program');
  mkdirSync(cwd);
  const refused: [args: string, message: string][] = [
    ['--mix random=1', '--run: missing; give a run folder, or the environment with --environment'],
    ['--environment CartPole-v1', '--mix: missing; say who acts in which share of the steps'],
    ['--environment Cart --mix random=1', '--environment Cart: expected CartPole-v1, '],
    ['--environment BlockingMaze --mix random=1', 'BlockingMaze changes with the steps taken in it'],
    [
      '--environment CartPole-v1 --run x --mix random=1',
      '--environment CartPole-v1: --run says the environment',
    ],
    ['--run x --mix last=1', 'x does not exist; give a run folder, one that wm train made'],
    ['--run a/x --run b/x --mix x/last=1', '--run b/x: a/x has the same name'],
  ];
  const command = (args: string): CommandLine => ({
    cwd,
    args: ['collect', ...args.split(' '), '--out', 'out'],
  });
  const good = command('--environment CartPole-v1 --mix random=0.5 controller=0.5 --steps 40');
  const answers = await runInTurn([
    ...refused.map(([args]) => command(args)),
    ...[good, good, { cwd, args: ['data', 'out'] }, { cwd, args: ['data', 'out', '--json'] }],
  ]);
  for (const [i, [args, message]] of refused.entries()) {
    const { code, stderr } = answers[i]!;
    assert.equal(code, 2, args);
    assert.ok(stderr.startsWith(`wm: ${message}`), stderr);
    assert.equal(stderr.trimEnd().split('\n').length, 1);
  }
  const [first, second, text, json] = answers.slice(refused.length);
  assert.equal(first!.code, 0);
  assert.equal(second!.stderr, 'wm: --out out: holds data.json already; choose an empty folder\n');
  assert.deepEqual(readdirSync(cwd), ['out']);
  assert.equal(text!.stdout, first!.stdout);
  assert.match(text!.stdout, /^out: CartPole-v1, \d+ steps of \d+ episodes, seed 0, [\d.]+ kB in 1 file\n/);
  assert.match(text!.stdout, /^controller +\d+\.\d +1 +500 +500\.0 +500\.0 +500\.0$/m);
  const described = JSON.parse(json!.stdout);
  const { dir, ...manifest } = described;
  assert.equal(dir, 'out');
  assert.deepEqual(manifest, JSON.parse(readFileSync(path.join(cwd, 'out', 'data.json'), 'utf8')));
});

import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { parse } from 'yaml';
import { configInput, readConfig as readConfigOf } from '../src/cli/config-file.ts';
import { compareRuns } from '../src/compare/index.ts';
import { differingKeys, formatExperiment } from '../src/config/format.ts';
import { loadExperiment } from '../src/config/load.ts';
import { experimentOf } from '../src/config/schema.ts';
import { type CellSettings, cellName, loadSweep } from '../src/config/sweep.ts';
import { UserError } from '../src/errors.ts';
import { figuresOf, renderSvg } from '../src/figures/index.ts';
import { parseCsv } from '../src/runs/csv.ts';
import { readRuns } from '../src/runs/read.ts';
import { launch, run, runInTurn, start, wmBriefly } from './support/program.ts';
import { temporaryFolder } from './support/temporary-folder.ts';
import { events, linesWithoutTime, text, tinyDreamCritic, waitFor } from './support/tiny-run.ts';

const root = new URL('../', import.meta.url);
const read = (input: { text: string; overrides?: string[]; flags?: { steps?: string } }) =>
  loadSweep({ file: 's.yaml', ...input, text: `method: vae-lstm\n${input.text}` });
const worldModels = ({ cells }: ReturnType<typeof read>) =>
  cells.map(({ experiment }) => experimentOf(experiment, 'vae-lstm'));
const names = (text: string) => read({ text }).cells.map(({ experiment }) => experiment.name);

describe('the cells of a sweep', () => {
  test('a grid is every combination, the first key slowest; all else is the config', () => {
    const grid = read({
      text: 'name: grid\nseeds: [4, 5]\nbeta: {from: 1, to: 0.1, over: 10}\nsweep:\n  lambda: [0, 2]\n  beta.to: [0.01, 1]\n',
    });
    assert.equal(grid.name, 'grid');
    assert.deepEqual(
      worldModels(grid).map(({ name, lambda, beta, seeds }) => ({ name, lambda, beta, seeds })),
      [
        [0, 0.01],
        [0, 1],
        [2, 0.01],
        [2, 1],
      ].map(([lambda, to]) => ({
        name: `lambda=${lambda},beta.to=${to}`,
        lambda,
        beta: { from: 1, to, over: 10 },
        seeds: [4, 5],
      })),
    );
    assert.deepEqual(grid.cells[1]!.settings, { lambda: 0, 'beta.to': 1 });
  });

  test('a list of cells sets what each says, over what the file says', () => {
    const list = read({
      text: 'lambda: 3\nsweep:\n  - {critic.shapesModel: false}\n  - model.hidden: [8, 16]\n    lambda: 1e-7\n',
    });
    const [unshaped, narrow] = worldModels(list);
    assert.equal(unshaped!.name, 'critic.shapesModel=false');
    assert.equal(unshaped!.critic.shapesModel, false);
    assert.equal(unshaped!.lambda, 3);
    assert.equal(narrow!.name, 'model.hidden=8-16,lambda=1e-7');
    assert.deepEqual(narrow!.model.hidden, [8, 16]);
    assert.equal(narrow!.lambda, 1e-7);
  });

  test('the command may change the rest, and the sweep itself', () => {
    const input = { text: 'sweep: {lambda: [1]}', overrides: ['sweep={horizon: [3, 4]}', 'lambda=7'] };
    const sweep = read({ ...input, flags: { steps: '5000' } });
    assert.deepEqual(
      worldModels(sweep).map(({ name, lambda, steps }) => [name, lambda, steps]),
      [
        ['horizon=3', 7, 5000],
        ['horizon=4', 7, 5000],
      ],
    );
  });

  test('the sweep as text gives the same sweep', () => {
    const value = fc.oneof(
      fc.record({ lambda: fc.double({ min: 0, max: 1e30, noNaN: true }) }),
      fc.record({ 'critic.shapesModel': fc.boolean(), horizon: fc.integer({ min: 1, max: 1000 }) }),
      fc.record({
        'model.hidden': fc.array(fc.integer({ min: 1, max: 999 }), { minLength: 1, maxLength: 8 }),
      }),
      fc.record({
        beta: fc.record({ from: fc.nat(), to: fc.nat(), over: fc.integer({ min: 1, max: 1e6 }) }),
      }),
    );
    const list = fc.uniqueArray(value, { minLength: 1, maxLength: 6, selector: cellName });
    fc.assert(
      fc.property(list, (cells) => {
        const sweep = read({ text: `sweep: ${JSON.stringify(cells)}` });
        assert.deepEqual(
          sweep.cells.map(({ settings }) => ({ ...settings })),
          JSON.parse(JSON.stringify(cells)),
        );
        assert.deepEqual(loadSweep({ file: 'again.yaml', text: sweep.text }), sweep);
        for (const { experiment } of sweep.cells) assert.match(experiment.name, /^[\w][\w.=,-]*$/);
      }),
      { seed: 1, numRuns: 50 },
    );
  });

  test('a cell of many keys has a short name, told apart by its settings, and keeps them', () => {
    const settings = {
      ...{ lambda: 0.25, horizon: 5, gamma: 0.95, learningRate: 0.0005, policyAverage: 0.002 },
      ...{ 'critic.targetRate': 0.05, 'critic.returnLambda': 0.9, 'model.latent': 16, 'model.lstm': 64 },
      ...{ 'actor.learningRate': 0.0002, 'actor.entropy': 0.002, 'replay.length': 16, 'replay.batch': 16 },
    };
    const other = { ...settings, 'replay.batch': 32 };
    const read = names(`sweep: ${JSON.stringify([settings, other])}`);
    // The hash is the start of `sha256sum` of the settings as JSON.
    assert.deepEqual(
      read,
      ['5bfa4afb767a', '31b72617b580'].map(
        (hash) => `lambda=0.25,horizon=5,gamma=0.95,learningRate=0.0005,policyAverage=0.002,etc-${hash}`,
      ),
    );
    const [cell] = loadSweep({
      file: 's.yaml',
      text: `method: vae-lstm\nsweep: ${JSON.stringify([settings])}`,
    }).cells;
    assert.deepEqual(cell!.settings, settings);
    // A name that fits is written out, as it ever was.
    const { 'replay.batch': _, 'replay.length': __, ...fewer } = settings;
    const whole = Object.entries(fewer).map(([key, value]) => `${key}=${value}`);
    assert.deepEqual(names(`sweep: ${JSON.stringify([fewer])}`), [whole.join(',')]);
    assert.ok(whole.join(',').length > 180);
  });

  test('a thousand cells are read, of one key and of a grid', () => {
    const values = Array.from({ length: 1000 }, (_, i) => (i + 1) / 1000);
    const listed = read({ text: `sweep: {lambda: [${values}]}` });
    assert.deepEqual(
      worldModels(listed).map(({ lambda }) => lambda),
      values,
    );
    assert.deepEqual(loadSweep({ file: 'again.yaml', text: listed.text }), listed);
    const grid = read({
      text: `sweep: {lambda: [${values.slice(0, 10)}], horizon: [${[...Array(10).keys()].map((i) => i + 1)}], gamma: [${values.slice(0, 10)}]}`,
    });
    assert.deepEqual(
      worldModels(grid).map(({ lambda, horizon, gamma }) => [lambda, horizon, gamma]),
      values.map((_, i) => [values[Math.floor(i / 100)], (Math.floor(i / 10) % 10) + 1, values[i % 10]]),
    );
  });

  test('the shipped sweeps are the dream critic with one key changed, Dreamer or deep Dyna with a few, or Dyna in a maze', () => {
    const dream = loadExperiment({ file: 'dream.yaml', text: 'method: vae-lstm\n' });
    const wanted = {
      lambda: ['lambda', [0, 0.1, 0.25, 0.5, 1, 2]],
      beta: ['beta.to', [0.01, 0.1, 1]],
      horizon: ['horizon', [5, 10, 15, 25]],
    } as const;
    const files = readdirSync(new URL('configs/sweeps', root)).sort();
    const withFew = {
      'deep-dyna.yaml': 'deep-dyna',
      'dreamer-observations.yaml': 'dreamer',
      'dreamer-shaping.yaml': 'dreamer',
    } as const;
    const ofDyna = ['blocking-maze.yaml', 'dyna-maze.yaml', 'shortcut-maze.yaml'];
    const ofDream = Object.keys(wanted).map((name) => `${name}.yaml`);
    const ofStudies = ['balance.yaml', 'gradients.yaml', 'targets-unstopped.yaml', 'targets.yaml'];
    assert.deepEqual(files, [...ofDream, ...Object.keys(withFew), ...ofDyna, ...ofStudies].sort());
    for (const [file, method] of Object.entries(withFew)) {
      const text = readFileSync(new URL(`configs/sweeps/${file}`, root), 'utf8');
      const { base, cells } = loadSweep({ file, text });
      const defaults = loadExperiment({ file, text: `method: ${method}\n` });
      const { name, seeds, steps, logEvery, evaluation } = base!;
      assert.deepEqual(base, { ...defaults, name, seeds, steps, logEvery, evaluation });
      assert.ok(cells.length >= 2 && cells.every(({ experiment }) => experiment.method === method));
    }
    for (const file of ofDyna) {
      const { base, cells } = loadSweep({
        file,
        text: readFileSync(new URL(`configs/sweeps/${file}`, root), 'utf8'),
      });
      assert.equal(base!.method, 'dyna');
      assert.deepEqual(
        base!.seeds,
        Array.from({ length: 30 }, (_, i) => base!.seeds[0]! + i),
      );
      assert.equal(cells.length, 3);
    }
    for (const [name, [key, values]] of Object.entries(wanted)) {
      const text = readFileSync(new URL(`configs/sweeps/${name}.yaml`, root), 'utf8');
      const { base, cells } = loadSweep({ file: `${name}.yaml`, text });
      const seeds = [2000, 2001, 2002, 2003, 2004];
      assert.deepEqual(base, { ...dream, name, seeds, steps: 16_000 });
      assert.deepEqual(
        cells.map(({ settings }) => settings),
        values.map((value) => ({ [key]: value })),
      );
    }
  });
});

test('the study of targets and its control differ in what shapes the model alone', () => {
  const [study, control] = ['targets', 'targets-unstopped'].map((name) => {
    const text = readFileSync(new URL(`configs/sweeps/${name}.yaml`, root), 'utf8');
    return loadSweep({ file: `${name}.yaml`, text });
  });
  const settings = study!.cells.map((cell) => cell.settings);
  assert.equal(settings.length, 18);
  assert.deepEqual(
    settings.slice(0, 3).map(({ distractors }) => distractors),
    [0, 8, 64],
  );
  assert.equal(study!.cells[12]!.experiment.name, 'shapesModel=reward-value-policy,distractors=0');
  const { name, ...base } = experimentOf(study!.base!, 'muzero');
  const shaping = { shapesModel: ['self'], selfTarget: 'unstopped' };
  assert.deepEqual(control!.base, { ...base, name: `${name}-unstopped`, ...shaping });
  // A head that may shape the model learns in every cell; there are no ends but MuZero's.
  assert.deepEqual(
    Object.entries(base.predict).filter(([, weight]) => weight === 0),
    [['continue', 0]],
  );
});

test("the sweeps of the critic's weight and gradient are shipped configs that measure gradients", () => {
  const read = (file: string) => readFileSync(new URL(`configs/${file}`, root), 'utf8');
  const sweep = (name: string) =>
    loadSweep({
      file: `configs/sweeps/${name}.yaml`,
      text: read(`sweeps/${name}.yaml`),
      readConfig: (file) => ({ file: `configs/${file}`, text: read(file) }),
    });
  const dream = loadExperiment({ file: 'dream.yaml', text: read('dream.yaml') });
  const beside = { steps: 10_000, gradients: { every: 50 } };
  const [first] = sweep('balance').cells;
  const { name, seeds } = first!.experiment;
  assert.deepEqual([name, seeds.length], ['critic.balance=fixed', 10]);
  assert.deepEqual(first!.experiment, { ...dream, name, seeds, ...beside });
  const cells = sweep('gradients').cells.map(({ experiment }) => experiment);
  assert.deepEqual(
    cells.map(({ method }) => method),
    ['vae-lstm', 'tdmpc', 'dreamer'],
  );
  assert.deepEqual(cells[0], { ...dream, name: 'dream', seeds: [3500, 3501, 3502, 3503, 3504], ...beside });
});

describe('a sweep of several configs', () => {
  const shelf: Record<string, string> = {
    'dream.yaml': 'method: dream-critic\nlambda: 0.25\n',
    'dreamer/v3.yaml': 'method: dreamer\nsteps: 20000\n',
    'dyna.yaml': 'method: dyna\nengine: cpu\n',
    'sweep.yaml': 'method: ppo\nsweep: {gamma: [0.9, 0.99]}\n',
    'wrong.yaml': 'method: ppo\ngamma: 2\n',
  };
  const readConfig = (name: string) => {
    const file = name.replace(/^.*configs\//, '');
    return { file: `configs/${file}`, text: shelf[file]! };
  };
  const several = (text: string, input = {}) => loadSweep({ file: 'b.yaml', text, readConfig, ...input });

  test('lays its own keys over each config, and what the cell sets over those', () => {
    const { name, base, cells } = several(
      'name: both\nseeds: [7]\nsteps: 9000\nsweep:\n  config: [configs/dream.yaml, dreamer/v3.yaml]\n  critic.shapesModel: [true, false]\n',
    );
    assert.deepEqual([name, base], ['both', null]);
    assert.deepEqual(
      cells.map(({ experiment }) => [experiment.name, experiment.method, experiment.steps, experiment.seeds]),
      [
        ['dream,critic.shapesModel=true', 'vae-lstm', 9000, [7]],
        ['dream,critic.shapesModel=false', 'vae-lstm', 9000, [7]],
        ['dreamer-v3,critic.shapesModel=true', 'dreamer', 9000, [7]],
        ['dreamer-v3,critic.shapesModel=false', 'dreamer', 9000, [7]],
      ],
    );
    const plain = loadExperiment({
      ...readConfig('dream.yaml'),
      overrides: ['seeds=[7]', 'steps=9000', 'critic.shapesModel=false'],
      flags: { name: 'dream,critic.shapesModel=false' },
    });
    assert.deepEqual(cells[1]!.experiment, plain);
    assert.deepEqual(cells[1]!.settings, { config: 'dream', 'critic.shapesModel': false });
  });

  test('the sweep as text stands for itself and gives the same sweep', () => {
    const sweep = several(
      'name: list\nsweep:\n  - {config: dream.yaml, beta: {from: 1, to: 0.5, over: 10}}\n  - {steps: 3000, config: dreamer/v3.yaml}\n  - {config: dyna.yaml}\n',
    );
    assert.deepEqual(loadSweep({ file: 'sweep.yaml', text: sweep.text }), sweep);
    assert.equal(sweep.cells[1]!.experiment.name, 'steps=3000,dreamer-v3');
  });

  test('a config that cannot be found is told with the place that names it', () => {
    const readConfig = (name: string): never => {
      throw new UserError(`${name}: no such file`);
    };
    assert.throws(() => several('name: n\nsweep:\n  - config: nosuch.yaml\n', { readConfig }), {
      name: 'UserError',
      message: 'b.yaml:3:13: sweep: nosuch.yaml: no such file',
    });
  });

  test('the command wins over configs, and the variable of the engine does not', () => {
    const text = 'name: n\nsweep: {config: [dyna.yaml, dream.yaml]}';
    const engines = (input: object) => several(text, input).cells.map(({ experiment }) => experiment.engine);
    assert.deepEqual(engines({ defaultEngine: 'wasm' }), ['cpu', 'wasm']);
    assert.deepEqual(engines({ flags: { engine: 'wasm' } }), ['wasm', 'wasm']);
    assert.equal(
      several(text, { flags: { name: 'other', steps: '77000' } }).cells[1]!.experiment.steps,
      77_000,
    );
  });

  const wrong: [what: string, text: string, message: string][] = [
    [
      'a cell without one',
      'name: n\nsweep: [{config: dream.yaml}, {lambda: 1}]',
      'b.yaml:2:31: sweep: this cell has no config, and others have: give each one, or none',
    ],
    [
      'a method beside them',
      'name: n\nmethod: ppo\nsweep: {config: [dream.yaml]}',
      'b.yaml:2:1: method: the cells have configs, whose methods they are; leave it out',
    ],
    [
      'no name',
      'sweep: {config: [dream.yaml]}',
      'b.yaml: name: missing; a sweep of several configs needs one for its folder',
    ],
    [
      'a name that is no folder',
      'name: a/b\nsweep: {config: [dream.yaml]}',
      'b.yaml:1:7: name: expected a folder name (up to 200 letters, digits and "._-=,", no "." first or last), got "a/b"',
    ],
    [
      'a sweep among them',
      'name: n\nsweep: {config: [sweep.yaml]}',
      'b.yaml:2:18: sweep: sweep.yaml is a sweep itself; name a config of one run',
    ],
    [
      'no text',
      'name: n\nsweep: {config: [3]}',
      'b.yaml:2:18: sweep: expected a config, such as dreamer/v3.yaml, got 3',
    ],
    [
      'a mistake in one of them',
      'name: n\nsweep: {config: [dream.yaml, wrong.yaml]}',
      'configs/wrong.yaml:2:8: gamma: expected a number from 0 to 1, got 2 (cell wrong)',
    ],
    [
      'a key that one of them has not',
      'name: n\nlambda: 2\nsweep: {config: [dream.yaml, dyna.yaml]}',
      'b.yaml:2:1: lambda: unknown key, see wm train --help-config dyna (cell dyna)',
    ],
    [
      'the same twice',
      'name: n\nsweep: {config: [dream.yaml, configs/dream.yaml]}',
      'b.yaml:2:30: sweep: the cell dream stands here twice, keep one',
    ],
  ];
  for (const [what, text, message] of wrong) {
    test(`${what} is refused`, () => {
      assert.throws(
        () => several(text),
        (error) => {
          assert.ok(error instanceof UserError);
          assert.equal(error.message, message);
          return true;
        },
      );
    });
  }

  test('a record that names a file is refused: it would change with that', () => {
    assert.throws(() => loadSweep({ file: 'sweep.yaml', text: 'name: n\nsweep: {config: [dream.yaml]}' }), {
      message: 'sweep.yaml:2:18: sweep: this sweep stands for itself, write the keys of dream.yaml out',
    });
  });

  test('those of the bench leave every setting of their configs as it is', () => {
    const files = readdirSync(new URL('configs/bench', root)).sort();
    const tasks = ['acrobot', 'breakout', 'cartpole', 'mountain-car', 'pendulum'];
    const switched = ['acrobot', 'cartpole', 'distractors', 'pendulum'];
    const named = [
      ...tasks.map((task) => `leaderboard-${task}`),
      ...switched.map((task) => `shaping-${task}`),
    ];
    assert.deepEqual(
      files,
      named.map((name) => `${name}.yaml`),
    );
    const allowed = ['name', 'seeds', 'steps', 'evaluation', 'environment', 'distractors'];
    for (const file of files) {
      const text = readFileSync(new URL(`configs/bench/${file}`, root), 'utf8');
      const sweep = loadSweep(
        configInput({ config: fileURLToPath(new URL(`configs/bench/${file}`, root)), set: [] }),
      );
      assert.equal(`${sweep.name}.yaml`, file);
      assert.equal(new Set(sweep.cells.map(({ experiment }) => experiment.environment)).size, 1, file);
      const sources = parse(text).sweep;
      for (const [index, { experiment, settings }] of sweep.cells.entries()) {
        const config = Array.isArray(sources)
          ? sources[index].config
          : sources.config[Math.floor(index / sources['critic.shapesModel'].length)];
        const own = readConfigOf({ config, set: [] });
        const swept = Object.keys(settings).filter((key) => key.startsWith('critic.'));
        const keys = differingKeys(own, experiment);
        assert.deepEqual(
          keys.filter((key) => !allowed.includes(key.split('.')[0]!) && !swept.includes(key)),
          [],
          experiment.name,
        );
      }
    }
  });
});

describe('a wrong sweep is one sentence with its place and cell', () => {
  const many = `[${Array.from({ length: 40 }, (_, i) => i + 1)}]`;
  const cases: [what: string, text: string, message: string | RegExp][] = [
    [
      'an unknown key',
      'sweep: {lamda: [1]}',
      's.yaml:2:9: lamda: unknown key, did you mean `lambda`? (cell lamda=1)',
    ],
    ['an unknown nested key', 'sweep: {critic.x: [1]}', /^s\.yaml:2:9: critic\.x: unknown key/],
    [
      'a value out of range',
      'sweep:\n  lambda: [1, -1]',
      's.yaml:3:15: lambda: expected a number >= 0, got -1 (cell lambda=-1)',
    ],
    [
      'a value of the wrong kind',
      'sweep: [{lambda: high}]',
      /^s\.yaml:2:18: lambda: .*got "high" \(cell lambda=high\)$/,
    ],
    [
      'a rule broken by a cell',
      'sweep: {steps: [5000, 500]}',
      /^s\.yaml:2:23: steps must be at least randomSteps.* \(cell steps=500\)$/,
    ],
    [
      'a key of a number',
      'lambda: 1\nsweep: {lambda.x: [1]}',
      /^s\.yaml:3:20: lambda holds a value .* \(cell lambda\.x=1\)$/,
    ],
    [
      'an error of the config itself',
      'gamma: 2\nsweep: {lambda: [1]}',
      /^s\.yaml:2:8: gamma: expected .*, got 2$/,
    ],
    [
      'a value twice',
      'sweep: {lambda: [1, 1.0]}',
      's.yaml:2:21: sweep: the cell lambda=1 stands here twice, keep one',
    ],
    [
      'two cells that train the same',
      'sweep: [{lambda: 0.5}, {horizon: 15}]',
      's.yaml:2:34: sweep: the cell horizon=15 trains the same as the cell lambda=0.5, keep one',
    ],
    ['no sweep', 'lambda: 1', /^s\.yaml: sweep: missing, .*wm train$/],
    ['nothing', 'sweep:', /^s\.yaml:2:7: sweep: expected lists of values by key, .*got nothing$/],
    ['an empty grid', 'sweep: {}', /^s\.yaml:2:8: sweep: expected .*, got \{\}$/],
    ['an empty list of cells', 'sweep: []', /^s\.yaml:2:8: sweep: expected .*, got \[\]$/],
    [
      'an empty list of values',
      'sweep: {lambda: []}',
      's.yaml:2:17: sweep: expected a list of values of lambda, got []',
    ],
    [
      'a value without a list',
      'sweep: {lambda: 3}',
      's.yaml:2:17: sweep: expected a list of values of lambda, got 3',
    ],
    ['a cell that is none', 'sweep: [{lambda: 1}, 3]', /^s\.yaml:2:22: sweep: expected a cell, .*got 3$/],
    ['a cell that says nothing', 'sweep: [{}]', /^s\.yaml:2:9: sweep: expected a cell, .*got \{\}$/],
    [
      'too many cells of a grid',
      `sweep: {lambda: ${many}, horizon: ${many}}`,
      's.yaml:2:8: sweep: 1600 cells are more than 1000, sweep fewer values at once',
    ],
    [
      'too many cells of a list',
      `sweep: [${Array.from({ length: 1001 }, (_, i) => `{lambda: ${i}}`)}]`,
      /^s\.yaml:2:8: sweep: 1001 cells are more than 1000/,
    ],
    [
      'too many seeds for so many cells',
      `sweep: {lambda: [${Array.from({ length: 1000 }, (_, i) => i)}], seeds: [[${Array.from({ length: 10_000 }, (_, i) => i)}]]}`,
      's.yaml: 1000 cells of so long a config are too many, shorten it or sweep fewer values at once',
    ],
    [
      'more than sweep.yaml can hold',
      `seeds: [${Array.from({ length: 9990 }, (_, i) => 1e9 + i)}]\nsweep: {lambda: [${Array.from({ length: 20 }, (_, i) => i)}], seeds: [[${Array.from({ length: 1500 }, (_, i) => i)}]]}`,
      /^s\.yaml: with every key written out this sweep has 1\d{5} characters, shorten it to 131072$/,
    ],
    ['a swept name', 'sweep: {name: [a, b]}', /^s\.yaml:2:\d+: sweep: name cannot be swept/],
    ['a swept method', 'sweep: {method: [ppo]}', /^s\.yaml:2:\d+: sweep: method cannot be swept, train each/],
    ['another file as base', 'base: dream.yaml\nsweep: {lambda: [1]}', /^s\.yaml:2:1: base: unknown key/],
  ];
  for (const [what, text, message] of cases) {
    test(what, () => {
      assert.throws(
        () => read({ text }),
        (error: unknown) => {
          if (!(error instanceof UserError)) throw error;
          if (typeof message === 'string') assert.equal(error.message, message);
          else assert.match(error.message, message);
          return true;
        },
      );
    });
  }

  test('an option that every cell would undo', () => {
    const text = 'sweep: {lambda: [1], steps: [5000]}';
    const says = (message: string) => ({ name: 'UserError', message });
    assert.throws(
      () => read({ text, overrides: ['lambda=3'] }),
      says('--set lambda=3: lambda is swept, so this changes nothing; leave it out'),
    );
    assert.throws(() => read({ text, flags: { steps: '6000' } }), /^UserError: --steps: steps is swept/);
    assert.deepEqual(names('sweep: [{lambda: 1}, {horizon: 2}]'), ['lambda=1', 'horizon=2']);
    const listed = read({ text: 'sweep: [{lambda: 1}, {horizon: 2}]', overrides: ['lambda=3'] });
    assert.deepEqual(
      worldModels(listed).map(({ lambda }) => lambda),
      [1, 3],
    );
  });

  test('the config of a sweep is not trained as a single run', () => {
    assert.throws(() => loadExperiment({ file: 's.yaml', text: 'method: vae-lstm\nsweep: {lambda: [1]}' }), {
      message: 's.yaml:2:1: sweep: this config is of several runs, train them with wm sweep',
    });
  });
});

const folder = temporaryFolder('sweep');

/** Two cells of two seeds each. */
const tiny = `${tinyDreamCritic}seeds: [0, 1]
steps: 200
evaluation: { every: 100, episodes: 2 }
`;

function workplace(): string {
  const dir = mkdtempSync(path.join(folder, 'place-'));
  writeFileSync(path.join(dir, 'tiny.yaml'), tiny);
  writeFileSync(path.join(dir, 'cells.yaml'), `${tiny}sweep: { horizon: [10, 3] }\n`);
  return dir;
}

const sweepDir = (cwd: string) => path.join(cwd, 'runs', 'sweeps', 'tiny');
const CELLS = ['horizon=10', 'horizon=3'];

const curve = (dir: string, cell: string, seed: number) =>
  linesWithoutTime(text(dir, cell, `seed-${seed}`, 'metrics.csv'));

function assertSameCurves(actual: string, wanted: string, seeds: number[]): void {
  for (const cell of CELLS)
    for (const seed of seeds) assert.deepEqual(curve(actual, cell, seed), curve(wanted, cell, seed), cell);
}

/** The uninterrupted sweep that others are compared with. */
let reference: Promise<string> | undefined;
function referenceSweep(): Promise<string> {
  reference ??= (async () => {
    const cwd = workplace();
    const { code, stderr, stdout } = await run(cwd, 'sweep', '--config', 'cells.yaml', '--workers', '2');
    assert.equal(code, 0, stderr);
    assert.match(
      stderr,
      /^training runs\/sweeps\/tiny \(2 of 2 cells left, 4 seeds: in each cell seeds 0 and 1\) on wasm /,
    );
    assert.match(
      stderr,
      /^horizon=\d+: final reward \S+ ± \S+ over 2 seeds; 2 of 2 cells ended; seeds: 4 done/m,
    );
    assert.match(stdout, /^cell {8}final reward +seeds\nhorizon=10 .* 2 of 2\nhorizon=3 .* 2 of 2\n$/);
    return cwd;
  })();
  return reference;
}

describe('wm sweep', () => {
  test('every cell is the run that wm train makes of its config', async () => {
    const cwd = await referenceSweep();
    const dir = sweepDir(cwd);
    assert.deepEqual(readdirSync(dir).sort(), [...CELLS, 'sweep.yaml']);
    assert.deepEqual(parse(text(dir, 'sweep.yaml')).sweep, { horizon: [10, 3] });
    for (const cell of CELLS) {
      const { status, end } = JSON.parse(text(dir, cell, 'run.json'));
      assert.deepEqual(status, { 0: 'done', 1: 'done' });
      assert.notEqual(end, null);
      assert.equal(text(dir, cell, 'summary.csv').trimEnd().split('\n').length, 3);
    }
    const alone = await run(
      cwd,
      ...['train', '--config', 'tiny.yaml', '--set', 'horizon=3', '--name', 'horizon=3', '--seeds', '1'],
    );
    assert.equal(alone.code, 0, alone.stderr);
    assert.deepEqual(curve(path.join(cwd, 'runs'), 'horizon=3', 1), curve(dir, 'horizon=3', 1));
    const config = 'runs/sweeps/tiny/horizon=3/config.yaml';
    const again = await run(cwd, 'train', '--config', config, '--runs', 'runs/sweeps/tiny');
    assert.match(again.stderr, /runs\/sweeps\/tiny\/horizon=3 is finished: nothing to do/);
    const played = await run(cwd, 'eval', 'runs/sweeps/tiny/horizon=10', '--episodes', '2');
    assert.equal(played.code, 0, played.stderr);
  });

  test('the same command again finds nothing to do; the sweep can grow, but not change', async () => {
    const cwd = workplace();
    const small = ['sweep', '--config', 'cells.yaml', '--seeds', '0', '--steps', '100'];
    assert.equal((await run(cwd, ...small)).code, 0);
    const curveBefore = text(sweepDir(cwd), 'horizon=3', 'seed-0', 'metrics.csv');
    const again = await run(cwd, ...small, '--json');
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stderr, /runs\/sweeps\/tiny is finished: nothing to do/);
    const { sweep, cells } = JSON.parse(again.stdout);
    assert.equal(sweep, 'runs/sweeps/tiny');
    assert.deepEqual(
      cells.map(({ settings, seeds }: { settings: unknown; seeds: unknown[] }) => [settings, seeds.length]),
      [
        [{ horizon: 10 }, 1],
        [{ horizon: 3 }, 1],
      ],
    );
    const grown = await run(cwd, ...small, '--set', 'sweep={horizon: [3, 4, 10]}');
    assert.equal(grown.code, 0, grown.stderr);
    assert.match(
      grown.stderr,
      /resuming runs\/sweeps\/tiny \(1 of 3 cells left, 1 seed: in each cell seed 0\)/,
    );
    assert.equal(text(sweepDir(cwd), 'horizon=3', 'seed-0', 'metrics.csv'), curveBefore);

    const before = text(sweepDir(cwd), 'sweep.yaml');
    const shrunk = await run(cwd, ...small);
    assert.equal(shrunk.code, 2);
    assert.match(
      shrunk.stderr,
      /^wm: runs\/sweeps\/tiny holds the cell horizon=4, which this sweep lacks; move runs\/sweeps\/tiny\/horizon=4 away to /,
    );
    const other = await run(cwd, ...small, '--set', 'gamma=0.5');
    assert.equal(other.code, 2);
    assert.match(other.stderr, /^wm: runs\/sweeps\/tiny holds a sweep of another config \(gamma differs\); /);
    assert.equal(text(sweepDir(cwd), 'sweep.yaml'), before);
    renameSync(path.join(sweepDir(cwd), 'horizon=4'), path.join(sweepDir(cwd), 'old'));
    const { runs, missing } = readRuns([sweepDir(cwd)]);
    assert.deepEqual(
      runs.map(({ name }) => name),
      ['horizon=3', 'horizon=10'],
    );
    assert.deepEqual(missing, [path.join(sweepDir(cwd), 'horizon=4')]);
    const without = await run(cwd, ...small);
    assert.equal(without.code, 0, without.stderr);
    assert.match(without.stderr, /runs\/sweeps\/tiny is finished: nothing to do\n$/);
    assert.deepEqual(parse(text(sweepDir(cwd), 'sweep.yaml')).sweep, { horizon: [10, 3] });
    const asRun = await run(cwd, 'eval', 'runs/sweeps/tiny');
    assert.equal(asRun.code, 2);
    assert.match(asRun.stderr, /^wm: runs\/sweeps\/tiny is a sweep of several runs; /);
  });

  test('Ctrl-C saves all and exits with 130; the same command goes on to the same results', async () => {
    const wanted = sweepDir(await referenceSweep());
    const cwd = workplace();
    const first = path.join(sweepDir(cwd), 'horizon=10', 'seed-0', 'metrics.csv');
    // One worker: the second cell has all of its steps to go when the first cell's first row is seen.
    const command = ['sweep', '--config', 'cells.yaml', '--seeds', '0', '--workers', '1'];
    const { child, ended } = start(cwd, ...command);
    await waitFor('an evaluation', () => existsSync(first) && text(first).split('\n').length > 2);
    child.kill('SIGINT');
    const { code, stderr } = await ended;
    assert.equal(code, 130, stderr);
    // What was not begun leaves no trace.
    assert.deepEqual(readdirSync(sweepDir(cwd)).sort(), ['horizon=10', 'sweep.yaml']);
    assert.match(stderr, /^horizon=10 seed 0 {2}interrupted$/m);
    assert.doesNotMatch(stderr, /^horizon=3/m);
    const resumed = await run(cwd, ...command);
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.match(resumed.stderr, /^resuming runs\/sweeps\/tiny /m);
    assertSameCurves(sweepDir(cwd), wanted, [0]);
  });

  test('a failed cell is reported and the rest is done; the same command mends it', async () => {
    const wanted = sweepDir(await referenceSweep());
    const cwd = workplace();
    const cell = path.join(sweepDir(cwd), 'horizon=10');
    const command = ['sweep', '--config', 'cells.yaml', '--workers', '1'];
    const { child, ended } = start(cwd, ...command);
    const worker = () => events(cell).find(({ kind }) => kind === 'worker');
    await waitFor('a worker', () => worker() !== undefined);
    process.kill(worker()!.pid, 'SIGKILL');
    const { code, stderr, stdout } = await ended;
    assert.equal(code, 1, stderr);
    assert.equal(child.exitCode, 1);
    assert.match(stderr, /^horizon=10 seed 0 {2}failed: /m);
    assert.match(stderr, /^horizon=10: final reward .* over 1 seed, 1 failed; 1 of 2 cells ended/m);
    assert.match(stdout, /^horizon=10 .* 1 of 2\nhorizon=3 .* 2 of 2$/m);
    const mended = await run(cwd, ...command);
    assert.equal(mended.code, 0, mended.stderr);
    assertSameCurves(sweepDir(cwd), wanted, [0, 1]);
  });

  test('cells and shares of their seeds are trained at once by processes of their own, to the same results', async () => {
    const wanted = sweepDir(await referenceSweep());
    const cwd = workplace();
    const command = ['sweep', '--config', 'cells.yaml', '--workers', '1', '--cell'];
    const tasks = [['0', '--seed-share', '0/2'], ['0', '--seed-share', '1/2'], ['1']];
    const ended = await Promise.all(tasks.map((task) => run(cwd, ...command, ...task)));
    for (const { code, stderr } of ended) assert.equal(code, 0, stderr);
    assert.match(ended[2]!.stderr, /training runs\/sweeps\/tiny \(1 of 1 cells left, 2 seeds: /);
    assertSameCurves(sweepDir(cwd), wanted, [0, 1]);
    for (const cell of CELLS) {
      const [actual, other] = [cwd, wanted].map((place) =>
        ['metrics.csv', 'summary.csv'].map((name) =>
          linesWithoutTime(text(place === cwd ? sweepDir(cwd) : wanted, cell, name)),
        ),
      );
      assert.deepEqual(actual, other);
      const names = readdirSync(path.join(sweepDir(cwd), cell));
      assert.ok(!names.some((name) => name.startsWith('run.') && name !== 'run.json'), `${names}`);
      const { status, end, sittings } = JSON.parse(text(sweepDir(cwd), cell, 'run.json'));
      assert.deepEqual(status, { 0: 'done', 1: 'done' });
      assert.notEqual(end, null);
      assert.equal(sittings.length, cell === 'horizon=10' ? 2 : 1);
    }
    const record = text(wanted, 'sweep.yaml');
    assert.equal(text(sweepDir(cwd), 'sweep.yaml'), record);
    // As a wm wrote it that did not know of a key yet.
    const earlier = record.replace(/^ *film: false\n/m, '');
    assert.notEqual(earlier, record);
    writeFileSync(path.join(sweepDir(cwd), 'sweep.yaml'), earlier);
    const whole = ['sweep', '--config', 'cells.yaml'];
    const lines = [whole, [...command, '0', '--seed-share', '1/2'], [...command, '1', '--steps', '300']];
    const [again, share, longer] = await runInTurn(lines.map((args) => ({ cwd, args })));
    assert.match(again!.stderr, /is finished: nothing to do$/m);
    assert.match(share!.stderr, /is finished: nothing to do$/m);
    assert.deepEqual([longer!.code, longer!.stdout], [2, '']);
    assert.match(longer!.stderr, /sweep\.yaml is of another sweep than the one given, or of fewer/);
  });

  test('a wrong config or folder writes nothing', async () => {
    const cwd = workplace();
    writeFileSync(path.join(cwd, 'notes.txt'), 'precious');
    const cells = ['--config', 'cells.yaml'];
    const mistakes: [string[], RegExp][] = [
      [[], /^wm: --config: missing; /],
      [['--config', 'tiny.yaml'], /^wm: tiny\.yaml: sweep: missing, /],
      [[...cells, '--set', 'sweep=[]'], /^wm: --set sweep=\[\]: sweep: expected /],
      [[...cells, '--engine', 'cuda'], /^wm: --engine: /],
      [[...cells, '--cell', '2'], /^wm: --cell 2: there is no such cell; this sweep has cells 0 to 1\n/],
      [[...cells, '--cell', '-1'], /--cell <n>' argument '-1' is invalid/],
      [[...cells, '--seed-share', '2/2'], /expected i\/n, a share from 0 to n - 1/],
      [
        [...cells, '--cell', '0', '--seed-share', '3/4'],
        /^wm: --seed-share 3\/4: horizon=10 has 2 seeds?, and/,
      ],
      [[...cells, '--runs', '..', '--name', path.basename(cwd)], /is no sweep folder: it holds /],
    ];
    const before = readdirSync(cwd, { recursive: true });
    const refused = await runInTurn(mistakes.map(([args]) => ({ cwd, args: ['sweep', ...args] })));
    for (const [i, { code, stdout, stderr }] of refused.entries()) {
      assert.equal(code, 2, stderr);
      assert.match(stderr, mistakes[i]![1]);
      assert.equal(stdout, '');
    }
    assert.deepEqual(readdirSync(cwd, { recursive: true }), before);
    const single = await run(cwd, 'train', '--config', 'cells.yaml');
    assert.equal(single.code, 2);
    assert.match(
      single.stderr,
      /^wm: cells\.yaml:15:1: sweep: this config is of several runs, train them with wm sweep/,
    );
  });
});

test('a sweep whose folder is taken from it stops, and saves its runs', async () => {
  const cwd = mkdtempSync(path.join(folder, 'taken-'));
  writeFileSync(path.join(cwd, 'cells.yaml'), `${tinyDreamCritic}seeds: [0]\nsweep: {horizon: [3, 4]}\n`);
  const command = [...wmBriefly, 'sweep', '--config', 'cells.yaml', '--workers', '1', '--quiet'];
  const { ended } = launch(command, { cwd, env: { WM_LEASE_SECONDS: '1' } });
  const cell = path.join(cwd, 'runs/sweeps/tiny/horizon=3');
  await waitFor('a row', () => existsSync(path.join(cell, 'seed-0/losses.csv')));
  const lock = path.join(cell, '../run.lock');
  writeFileSync(`${lock}.other`, text(lock).replace(/"pid":\d+/, '"pid":1'));
  renameSync(`${lock}.other`, lock);
  const { code, stdout, stderr } = await ended;
  assert.deepEqual([code, stdout], [1, ''], stderr);
  assert.match(
    stderr,
    /^wm: runs\/sweeps\/tiny was deleted, replaced or unlocked while this run was writing/m,
  );
  assert.equal(JSON.parse(text(cell, 'run.json')).status[0], 'interrupted');
  assert.ok(existsSync(path.join(cell, 'seed-0/checkpoint.safetensors')));
  assert.match(text(lock), /"pid":1\b/, "another's lock stays");
});

describe('a sweep compared', () => {
  /** A sweep folder whose cells hold the published baseline and dream critic in turns, in the file's order. */
  function publishedSweep(name: string, sweep: string): string {
    const dir = path.join(workplace(), name);
    const published = (arm: string) => fileURLToPath(new URL(`runs/first/${arm}`, root));
    const config = readFileSync(path.join(published('dream-critic'), 'config.yaml'), 'utf8');
    const { text, cells } = loadSweep({ file: 'published', text: `${config}\nsweep: ${sweep}\n` });
    mkdirSync(dir);
    writeFileSync(path.join(dir, 'sweep.yaml'), text);
    for (const [index, { experiment }] of cells.entries()) {
      const cell = path.join(dir, experiment.name);
      cpSync(published(index % 2 === 0 ? 'baseline' : 'dream-critic'), cell, { recursive: true });
      writeFileSync(path.join(cell, 'config.yaml'), formatExperiment(experiment));
    }
    return dir;
  }

  test('has a row per cell in the order of the values, and a column per swept key', () => {
    const dir = publishedSweep('s', '{critic.shapesModel: [true, false], lambda: [10, 2, 0.5]}');
    const { rows, pairs, files } = compareRuns([dir], { paper: false });
    const wanted = [true, false].flatMap((shapes) =>
      [0.5, 2, 10].map((lambda) => `critic.shapesModel = ${shapes}, lambda = ${lambda}`),
    );
    assert.deepEqual(
      rows.map(({ label }) => label),
      wanted,
    );
    // In the file the third and fourth cells are lambda 0.5 with shaping and 10 without: baseline and dream critic.
    const reward = (label: string) => rows.find((row) => row.label === label)?.finalReward.mean;
    assert.ok(reward(wanted[0]!)! < 450, 'the baseline');
    assert.equal(reward(wanted[5]!), 500);
    assert.deepEqual(pairs, []);
    const { columns, rows: lines } = parseCsv(files()['table1.csv']!, 'table1.csv');
    assert.deepEqual(columns.slice(0, 3), ['critic.shapesModel', 'lambda', 'label']);
    assert.deepEqual(
      lines.map((line) => [line['critic.shapesModel'], line.lambda]),
      ['true', 'false'].flatMap((shapes) => [0.5, 2, 10].map((lambda) => [shapes, lambda])),
    );
  });

  test('beside a run of its own is compared with that, cell by cell', () => {
    const dir = publishedSweep('s', '[{lambda: 2}, {horizon: 3}]');
    const run = fileURLToPath(new URL('runs/first/baseline', root));
    const { rows, pairs, files } = compareRuns([dir, run], { paper: false });
    // Every cell says its value of every swept key: lambda 0.5 and horizon 15 are the config's.
    const labels = ['lambda = 0.5, horizon = 3', 'lambda = 2, horizon = 15'];
    assert.deepEqual(
      rows.map(({ label }) => label),
      [...labels, 'Baseline'],
    );
    assert.deepEqual(
      [...new Set(pairs.map(({ label, against }) => `${label} | ${against}`))],
      [`${labels[0]} | Baseline`, `${labels[1]} | Baseline`],
    );
    const { rows: lines } = parseCsv(files()['table1.csv']!, 'table1.csv');
    assert.deepEqual(
      lines.map(({ lambda, horizon }) => [lambda, horizon]),
      [
        [0.5, 3],
        [2, 15],
        [null, null],
      ],
    );
  });

  test('is drawn against the swept value, with intervals and seeds, the same every time', async () => {
    const dir = publishedSweep('s', '{lambda: [2, 0, 0.5]}');
    const { runs } = readRuns([dir]);
    const drawn = figuresOf(runs);
    assert.deepEqual(
      drawn.map(({ name }) => name),
      ['figure1', 'figure2', 'figure3', 'figure4', 'figure-sweep'],
    );
    const figure = drawn.at(-1);
    const { vconcat } = JSON.parse(JSON.stringify(figure!.spec));
    assert.equal(vconcat.length, 2);
    const [dots, bars, marks] = vconcat[0].layer;
    assert.deepEqual(marks.encoding.x.scale.domain, ['0', '0.5', '2']);
    const values = dots.data.values.filter(({ value }: { value: string }) => value === '2');
    assert.deepEqual(
      values.map(({ seed, y }: { seed: number; y: number }) => [seed, y]),
      // The last cell's seeds: the baseline as published in summary.csv.
      parseCsv(text(dir, 'lambda=2', 'summary.csv'), 'summary.csv').rows.map((row) => [
        row.seed,
        Number(Number(row.final_reward).toPrecision(6)),
      ]),
    );
    for (const { low, mean, high } of bars.data.values) assert.ok(low <= mean && mean <= high, `${mean}`);
    assert.match(figure!.description, /Final reward: 0 gives 500 .*; 0\.5 gives [1-4]\d\d /);
    const svg = `${await renderSvg(figure!.spec, figure!.description)}`;
    assert.equal(
      `${await renderSvg(figuresOf(readRuns([dir]).runs).at(-1)!.spec, figure!.description)}`,
      svg,
    );
    for (const label of ['>lambda<', '>0.5<', '>Final reward<']) assert.ok(svg.includes(label), label);
  });

  test('a key that some cells lack is left out of their names, and is on the axis only where all have it', () => {
    // Only the second has a balance with settings.
    const dir = publishedSweep('s', '[{lambda: 2}, {critic.balance: gradnorm, critic.gradNorm.alpha: 0.5}]');
    const { rows } = compareRuns([dir], { paper: false });
    const names = rows.map(({ label }) => label);
    assert.equal(names.filter((name) => name.includes('gradNorm')).length, 1, names.join('; '));
    const cells = readRuns([dir]).runs;
    const axisOf = (settings: readonly CellSettings[]) => {
      const runs = cells.map((run, i) => ({ ...run, cell: { ...run.cell!, settings: settings[i]! } }));
      const { vconcat } = JSON.parse(JSON.stringify(figuresOf(runs).at(-1)!.spec));
      const { x } = vconcat[0].layer[2].encoding;
      return [x.title, x.scale.domain];
    };
    const both = [{ config: 'dream', 'critic.shapesModel': false }, { config: 'ppo' }];
    assert.deepEqual(axisOf(both), ['config', ['"dream"', '"ppo"']]);
    assert.deepEqual(axisOf([...both].reverse()), ['config', ['"ppo"', '"dream"']]);
    assert.deepEqual(axisOf([{ lambda: 1 }, { horizon: 5 }]), ['horizon', ['–', '5']]);
  });

  test('of which nothing has begun says so', () => {
    const dir = path.join(workplace(), 'waiting');
    mkdirSync(dir);
    writeFileSync(
      path.join(dir, 'sweep.yaml'),
      loadSweep({ file: 's', text: 'method: ppo\nsweep: {gamma: [0.9, 1]}' }).text,
    );
    assert.throws(() => readRuns([dir]), {
      name: 'UserError',
      message: /^no cell of .*waiting has begun; wm sweep /,
    });
  });

  test('its figure names cells of long lists of words in full', async () => {
    const words = ['observation', 'reward, value', 'reward, value, policy, continue'];
    const dir = publishedSweep('s', '{lambda: [0.5, 2]}');
    const { runs } = readRuns([dir]);
    const cells = words.flatMap((list) =>
      runs.map((run) => {
        const settings = { shapesModel: list.split(', '), ...run.cell!.settings };
        return { ...run, cell: { ...run.cell!, settings } };
      }),
    );
    const { spec, description } = figuresOf(cells).at(-1)!;
    const svg = `${await renderSvg(spec, description)}`;
    for (const list of words) assert.ok(svg.includes(`>shapesModel = [${list}]<`), list);
  });
});

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type ConfigOptions, configInput, readConfig } from '../src/cli/config-file.ts';
import { shippedPresets } from '../src/cli/shipped-configs.ts';
import { differingKeys, formatExperiment } from '../src/config/format.ts';
import { type ConfigInput, loadExperiment } from '../src/config/load.ts';
import { configOrigins } from '../src/config/origins.ts';
import type { PresetShelf } from '../src/config/presets.ts';
import { experimentOf, methodNames } from '../src/config/schema.ts';
import { loadSweep } from '../src/config/sweep.ts';
import { UserError } from '../src/errors.ts';
import type { MethodName } from '../src/methods/index.ts';
import { extensionOf } from '../src/runs/extension.ts';
import { leastConfig } from './support/least-config.ts';
import { runInTurn } from './support/program.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

/** Presets by their names, each in a file `presets/NAME.yaml`. */
const shelfOf = (presets: Record<string, string>): PresetShelf => ({
  names: () => Object.keys(presets),
  read: (name) => ({ file: `presets/${name}.yaml`, text: presets[name]! }),
});

const small = 'horizon: 3\nmodel: {latent: 4, hidden: [8, 8]}\nbeta: {from: 1, to: 0.5, over: 10}\n';
const long = 'steps: 90000\nmodel.latent: 16\nlambda: 2\n';
const presetShelf = shelfOf({ small, long });

const inputOf = (text: string, rest: Partial<ConfigInput> = {}): ConfigInput => ({
  ...{ file: 'c.yaml', text: `method: vae-lstm\n${text}`, presetShelf },
  ...rest,
});
const load = (text: string, rest: Partial<ConfigInput> = {}) =>
  experimentOf(loadExperiment(inputOf(text, rest)), 'vae-lstm');

function refused(message: string, text: string, rest: Partial<ConfigInput> = {}): void {
  assert.throws(
    () => load(text, rest),
    (error) => {
      assert.ok(error instanceof UserError, String(error));
      assert.equal(error.message, message);
      return true;
    },
  );
}

describe('presets', () => {
  test("stand below the file's own keys, later ones over earlier ones; lists are replaced, maps merged", () => {
    const own = 'preset: [small, long]\nlambda: 5\nmodel: {hidden: [9]}\nbeta.to: 0\n';
    const { steps, horizon, lambda, beta, model } = load(own);
    assert.deepEqual(
      { steps, horizon, lambda, beta, latent: model.latent, hidden: model.hidden, lstm: model.lstm },
      // lstm is the default's
      {
        ...{ steps: 90_000, horizon: 3, lambda: 5, beta: { from: 1, to: 0, over: 10 } },
        ...{ latent: 16, hidden: [9], lstm: 128 },
      },
    );
    assert.equal(load('preset: [long, small]').model.latent, 4);
    assert.equal(load('preset: [small]\nbeta: 0.3').beta, 0.3, 'a number takes the place of a schedule');
  });

  test("of the command win over the file's keys, and --set and the other options over them", () => {
    const text = 'steps: 2000\nlambda: 1\npreset: [small]\nmodel: {latent: 5, lstm: 6}\n';
    const { steps, lambda, model } = load(text, {
      presets: ['long'],
      overrides: ['lambda=9'],
      flags: { steps: '3000' },
    });
    assert.deepEqual([steps, lambda], [3000, 9]);
    assert.deepEqual([model.latent, model.lstm, model.hidden], [16, 6, [8, 8]]);
  });

  test('set the switches of an arm that nothing else sets, and may name the method', () => {
    const shelf = shelfOf({ arm: 'method: baseline', switch: 'critic: {bootstrapsActor: true}' });
    const read = (text: string) => loadExperiment({ file: 'c.yaml', text, presetShelf: shelf }).name;
    assert.equal(read('preset: [arm]'), 'baseline');
    assert.equal(read('preset: [switch]\nmethod: baseline'), 'bootstrap-only');
  });

  test('resolve to a config that stands for itself, of sweeps too', () => {
    const experiment = load('preset: [small]');
    const text = formatExperiment(experiment);
    assert.deepEqual(loadExperiment({ file: 'config.yaml', text }), experiment);
    const sweep = loadSweep(inputOf('preset: [small]\nsweep: {lambda: [1, 2]}', { presets: ['long'] }));
    assert.deepEqual(loadSweep({ file: 'sweep.yaml', text: sweep.text }), sweep);
    assert.deepEqual(
      sweep.cells.map(({ experiment }) => [
        experimentOf(experiment, 'vae-lstm').horizon,
        experimentOf(experiment, 'vae-lstm').model.latent,
      ]),
      [
        [3, 16],
        [3, 16],
      ],
    );
  });

  test('that are wrong are one sentence with its place, in the config or in the preset', () => {
    const list = 'expected a list of presets, such as [trial], got';
    refused(
      'c.yaml:2:11: preset[0]: expected small or long, got "smal", did you mean small?',
      'preset: [ smal]',
    );
    refused('c.yaml:3:5: preset[1]: expected small or long, got "../x"', 'preset: [small,\n    ../x]');
    refused('--preset: expected small or long, got "huge"', '', { presets: ['huge'] });
    refused(`c.yaml:2:9: ${'preset: '}${list} "small"`, 'preset: small');
    refused(`c.yaml:2:9: preset: ${list} []`, 'preset: []');
    refused("c.yaml:2:10: preset[0]: expected a preset's name, got 3", 'preset: [3]');
    refused(
      'c.yaml:2:17: preset[1]: small is already preset[0], list each preset once',
      'preset: [small, small]',
    );
    refused(
      'c.yaml:2:10: preset[0]: this config stands for itself, write the keys of the preset out',
      'preset: [small]',
      { presetShelf: undefined },
    );
    refused('--set preset=[small]: give presets by their names with --preset', '', {
      overrides: ['preset=[small]'],
    });
    const odd = shelfOf({
      typo: 'horizon: 3\nlamda: 1',
      range: 'model:\n  hidden: [8, 0]',
      nested: 'preset: [typo]',
      swept: 'steps: 5000\nsweep: {lambda: [1]}',
      yaml: 'a: *x',
      empty: '# nothing',
      rule: 'steps: 500',
      deep: 'lambda: {x: 1}',
    });
    const of = (name: string, message: string, text = '') =>
      refused(message, `preset: [${name}]\n${text}`, { presetShelf: odd });
    of('typo', 'presets/typo.yaml:2:1: lamda: unknown key, did you mean `lambda`?');
    of(
      'range',
      'presets/range.yaml:2:15: model.hidden[1]: expected an integer from 1 to 65536, got 0',
      'model: {latent: 3}',
    );
    of('nested', 'presets/nested.yaml:1:1: preset: a preset has none, give it in the config');
    of('swept', 'presets/swept.yaml:2:1: sweep: a preset has none, give it in the config');
    of('yaml', 'presets/yaml.yaml:1:4: the alias *x is not supported, write the value out');
    of('empty', 'presets/empty.yaml is empty, write at least `steps: …` into it');
    of(
      'rule',
      'presets/rule.yaml:1:8: steps must be at least randomSteps + updateEvery, or nothing is learnt (steps is 500, randomSteps is 1000, updateEvery is 4)',
    );
    of('deep', 'presets/deep.yaml:1:9: lambda: expected a number >= 0, got {"x":1}');
    // what the file says wrong itself comes first, though the preset stands below it
    of('typo', 'c.yaml:3:10: horizon: expected an integer from 1 to 1000, got 0', 'horizon: 0');
    of(
      'range',
      'c.yaml:3:17: model.latent: expected an integer from 1 to 4096, got 0',
      'model: {latent: 0, hidden: [1]}',
    );
    assert.throws(() => loadSweep(inputOf('sweep: {preset: [[small]]}')), {
      message: 'c.yaml:2:17: sweep: preset cannot be swept, sweep the keys that presets set',
    });
  });

  test("what a cell sets anew may come from a preset, but not from the command's options", () => {
    const cells = (rest: Partial<ConfigInput>) =>
      loadSweep(inputOf('preset: [long]\nsweep: {lambda: [1, 3]}', rest)).cells.length;
    assert.equal(cells({}), 2);
    assert.throws(() => cells({ overrides: ['lambda=4'] }), {
      message: '--set lambda=4: lambda is swept, so this changes nothing; leave it out',
    });
  });
});

test('every value of a config has its origin', () => {
  const { values, cells } = configOrigins(
    inputOf('preset: [small]\ncritic.shapesModel: false\nmodel:\n  latent: 7\nbeta: {to: 0.1}\n', {
      overrides: ['method=baseline', 'actor.entropy=0'],
      flags: { steps: '5000' },
      presets: ['long'],
      defaultEngine: 'cpu',
    }),
  );
  assert.equal(cells, null);
  const found = new Map(values.map(({ key, value, by, place }) => [key, [value, by, place]]));
  const expected: [string, unknown, string, string | null][] = [
    ['method', 'vae-lstm', 'arm', '--set method=baseline'],
    ['name', 'baseline', 'default', null],
    ['steps', 5000, 'command', '--steps'],
    ['engine', 'cpu', 'command', 'WM_ENGINE'],
    ['beta.from', 1, 'preset', 'presets/small.yaml:3:14'],
    ['beta.to', 0.1, 'file', 'c.yaml:6:12'],
    ['beta.over', 10, 'preset', 'presets/small.yaml:3:32'],
    ['lambda', 2, 'preset', 'presets/long.yaml:3:9'],
    ['horizon', 3, 'preset', 'presets/small.yaml:1:10'],
    ['model.latent', 16, 'preset', 'presets/long.yaml:2:15'],
    ['model.hidden', [8, 8], 'preset', 'presets/small.yaml:2:28'],
    ['model.lstm', 128, 'default', null],
    ['critic.shapesModel', false, 'file', 'c.yaml:3:21'],
    ['critic.bootstrapsActor', false, 'arm', '--set method=baseline'],
    ['actor.entropy', 0, 'command', '--set actor.entropy=0'],
  ];
  for (const [key, ...rest] of expected) assert.deepEqual(found.get(key), rest, key);
  const sweep = configOrigins(inputOf('lambda: 3\nsweep:\n  - {lambda: 1, horizon: 2}\n  - lambda: 4\n'));
  assert.deepEqual(sweep.cells, [
    {
      name: 'lambda=1,horizon=2',
      values: [
        { key: 'lambda', value: 1, by: 'file', place: 'c.yaml:4:14' },
        { key: 'horizon', value: 2, by: 'file', place: 'c.yaml:4:26' },
      ],
    },
    { name: 'lambda=4', values: [{ key: 'lambda', value: 4, by: 'file', place: 'c.yaml:5:13' }] },
  ]);
  assert.equal(sweep.values.find(({ key }) => key === 'lambda')!.value, 3);
});

const repository = fileURLToPath(new URL('../', import.meta.url));
const shipped = (config: string, rest: Partial<ConfigOptions> = {}) =>
  readConfig({ config: path.join(repository, 'configs', config), set: [], ...rest });

test('the shipped presets are what they say', () => {
  assert.deepEqual(shippedPresets(), ['paper', 'size1m', 'trial']);
  // The published runs hold what the configs resolved to before there were presets.
  for (const [config, run] of [
    ...['dream.yaml dream-critic', 'baseline.yaml baseline'],
    ...['bootstrap-only', 'shape-only', 'literal'].map((arm) => `ablations/${arm}.yaml ${arm}`),
  ].map((pair) => pair.split(' '))) {
    const file = path.join(repository, 'runs/table1', run!, 'config.yaml');
    const published = loadExperiment({ file, text: readFileSync(file, 'utf8') });
    assert.deepEqual(differingKeys(shipped(config!), published), ['seeds', 'engine'], run);
  }
  for (const config of ['dream.yaml', 'baseline.yaml']) {
    const same = shipped(config, { preset: ['paper'] });
    assert.deepEqual(same, shipped(config), `${config} is the paper's, written out for readers`);
  }
  const trial = methodNames.map((method) => loadTrial(method));
  assert.deepEqual(
    trial.map(({ seeds, evaluation }) => [seeds, evaluation.episodes]),
    methodNames.map(() => [[0], 10]),
  );
  // dreamerv3's configs.yaml: its defaults with size1m laid over them.
  for (const version of ['v1', 'v2', 'v3']) {
    const { model, critic, actor } = experimentOf(
      shipped(`dreamer/${version}.yaml`, { preset: ['size1m'] }),
      'dreamer',
    );
    const { deter, hidden, stoch, classes, blocks, units, encoderLayers, decoderLayers } = model;
    assert.deepEqual(
      { deter, hidden, stoch, classes, blocks, units, encoderLayers, decoderLayers },
      {
        ...{ deter: 512, hidden: 64, stoch: 32, classes: 4, blocks: 8 },
        ...{ units: 64, encoderLayers: 3, decoderLayers: 3 },
      },
    );
    assert.deepEqual([critic.layers, actor.layers], [3, 3]);
  }
});

const loadTrial = (method: MethodName) =>
  loadExperiment({
    ...configInput({ config: 'quick', set: [] }),
    text: `${leastConfig(method)}preset: [trial]\n`,
  });

test('a preset beside the config comes first; a run goes on as it began, whatever becomes of its presets', async () => {
  const dir = mkdtempSync(path.join(temporaryFolder('presets'), 'place-'));
  const file = (name: string) => path.join(dir, name);
  mkdirSync(file('presets'));
  writeFileSync(file('presets/trial.yaml'), 'horizon: 2\nseeds: [4]\n');
  writeFileSync(file('presets/tiny.yaml'), 'model: {latent: 2, hidden: [4], lstm: 3}\n');
  writeFileSync(file('c.yaml'), 'method: vae-lstm\npreset: [trial]\nsteps: 3000\nengine: cpu\n');
  const [shown, sweep, unknown] = await runInTurn([
    { cwd: dir, args: ['config', 'show', 'c.yaml', '--preset', 'tiny'] },
    { cwd: dir, args: ['config', 'show', 'lambda', '--json'] },
    { cwd: dir, args: ['train', '--config', 'c.yaml', '--preset', 'papr'] },
  ]);
  assert.match(shown!.stdout, /^horizon +2 +presets\/trial\.yaml:1:10$/m);
  assert.match(shown!.stdout, /^model\.hidden +\[4\] +presets\/tiny\.yaml:1:28$/m);
  assert.match(shown!.stdout, /^engine +cpu +c\.yaml:4:9$/m);
  assert.match(shown!.stdout, /^replay\.length +8 +default$/m);
  assert.equal(JSON.parse(sweep!.stdout).cells.length, 6);
  assert.equal(unknown!.code, 2);
  assert.equal(
    unknown!.stderr,
    'wm: --preset: expected paper, size1m, tiny or trial, got "papr", did you mean paper?\n',
  );

  const read = (config: string) =>
    readConfig({ config, set: [], preset: config.endsWith('c.yaml') ? ['tiny'] : [] });
  const run = read(file('c.yaml'));
  writeFileSync(file('config.yaml'), formatExperiment(run));
  writeFileSync(file('presets/tiny.yaml'), 'model: {latent: 3, hidden: [4], lstm: 3}\n');
  assert.deepEqual(read(file('config.yaml')), run);
  assert.throws(() => extensionOf('runs/x', 'run', run, read(file('c.yaml'))), {
    message: 'runs/x holds a run of another config (model.latent differs); choose another --name or --runs',
  });
});

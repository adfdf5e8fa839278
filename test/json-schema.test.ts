import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { readConfig } from '../src/cli/config-file.ts';
import { shippedConfigs } from '../src/cli/shipped-configs.ts';
import { leafKeys, schemaRoot } from '../src/config/describe.ts';
import { formatExperiment } from '../src/config/format.ts';
import { configJsonSchema, sweepJsonSchema } from '../src/config/json-schema.ts';
import { loadExperiment } from '../src/config/load.ts';
import { methodNames } from '../src/config/schema.ts';
import { loadSweep } from '../src/config/sweep.ts';
import { UserError } from '../src/errors.ts';
import { methods } from '../src/methods/index.ts';
import { type JsonSchema, violationsOf } from './support/json-schema.ts';
import { leastConfig } from './support/least-config.ts';
import { runInTurn } from './support/program.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const schemas: Record<'config' | 'sweep', JsonSchema> = {
  config: configJsonSchema() as JsonSchema,
  sweep: sweepJsonSchema() as JsonSchema,
};

/** Messages as `lambda minimum`, of a config in YAML. */
const messages = (kind: 'config' | 'sweep', text: string) =>
  violationsOf(schemas[kind], parse(text)).map(({ path, keyword }) => `${path} ${keyword}`);

test('every shipped config is valid and names the schema that the build has written', () => {
  for (const file of shippedConfigs()) {
    const kind = /^(sweeps|bench)\//.test(file) ? 'sweep' : 'config';
    const text = readFileSync(path.join(root, 'configs', file), 'utf8');
    assert.deepEqual(messages(kind, text), [], file);
    const named = [...text.matchAll(/^# yaml-language-server: \$schema=(.*)$/gm)].map((match) => match[1]!);
    assert.equal(named.length, 1, file);
    const written = path.join(root, 'configs', path.dirname(file), named[0]!);
    assert.equal(written, path.join(root, `dist/schema/${kind}.json`), file);
    assert.ok(existsSync(written), file);
  }
});

test('wm schema prints what the build has written, and so does --help-config --json', async () => {
  const [config, sweep, help] = await runInTurn([
    { cwd: root, args: ['schema'] },
    { cwd: root, args: ['schema', '--sweep'] },
    { cwd: root, args: ['train', '--help-config', '--json'] },
  ]);
  const written = (name: string) =>
    JSON.parse(readFileSync(path.join(root, `dist/schema/${name}.json`), 'utf8'));
  assert.deepEqual(JSON.parse(config!.stdout), written('config'));
  assert.deepEqual(JSON.parse(sweep!.stdout), written('sweep'));
  assert.equal(help!.stdout, config!.stdout);
  assert.deepEqual(written('config'), JSON.parse(JSON.stringify(schemas.config)));
  assert.deepEqual(written('sweep'), JSON.parse(JSON.stringify(schemas.sweep)));
});

test("--help-config tells the keys of one method, by its name or an arm's, and refuses another", async () => {
  const help = (...args: string[]) => ({ cwd: root, args: ['train', '--help-config', ...args] });
  const [all, vaeLstm, arm, dqn, mistyped, json] = await runInTurn([
    help(),
    help('vae-lstm'),
    help('dream-critic'),
    help('dqn'),
    help('dqm'),
    help('dqn', '--json'),
  ]);
  const methodsOf = ({ stdout }: { stdout: string }) =>
    [...stdout.matchAll(/^Config keys of method (.*):$/gm)].map((match) => match[1]);
  assert.deepEqual(methodsOf(all!), methodNames);
  assert.deepEqual(methodsOf(vaeLstm!), ['vae-lstm']);
  assert.equal(arm!.stdout, vaeLstm!.stdout);
  assert.deepEqual(methodsOf(dqn!), ['dqn']);
  assert.doesNotMatch(dqn!.stdout, /^ {2}lambda /m);
  assert.match(
    mistyped!.stderr,
    /^wm: --help-config dqm: expected vae-lstm, .* or dreamer4, did you mean dqn\?\n$/,
  );
  assert.match(
    json!.stderr,
    /^wm: --help-config dqn: --json prints the schema of all methods; leave dqn out\n$/,
  );
  assert.deepEqual([mistyped!.code, json!.code], [2, 2]);
});

test('what wm writes out is valid, and each key of it dotted and swept too', () => {
  for (const method of methodNames) {
    for (const name of [method, ...Object.keys(methods[method].arms)]) {
      const text = `${leastConfig(method).replace(method, name)}stopWhen: {reward: 3}\n`;
      const whole = formatExperiment(loadExperiment({ file: 'c.yaml', text }));
      assert.deepEqual(messages('config', whole), [], name);
    }
    for (const { path: keys, node } of leafKeys(schemaRoot(method))) {
      const key = keys.join('.');
      if (node.default === undefined || key === 'method') continue;
      const value = node.default;
      assert.deepEqual(violationsOf(schemas.config, { method, [key]: value }), [], key);
      assert.deepEqual(violationsOf(schemas.sweep, { method, sweep: { [key]: [value] } }), [], key);
      assert.deepEqual(violationsOf(schemas.sweep, { method, sweep: [{ [key]: value }] }), [], key);
    }
  }
});

test('a wrong value of any key is one message, at its place', () => {
  for (const method of methodNames) {
    for (const { path: keys } of leafKeys(schemaRoot(method))) {
      const key = keys.join('.');
      if (key === 'method') continue;
      // No key takes a list of lists.
      const nested = keys.reduceRight<unknown>((value, name) => ({ [name]: value }), [[]]);
      const once = (kind: 'config' | 'sweep', value: unknown, at: string) => {
        const found = violationsOf(schemas[kind], value).filter(({ path }) => path.startsWith(at));
        assert.equal(found.length, 1, `${key}: ${JSON.stringify(found)}`);
        assert.equal(violationsOf(schemas[kind], value).length, 1, key);
      };
      once('config', { method, ...(nested as object) }, keys.join('/'));
      if (keys.length > 1) once('config', { method, [key]: [[]] }, key);
      if (key === 'name') continue;
      once('sweep', { method, sweep: { [key]: [[[]]] } }, `sweep/${key}/0`);
      once('sweep', { method, sweep: [{ [key]: [[]] }] }, `sweep/0/${key}`);
    }
  }
});

test('other mistakes are one message each, and the program refuses them too', () => {
  const cases: ['config' | 'sweep', string, string[]][] = [
    ['config', 'steps: 3000', [' required']],
    ['config', 'method: dreem', ['method enum']],
    ['config', 'method: vae-lstm\nhorizon: -3', ['horizon minimum']],
    ['config', 'method: vae-lstm\nbeta: high', ['beta type']],
    ['config', 'method: vae-lstm\nbeta: {from: 1, to: x, over: 3}', ['beta/to type']],
    ['config', 'method: dreamer\nactor: {reinforce: often}', ['actor/reinforce enum']],
    ['config', 'method: dreamer\nactor: {reinforce: 2}', ['actor/reinforce maximum']],
    ['config', 'method: planet\nplanner: {name: mcts}', ['planner/name enum']],
    ['config', 'method: planet\nplanner: {name: cem, floor: 0.1}', ['planner/floor not']],
    [
      'config',
      'method: planet\nplanner: {name: mppi, policyTrajectories: -1}',
      ['planner/policyTrajectories minimum'],
    ],
    ['config', 'method: planet\nplanner: {name: mppi, terminalValue: maybe}', ['planner/terminalValue enum']],
    ['config', 'method: ppo\nlamda: 3\nsteps: x', ['steps type', 'lamda not']],
    ['config', 'method: baseline\ncritic.shapeModel: true', ['critic.shapeModel not']],
    ['config', 'method: ppo\nseeds: [1, 1]', ['seeds uniqueItems']],
    ['config', 'method: ppo\nname: ../x', ['name pattern']],
    ['config', 'method: ppo\npixels: {size: 60}', ['pixels/size multipleOf']],
    ['config', 'method: ppo\npreset: trial', ['preset type']],
    ['config', 'method: ppo\npreset: []', ['preset minItems']],
    ['config', 'method: vae-lstm\nsweep: {lambda: [1]}', ['sweep not']],
    ['sweep', 'method: vae-lstm', [' required']],
    ['sweep', 'method: vae-lstm\nsweep: 3', ['sweep type']],
    ['sweep', 'method: vae-lstm\nsweep: {}', ['sweep minProperties']],
    ['sweep', 'name: several\nsweep: {config: [dream.yaml], lambda: [1, 2]}', []],
    ['sweep', 'name: several\nsweep: [{config: dream.yaml, lambda: 1}]', []],
    ['sweep', 'name: several\nsweep: {config: dream.yaml}', ['sweep/config type']],
    ['sweep', 'name: several\nsweep: [{config: 3}]', ['sweep/0/config type']],
    ['sweep', 'name: several\nsweep: [{config: dream.yaml}, {lambda: 1}]', [' required']],
    ['sweep', 'method: vae-lstm\nsweep: []', ['sweep minItems']],
    ['sweep', 'method: vae-lstm\nsweep: [{}]', ['sweep/0 minProperties']],
    ['sweep', 'method: vae-lstm\nsweep: {lambda: 1}', ['sweep/lambda type']],
    ['sweep', 'method: vae-lstm\nsweep: {lambda: [1, -1]}', ['sweep/lambda/1 minimum']],
    ['sweep', 'method: vae-lstm\nsweep: {beta.too: [1]}', ['sweep/beta.too not']],
    ['sweep', 'method: vae-lstm\nsweep: {name: [a]}', ['sweep/name not']],
    ['sweep', 'method: vae-lstm\nsweep: {method: [ppo]}', ['sweep/method not']],
    ['sweep', 'method: vae-lstm\nsweep: {preset: [[a]]}', ['sweep/preset not']],
    ['sweep', 'method: vae-lstm\nsweep: [{beta.to: x}]', ['sweep/0/beta.to type']],
  ];
  for (const [kind, text, expected] of cases) {
    assert.deepEqual(messages(kind, text), expected, text);
    const load = kind === 'sweep' ? loadSweep : loadExperiment;
    assert.throws(() => load({ file: 'c.yaml', text }), UserError, text);
  }
});

test('what only a preset makes whole is valid', () => {
  const texts = [
    // A preset may say which planner has the key.
    'method: planet\nplanner: {floor: 0.1}\n',
    'preset: [paper]\nmethod: vae-lstm\nbeta: {to: 0.5}\n',
    'preset: [paper]\n',
  ];
  for (const text of texts) assert.deepEqual(messages('config', text), []);
  assert.doesNotThrow(() =>
    readConfig({ config: path.join(root, 'configs/ablations/literal.yaml'), set: [] }),
  );
});

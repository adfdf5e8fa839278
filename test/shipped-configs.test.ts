import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type ConfigOptions, configInput, refuseWords } from '../src/cli/config-file.ts';
import { blamingVariable, engineOfVariable, requestedEngine } from '../src/cli/requested-engine.ts';
import {
  findShippedConfig,
  nearestShippedConfig,
  shippedConfigs,
  shippedPresets,
} from '../src/cli/shipped-configs.ts';
import { methodNames } from '../src/config/schema.ts';
import { EngineError } from '../src/engine/engine-error.ts';
import { environmentNames } from '../src/envs/index.ts';
import { run } from './support/program.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const configs = fileURLToPath(new URL('../configs', import.meta.url));
const elsewhere = mkdtempSync(path.join(temporaryFolder('shipped-configs'), 'place-'));
const former = process.cwd();
const named = (config: string, rest: Partial<ConfigOptions> = {}) =>
  configInput({ config, set: [], ...rest });

describe('a config by its name, from any folder', () => {
  before(() => process.chdir(elsewhere));
  after(() => process.chdir(former));

  test('is looked up among the shipped ones, in sub-folders and without .yaml too', () => {
    const dream = path.join(configs, 'dream.yaml');
    const lambda = path.join(configs, 'sweeps', 'lambda.yaml');
    const cases: [string, string][] = [
      ['dream.yaml', dream],
      ['dream', dream],
      ['configs/dream.yaml', dream],
      ['lambda.yaml', lambda],
      ['sweeps/lambda', lambda],
    ];
    for (const [name, file] of cases) {
      const { file: found, text, shipped } = named(name);
      assert.equal(found, file);
      assert.equal(text, readFileSync(file, 'utf8'));
      assert.equal(shipped, true);
    }
  });

  test('is said from where the user stands, as short as can be', () => {
    process.chdir(path.dirname(configs));
    assert.equal(named('lambda').file, path.join('configs', 'sweeps', 'lambda.yaml'));
    process.chdir(elsewhere);
  });

  test("a file of the user's own comes first, a folder of that name does not", () => {
    writeFileSync('ppo.yaml', 'method: ppo\n');
    mkdirSync('baseline');
    assert.deepEqual(
      [named('ppo.yaml').text, named('ppo.yaml').shipped, named('ppo').shipped],
      ['method: ppo\n', false, true],
    );
    assert.equal(named('baseline').file, path.join(configs, 'baseline.yaml'));
  });

  test('an unknown, an ambiguous and a wrong path are one sentence', () => {
    const refused = (name: string, message: string) =>
      assert.throws(() => named(name), { name: 'UserError', message });
    refused(
      'dreem.yaml',
      'dreem.yaml: no such file; did you mean dream.yaml, one of those that wm configs lists?',
    );
    refused(
      'dream-critic',
      'dream-critic: no such file; did you mean dream.yaml, one of those that wm configs lists?',
    );
    refused('mine', 'mine: no such file; give a YAML file or a name that wm configs lists');
    refused(
      './dream.yaml',
      './dream.yaml: no such file; did you mean dream.yaml, one of those that wm configs lists?',
    );
    refused('.', '.: is a folder, not a file; give a YAML file or a name that wm configs lists');
    const several = ['dyna/a.yaml', 'sweeps/a.yaml', 'sweeps/aa.yaml'];
    assert.throws(() => findShippedConfig('a', several), {
      name: 'UserError',
      message:
        'a: no such file, and wm has several configs of that name: give one of configs/dyna/a.yaml and configs/sweeps/a.yaml',
    });
    // One that is listed by just this name is meant, whatever others end in it.
    assert.match(findShippedConfig('a.yaml', [...several, 'a.yaml'])!, /configs\/a\.yaml$/);
    for (const listed of shippedConfigs())
      assert.ok(findShippedConfig(listed)?.endsWith(`configs/${listed}`), listed);
    assert.equal(nearestShippedConfig('elsewhere/lamda.yaml'), 'lambda.yaml');
  });

  test('the opening line says which file it was, and which seeds run', async () => {
    const tiny = ['randomSteps=20', 'imaginationStarts=2', 'model.latent=2', 'model.lstm=4', 'horizon=2'];
    const { code, stderr } = await run(
      elsewhere,
      ...['train', '--config', 'quick', '--seeds', '0..1,7', '--steps', '30', '--engine', 'wasm'],
      ...[...tiny, 'evaluation.episodes=1'].flatMap((setting) => ['--set', setting]),
    );
    assert.equal(code, 0, stderr);
    const opening = stderr.split('\n')[0]!;
    const config = path.join(configs, 'quick.yaml');
    assert.ok(
      opening.startsWith(`training runs/quick (seeds 0, 1 and 7; config ${config}) on wasm `),
      opening,
    );
  });

  test('wm configs lists each with its first line and the command that takes it', async () => {
    const { stdout } = await run(elsewhere, 'configs', '--json');
    const listed: { name: string; file: string; command: string; about: string }[] = JSON.parse(stdout);
    assert.deepEqual(
      listed.map(({ name }) => name),
      [...shippedConfigs(), ...shippedPresets()],
    );
    for (const { name, file, command, about } of listed) {
      const preset = command === 'preset';
      assert.equal(file, path.join(configs, preset ? `presets/${name}.yaml` : name));
      if (!preset) assert.equal(command, /^(sweeps|bench)\//.test(name) ? 'sweep' : 'train');
      assert.equal(readFileSync(file, 'utf8').split('\n')[0], `# ${about}`);
      assert.match(about, /^[A-Z].*\.$/, 'the first line of a config is a sentence');
    }
  });
});

test('wm environments and wm methods list every one', async () => {
  const list = async (what: string, ...rest: string[]) => (await run(elsewhere, what, ...rest)).stdout;
  const environments = JSON.parse(await list('environments', '--json'));
  assert.deepEqual(
    environments.map(({ name }: { name: string }) => name),
    environmentNames,
  );
  // Of Gymnasium's documentation of CartPole-v1.
  assert.deepEqual(environments[0], {
    name: 'CartPole-v1',
    observations: [4],
    observationNames: ['x', 'x_dot', 'theta', 'theta_dot'],
    rewardRange: [1, 1],
    threshold: { reward: 475, source: "Gymnasium 1.3.0's reward_threshold" },
    actions: { kind: 'discrete', n: 2 },
  });
  assert.match(await list('environments'), /^CartPole-v1 +4 +2 choices +1 +475 \(Gymnasium/m);
  const listed = JSON.parse(await list('methods', '--json'));
  assert.deepEqual(
    listed.map(({ name }: { name: string }) => name),
    methodNames,
  );
  assert.ok(listed[0].arms.includes('baseline') && listed[0].keys.includes('lambda'));
});

test('a word that stands by itself is refused with the option that it lacks', () => {
  refuseWords([]);
  const refused = (word: string, message: string) =>
    assert.throws(() => refuseWords([word]), { name: 'UserError', message });
  refused('lambda=0.2', 'lambda=0.2 stands by itself; did you mean --set lambda=0.2?');
  refused('dream.yaml', 'dream.yaml stands by itself; did you mean --config dream.yaml?');
});

test('WM_ENGINE is named where it chose the engine', async () => {
  const before = process.env.WM_ENGINE;
  process.env.WM_ENGINE = 'gpu';
  try {
    assert.throws(() => requestedEngine(undefined), /^UserError: WM_ENGINE: expected auto, .* got "gpu"$/);
    assert.throws(() => requestedEngine('cuda'), /^UserError: --engine: expected auto, .* got "cuda"$/);
  } finally {
    if (before === undefined) delete process.env.WM_ENGINE;
    else process.env.WM_ENGINE = before;
  }
  const input = { file: 'c.yaml', text: 'method: ppo\n', defaultEngine: 'tensorflow' };
  assert.equal(engineOfVariable(input), 'tensorflow');
  assert.equal(engineOfVariable({ ...input, text: 'method: ppo\nengine: cpu\n' }), undefined);
  const missing = () => Promise.reject(new EngineError('tensorflow', 'it is not installed'));
  await assert.rejects(blamingVariable('tensorflow', missing), {
    message: 'WM_ENGINE: engine tensorflow: it is not installed',
  });
  await assert.rejects(blamingVariable(undefined, missing), {
    message: 'engine tensorflow: it is not installed',
  });
});

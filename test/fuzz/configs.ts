import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { readConfig } from '../../src/cli/config-file.ts';
import { shippedConfigs } from '../../src/cli/shipped-configs.ts';
import { formatExperiment } from '../../src/config/format.ts';
import { loadExperiment } from '../../src/config/load.ts';
import type { PresetShelf } from '../../src/config/presets.ts';
import type { Experiment } from '../../src/config/schema.ts';
import { loadSweep } from '../../src/config/sweep.ts';
import { mutationsOf, tokenSoup } from './mutations.ts';
import { type Check, prepare, type Target } from './target.ts';

/** Configs as files and as the command line gives them. */

const repository = fileURLToPath(new URL('../../', import.meta.url));
export const configs = [
  'configs/quick.yaml',
  'configs/dream.yaml',
  'configs/ablations/literal.yaml',
  'runs/first/baseline/config.yaml',
].map((file) => readFileSync(path.join(repository, file)));
/** The ways of writing that no published config shows. */
const shortForms = [
  'method: baseline\ncritic.shapesModel: true\nseeds: [0, 1]\nstopWhen: {reward: 475, evaluations: 2}\n',
  'method: dream-critic\nreplay.length: 8\nreplay: {batch: 4}\ndistractors: 8\nstopWhen.reward: 475\n',
  'method: vae-lstm\npreset: [paper, trial]\nbeta: {to: 0.5}\nevaluation.every: 500\n',
  'method: ppo\nenvironment: Pendulum-v1\nevaluation.every: 500\nevaluation.episodes: 2\ndistractors: 1000\n',
].map((text) => Buffer.from(text));

export const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');

const keys = fc.oneof(
  fc.constantFrom(
    'method',
    'model',
    'critic',
    'seeds',
    'steps',
    'name',
    'beta',
    'from',
    'to',
    'hidden',
    'lstm',
    'stopWhen',
    'distractors',
    'preset',
    'critic.shapesModel',
    'beta.to',
  ),
  fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', '', '<<', '~', 'a.b'),
  fc.string({ unit: 'binary' }),
);
export const { value: anyValue } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(0, -1, Number.POSITIVE_INFINITY, 5, 2 ** 31, true, null, '', 'CON', '../../x'),
    fc.double(),
    fc.string({ unit: 'binary' }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(keys, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
}));
/** JSON is YAML as well. Duplicate keys, which no JavaScript value has, come from the mutations. */
export const jsonText = anyValue.map((value) =>
  Buffer.from(JSON.stringify({ method: 'vae-lstm', ...Object(value) })),
);
export const assignment = fc.oneof(
  fc.constantFrom(
    'lambda=0.5',
    'model.latent=3',
    'beta={from: 1, to: 0, over: 9}',
    'seeds=[3, 4]',
    'name=x',
    'model={}',
    'method=baseline',
    'distractors=8',
    'stopWhen={reward: 475, evaluations: 2}',
    'stopWhen.reward=475',
  ),
  fc
    .tuple(fc.array(keys, { maxLength: 4 }), anyValue)
    .map(([key, value]) => `${key.join('.')}=${JSON.stringify(value)}`),
  fc
    .tuple(fc.array(keys, { maxLength: 3 }), tokenSoup)
    .map(([key, value]) => `${key.join('.')}=${text(value)}`),
  tokenSoup.map(text),
);

/** Presets as they lie beside a config. */
const presetShelf: PresetShelf = {
  names: () => ['paper', 'trial'],
  read: (name) => {
    const file = `configs/presets/${name}.yaml`;
    return { file, text: readFileSync(path.join(repository, file), 'utf8') };
  },
};

const flag = (valid: string) => fc.oneof(fc.constant(valid), tokenSoup.map(text));

function checkConfig(
  config: string,
  overrides: string[],
  flags: Record<string, string | undefined>,
): Experiment {
  const experiment = loadExperiment({ file: 'c.yaml', text: config, overrides, flags, presetShelf });
  assert.equal(
    path.dirname(path.resolve('runs', experiment.name)),
    path.resolve('runs'),
    'a name is one folder',
  );
  assert.doesNotMatch(experiment.name, /[\p{C}. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/iu);
  assert.ok(experiment.seeds.length <= 10_000, 'the seeds are bounded');
  const again = loadExperiment({ file: 'again.yaml', text: formatExperiment(experiment) });
  assert.deepEqual(again, experiment, 'a config that was accepted is read back the same');
  return experiment;
}

/** Every key whose value is a number, dotted, with its default. */
const numbers = numbersIn(loadExperiment({ file: 'c.yaml', text: 'method: vae-lstm' }));

function numbersIn(group: object, before = ''): [key: string, value: number][] {
  return Object.entries(group).flatMap(([key, value]): [string, number][] => {
    if (typeof value === 'number') return [[`${before}${key}`, value]];
    const isGroup = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isGroup ? numbersIn(value, `${before}${key}.`) : [];
  });
}

/** Sweeps of so many keys at once that the names of their cells grow too long for a folder. */
const manyKeys = fc
  .tuple(
    fc.subarray(numbers, { minLength: 1 }),
    fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 3 }),
    fc.boolean(),
  )
  .map(([[varied, ...same], additions, isList]) => {
    const [key, value] = varied!;
    const values = additions.map((addition) => value + addition);
    if (isList) return values.map((value) => Object.fromEntries([[key, value], ...same]));
    return Object.fromEntries([[key, values], ...same.map(([key, value]) => [key, [value]])]);
  });

const sweeps: Target<Uint8Array> = {
  name: 'sweeps',
  share: 0.03,
  inputs: fc.oneof(
    mutationsOf([
      Buffer.from(
        'method: vae-lstm\nsweep: {lambda: [0, 0.5, 1], beta.to: [0.1, 1], model.hidden: [[8], [16, 16]]}\n',
      ),
      Buffer.from(
        'method: vae-lstm\nname: arms\nsweep:\n  - {critic.shapesModel: false}\n  - {lambda: 2, horizon: 5}\n',
      ),
    ]),
    anyValue.map((sweep) => Buffer.from(JSON.stringify({ method: 'vae-lstm', sweep }))),
    manyKeys.map((sweep) => Buffer.from(JSON.stringify({ method: 'vae-lstm', sweep }))),
  ),
  run: (bytes) => {
    const { name, cells, text: resolved } = loadSweep({ file: 's.yaml', text: text(bytes) });
    for (const { experiment } of cells) {
      const folder = path.resolve('runs', name, experiment.name);
      assert.equal(
        path.dirname(path.dirname(folder)),
        path.resolve('runs'),
        'a cell is one folder in the sweep',
      );
    }
    assert.equal(
      new Set(cells.map(({ experiment }) => experiment.name)).size,
      cells.length,
      'no two share one',
    );
    assert.deepEqual(loadSweep({ file: 'again.yaml', text: resolved }).cells, cells);
  },
};

const configFiles: Target<Uint8Array> = {
  name: 'config files',
  share: 0.25,
  inputs: fc.oneof(
    { weight: 6, arbitrary: mutationsOf(configs) },
    {
      weight: 2,
      arbitrary: tokenSoup.map((soup) => Buffer.concat([Buffer.from('method: vae-lstm\n'), soup])),
    },
    { weight: 2, arbitrary: jsonText },
  ),
  run: (bytes) => {
    // As the command line decodes it.
    let config: string;
    try {
      config = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch {
      return;
    }
    checkConfig(config, [], {});
  },
};

const settings: Target<{ overrides: string[]; flags: Record<string, string | undefined> }> = {
  name: '--set and flags',
  share: 0.13,
  inputs: fc.record({
    overrides: fc.array(assignment, { maxLength: 3 }),
    flags: fc.record(
      {
        seeds: flag('0,1,2'),
        steps: flag('2000'),
        name: flag('x'),
        engine: flag('cpu'),
      },
      { requiredKeys: [] },
    ),
  }),
  run: ({ overrides, flags }) => {
    checkConfig(text(configs[0]!), overrides, flags);
  },
};

/** A file of dotted keys, some of them again in a group. */
const dottedKeys = fc
  .tuple(
    fc.constantFrom(
      'vae-lstm',
      'dream-critic',
      'baseline',
      'literal',
      'ppo',
      'ppo-lstm',
      'Baseline',
      'dream critic',
    ),
    fc.array(
      fc.tuple(
        fc.oneof(
          fc.constantFrom(
            'beta.to',
            'beta',
            'critic.shapesModel',
            'critic',
            'stopWhen',
            'stopWhen.reward',
            'distractors',
          ),
          fc.array(keys, { minLength: 1, maxLength: 12 }).map((parts) => parts.join('.')),
        ),
        fc.oneof(
          fc.constantFrom<unknown>(0, 1, 8, 0.5, true, null, { reward: 475 }, { shapesModel: false }),
          anyValue,
        ),
      ),
      { maxLength: 5 },
    ),
  )
  .map(([method, entries]) =>
    Buffer.from(
      [
        `method: ${method}`,
        ...entries.map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`),
      ].join('\n'),
    ),
  );

const shortConfigs: Target<Uint8Array> = {
  name: 'arms and dotted keys',
  share: 0.1,
  inputs: fc.oneof(mutationsOf(shortForms), dottedKeys),
  run: (bytes) => {
    checkConfig(text(bytes), [], {});
  },
};

const bound = fc.oneof(
  fc.nat(12).map(String),
  fc.integer({ min: 0, max: 2 ** 32 }).map(String),
  fc.constantFrom('', '-1', '007', '1e3', '9999999999', '99999999999', '0x3', '\u0663', '1.5'),
);
const seedItem = fc.oneof(
  bound,
  fc
    .tuple(bound, fc.constantFrom('-', '..', ' - ', ' .. ', '...', '\u2013', ':'), bound)
    .map((parts) => parts.join('')),
);
const plainItem = fc.oneof(
  fc.nat(40).map((seed) => ({ text: `${seed}`, seeds: [seed] })),
  fc
    .record({ from: fc.nat(40), more: fc.nat(20), sign: fc.constantFrom('-', '..', ' - ') })
    .map(({ from, more, sign }) => ({
      text: `${from}${sign}${from + more}`,
      seeds: Array.from({ length: more + 1 }, (_, i) => from + i),
    })),
);
/** A list of seeds, with what it means where that is sure. */
const seedLists = fc.oneof(
  fc.array(plainItem, { minLength: 1, maxLength: 3 }).map((items) => ({
    list: items.map(({ text }) => text).join(','),
    means: items.flatMap(({ seeds }) => seeds),
  })),
  fc
    .tuple(
      fc.array(fc.oneof({ weight: 5, arbitrary: seedItem }, tokenSoup.map(text)), { maxLength: 5 }),
      fc.constantFrom(',', ', ', ',,', ';', ' '),
    )
    .map(([items, comma]) => ({ list: items.join(comma), means: null })),
);

const seedRanges: Target<{ list: string; means: number[] | null }> = {
  name: 'lists of --seeds',
  share: 0.1,
  inputs: seedLists,
  run: ({ list, means }) => {
    const load = () => checkConfig('method: ppo', [], { seeds: list });
    if (means === null || new Set(means).size < means.length) load();
    else assert.deepEqual(load().seeds, means);
  },
};

const shippedNames = shippedConfigs().flatMap((file) => [
  file,
  `configs/${file}`,
  path.basename(file, '.yaml'),
]);
const configNames: Target<string> = {
  name: 'names of configs',
  share: 0.05,
  inputs: fc
    .oneof(
      fc.constantFrom(...shippedNames),
      mutationsOf(shippedNames.map((name) => Buffer.from(name))).map(text),
      tokenSoup.map(text),
    )
    // No argument holds one.
    .map((name) => name.replaceAll('\0', '')),
  run: (name) => {
    readConfig({ config: name, set: [] });
  },
};

export const configChecks: readonly Check[] = [
  prepare(configFiles),
  prepare(shortConfigs),
  prepare(sweeps),
  prepare(settings),
  prepare(seedRanges),
  prepare(configNames),
];

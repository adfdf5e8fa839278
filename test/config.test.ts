import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { readConfig } from '../src/cli/config-file.ts';
import { describeConfig, leafKeys, nodeAt, schemaRoot } from '../src/config/describe.ts';
import { differingKeys, formatExperiment } from '../src/config/format.ts';
import { type ConfigInput, loadExperiment } from '../src/config/load.ts';
import { experimentOf, methodNames } from '../src/config/schema.ts';
import { loadSweep } from '../src/config/sweep.ts';
import { environmentEntry, environmentNames } from '../src/envs/index.ts';
import { UserError } from '../src/errors.ts';
import { methods } from '../src/methods/index.ts';
import { refusal } from '../src/methods/takes.ts';
import { alternatives, seedWords } from '../src/words.ts';

const method = 'method: vae-lstm\n';

function load(text: string, rest: Partial<ConfigInput> = {}) {
  return experimentOf(loadExperiment({ file: 'c.yaml', text, ...rest }), 'vae-lstm');
}

/** The message of the UserError that the input ends with. */
function complaint(text: string, rest: Partial<ConfigInput> = {}): string {
  try {
    load(text, rest);
  } catch (error) {
    assert.ok(error instanceof UserError, `not a UserError: ${error}`);
    assert.equal(error.exitCode, 2);
    assert.doesNotMatch(error.message, /\n/);
    return error.message;
  }
  return assert.fail(`accepted: ${JSON.stringify({ text, ...rest })}`);
}

const seedsList = 'a list of 1 to 10000 items, each an integer from 0 to 2147483647';
const folder = 'a folder name (up to 200 letters, digits and "._-=,", no "." first or last)';

/** Text below `method: vae-lstm`, which is line 1, and the message it ends with. */
const badFiles: [string, string][] = [
  // wrong types and values out of range: the place is the value's
  ['lambda:   "high"', 'c.yaml:2:11: lambda: expected a number >= 0, got "high"'],
  ['lambda: -0.1', 'c.yaml:2:9: lambda: expected a number >= 0, got -0.1'],
  ['lambda:', 'c.yaml:2:8: lambda: expected a number >= 0, got nothing'],
  ['gamma: 1', 'c.yaml:2:8: gamma: expected a number >= 0 and < 1, got 1'],
  ['gamma: .nan', 'c.yaml:2:8: gamma: expected a number >= 0 and < 1, got NaN'],
  ['learningRate: .inf', 'c.yaml:2:15: learningRate: expected a number > 0, got Infinity'],
  ['policyAverage: 1.5', 'c.yaml:2:16: policyAverage: expected a number from 0 to 1, got 1.5'],
  ['horizon: 1.5', 'c.yaml:2:10: horizon: expected an integer from 1 to 1000, got 1.5'],
  ['model: {continueHead: yes}', 'c.yaml:2:23: model.continueHead: expected true or false, got "yes"'],
  ['model:\n  hidden: [8, 0]', 'c.yaml:3:15: model.hidden[1]: expected an integer from 1 to 65536, got 0'],
  ['evaluation: 3', 'c.yaml:2:13: evaluation: expected {every, episodes, online}, got 3'],
  ['environment: Pong', `c.yaml:2:14: environment: expected ${alternatives(environmentNames)}, got "Pong"`],
  ['distractors: -1', 'c.yaml:2:14: distractors: expected an integer from 0 to 1000, got -1'],
  ['pixels: {size: 60}', 'c.yaml:2:16: pixels.size: expected a multiple of 16 from 16 to 256, got 60'],
  ['pixels: {frames: 0}', 'c.yaml:2:18: pixels.frames: expected an integer from 1 to 8, got 0'],
  ['pixels: 64', 'c.yaml:2:9: pixels: expected {size, frames}, got 64'],
  ['randomHold: 0.5', 'c.yaml:2:13: randomHold: expected a number from 1 to 10000, got 0.5'],
  ['engine: gpu', 'c.yaml:2:9: engine: expected auto, tensorflow, webgpu, native, wasm or cpu, got "gpu"'],
  [
    `engine: ${'x'.repeat(99)}`,
    `c.yaml:2:9: engine: expected auto, tensorflow, webgpu, native, wasm or cpu, got "${'x'.repeat(56)}…"`,
  ],
  // schedules
  ['beta: high', 'c.yaml:2:7: beta: expected a number >= 0 or {from, to, over}, got "high"'],
  ['beta: {from: 1, to: x, over: 3}', 'c.yaml:2:21: beta.to: expected a number >= 0, got "x"'],
  [
    'beta: {from: 1, to: 0, over: 3, ovr: 3}',
    'c.yaml:2:33: beta.ovr: unknown key, see wm train --help-config vae-lstm',
  ],
  // seeds and names
  ['seeds: []', `c.yaml:2:8: seeds: expected ${seedsList}, got []`],
  ['seeds: 3', `c.yaml:2:8: seeds: expected ${seedsList}, got 3`],
  [
    `seeds: [${[...Array(10_001).keys()]}]`,
    `c.yaml:2:8: seeds: expected ${seedsList}, got a list of 10001 items`,
  ],
  ['seeds: [2147483648]', 'c.yaml:2:9: seeds[0]: expected an integer from 0 to 2147483647, got 2147483648'],
  ['seeds: [1, 2, 1]', 'c.yaml:2:15: seeds[2]: 1 is already seeds[0], list each seed once'],
  ['name: ../elsewhere', `c.yaml:2:7: name: expected ${folder}, got "../elsewhere"`],
  ['name: .hidden', `c.yaml:2:7: name: expected ${folder}, got ".hidden"`],
  ['name: a.', `c.yaml:2:7: name: expected ${folder}, got "a."`],
  ['name: Nul', 'c.yaml:2:7: name: this names a device on Windows, choose another name'],
  ['name: com1.x', 'c.yaml:2:7: name: this names a device on Windows, choose another name'],
  ['name: a/b', `c.yaml:2:7: name: expected ${folder}, got "a/b"`],
  ['name: "a\\n"', `c.yaml:2:7: name: expected ${folder}, got "a\\n"`],
  [`name: ${'n'.repeat(201)}`, `c.yaml:2:7: name: expected ${folder}, got "${'n'.repeat(56)}…"`],
  // unknown keys: the place is the key's
  ['lamda: 1', 'c.yaml:2:1: lamda: unknown key, did you mean `lambda`?'],
  ['learning_rate: 1', 'c.yaml:2:1: learning_rate: unknown key, did you mean `learningRate`?'],
  ['latent: 8', 'c.yaml:2:1: latent: unknown key, did you mean `model.latent`?'],
  [
    'critic:\n  shapeModel: true',
    'c.yaml:3:3: critic.shapeModel: unknown key, did you mean `critic.shapesModel`?',
  ],
  ['presets: [a]', 'c.yaml:2:1: presets: unknown key, did you mean `preset`?'],
  ['colour: red', 'c.yaml:2:1: colour: unknown key, see wm train --help-config vae-lstm'],
  ['__proto__: {steps: 3}', 'c.yaml:2:1: __proto__: unknown key, see wm train --help-config vae-lstm'],
  ['"a\\nb": 1', 'c.yaml:2:1: "a\\nb": unknown key, see wm train --help-config vae-lstm'],
  // rules between keys: the place is that of the key that was written
  [
    'replay: {capacity: 4}',
    'c.yaml:2:20: replay.length must not exceed replay.capacity, or no window fits into the replay (replay.length is 8, replay.capacity is 4)',
  ],
  [
    'randomSteps: 7',
    'c.yaml:2:14: randomSteps must be at least replay.length, or the first update has no window (randomSteps is 7, replay.length is 8)',
  ],
  [
    'steps: 1003',
    'c.yaml:2:8: steps must be at least randomSteps + updateEvery, or nothing is learnt (steps is 1003, randomSteps is 1000, updateEvery is 4)',
  ],
  // YAML itself
  ['gamma: 0.9\ngamma: 0.8', 'c.yaml:3:1: this key is already set above, keep one of the two'],
  ['model:\n\tlatent: 3', 'c.yaml:3:1: a tab indents this line, use spaces'],
  ['---\nsteps: 3000', 'c.yaml:2:1: a second YAML document starts here, keep one'],
  ['lambda: *l', 'c.yaml:2:9: the alias *l is not supported, write the value out'],
  ['model: &m {hidden: [*m]}', 'c.yaml:2:21: the alias *m is not supported, write the value out'],
  [
    [...Array(1001).keys()].map((i) => `k${i}: 1`).join('\n'),
    'c.yaml:1001:1: this map has more than 1000 keys, remove some',
  ],
  [`#${'x'.repeat(2 ** 17)}`, 'c.yaml: 131090 characters are more than a config has, shorten it to 131072'],
  ['? [a]\n: 1', 'c.yaml:2:3: a list or map stands where a key belongs'],
  [`lambda: !secret 3`, 'c.yaml:2:9: this is not valid YAML (Unresolved tag: !secret)'],
  [
    'model: latent: 3',
    'c.yaml:2:8: the lines below are indented further than this value allows: indent keys of one map alike, and put a map that a key holds on lines of its own',
  ],
  [
    'lambda:0.3\ngamma: 0.9',
    'c.yaml:2:1: this line is no key and its value: write "key: value", with a space after the colon',
  ],
  ['lambda: "x', 'c.yaml:2:11: this is not valid YAML (Missing closing "quote)'],
  // of several mistakes, the first in the file
  [
    'colour: 1\nlambda: x\nmodel: {latent: 0}',
    'c.yaml:2:1: colour: unknown key, see wm train --help-config vae-lstm',
  ],
  ['lambda: x\ncolour: 1', 'c.yaml:2:9: lambda: expected a number >= 0, got "x"'],
];

test('a mistake in the file is one sentence with its place', () => {
  for (const [text, message] of badFiles) assert.equal(complaint(method + text), message);
});

test("what a Dreamer's keys cannot be is one sentence with its place", () => {
  const window = 'a window takes the step before it, too';
  const through = 'needs gradients through actions, which choices have only with actor.straightThrough';
  const cases: [string, string][] = [
    [
      'model:\n  blocks: 3',
      '3:11: model.blocks must divide model.deter into equal blocks (model.blocks is 3, model.deter is 64)',
    ],
    [
      'replay: {length: 500}',
      `2:18: randomSteps must exceed replay.length: ${window} (randomSteps is 500, replay.length is 500)`,
    ],
    [
      'replay: {capacity: 16}',
      `2:20: replay.capacity must exceed replay.length: ${window} (replay.capacity is 16, replay.length is 16)`,
    ],
    [
      'startsPerWindow: 17',
      '2:18: startsPerWindow must not exceed replay.length: imagination starts from the last steps of a window (startsPerWindow is 17, replay.length is 16)',
    ],
    [
      'startsPerWindow: 1',
      '2:18: startsPerWindow must exceed 1 with a lambda above 0: the critic learns on the transitions between those steps (startsPerWindow is 1, lambda is 0.3)',
    ],
    [
      'lambda: 0\ncritic: {onPrediction: true}',
      '3:24: critic.onPrediction needs a lambda above 0: both weigh the critic on replayed states (critic.onPrediction is true, lambda is 0)',
    ],
    [
      'optimizer: {name: adam}',
      '2:19: optimizer.epsilon must be at least 1e-12 with optimizer.name adam (optimizer.name is adam, optimizer.epsilon is 1e-20)',
    ],
    ['gamma: 0', '2:8: gamma: expected a number > 0 and < 1, got 0'],
    [
      'actor:\n  reinforce: 0',
      `3:14: actor.reinforce below 1 ${through} (actor.reinforce is 0, actor.straightThrough is false, environment is CartPole-v1)`,
    ],
    [
      'actor: {reinforce: often}',
      '2:20: actor.reinforce: expected auto or a number from 0 to 1, got "often"',
    ],
    ['twoHot:\n  bins: 64', '3:9: twoHot.bins: must be odd, so that one bin is 0'],
    ['twoHot: {bins: 1}', '2:16: twoHot.bins: expected an integer from 3 to 1025, got 1'],
  ];
  for (const [text, message] of cases)
    assert.equal(complaint(`method: dreamer\n${text}`), `c.yaml:${message}`);
  for (const text of [
    'model: {cell: gru, blocks: 3}',
    'startsPerWindow: 1\nlambda: 0',
    'actor: {reinforce: 0, straightThrough: true}',
    'actor: {reinforce: auto}',
    'environment: Pendulum-v1\nactor: {reinforce: 0}',
  ]) {
    loadExperiment({ file: 'c.yaml', text: `method: dreamer\n${text}` });
  }
  // What is learnt once the random steps are over, or beside who acts, takes no whole round.
  for (const text of [
    'method: tdmpc\nsteps: 500\nrandomSteps: 500\nevaluation: {every: 500}',
    'method: vae-lstm\nsteps: 1001\nrealTime: {rate: 20}',
  ]) {
    loadExperiment({ file: 'c.yaml', text });
  }
  assert.throws(
    () => loadExperiment({ file: 'c.yaml', text: 'method: tdmpc\nsteps: 400\nrandomSteps: 500' }),
    /steps must be at least randomSteps, or nothing is learnt /,
  );
  // Parts of a line that is not given are the default's.
  assert.match(
    formatExperiment(loadExperiment({ file: 'c.yaml', text: 'method: vae-lstm\nbeta: {to: 0.3}' })),
    /^beta: \{from: 1, to: 0\.3, over: 10000\}$/m,
  );
  // A mixture of versions is called by none of them.
  const called = (text: string) => loadExperiment({ file: 'c.yaml', text: `method: dreamer\n${text}` }).name;
  assert.equal(called('model: {classes: 4}'), 'dreamer-v3');
  for (const text of ['model: {latent: gaussian}', 'critic: {slowTarget: true}', 'critic: {head: squared}']) {
    assert.equal(called(text), 'dreamer', text);
  }
});

test('what a planner cannot be, or does not suit, is one sentence with its place', () => {
  const plan = (keys: string, environment = 'CartPole-v1') =>
    complaint(`method: planet\nenvironment: ${environment}\nplanner:\n  ${keys}`);
  const names = 'cem, icem, mppi, shooting or enumeration';
  const cases: [string, string, string?][] = [
    ['name: mcts', `4:9: planner.name: expected ${names}, got "mcts"`],
    ['temperature: 1', '4:3: planner.temperature: a key of mppi alone, and planner.name is cem'],
    ['{name: icem, floor: 0}', '4:16: planner.floor: a key of mppi alone, and planner.name is icem'],
    [
      '{name: shooting, elites: 3}',
      '4:20: planner.elites: a key of cem, icem and mppi alone, and planner.name is shooting',
    ],
    ['temprature: 1', '4:3: planner.temprature: unknown key, did you mean `planner.temperature`?'],
    [
      '{name: mppi, elites: 65}',
      '4:24: planner.elites must not exceed planner.candidates, of which they are the best (planner.elites is 65, planner.candidates is 64)',
    ],
    [
      '{name: mppi, minStd: 3}',
      '4:24: planner.minStd must not exceed planner.maxStd (planner.minStd is 3, planner.maxStd is 2)',
    ],
    [
      '{name: enumeration, horizon: 11}',
      '4:32: planner.horizon asks for more sequences of choices than enumeration tries, which are 1024; look less far ahead, or search by mppi (planner.horizon is 11, planner.name is enumeration, environment is CartPole-v1)',
    ],
    [
      'name: enumeration',
      '4:9: planner.name enumeration tries every sequence of choices, and numbers in a box are not choices: mppi, icem or cem search among those (planner.name is enumeration, environment is Pendulum-v1)',
      'Pendulum-v1',
    ],
    [
      'name: icem',
      '4:9: planner.name icem moves numbers in a box by coloured noise, and choices are not numbers: enumeration, mppi or cem search among those (planner.name is icem, environment is CartPole-v1)',
    ],
    [
      'sampling: truncated',
      '4:13: planner.sampling truncated is of numbers in a box, and choices have no bounds; leave it out (planner.sampling is truncated, environment is CartPole-v1)',
    ],
    [
      '{name: mppi, terminalValue: true}',
      '4:31: planner.terminalValue needs a model with a value, and this one has none; leave it out (planner.terminalValue is true)',
    ],
    [
      '{name: mppi, policyTrajectories: 2}',
      '4:36: planner.policyTrajectories needs a model with a policy, and this one has none; leave it out (planner.policyTrajectories is 2)',
    ],
    [
      '{name: mppi, policyTrajectories: 64}',
      '4:36: planner.policyTrajectories must be below planner.candidates, of which the others are drawn (planner.policyTrajectories is 64, planner.candidates is 64)',
    ],
  ];
  for (const [keys, message, environment] of cases)
    assert.equal(plan(keys, environment), `c.yaml:${message}`);

  const pets: [string, string][] = [
    [
      'particles: 12',
      '2:12: particles must be a multiple of model.networks, so that all networks have as many of them (particles is 12, model.networks is 5)',
    ],
    [
      'model: {networks: 6}',
      '2:19: particles must be a multiple of model.networks, so that all networks have as many of them (particles is 5, model.networks is 6)',
    ],
    [
      'randomSteps: 0',
      '2:14: pretraining must be 0 where randomSteps is, because it learns from the random steps (pretraining is 1000, randomSteps is 0)',
    ],
    [
      'model: {logVariance: {max: -10}}',
      '2:28: model.logVariance.min must be below model.logVariance.max (model.logVariance.min is -10, model.logVariance.max is -10)',
    ],
    [
      'planner: {candidates: 5}',
      '2:23: planner.elites must not exceed planner.candidates, of which they are the best (planner.elites is 6, planner.candidates is 5)',
    ],
    ['propagation: ts2', '2:14: propagation: expected ts-infinity or ts1, got "ts2"'],
    ['replay: {length: 4}', '2:10: replay.length: unknown key, see wm train --help-config pets'],
  ];
  for (const [keys, message] of pets) assert.equal(complaint(`method: pets\n${keys}`), `c.yaml:${message}`);

  const simple: [string, string][] = [
    [
      'model: {continueHead: false}',
      '2:23: model.continueHead must be on where an episode can end, or the policy learns in a world without ends (model.continueHead is false, environment is CartPole-v1)',
    ],
    [
      'environment: Pendulum-v1',
      '2:14: model.rewardHead classes tells the rewards −1, 0 and 1 apart, and there are others here; use squared (model.rewardHead is classes, environment is Pendulum-v1)',
    ],
    [
      'simulation: {steps: 501}\nppo: {batch: 334}',
      '2:21: simulation.steps must not exceed the steps after which an episode is cut off: no real one is longer (simulation.steps is 501, environment is CartPole-v1)',
    ],
    [
      'ppo: {batch: 300}',
      '2:14: ppo.batch must divide simulation.environments × simulation.steps, or a part of each roll-out is left over (ppo.batch is 300, simulation.environments is 32, simulation.steps is 50)',
    ],
    [
      'ppo: {gamma: 1}',
      '2:14: ppo.gamma must be below 1: values are in units of 1 / (1 − γ) (ppo.gamma is 1)',
    ],
    [
      'collect: 4',
      '2:10: collect must be at least replay.length, or the first update has no window (collect is 4, replay.length is 5)',
    ],
    [
      'steps: 400',
      '2:8: steps must be at least collect, one iteration, or nothing is learnt (steps is 400, collect is 500)',
    ],
    ['model: {bits: 129}', '2:15: model.bits: expected an integer from 0 to 128, got 129'],
    ['model: {prior: gru}', '2:16: model.prior: expected bernoulli or lstm, got "gru"'],
  ];
  for (const [keys, message] of simple)
    assert.equal(complaint(`method: simple\n${keys}`), `c.yaml:${message}`);

  const dyna: [string, string][] = [
    [
      'model: {continueHead: false}',
      '2:23: model.continueHead must be on where an episode can end, or values are learnt in a world without ends (model.continueHead is false, environment is CartPole-v1)',
    ],
    [
      'model: {logVariance: {min: 1}}',
      '2:28: model.logVariance.min must be below model.logVariance.max (model.logVariance.min is 1, model.logVariance.max is 0.5)',
    ],
    ['planning: {horizon: 0}', '2:21: planning.horizon: expected an integer from 1 to 1000, got 0'],
    ['planningUpdates: -1', '2:18: planningUpdates: expected an integer from 0 to 10000, got -1'],
    [
      'environment: Pendulum-v1',
      '2:14: environment: method deep-dyna takes no continuous actions, which Pendulum-v1 asks for; choose another environment or method',
    ],
  ];
  for (const [keys, message] of dyna)
    assert.equal(complaint(`method: deep-dyna\n${keys}`), `c.yaml:${message}`);

  // Without a name it is the cross-entropy method, as it was before there were others.
  const text = 'method: planet\nplanner: {candidates: 9}\n';
  const { planner } = experimentOf(loadExperiment({ file: 'c.yaml', text }), 'planet');
  assert.deepEqual([planner.name, planner.horizon], ['cem', 12]);
  const { cells } = loadSweep({ file: 'c.yaml', text: `${text}sweep: {planner.name: [cem, shooting]}` });
  const [cem, shooting] = cells.map(({ experiment }) => {
    assert.deepEqual(loadExperiment({ file: 'c.yaml', text: formatExperiment(experiment) }), experiment);
    return experimentOf(experiment, 'planet');
  });
  assert.deepEqual([cem!.planner.name, shooting!.planner.name], ['cem', 'shooting']);
  assert.ok(differingKeys(cem!, shooting!).includes('planner.elites'));
});

test('a method is refused in an environment that it cannot act in', () => {
  const { takes } = methods.ppo;
  const pendulum = 'method: ppo\nenvironment: Pendulum-v1\nbatch: 100';
  const ends = 'which Pendulum-v1 asks for; choose another environment or method';
  try {
    Object.assign(methods.ppo, { takes: { ...takes, actions: ['discrete'] } });
    assert.equal(
      complaint(pendulum),
      `c.yaml:2:14: environment: method ppo takes no continuous actions, ${ends}`,
    );
    Object.assign(methods.ppo, { takes: { ...takes, observations: [3] } });
    assert.equal(
      complaint(pendulum),
      `c.yaml:2:14: environment: method ppo takes no observations of shape [3], ${ends}`,
    );
    Object.assign(methods.ppo, { takes: { ...takes, observations: [1, 3] } });
    assert.equal(
      complaint('method: ppo\nenvironment: MinAtar/Breakout-v0\ndistractors: 2'),
      'c.yaml:3:14: distractors: distractors are appended to vectors, and MinAtar/Breakout-v0 shows images; leave them out or choose another environment',
    );
  } finally {
    Object.assign(methods.ppo, { takes });
  }
  for (const method of ['ppo', 'dyna']) {
    assert.equal(
      complaint(`method: ${method}\nenvironment: DynaMaze\ndistractors: 2`),
      'c.yaml:3:14: distractors: distractors are appended to vectors, and DynaMaze is a table of states; leave them out or choose another environment',
    );
  }
  for (const [text, place, says] of [
    [
      'method: planet\nenvironment: CartPole-v1\npixels: {}',
      '3:9: pixels: ',
      'method planet takes no observations of shape [64, 64, 1]; leave pixels out or choose another method',
    ],
    [
      'method: dreamer\npixels: {size: 32}\nenvironment: MinAtar/Breakout-v0',
      '2:9: pixels: ',
      "pixels are of an environment's drawing, and MinAtar/Breakout-v0 shows images of its own; leave them out or choose another environment",
    ],
    [
      'method: dreamer\nenvironment: DynaMaze\npixels: {size: 32}',
      '3:9: pixels: ',
      "pixels are of an environment's drawing, and DynaMaze is a table of states; leave them out or choose another environment",
    ],
    [
      'method: dreamer\npixels: {}\ndistractors: 2',
      '3:14: distractors: ',
      'distractors are appended to vectors, and pixels show images; leave one of them out',
    ],
    [
      'method: dream-critic\nencoder: {channels: [4, 4], strides: [4]}',
      '2:38: ',
      'encoder.strides lists one for each of several encoder.channels, or is one number for all (encoder.strides is 4, encoder.channels is 4,4)',
    ],
    [
      'method: ppo\npixels: {size: 48}\nencoder: {channels: [4, 4, 4, 4, 4]}',
      '3:21: ',
      'encoder.channels and encoder.strides divide the sides of an image by 32, and 48 × 48 cannot be divided so (encoder.channels is 4,4,4,4,4, encoder.strides is 2, environment is CartPole-v1)',
    ],
  ]) {
    assert.equal(complaint(text!), `c.yaml:${place}${says}`);
  }
  assert.equal(
    complaint('method: planet\nenvironment: MinAtar/Breakout-v0'),
    'c.yaml:2:14: environment: method planet takes no observations of shape [10, 10, 4], which MinAtar/Breakout-v0 asks for; choose another environment or method',
  );
});

test('yardsticks off-policy say where they cannot act, and what their keys ask for', () => {
  const ends = (environment: string) => `which ${environment} asks for; choose another environment or method`;
  const rate = 'a number from 0 to 1';
  const cases: [string, string][] = [
    [
      'method: sac\nenvironment: CartPole-v1',
      `c.yaml:2:14: environment: method sac takes no choices as actions, ${ends('CartPole-v1')}`,
    ],
    [
      'method: dqn\nenvironment: Pendulum-v1',
      `c.yaml:2:14: environment: method dqn takes no continuous actions, ${ends('Pendulum-v1')}`,
    ],
    ['method: sac\nentropy: 0', 'c.yaml:2:10: entropy: expected auto or a number > 0, got 0'],
    ['method: sac\ntargetEntropy: none', 'c.yaml:2:16: targetEntropy: expected auto or a number, got "none"'],
    [
      'method: sac\nsteps: 140\nupdateEvery: 50',
      'c.yaml:2:8: steps must be at least randomSteps + updateEvery, or nothing is learnt (steps is 140, randomSteps is 100, updateEvery is 50)',
    ],
    ['method: dqn\nepsilon: 1.5', `c.yaml:2:10: epsilon: expected ${rate} or {from, to, over}, got 1.5`],
    ['method: dqn\nepsilon: {from: 2, to: 0, over: 9}', `c.yaml:2:17: epsilon.from: expected ${rate}, got 2`],
    [
      'method: dqn\nreplay: {length: 2}',
      'c.yaml:2:10: replay.length: unknown key, see wm train --help-config dqn',
    ],
  ];
  for (const [text, message] of cases) assert.equal(complaint(text), message);
});

test('a file without a usable method, or without keys', () => {
  const cases: [string, string][] = [
    ['steps: 3000', `c.yaml:1:1: method: missing, expected ${alternatives(methodNames)}`],
    [
      'steps: 3000\nmethod: dreamers',
      `c.yaml:2:9: method: expected ${alternatives(methodNames)}, got "dreamers", did you mean dreamer?`,
    ],
    ['', 'c.yaml is empty, write at least `method: …` into it'],
    ['# only a comment', 'c.yaml is empty, write at least `method: …` into it'],
    ['[vae-lstm]', 'c.yaml:1:1: expected keys with values, such as `method: …`'],
    ['vae-lstm', 'c.yaml:1:1: expected keys with values, such as `method: …`'],
  ];
  for (const [text, message] of cases) assert.equal(complaint(text), message);
  assert.match(
    complaint(`${method}lambda: ${'['.repeat(10_000)}`),
    /^c\.yaml:2:\d+: this is nested too deeply$/,
  );
});

test('what is called otherwise elsewhere is named', () => {
  const cases: [string, string][] = [
    [`${method}env: CartPole-v1`, 'c.yaml:2:1: env: unknown key, did you mean `environment`?'],
    [`${method}lr: 1`, 'c.yaml:2:1: lr: unknown key, did you mean `learningRate`?'],
    ['steps: 3000\nMethod: ppo', 'c.yaml:2:1: Method: unknown key, did you mean `method`?'],
    ['algorithm: ppo', 'c.yaml:1:1: algorithm: unknown key, did you mean `method`?'],
    [
      'method: dream_critc',
      `c.yaml:1:9: method: expected ${alternatives(methodNames)}, got "dream_critc", did you mean dream-critic?`,
    ],
  ];
  for (const [text, message] of cases) assert.equal(complaint(text), message);
});

test('a dotted key at the top of a file is the nested one', () => {
  const nested = load(
    `${method}critic: {shapesModel: false, hidden: [8]}\nbeta: {from: 1, to: 0.5, over: 10}`,
  );
  const dotted = load(
    `${method}critic.shapesModel: false\ncritic: {hidden: [8]}\nbeta.from: 1\nbeta.to: 0.5\nbeta.over: 10`,
  );
  assert.deepEqual(dotted, nested);
  const command = { overrides: ['critic.shapesModel=true'] };
  assert.equal(load(`${method}critic.shapesModel: false`, command).name, 'dream-critic');
  const cases: [string, string][] = [
    ['critic.hidden: [8, 0]', 'c.yaml:2:20: critic.hidden[1]: expected an integer from 1 to 65536, got 0'],
    [
      'critic.shapeModel: false',
      'c.yaml:2:1: critic.shapeModel: unknown key, did you mean `critic.shapesModel`?',
    ],
    [
      'critic: {hidden: [8]}\ncritic.hidden: [9]',
      'c.yaml:3:1: critic.hidden is already set at c.yaml:2:10, keep one of the two',
    ],
    ['lambda: 1\nlambda.x: 2', 'c.yaml:3:11: lambda holds a value and has no keys to set'],
    ['a.b: 1', 'c.yaml:2:1: a: unknown key, see wm train --help-config vae-lstm'],
    [`${'a.'.repeat(200)}b: 1`, 'c.yaml:2:404: this is nested too deeply'],
    [`? ${'a.'.repeat(20_000)}b\n: 1`, 'c.yaml:3:3: this is nested too deeply'],
  ];
  for (const [text, message] of cases) assert.equal(complaint(method + text), message);
});

test("an arm's name is its method with the arm's switches, which the file and the command may change", () => {
  for (const name of methodNames) {
    for (const arm of Object.keys(methods[name].arms)) {
      const experiment = loadExperiment({ file: 'c.yaml', text: `method: ${arm}` });
      assert.equal(experiment.method, name);
      assert.equal(experiment.name, arm);
      assert.deepEqual(loadExperiment({ file: 'c.yaml', text: formatExperiment(experiment) }), experiment);
    }
  }
  assert.equal(load('method: baseline\ncritic: {shapesModel: true}').name, 'shape-only');
  assert.equal(
    load('method: baseline', { overrides: ['critic.bootstrapsActor=true'] }).name,
    'bootstrap-only',
  );
  assert.equal(load(method, { overrides: ['method=baseline'] }).name, 'baseline');
});

test('seeds may be given as ranges', () => {
  const cases: [string, number[]][] = [
    ['5', [5]],
    ['0-3', [0, 1, 2, 3]],
    ['0..3', [0, 1, 2, 3]],
    ['0-2,10', [0, 1, 2, 10]],
    [' 7 , 1 .. 2', [7, 1, 2]],
    ['4-4', [4]],
  ];
  for (const [text, seeds] of cases) assert.deepEqual(load(method, { flags: { seeds: text } }).seeds, seeds);
  const wrong: [string, string][] = [
    ['9-0', '--seeds: the range 9-0 runs backwards, write 0-9'],
    ['0-9999,0-9999', '--seeds: with the range 0-9999 these are more than 10000 seeds'],
    ['0-4,3', '--seeds: seeds[5]: 3 is already seeds[3], list each seed once'],
    ['0-', '--seeds: seeds[0]: expected an integer from 0 to 2147483647, got "0-"'],
    ['2147483647..2147483648', '--seeds: seeds[1]: expected an integer from 0 to 2147483647, got 2147483648'],
  ];
  for (const [seeds, message] of wrong) assert.equal(complaint(method, { flags: { seeds } }), message);
});

test('seeds in words', () => {
  const cases: [number[], string][] = [
    [[5], 'seed 5'],
    [[0, 1], 'seeds 0 and 1'],
    [[...Array(10).keys()], 'seeds 0 to 9'],
    [[10, 2, 1, 0, 4], 'seeds 0 to 2, 4 and 10'],
    [[1, 4, 9, 16, 25, 36, 37], 'seeds 1, 4, 9, 16 and 3 more'],
  ];
  for (const [seeds, words] of cases) assert.equal(seedWords(seeds), words);
});

test('a mistake on the command line is placed there', () => {
  const sets: [string[], string][] = [
    [['lambda=high'], '--set lambda=high: lambda: expected a number >= 0, got "high"'],
    [['lamda=1'], '--set lamda=1: lamda: unknown key, did you mean `lambda`?'],
    [['modle.latent=1'], '--set modle.latent=1: modle: unknown key, did you mean `model`?'],
    [['lambda'], '--set lambda: expected key=value, such as --set lambda=0.5'],
    [['=1'], '--set =1: expected key=value, such as --set lambda=0.5'],
    [['gamma='], '--set gamma=: gamma: expected a number >= 0 and < 1, got nothing'],
    [['gamma.x=1'], '--set gamma.x=1: gamma holds a value and has no keys to set'],
    [['beta.to=low'], '--set beta.to=low: beta.to: expected a number >= 0, got "low"'],
    [['seeds=[0, 0]'], '--set seeds=[0, 0]: seeds[1]: 0 is already seeds[0], list each seed once'],
    [['seeds=[0'], '--set seeds=[0: this is not valid YAML (Flow sequence must end with a ])'],
    [['lambda=*x'], '--set lambda=*x: the alias *x is not supported, write the value out'],
    [['gamma=2', 'model.latent=0'], '--set gamma=2: gamma: expected a number >= 0 and < 1, got 2'],
    [
      ['model={latent: 8}', 'model.latent=0'],
      '--set model.latent=0: model.latent: expected an integer from 1 to 4096, got 0',
    ],
  ];
  for (const [overrides, message] of sets) {
    assert.equal(complaint(`${method}gamma: 0.9`, { overrides }), message);
  }
  const flags: [NonNullable<ConfigInput['flags']>, string][] = [
    [{ seeds: '0,1,x' }, '--seeds: seeds[2]: expected an integer from 0 to 2147483647, got "x"'],
    [{ seeds: '4,4' }, '--seeds: seeds[1]: 4 is already seeds[0], list each seed once'],
    [{ seeds: '' }, `--seeds: expected ${seedsList}, got []`],
    [{ steps: 'many' }, '--steps: expected an integer from 1 to 1000000000, got "many"'],
    [
      { steps: '500' },
      '--steps: steps must be at least randomSteps + updateEvery, or nothing is learnt (steps is 500, randomSteps is 1000, updateEvery is 4)',
    ],
    [{ name: '..' }, `--name: expected ${folder}, got ".."`],
    [{ engine: 'gpu' }, '--engine: expected auto, tensorflow, webgpu, native, wasm or cpu, got "gpu"'],
  ];
  for (const [given, message] of flags) assert.equal(complaint(method, { flags: given }), message);
});

test('a mistake in the file comes before one on the command line, unless the command line mends it', () => {
  const rest = { overrides: ['gamma=2'] };
  assert.equal(
    complaint(`${method}horizon: 0`, rest),
    'c.yaml:2:10: horizon: expected an integer from 1 to 1000, got 0',
  );
  assert.equal(load(`${method}gamma: 2`, { overrides: ['gamma=0.5'] }).gamma, 0.5);
  assert.equal(load('steps: 3000', { overrides: ['method=vae-lstm'] }).steps, 3000);
});

test('a method goes by its former name too', () => {
  const former = 'method: world-model\n';
  assert.deepEqual(load(`${former}lambda: 2`), load(`${method}lambda: 2`));
  assert.deepEqual(load('gamma: 0.9', { overrides: ['method=world-model'] }), load(`${method}gamma: 0.9`));
  assert.equal(complaint(`${former}horizon: 0`), complaint(`${method}horizon: 0`));
});

test('flags win over --set, --set over the file, a later --set over an earlier one', () => {
  const experiment = load(`${method}steps: 2000\nlambda: 1\nmodel: {latent: 4, lstm: 5}`, {
    overrides: ['steps=3000', 'lambda=2', 'lambda=3', 'model.latent=8', 'beta={from: 1, to: 0, over: 9}'],
    flags: { steps: '4e3', seeds: '7, 8', name: '123', engine: 'cpu' },
  });
  assert.equal(experiment.steps, 4000);
  assert.equal(experiment.lambda, 3);
  assert.deepEqual([experiment.model.latent, experiment.model.lstm], [8, 5]);
  assert.deepEqual(experiment.beta, { from: 1, to: 0, over: 9 });
  assert.deepEqual(experiment.seeds, [7, 8]);
  assert.equal(experiment.name, '123');
  assert.equal(experiment.engine, 'cpu');
});

test('the name is the arm unless it is given', () => {
  assert.equal(load(method).name, 'dream-critic');
  assert.equal(load(method, { overrides: ['critic.bootstrapsActor=false'] }).name, 'shape-only');
  assert.equal(load(`${method}name: mine`).name, 'mine');
});

test('a resolved config, written and read again, is the same', () => {
  const weight = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true });
  const hidden = fc.array(fc.integer({ min: 1, max: 65_536 }), { minLength: 1, maxLength: 8 });
  const config = fc.record(
    {
      // names that YAML could take for something else come up often
      name: fc.oneof(
        fc.stringMatching(/^[A-Za-z0-9_-]([A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?$/),
        fc.constantFrom('null', 'true', '12', '1e3', '0x1f', '-', '---', '-1', '2020-01-01'),
      ),
      seeds: fc.uniqueArray(fc.integer({ min: 0, max: 2 ** 31 - 1 }), { minLength: 1, maxLength: 50 }),
      steps: fc.integer({ min: 1004, max: 1e9 }),
      beta: fc.oneof(
        weight,
        fc.record({ from: weight, to: weight, over: fc.integer({ min: 1, max: 2 ** 53 - 1 }) }),
      ),
      lambda: weight,
      model: fc.record({ hidden, continueHead: fc.boolean(), latentWeight: weight }, { requiredKeys: [] }),
      critic: fc.record(
        { hidden, shapesModel: fc.boolean(), bootstrapsActor: fc.boolean() },
        { requiredKeys: [] },
      ),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(config, (keys) => {
      const experiment = load(JSON.stringify({ method: 'vae-lstm', ...keys }));
      const text = formatExperiment(experiment);
      assert.deepStrictEqual(load(text), experiment);
      assert.equal(formatExperiment(load(text)), text);
      assert.deepEqual(differingKeys(load(text), experiment), []);
    }),
    { seed: 1, numRuns: 50 },
  );
});

test('a resolved config is written with every key, in the order of the schema, lists on one line', () => {
  const text = formatExperiment(
    load(method, {
      overrides: ['stopWhen={reward: 475}', 'pixels={}', 'gradients={}', 'critic.balance=gradnorm'],
    }),
  );
  assert.match(
    text,
    /^method: vae-lstm\nname: dream-critic-gradnorm\nenvironment: CartPole-v1\ndistractors: 0\npixels:\n {2}size: 64\n {2}frames: 1\nseeds: \[0\]\nsteps: 50000\n/,
  );
  assert.match(text, /^beta: \{from: 1, to: 0\.1, over: 10000\}$/m);
  assert.match(text, /^model:\n {2}latent: 32\n {2}hidden: \[64, 64\]\n/m);
  const names = leafKeys(schemaRoot('vae-lstm')).map(({ path }) => path.at(-1));
  assert.deepEqual(
    [...text.matchAll(/^ *(\w+):(?= )/gm)].map((match) => match[1]),
    // Its text is of environment Maze alone.
    names.filter((name) => !['maze', 'data', 'realTime'].includes(name!)),
  );
  assert.doesNotMatch(
    formatExperiment(load(method)),
    /stopWhen|pixels|gradients|gradNorm/,
    'a key without a value is left out',
  );
});

test('differing keys are named from the top', () => {
  const changed = load(method, {
    overrides: ['beta=1', 'model.hidden=[64]', 'evaluation.every=500'],
    flags: { seeds: '1' },
  });
  assert.deepEqual(differingKeys(load(method), changed), [
    'seeds',
    'evaluation.every',
    'beta',
    'model.hidden',
  ]);
});

test('every key of every method has words, a default and a description, and rules name keys that exist', () => {
  for (const name of methodNames) {
    const root = schemaRoot(name);
    for (const { path, node } of leafKeys(root)) {
      assert.ok(node.description, `${path.join('.')} has no description`);
      assert.ok(
        'default' in node ||
          ['method', 'name', 'maze', 'data', 'realTime', 'stopWhen.reward'].includes(path.join('.')),
        `${path.join('.')} has no default`,
      );
    }
    for (const key of methods[name].rules.flatMap((rule) => rule.keys)) {
      assert.ok(nodeAt(root, key.split('.')), `a rule names ${key}`);
    }
  }
  const help = describeConfig().split('\n');
  assert.ok(help.some((line) => /^ {2}lambda +a number >= 0, default 0\.5: critic weight λ$/.test(line)));
  assert.ok(help.some((line) => /^ {2}critic\.hidden +a list of .*, default \[64, 64\]: /.test(line)));
});

test('every config in configs/ loads and is the arm that its name says', () => {
  const folderOfConfigs = fileURLToPath(new URL('../configs', import.meta.url));
  const files = readdirSync(folderOfConfigs, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.yaml') && !/^(sweeps|bench|presets)/.test(file),
  );
  assert.ok(files.length >= 6);
  const tasks = ['acrobot', 'mountain-car', 'mountain-car-continuous', 'pendulum'];
  const dreams = ['dream', 'quick', ...tasks];
  const searching: Record<string, string> = {
    'muzero-muzero': 'muzero',
    'muzero-gumbel': 'gumbel-muzero',
    'muzero-efficient': 'efficientzero',
  };
  const found = new Set<string>();
  for (const file of files) {
    const experiment = readConfig({ config: `${folderOfConfigs}/${file}`, set: [] });
    const stem = basename(file, '.yaml');
    const ofStem = dreams.includes(stem)
      ? 'dream-critic'
      : stem.replace(/^(planet|pets|mbpo|ppo|sac|dqn)-.*/, '$1');
    const ofGame = /^(?:minatar|pixels)\/(dreamer-v3|dream|ha-schmidhuber)-/
      .exec(file)?.[1]
      ?.replace(/^dream$/, 'dream-critic');
    const family = /^(dreamer|tdmpc|self-prediction|muzero)\//.exec(file)?.[1];
    const version = family === 'self-prediction' ? stem : stem.split('-')[0];
    const ofFamily = `${family}-${version}`;
    const ofSimple = stem === 'model-only' ? stem : 'simple';
    const ofCloning = stem.startsWith('filtered') ? 'filtered-cloning' : 'behaviour-cloning';
    const ofFolder =
      /^(ha-schmidhuber|deep-dyna|dreamer4)/.exec(file)?.[0] ??
      (file.startsWith('behaviour-cloning') ? ofCloning : file.startsWith('simple') ? ofSimple : undefined);
    const inRealTime = file.startsWith('real-time/') ? `real-time-${stem}` : undefined;
    const ofRealTime = inRealTime && (stem.startsWith('dreamer-v3') ? 'dreamer-v3' : 'dream-critic');
    const onBoard = file === 'dreamer4/breakout.yaml' ? 'dreamer4-breakout' : undefined;
    const arm = ofRealTime ?? ofGame ?? ofFolder ?? (family ? (searching[ofFamily] ?? ofFamily) : ofStem);
    assert.equal(methods[experiment.method].arm(experiment), arm, file);
    assert.equal(
      experiment.name,
      inRealTime ??
        onBoard ??
        (stem === 'quick' || ofGame || /^(planet|pets|mbpo|ppo|sac|dqn)$/.test(arm) ? stem : arm),
      file,
    );
    found.add(`${experiment.environment} ${experiment.method}`);
  }
  // Mazes are for tables of values.
  for (const environment of environmentNames.filter((name) => !environmentEntry(name).states)) {
    const isGame = environment.startsWith('MinAtar/');
    for (const name of isGame ? (['ppo'] as const) : (['vae-lstm', 'dreamer', 'ppo'] as const)) {
      const taken = refusal(methods[name].takes, environmentEntry(environment)) === undefined;
      assert.equal(found.has(`${environment} ${name}`), taken, `${environment} ${name}`);
    }
  }
});

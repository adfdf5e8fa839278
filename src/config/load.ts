import { Scalar } from 'yaml';
import { z } from 'zod';
import { DRAWN_MAZE, environmentEntry, environmentNames, pixelsRefusal } from '../envs/index.ts';
import { isImage } from '../envs/spaces.ts';
import { UserError } from '../errors.ts';
import { methods } from '../methods/index.ts';
import type { Rule } from '../methods/rules.ts';
import { refusal } from '../methods/takes.ts';
import { alternatives } from '../words.ts';
import { inline, schemaRoot } from './describe.ts';
import { dotted, valueAt } from './key-path.ts';
import { meantMethod, methodNamed } from './method-name.ts';
import { applyPresets, type PresetShelf, refusePresetKey } from './presets.ts';
import { misnamedMethod, type Problem, problemsOf, shown } from './problems.ts';
import { type Experiment, experimentSchema, methodNames, resolveName, withCurrentMethod } from './schema.ts';
import { expandSeeds } from './seeds.ts';
import { ConfigSource } from './source.ts';

/** A config as the user gives it. */
export interface ConfigInput {
  /** The file's name as messages show it, e.g. `configs/dream.yaml`. */
  file: string;
  /** The file's content. */
  text: string;
  /** The values of `--set`, each `dotted.key=value` with the value in YAML; they win over the file. */
  overrides?: readonly string[] | undefined;
  /** The options that have a name of their own; they win over `--set`. `seeds` is a list such as `0-4,10`. */
  flags?: { [flag in 'seeds' | 'steps' | 'name' | 'engine']?: string | undefined } | undefined;
  /** The values of `--preset`; they win over the file, and `--set` over them. */
  presets?: readonly string[] | undefined;
  /** Where presets are found; without it a config may name none. */
  presetShelf?: PresetShelf | undefined;
  /** Reads a config that a sweep names for a cell; without it a sweep may name none. @throws UserError where there is none */
  readConfig?: ((name: string) => { file: string; text: string }) | undefined;
  /** WM_ENGINE: the engine where neither the file nor the command says one. */
  defaultEngine?: string | undefined;
}

/**
 * Reads a config: the presets that it names, the file, then what the command gives: presets, overrides and flags; checked
 * against the schema and its rules.
 *
 * @throws UserError naming the first mistake by position, e.g.
 *   `configs/dream.yaml:6:9: lambda: expected a number >= 0, got "high"`
 */
export function loadExperiment(input: ConfigInput): Experiment {
  const source = readSource(input);
  if (source.has(['sweep'])) {
    throw new UserError(
      `${source.keyPlace(['sweep']).text}: sweep: this config is of several runs, train them with wm sweep`,
    );
  }
  return validate(source);
}

/**
 * The file with its presets under it and the command's presets, overrides and flags over it, not yet checked.
 *
 * @throws UserError if they are not YAML, or if there is no such preset
 */
export function readSource({
  file,
  text,
  overrides = [],
  flags = {},
  presets = [],
  presetShelf,
  defaultEngine,
}: ConfigInput): ConfigSource {
  const source = ConfigSource.parse(file, text);
  applyPresets(source, presetShelf, presets);
  for (const override of overrides) {
    const [, key, value] = /^([^=]+)=(.*)$/s.exec(override) ?? [];
    if (key === undefined || value === undefined) {
      throw new UserError(`--set ${override}: expected key=value, such as --set lambda=0.5`);
    }
    source.override(`--set ${override}`, key.trim().split('.'), value);
  }
  refusePresetKey(source);
  if (flags.seeds !== undefined) source.override('--seeds', ['seeds'], expandSeeds(flags.seeds));
  if (flags.steps !== undefined) source.override('--steps', ['steps'], flags.steps);
  if (flags.name !== undefined) source.override('--name', ['name'], new Scalar(flags.name));
  if (flags.engine !== undefined) source.override('--engine', ['engine'], new Scalar(flags.engine));
  if (defaultEngine !== undefined && !source.has(['engine'])) {
    source.override('WM_ENGINE', ['engine'], new Scalar(defaultEngine));
  }
  resolveArm(source);
  return source;
}

/** An arm's name in place of the method is that method, with the switches that make the arm wherever nothing sets them. */
function resolveArm(source: ConfigSource): void {
  const arm = valueAt(source.values(), ['method']);
  if (typeof arm !== 'string') return;
  const method = methodNamed(arm);
  if (method === undefined || arm === method) return;
  for (const [key, value] of Object.entries(methods[method].arms[arm]!)) {
    const path = key.split('.');
    if (!source.has(path)) source.derive(path, new Scalar(value), ['method']);
  }
  source.derive(['method'], new Scalar(method), ['method']);
}

const methodChoice = z.object({ method: z.enum(methodNames) });

/** The experiment that a source says. @throws UserError naming the first mistake by position. */
export function validate(source: ConfigSource): Experiment {
  const values = withCurrentMethod(source.values());
  // The method comes first: it says which keys there are.
  const chosen = methodChoice.safeParse(values);
  if (!chosen.success) {
    const known = `expected ${alternatives(methodNames)}`;
    const method = valueAt(values, ['method']);
    const problem = (says: string): Problem => ({ kind: 'value', path: ['method'], says });
    fail(source, [
      method === undefined
        ? (misnamedMethod(values) ?? problem(`missing, ${known}`))
        : problem(`${known}, got ${shown(method)}${meantMethod(method)}`),
    ]);
  }
  const { method } = chosen.data;
  const parsed = experimentSchema(method).safeParse(values);
  if (!parsed.success) {
    const help = `see wm train --help-config ${method}`;
    fail(source, problemsOf(parsed.error, values, schemaRoot(method), help));
  }
  const experiment = resolveName(parsed.data);
  requireEnvironment(source, experiment);
  requireVector(source, experiment);
  requireData(source, experiment);
  requireRealTime(source, experiment);
  requireCritic(source, experiment);
  requireRules(source, methods[method].rules, experiment);
  return experiment;
}

/** @throws UserError where the environment is not whole, or the method cannot act in it. */
function requireEnvironment(source: ConfigSource, experiment: Experiment): void {
  const { method, environment, maze, pixels } = experiment;
  const refuse = (path: string[], says: string) => fail(source, [{ kind: 'value', path, says }]);
  if ((environment === DRAWN_MAZE) !== (maze !== undefined)) {
    const path = [maze === undefined ? 'environment' : 'maze'];
    refuse(path, `the key maze draws the environment ${DRAWN_MAZE}: give both or neither`);
  }
  const plain = environmentEntry(environment, { maze });
  const unseen = pixels && pixelsRefusal(plain);
  if (unseen !== undefined) {
    refuse(
      ['pixels'],
      `pixels are of an environment's drawing, and ${environment} ${unseen}; leave them out or choose another environment`,
    );
  }
  const { takes } = methods[method];
  const path = source.has(['environment']) ? ['environment'] : ['method'];
  const why = refusal(takes, plain);
  if (why !== undefined) {
    refuse(
      path,
      `method ${method} ${why}, which ${environment} asks for; choose another environment or method`,
    );
  }
  const entry = environmentEntry(environment, { maze, pixels });
  const noPixels = refusal(takes, entry);
  if (noPixels !== undefined) {
    refuse(['pixels'], `method ${method} ${noPixels}; leave pixels out or choose another method`);
  }
  // Each environment counts its own steps to a change; evaluations stand at the steps of all.
  if (entry.standing && 'environments' in experiment && experiment.environments > 1) {
    refuse(
      path,
      `${environment} changes with its steps, and ${method} takes those in ${experiment.environments} at once; set environments: 1`,
    );
  }
}

/** @throws UserError where a data set is given to a method that plays for itself, or none to one that learns from nothing else. */
function requireData(source: ConfigSource, { method, data, environment, maze }: Experiment): void {
  const { learnsOffline } = methods[method];
  const refuse = (path: string[], says: string) => fail(source, [{ kind: 'rule', path, says }]);
  if (data !== undefined && !learnsOffline) {
    const offline = methodNames.filter((name) => methods[name].learnsOffline);
    refuse(
      ['data'],
      `data: method ${method} learns from what it plays itself and takes no data set; leave data out, or choose method ${alternatives(offline)}`,
    );
  }
  if (!learnsOffline) return;
  if (data === undefined) {
    refuse(
      ['method'],
      `method ${method} learns from a data set alone; name its folder in the key data, such as data: data/cartpole (wm collect makes one)`,
    );
  }
  if (environmentEntry(environment, { maze }).standing) {
    refuse(
      source.has(['environment']) ? ['environment'] : ['method'],
      `method ${method} learns from a data set, and ${environment} changes with the steps taken in it; choose another environment or method`,
    );
  }
}

/** @throws UserError where real time is asked of a method that cannot, of an environment that changes, or its own of one that has none. */
function requireRealTime(source: ConfigSource, { method, environment, maze, realTime }: Experiment): void {
  if (!realTime) return;
  const refuse = (says: string) => fail(source, [{ kind: 'rule', path: ['realTime'], says }]);
  if (!methods[method].learnsBeside) {
    const able = methodNames.filter((name) => methods[name].learnsBeside);
    refuse(
      `realTime: method ${method} does not learn from replay alone, so that nothing can act beside it; leave realTime out, or choose method ${alternatives(able)}`,
    );
  }
  if (environmentEntry(environment, { maze }).standing) {
    refuse(
      `realTime: ${environment} changes with its steps, which an actor that goes on in the middle of a run does not know; leave realTime out or choose another environment`,
    );
  }
  if (realTime.rate === 'own' && environmentEntry(environment).stepSeconds === undefined) {
    const clocked = environmentNames.filter((name) => environmentEntry(name).stepSeconds !== undefined);
    refuse(
      `realTime: the steps of ${environment} have no duration; give a rate, such as realTime: {rate: 20}, or choose environment ${alternatives(clocked)}`,
    );
  }
}

/** @throws UserError where gradients are to be measured of a method of which they are not, or of an arm without a critic that could shape its model. */
function requireCritic(source: ConfigSource, experiment: Experiment): void {
  const { method, gradients } = experiment;
  if (!gradients) return;
  const refuse = (says: string) =>
    fail(source, [{ kind: 'rule', path: ['gradients'], says: `gradients: ${says}, or leave gradients out` }]);
  if (!methods[method].measuresGradients) {
    const able = methodNames.filter((name) => methods[name].measuresGradients);
    refuse(`they are not measured of method ${method}; choose method ${alternatives(able)}`);
  }
  const why = methods[method].gradientRefusal(experiment);
  if (why !== undefined) refuse(why);
}

/** @throws UserError where distractors, which are elements of a vector, are asked of images or of a table of states. */
function requireVector(source: ConfigSource, { environment, distractors, pixels }: Experiment): void {
  if (distractors === 0) return;
  const { make, states } = environmentEntry(environment);
  const shown = isImage(make().observationSpace) ? 'shows images' : states && 'is a table of states';
  if (!shown && !pixels) return;
  const says = shown
    ? `distractors are appended to vectors, and ${environment} ${shown}; leave them out or choose another environment`
    : 'distractors are appended to vectors, and pixels show images; leave one of them out';
  fail(source, [{ kind: 'value', path: ['distractors'], says }]);
}

/** @throws UserError naming the first rule that the resolved config breaks. */
export function requireRules<Config>(
  source: ConfigSource,
  rules: readonly Rule<Config>[],
  config: Config,
): void {
  const broken = rules.filter((rule) => !rule.holds(config));
  if (broken.length === 0) return;
  fail(
    source,
    broken.map(({ keys, says }): Problem => {
      const paths = keys.map((key) => key.split('.'));
      const given = paths.map((path) => `${dotted(path)} is ${valueText(valueAt(config, path))}`).join(', ');
      const path = paths.find((candidate) => source.has(candidate)) ?? [];
      const sentence = typeof says === 'string' ? says : says(config);
      return { kind: 'rule', path, says: `${sentence} (${given})` };
    }),
  );
}

/** A value, a group of keys as YAML has it. */
const valueText = (value: unknown) =>
  typeof value === 'object' && !Array.isArray(value) ? inline(value) : String(value);

/** Reports the problem that stands first. */
export function fail(source: ConfigSource, problems: readonly Problem[]): never {
  const placed = problems.map((problem) => ({
    ...problem,
    place: problem.kind === 'key' ? source.keyPlace(problem.path) : source.place(problem.path),
  }));
  const { kind, path, says, place } = placed.reduce((a, b) => (b.place.order < a.place.order ? b : a));
  const key = dotted(path);
  // A rule names its keys itself, and `--steps: steps: …` would say the key twice.
  const named = kind === 'rule' || place.text === `--${key}` || place.text === 'WM_ENGINE';
  throw new UserError(`${place.text}: ${named ? '' : `${key}: `}${says}`);
}

import path from 'node:path';
import { differingKeys, settingKeys } from '../config/format.ts';
import { valueAt } from '../config/key-path.ts';
import { meantKey, shown } from '../config/problems.ts';
import { UserError } from '../errors.ts';
import type { Run } from '../runs/read.ts';
import { alternatives, enumeration } from '../words.ts';
import { TASK } from './conditions.ts';
import { UNKNOWN } from './numbers.ts';
import { armTitle } from './samples.ts';

/** Two runs that differ in one key. */
export interface Switched {
  /** Arm and task; the values of the key, where it has more than two. */
  label: string;
  /** The same without what all pairs have in common. */
  short: string;
  one: Run;
  other: Run;
  /** Of the key, as text: of the one and of the other. */
  values: [string, string];
}

/** @throws UserError where no run has such a key, or it holds others */
export function requireKey(runs: readonly Run[], key: string): void {
  const names = [...new Set(runs.flatMap(({ experiment }) => settingKeys(experiment)))];
  if (runs.length === 0 || names.includes(key)) return;
  const within = names.filter((name) => name.startsWith(`${key}.`));
  const near = meantKey(key, names);
  const around = names.find((name) => key.startsWith(`${name}.`));
  const help =
    within.length > 0
      ? `it holds other keys; give one of them, ${alternatives(within)}`
      : around !== undefined
        ? `${around} is compared as a whole; give --effect ${around}`
        : near === undefined
          ? 'none of the runs has such a key; those of a run stand in its config.yaml'
          : `none of the runs has such a key; did you mean ${near}?`;
  throw new UserError(`--effect ${key}: ${help}`);
}

/** Runs that differ in one key, as `switchedRuns` finds them. */
interface SwitchedRuns {
  pairs: Switched[];
  /** Of the key, the same for all. */
  values: string[];
  /** Arm and task, where pairs are short of it; else nothing. */
  common: string;
  /** Those that no other run differs from in the key alone. */
  single: Run[];
}

/**
 * Every two runs that differ in a key alone, or in keys beside it as well that one of the two has not.
 *
 * @throws UserError where runs differ in nothing, two in more than a third one does, or not all in the same values
 */
export function switchedRuns(runs: readonly Run[], key: string): SwitchedRuns {
  const alike: Run[][] = [];
  for (const run of runs) {
    const fits = (other: Run) => sameBut(other, run, key);
    const [group, another] = alike.filter((others) => others.some(fits));
    if (another) refuseUnlike(group!.find(fits)!, another.find(fits)!, run, key);
    const stranger = group?.find((other) => !fits(other));
    if (stranger) refuseUnlike(run, stranger, group!.find(fits)!, key);
    if (group) group.push(run);
    else alike.push([run]);
  }
  const several = alike.filter(({ length }) => length > 1);
  // In every group the same value stands first, whatever the order of the folders within it.
  const places = ['true', ...several.flat().map((run) => settingOf(run, key))];
  const place = (run: Run) => places.indexOf(settingOf(run, key));
  const groups = byArm(several.map((group) => [...group].sort((a, b) => place(a) - place(b))));
  for (const group of groups) refuseTwins(group, key);
  const values = valuesOf(groups, key);
  const labels = labelsOf(groups);
  const common = values.length > 2 && groups.length === 1 ? labels[0]! : '';
  const pairs = groups.flatMap((group, index) => pairsOf(group, labels[index]!, common !== '', key));
  return { pairs, values, common, single: alike.filter(({ length }) => length < 2).flat() };
}

/**
 * Refuses two runs that each differ from a third one in the key alone, and from each other in more: keys beside it, which
 * are forgiven where one of two runs has not got them.
 */
function refuseUnlike(one: Run, other: Run, third: Run, key: string): never {
  throw new UserError(
    `${one.dir} and ${other.dir} differ in ${enumeration(meantDifferences(one, other, key))}, and each from ${third.dir} in ${key} alone; give them apart`,
  );
}

/** The groups of one arm together, so that its tasks stand below each other. */
function byArm(groups: readonly Run[][]): Run[][] {
  const arms = groups.map(([first]) => armTitle(first!.info.arm));
  const place = ([first]: Run[]) => arms.indexOf(armTitle(first!.info.arm));
  return [...groups].sort((a, b) => place(a) - place(b));
}

/** Arm and task of each group; of those that are called alike, with the folder's name of the first run. */
function labelsOf(groups: readonly Run[][]): string[] {
  const labels = groups.map(([first]) => `${armTitle(first!.info.arm)}, ${TASK.of(first!.experiment)}`);
  return labels.map((label, index) =>
    labels.indexOf(label) === labels.lastIndexOf(label)
      ? label
      : `${label} (${path.basename(groups[index]![0]!.dir)})`,
  );
}

/** Every two runs of a group, those of more than two by their values, too. */
function pairsOf(group: readonly Run[], label: string, isShort: boolean, key: string): Switched[] {
  return group.flatMap((one, index) =>
    group.slice(index + 1).map((other): Switched => {
      const values: Switched['values'] = [settingOf(one, key), settingOf(other, key)];
      const own = values.join(' against ');
      const whole = group.length > 2 ? `${label}, ${own}` : label;
      return { label: whole, short: isShort ? own : whole, one, other, values };
    }),
  );
}

/** Refuses runs that do not differ in the key either. */
function refuseTwins(group: readonly Run[], key: string): void {
  const values = group.map((run) => settingOf(run, key));
  const twice = values.find((value, index) => values.indexOf(value) < index);
  if (twice === undefined) return;
  const twins = group.filter((_, index) => values[index] === twice).map(({ dir }) => dir);
  throw new UserError(
    `${enumeration(twins)} have the value ${twice} of ${key} and differ in nothing else; give one of them`,
  );
}

/** The values of the key, the same in every group; none without a group. */
function valuesOf(groups: readonly Run[][], key: string): string[] {
  const [first, ...rest] = groups.map((group) => ({
    dirs: enumeration(group.map(({ dir }) => dir)),
    values: group.map((run) => settingOf(run, key)),
  }));
  const unlike = rest.find(({ values }) => values.join() !== first!.values.join());
  if (unlike) {
    throw new UserError(
      `${first!.dirs} have the values ${first!.values.join(', ')} of ${key}, and ${unlike.dirs} ${unlike.values.join(', ')}; an effect is of the same values everywhere, give others apart`,
    );
  }
  return first?.values ?? [];
}

/** The value of the key as text, as it stands in YAML; of an absent one a dash. */
function settingOf({ experiment }: Run, key: string): string {
  const value = valueAt(experiment, key.split('.')) ?? UNKNOWN;
  return typeof value === 'string' ? value : shown(value);
}

/** Keys that change nothing of what is learnt. */
const WITHOUT_EFFECT = ['name', 'engine', 'film', 'logEvery', 'evaluation.online', 'gradients.every'];

/** Whether two runs differ in the key alone. */
const sameBut = (a: Run, b: Run, key: string): boolean =>
  a.experiment.method === b.experiment.method && meantDifferences(a, b, key).length === 0;

/** What two runs differ in but for the key and keys beside it that one of them has not: such belong to its value. */
function meantDifferences({ experiment: a }: Run, { experiment: b }: Run, key: string): string[] {
  const beside = key.slice(0, key.lastIndexOf('.') + 1);
  const without = (name: string) => [a, b].some((each) => valueAt(each, name.split('.')) === undefined);
  return differingKeys(a, b).filter((name) => {
    const belongs = beside !== '' && name.startsWith(beside) && without(name);
    return !belongs && name !== key && !WITHOUT_EFFECT.includes(name);
  });
}

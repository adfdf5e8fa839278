import { methodNames } from '../config/schema.ts';
import { environmentEntry, environmentNames } from '../envs/index.ts';
import type { Space } from '../envs/spaces.ts';
import { UserError } from '../errors.ts';
import { methods } from '../methods/index.ts';
import { alternatives } from '../words.ts';
import { alignColumns } from './align.ts';

interface ListOptions {
  json?: boolean;
}

/**
 * `wm environments`: each with its spaces, rewards and what counts as solved; with `--show`, the map of one. Returns the
 * exit code.
 */
export function environmentsCommand({ json, show }: ListOptions & { show?: string }): number {
  if (show !== undefined) return showMap(show);
  const environments = environmentNames.map((name) => {
    const { make, observationNames, rewardRange, threshold } = environmentEntry(name);
    const { observationSpace, actionSpace } = make();
    return {
      name,
      observations: observationSpace.shape,
      observationNames,
      actionSpace,
      rewardRange,
      threshold,
    };
  });
  if (json) {
    // JSON has no infinite bounds; the sizes are what is asked for.
    return print(
      environments.map(({ actionSpace, ...entry }) => ({
        ...entry,
        actions:
          actionSpace.kind === 'discrete'
            ? { kind: actionSpace.kind, n: actionSpace.n }
            : { kind: actionSpace.kind, shape: actionSpace.shape },
      })),
    );
  }
  const lines = environments.map(({ name, observations, actionSpace, rewardRange, threshold }) => [
    name,
    observations.join(' × '),
    actionWords(actionSpace),
    [...new Set(rewardRange)].map((reward) => `${Number(reward.toPrecision(3))}`).join(' to '),
    `${threshold.reward} (${threshold.source})`,
  ]);
  process.stdout.write(
    alignColumns([['environment', 'observation', 'actions', 'reward per step', 'solved from'], ...lines]),
  );
  return 0;
}

function showMap(name: string): number {
  const { map } = environmentEntry(name);
  if (map === undefined) {
    const drawn = environmentNames.filter((each) => environmentEntry(each).map !== undefined);
    throw new UserError(`--show: ${name} has no map, use ${alternatives(drawn)}`);
  }
  process.stdout.write(map);
  return 0;
}

/** `wm methods`: each with its arms; as JSON with its own config keys too. Returns the exit code. */
export function methodsCommand({ json }: ListOptions): number {
  const listed = methodNames.map((name) => {
    const { title, arms, settings } = methods[name];
    return { name, title, arms: Object.keys(arms), keys: Object.keys(settings.shape) };
  });
  if (json) return print(listed);
  const lines = listed.map(({ name, title, arms }) => [name, title, arms.join(', ') || '-']);
  process.stdout.write(alignColumns([['method', 'about', 'arms, which a config may name too'], ...lines]));
  return 0;
}

function print(value: object): number {
  process.stdout.write(`${JSON.stringify(value)}\n`);
  return 0;
}

function actionWords(space: Space): string {
  return space.kind === 'discrete' ? `${space.n} choices` : `${space.shape.join(' × ')} continuous`;
}

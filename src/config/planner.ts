import { Scalar } from 'yaml';
import { z } from 'zod';
import { UserError } from '../errors.ts';
import type { PlannerName } from '../planning/names.ts';
import { type PlannerSettings, plannerRules, plannerSettings } from '../planning/settings.ts';
import { enumeration } from '../words.ts';
import { leafKeys, schemaOf } from './describe.ts';
import type { FormKey } from './forms.ts';
import { fail, readSource, requireRules } from './load.ts';
import { problemsOf } from './problems.ts';

const schema = z.strictObject({ planner: plannerSettings });

/** A planner as the command asks for it. */
export interface RequestedPlanner {
  settings: PlannerSettings;
  /** Where the command says a dotted key: `--set planner.horizon=3`, or `--planner cem` for what it leaves open. */
  place(key: string): string;
}

/**
 * A planner and how it is to search.
 *
 * @param overrides of its settings, each `planner.key=value`
 * @throws UserError naming the first mistake, e.g. `--set planner.elites=0: planner.elites: expected an integer from 1 to 100000, got 0`
 */
export function loadPlanner(name: PlannerName, overrides: readonly string[]): RequestedPlanner {
  const source = readSource({ file: '--planner', text: '{}', overrides });
  const nameKey = ['planner', 'name'];
  if (source.has(nameKey)) {
    throw new UserError(`${source.place(nameKey).text}: --planner says which planner it is; leave this out`);
  }
  const command = `--planner ${name}`;
  source.override(command, nameKey, new Scalar(name));
  const values = source.values();
  const parsed = schema.safeParse(values);
  if (!parsed.success) {
    const root = schemaOf(schema);
    const own = leafKeys(root).filter(({ path, node }) => path[1] !== 'name' && isOf(node, name));
    const keys = enumeration(own.map(({ path }) => path.join('.')));
    fail(source, problemsOf(parsed.error, values, root, `the planner has ${keys}`));
  }
  requireRules(source, plannerRules, parsed.data);
  return {
    settings: parsed.data.planner,
    place: (key) => {
      const path = key.split('.');
      return source.has(path) ? source.place(path).text : command;
    },
  };
}

const isOf = (node: FormKey, name: PlannerName) => !node.of || node.of.includes(name);

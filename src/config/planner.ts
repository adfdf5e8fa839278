import { z } from 'zod';
import type { PlannerName } from '../planning/names.ts';
import { type Planner, plannerRules, plannerSettings } from '../planning/settings.ts';
import { enumeration } from '../words.ts';
import { leafKeys } from './describe.ts';
import { fail, readSource, requireRules } from './load.ts';
import { problemsOf } from './problems.ts';

const schema = z.strictObject({ planner: plannerSettings.prefault({}) });

/**
 * A planner and how it is to search.
 *
 * @param overrides of its settings, each `planner.key=value`
 * @throws UserError naming the first mistake, e.g. `--set planner.elites=0: planner.elites: expected an integer from 1 to 100000, got 0`
 */
export function loadPlanner(name: PlannerName, overrides: readonly string[]): Planner {
  const source = readSource({ file: '--planner', text: '{}', overrides });
  const values = source.values();
  const parsed = schema.safeParse(values);
  if (!parsed.success) {
    const root = z.toJSONSchema(schema, { io: 'input' });
    const keys = enumeration(leafKeys(root).map(({ path }) => path.join('.')));
    fail(source, problemsOf(parsed.error, values, root, `the planner has ${keys}`));
  }
  requireRules(source, plannerRules, parsed.data);
  return { name, settings: parsed.data.planner };
}

import { configJsonSchema, sweepJsonSchema } from '../config/json-schema.ts';

/** `wm schema`: the JSON schema of config files, or of sweeps. Returns the exit code. */
export function schemaCommand({ sweep = false }: { sweep?: boolean }): number {
  const schema = sweep ? sweepJsonSchema() : configJsonSchema();
  process.stdout.write(`${JSON.stringify(schema, null, 2)}\n`);
  return 0;
}

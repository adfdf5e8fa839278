import type { Engine } from '../../src/engine/description.ts';
import { chooseEngine } from '../../src/engine/engine.ts';
import type { EngineName } from '../../src/engine/names.ts';
import { UserError } from '../../src/errors.ts';

/** The engine, or in one sentence why there is none here. */
export function engineHere(name: EngineName): Promise<Engine | string> {
  return chooseEngine(name).then(
    ({ engine }) => engine,
    (error: unknown) => {
      if (error instanceof UserError) return error.message;
      throw error;
    },
  );
}

/** The engines on the processor that this project brings along: native where it is built, which native.test.ts says. */
export const processorEngines: EngineName[] = [
  'cpu',
  'wasm',
  ...(typeof (await engineHere('native')) === 'string' ? [] : (['native'] as const)),
];
